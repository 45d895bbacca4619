//! Elements of collections whose time is over: fields of hashes.
//!
//! Owns the list of keys that hold such elements, by when the next one is due. A key stands in it exactly as long as it
//! holds one: the list follows `link`, `detach`, `rewrite` and every edit, so a deleted key leaves nothing behind.

use crate::collections::{Collection, Hash};
use crate::entry::EntryPtr;
use crate::keyspace::{Keyspace, Notice, Reason};
use crate::object::Type;
use crate::size_class::class_size;
use crate::value::Value;
use std::collections::BTreeSet;

/// What a line costs beside its key: a leaf's share.
const LINE_BYTES: usize = 40;
/// Fields that an access removes itself; more are hidden from it and leave by active expiry.
const LAZILY: usize = 1000;

/// Keys of one database by the time at which their next element expires.
#[derive(Default)]
pub(crate) struct DueKeys {
    lines: BTreeSet<(i64, Box<[u8]>)>,
    bytes: usize,
}

impl DueKeys {
    /// Bytes taken from the allocator.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Moves a key's line from one time to another.
    #[inline]
    pub(crate) fn change(&mut self, key: &[u8], from: Option<i64>, to: Option<i64>) {
        if from != to {
            self.move_line(key, from, to);
        }
    }

    #[cold]
    fn move_line(&mut self, key: &[u8], from: Option<i64>, to: Option<i64>) {
        let cost = LINE_BYTES + class_size(key.len());
        if let Some(from) = from
            && self.lines.remove(&(from, key.into()))
        {
            self.bytes -= cost;
        }
        if let Some(to) = to
            && self.lines.insert((to, key.into()))
        {
            self.bytes += cost;
        }
    }

    /// A key with an element that is due.
    fn first(&self, now: i64) -> Option<&[u8]> {
        self.lines.first().filter(|(at, _)| *at <= now).map(|(_, key)| &**key)
    }
}

/// When the next element of the entry's value expires.
#[inline]
pub(crate) fn next_due(entry: EntryPtr) -> Option<i64> {
    if entry.type_of() != Type::Hash {
        return None;
    }
    if entry.is_cold() {
        return entry.cold().due;
    }
    match entry.value() {
        Value::Hash(hash) => hash.next_due(),
        _ => None,
    }
}

/// The hash in an entry that holds one; only for who has the keyspace exclusively.
#[inline]
fn hash_in<'a>(entry: EntryPtr) -> &'a mut Hash {
    debug_assert!(entry.type_of() == Type::Hash);
    // SAFETY: the callers have the type from the entry, or from a time that is due, and borrow the keyspace exclusively.
    unsafe { &mut *entry.object_place().cast::<Hash>() }
}

impl Keyspace {
    /// Removes the fields of a hash whose time is over before somebody looks at it; `None` when it is empty then.
    #[inline]
    pub(crate) fn without_due(&mut self, db: usize, hash: u64, entry: EntryPtr) -> Option<EntryPtr> {
        if entry.type_of() != Type::Hash {
            return Some(entry);
        }
        let mut entry = entry;
        if entry.is_cold() {
            if next_due(entry).is_none_or(|at| at > self.now) {
                return Some(entry);
            }
            entry = self.fetch(db, hash, entry)?;
        }
        let value = hash_in(entry);
        value.set_now(self.now);
        match value.next_due() {
            Some(at) if at <= self.now => self.remove_due(db, hash, entry, LAZILY),
            _ => Some(entry),
        }
    }

    /// Removes fields whose time is over, having removed no more than `max_fields`, and returns how many it removed.
    pub fn active_field_expire(&mut self, max_fields: usize) -> usize {
        let mut left = max_fields;
        for db in 0..self.dbs.len() {
            while left > 0
                && let Some(key) = self.dbs[db].due.first(self.now).map(<[u8]>::to_vec)
            {
                let hash = self.hash(&key);
                let before = self.stats.expired_fields;
                // A key that itself has expired leaves with its line.
                let entry = self.dbs[db].table.find(hash, &key);
                let entry = entry.and_then(|entry| self.unexpired(db, hash, entry));
                let cold = entry.is_some_and(|entry| entry.is_cold());
                let entry = if cold { entry.and_then(|entry| self.fetch(db, hash, entry)) } else { entry };
                if let Some(entry) = entry {
                    hash_in(entry).set_now(self.now);
                    self.remove_due(db, hash, entry, left);
                }
                left -= ((self.stats.expired_fields - before) as usize).clamp(1, left);
            }
        }
        max_fields - left
    }

    #[cold]
    pub(crate) fn remove_due(
        &mut self,
        db: usize,
        hash: u64,
        entry: EntryPtr,
        max: usize,
    ) -> Option<EntryPtr> {
        self.before_change(db, entry);
        let value = hash_in(entry);
        let (memory, from) = (value.memory(), value.next_due());
        let fields = value.take_due(max);
        let (empty, after, next) = (value.is_empty(), value.memory(), value.next_due());
        self.entry_bytes = self.entry_bytes + after - memory;
        self.note_due(db, entry.key(), from, next);
        self.stats.expired_fields += fields.len() as u64;
        self.notices.push(Notice { db, key: entry.key().into(), reason: Reason::Expired, fields });
        self.note_left(db, entry.key());
        if empty {
            self.unlink(db, hash, entry);
            self.bury(entry);
            return None;
        }
        Some(entry)
    }

    /// A key's next time has changed.
    #[inline]
    pub(crate) fn note_due(&mut self, db: usize, key: &[u8], from: Option<i64>, to: Option<i64>) {
        if from != to {
            let due = &mut self.dbs[db].due;
            let before = due.bytes();
            due.change(key, from, to);
            self.index_bytes = self.index_bytes + due.bytes() - before;
        }
    }
}
