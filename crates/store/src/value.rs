//! The shapes in which values come into the keyspace and go out of it.
//!
//! Owns the views that callers hold; refuses to know where an entry's bytes lie (that is `entry`).

use crate::attributes::UNTOLD;
use crate::collections::{Collection, Hash, List, Set, Stream, Zset};
use crate::entry::EntryPtr;
use crate::field_expiry::next_due;
use crate::object::Type;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

/// A large value, shared by reference with replies that are still being sent, and with the disk's writer.
pub type Shared = Arc<Vec<u8>>;

/// The longest string that Redis reports as `embstr`.
const EMBSTR_MAX: usize = 44;

/// The longest canonical decimal of an `i64`: "-9223372036854775808".
const DECIMAL_MAX: usize = 20;

/// A value to be stored.
#[derive(Debug)]
pub enum NewValue<'a> {
    /// Bytes, copied; stored as an integer when they are a canonical decimal `i64`.
    Bytes(&'a [u8]),
    /// Bytes that are shared when they are many, and else as those.
    Shared(Arc<Vec<u8>>),
    /// An integer.
    Int(i64),
}

/// What a write does to the key's expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// The key lives for ever.
    Clear,
    /// The key keeps the expiry that it has.
    Keep,
    /// The key expires at this unix time in milliseconds.
    At(i64),
}

/// What a read does to the recency of the key and to the statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Touches the key and counts a hit or a miss.
    Read,
    /// Touches the key.
    Write,
    /// Counts a hit or a miss, but leaves the recency alone (CLIENT NO-TOUCH).
    Untouched,
    /// Leaves no trace.
    Peek,
}

impl Access {
    /// Whether it is a hit or a miss.
    #[inline]
    pub(crate) fn counts(self) -> bool {
        matches!(self, Access::Read | Access::Untouched)
    }

    /// Whether it makes the key recent.
    #[inline]
    pub(crate) fn touches(self) -> bool {
        matches!(self, Access::Read | Access::Write)
    }
}

/// A write of a whole value.
#[derive(Debug)]
pub struct Put<'a> {
    /// The new value.
    pub value: NewValue<'a>,
    /// The new expiry.
    pub ttl: Ttl,
    /// The memcached flags; `None` (what Redis's protocol writes) means 0.
    pub flags: Option<u32>,
}

impl<'a> Put<'a> {
    /// A plain SET: no expiry, flags 0.
    #[inline]
    pub fn plain(value: &'a [u8]) -> Self {
        Put { value: NewValue::Bytes(value), ttl: Ttl::Clear, flags: None }
    }
}

/// One of the marks that memcached's meta commands leave on an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The value is out of date (`md` with I); a put clears it.
    Stale(bool),
    /// A client has won the right to recache the value.
    Won(bool),
    /// The value was read since it was stored.
    Fetched(bool),
}

/// A string value in place.
#[derive(Clone, Copy, Debug)]
pub enum Str<'a> {
    /// Bytes inside the entry.
    Inline(&'a [u8]),
    /// Bytes in an allocation of their own.
    Shared(&'a Shared),
    /// A canonical integer.
    Int(i64),
}

impl<'a> Str<'a> {
    /// The length in bytes (of an integer: of its decimal form).
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Str::Inline(bytes) => bytes.len(),
            Str::Shared(shared) => shared.len(),
            Str::Int(n) => decimal_len(*n),
        }
    }

    /// True when there is no byte.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes; an integer is formatted into `buffer`.
    #[inline]
    pub fn as_bytes<'b>(&self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Str::Inline(bytes) => bytes,
            Str::Shared(shared) => shared.as_slice(),
            Str::Int(n) => buffer.format(*n).as_bytes(),
        }
    }

    /// The bytes in a vector of their own.
    pub fn to_vec(&self) -> Vec<u8> {
        self.as_bytes(&mut itoa::Buffer::new()).to_vec()
    }

    /// The integer, when the value is a canonical decimal `i64`.
    #[inline]
    pub fn to_i64(&self) -> Option<i64> {
        match self {
            Str::Int(n) => Some(*n),
            Str::Inline(bytes) => parse_canonical(bytes),
            Str::Shared(shared) => parse_canonical(shared),
        }
    }
}

/// A value in place.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// A string.
    Str(Str<'a>),
    /// A list.
    List(&'a List),
    /// A set.
    Set(&'a Set),
    /// A sorted set.
    Zset(&'a Zset),
    /// A hash.
    Hash(&'a Hash),
    /// A stream.
    Stream(&'a Stream),
}

impl<'a> Value<'a> {
    /// The collection at `place`.
    ///
    /// # Safety
    /// The place must hold a collection of that type for as long as `'a`.
    #[inline]
    pub(crate) unsafe fn of_collection(of: Type, place: *mut u8) -> Value<'a> {
        // SAFETY: the caller's promise.
        unsafe {
            match of {
                Type::List => Value::List(&*place.cast()),
                Type::Set => Value::Set(&*place.cast()),
                Type::Zset => Value::Zset(&*place.cast()),
                Type::Hash => Value::Hash(&*place.cast()),
                Type::Stream => Value::Stream(&*place.cast()),
                Type::Str => Value::Str(Str::Inline(&[])),
            }
        }
    }

    /// Its type.
    pub fn type_of(&self) -> Type {
        match self {
            Value::Str(_) => Type::Str,
            Value::List(_) => Type::List,
            Value::Set(_) => Type::Set,
            Value::Zset(_) => Type::Zset,
            Value::Hash(_) => Type::Hash,
            Value::Stream(_) => Type::Stream,
        }
    }

    /// The name that TYPE answers.
    pub fn type_name(&self) -> &'static str {
        self.type_of().name()
    }

    /// Bytes that a collection takes outside of its entry.
    pub(crate) fn collection_memory(&self) -> usize {
        match self {
            Value::Str(_) => 0,
            Value::List(list) => list.memory(),
            Value::Set(set) => set.memory(),
            Value::Zset(zset) => zset.memory(),
            Value::Hash(hash) => hash.memory(),
            Value::Stream(stream) => stream.memory(),
        }
    }
}

/// A live entry without its value, which may lie on disk: what it says never takes a look there.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    entry: EntryPtr,
    live: PhantomData<&'a ()>,
}

/// A live entry with its value, as seen between two changes of the keyspace.
#[derive(Clone, Copy)]
pub struct Item<'a>(Head<'a>);

impl<'a> Deref for Item<'a> {
    type Target = Head<'a>;

    #[inline]
    fn deref(&self) -> &Head<'a> {
        &self.0
    }
}

impl<'a> Item<'a> {
    /// A view of `entry`, which lives at least as long as `'a` and is not cold.
    #[inline]
    pub(crate) fn new(entry: EntryPtr) -> Self {
        debug_assert!(!entry.is_cold());
        Item(Head::new(entry))
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> Value<'a> {
        self.0.entry.value()
    }

    /// The value when it is a string.
    #[inline]
    pub fn string(&self) -> Option<Str<'a>> {
        match self.value() {
            Value::Str(string) => Some(string),
            _ => None,
        }
    }
}

impl<'a> Head<'a> {
    /// A view of `entry`, which lives at least as long as `'a`.
    #[inline]
    pub(crate) fn new(entry: EntryPtr) -> Self {
        Head { entry, live: PhantomData }
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &'a [u8] {
        self.entry.key()
    }

    /// The type of the value.
    #[inline]
    pub fn type_of(&self) -> Type {
        self.entry.type_of()
    }

    /// The length of the value in bytes when it is a string.
    pub fn string_len(&self) -> Option<usize> {
        if self.entry.is_cold() {
            let cold = self.entry.cold();
            return (cold.of == Type::Str).then_some(cold.length as usize);
        }
        match self.entry.value() {
            Value::Str(string) => Some(string.len()),
            _ => None,
        }
    }

    /// The entry with its value, where that is in memory.
    pub fn item(&self) -> Option<Item<'a>> {
        (!self.is_cold()).then_some(Item(*self))
    }

    /// Whether the value lies on disk only.
    #[inline]
    pub fn is_cold(&self) -> bool {
        self.entry.is_cold()
    }

    /// The unix time in milliseconds at which the key expires.
    #[inline]
    pub fn expire_at(&self) -> Option<i64> {
        self.entry.expire_at()
    }

    /// The unix time in milliseconds at which the next element of the value expires.
    pub fn due(&self) -> Option<i64> {
        next_due(self.entry)
    }

    /// The memcached flags.
    #[inline]
    pub fn flags(&self) -> u32 {
        self.entry.flags()
    }

    /// The compare-and-swap number that clients were told; 0 when none was.
    #[inline]
    pub fn cas(&self) -> u64 {
        let cas = self.entry.cas();
        if cas & UNTOLD == 0 { cas } else { 0 }
    }

    /// The frequency counter as it stands, for policies that keep one.
    pub fn raw_frequency(&self) -> u8 {
        self.entry.clock_freq() as u8
    }

    /// The name that OBJECT ENCODING answers: `int`, `embstr` or `raw`, or that of the collection.
    pub fn encoding(&self) -> &'static str {
        if self.entry.is_cold() {
            return self.entry.cold().encoding.name();
        }
        match self.entry.value() {
            Value::Str(Str::Int(_)) => "int",
            Value::Str(Str::Inline(bytes)) if bytes.len() <= EMBSTR_MAX && !self.entry.is_raw() => "embstr",
            Value::Str(_) => "raw",
            Value::List(list) => list.encoding(),
            Value::Set(set) => set.encoding(),
            Value::Zset(zset) => zset.encoding(),
            Value::Hash(hash) => hash.encoding(),
            Value::Stream(stream) => stream.encoding(),
        }
    }

    /// Whole seconds since the last touch, at the unix time `now` in milliseconds.
    pub fn clock_idle_secs(&self, now: i64) -> u32 {
        let seconds = now.div_euclid(1000) as u32;
        seconds.wrapping_sub(self.entry.clock_freq() >> 8) & 0x00ff_ffff
    }

    /// True when the value was read since it was stored (as far as [`Mark::Fetched`] was set).
    pub fn fetched(&self) -> bool {
        self.entry.marks().fetched
    }

    /// True when the value was marked stale.
    pub fn stale(&self) -> bool {
        self.entry.marks().stale
    }

    /// True when a client has won the right to recache.
    pub fn won(&self) -> bool {
        self.entry.marks().won
    }

    /// Bytes that the entry and its value take from the allocator.
    pub fn memory(&self) -> usize {
        self.entry.memory()
    }
}

/// The integer that `bytes` spell in canonical form: no sign but a minus, no leading zero, no "-0".
#[inline]
pub(crate) fn parse_canonical(bytes: &[u8]) -> Option<i64> {
    let (&first, rest) = bytes.split_first()?;
    if bytes.len() > DECIMAL_MAX {
        return None;
    }
    match first {
        b'0' if rest.is_empty() => Some(0),
        b'1'..=b'9' => parse_digits(bytes, false),
        b'-' if rest.first().is_some_and(|d| (b'1'..=b'9').contains(d)) => parse_digits(rest, true),
        _ => None,
    }
}

/// The value of up to 20 digits; negative numbers are summed downwards so that `i64::MIN` fits.
fn parse_digits(digits: &[u8], negative: bool) -> Option<i64> {
    let mut value: i64 = 0;
    for &byte in digits {
        let digit = i64::from(byte.wrapping_sub(b'0'));
        if !(0..=9).contains(&digit) {
            return None;
        }
        let tens = value.checked_mul(10)?;
        value = if negative { tens.checked_sub(digit)? } else { tens.checked_add(digit)? };
    }
    Some(value)
}

/// The length of the decimal form of `n`.
#[inline]
pub(crate) fn decimal_len(n: i64) -> usize {
    let digits = n.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
    digits + usize::from(n < 0)
}
