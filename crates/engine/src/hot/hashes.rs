//! The hash commands of session stores and object mappers: HSET, HGET, HGETALL and those near them.

use dozo_store::{Hash, WrongType, itoa};

use super::strings::reply_string;
use super::{NOT_INTEGER, parse_int, wrong_arity, wrong_type};
use crate::cx::Cx;
use crate::events::Class;
use crate::table::HotFn;

pub(super) const HOT: &[(&str, HotFn)] = &[
    ("hdel", hdel),
    ("hexists", hexists),
    ("hget", hget),
    ("hgetall", hgetall),
    ("hincrby", hincrby),
    ("hlen", hlen),
    ("hmget", hmget),
    ("hmset", hmset),
    ("hset", hset),
    ("hsetnx", hsetnx),
];

const NOT_A_NUMBER: &str = "ERR hash value is not an integer";
const OVERFLOW: &str = "ERR increment or decrement would overflow";

/// What `look` makes of the hash at `key`, for a missing one `missing`; `None` when an error was answered.
#[inline]
fn look<R>(cx: &mut Cx<'_>, key: &[u8], missing: R, look: impl FnOnce(&Hash) -> R) -> Option<R> {
    let access = cx.read_access();
    match cx.engine.ks.collection::<Hash>(cx.session.db, key, access) {
        Ok(found) => Some(found.map_or(missing, look)),
        Err(WrongType) => {
            wrong_type(cx);
            None
        }
    }
}

/// Changes the hash at `key` and tells of it; `None` when an error was answered.
#[inline]
fn change<R>(cx: &mut Cx<'_>, key: &[u8], change: impl FnOnce(&mut Hash) -> (R, bool)) -> Option<R> {
    match cx.engine.ks.edit_or_create(cx.session.db, key, change) {
        Ok(result) => Some(result),
        Err(WrongType) => {
            wrong_type(cx);
            None
        }
    }
}

/// Sets all pairs and returns how many fields are new.
fn put_pairs(cx: &mut Cx<'_>, args: &[&[u8]]) -> Option<i64> {
    let packing = cx.engine.ks.packing;
    let added = change(cx, args[1], |hash: &mut Hash| {
        let pairs = args[2..].chunks_exact(2);
        (pairs.filter(|pair| hash.set(pair[0], pair[1], &packing)).count() as i64, true)
    })?;
    cx.notify(Class::Hash, "hset", args[1]);
    Some(added)
}

fn hset(cx: &mut Cx<'_>, args: &[&[u8]]) {
    if !args.len().is_multiple_of(2) {
        return wrong_arity(cx, "hset");
    }
    if let Some(added) = put_pairs(cx, args) {
        cx.reply().int(added);
    }
}

fn hmset(cx: &mut Cx<'_>, args: &[&[u8]]) {
    if !args.len().is_multiple_of(2) {
        return wrong_arity(cx, "hmset");
    }
    if put_pairs(cx, args).is_some() {
        cx.reply().ok();
    }
}

fn hsetnx(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let packing = cx.engine.ks.packing;
    let added = change(cx, args[1], |hash: &mut Hash| {
        let new = !hash.contains(args[2]);
        if new {
            hash.set(args[2], args[3], &packing);
        }
        (new, new)
    });
    let Some(added) = added else {
        return;
    };
    if added {
        cx.notify(Class::Hash, "hset", args[1]);
    }
    cx.reply().int(i64::from(added));
}

fn hget(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let access = cx.read_access();
    match cx.engine.ks.collection::<Hash>(cx.session.db, args[1], access) {
        Ok(hash) => match hash.and_then(|hash| hash.get(args[2])) {
            Some(value) => reply_string(&mut cx.session.reply(), &value),
            None => cx.session.reply().null(),
        },
        Err(WrongType) => wrong_type(cx),
    }
}

fn hmget(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let access = cx.read_access();
    let Ok(hash) = cx.engine.ks.collection::<Hash>(cx.session.db, args[1], access) else {
        return wrong_type(cx);
    };
    let mut reply = cx.session.reply();
    reply.array(args.len() - 2);
    for field in &args[2..] {
        match hash.and_then(|hash| hash.get(field)) {
            Some(value) => reply_string(&mut reply, &value),
            None => reply.null(),
        }
    }
}

fn hgetall(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let access = cx.read_access();
    let Ok(hash) = cx.engine.ks.collection::<Hash>(cx.session.db, args[1], access) else {
        return wrong_type(cx);
    };
    let mut reply = cx.session.reply();
    let Some(hash) = hash else {
        return reply.map(0);
    };
    reply.map(hash.visible_len());
    for (field, value) in hash.iter() {
        reply_string(&mut reply, &field);
        reply_string(&mut reply, &value);
    }
}

fn hexists(cx: &mut Cx<'_>, args: &[&[u8]]) {
    if let Some(found) = look(cx, args[1], false, |hash| hash.contains(args[2])) {
        cx.reply().int(i64::from(found));
    }
}

fn hlen(cx: &mut Cx<'_>, args: &[&[u8]]) {
    if let Some(len) = look(cx, args[1], 0, Hash::len) {
        cx.reply().int(len as i64);
    }
}

fn hdel(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let removed = cx.engine.ks.edit(cx.session.db, args[1], |hash: &mut Hash| {
        let removed = args[2..].iter().filter(|field| hash.remove(field)).count();
        ((removed, hash.len() == 0), removed > 0)
    });
    match removed {
        Err(WrongType) => wrong_type(cx),
        Ok(None | Some((0, _))) => cx.reply().int(0),
        Ok(Some((removed, emptied))) => {
            cx.notify(Class::Hash, "hdel", args[1]);
            if emptied {
                cx.notify(Class::Generic, "del", args[1]);
            }
            cx.reply().int(removed as i64);
        }
    }
}

fn hincrby(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let Some(increment) = parse_int(args[3]) else {
        return cx.error(NOT_INTEGER);
    };
    let packing = cx.engine.ks.packing;
    let sum = change(cx, args[1], |hash: &mut Hash| {
        let current = match hash.get(args[2]) {
            None => 0,
            Some(value) => match value.to_i64() {
                Some(current) => current,
                None => return (Err(NOT_A_NUMBER), false),
            },
        };
        let Some(sum) = current.checked_add(increment) else {
            return (Err(OVERFLOW), false);
        };
        hash.set_keeping_expiry(args[2], itoa::Buffer::new().format(sum).as_bytes(), &packing);
        (Ok(sum), true)
    });
    match sum {
        None => {}
        Some(Err(text)) => cx.error(text),
        Some(Ok(sum)) => {
            cx.notify(Class::Hash, "hincrby", args[1]);
            cx.reply().int(sum);
        }
    }
}
