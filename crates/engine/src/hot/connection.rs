//! PING, ECHO, SELECT.

use super::{parse_int, wrong_arity};
use crate::cx::Cx;
use crate::table::HotFn;

/// The commands of this file.
pub(super) const HOT: &[(&str, HotFn)] = &[("echo", echo), ("ping", ping), ("select", select)];

pub(super) fn ping(cx: &mut Cx<'_>, args: &[&[u8]]) {
    match args {
        [_] => cx.reply().simple("PONG"),
        [_, message] => cx.reply().bulk(message),
        _ => wrong_arity(cx, "ping"),
    }
}

pub(super) fn echo(cx: &mut Cx<'_>, args: &[&[u8]]) {
    cx.reply().bulk(args[1]);
}

pub(super) fn select(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let Some(index) = parse_int(args[1]) else {
        return cx.error("ERR value is not an integer or out of range");
    };
    match usize::try_from(index) {
        Ok(db) if db < cx.engine.ks.databases() => {
            cx.session.select(db);
            cx.reply().ok();
        }
        _ => cx.error("ERR DB index is out of range"),
    }
}
