//! Room on the disk: what is still of use in a segment that has to go is carried on.

use super::Sweep;
use crate::entry::EntryPtr;
use crate::eviction::PolicyKind;
use crate::keyspace::Keyspace;
use crate::value::Head;

impl Keyspace {
    /// Works on for a moment where the disk needs room; false when there is nothing to do.
    pub fn sweep_some(&mut self) -> bool {
        let Some(Sweep { records, changed, scarce }) = self.tier.as_mut().and_then(|tier| tier.disk.sweep())
        else {
            return false;
        };
        for found in records {
            let Some((db, hash, entry)) = self.entry_in(found.space, &found.key) else { continue };
            if self.place_of(entry) != Some(found.place) {
                continue;
            }
            if entry.expire_at().is_some_and(|at| at <= self.now) {
                self.expire(db, hash, entry);
                continue;
            }
            let must_stay = self.must_stay(entry);
            let goes = scarce && !must_stay && !self.is_wanted(entry);
            if goes || !self.carry(db, entry, scarce, must_stay) {
                self.give_up(db, hash, entry, must_stay);
            }
        }
        for found in changed {
            // Another name, or another record: then something later tells of it.
            if let Some((db, _, entry)) = self.entry_in(found.space, &found.key)
                && self.place_of(entry) == Some(found.place)
            {
                self.tell_changed(db, entry);
            }
        }
        true
    }

    /// Whether the record of an entry is all that there is of a value which the policy never lets go.
    fn must_stay(&self, entry: EntryPtr) -> bool {
        let kind = self.eviction.kind();
        let is_kept = kind == PolicyKind::NoEviction || kind.volatile_only() && entry.expire_at().is_none();
        is_kept && entry.is_cold()
    }

    /// Whether a value was asked for since it came to the disk.
    fn is_wanted(&self, entry: EntryPtr) -> bool {
        entry.is_cold() && entry.cold().hit != 0
    }

    /// Has an entry's record written elsewhere.
    fn carry(&mut self, db: usize, entry: EntryPtr, scarce: bool, must_stay: bool) -> bool {
        let space = self.dbs[db].space;
        let Some(place) = self.place_of(entry) else { return false };
        let Some(tier) = &mut self.tier else { return false };
        let Some(new) = tier.disk.carry(place, space, &Head::new(entry), must_stay) else {
            return false;
        };
        if entry.is_cold() {
            let mut cold = entry.cold();
            cold.place = new;
            if scarce {
                // It has to be asked for again to be carried on the next time.
                cold.hit = 0;
            }
            entry.set_cold(&cold);
        } else if let Some(copied) = tier.copies.get_mut(&entry.addr()) {
            copied.place = new;
        }
        true
    }

    /// The record of an entry goes. A value that is in memory, too, stays there; one that must stay comes there.
    fn give_up(&mut self, db: usize, hash: u64, entry: EntryPtr, must_stay: bool) {
        let entry = match must_stay {
            true => self.fetch(db, hash, entry),
            false => Some(entry),
        };
        // One that can't be read is lost.
        let Some(entry) = entry else { return };
        if entry.is_copied() {
            return self.spoil(db, entry);
        }
        if let Some(tier) = &mut self.tier {
            tier.stats.dropped += 1;
        }
        self.drop_entry(db, hash, entry);
    }
}
