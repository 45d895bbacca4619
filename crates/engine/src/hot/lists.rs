//! Lists: LPUSH, RPUSH, LPOP, RPOP, LRANGE, LLEN, LREM, LTRIM, LINDEX, LMOVE, RPOPLPUSH, and of the blocking ones BLPOP,
//! BRPOP, BLMOVE and BRPOPLPUSH.

use dozo_store::{Access, End, List, Type};

use super::strings::reply_string;
use super::{NOT_INTEGER, SYNTAX, parse_int, wrong_arity, wrong_type};
use crate::blocking::{TimeoutReply, Wait, parse_timeout};
use crate::cx::Cx;
use crate::events::Class;
use crate::table::HotFn;

/// The commands of this file.
pub(super) const HOT: &[(&str, HotFn)] = &[
    ("blmove", blmove),
    ("blpop", |cx, args| pop_or_wait(cx, args, End::Front)),
    ("brpop", |cx, args| pop_or_wait(cx, args, End::Back)),
    ("brpoplpush", |cx, args| shift_or_wait(cx, args[1], args[2], End::Back, End::Front, args[3])),
    ("lindex", lindex),
    ("llen", llen),
    ("lmove", lmove),
    ("lpop", |cx, args| pop(cx, args, End::Front)),
    ("lpush", |cx, args| push(cx, args, End::Front)),
    ("lrange", lrange),
    ("lrem", lrem),
    ("ltrim", ltrim),
    ("rpop", |cx, args| pop(cx, args, End::Back)),
    ("rpoplpush", |cx, args| shift(cx, args[1], args[2], End::Back, End::Front)),
    ("rpush", |cx, args| push(cx, args, End::Back)),
];

const NOT_POSITIVE: &str = "ERR value is out of range, must be positive";

/// The events of taking from an end and of adding to it.
fn events(end: End) -> (&'static str, &'static str) {
    match end {
        End::Front => ("lpop", "lpush"),
        End::Back => ("rpop", "rpush"),
    }
}

fn push(cx: &mut Cx<'_>, args: &[&[u8]], end: End) {
    let (ks, db) = (&mut cx.engine.ks, cx.session.db);
    let packing = ks.packing;
    let pushed = ks.edit_or_create(db, args[1], |list: &mut List| {
        args[2..].iter().for_each(|value| list.push(end, value, &packing));
        (list.len(), true)
    });
    let Ok(len) = pushed else { return wrong_type(cx) };
    cx.notify(Class::List, events(end).1, args[1]);
    cx.reply().int(len as i64);
}

fn pop(cx: &mut Cx<'_>, args: &[&[u8]], end: End) {
    let (key, name) = (args[1], events(end).0);
    let count = match args.get(2).map(|count| parse_int(count).and_then(|n| usize::try_from(n).ok())) {
        _ if args.len() > 3 => return wrong_arity(cx, name),
        Some(None) => return cx.error(NOT_POSITIVE),
        Some(count) => count,
        None => None,
    };
    let db = cx.session.db;
    let mut reply = cx.session.reply();
    let popped = cx.engine.ks.edit(db, key, |list: &mut List| {
        let many = count.unwrap_or(1).min(list.len());
        if count.is_some() {
            reply.array(many);
        }
        for _ in 0..many {
            list.pop_with(end, |value| reply_string(&mut reply, &value));
        }
        ((many, list.is_empty()), many > 0)
    });
    match popped {
        Err(_) => wrong_type(cx),
        Ok(None) if count.is_some() => cx.reply().null_array(),
        Ok(None) => cx.reply().null(),
        Ok(Some((many, emptied))) => taken(cx, key, end, many, emptied),
    }
}

/// Announces that elements were taken.
fn taken(cx: &mut Cx<'_>, key: &[u8], end: End, many: usize, emptied: bool) {
    if many > 0 {
        cx.notify(Class::List, events(end).0, key);
    }
    if emptied {
        cx.notify(Class::Generic, "del", key);
    }
}

fn llen(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let access = cx.read_access();
    match cx.engine.ks.collection::<List>(cx.session.db, args[1], access) {
        Err(_) => wrong_type(cx),
        Ok(list) => {
            let len = list.map_or(0, List::len);
            cx.reply().int(len as i64);
        }
    }
}

fn lrange(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let (Some(start), Some(stop)) = (parse_int(args[2]), parse_int(args[3])) else {
        return cx.error(NOT_INTEGER);
    };
    let access = cx.read_access();
    match cx.engine.ks.collection::<List>(cx.session.db, args[1], access) {
        Err(_) => wrong_type(cx),
        Ok(None) => cx.reply().array(0),
        Ok(Some(list)) => {
            let mut reply = cx.session.reply();
            let span = list.span(start, stop);
            reply.array(span.len());
            list.slice(span.start, span.len()).for_each(|value| reply_string(&mut reply, &value));
        }
    }
}

fn lindex(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let access = cx.read_access();
    let index = parse_int(args[2]);
    match (cx.engine.ks.collection::<List>(cx.session.db, args[1], access), index) {
        (Err(_), _) => wrong_type(cx),
        (Ok(None), _) => cx.reply().null(),
        (Ok(Some(_)), None) => cx.error(NOT_INTEGER),
        (Ok(Some(list)), Some(index)) => match list.get(index) {
            Some(value) => reply_string(&mut cx.session.reply(), &value),
            None => cx.session.reply().null(),
        },
    }
}

fn ltrim(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let (Some(start), Some(stop)) = (parse_int(args[2]), parse_int(args[3])) else {
        return cx.error(NOT_INTEGER);
    };
    let key = args[1];
    let trimmed = cx.engine.ks.edit(cx.session.db, key, |list: &mut List| {
        list.trim(start, stop);
        (list.is_empty(), true)
    });
    let Ok(emptied) = trimmed else { return wrong_type(cx) };
    if emptied.is_some() {
        cx.notify(Class::List, "ltrim", key);
    }
    if emptied == Some(true) {
        cx.notify(Class::Generic, "del", key);
    }
    cx.reply().ok();
}

fn lrem(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let Some(count) = parse_int(args[2]) else { return cx.error(NOT_INTEGER) };
    let key = args[1];
    let removed = cx.engine.ks.edit(cx.session.db, key, |list: &mut List| {
        let removed = list.remove(count, args[3]);
        ((removed, list.is_empty()), removed > 0)
    });
    let Ok(removed) = removed else { return wrong_type(cx) };
    let (removed, emptied) = removed.unwrap_or_default();
    if removed > 0 {
        cx.notify(Class::List, "lrem", key);
    }
    if emptied {
        cx.notify(Class::Generic, "del", key);
    }
    cx.reply().int(removed as i64);
}

fn parse_end(word: &[u8]) -> Option<End> {
    match word {
        _ if word.eq_ignore_ascii_case(b"left") => Some(End::Front),
        _ if word.eq_ignore_ascii_case(b"right") => Some(End::Back),
        _ => None,
    }
}

fn lmove(cx: &mut Cx<'_>, args: &[&[u8]]) {
    match (parse_end(args[3]), parse_end(args[4])) {
        (Some(from), Some(to)) => shift(cx, args[1], args[2], from, to),
        _ => cx.error(SYNTAX),
    }
}

/// Moves an element between two lists, or within one, and answers it.
fn shift(cx: &mut Cx<'_>, source: &[u8], target: &[u8], from: End, to: End) {
    match moved(cx, source, target, from, to) {
        Some(true) => {}
        Some(false) => cx.reply().null(),
        None => wrong_type(cx),
    }
}

/// Moves an element and answers it; whether there was one, `None` where a key is no list.
fn moved(cx: &mut Cx<'_>, source: &[u8], target: &[u8], from: End, to: End) -> Option<bool> {
    let (ks, db) = (&mut cx.engine.ks, cx.session.db);
    let packing = ks.packing;
    if ks.collection::<List>(db, source, Access::Write).ok()?.is_none() {
        return Some(false);
    }
    ks.collection::<List>(db, target, Access::Write).ok()?;
    let value = if source == target {
        ks.edit(db, source, |list: &mut List| {
            let value = list.pop(from);
            value.iter().for_each(|value| list.push(to, value, &packing));
            ((value, false), true)
        })
    } else {
        ks.edit(db, source, |list: &mut List| ((list.pop(from), list.is_empty()), true))
    };
    let (Some(value), emptied) = value.ok()?? else { return Some(false) };
    if source != target {
        ks.edit_or_create(db, target, |list: &mut List| (list.push(to, &value, &packing), true)).ok()?;
    }
    cx.reply().bulk(&value);
    cx.notify(Class::List, events(to).1, target);
    taken(cx, source, from, 1, emptied);
    Some(true)
}

/// What the blocking commands wait for.
fn wait(timeout_ms: Option<i64>) -> Wait {
    Wait { of: Type::List, gone: false, timeout_ms, on_timeout: TimeoutReply::NullArray, retry: None }
}

fn pop_or_wait(cx: &mut Cx<'_>, args: &[&[u8]], end: End) {
    let (keys, timeout) = (&args[1..args.len() - 1], args[args.len() - 1]);
    let Some(timeout_ms) = parse_timeout(cx, timeout) else { return };
    for key in keys {
        let popped =
            cx.engine.ks.edit(cx.session.db, key, |list: &mut List| ((list.pop(end), list.is_empty()), true));
        match popped {
            Err(_) if !cx.is_retry() => return wrong_type(cx),
            Ok(Some((Some(value), emptied))) => {
                let mut reply = cx.reply();
                reply.array(2);
                reply.bulk(key);
                reply.bulk(&value);
                taken(cx, key, end, 1, emptied);
                return cx.effect(&[events(end).0.as_bytes(), key]);
            }
            _ => {}
        }
    }
    cx.wait_for(keys, wait(timeout_ms));
}

fn blmove(cx: &mut Cx<'_>, args: &[&[u8]]) {
    match (parse_end(args[3]), parse_end(args[4])) {
        (Some(from), Some(to)) => shift_or_wait(cx, args[1], args[2], from, to, args[5]),
        _ => cx.error(SYNTAX),
    }
}

fn shift_or_wait(cx: &mut Cx<'_>, source: &[u8], target: &[u8], from: End, to: End, timeout: &[u8]) {
    let Some(timeout_ms) = parse_timeout(cx, timeout) else { return };
    let word = |end| if end == End::Front { b"LEFT".as_slice() } else { b"RIGHT" };
    match moved(cx, source, target, from, to) {
        Some(true) => cx.effect(&[b"LMOVE", source, target, word(from), word(to)]),
        // As in Redis, though its answer to a wait in vain is a null array.
        Some(false) if !cx.may_wait() => cx.reply().null(),
        Some(false) => cx.wait_for(&[source], wait(timeout_ms)),
        None => wrong_type(cx),
    }
}
