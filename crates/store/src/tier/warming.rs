//! From the disk to memory.

use super::{Cold, Copied, Fetched, Located, Place, Stored};
use crate::entry::{Draft, EntryPtr, Payload};
use crate::eviction::Space;
use crate::field_expiry::next_due;
use crate::keyspace::{Keyspace, Reason};
use crate::saving::Saver;
use crate::strings::taken;
use crate::tier::Encoding;
use crate::value::{Access, Head, Item, parse_canonical};

impl Keyspace {
    /// The entry of a key that has not expired, with its value in memory.
    #[inline]
    pub(crate) fn warm(&mut self, db: usize, hash: u64, key: &[u8]) -> Option<EntryPtr> {
        let entry = self.live(db, hash, key)?;
        if entry.is_cold() { self.fetch(db, hash, entry) } else { Some(entry) }
    }

    /// What is known of a key without its value. An expired one is removed first.
    #[inline]
    pub fn head(&mut self, db: usize, key: &[u8], access: Access) -> Option<Head<'_>> {
        let hash = self.hash(key);
        let entry = self.live(db, hash, key);
        self.note_access(db, hash, key, entry, access);
        entry.map(Head::new)
    }

    /// Where the value of a key lies, if that is on disk only.
    pub fn cold_place(&self, db: usize, key: &[u8]) -> Option<Place> {
        let entry = self.dbs[db].table.find(self.hash(key), key)?;
        let expired = entry.expire_at().is_some_and(|at| at <= self.now);
        (entry.is_cold() && !expired).then(|| entry.cold().place)
    }

    /// The value of a key whose value was on disk only, at that place, to be had without waiting for the disk.
    pub fn locate(&mut self, db: usize, key: &[u8], place: Place) -> Option<Located> {
        let entry = self.dbs[db].table.find(self.hash(key), key).filter(|entry| entry.is_cold())?;
        let cold = entry.cold();
        let tier = self.tier.as_mut().filter(|_| cold.place == place)?;
        tier.disk.locate(place, cold.length)
    }

    /// Takes a value that was read elsewhere; nothing if the key has changed since.
    pub fn supply(&mut self, db: usize, key: &[u8], place: Place, stored: Stored) {
        let hash = self.hash(key);
        let Some(entry) = self.live(db, hash, key).filter(|entry| entry.is_cold()) else {
            return;
        };
        let cold = entry.cold();
        let packing = cold.encoding.packing(&self.packing);
        if cold.place != place {
            return;
        }
        if let Some(tier) = &mut self.tier
            && let Some(fetched) = tier.disk.open(stored, &packing)
        {
            self.thaw(db, hash, entry, cold, fetched);
        }
    }

    /// As [`Keyspace::supply`], for a value that nobody has asked for: it stays, and is no hit. Whether it was taken.
    pub fn warm_up(&mut self, db: usize, key: &[u8], place: Place, stored: Stored) -> bool {
        let hash = self.hash(key);
        let entry = self.live(db, hash, key).filter(|entry| entry.is_cold());
        let Some(entry) = entry.filter(|entry| entry.cold().place == place) else { return false };
        let now = (self.now / 1000) as u32;
        let cold = Cold { hit: now.max(1), ..entry.cold() };
        let packing = cold.encoding.packing(&self.packing);
        let Some(stats) = self.tier.as_ref().map(|tier| tier.stats) else { return false };
        let fetched = self.tier.as_ref().and_then(|tier| tier.disk.open(stored, &packing));
        let Some(fetched) = fetched else { return false };
        self.thaw(db, hash, entry, cold, fetched);
        if let Some(tier) = &mut self.tier {
            tier.stats = stats;
        }
        true
    }

    /// Brings a cold value to memory. `None` when its record can't be read: then the key leaves, as a value that nobody
    /// has is no value.
    #[cold]
    pub(crate) fn fetch(&mut self, db: usize, hash: u64, entry: EntryPtr) -> Option<EntryPtr> {
        let cold = entry.cold();
        let packing = cold.encoding.packing(&self.packing);
        let tier = self.tier.as_mut()?;
        tier.stats.blocking_hits += 1;
        match tier.disk.read(cold.place, cold.length, &packing) {
            Some(fetched) => Some(self.thaw(db, hash, entry, cold, fetched)),
            None => {
                self.lose(db, hash, entry);
                None
            }
        }
    }

    /// Drops an entry whose record can't be read.
    pub(crate) fn lose(&mut self, db: usize, hash: u64, entry: EntryPtr) {
        if let Some(tier) = &mut self.tier {
            tier.stats.lost += 1;
        }
        self.drop_entry(db, hash, entry);
    }

    /// Evicts an entry that the policy doesn't know any more.
    pub(crate) fn drop_entry(&mut self, db: usize, hash: u64, entry: EntryPtr) {
        self.note_removed(db, entry, Reason::Evicted);
        self.stats.evicted += 1;
        self.detach(db, hash, entry);
        self.bury(entry);
    }

    fn thaw(&mut self, db: usize, hash: u64, entry: EntryPtr, cold: Cold, fetched: Fetched) -> EntryPtr {
        let now = (self.now / 1000) as u32;
        let space = self.dbs[db].space;
        let mut bytes = Vec::new();
        let new = self.exchange(db, hash, entry, payload(&cold, fetched, &mut bytes));
        let Some(tier) = &mut self.tier else { return new };
        let passing = cold.hit == 0 || now.wrapping_sub(cold.hit) > tier.rules.window_s;
        tier.cold -= 1;
        tier.stats.hits += 1;
        tier.stats.read_bytes += u64::from(cold.place.len);
        tier.copies.insert(new.addr(), Copied { place: cold.place, passing, hit: now.max(1) });
        new.set_copied(true);
        if passing {
            tier.passing.push((space, new.key().into()));
        } else {
            tier.stats.promoted += 1;
            self.enlist(db, hash, new);
        }
        new
    }

    /// Gives an entry its value in another form; everything else about it stays.
    pub(crate) fn exchange(&mut self, db: usize, hash: u64, old: EntryPtr, payload: Payload<'_>) -> EntryPtr {
        let due = next_due(old);
        let (fields, before) = (old.fields(), old.memory());
        let new = EntryPtr::create(Draft { key: old.key(), fields, payload, raw: old.is_raw() });
        new.set_clock_freq(old.clock_freq());
        new.set_slot(old.slot());
        new.set_marks(old.marks());
        new.set_seen(old.seen());
        self.eviction.on_realloc(old, new);
        self.dbs[db].table.replace(hash, old, new);
        if let Some(expiry) = fields.expiry {
            self.dbs[db].volatile.replace(expiry.index, new);
        }
        self.entry_bytes = self.entry_bytes + new.memory() - before;
        let value = old.free();
        self.bury_value(value);
        self.note_due(db, new.key(), due, next_due(new));
        new
    }

    /// Shows a cold entry to a save, with a value that only the save sees; false when it can't be read.
    pub(crate) fn show_cold(&mut self, saver: &mut dyn Saver, name: usize, entry: EntryPtr) -> bool {
        let cold = entry.cold();
        let packing = cold.encoding.packing(&self.packing);
        let Some(fetched) =
            self.tier.as_mut().and_then(|tier| tier.disk.read(cold.place, cold.length, &packing))
        else {
            return false;
        };
        let mut bytes = Vec::new();
        let payload = payload(&cold, fetched, &mut bytes);
        let shown = EntryPtr::create(Draft {
            key: entry.key(),
            fields: entry.fields(),
            payload,
            raw: entry.is_raw(),
        });
        shown.set_clock_freq(entry.clock_freq());
        shown.set_marks(entry.marks());
        saver.save(name, Item::new(shown));
        drop(shown.free());
        true
    }

    /// The entry of a key in the database of that space.
    pub(crate) fn entry_in(&self, space: Space, key: &[u8]) -> Option<(usize, u64, EntryPtr)> {
        let db = usize::from(*self.db_of_space.get(usize::from(space))?);
        let hash = self.hash(key);
        Some((db, hash, self.dbs[db].table.find(hash, key)?))
    }
}

/// The value as an entry takes it, in the form that it had.
fn payload<'a>(cold: &Cold, fetched: Fetched, bytes: &'a mut Vec<u8>) -> Payload<'a> {
    match fetched {
        Fetched::Object(object) => Payload::Object(object),
        Fetched::Str(text) => {
            *bytes = text;
            match parse_canonical(bytes).filter(|_| cold.encoding == Encoding::Int) {
                Some(number) => Payload::Int(number),
                None => taken(bytes),
            }
        }
    }
}
