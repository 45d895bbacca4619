//! Keys that change their name or their database, and databases that change places.
//!
//! Owns the rule that expiry, flags and age travel with the value, and that a compare-and-swap number does not survive.

use crate::collections::Collection;
use crate::entry::{Draft, EntryPtr, Expiry, Fields, Payload};
use crate::keyspace::Keyspace;
use crate::value::{Str, Value};
use std::sync::Arc;

impl Keyspace {
    /// Gives the value of `from` to `to`, whose own value is removed; false when `from` is missing.
    pub fn rename(&mut self, db: usize, from: &[u8], to: &[u8]) -> bool {
        let (hash, to_hash) = (self.hash(from), self.hash(to));
        let Some(entry) = self.live(db, hash, from) else {
            return false;
        };
        if from == to {
            return true;
        }
        if self.live(db, to_hash, to).is_some() {
            self.remove_hashed(db, to_hash, to);
        }
        let Some(entry) = self.readdress(db, entry, db, to) else {
            return false;
        };
        self.unlink(db, hash, entry);
        let fields = self.fields_in(db, entry);
        self.entry_bytes -= entry.memory();
        let moved = entry.moved_to(to, fields);
        self.follow_copy(entry, moved);
        entry.discard();
        self.link_again(db, to_hash, moved);
        self.note_change(db, from);
        self.note_change(db, to);
        true
    }

    /// Moves a key to another database; false when it is missing here, or exists there.
    pub fn move_key(&mut self, db: usize, key: &[u8], to_db: usize) -> bool {
        let hash = self.hash(key);
        if db == to_db || self.live(to_db, hash, key).is_some() {
            return false;
        }
        let Some(entry) = self.live(db, hash, key) else {
            return false;
        };
        let Some(entry) = self.readdress(db, entry, to_db, key) else {
            return false;
        };
        self.unlink(db, hash, entry);
        self.entry_bytes -= entry.memory();
        if entry.expiry().is_some() {
            entry.set_volatile_index(self.dbs[to_db].volatile.next_index());
        }
        self.link_again(to_db, hash, entry);
        self.note_change(db, key);
        self.note_change(to_db, key);
        true
    }

    /// Copies the value of `from` to `to` in another or the same database, in place of what is there; false when `from`
    /// is missing. A large value is shared until one of the two changes.
    pub fn copy(&mut self, db: usize, from: &[u8], to_db: usize, to: &[u8]) -> bool {
        let (hash, to_hash) = (self.hash(from), self.hash(to));
        if self.live(db, hash, from).is_none() {
            return false;
        }
        if db == to_db && from == to {
            return true;
        }
        if self.live(to_db, to_hash, to).is_some() {
            self.remove_hashed(to_db, to_hash, to);
        }
        let Some(entry) = self.warm(db, hash, from) else {
            return false;
        };
        let payload = match entry.value() {
            Value::Str(Str::Inline(bytes)) => Payload::Inline(bytes),
            Value::Str(Str::Int(value)) => Payload::Int(value),
            Value::Str(Str::Shared(shared)) => Payload::Shared(Arc::clone(shared)),
            Value::List(list) => Payload::Object(list.duplicate().into_object()),
            Value::Set(set) => Payload::Object(set.duplicate().into_object()),
            Value::Zset(zset) => Payload::Object(zset.duplicate().into_object()),
            Value::Hash(hash) => Payload::Object(hash.duplicate().into_object()),
            Value::Stream(stream) => Payload::Object(stream.duplicate().into_object()),
        };
        let fields = self.fields_in(to_db, entry);
        let copied = EntryPtr::create(Draft { key: to, fields, payload, raw: entry.is_raw() });
        self.link(to_db, to_hash, copied);
        self.note_change(to_db, to);
        true
    }

    /// Exchanges the contents of two databases, at once.
    pub fn swap(&mut self, a: usize, b: usize) {
        self.dbs.swap(a, b);
        for db in [a, b] {
            self.db_of_space[usize::from(self.dbs[db].space)] = db as u16;
            self.note_database(db);
        }
        self.tell_spaces(None);
    }

    /// Adds an entry that was unlinked elsewhere; it stays as recent as it was.
    fn link_again(&mut self, db: usize, hash: u64, entry: EntryPtr) {
        let recency = entry.clock_freq();
        entry.set_slot(0);
        self.link(db, hash, entry);
        entry.set_clock_freq(recency);
        if entry.has_record() {
            self.tell_changed(db, entry);
        }
    }

    /// The fields that an entry takes along to a new place in that database.
    fn fields_in(&self, db: usize, entry: EntryPtr) -> Fields {
        let index = self.dbs[db].volatile.next_index();
        let expiry = entry.expire_at().map(|at| Expiry { at, index });
        Fields { expiry, flags: entry.flags(), cas: 0 }
    }
}
