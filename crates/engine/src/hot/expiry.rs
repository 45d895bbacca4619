//! EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, TTL, PTTL.

use dozo_store::Access;

use super::{NOT_INTEGER, parse_int};
use crate::cx::Cx;
use crate::events::Class;
use crate::table::HotFn;

/// The commands of this file.
pub(super) const HOT: &[(&str, HotFn)] = &[
    ("expire", expire),
    ("expireat", expireat),
    ("pexpire", pexpire),
    ("pexpireat", pexpireat),
    ("pttl", pttl),
    ("ttl", ttl),
];

/// How a command gives its time.
#[derive(Clone, Copy)]
pub(super) struct TimeUnit {
    /// Milliseconds in one unit.
    pub(super) scale: i64,
    /// From now on, not from 1970.
    pub(super) relative: bool,
}

pub(super) const SECONDS: TimeUnit = TimeUnit { scale: 1000, relative: true };
pub(super) const MILLIS: TimeUnit = TimeUnit { scale: 1, relative: true };
pub(super) const AT_SECONDS: TimeUnit = TimeUnit { scale: 1000, relative: false };
pub(super) const AT_MILLIS: TimeUnit = TimeUnit { scale: 1, relative: false };

impl TimeUnit {
    /// The deadline in unix ms, `None` when it can't be represented.
    pub(super) fn deadline(self, amount: i64, now_ms: i64) -> Option<i64> {
        let ms = amount.checked_mul(self.scale)?;
        if self.relative { ms.checked_add(now_ms) } else { Some(ms) }
    }
}

#[derive(Clone, Copy, Default)]
struct Conditions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Conditions {
    fn parse(options: &[&[u8]]) -> Result<Self, String> {
        let mut found = Self::default();
        for option in options {
            match option.to_ascii_lowercase().as_slice() {
                b"nx" => found.nx = true,
                b"xx" => found.xx = true,
                b"gt" => found.gt = true,
                b"lt" => found.lt = true,
                _ => {
                    return Err(format!("ERR Unsupported option {}", String::from_utf8_lossy(option)));
                }
            }
        }
        if found.nx && (found.xx || found.gt || found.lt) {
            return Err("ERR NX and XX, GT or LT options at the same time are not compatible".into());
        }
        if found.gt && found.lt {
            return Err("ERR GT and LT options at the same time are not compatible".into());
        }
        Ok(found)
    }

    /// Whether the new deadline may replace the current one (`None`: the key never expires).
    fn allow(self, current: Option<i64>, deadline: i64) -> bool {
        match current {
            None => !(self.xx || self.gt),
            Some(at) => !(self.nx || self.gt && deadline <= at || self.lt && deadline >= at),
        }
    }
}

pub(super) fn expire(cx: &mut Cx<'_>, args: &[&[u8]]) {
    set_deadline(cx, args, SECONDS, "expire");
}

pub(super) fn pexpire(cx: &mut Cx<'_>, args: &[&[u8]]) {
    set_deadline(cx, args, MILLIS, "pexpire");
}

pub(super) fn expireat(cx: &mut Cx<'_>, args: &[&[u8]]) {
    set_deadline(cx, args, AT_SECONDS, "expireat");
}

pub(super) fn pexpireat(cx: &mut Cx<'_>, args: &[&[u8]]) {
    set_deadline(cx, args, AT_MILLIS, "pexpireat");
}

fn set_deadline(cx: &mut Cx<'_>, args: &[&[u8]], unit: TimeUnit, name: &str) {
    let key = args[1];
    let conditions = match Conditions::parse(&args[3..]) {
        Ok(conditions) => conditions,
        Err(text) => return cx.error(&text),
    };
    let Some(amount) = parse_int(args[2]) else {
        return cx.error(NOT_INTEGER);
    };
    let Some(deadline) = unit.deadline(amount, cx.now()) else {
        return cx.error(&format!("ERR invalid expire time in '{name}' command"));
    };
    let db = cx.session.db;
    let current = cx.head(key, Access::Write).map(|head| head.expire_at());
    if !current.is_some_and(|current| conditions.allow(current, deadline)) {
        return cx.reply().int(0);
    }
    if deadline <= cx.now() {
        cx.engine.ks.remove(db, key);
        cx.effect(&[b"DEL", key]);
        cx.notify(Class::Generic, "del", key);
    } else {
        cx.engine.ks.set_expire(db, key, Some(deadline));
        cx.effect(&[b"PEXPIREAT", key, itoa::Buffer::new().format(deadline).as_bytes()]);
        cx.notify(Class::Generic, "expire", key);
    }
    cx.reply().int(1);
}

pub(super) fn ttl(cx: &mut Cx<'_>, args: &[&[u8]]) {
    // Rounded as Redis does: 1.5 s left are 2, 1.4 s are 1.
    time_left(cx, args[1], |ms| (ms + 500) / 1000);
}

pub(super) fn pttl(cx: &mut Cx<'_>, args: &[&[u8]]) {
    time_left(cx, args[1], |ms| ms);
}

fn time_left(cx: &mut Cx<'_>, key: &[u8], unit: fn(i64) -> i64) {
    let now = cx.now();
    // Asking for the time to live is no use of the value.
    let left = match cx.engine.ks.head(cx.session.db, key, Access::Untouched) {
        None => -2,
        Some(item) => item.expire_at().map_or(-1, |at| unit((at - now).max(0))),
    };
    cx.reply().int(left);
}
