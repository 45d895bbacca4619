//! The hot lane: the commands that benchmarks and frameworks send millions of times, one module a family.
//! A command stands here because a measurement put it here (docs/ARCHITECTURE.md); all others are Python.

mod connection;
mod expiry;
mod keys;
mod numbers;
mod set;
mod strings;

use dozo_store::Str;

use crate::cx::{Cx, WRONG_TYPE};
use crate::table::HotFn;

/// Lower-case name -> implementation; declared in python/dozo/commands with `hot(...)`.
pub const HOT: &[(&str, HotFn)] = &[
    ("append", strings::append),
    ("decr", numbers::decr),
    ("decrby", numbers::decrby),
    ("del", keys::del),
    ("dozo.item", crate::memcached::item),
    ("echo", connection::echo),
    ("exists", keys::exists),
    ("expire", expiry::expire),
    ("expireat", expiry::expireat),
    ("get", strings::get),
    ("getdel", strings::getdel),
    ("getex", strings::getex),
    ("getset", strings::getset),
    ("incr", numbers::incr),
    ("incrby", numbers::incrby),
    ("mget", strings::mget),
    ("mset", strings::mset),
    ("msetnx", strings::msetnx),
    ("pexpire", expiry::pexpire),
    ("pexpireat", expiry::pexpireat),
    ("ping", connection::ping),
    ("psetex", set::psetex),
    ("pttl", expiry::pttl),
    ("select", connection::select),
    ("set", set::set),
    ("setex", set::setex),
    ("setnx", set::setnx),
    ("strlen", strings::strlen),
    ("ttl", expiry::ttl),
    ("unlink", keys::del),
];

pub(crate) const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
pub(crate) const SYNTAX: &str = "ERR syntax error";

/// Redis's strict integer: optional minus, no leading zeros, no spaces, within i64.
#[inline]
pub(crate) fn parse_int(text: &[u8]) -> Option<i64> {
    Str::Inline(text).to_i64()
}

/// Answers WRONGTYPE.
pub(crate) fn wrong_type(cx: &mut Cx<'_>) {
    cx.error(WRONG_TYPE);
}

/// Answers "wrong number of arguments" for checks that arity can't express.
pub(crate) fn wrong_arity(cx: &mut Cx<'_>, name: &str) {
    cx.error(&format!("ERR wrong number of arguments for '{name}' command"));
}
