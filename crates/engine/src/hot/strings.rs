//! GET and its relatives, MGET, MSET, MSETNX, APPEND, STRLEN.

use dozo_store::{Access, Put, Str};
use dozo_wire::resp::Reply;

use super::set::{deadline_of, put, set_effect, time_unit};
use super::{SYNTAX, wrong_arity, wrong_type};
use crate::cx::Cx;
use crate::events::Class;
use crate::table::HotFn;

/// The commands of this file.
pub(super) const HOT: &[(&str, HotFn)] = &[
    ("append", append),
    ("get", get),
    ("getdel", getdel),
    ("getex", getex),
    ("getset", getset),
    ("mget", mget),
    ("mset", mset),
    ("msetnx", msetnx),
    ("strlen", strlen),
];

/// Writes a string value as a bulk; a large one by reference.
#[inline]
pub(super) fn reply_string(reply: &mut Reply<'_>, value: &Str<'_>) {
    match value {
        Str::Inline(bytes) => reply.bulk(bytes),
        Str::Shared(shared) => reply.bulk_shared(shared),
        Str::Int(n) => reply.bulk_int(*n),
    }
}

/// Answers the string at `key`, or nil; `None` when an error was answered, else whether the key exists.
#[inline]
fn reply_value(cx: &mut Cx<'_>, key: &[u8], access: Access) -> Option<bool> {
    let Some(item) = cx.engine.ks.get(cx.session.db, key, access) else {
        cx.session.reply().null();
        return Some(false);
    };
    match item.string() {
        Some(value) => {
            reply_string(&mut cx.session.reply(), &value);
            Some(true)
        }
        None => {
            wrong_type(cx);
            None
        }
    }
}

pub(super) fn get(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let access = cx.read_access();
    reply_value(cx, args[1], access);
}

pub(super) fn getdel(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let key = args[1];
    if reply_value(cx, key, Access::Read) == Some(true) {
        cx.engine.ks.remove(cx.session.db, key);
        cx.effect(&[b"DEL", key]);
        cx.notify(Class::Generic, "del", key);
    }
}

pub(super) fn getset(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let (key, value) = (args[1], args[2]);
    if reply_value(cx, key, Access::Read).is_some() {
        put(cx, key, Put::plain(value));
        set_effect(cx, key, value, None, false);
    }
}

pub(super) fn getex(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let key = args[1];
    let time = match args[2..] {
        [] => return get(cx, args),
        [word] if word.eq_ignore_ascii_case(b"persist") => None,
        [word, amount] => match time_unit(&word.to_ascii_lowercase()) {
            Some(unit) => Some((unit, amount)),
            None => return cx.error(SYNTAX),
        },
        _ => return cx.error(SYNTAX),
    };
    // As in Redis a missing key is nil even when the time is wrong.
    let Some(item) = cx.write(key) else {
        return cx.reply().null();
    };
    if item.string().is_none() {
        return wrong_type(cx);
    }
    let deadline = match time {
        None => None,
        Some((unit, amount)) => match deadline_of(cx, unit, amount, "getex") {
            None => return,
            at => at,
        },
    };
    reply_value(cx, key, Access::Read);
    change_deadline(cx, key, deadline);
}

fn change_deadline(cx: &mut Cx<'_>, key: &[u8], deadline: Option<i64>) {
    let db = cx.session.db;
    match deadline {
        Some(at) if at <= cx.now() => {
            cx.engine.ks.remove(db, key);
            cx.effect(&[b"DEL", key]);
            cx.notify(Class::Generic, "del", key);
        }
        Some(at) => {
            cx.engine.ks.set_expire(db, key, Some(at));
            cx.effect(&[b"PEXPIREAT", key, itoa::Buffer::new().format(at).as_bytes()]);
            cx.notify(Class::Generic, "expire", key);
        }
        None => {
            let before = cx.engine.ks.dirty();
            cx.engine.ks.set_expire(db, key, None);
            if cx.engine.ks.dirty() != before {
                cx.effect(&[b"PERSIST", key]);
                cx.notify(Class::Generic, "persist", key);
            }
        }
    }
}

pub(super) fn mget(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let access = cx.read_access();
    cx.reply().array(args.len() - 1);
    for key in &args[1..] {
        let item = cx.engine.ks.get(cx.session.db, key, access);
        // A value of another type is nil here, not an error.
        match item.and_then(|item| item.string()) {
            Some(value) => reply_string(&mut cx.session.reply(), &value),
            None => cx.session.reply().null(),
        }
    }
}

fn put_pairs(cx: &mut Cx<'_>, pairs: &[&[u8]]) {
    for pair in pairs.chunks_exact(2) {
        put(cx, pair[0], Put::plain(pair[1]));
    }
}

pub(super) fn mset(cx: &mut Cx<'_>, args: &[&[u8]]) {
    if args.len().is_multiple_of(2) {
        return wrong_arity(cx, "mset");
    }
    put_pairs(cx, &args[1..]);
    cx.reply().ok();
}

pub(super) fn msetnx(cx: &mut Cx<'_>, args: &[&[u8]]) {
    if args.len().is_multiple_of(2) {
        return wrong_arity(cx, "msetnx");
    }
    if args[1..].iter().step_by(2).any(|key| cx.head(key, Access::Write).is_some()) {
        return cx.reply().int(0);
    }
    put_pairs(cx, &args[1..]);
    let mut effect: Vec<&[u8]> = args.to_vec();
    effect[0] = b"MSET";
    cx.effect(&effect);
    cx.reply().int(1);
}

pub(super) fn append(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let (key, data) = (args[1], args[2]);
    let current = match cx.write(key) {
        None => 0,
        Some(item) => match item.string() {
            Some(value) => value.len(),
            None => return wrong_type(cx),
        },
    };
    if current.saturating_add(data.len()) > cx.engine.settings.proto_max_bulk_len {
        return cx.error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    }
    let len = cx.engine.ks.append(cx.session.db, key, data);
    cx.notify(Class::String, "append", key);
    cx.reply().int(len as i64);
}

pub(super) fn strlen(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let access = cx.read_access();
    let len = match cx.head(args[1], access) {
        None => 0,
        Some(head) => match head.string_len() {
            Some(len) => len,
            None => return wrong_type(cx),
        },
    };
    cx.reply().int(len as i64);
}
