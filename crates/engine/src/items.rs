//! What callers without a protocol do with one item, and what any change of an item leaves: its effect and its event.
//!
//! The library reaches strings through these, and memcached's operations make their changes here too, so that a journal,
//! a subscriber and a client-side cache can't tell who made a change. Refuses to reply, and to know who asks.

use std::sync::Arc;

use dozo_store::{Access, NewValue, Put, Str, Ttl, WrongType};

use crate::effects::Cause;
use crate::engine::Engine;
use crate::events::Class;

/// Why an item was not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such key.
    Missing,
    /// The key holds no string.
    WrongType,
    /// The string is no integer of 64 bits.
    NotInteger,
    /// The sum leaves 64 bits.
    Overflow,
    /// Memory is full and nothing may leave.
    NoMemory,
    /// It was to go to a disk, and there is none.
    NoDisk,
    /// Nobody may write, or nobody may do anything, for now; the error that clients hear.
    Closed(String),
}

impl From<WrongType> for Refused {
    fn from(_: WrongType) -> Self {
        Refused::WrongType
    }
}

/// Records an effect behind those of the expirations and evictions that came before it.
pub(crate) fn effect(engine: &mut Engine, db: usize, args: &[&[u8]]) {
    engine.record_notices();
    engine.effects.record(db, args, Cause::Command);
}

/// The effect of a string that was set.
pub(crate) fn effect_set(engine: &mut Engine, db: usize, key: &[u8], value: &[u8], ttl: Ttl, flags: u32) {
    match ttl {
        Ttl::At(at) => {
            effect(engine, db, &[b"SET", key, value, b"PXAT", itoa::Buffer::new().format(at).as_bytes()])
        }
        Ttl::Keep => effect(engine, db, &[b"SET", key, value, b"KEEPTTL"]),
        Ttl::Clear => effect(engine, db, &[b"SET", key, value]),
    }
    if flags != 0 {
        effect_flags(engine, db, key, flags, false);
    }
}

/// The effect of flags, and of a mark that says that the value is outdated.
pub(crate) fn effect_flags(engine: &mut Engine, db: usize, key: &[u8], flags: u32, stale: bool) {
    let mut digits = itoa::Buffer::new();
    let args: [&[u8]; 4] = [b"DOZO.ITEM", key, digits.format(flags).as_bytes(), b"STALE"];
    effect(engine, db, &args[..if stale { 4 } else { 3 }]);
}

/// The CAS of a key for a client, 0 of a missing key. Told for the first time it becomes an effect, so that it is still
/// right after a restart.
pub fn tell_cas(engine: &mut Engine, db: usize, key: &[u8]) -> u64 {
    let Some((cas, is_new)) = engine.ks.tell_cas(db, key) else {
        return 0;
    };
    if let Some(item) = engine.ks.head(db, key, Access::Peek).filter(|_| is_new) {
        let (mut flags, mut number) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (flags, number) = (flags.format(item.flags()).as_bytes(), number.format(cas).as_bytes());
        let args: [&[u8]; 6] = [b"DOZO.ITEM", key, flags, b"CAS", number, b"STALE"];
        let len = if item.stale() { 6 } else { 5 };
        effect(engine, db, &args[..len]);
    }
    cas
}

/// Stores a string in place of whatever the key holds, and tells of it.
pub(crate) fn write(engine: &mut Engine, db: usize, key: &[u8], value: &[u8], ttl: Ttl, flags: u32) {
    engine.ks.put(db, key, Put { value: NewValue::Bytes(value), ttl, flags: Some(flags) });
    tell_written(engine, db, key, ttl);
    effect_set(engine, db, key, value, ttl, flags);
}

/// The same of bytes that are nobody else's: many are not copied.
pub(crate) fn write_shared(
    engine: &mut Engine,
    db: usize,
    key: &[u8],
    value: Arc<Vec<u8>>,
    ttl: Ttl,
    flags: u32,
) {
    let put = Put { value: NewValue::Shared(Arc::clone(&value)), ttl, flags: Some(flags) };
    engine.ks.put(db, key, put);
    tell_written(engine, db, key, ttl);
    effect_set(engine, db, key, &value, ttl, flags);
}

/// Tells subscribers that a string was stored.
pub(crate) fn tell_written(engine: &mut Engine, db: usize, key: &[u8], ttl: Ttl) {
    engine.notify(db, Class::String, "set", key);
    if matches!(ttl, Ttl::At(_)) {
        engine.notify(db, Class::Generic, "expire", key);
    }
}

/// Removes a key and tells of it; `false` when it is missing.
pub(crate) fn remove(engine: &mut Engine, db: usize, key: &[u8]) -> bool {
    let removed = engine.ks.remove(db, key);
    if removed {
        engine.notify(db, Class::Generic, "del", key);
        effect(engine, db, &[b"DEL", key]);
    }
    removed
}

/// Gives a present key a deadline, or (`None`) takes it away.
pub(crate) fn set_deadline(engine: &mut Engine, db: usize, key: &[u8], at: Option<i64>) {
    engine.ks.set_expire(db, key, at);
    match at {
        Some(at) => {
            engine.notify(db, Class::Generic, "expire", key);
            effect(engine, db, &[b"PEXPIREAT", key, itoa::Buffer::new().format(at).as_bytes()]);
        }
        None => {
            engine.notify(db, Class::Generic, "persist", key);
            effect(engine, db, &[b"PERSIST", key]);
        }
    }
}

/// A string on its way into the store.
#[derive(Clone, Copy, Debug)]
pub struct NewItem<'a> {
    /// Its bytes.
    pub value: &'a [u8],
    /// How long it is kept.
    pub keep: Keep,
    /// Its flags.
    pub flags: u32,
    /// Whether it goes to the disk at once or stays in memory until that is short; `None` leaves it to the rules.
    pub disk: Option<bool>,
}

/// What must hold for an item to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    None,
    /// The key is missing.
    Missing,
    /// The item has this version still, which its CAS number is.
    Version(u64),
}

/// How long an item is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Until it is removed.
    Forever,
    /// For so many milliseconds; none, or fewer, is the same as removing it.
    For(i64),
}

impl Keep {
    /// The deadline in unix ms; `Err` when it has passed already.
    fn deadline(self, now: i64) -> Result<Option<i64>, ()> {
        match self {
            Keep::Forever => Ok(None),
            Keep::For(ms) if ms > 0 => Ok(Some(now.saturating_add(ms))),
            Keep::For(_) => Err(()),
        }
    }
}

/// Methods for callers that are no client of any protocol. They run between `begin_batch` and `end_batch`.
impl Engine {
    /// Whether anything may be done at all now: not while data are loaded, or a script past its time is in their middle.
    #[inline]
    pub fn check_open(&self) -> Result<(), Refused> {
        if self.is_loading() || self.is_busy() { Err(self.closed()) } else { Ok(()) }
    }

    /// Whether something may be added now; makes room for it.
    #[inline]
    pub fn check_writable(&mut self) -> Result<(), Refused> {
        self.check_open()?;
        if self.refuses_writes() {
            return Err(self.closed());
        }
        if self.make_room() { Ok(()) } else { Err(Refused::NoMemory) }
    }

    #[cold]
    fn closed(&self) -> Refused {
        let text = match &self.persistence.refusal {
            _ if self.is_loading() => "LOADING the data are being loaded",
            _ if self.is_busy() => self.busy_text(),
            Some(text) => text,
            None => "ERR nothing can be written",
        };
        Refused::Closed(text.into())
    }

    /// Stores a string where the condition holds; whether it does. `None` where an item of some version is missing.
    pub fn put_item(
        &mut self,
        db: usize,
        key: &[u8],
        new: &NewItem<'_>,
        condition: Condition,
    ) -> Result<Option<bool>, Refused> {
        if new.disk == Some(true) && !self.ks.has_tier() {
            return Err(Refused::NoDisk);
        }
        self.check_writable()?;
        let holds = match condition {
            Condition::None => Some(true),
            Condition::Missing => Some(self.ks.head(db, key, Access::Write).is_none()),
            Condition::Version(number) => self.ks.has_cas(db, key, number),
        };
        if holds == Some(true) {
            self.store_item(db, key, new);
        }
        Ok(holds)
    }

    fn store_item(&mut self, db: usize, key: &[u8], new: &NewItem<'_>) {
        match new.keep.deadline(self.ks.now()) {
            Ok(at) => {
                write(self, db, key, new.value, at.map_or(Ttl::Clear, Ttl::At), new.flags);
                match new.disk {
                    Some(true) => self.ks.cool_stored(db, key),
                    Some(false) => self.ks.keep_stored(db, key),
                    None => {}
                }
            }
            // Stored and expired in the same moment: nothing of it can be seen.
            Err(()) => {
                remove(self, db, key);
            }
        }
    }

    /// Removes a key of any type; whether it was there.
    pub fn remove_item(&mut self, db: usize, key: &[u8]) -> Result<bool, Refused> {
        self.check_open()?;
        if self.refuses_writes() {
            return Err(self.closed());
        }
        Ok(remove(self, db, key))
    }

    /// Has a key of any type be kept so long from now on; whether it is there.
    pub fn touch_item(&mut self, db: usize, key: &[u8], keep: Keep) -> Result<bool, Refused> {
        self.check_open()?;
        if self.refuses_writes() {
            return Err(self.closed());
        }
        let Some(had) = self.ks.head(db, key, Access::Write).map(|head| head.expire_at()) else {
            return Ok(false);
        };
        match keep.deadline(self.ks.now()) {
            Ok(None) if had.is_none() => {}
            Ok(at) => set_deadline(self, db, key, at),
            Err(()) => {
                remove(self, db, key);
            }
        }
        Ok(true)
    }

    /// Adds to an integer and returns the sum. A missing one begins at `first`, if that is something, with these flags;
    /// others keep theirs, and their time.
    pub fn count_item(
        &mut self,
        db: usize,
        key: &[u8],
        by: i64,
        first: Option<i64>,
        flags: u32,
    ) -> Result<i64, Refused> {
        self.check_writable()?;
        let old = match self.ks.get(db, key, Access::Write) {
            None => None,
            Some(item) => {
                let number = item.string().ok_or(Refused::WrongType)?.to_i64();
                Some(number.ok_or(Refused::NotInteger)?)
            }
        };
        let sum = old.or(first).ok_or(Refused::Missing)?.checked_add(by).ok_or(Refused::Overflow)?;
        let mut digits = itoa::Buffer::new();
        if old.is_none() {
            write(self, db, key, digits.format(sum).as_bytes(), Ttl::Clear, flags);
        } else {
            self.ks.set_int(db, key, sum);
            self.notify(db, Class::String, "incrby", key);
            effect(self, db, &[b"INCRBY", key, digits.format(by).as_bytes()]);
        }
        Ok(sum)
    }

    /// What `look` makes of the string at `key` and its flags; `None` when the key is missing.
    #[inline]
    pub fn read_item<R>(
        &mut self,
        db: usize,
        key: &[u8],
        look: impl FnOnce(Str<'_>, u32) -> R,
    ) -> Result<Option<R>, Refused> {
        self.check_open()?;
        match self.ks.get(db, key, Access::Read) {
            None => Ok(None),
            Some(item) => Ok(Some(look(item.string().ok_or(Refused::WrongType)?, item.flags()))),
        }
    }

    /// Removes all keys of a database; how many there were.
    pub fn clear_items(&mut self, db: usize) -> Result<usize, Refused> {
        self.check_open()?;
        if self.refuses_writes() {
            return Err(self.closed());
        }
        let keys = self.ks.flush(db);
        if keys > 0 {
            effect(self, db, &[b"FLUSHDB"]);
        }
        Ok(keys)
    }

    /// Looks at about `count` keys from `cursor` on and removes those whose flags `gone` names; the next cursor, 0 at the
    /// end, and how many left.
    pub fn remove_items(
        &mut self,
        db: usize,
        cursor: u64,
        count: usize,
        gone: impl Fn(u32) -> bool,
    ) -> Result<(u64, usize), Refused> {
        self.check_open()?;
        if self.refuses_writes() {
            return Err(self.closed());
        }
        let mut keys = Vec::new();
        let next = self.ks.scan(db, cursor, count, &mut |item| {
            if gone(item.flags()) {
                keys.push(item.key().to_vec());
            }
        });
        for key in &keys {
            remove(self, db, key);
        }
        Ok((next, keys.len()))
    }

    /// Removes every key of a database whose time is over; how many those were.
    pub fn expire_items(&mut self, db: usize) -> Result<usize, Refused> {
        self.check_open()?;
        let removed = self.ks.expire_all(db);
        self.record_notices();
        Ok(removed)
    }
}
