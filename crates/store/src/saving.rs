//! A save: every entry as it was at one moment, seen in slices while commands go on.
//!
//! Owns the promise that a save sees each entry of its moment exactly once. Every entry has a bit. When a save begins,
//! the keyspace's own bit turns, so all entries are unseen without one of them being touched; from then on whatever is
//! seen, or made, gets the new bit. The walk shows the unseen ones, and whoever is about to change or remove an unseen
//! entry shows it first. So memory stays as it is, and no request waits longer than for the entry it changes. Databases
//! keep the numbers they had, however they are swapped meanwhile, and a flushed one is shown while it is freed.

use crate::entry::EntryPtr;
use crate::eviction::Space;
use crate::keyspace::Keyspace;
use crate::value::Item;

/// Entries that a walk sees between two looks at its bound.
const WALK: usize = 32;

/// What takes the entries of a save.
pub trait Saver: Send {
    /// Takes an entry of a database.
    fn save(&mut self, db: usize, item: Item<'_>);

    /// An entry can't be shown: the save is worth nothing.
    fn fail(&mut self, why: String);

    /// Everything was seen. A saver that is dropped without it was given up.
    fn finish(self: Box<Self>);
}

/// A save that is under way.
pub(crate) struct Saving {
    /// `None` once it was given up: then the walk only gives all entries the same bit again.
    saver: Option<Box<dyn Saver>>,
    /// The number that each space's database had when the save began.
    names: Vec<usize>,
    /// Where the walk is.
    space: usize,
    cursor: u64,
}

impl Saving {
    /// The number of a database when the save began.
    pub(crate) fn name(&self, space: Space) -> usize {
        self.names.get(usize::from(space)).copied().unwrap_or(0)
    }
}

impl Keyspace {
    /// Begins a save of what is stored now; false while another one is under way.
    pub fn begin_save(&mut self, saver: Box<dyn Saver>) -> bool {
        if self.saving.is_some() {
            return false;
        }
        let names = self.db_of_space.iter().map(|db| usize::from(*db)).collect();
        self.saving = Some(Box::new(Saving { saver: Some(saver), names, space: 0, cursor: 0 }));
        self.seen = !self.seen;
        true
    }

    /// Whether a save is under way, or one that was given up is not yet cleared away.
    pub fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Gives a running save up: its saver is dropped.
    pub fn abort_save(&mut self) {
        if let Some(saving) = &mut self.saving {
            saving.saver = None;
        }
    }

    /// Walks on over some entries; the saver when everything was seen (or the save was given up).
    ///
    /// Returns whether it is over, and the saver that has seen everything then.
    pub fn save_step(&mut self) -> (bool, Option<Box<dyn Saver>>) {
        let Some(saving) = &self.saving else {
            return (true, None);
        };
        let space = saving.space;
        if let Some(db) = self.db_of_space.get(space).copied() {
            self.walk_unseen(usize::from(db), space);
            return (false, None);
        }
        if self.detached.is_awaited() {
            self.free_step(WALK);
            return (false, None);
        }
        (true, self.saving.take().and_then(|saving| saving.saver))
    }

    fn walk_unseen(&mut self, db: usize, space: usize) {
        let Some(mut saving) = self.saving.take() else {
            return;
        };
        let name = saving.name(space as Space);
        let (seen, cursor) = (self.seen, saving.cursor);
        let mut cold = Vec::new();
        saving.cursor = self.dbs[db].table.walk(cursor, WALK, &mut |entry| {
            if saving.see(seen, name, entry) {
                cold.push(entry);
            }
        });
        for entry in cold {
            if !self.show_to(&mut saving, name, entry) {
                // A value that nobody has any more: its key leaves here as it would for whoever reads it.
                self.lose(db, self.hash(entry.key()), entry);
            }
        }
        if saving.cursor == 0 {
            saving.space += 1;
        }
        self.saving = Some(saving);
    }

    /// The value of an entry is about to change.
    #[inline]
    pub(crate) fn before_change(&mut self, db: usize, entry: EntryPtr) {
        self.shown(db, entry);
        if entry.is_copied() {
            self.spoil(db, entry);
        }
    }

    /// An entry is about to change, though not its value, or to leave.
    #[inline]
    pub(crate) fn shown(&mut self, db: usize, entry: EntryPtr) {
        if self.saving.is_some() {
            let space = self.dbs[db].space;
            let name = self.saving.as_ref().map_or(0, |saving| saving.name(space));
            self.show(name, entry);
        }
    }

    /// Shows an entry to the save if it has not seen it.
    #[cold]
    pub(crate) fn show(&mut self, name: usize, entry: EntryPtr) {
        let Some(mut saving) = self.saving.take() else { return };
        if saving.see(self.seen, name, entry)
            && !self.show_to(&mut saving, name, entry)
            && let Some(saver) = &mut saving.saver
        {
            // Whoever changes the entry, or drops it, has it in hand: it can't leave before.
            let (key, place) = (String::from_utf8_lossy(entry.key()), entry.cold().place);
            saver.fail(format!(
                "the value of {key} in segment {} of the disk tier can't be read",
                place.segment
            ));
        }
        self.saving = Some(saving);
    }

    /// Shows the save an entry whose value lies on disk; false when that can't be read.
    fn show_to(&mut self, saving: &mut Saving, name: usize, entry: EntryPtr) -> bool {
        match &mut saving.saver {
            Some(saver) => self.show_cold(&mut **saver, name, entry),
            None => true,
        }
    }

    /// Whether the clock stands still, because something is loaded that says itself what has expired.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Stops the clock for what is loaded from a file at `unix_ms`, or lets it go on (`None`).
    pub fn freeze(&mut self, unix_ms: Option<i64>) {
        self.frozen = false;
        if let Some(unix_ms) = unix_ms {
            self.set_now(unix_ms);
            self.frozen = true;
        }
    }
}

impl Saving {
    /// Sees an entry; true when its value has to be fetched first.
    fn see(&mut self, seen: bool, name: usize, entry: EntryPtr) -> bool {
        if entry.seen() == seen {
            return false;
        }
        entry.set_seen(seen);
        match &mut self.saver {
            Some(saver) if !entry.is_cold() => saver.save(name, Item::new(entry)),
            saver => return saver.is_some(),
        }
        false
    }
}
