//! The hot lane: the commands that benchmarks and frameworks send millions of times, one module a family.
//! A command stands here because a measurement put it here (docs/ARCHITECTURE.md); all others are Python.

mod connection;
mod expiry;
mod hashes;
mod ids;
mod keys;
mod lists;
mod numbers;
mod pubsub;
mod set;
mod sets;
mod stream_reads;
mod streams;
mod strings;
mod zsets;

use dozo_store::Str;

pub use zsets::{lex_bound, score_bound, store as store_sorted_set};

use crate::cx::{Cx, WRONG_TYPE};
use crate::table::HotFn;

/// Lower-case names and their implementations, a family a slice; declared in python/dozo/commands with `hot(...)`.
const FAMILIES: &[&[(&str, HotFn)]] = &[
    connection::HOT,
    expiry::HOT,
    hashes::HOT,
    ids::HOT,
    keys::HOT,
    lists::HOT,
    numbers::HOT,
    pubsub::HOT,
    set::HOT,
    streams::HOT,
    sets::HOT,
    strings::HOT,
    crate::transactions::HOT,
    zsets::HOT,
    crate::scripting::HOT,
    &[("dozo.item", crate::memcached::item)],
];

/// Every command of the hot lane: lower-case name and implementation.
pub fn all() -> impl Iterator<Item = (&'static str, HotFn)> {
    FAMILIES.iter().copied().flatten().copied()
}

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
