//! What memcached's requests mean, once for all dialects: store, touch, delete, count, invalidate, flush.
//!
//! Every change leaves as an effect that a Redis client could have sent: SET with an absolute expiry, APPEND, DEL,
//! PEXPIREAT, PERSIST, FLUSHDB. Redis has no word for the client flags and for a stale value; where an item has
//! them, `DOZO.ITEM key flags [CAS number] [STALE]` follows, and again when a client is told the number. Recache wins and
//! "was fetched" marks are a node's own.

use dozo_store::{Access, Mark, NewValue, Put, Str, Ttl};
use dozo_wire::memcached::Verb;

use crate::cx::Cx;
use crate::engine::Engine;
use crate::events::Class;
use crate::items;

/// The database that memcached clients see.
pub(super) const DB: usize = 0;

/// Expiry numbers up to this count seconds from now, larger ones from 1970.
const MAX_RELATIVE_SECS: i64 = 60 * 60 * 24 * 30;

/// What an expiry number of the protocol means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    Never,
    /// Negative, or an absolute time that has passed: the item is gone at once.
    Past,
    /// Unix ms.
    At(i64),
}

impl Expiry {
    pub(super) fn new(exptime: i64, now_ms: i64) -> Self {
        match exptime {
            0 => Expiry::Never,
            i64::MIN..0 => Expiry::Past,
            1..=MAX_RELATIVE_SECS => Expiry::At(now_ms + exptime * 1000),
            _ => match exptime.saturating_mul(1000) {
                at if at <= now_ms => Expiry::Past,
                at => Expiry::At(at),
            },
        }
    }

    fn ttl(self) -> Ttl {
        match self {
            Expiry::At(at) => Ttl::At(at),
            Expiry::Never | Expiry::Past => Ttl::Clear,
        }
    }

    /// The deadline, in unix ms.
    pub(super) fn deadline(self) -> Option<i64> {
        match self {
            Expiry::At(at) => Some(at),
            Expiry::Never | Expiry::Past => None,
        }
    }
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    NotStored,
    /// The CAS differs.
    Exists,
    NotFound,
    NoMemory,
}

/// A storage request.
pub(super) struct Store<'a> {
    pub verb: Verb,
    pub key: &'a [u8],
    pub value: &'a [u8],
    pub flags: u32,
    pub expiry: Expiry,
    /// The CAS that the item must have. `Verb::Cas` needs one; appends and prepends may have one.
    pub cas: Option<u64>,
    /// Store under an outdated CAS too, but mark the value stale.
    pub stale_too: bool,
}

fn effect(engine: &mut Engine, args: &[&[u8]]) {
    items::effect(engine, DB, args);
}

fn effect_set(engine: &mut Engine, key: &[u8], value: &[u8], ttl: Ttl, flags: u32) {
    items::effect_set(engine, DB, key, value, ttl, flags);
}

fn effect_item(engine: &mut Engine, key: &[u8], flags: u32, stale: bool) {
    items::effect_flags(engine, DB, key, flags, stale);
}

/// Applies the effect `DOZO.ITEM key flags [CAS number] [STALE]`.
pub(crate) fn item(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let (mut cas, mut stale) = (None, false);
    let mut words = args.get(3..).unwrap_or_default().iter();
    while let Some(word) = words.next() {
        match (word.to_ascii_lowercase().as_slice(), words.as_slice()) {
            (b"stale", _) => stale = true,
            (b"cas", [number, rest @ ..]) => {
                words = rest.iter();
                cas = Some(*number);
            }
            _ => return cx.error(crate::hot::SYNTAX),
        }
    }
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<u64>().ok();
    let flags = args.get(2).and_then(|text| u32::try_from(number(text)?).ok());
    let cas = cas.map_or(Some(0), number);
    let (Some(key), Some(flags), Some(cas)) = (args.get(1), flags, cas) else {
        return cx.error(crate::hot::NOT_INTEGER);
    };
    let db = cx.session.db;
    cx.engine.ks.set_flags(db, key, flags);
    if cas != 0 {
        cx.engine.ks.set_item(db, key, flags, cas);
    }
    cx.engine.ks.mark(db, key, Mark::Stale(stale));
    cx.reply().ok();
}

/// The CAS of a present key, 0 of a missing one.
pub(super) fn cas_of(engine: &mut Engine, key: &[u8]) -> u64 {
    items::tell_cas(engine, DB, key)
}

/// Stores a value under the condition of its verb.
pub(super) fn store(engine: &mut Engine, request: &Store<'_>) -> Outcome {
    engine.stats.memcached.cmd_set += 1;
    if engine.refuses_writes() || !engine.make_room() {
        engine.stats.memcached.store_no_memory += 1;
        return Outcome::NoMemory;
    }
    match request.verb {
        Verb::Set => {}
        Verb::Add if engine.ks.head(DB, request.key, Access::Write).is_some() => {
            return Outcome::NotStored;
        }
        Verb::Replace if engine.ks.head(DB, request.key, Access::Write).is_none() => {
            return Outcome::NotStored;
        }
        Verb::Add | Verb::Replace => {}
        Verb::Append | Verb::Prepend => return concat(engine, request),
        Verb::Cas => return compare_and_store(engine, request),
    }
    write(engine, request);
    Outcome::Done
}

fn write(engine: &mut Engine, request: &Store<'_>) {
    if request.expiry == Expiry::Past {
        // Stored and expired in the same moment: nothing of it can be seen.
        remove(engine, request.key);
        return;
    }
    items::write(engine, DB, request.key, request.value, request.expiry.ttl(), request.flags);
}

fn compare_and_store(engine: &mut Engine, request: &Store<'_>) -> Outcome {
    let Some(current) = engine.ks.cas(DB, request.key) else {
        engine.stats.memcached.cas_misses += 1;
        return Outcome::NotFound;
    };
    let wanted = request.cas.unwrap_or(0);
    if engine.ks.has_cas(DB, request.key, wanted) == Some(true) {
        engine.stats.memcached.cas_hits += 1;
        write(engine, request);
        return Outcome::Done;
    }
    if request.stale_too && wanted != 0 && wanted < current {
        write_stale(engine, request);
        return Outcome::Done;
    }
    engine.stats.memcached.cas_badval += 1;
    Outcome::Exists
}

/// The value is known to be outdated but better than none: the item keeps its expiry and stays stale.
fn write_stale(engine: &mut Engine, request: &Store<'_>) {
    let won = engine.ks.head(DB, request.key, Access::Write).is_some_and(|old| old.won());
    let put = Put { value: NewValue::Bytes(request.value), ttl: Ttl::Keep, flags: Some(request.flags) };
    engine.ks.put(DB, request.key, put);
    engine.notify(DB, Class::String, "set", request.key);
    engine.ks.mark(DB, request.key, Mark::Stale(true));
    engine.ks.mark(DB, request.key, Mark::Won(won));
    effect_set(engine, request.key, request.value, Ttl::Keep, 0);
    effect_item(engine, request.key, request.flags, true);
}

/// Appends or prepends; the item keeps its expiry and flags.
fn concat(engine: &mut Engine, request: &Store<'_>) -> Outcome {
    let Some((old_len, flags)) = string_of(engine, request.key) else {
        return Outcome::NotStored;
    };
    if request.cas.is_some_and(|cas| cas != 0 && engine.ks.has_cas(DB, request.key, cas) != Some(true)) {
        return Outcome::Exists;
    }
    if old_len + request.value.len() > engine.settings.memcached_max_item_size {
        engine.stats.memcached.store_too_large += 1;
        return Outcome::NotStored;
    }
    if request.verb == Verb::Append {
        engine.ks.append(DB, request.key, request.value);
        engine.notify(DB, Class::String, "append", request.key);
        effect(engine, &[b"APPEND", request.key, request.value]);
        return Outcome::Done;
    }
    engine.ks.prepend(DB, request.key, request.value);
    engine.notify(DB, Class::String, "set", request.key);
    let whole =
        engine.ks.get(DB, request.key, Access::Peek).and_then(|item| item.string()).map(|s| s.to_vec());
    effect_set(engine, request.key, &whole.unwrap_or_default(), Ttl::Keep, flags);
    Outcome::Done
}

/// Length and flags of a present string.
fn string_of(engine: &mut Engine, key: &[u8]) -> Option<(usize, u32)> {
    let item = engine.ks.get(DB, key, Access::Write)?;
    Some((item.string()?.len(), item.flags()))
}

/// Removes a key without a word about it to the counters; `false` when it is missing.
pub(super) fn remove(engine: &mut Engine, key: &[u8]) -> bool {
    items::remove(engine, DB, key)
}

/// Deletes a key, if its CAS is the wanted one.
pub(super) fn delete(engine: &mut Engine, key: &[u8], cas: Option<u64>) -> Outcome {
    let outcome = match check(engine, key, cas) {
        Outcome::Done if remove(engine, key) => Outcome::Done,
        Outcome::Done => Outcome::NotFound,
        refused => refused,
    };
    match outcome {
        Outcome::Done => engine.stats.memcached.delete_hits += 1,
        _ => engine.stats.memcached.delete_misses += 1,
    }
    outcome
}

/// `Done` when there is no CAS to compare, or it is the item's.
fn check(engine: &mut Engine, key: &[u8], cas: Option<u64>) -> Outcome {
    let Some(wanted) = cas else {
        return Outcome::Done;
    };
    match engine.ks.has_cas(DB, key, wanted) {
        None => Outcome::NotFound,
        Some(true) => Outcome::Done,
        Some(false) => Outcome::Exists,
    }
}

/// Marks a value stale, so that the next reader wins the right to replace it.
pub(super) fn invalidate(
    engine: &mut Engine,
    key: &[u8],
    cas: Option<u64>,
    expiry: Option<Expiry>,
) -> Outcome {
    let outcome = check(engine, key, cas);
    if outcome != Outcome::Done {
        return outcome;
    }
    let Some((flags, had)) =
        engine.ks.head(DB, key, Access::Write).map(|item| (item.flags(), item.expire_at()))
    else {
        return Outcome::NotFound;
    };
    engine.ks.bump_cas(DB, key);
    engine.ks.mark(DB, key, Mark::Stale(true));
    engine.ks.mark(DB, key, Mark::Won(false));
    effect_item(engine, key, flags, true);
    if let Some(expiry) = expiry {
        set_expiry(engine, key, had, expiry);
    }
    Outcome::Done
}

/// Gives a present key a new expiry; `had` is the one it has.
pub(super) fn set_expiry(engine: &mut Engine, key: &[u8], had: Option<i64>, expiry: Expiry) {
    match expiry {
        Expiry::Past => {
            remove(engine, key);
        }
        Expiry::Never if had.is_some() => items::set_deadline(engine, DB, key, None),
        Expiry::Never => {}
        Expiry::At(at) => items::set_deadline(engine, DB, key, Some(at)),
    }
}

/// `touch`; `false` when the key is missing.
pub(super) fn touch(engine: &mut Engine, key: &[u8], expiry: Expiry) -> bool {
    engine.stats.memcached.cmd_touch += 1;
    let Some((had, fetched)) = engine.ks.head(DB, key, Access::Write).map(|i| (i.expire_at(), i.fetched()))
    else {
        engine.stats.memcached.touch_misses += 1;
        return false;
    };
    engine.stats.memcached.touch_hits += 1;
    if !fetched {
        engine.ks.mark(DB, key, Mark::Fetched(true));
    }
    set_expiry(engine, key, had, expiry);
    true
}

/// An `incr` or `decr`.
pub(super) struct Count<'a> {
    pub key: &'a [u8],
    pub delta: u64,
    pub decr: bool,
    /// The CAS that the item must have.
    pub cas: Option<u64>,
    /// First value and expiry of a missing item; `None`: it stays missing.
    pub create: Option<(u64, Expiry)>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// The new value.
    Value(u64),
    /// The first value of an item that was missing.
    Created(u64),
    NonNumeric,
    /// `Exists`, `NotFound` or `NoMemory`.
    Refused(Outcome),
}

/// Counts up (wrapping at 2^64) or down (stopping at 0).
pub(super) fn count(engine: &mut Engine, request: &Count<'_>) -> Counted {
    if check(engine, request.key, request.cas.filter(|cas| *cas != 0)) == Outcome::Exists {
        return Counted::Refused(Outcome::Exists);
    }
    // Before the item is looked at, because making room may take it.
    let room = !engine.refuses_writes() && engine.make_room();
    let Some(item) = engine.ks.get(DB, request.key, Access::Write) else {
        return count_missing(engine, request);
    };
    let Some((old, old_text)) = item.string().and_then(|text| Some((counter(&text)?, text))) else {
        return Counted::NonNumeric;
    };
    let (old_len, was_int) = (old_text.len(), matches!(old_text, Str::Int(_)));
    let (flags, marks) = (item.flags(), [item.stale(), item.won(), item.fetched()]);
    if !room {
        return Counted::Refused(Outcome::NoMemory);
    }
    let value = if request.decr {
        engine.stats.memcached.decr_hits += 1;
        old.saturating_sub(request.delta)
    } else {
        engine.stats.memcached.incr_hits += 1;
        old.wrapping_add(request.delta)
    };
    let new_len = put_counter(engine, request.key, value, flags);
    // memcached counts in place as long as the number does not get longer: the item's marks stay. A longer one is a
    // new item without marks.
    let [stale, won, fetched] = marks.map(|mark| mark && new_len <= old_len);
    if marks.contains(&true) && !(was_int && new_len <= old_len && i64::try_from(value).is_ok()) {
        for mark in [Mark::Stale(stale), Mark::Won(won), Mark::Fetched(fetched)] {
            engine.ks.mark(DB, request.key, mark);
        }
    }
    if stale || flags != 0 {
        effect_item(engine, request.key, flags, stale);
    }
    Counted::Value(value)
}

/// Writes a counter. memcached leaves spaces behind one that gets shorter, when nobody else holds the item just
/// then, and calls that an optimization; here it stays a number that Redis clients can count on. Returns its length.
fn put_counter(engine: &mut Engine, key: &[u8], value: u64, flags: u32) -> usize {
    let mut digits = itoa::Buffer::new();
    let text = digits.format(value).as_bytes();
    match i64::try_from(value) {
        Ok(value) => engine.ks.set_int(DB, key, value),
        Err(_) => {
            let put = Put { value: NewValue::Bytes(text), ttl: Ttl::Keep, flags: Some(flags) };
            engine.ks.put(DB, key, put);
        }
    }
    engine.notify(DB, Class::String, "incrby", key);
    effect_set(engine, key, text, Ttl::Keep, 0);
    text.len()
}

fn count_missing(engine: &mut Engine, request: &Count<'_>) -> Counted {
    let Some((initial, expiry)) = request.create else {
        match request.decr {
            true => engine.stats.memcached.decr_misses += 1,
            false => engine.stats.memcached.incr_misses += 1,
        }
        return Counted::Refused(Outcome::NotFound);
    };
    let mut digits = itoa::Buffer::new();
    let value = digits.format(initial).as_bytes();
    let (key, verb) = (request.key, Verb::Set);
    match store(engine, &Store { verb, key, value, flags: 0, expiry, cas: None, stale_too: false }) {
        Outcome::Done => Counted::Created(initial),
        refused => Counted::Refused(refused),
    }
}

/// The number in a stored value, as the C library reads it: leading white space, an optional plus, digits, and
/// white space or the end behind them. White space alone reads as 0.
fn counter(value: &Str<'_>) -> Option<u64> {
    if let Str::Int(n) = value {
        return u64::try_from(*n).ok();
    }
    let mut buffer = itoa::Buffer::new();
    let text = value.as_bytes(&mut buffer);
    let space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let digits = &text[text.iter().take_while(|b| space(b)).count()..];
    let digits = digits.strip_prefix(b"+").unwrap_or(digits);
    let end = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if end == 0 {
        return text.first().filter(|b| space(b)).map(|_| 0);
    }
    if digits.get(end).is_some_and(|b| !space(b)) {
        return None;
    }
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

/// Creates the empty item of a vivifying get. Its first reader has won the right to fill it.
pub(super) fn vivify(engine: &mut Engine, key: &[u8], expiry: Expiry) -> Outcome {
    let value = b"";
    let outcome =
        store(engine, &Store { verb: Verb::Set, key, value, flags: 0, expiry, cas: None, stale_too: false });
    if outcome == Outcome::Done {
        engine.ks.mark(DB, key, Mark::Won(true));
    }
    outcome
}

/// `flush_all`, now or later; a new one replaces one that is still to come.
pub(super) fn flush_all(engine: &mut Engine, delay: i64) {
    engine.stats.memcached.cmd_flush += 1;
    engine.memcached.flush_at = Expiry::new(delay, engine.ks.now()).deadline();
    if engine.memcached.flush_at.is_none() {
        flush(engine);
    }
}

/// Runs the delayed flush when it is due.
#[inline]
pub(super) fn flush_if_due(engine: &mut Engine) {
    if engine.memcached.flush_at.is_some_and(|at| at <= engine.ks.now()) {
        engine.memcached.flush_at = None;
        flush(engine);
    }
}

fn flush(engine: &mut Engine) {
    if engine.ks.flush(DB) > 0 {
        effect(engine, &[b"FLUSHDB"]);
    }
}
