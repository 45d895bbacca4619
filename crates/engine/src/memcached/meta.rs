//! The meta commands: `mg`, `ms`, `md`, `ma`, `me`.
//!
//! A reply repeats what its flags ask for, in the order in which they were sent; what a flag changes (a new expiry)
//! is seen by the flags behind it, as in the original.

use dozo_store::{Access, Mark, Str};
use dozo_wire::Out;
use dozo_wire::memcached::KEY_MAX;
use dozo_wire::memcached::meta::{self as lines, Meta};
use dozo_wire::memcached::text::reply::{EN, NO_MEMORY, NON_NUMERIC};

use super::ops::{self, Count, Counted, DB, Expiry, Outcome, Store};
use super::text::NO_MEMORY_COUNTING;
use crate::engine::Engine;
use crate::session::Session;

/// What `mg` shows of an item.
struct Shown<'a> {
    value: Str<'a>,
    flags: u32,
    /// Unix ms.
    expire_at: Option<i64>,
    cas: u64,
    idle_secs: u32,
    fetched: bool,
    stale: bool,
    won: bool,
    /// This request has created it.
    created: bool,
}

/// Whole seconds until a deadline; a part of a second counts as one, so that a fresh expiry reads as it was sent.
fn seconds_left(at: i64, now: i64) -> i64 {
    ((at - now).max(0) + 999) / 1000
}

/// Appends what every meta command may repeat: opaque and key.
fn echo(out: &mut Out, meta: &Meta<'_>, letter: u8, token: &[u8]) {
    match letter {
        b'O' => lines::echo(out, b'O', token),
        b'k' => lines::key(out, meta.sent),
        _ => {}
    }
}

/// Appends a reply line that only repeats.
fn line(out: &mut Out, code: &[u8; 2], meta: &Meta<'_>) {
    lines::code(out, code);
    for (letter, token) in meta.flags {
        echo(out, meta, letter, token);
    }
    lines::end(out);
}

fn given_cas(meta: &Meta<'_>) -> Option<u64> {
    meta.has(b'C').then_some(meta.numbers.cas)
}

/// `mg`.
pub(super) fn get(engine: &mut Engine, session: &mut Session, meta: &Meta<'_>) {
    let mut scratch = [0; KEY_MAX];
    let key = meta.key(&mut scratch);
    let now = engine.ks.now();
    engine.stats.memcached.cmd_meta += 1;
    count_get(engine, meta);
    let cas = if meta.has(b'c') { ops::cas_of(engine, key) } else { 0 };
    let access = if meta.has(b'u') { Access::Peek } else { Access::Read };
    let found = engine.ks.get(DB, key, access).and_then(|item| Some((item, item.string()?)));
    let Some((item, value)) = found else {
        return get_missing(engine, session, meta, key);
    };
    let (expire_at, fetched) = (item.expire_at(), item.fetched());
    let shown = Shown {
        value,
        flags: item.flags(),
        expire_at,
        cas,
        idle_secs: item.clock_idle_secs(now),
        fetched,
        stale: item.stale(),
        won: item.won(),
        created: false,
    };
    let wins = show(&mut session.out, meta, &shown, now);
    engine.stats.memcached.get_hits += 1;
    engine.stats.memcached.touch_hits += u64::from(meta.has(b'T'));
    if wins {
        engine.ks.mark(DB, key, Mark::Won(true));
    }
    if !fetched && !meta.has(b'u') {
        engine.ks.mark(DB, key, Mark::Fetched(true));
    }
    if meta.has(b'T') {
        ops::set_expiry(engine, key, expire_at, Expiry::new(meta.numbers.exptime.into(), now));
    }
}

fn count_get(engine: &mut Engine, meta: &Meta<'_>) {
    engine.stats.memcached.cmd_get += 1;
    engine.stats.memcached.cmd_touch += u64::from(meta.has(b'T'));
}

fn get_missing(engine: &mut Engine, session: &mut Session, meta: &Meta<'_>, key: &[u8]) {
    engine.stats.memcached.get_misses += 1;
    engine.stats.memcached.touch_misses += u64::from(meta.has(b'T'));
    if !meta.has(b'N') {
        if !meta.has(b'q') {
            line(&mut session.out, b"EN", meta);
        }
        return;
    }
    let now = engine.ks.now();
    if ops::vivify(engine, key, first_expiry(meta, now)) != Outcome::Done {
        return session.out.put(NO_MEMORY_COUNTING);
    }
    let shown = Shown {
        value: Str::Inline(b""),
        flags: 0,
        expire_at: None,
        cas: if meta.has(b'c') { ops::cas_of(engine, key) } else { 0 },
        idle_secs: 0,
        fetched: false,
        stale: false,
        won: false,
        created: true,
    };
    show(&mut session.out, meta, &shown, now);
    // To create it was to fetch it, as memcached sees it.
    if !meta.has(b'u') {
        engine.ks.mark(DB, key, Mark::Fetched(true));
    }
}

/// The expiry of an item that is created: of `N` and `T` the last one decides.
fn first_expiry(meta: &Meta<'_>, now: i64) -> Expiry {
    let last = meta.flags.filter(|(letter, _)| matches!(letter, b'N' | b'T')).last();
    let exptime = match last {
        Some((b'T', _)) => meta.numbers.exptime,
        _ => meta.numbers.vivify,
    };
    Expiry::new(exptime.into(), now)
}

/// Appends the reply to a hit; returns whether the client wins the right to recache.
fn show(out: &mut Out, meta: &Meta<'_>, item: &Shown<'_>, now: i64) -> bool {
    if meta.has(b'v') {
        lines::value_code(out, item.value.len());
    } else {
        lines::code(out, b"HD");
    }
    let wins = show_flags(out, meta, item, now);
    for (mark, set) in [(b'Z', item.won), (b'X', item.stale), (b'W', wins)] {
        if set {
            lines::mark(out, mark);
        }
    }
    lines::end(out);
    if meta.has(b'v') {
        match item.value {
            Str::Shared(data) => lines::data_shared(out, data),
            short => lines::data(out, short.as_bytes(&mut itoa::Buffer::new())),
        }
    }
    wins
}

fn show_flags(out: &mut Out, meta: &Meta<'_>, item: &Shown<'_>, now: i64) -> bool {
    let mut wins = item.created || item.stale && !item.won;
    let mut expire_at = item.expire_at;
    for (letter, token) in meta.flags {
        match letter {
            b'T' => expire_at = deadline(meta.numbers.exptime, now),
            b'N' if item.created => expire_at = deadline(meta.numbers.vivify, now),
            b'R' => wins |= !item.won && is_due(expire_at, meta.numbers.recache, now),
            b's' => lines::flag_number(out, b's', item.value.len()),
            b't' => lines::flag_number(out, b't', expire_at.map_or(-1, |at| seconds_left(at, now))),
            b'c' => lines::flag_number(out, b'c', item.cas),
            b'f' => lines::flag_number(out, b'f', item.flags),
            b'l' => lines::flag_number(out, b'l', item.idle_secs),
            b'h' => lines::flag_number(out, b'h', u8::from(item.fetched)),
            _ => echo(out, meta, letter, token),
        }
    }
    wins
}

/// Whether less time is left than the token of `R` asks for.
fn is_due(expire_at: Option<i64>, recache: i32, now: i64) -> bool {
    match (expire_at, Expiry::new(recache.into(), now)) {
        (Some(at), Expiry::At(limit)) => seconds_left(at, now) < seconds_left(limit, now),
        _ => false,
    }
}

/// `ms`.
pub(super) fn set(engine: &mut Engine, session: &mut Session, meta: &Meta<'_>, value: &[u8]) {
    let mut scratch = [0; KEY_MAX];
    let key = meta.key(&mut scratch);
    engine.stats.memcached.cmd_meta += 1;
    let cas = given_cas(meta);
    let verb = meta.verb();
    let expiry = Expiry::new(meta.numbers.exptime.into(), engine.ks.now());
    let (flags, stale_too) = (meta.numbers.client_flags, meta.has(b'I'));
    let outcome = ops::store(engine, &Store { verb, key, value, flags, expiry, cas, stale_too });
    let code: &[u8; 2] = match outcome {
        Outcome::Done => b"HD",
        Outcome::NotStored => b"NS",
        Outcome::Exists => b"EX",
        Outcome::NotFound => b"NF",
        Outcome::NoMemory => return session.out.put(NO_MEMORY),
    };
    if outcome == Outcome::Done && meta.has(b'q') {
        return;
    }
    let cas = if outcome == Outcome::Done && meta.has(b'c') { ops::cas_of(engine, key) } else { 0 };
    lines::code(&mut session.out, code);
    for (letter, token) in meta.flags {
        match letter {
            b'c' => lines::flag_number(&mut session.out, b'c', cas),
            _ => echo(&mut session.out, meta, letter, token),
        }
    }
    lines::end(&mut session.out);
}

/// `md`.
pub(super) fn delete(engine: &mut Engine, session: &mut Session, meta: &Meta<'_>) {
    let mut scratch = [0; KEY_MAX];
    let key = meta.key(&mut scratch);
    engine.stats.memcached.cmd_meta += 1;
    let outcome = if meta.has(b'I') {
        let expiry = meta.has(b'T').then(|| Expiry::new(meta.numbers.exptime.into(), engine.ks.now()));
        ops::invalidate(engine, key, given_cas(meta), expiry)
    } else {
        ops::delete(engine, key, given_cas(meta))
    };
    let code: &[u8; 2] = match outcome {
        Outcome::Done => b"HD",
        Outcome::Exists => b"EX",
        _ => b"NF",
    };
    if outcome == Outcome::Done && meta.has(b'q') {
        return;
    }
    line(&mut session.out, code, meta);
}

/// `ma`.
pub(super) fn arith(engine: &mut Engine, session: &mut Session, meta: &Meta<'_>) {
    let mut scratch = [0; KEY_MAX];
    let key = meta.key(&mut scratch);
    let now = engine.ks.now();
    engine.stats.memcached.cmd_meta += 1;
    let request = Count {
        key,
        delta: meta.numbers.delta,
        decr: meta.decrements(),
        cas: given_cas(meta),
        create: meta.has(b'N').then(|| (meta.numbers.initial, first_expiry(meta, now))),
    };
    let out = &mut session.out;
    let (value, created) = match ops::count(engine, &request) {
        Counted::Value(value) => (value, false),
        Counted::Created(value) => (value, true),
        Counted::NonNumeric => return out.put(NON_NUMERIC),
        Counted::Refused(Outcome::NoMemory) => return out.put(NO_MEMORY_COUNTING),
        Counted::Refused(Outcome::Exists) => return line(out, b"EX", meta),
        Counted::Refused(_) => return line(out, b"NF", meta),
    };
    let cas = if meta.has(b'c') { ops::cas_of(engine, key) } else { 0 };
    let had = engine.ks.head(DB, key, Access::Peek).and_then(|item| item.expire_at());
    // As in the original, a counter that this request creates is answered even to `q`.
    if created || !meta.has(b'q') {
        counted(out, meta, (value, cas), if created { None } else { Some(had) }, now);
    }
    if meta.has(b'T') && !created {
        ops::set_expiry(engine, key, had, Expiry::new(meta.numbers.exptime.into(), now));
    }
}

/// Appends the reply of a successful `ma`; `had` is the expiry of an item that was there before.
fn counted(out: &mut Out, meta: &Meta<'_>, (value, cas): (u64, u64), had: Option<Option<i64>>, now: i64) {
    let mut digits = itoa::Buffer::new();
    let text = digits.format(value).as_bytes();
    if meta.has(b'v') {
        lines::value_code(out, text.len());
    } else {
        lines::code(out, b"HD");
    }
    let mut expire_at = had.flatten();
    for (letter, token) in meta.flags {
        match letter {
            b'T' => expire_at = deadline(meta.numbers.exptime, now),
            b'N' if had.is_none() => expire_at = deadline(meta.numbers.vivify, now),
            b't' => lines::flag_number(out, b't', expire_at.map_or(-1, |at| seconds_left(at, now))),
            b'c' => lines::flag_number(out, b'c', cas),
            _ => echo(out, meta, letter, token),
        }
    }
    lines::end(out);
    if meta.has(b'v') {
        lines::data(out, text);
    }
}

/// The deadline that an expiry number sets, as the flags behind it see it: what is past has no time left.
fn deadline(exptime: i32, now: i64) -> Option<i64> {
    match Expiry::new(exptime.into(), now) {
        Expiry::Past => Some(now),
        other => other.deadline(),
    }
}

/// `me`: what is known of an item, for people.
pub(super) fn debug(engine: &mut Engine, session: &mut Session, meta: &Meta<'_>) {
    let mut scratch = [0; KEY_MAX];
    let key = meta.key(&mut scratch);
    let now = engine.ks.now();
    engine.stats.memcached.cmd_meta += 1;
    let cas = ops::cas_of(engine, key);
    let out = &mut session.out;
    let Some(item) = engine.ks.head(DB, key, Access::Peek) else {
        return out.put(EN);
    };
    // The original counts towards the expiry, so what is left reads as a negative number.
    let exp = item.expire_at().map_or(-1, |at| -seconds_left(at, now));
    out.put(b"ME ");
    out.put(meta.sent.raw);
    let (idle, fetched, size) = (item.clock_idle_secs(now), item.fetched(), item.memory());
    let fetched = if fetched { "yes" } else { "no" };
    out.put(format!(" exp={exp} la={idle} cas={cas} fetch={fetched} cls=1 size={size}\r\n").as_bytes());
}
