//! Collections in the keyspace: looked at and changed in place.
//!
//! Owns what every change of a collection entails, so that no type can forget it: the size is counted again, an empty
//! value leaves, the key counts as changed.

use crate::collections::Collection;
use crate::entry::{Draft, EntryPtr, Fields, Marks, Payload};
use crate::keyspace::Keyspace;
use crate::object::Object;
use crate::value::{Access, Ttl};

/// The key holds a value of another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

impl Keyspace {
    /// The collection at `key`, if there is any.
    pub fn collection<C: Collection>(
        &mut self,
        db: usize,
        key: &[u8],
        access: Access,
    ) -> Result<Option<&C>, WrongType> {
        let hash = self.hash(key);
        let Some(entry) = self.accessed(db, hash, key, access) else {
            return Ok(None);
        };
        if entry.type_of() != C::TYPE {
            return Err(WrongType);
        }
        // SAFETY: the type was checked, and the reference borrows the keyspace.
        Ok(Some(unsafe { &*entry.object_place().cast::<C>() }))
    }

    /// Changes the collection at `key` in place; `None` when the key is missing. The closure returns its result and
    /// whether it changed anything. A collection that is empty afterwards leaves with its key.
    pub fn edit<C: Collection, R>(
        &mut self,
        db: usize,
        key: &[u8],
        change: impl FnOnce(&mut C) -> (R, bool),
    ) -> Result<Option<R>, WrongType> {
        let hash = self.hash(key);
        let Some(entry) = self.warm(db, hash, key) else {
            return Ok(None);
        };
        self.edit_entry(db, hash, entry, change).map(Some)
    }

    /// [`Keyspace::edit`] of what stands beside the value, such as a stream's groups: it counts as a change, but those who
    /// watch the key don't hear of it.
    pub fn edit_aside<C: Collection, R>(
        &mut self,
        db: usize,
        key: &[u8],
        change: impl FnOnce(&mut C) -> (R, bool),
    ) -> Result<Option<R>, WrongType> {
        // A key that expires just now is still told of.
        if self.live(db, self.hash(key), key).is_none() {
            return Ok(None);
        }
        let observed = std::mem::replace(&mut self.observed, false);
        let done = self.edit(db, key, change);
        self.observed = observed;
        done
    }

    /// [`Keyspace::edit`] that starts with an empty collection where the key is missing.
    pub fn edit_or_create<C: Collection + Default, R>(
        &mut self,
        db: usize,
        key: &[u8],
        change: impl FnOnce(&mut C) -> (R, bool),
    ) -> Result<R, WrongType> {
        let hash = self.hash(key);
        if let Some(entry) = self.warm(db, hash, key) {
            return self.edit_entry(db, hash, entry, change);
        }
        let mut value = C::default();
        let (result, changed) = change(&mut value);
        if changed && !value.is_empty() {
            let payload = Payload::Object(value.into_object());
            self.add(db, hash, key, Fields::default(), payload, false);
        }
        Ok(result)
    }

    fn edit_entry<C: Collection, R>(
        &mut self,
        db: usize,
        hash: u64,
        entry: EntryPtr,
        change: impl FnOnce(&mut C) -> (R, bool),
    ) -> Result<R, WrongType> {
        if entry.type_of() != C::TYPE {
            return Err(WrongType);
        }
        self.before_change(db, entry);
        // SAFETY: the type was checked; the keyspace is borrowed exclusively, and nothing else reaches the entry.
        let value = unsafe { &mut *entry.object_place().cast::<C>() };
        let (before, due) = (value.memory(), value.next_due());
        let (result, changed) = change(value);
        // Also a change that says it is none may have moved memory.
        self.entry_bytes = self.entry_bytes + value.memory() - before;
        let empty = value.is_empty();
        let next = value.next_due();
        self.note_due(db, entry.key(), due, next);
        self.eviction.on_access(entry, hash);
        if changed {
            self.note_change(db, entry.key());
            entry.renew_cas(self.next_cas_of(entry));
            entry.set_marks(Marks::default());
        }
        if empty {
            self.unlink(db, hash, entry);
            self.bury(entry);
        }
        Ok(result)
    }

    /// Puts a whole collection in place of whatever the key held; an empty one removes the key. Flags become 0.
    pub fn put_object(&mut self, db: usize, key: &[u8], object: Object, ttl: Ttl) {
        let hash = self.hash(key);
        if object.is_empty() {
            self.remove_hashed(db, hash, key);
            return;
        }
        let old = self.live(db, hash, key);
        let expiry = self.expiry_for(db, ttl, old.and_then(EntryPtr::expiry));
        let mut fields = Fields { expiry, flags: 0, cas: 0 };
        let payload = Payload::Object(object);
        let Some(old) = old else {
            return self.add(db, hash, key, fields, payload, false);
        };
        fields.cas = self.next_cas_of(old);
        let new = self.rewrite(db, hash, old, Draft { key, fields, payload, raw: false });
        self.eviction.on_access(new, hash);
        self.note_change(db, key);
    }

    /// A seed for [`crate::Random`], for random choices inside a collection.
    pub fn random_seed(&mut self) -> u64 {
        self.random.next()
    }
}
