//! SUBSCRIBE, UNSUBSCRIBE, their pattern and shard forms, PUBLISH and SPUBLISH.

use crate::cx::Cx;
use crate::pubsub::Kind;
use crate::table::HotFn;

/// The commands of this file.
pub(super) const HOT: &[(&str, HotFn)] = &[
    ("psubscribe", psubscribe),
    ("publish", publish),
    ("punsubscribe", punsubscribe),
    ("spublish", spublish),
    ("ssubscribe", ssubscribe),
    ("subscribe", subscribe),
    ("sunsubscribe", sunsubscribe),
    ("unsubscribe", unsubscribe),
];

fn subscribe(cx: &mut Cx<'_>, args: &[&[u8]]) {
    begin(cx, args, Kind::Channel, "subscribe");
}

fn psubscribe(cx: &mut Cx<'_>, args: &[&[u8]]) {
    begin(cx, args, Kind::Pattern, "psubscribe");
}

fn ssubscribe(cx: &mut Cx<'_>, args: &[&[u8]]) {
    begin(cx, args, Kind::Shard, "ssubscribe");
}

fn unsubscribe(cx: &mut Cx<'_>, args: &[&[u8]]) {
    end(cx, args, Kind::Channel, "unsubscribe");
}

fn punsubscribe(cx: &mut Cx<'_>, args: &[&[u8]]) {
    end(cx, args, Kind::Pattern, "punsubscribe");
}

fn sunsubscribe(cx: &mut Cx<'_>, args: &[&[u8]]) {
    end(cx, args, Kind::Shard, "sunsubscribe");
}

fn publish(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let receivers = cx.engine.publish(args[1], args[2]);
    cx.reply().int(receivers);
}

fn spublish(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let receivers = cx.engine.publish_sharded(args[1], args[2]);
    cx.reply().int(receivers);
}

fn begin(cx: &mut Cx<'_>, args: &[&[u8]], kind: Kind, word: &str) {
    if cx.session.id == 0 {
        // It has no connection over which a message could come.
        let name = word.to_ascii_uppercase();
        return cx.error(&format!("ERR {name} isn't allowed for a DENY BLOCKING client"));
    }
    for name in &args[1..] {
        cx.subscribe(kind, name);
        cx.confirm(word, kind, Some(name));
    }
}

fn end(cx: &mut Cx<'_>, args: &[&[u8]], kind: Kind, word: &str) {
    for name in &args[1..] {
        cx.unsubscribe(kind, name);
        cx.confirm(word, kind, Some(name));
    }
    if args.len() > 1 {
        return;
    }
    let names = cx.subscriptions(kind);
    for name in &names {
        cx.unsubscribe(kind, name);
        cx.confirm(word, kind, Some(name));
    }
    if names.is_empty() {
        cx.confirm(word, kind, None);
    }
}
