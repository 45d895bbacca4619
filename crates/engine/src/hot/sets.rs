//! The set commands of tag lists, unique counters and queues: SADD, SREM, SISMEMBER, SCARD, SMEMBERS, SPOP.

use dozo_store::{Access, Random, Set, WrongType};

use super::strings::reply_string;
use super::{parse_int, wrong_type};
use crate::cx::Cx;
use crate::events::Class;
use crate::table::HotFn;

pub(super) const HOT: &[(&str, HotFn)] = &[
    ("sadd", sadd),
    ("scard", scard),
    ("sismember", sismember),
    ("smembers", smembers),
    ("spop", spop),
    ("srem", srem),
];

const NOT_POSITIVE: &str = "ERR value is out of range, must be positive";

/// What `look` makes of the set at `key`, for a missing one `missing`; `None` when an error was answered.
#[inline]
fn look<R>(cx: &mut Cx<'_>, key: &[u8], missing: R, look: impl FnOnce(&Set) -> R) -> Option<R> {
    let access = cx.read_access();
    match cx.engine.ks.collection::<Set>(cx.session.db, key, access) {
        Ok(found) => Some(found.map_or(missing, look)),
        Err(WrongType) => {
            wrong_type(cx);
            None
        }
    }
}

fn sadd(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let packing = cx.engine.ks.packing;
    let added = cx.engine.ks.edit_or_create(cx.session.db, args[1], |set: &mut Set| {
        let added = args[2..].iter().filter(|member| set.add(member, &packing)).count();
        (added, added > 0)
    });
    match added {
        Err(WrongType) => wrong_type(cx),
        Ok(added) => {
            if added > 0 {
                cx.notify(Class::Set, "sadd", args[1]);
            }
            cx.reply().int(added as i64);
        }
    }
}

fn srem(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let removed = cx.engine.ks.edit(cx.session.db, args[1], |set: &mut Set| {
        let removed = args[2..].iter().filter(|member| set.remove(member)).count();
        ((removed, set.len() == 0), removed > 0)
    });
    match removed {
        Err(WrongType) => wrong_type(cx),
        Ok(None | Some((0, _))) => cx.reply().int(0),
        Ok(Some((removed, emptied))) => {
            cx.notify(Class::Set, "srem", args[1]);
            if emptied {
                cx.notify(Class::Generic, "del", args[1]);
            }
            cx.reply().int(removed as i64);
        }
    }
}

fn sismember(cx: &mut Cx<'_>, args: &[&[u8]]) {
    if let Some(found) = look(cx, args[1], false, |set| set.contains(args[2])) {
        cx.reply().int(i64::from(found));
    }
}

fn scard(cx: &mut Cx<'_>, args: &[&[u8]]) {
    if let Some(len) = look(cx, args[1], 0, Set::len) {
        cx.reply().int(len as i64);
    }
}

fn smembers(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let access = cx.read_access();
    let Ok(set) = cx.engine.ks.collection::<Set>(cx.session.db, args[1], access) else {
        return wrong_type(cx);
    };
    let mut reply = cx.session.reply();
    reply.set(set.map_or(0, Set::len));
    for member in set.into_iter().flat_map(Set::iter) {
        reply_string(&mut reply, &member);
    }
}

fn spop(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let count = match args[2..] {
        [] => None,
        [count] => match parse_int(count).and_then(|count| usize::try_from(count).ok()) {
            None => return cx.error(NOT_POSITIVE),
            count => count,
        },
        _ => return cx.error(super::SYNTAX),
    };
    let Ok(set) = cx.engine.ks.collection::<Set>(cx.session.db, args[1], Access::Write) else {
        return wrong_type(cx);
    };
    let len = set.map_or(0, Set::len);
    if len > 0 && count.is_some_and(|count| count >= len) {
        return pop_all(cx, args[1]);
    }
    let mut random = Random::new(cx.engine.ks.random_seed());
    let popped = cx.engine.ks.edit(cx.session.db, args[1], |set: &mut Set| {
        let wanted = count.unwrap_or(1);
        let popped: Vec<Vec<u8>> = (0..wanted).map_while(|_| set.pop_random(&mut random)).collect();
        let changed = !popped.is_empty();
        (popped, changed)
    });
    let popped = popped.ok().flatten().unwrap_or_default();
    if !popped.is_empty() {
        cx.notify(Class::Set, "spop", args[1]);
        if popped.len() == len {
            cx.notify(Class::Generic, "del", args[1]);
        }
        let mut effect: Vec<&[u8]> = vec![b"SREM", args[1]];
        effect.extend(popped.iter().map(Vec::as_slice));
        cx.effect(&effect);
    }
    let mut reply = cx.reply();
    match (count, popped.first()) {
        (None, None) => reply.null(),
        (None, Some(member)) => reply.bulk(member),
        (Some(_), _) => {
            reply.set(popped.len());
            popped.iter().for_each(|member| reply.bulk(member));
        }
    }
}

/// Answers every member and removes the key, so that a huge set is freed in slices.
fn pop_all(cx: &mut Cx<'_>, key: &[u8]) {
    cx.notify(Class::Set, "spop", key);
    smembers(cx, &[b"spop", key]);
    cx.engine.ks.remove(cx.session.db, key);
    cx.notify(Class::Generic, "del", key);
    cx.effect(&[b"DEL", key]);
}
