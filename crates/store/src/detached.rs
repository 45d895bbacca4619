//! What no key leads to any more, and is freed in slices.
//!
//! Owns flushed databases and large values until they are freed, so that FLUSHALL or the removal of a huge value never
//! stalls a request. Their bytes count as used until they are gone.

use crate::entry::{EntryPtr, Heavy, shared_memory};
use crate::field_expiry::DueKeys;
use crate::keyspace::Keyspace;
use crate::object::Object;
use crate::table::Table;
use crate::volatile::VolatileIndex;
use std::mem::replace;

/// Below this size a value is freed at once.
const LARGE: usize = 256 * 1024;
/// A collection of at most so many allocations is freed at once.
const LIGHT: usize = 64;
/// What freeing a large value counts for among entries.
const VALUE_WEIGHT: usize = 64;

/// Things to be freed.
#[derive(Default)]
pub(crate) struct Detached {
    /// With the database's number in the running save, if that has not seen all of it.
    tables: Vec<(Table<EntryPtr>, Option<usize>)>,
    values: Vec<Heavy>,
}

impl Detached {
    /// Whether the running save has to see some of it.
    pub(crate) fn is_awaited(&self) -> bool {
        self.tables.iter().any(|(_, awaited)| awaited.is_some())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.values.is_empty()
    }

    /// Takes a value over and returns the bytes that it still keeps; a small one is freed at once.
    pub(crate) fn add_value(&mut self, value: Heavy) -> usize {
        let (bytes, light) = match &value {
            Heavy::Shared(shared) => (shared_memory(shared), true),
            Heavy::Object(object) => (object.memory(), object.weight() <= LIGHT),
        };
        if bytes < LARGE && light {
            return 0;
        }
        self.values.push(value);
        bytes
    }
}

impl Keyspace {
    /// Frees a collection that no key leads to, a large one in slices.
    pub fn discard(&mut self, object: Object) {
        self.entry_bytes += self.detached.add_value(Heavy::Object(object));
    }

    /// Empties a database and returns how many keys it had; their memory is freed by [`Keyspace::free_step`].
    pub fn flush(&mut self, db: usize) -> usize {
        let awaited = self.saving.as_ref().map(|saving| saving.name(self.dbs[db].space));
        let database = &mut self.dbs[db];
        let before = database.index_bytes();
        let table = replace(&mut database.table, Table::new());
        database.volatile = VolatileIndex::new();
        database.due = DueKeys::default();
        database.avg_ttl_ms = 0;
        database.sweep = 0;
        self.index_bytes = self.index_bytes + database.index_bytes() - before;
        let keys = table.len();
        if keys > 0 {
            self.index_bytes += table.bytes();
            self.detached.tables.push((table, awaited));
            self.dirty += 1;
        }
        self.tell_spaces(Some(self.dbs[db].space));
        // Also of an empty one: somebody may remember that a key is missing.
        self.log_database(db);
        keys
    }

    /// Empties all databases and returns how many keys they had.
    pub fn flush_all(&mut self) -> usize {
        (0..self.dbs.len()).map(|db| self.flush(db)).sum()
    }

    /// Entries and large values that no key leads to any more and that still take memory.
    pub fn pending_free(&self) -> usize {
        let entries: usize = self.detached.tables.iter().map(|(table, _)| table.len()).sum();
        entries + self.detached.values.len()
    }

    /// Frees about `max_entries` detached entries and works off as many of a policy switch; true while there is more.
    pub fn free_step(&mut self, max_entries: usize) -> bool {
        let mut left = max_entries.max(1);
        while left > 0 && self.free_value(left) {
            left = left.saturating_sub(VALUE_WEIGHT);
        }
        while left > 0 && !self.detached.tables.is_empty() {
            left = left.saturating_sub(self.free_segment());
        }
        let more_policy = self.maintain_policy(max_entries);
        more_policy || !self.detached.is_empty()
    }

    /// Frees a large value, or about `max` allocations of a huge one; false when there is none.
    fn free_value(&mut self, max: usize) -> bool {
        match self.detached.values.pop() {
            None => return false,
            Some(Heavy::Shared(value)) => self.entry_bytes -= shared_memory(&value),
            Some(Heavy::Object(mut object)) => {
                let before = object.memory();
                let more = object.free_some(max.min(VALUE_WEIGHT));
                if more {
                    self.entry_bytes = self.entry_bytes + object.memory() - before;
                    self.detached.values.push(Heavy::Object(object));
                } else {
                    self.entry_bytes -= before;
                }
            }
        }
        true
    }

    /// Frees one segment of a flushed table and returns the number of its entries, at least 1.
    fn free_segment(&mut self) -> usize {
        let Some((mut table, awaited)) = self.detached.tables.pop() else {
            return 1;
        };
        let before = table.bytes();
        let mut freed = 1;
        let more = table.drain_segment(&mut |entry| {
            freed += 1;
            if let Some(name) = awaited {
                self.show(name, entry);
            }
            self.eviction.on_remove(entry);
            self.bury(entry);
        });
        self.index_bytes = self.index_bytes + table.bytes() - before;
        if more {
            self.detached.tables.push((table, awaited));
        } else {
            self.index_bytes -= table.bytes();
        }
        freed
    }
}
