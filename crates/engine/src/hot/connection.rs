//! PING, ECHO, SELECT.

use dozo_wire::resp::Proto;

use super::{parse_int, wrong_arity};
use crate::cx::Cx;
use crate::table::HotFn;

/// The commands of this file.
pub(super) const HOT: &[(&str, HotFn)] = &[("echo", echo), ("ping", ping), ("select", select)];

pub(super) fn ping(cx: &mut Cx<'_>, args: &[&[u8]]) {
    if cx.session.subscriptions.is_some() && cx.session.proto == Proto::Resp2 && args.len() <= 2 {
        // Among messages a reply has their form.
        let mut reply = cx.reply();
        reply.array(2);
        reply.bulk(b"pong");
        return reply.bulk(args.get(1).copied().unwrap_or_default());
    }
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
