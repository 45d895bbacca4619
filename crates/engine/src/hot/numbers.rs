//! INCR, DECR, INCRBY, DECRBY.

use super::{NOT_INTEGER, parse_int, wrong_type};
use crate::cx::Cx;
use crate::events::Class;
use crate::table::HotFn;

/// The commands of this file.
pub(super) const HOT: &[(&str, HotFn)] =
    &[("decr", decr), ("decrby", decrby), ("incr", incr), ("incrby", incrby)];

pub(super) fn incr(cx: &mut Cx<'_>, args: &[&[u8]]) {
    add(cx, args[1], 1);
}

pub(super) fn decr(cx: &mut Cx<'_>, args: &[&[u8]]) {
    add(cx, args[1], -1);
}

pub(super) fn incrby(cx: &mut Cx<'_>, args: &[&[u8]]) {
    match parse_int(args[2]) {
        Some(delta) => add(cx, args[1], delta),
        None => cx.error(NOT_INTEGER),
    }
}

pub(super) fn decrby(cx: &mut Cx<'_>, args: &[&[u8]]) {
    match parse_int(args[2]).map(i64::checked_neg) {
        Some(Some(delta)) => add(cx, args[1], delta),
        Some(None) => cx.error("ERR decrement would overflow"),
        None => cx.error(NOT_INTEGER),
    }
}

fn add(cx: &mut Cx<'_>, key: &[u8], delta: i64) {
    let current = match cx.write(key) {
        None => 0,
        Some(item) => match item.string() {
            None => return wrong_type(cx),
            Some(text) => match text.to_i64() {
                Some(n) => n,
                None => return cx.error(NOT_INTEGER),
            },
        },
    };
    let Some(sum) = current.checked_add(delta) else {
        return cx.error("ERR increment or decrement would overflow");
    };
    cx.engine.ks.set_int(cx.session.db, key, sum);
    cx.notify(Class::String, "incrby", key);
    cx.reply().int(sum);
}
