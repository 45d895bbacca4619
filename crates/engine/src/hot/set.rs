//! SET with all its options, SETNX, SETEX, PSETEX.

use dozo_store::{Put, Ttl};

use super::expiry::{AT_MILLIS, AT_SECONDS, MILLIS, SECONDS, TimeUnit};
use super::strings::reply_string;
use super::{NOT_INTEGER, SYNTAX, parse_int, wrong_type};
use crate::cx::Cx;
use crate::events::Class;
use crate::table::HotFn;

/// The commands of this file.
pub(super) const HOT: &[(&str, HotFn)] =
    &[("psetex", psetex), ("set", set), ("setex", setex), ("setnx", setnx)];

#[derive(Default)]
struct Options<'a> {
    nx: bool,
    xx: bool,
    get: bool,
    keep_ttl: bool,
    /// IFEQ: set only when the current value is this one (Valkey 8.1).
    if_equal: Option<&'a [u8]>,
    time: Option<(TimeUnit, &'a [u8])>,
}

impl<'a> Options<'a> {
    fn parse(words: &[&'a [u8]]) -> Option<Self> {
        let mut found = Options::default();
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let argument = words.get(at + 1).copied();
            at += 1;
            match word.to_ascii_lowercase().as_slice() {
                b"nx" if !found.xx && found.if_equal.is_none() => found.nx = true,
                b"xx" if !found.nx && found.if_equal.is_none() => found.xx = true,
                b"get" => found.get = true,
                b"keepttl" if found.time.is_none() => found.keep_ttl = true,
                b"ifeq" if !found.nx && !found.xx && found.if_equal.is_none() => {
                    found.if_equal = Some(argument?);
                    at += 1;
                }
                unit if found.time.is_none() && !found.keep_ttl => {
                    found.time = Some((time_unit(unit)?, argument?));
                    at += 1;
                }
                _ => return None,
            }
        }
        Some(found)
    }
}

/// EX, PX, EXAT or PXAT.
pub(super) fn time_unit(word: &[u8]) -> Option<TimeUnit> {
    match word {
        b"ex" => Some(SECONDS),
        b"px" => Some(MILLIS),
        b"exat" => Some(AT_SECONDS),
        b"pxat" => Some(AT_MILLIS),
        _ => None,
    }
}

/// The deadline that a positive amount names; the error is answered here.
pub(super) fn deadline_of(cx: &mut Cx<'_>, unit: TimeUnit, amount: &[u8], command: &str) -> Option<i64> {
    let Some(amount) = parse_int(amount) else {
        cx.error(NOT_INTEGER);
        return None;
    };
    let deadline = if amount > 0 { unit.deadline(amount, cx.now()) } else { None };
    if deadline.is_none() {
        cx.error(&format!("ERR invalid expire time in '{command}' command"));
    }
    deadline
}

pub(super) fn set(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let (key, value) = (args[1], args[2]);
    if args.len() == 3 {
        // What nearly every SET is: nothing to check, and the effect is the command itself.
        put(cx, key, Put::plain(value));
        return cx.reply().ok();
    }
    let Some(options) = Options::parse(&args[3..]) else {
        return cx.error(SYNTAX);
    };
    let deadline = match options.time {
        None => None,
        Some((unit, amount)) => match deadline_of(cx, unit, amount, "set") {
            None => return,
            at => at,
        },
    };
    set_with(cx, key, value, &options, deadline);
}

fn set_with(cx: &mut Cx<'_>, key: &[u8], value: &[u8], options: &Options<'_>, deadline: Option<i64>) {
    let db = cx.session.db;
    let asks_old = options.get || options.if_equal.is_some();
    let mut matches = true;
    let exists = if asks_old {
        let old = cx.engine.ks.get(db, key, dozo_store::Access::Write).map(|item| item.string());
        let exists = old.is_some();
        if matches!(old, Some(None)) {
            return wrong_type(cx);
        }
        let old = old.flatten();
        if let Some(wanted) = options.if_equal {
            matches = old.as_ref().is_some_and(|old| old.as_bytes(&mut itoa::Buffer::new()) == wanted);
        }
        if options.get {
            // Borrowed from the store, so it is written before the new value is put.
            let mut reply = cx.session.reply();
            match old {
                Some(old) => reply_string(&mut reply, &old),
                None => reply.null(),
            }
        }
        exists
    } else {
        cx.engine.ks.head(db, key, dozo_store::Access::Write).is_some()
    };
    if !matches || options.nx && exists || options.xx && !exists {
        if !options.get {
            cx.reply().null();
        }
        return;
    }
    let ttl = match deadline {
        Some(at) => Ttl::At(at),
        None if options.keep_ttl => Ttl::Keep,
        None => Ttl::Clear,
    };
    put(cx, key, Put { ttl, ..Put::plain(value) });
    if deadline.is_some() {
        cx.notify(Class::Generic, "expire", key);
    }
    set_effect(cx, key, value, deadline, options.keep_ttl);
    if !options.get {
        cx.reply().ok();
    }
}

/// Stores a string and tells of it.
#[inline]
pub(super) fn put(cx: &mut Cx<'_>, key: &[u8], value: Put<'_>) {
    cx.engine.ks.put(cx.session.db, key, value);
    cx.notify(Class::String, "set", key);
}

/// SET as it is journaled: no condition, absolute expiry.
pub(super) fn set_effect(cx: &mut Cx<'_>, key: &[u8], value: &[u8], deadline: Option<i64>, keep_ttl: bool) {
    match deadline {
        Some(at) => cx.effect(&[b"SET", key, value, b"PXAT", itoa::Buffer::new().format(at).as_bytes()]),
        None if keep_ttl => cx.effect(&[b"SET", key, value, b"KEEPTTL"]),
        None => cx.effect(&[b"SET", key, value]),
    }
}

pub(super) fn setnx(cx: &mut Cx<'_>, args: &[&[u8]]) {
    if cx.head(args[1], dozo_store::Access::Write).is_some() {
        return cx.reply().int(0);
    }
    put(cx, args[1], Put::plain(args[2]));
    set_effect(cx, args[1], args[2], None, false);
    cx.reply().int(1);
}

pub(super) fn setex(cx: &mut Cx<'_>, args: &[&[u8]]) {
    set_expiring(cx, args, SECONDS, "setex");
}

pub(super) fn psetex(cx: &mut Cx<'_>, args: &[&[u8]]) {
    set_expiring(cx, args, MILLIS, "psetex");
}

fn set_expiring(cx: &mut Cx<'_>, args: &[&[u8]], unit: TimeUnit, name: &str) {
    let (key, amount, value) = (args[1], args[2], args[3]);
    let Some(at) = deadline_of(cx, unit, amount, name) else {
        return;
    };
    put(cx, key, Put { ttl: Ttl::At(at), ..Put::plain(value) });
    cx.notify(Class::Generic, "expire", key);
    set_effect(cx, key, value, Some(at), false);
    cx.reply().ok();
}
