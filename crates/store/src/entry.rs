//! One entry, one allocation: header, optional fields, key, value.
//!
//! Owns the layout and every `unsafe` that touches it; refuses to know about tables, policies or time.
//!
//! ```text
//! 0      4     8     10    11    12
//! clock  slot  bits  klen  vlen  [expire i64, index u32] [flags u32] [cas u64] [klen u32] [vlen u32] key value
//! ```
//! The fields in brackets exist only when their bit is set, so a plain key costs 12 bytes and the allocator's rounding.
//! A value is inline bytes, an 8-byte integer, an 8-byte aligned `Arc` to a large value, or an 8-byte aligned collection
//! (16 bytes; `vlen` then holds its type). Of a cold entry the value lies on disk: in its place are the inline bytes of
//! [`Cold`], which say where and what it is.
//!
//! [`EntryPtr`] is a copy of the address, not a borrow: the table that holds the entry owns it. The keyspace keeps the
//! rule that makes the safe methods sound: a handle is not used after the entry was freed, and no reference into an
//! entry outlives the borrow of the keyspace that it was made from.

use crate::object::{OBJECT_BYTES, Object, Type};
use crate::size_class::class_size;
use crate::tagged::Keyed;
use crate::tier::Cold;
use crate::value::{Shared, Str, Value};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{NonNull, with_exposed_provenance_mut};

const CLOCK_AT: usize = 0;
const SLOT_AT: usize = 4;
const BITS_AT: usize = 8;
const KLEN_AT: usize = 10;
const VLEN_AT: usize = 11;
const HEADER: usize = 12;
const ALIGN: usize = 8;

const HAS_EXPIRE: u16 = 1;
const HAS_FLAGS: u16 = 1 << 1;
const HAS_CAS: u16 = 1 << 2;
const WIDE_KLEN: u16 = 1 << 3;
const WIDE_VLEN: u16 = 1 << 4;
const OPTIONAL: u16 = 0b1_1111;
const KIND: u16 = 0b110_0000;
const INLINE: u16 = 0;
const SHARED: u16 = 1 << 5;
const INT: u16 = 2 << 5;
const OBJECT: u16 = 3 << 5;
const STALE: u16 = 1 << 7;
const WON: u16 = 1 << 8;
const FETCHED: u16 = 1 << 9;
/// Equal to the keyspace's bit: no save that runs has to see the value any more.
const SEEN: u16 = 1 << 10;
/// The value lies on disk only.
const COLD: u16 = 1 << 11;
const RAW: u16 = 1 << 12;
/// The value lies on disk, too; the keyspace knows where.
const COPIED: u16 = 1 << 13;

/// Bytes that the optional fields before the one of bit `n` take, and all of them, for each set of bits.
const EXTRA: [u8; 32] = {
    let mut table = [0; 32];
    let mut bits = 0;
    while bits < 32 {
        table[bits] = 12 * (bits & 1) as u8
            + 4 * (bits >> 1 & 1) as u8
            + 8 * (bits >> 2 & 1) as u8
            + 4 * (bits >> 3 & 1) as u8
            + 4 * (bits >> 4 & 1) as u8;
        bits += 1;
    }
    table
};

/// An expiry: when, and where in the volatile index the entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expiry {
    pub at: i64,
    pub index: u32,
}

/// The optional fields of an entry; zero flags and a zero cas take no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    pub expiry: Option<Expiry>,
    pub flags: u32,
    pub cas: u64,
}

impl Fields {
    #[inline]
    fn bits(&self) -> u16 {
        let mut bits = 0;
        if self.expiry.is_some() {
            bits |= HAS_EXPIRE;
        }
        if self.flags != 0 {
            bits |= HAS_FLAGS;
        }
        if self.cas != 0 {
            bits |= HAS_CAS;
        }
        bits
    }
}

/// The value of an entry to be written.
pub(crate) enum Payload<'a> {
    Inline(&'a [u8]),
    Int(i64),
    Shared(Shared),
    Object(Object),
    Cold(Cold),
}

/// A value outside of its entry that owns memory of its own.
pub(crate) enum Heavy {
    Shared(Shared),
    Object(Object),
}

/// All that an entry is made from.
pub(crate) struct Draft<'a> {
    pub key: &'a [u8],
    pub fields: Fields,
    pub payload: Payload<'a>,
    /// The string was made by APPEND or SETRANGE: Redis calls such a string `raw`, however short.
    pub raw: bool,
}

/// The marks of memcached's meta commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub stale: bool,
    pub won: bool,
    pub fetched: bool,
}

/// What decides where things lie in an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    bits: u16,
    klen: usize,
    vlen: usize,
}

impl Shape {
    #[inline]
    fn new(mut bits: u16, klen: usize, vlen: usize) -> Shape {
        if klen > 255 {
            bits |= WIDE_KLEN;
        }
        if vlen > 255 {
            bits |= WIDE_VLEN;
        }
        Shape { bits, klen, vlen }
    }

    #[inline]
    fn kind(self) -> u16 {
        self.bits & KIND
    }

    #[inline]
    fn key_at(self) -> usize {
        HEADER + EXTRA[usize::from(self.bits & OPTIONAL)] as usize
    }

    /// Where an optional field lies: behind those of lower bits.
    #[inline]
    fn field_at(self, field: u16) -> usize {
        HEADER + EXTRA[usize::from(self.bits & (field - 1) & OPTIONAL)] as usize
    }

    #[inline]
    fn value_at(self) -> usize {
        let end = self.key_at() + self.klen;
        if self.is_heavy() { end.next_multiple_of(ALIGN) } else { end }
    }

    #[inline]
    fn payload_len(self) -> usize {
        match self.kind() {
            INLINE => self.vlen,
            OBJECT => OBJECT_BYTES,
            _ => 8,
        }
    }

    /// Whether the value owns memory outside of the entry.
    #[inline]
    fn is_heavy(self) -> bool {
        matches!(self.kind(), SHARED | OBJECT)
    }

    /// The size of the allocation: the allocator's class, so that a value may change within it in place.
    #[inline]
    fn size(self) -> usize {
        class_size(self.value_at() + self.payload_len())
    }
}

impl Draft<'_> {
    #[inline]
    fn shape(&self) -> Shape {
        let bits = self.fields.bits() | if self.raw { RAW } else { 0 };
        match &self.payload {
            Payload::Inline(bytes) => Shape::new(bits | INLINE, self.key.len(), bytes.len()),
            Payload::Int(_) => Shape::new(bits | INT, self.key.len(), 0),
            Payload::Shared(_) => Shape::new(bits | SHARED, self.key.len(), 0),
            Payload::Object(object) => Shape::new(bits | OBJECT, self.key.len(), object.type_of() as usize),
            Payload::Cold(cold) => Shape::new(bits | INLINE | COLD, self.key.len(), cold.encoded_len()),
        }
    }
}

/// The address of a live entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryPtr(NonNull<u8>);

impl EntryPtr {
    /// Makes an entry, with clock and slot 0.
    pub(crate) fn create(draft: Draft<'_>) -> EntryPtr {
        let shape = draft.shape();
        let layout = layout_of(shape.size());
        // SAFETY: the size is at least the header's, so not zero.
        let Some(memory) = NonNull::new(unsafe { alloc(layout) }) else {
            handle_alloc_error(layout);
        };
        let entry = EntryPtr(memory);
        entry.set_clock_freq(0);
        entry.set_slot(0);
        entry.fill(shape, draft, true);
        entry
    }

    /// Writes the draft over this entry when it fits the same allocation, and gives back the large value it replaces.
    ///
    /// Clock and slot stay, the marks are cleared. The key must be the entry's own.
    #[inline]
    pub(crate) fn overwrite<'a>(self, draft: Draft<'a>) -> Result<Option<Heavy>, Draft<'a>> {
        let (old, mut new) = (self.shape(), draft.shape());
        if old.size() != new.size() {
            return Err(draft);
        }
        new.bits |= old.bits & SEEN;
        let replaced = self.move_heavy_out(old);
        self.fill(new, draft, old.key_at() != new.key_at());
        Ok(replaced)
    }

    /// Writes bytes over bytes of the same length, when the entry has no optional fields and needs none.
    ///
    /// This is `overwrite` for the most common of all writes.
    #[inline]
    pub(crate) fn overwrite_alike(self, fields: &Fields, bytes: &[u8]) -> bool {
        let shape = self.shape();
        let plain = shape.bits & (KIND | COLD | HAS_EXPIRE | HAS_FLAGS | HAS_CAS) == INLINE;
        if !plain || shape.vlen != bytes.len() || fields.bits() != 0 {
            return false;
        }
        self.put_bytes(shape.value_at(), bytes);
        self.write(BITS_AT, shape.bits & (WIDE_KLEN | WIDE_VLEN | SEEN));
        true
    }

    /// Frees the memory of the entry and gives back its large value, if it had one.
    pub(crate) fn free(self) -> Option<Heavy> {
        let heavy = self.move_heavy_out(self.shape());
        self.discard();
        heavy
    }

    /// A new entry with other key or fields, into which the value, the marks, the clock and the slot have moved.
    ///
    /// The old entry still has its header, fields and key; free it with [`EntryPtr::discard`].
    pub(crate) fn moved_to(self, key: &[u8], fields: Fields) -> EntryPtr {
        let old = self.shape();
        let payload = match self.move_heavy_out(old) {
            Some(Heavy::Shared(shared)) => Payload::Shared(shared),
            Some(Heavy::Object(object)) => Payload::Object(object),
            None if old.bits & COLD != 0 => Payload::Cold(self.cold()),
            None if old.kind() == INT => Payload::Int(self.read(old.value_at())),
            None => Payload::Inline(self.bytes(old.value_at(), old.vlen)),
        };
        let raw = old.bits & RAW != 0;
        let new = EntryPtr::create(Draft { key, fields, payload, raw });
        new.set_clock_freq(self.clock_freq());
        new.set_slot(self.slot());
        new.set_marks(self.marks());
        new.set_seen(self.seen());
        new
    }

    /// Which of two values the bit has that says whether the running save has seen the entry.
    #[inline]
    pub(crate) fn seen(self) -> bool {
        self.bits() & SEEN != 0
    }

    /// Sets that bit.
    #[inline]
    pub(crate) fn set_seen(self, seen: bool) {
        let bits = self.bits() & !SEEN;
        self.write(BITS_AT, if seen { bits | SEEN } else { bits });
    }

    /// Changes the optional fields where the allocation has room for them; false when it has not.
    pub(crate) fn refield(self, fields: Fields) -> bool {
        let old = self.shape();
        let kept = old.bits & !(HAS_EXPIRE | HAS_FLAGS | HAS_CAS);
        let new = Shape { bits: kept | fields.bits(), ..old };
        if old.size() != new.size() || (old.is_heavy() && old.key_at() != new.key_at()) {
            return false;
        }
        if old.key_at() != new.key_at() {
            // SAFETY: key and value lie together in both shapes, and both shapes fit the one allocation.
            unsafe {
                let base = self.0.as_ptr();
                let len = old.klen + old.payload_len();
                base.add(old.key_at()).copy_to(base.add(new.key_at()), len);
            }
        }
        self.write_header(new, &fields);
        true
    }

    /// Frees an entry whose value was moved out, without touching that value.
    pub(crate) fn discard(self) {
        let layout = layout_of(self.shape().size());
        // SAFETY: `create` allocated with this size, and every change in place keeps it.
        unsafe { dealloc(self.0.as_ptr(), layout) };
    }

    /// Appends to an inline value within the allocation; false when there is no room or it is no inline value.
    pub(crate) fn append_in_place(self, data: &[u8]) -> bool {
        let old = self.shape();
        debug_assert!(!self.is_cold(), "a value that is changed is in memory");
        let new = Shape::new(old.bits | RAW, old.klen, old.vlen + data.len());
        if old.kind() != INLINE || old.key_at() != new.key_at() || old.size() != new.size() {
            return false;
        }
        self.put_bytes(old.value_at() + old.vlen, data);
        self.write_lengths(new);
        true
    }

    /// The key.
    #[inline]
    pub(crate) fn key<'a>(self) -> &'a [u8] {
        let bits = self.bits();
        let at = HEADER + EXTRA[usize::from(bits & OPTIONAL)] as usize;
        self.bytes(at, self.klen(bits))
    }

    /// The value.
    #[inline]
    pub(crate) fn value<'a>(self) -> Value<'a> {
        debug_assert!(!self.is_cold(), "a value that is read is in memory");
        match self.type_of() {
            Type::Str => Value::Str(self.string()),
            // Nobody reads a collection where it isn't; should somebody, there is nothing to be found.
            _ if self.is_cold() => Value::Str(Str::Inline(&[])),
            // SAFETY: the type says that the place holds such a collection until the entry is freed or overwritten.
            other => unsafe { Value::of_collection(other, self.object_place()) },
        }
    }

    /// The type of the value.
    #[inline]
    pub(crate) fn type_of(self) -> Type {
        match self.bits() & (KIND | COLD) {
            OBJECT => Type::of_number(self.read::<u8>(VLEN_AT)),
            COLD => self.cold().of,
            _ => Type::Str,
        }
    }

    /// Whether the value lies on disk only.
    #[inline]
    pub(crate) fn is_cold(self) -> bool {
        self.bits() & COLD != 0
    }

    /// Where the value lies; only for a cold entry.
    pub(crate) fn cold(self) -> Cold {
        debug_assert!(self.is_cold());
        let shape = self.shape();
        Cold::decode(self.bytes(shape.value_at(), shape.vlen))
    }

    /// Replaces what a cold entry says of its value; the length must be the same.
    pub(crate) fn set_cold(self, cold: &Cold) {
        let shape = self.shape();
        debug_assert!(self.is_cold() && shape.vlen == cold.encoded_len());
        self.put_bytes(shape.value_at(), &cold.encode()[..cold.encoded_len()]);
    }

    /// Whether the value lies on disk, too.
    #[inline]
    pub(crate) fn is_copied(self) -> bool {
        self.bits() & COPIED != 0
    }

    /// Says whether the value lies on disk, too.
    pub(crate) fn set_copied(self, copied: bool) {
        let bits = self.bits() & !COPIED;
        self.write(BITS_AT, if copied { bits | COPIED } else { bits });
    }

    /// Whether some record on disk is this entry's.
    #[inline]
    pub(crate) fn has_record(self) -> bool {
        self.bits() & (COLD | COPIED) != 0
    }

    /// Where the collection lies; only for entries that hold one.
    #[inline]
    pub(crate) fn object_place(self) -> *mut u8 {
        debug_assert!(self.bits() & KIND == OBJECT);
        // SAFETY: a collection's place is inside the allocation.
        unsafe { self.0.as_ptr().add(self.shape().value_at()) }
    }

    /// The value as a string; a collection looks empty, but callers ask for the type first.
    #[inline]
    pub(crate) fn string<'a>(self) -> Str<'a> {
        let shape = self.shape();
        match shape.kind() {
            INLINE if shape.bits & COLD != 0 => Str::Inline(&[]),
            INLINE => Str::Inline(self.bytes(shape.value_at(), shape.vlen)),
            INT => Str::Int(self.read(shape.value_at())),
            OBJECT => Str::Inline(&[]),
            // SAFETY: a shared value's place is aligned and holds an `Arc` until the entry is freed or overwritten.
            _ => Str::Shared(unsafe { &*self.0.as_ptr().add(shape.value_at()).cast::<Shared>() }),
        }
    }

    /// The large value, to be changed.
    pub(crate) fn shared_mut<'a>(self) -> Option<&'a mut Shared> {
        let shape = self.shape();
        if shape.kind() != SHARED {
            return None;
        }
        // SAFETY: as in `string`; the caller holds the keyspace exclusively.
        Some(unsafe { &mut *self.0.as_ptr().add(shape.value_at()).cast::<Shared>() })
    }

    /// The inline value, to be changed.
    pub(crate) fn inline_mut<'a>(self) -> Option<&'a mut [u8]> {
        let shape = self.shape();
        if shape.kind() != INLINE || shape.bits & COLD != 0 {
            return None;
        }
        // SAFETY: the value lies in the allocation; the caller holds the keyspace exclusively.
        Some(unsafe { std::slice::from_raw_parts_mut(self.0.as_ptr().add(shape.value_at()), shape.vlen) })
    }

    /// Overwrites an integer by another; false when the value is none.
    #[inline]
    pub(crate) fn set_int(self, value: i64) -> bool {
        let shape = self.shape();
        if shape.kind() != INT {
            return false;
        }
        self.write(shape.value_at(), value);
        true
    }

    /// The optional fields.
    pub(crate) fn fields(self) -> Fields {
        Fields { expiry: self.expiry(), flags: self.flags(), cas: self.cas() }
    }

    /// The expiry.
    #[inline]
    pub(crate) fn expiry(self) -> Option<Expiry> {
        (self.bits() & HAS_EXPIRE != 0)
            .then(|| Expiry { at: self.read(HEADER), index: self.read(HEADER + 8) })
    }

    /// The unix time in milliseconds at which the entry expires.
    #[inline]
    pub(crate) fn expire_at(self) -> Option<i64> {
        (self.bits() & HAS_EXPIRE != 0).then(|| self.read(HEADER))
    }

    /// Whether neither the entry nor an element of its value can expire.
    #[inline]
    pub(crate) fn is_lasting(self) -> bool {
        let bits = self.bits();
        bits & (HAS_EXPIRE | COLD) == 0 && bits & KIND != OBJECT
    }

    /// Notes the place in the volatile index; the entry has an expiry.
    #[inline]
    pub(crate) fn set_volatile_index(self, index: u32) {
        debug_assert!(self.bits() & HAS_EXPIRE != 0);
        self.write(HEADER + 8, index);
    }

    /// The memcached flags.
    #[inline]
    pub(crate) fn flags(self) -> u32 {
        let shape = self.shape();
        if shape.bits & HAS_FLAGS == 0 { 0 } else { self.read(shape.field_at(HAS_FLAGS)) }
    }

    /// The compare-and-swap number; 0 when the entry has none yet.
    #[inline]
    pub(crate) fn cas(self) -> u64 {
        let shape = self.shape();
        if shape.bits & HAS_CAS == 0 { 0 } else { self.read(shape.field_at(HAS_CAS)) }
    }

    /// Gives the entry another compare-and-swap number if it has one.
    #[inline]
    pub(crate) fn renew_cas(self, cas: u64) {
        let shape = self.shape();
        if shape.bits & HAS_CAS != 0 {
            self.write(shape.field_at(HAS_CAS), cas);
        }
    }

    /// The marks.
    pub(crate) fn marks(self) -> Marks {
        let bits = self.bits();
        Marks { stale: bits & STALE != 0, won: bits & WON != 0, fetched: bits & FETCHED != 0 }
    }

    /// Sets the marks.
    pub(crate) fn set_marks(self, marks: Marks) {
        let mut bits = self.bits() & !(STALE | WON | FETCHED);
        for (on, bit) in [(marks.stale, STALE), (marks.won, WON), (marks.fetched, FETCHED)] {
            if on {
                bits |= bit;
            }
        }
        self.write(BITS_AT, bits);
    }

    /// True when the value is a string that grew in place.
    pub(crate) fn is_raw(self) -> bool {
        self.bits() & RAW != 0
    }

    /// Marks the value as a string that grew in place.
    pub(crate) fn set_raw(self) {
        self.write(BITS_AT, self.bits() | RAW);
    }

    /// Bytes of the allocation and of the large value behind it.
    #[inline]
    pub(crate) fn memory(self) -> usize {
        self.allocated() + self.value_memory()
    }

    /// Bytes of the allocation.
    #[inline]
    pub(crate) fn allocated(self) -> usize {
        self.shape().size()
    }

    /// Bytes of the large value behind the entry; 0 when it has none.
    #[inline]
    pub(crate) fn value_memory(self) -> usize {
        match self.bits() & KIND {
            SHARED => match self.string() {
                Str::Shared(shared) => shared_memory(shared),
                _ => 0,
            },
            OBJECT => self.value().collection_memory(),
            _ => 0,
        }
    }

    /// The policy's word: clock in the high 24 bits, frequency in the low 8.
    #[inline]
    pub(crate) fn clock_freq(self) -> u32 {
        self.read(CLOCK_AT)
    }

    /// Sets the policy's word.
    #[inline]
    pub(crate) fn set_clock_freq(self, word: u32) {
        self.write(CLOCK_AT, word);
    }

    /// The policy's place for the entry.
    #[inline]
    pub(crate) fn slot(self) -> u32 {
        self.read(SLOT_AT)
    }

    /// Sets the policy's place for the entry.
    #[inline]
    pub(crate) fn set_slot(self, slot: u32) {
        self.write(SLOT_AT, slot);
    }

    /// The address as a number below 2^48.
    #[inline]
    pub(crate) fn addr(self) -> usize {
        self.0.as_ptr().expose_provenance()
    }

    /// The entry at an address that [`EntryPtr::addr`] gave.
    ///
    /// # Safety
    /// The entry must not have been freed since.
    #[inline]
    pub(crate) unsafe fn from_addr(addr: usize) -> EntryPtr {
        // SAFETY: the address is that of a live entry, so it is not zero.
        EntryPtr(unsafe { NonNull::new_unchecked(with_exposed_provenance_mut(addr)) })
    }

    #[inline]
    fn bits(self) -> u16 {
        self.read(BITS_AT)
    }

    #[inline]
    fn klen(self, bits: u16) -> usize {
        if bits & WIDE_KLEN == 0 {
            return usize::from(self.read::<u8>(KLEN_AT));
        }
        let at = HEADER + EXTRA[usize::from(bits & (WIDE_KLEN - 1) & OPTIONAL)] as usize;
        self.read::<u32>(at) as usize
    }

    #[inline]
    fn shape(self) -> Shape {
        let bits = self.bits();
        let mut shape = Shape { bits, klen: self.klen(bits), vlen: usize::from(self.read::<u8>(VLEN_AT)) };
        if bits & WIDE_VLEN != 0 {
            shape.vlen = self.read::<u32>(shape.field_at(WIDE_VLEN)) as usize;
        }
        shape
    }

    /// Writes everything but clock and slot into an allocation that fits `shape`.
    #[inline]
    fn fill(self, shape: Shape, draft: Draft<'_>, with_key: bool) {
        self.write_header(shape, &draft.fields);
        if with_key {
            self.put_bytes(shape.key_at(), draft.key);
        }
        let at = shape.value_at();
        match draft.payload {
            Payload::Inline(bytes) => self.put_bytes(at, bytes),
            Payload::Int(value) => self.write(at, value),
            // SAFETY: the place is inside the allocation and aligned for an `Arc`; nothing there needs a drop.
            Payload::Shared(shared) => unsafe { self.0.as_ptr().add(at).cast::<Shared>().write(shared) },
            Payload::Cold(cold) => self.put_bytes(at, &cold.encode()[..cold.encoded_len()]),
            // SAFETY: the place has room for any collection and its alignment; nothing there needs a drop.
            Payload::Object(object) => unsafe { object.write_to(self.0.as_ptr().add(at)) },
        }
    }

    #[inline]
    fn write_header(self, shape: Shape, fields: &Fields) {
        if let Some(expiry) = fields.expiry {
            self.write(HEADER, expiry.at);
            self.write(HEADER + 8, expiry.index);
        }
        if fields.flags != 0 {
            self.write(shape.field_at(HAS_FLAGS), fields.flags);
        }
        if fields.cas != 0 {
            self.write(shape.field_at(HAS_CAS), fields.cas);
        }
        self.write_lengths(shape);
    }

    #[inline]
    fn write_lengths(self, shape: Shape) {
        self.write(BITS_AT, shape.bits);
        self.write(KLEN_AT, shape.klen as u8);
        self.write(VLEN_AT, shape.vlen as u8);
        if shape.bits & WIDE_KLEN != 0 {
            self.write(shape.field_at(WIDE_KLEN), shape.klen as u32);
        }
        if shape.bits & WIDE_VLEN != 0 {
            self.write(shape.field_at(WIDE_VLEN), shape.vlen as u32);
        }
    }

    /// Moves the large value or the collection out; the entry must then be overwritten or discarded.
    #[inline]
    fn move_heavy_out(self, shape: Shape) -> Option<Heavy> {
        if !shape.is_heavy() {
            return None;
        }
        // SAFETY: the place holds what the kind says, and the caller never reads it again.
        unsafe {
            let place = self.0.as_ptr().add(shape.value_at());
            Some(match shape.kind() {
                SHARED => Heavy::Shared(place.cast::<Shared>().read()),
                _ => Heavy::Object(Object::read_from(Type::of_number(shape.vlen as u8), place)),
            })
        }
    }

    #[inline]
    fn read<T: Copy>(self, at: usize) -> T {
        // SAFETY: offsets come from the entry's shape, so they lie inside the allocation; T is a plain number.
        unsafe { self.0.as_ptr().add(at).cast::<T>().read_unaligned() }
    }

    #[inline]
    fn write<T: Copy>(self, at: usize, value: T) {
        // SAFETY: as in `read`; the caller holds the keyspace exclusively.
        unsafe { self.0.as_ptr().add(at).cast::<T>().write_unaligned(value) }
    }

    #[inline]
    fn bytes<'a>(self, at: usize, len: usize) -> &'a [u8] {
        // SAFETY: the range comes from the entry's shape, so it lies inside the allocation and was written.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(at), len) }
    }

    #[inline]
    fn put_bytes(self, at: usize, data: &[u8]) {
        // SAFETY: the caller's shape has room for the data, which is never a part of the same entry.
        unsafe { data.as_ptr().copy_to_nonoverlapping(self.0.as_ptr().add(at), data.len()) }
    }
}

impl Keyed for EntryPtr {
    #[inline]
    fn address(self) -> NonNull<u8> {
        self.0
    }

    #[inline]
    unsafe fn at(address: NonNull<u8>) -> Self {
        EntryPtr(address)
    }

    #[inline]
    fn key<'a>(self) -> &'a [u8] {
        EntryPtr::key(self)
    }

    fn dispose(self) {
        drop(self.free());
    }
}

/// Bytes of a large value: the reference count's block, and the buffer.
pub(crate) fn shared_memory(shared: &Shared) -> usize {
    class_size(16 + size_of::<Vec<u8>>()) + class_size(shared.capacity())
}

/// Asks the processor to fetch a cache line.
#[inline]
pub(crate) fn prefetch(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: prefetching has no effect on memory, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

#[inline]
fn layout_of(size: usize) -> Layout {
    // SAFETY: the alignment is a power of two; sizes come from lengths of slices in memory, far below isize::MAX.
    unsafe { Layout::from_size_align_unchecked(size, ALIGN) }
}
