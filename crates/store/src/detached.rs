//! What no key leads to any more, and is freed in slices.
//!
//! Owns flushed databases and large values until they are freed, so that FLUSHALL or the removal of a huge value never
//! stalls a request. Their bytes count as used until they are gone.

use crate::entry::shared_memory;
use crate::keyspace::Keyspace;
use crate::table::Table;
use crate::value::Shared;
use crate::volatile::VolatileIndex;
use std::mem::replace;

/// Below this size a value is freed at once.
const LARGE: usize = 256 * 1024;
/// What freeing a large value counts for among entries.
const VALUE_WEIGHT: usize = 64;

/// Things to be freed.
#[derive(Default)]
pub(crate) struct Detached {
    tables: Vec<Table>,
    values: Vec<Shared>,
}

impl Detached {
    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.values.is_empty()
    }

    /// Takes a value over and returns the bytes that it still keeps; a small one is freed at once.
    pub(crate) fn add_value(&mut self, value: Shared) -> usize {
        let bytes = shared_memory(&value);
        if bytes < LARGE {
            return 0;
        }
        self.values.push(value);
        bytes
    }
}

impl Keyspace {
    /// Empties a database and returns how many keys it had; their memory is freed by [`Keyspace::free_step`].
    pub fn flush(&mut self, db: usize) -> usize {
        let database = &mut self.dbs[db];
        let before = database.index_bytes();
        let table = replace(&mut database.table, Table::new());
        database.volatile = VolatileIndex::new();
        database.avg_ttl_ms = 0;
        database.sweep = 0;
        self.index_bytes = self.index_bytes + database.index_bytes() - before;
        let keys = table.len();
        if keys > 0 {
            self.index_bytes += table.bytes();
            self.detached.tables.push(table);
            self.dirty += 1;
        }
        keys
    }

    /// Empties all databases and returns how many keys they had.
    pub fn flush_all(&mut self) -> usize {
        (0..self.dbs.len()).map(|db| self.flush(db)).sum()
    }

    /// Entries and large values that no key leads to any more and that still take memory.
    pub fn pending_free(&self) -> usize {
        let entries: usize = self.detached.tables.iter().map(Table::len).sum();
        entries + self.detached.values.len()
    }

    /// Frees about `max_entries` detached entries and works off as many of a policy switch; true while there is more.
    pub fn free_step(&mut self, max_entries: usize) -> bool {
        let mut left = max_entries.max(1);
        while left > 0 && self.free_value() {
            left = left.saturating_sub(VALUE_WEIGHT);
        }
        while left > 0 && !self.detached.tables.is_empty() {
            left = left.saturating_sub(self.free_segment());
        }
        let more_policy = self.maintain_policy(max_entries);
        more_policy || !self.detached.is_empty()
    }

    fn free_value(&mut self) -> bool {
        let Some(value) = self.detached.values.pop() else {
            return false;
        };
        self.entry_bytes -= shared_memory(&value);
        true
    }

    /// Frees one segment of a flushed table and returns the number of its entries, at least 1.
    fn free_segment(&mut self) -> usize {
        let Some(mut table) = self.detached.tables.pop() else {
            return 1;
        };
        let before = table.bytes();
        let mut freed = 1;
        let more = table.drain_segment(&mut |entry| {
            freed += 1;
            self.eviction.on_remove(entry);
            self.bury(entry);
        });
        self.index_bytes = self.index_bytes + table.bytes() - before;
        if more {
            self.detached.tables.push(table);
        } else {
            self.index_bytes -= table.bytes();
        }
        freed
    }
}
