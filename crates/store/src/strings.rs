//! Writing strings: whole, at the ends, in the middle, as integers.
//!
//! Owns the choice between the three forms of a string. Short values lie in the entry; those above [`INLINE_MAX`] bytes
//! have an allocation of their own, which replies share and APPEND grows in place.

use crate::entry::{Draft, EntryPtr, Fields, Marks, Payload, shared_memory};
use crate::keyspace::Keyspace;
use crate::value::{NewValue, Put, Str, parse_canonical};
use std::mem::take;
use std::sync::Arc;

/// The longest value that lies in its entry.
const INLINE_MAX: usize = 4096;

/// What a put did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutOutcome {
    /// The key existed.
    pub replaced: bool,
}

/// Where data go that are added to a string.
#[derive(Clone, Copy)]
enum End {
    Front,
    Back,
}

impl Keyspace {
    /// Sets the value, expiry and flags of a key. An entry that has a compare-and-swap number gets a new one.
    #[inline]
    pub fn put(&mut self, db: usize, key: &[u8], put: Put<'_>) -> PutOutcome {
        self.put_hashed(db, self.hash(key), key, put)
    }

    /// [`Keyspace::put`] with the key's hash.
    pub fn put_hashed(&mut self, db: usize, hash: u64, key: &[u8], put: Put<'_>) -> PutOutcome {
        let payload = match put.value {
            NewValue::Bytes(bytes) => payload_of(bytes),
            NewValue::Shared(ref bytes) if bytes.len() <= INLINE_MAX => payload_of(bytes),
            NewValue::Shared(ref bytes) => Payload::Shared(Arc::clone(bytes)),
            NewValue::Int(value) => Payload::Int(value),
        };
        let old = self.live(db, hash, key);
        let expiry = self.expiry_for(db, put.ttl, old.and_then(EntryPtr::expiry));
        let mut fields = Fields { expiry, flags: put.flags.unwrap_or(0), cas: 0 };
        let Some(old) = old else {
            self.add(db, hash, key, fields, payload, false);
            return PutOutcome { replaced: false };
        };
        self.before_change(db, old);
        let in_place = matches!(&payload, Payload::Inline(bytes) if old.overwrite_alike(&fields, bytes));
        let new = if in_place {
            old
        } else {
            fields.cas = self.next_cas_of(old);
            let draft = Draft { key, fields, payload, raw: false };
            self.rewrite(db, hash, old, draft)
        };
        self.eviction.on_access(new, hash);
        self.note_change(db, key);
        PutOutcome { replaced: true }
    }

    /// Sets an integer, in place if the key holds one; expiry and flags stay, in place the marks too (as in memcached).
    #[inline]
    pub fn set_int(&mut self, db: usize, key: &[u8], value: i64) {
        self.set_int_hashed(db, self.hash(key), key, value);
    }

    /// [`Keyspace::set_int`] with the key's hash.
    pub fn set_int_hashed(&mut self, db: usize, hash: u64, key: &[u8], value: i64) {
        let Some(entry) = self.live(db, hash, key) else {
            return self.add(db, hash, key, Fields::default(), Payload::Int(value), false);
        };
        self.before_change(db, entry);
        let entry = if entry.set_int(value) {
            entry.renew_cas(self.next_cas_of(entry));
            entry
        } else {
            let fields = self.changed_fields(entry);
            let payload = Payload::Int(value);
            self.rewrite(db, hash, entry, Draft { key, fields, payload, raw: false })
        };
        self.eviction.on_access(entry, hash);
        self.note_change(db, key);
    }

    /// Adds data to the end of a string and returns its new length. A missing key is created; expiry and flags stay.
    pub fn append(&mut self, db: usize, key: &[u8], data: &[u8]) -> usize {
        self.extend(db, key, data, End::Back)
    }

    /// Adds data to the front of a string and returns its new length. A missing key is created; expiry and flags stay.
    pub fn prepend(&mut self, db: usize, key: &[u8], data: &[u8]) -> usize {
        self.extend(db, key, data, End::Front)
    }

    fn extend(&mut self, db: usize, key: &[u8], data: &[u8], end: End) -> usize {
        let hash = self.hash(key);
        let Some(entry) = self.warm(db, hash, key) else {
            self.add(db, hash, key, Fields::default(), payload_of(data), false);
            return data.len();
        };
        self.before_change(db, entry);
        let len = entry.string().len() + data.len();
        if matches!(entry.string(), Str::Shared(_)) {
            self.change_shared(entry, |vec| insert_at(vec, end, data));
        } else if !matches!(end, End::Back) || len > INLINE_MAX || !entry.append_in_place(data) {
            let mut bytes = Vec::with_capacity(if len > INLINE_MAX { len + len / 4 } else { len });
            bytes.extend_from_slice(entry.string().as_bytes(&mut itoa::Buffer::new()));
            insert_at(&mut bytes, end, data);
            self.replace_string(db, hash, key, entry, bytes);
            return len;
        }
        self.changed_in_place(db, entry, hash);
        len
    }

    /// Overwrites part of a string, after padding it with zeros up to `offset`, and returns its new length.
    ///
    /// A missing key is created; expiry and flags stay. Empty data change nothing.
    pub fn set_range(&mut self, db: usize, key: &[u8], offset: usize, data: &[u8]) -> usize {
        let hash = self.hash(key);
        let entry = self.warm(db, hash, key);
        if data.is_empty() {
            return entry.map_or(0, |entry| entry.string().len());
        }
        let end = offset + data.len();
        let Some(entry) = entry else {
            let mut bytes = vec![0; end];
            bytes[offset..].copy_from_slice(data);
            self.add(db, hash, key, Fields::default(), taken(&mut bytes), true);
            return end;
        };
        self.before_change(db, entry);
        let len = entry.string().len().max(end);
        if matches!(entry.string(), Str::Shared(_)) {
            self.change_shared(entry, |vec| write_at(vec, offset, data));
        } else if let Some(place) = entry.inline_mut().and_then(|bytes| bytes.get_mut(offset..end)) {
            place.copy_from_slice(data);
            entry.set_raw();
        } else {
            let mut bytes = entry.string().to_vec();
            write_at(&mut bytes, offset, data);
            self.replace_string(db, hash, key, entry, bytes);
            return len;
        }
        self.changed_in_place(db, entry, hash);
        len
    }

    /// Gives an entry another string, kept as bytes; expiry and flags stay.
    fn replace_string(&mut self, db: usize, hash: u64, key: &[u8], old: EntryPtr, mut bytes: Vec<u8>) {
        let fields = self.changed_fields(old);
        let new = self.rewrite(db, hash, old, Draft { key, fields, payload: taken(&mut bytes), raw: true });
        self.eviction.on_access(new, hash);
        self.note_change(db, key);
    }

    /// The value of an entry was changed where it lies.
    #[inline]
    pub(crate) fn changed_in_place(&mut self, db: usize, entry: EntryPtr, hash: u64) {
        entry.renew_cas(self.next_cas_of(entry));
        entry.set_marks(Marks::default());
        self.eviction.on_access(entry, hash);
        self.note_change(db, entry.key());
    }

    /// Changes a large value: in place when nobody else holds it, else in a copy.
    fn change_shared(&mut self, entry: EntryPtr, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(shared) = entry.shared_mut() {
            let before = shared_memory(shared);
            change(Arc::make_mut(shared));
            self.entry_bytes = self.entry_bytes + shared_memory(shared) - before;
            entry.set_raw();
        }
    }
}

/// The cheapest form of a string.
#[inline]
pub(crate) fn payload_of(bytes: &[u8]) -> Payload<'_> {
    match parse_canonical(bytes) {
        Some(value) => Payload::Int(value),
        None => raw_payload(bytes),
    }
}

/// The form of a string that is kept as bytes even when it spells an integer.
#[inline]
fn raw_payload(bytes: &[u8]) -> Payload<'_> {
    if bytes.len() <= INLINE_MAX { Payload::Inline(bytes) } else { Payload::Shared(Arc::new(bytes.to_vec())) }
}

/// The same of bytes that nobody else needs: many are not copied.
pub(crate) fn taken(bytes: &mut Vec<u8>) -> Payload<'_> {
    if bytes.len() <= INLINE_MAX { Payload::Inline(bytes) } else { Payload::Shared(Arc::new(take(bytes))) }
}

/// Inserts data at one end of a string.
fn insert_at(bytes: &mut Vec<u8>, end: End, data: &[u8]) {
    match end {
        End::Back => bytes.extend_from_slice(data),
        End::Front => drop(bytes.splice(..0, data.iter().copied())),
    }
}

/// Writes data at an offset, with zeros before it where the string is shorter.
fn write_at(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}
