//! Which keys have changed, for those who wait for it: WATCH, blocked clients, client-side caches.
//!
//! Owns the log of changed keys. It is written only while somebody is interested, and drained after each command.

use crate::keyspace::Keyspace;

/// One line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed<'a> {
    /// A key of a database was written, removed, expired or evicted, or its expiry changed.
    Key(usize, &'a [u8]),
    /// All keys of a database may have: it was flushed, or swapped with another.
    Database(usize),
}

/// The log: keys back to back, so that a change costs no allocation of its own.
#[derive(Default)]
pub struct ChangeLog {
    keys: Vec<u8>,
    /// Database, and the end of the key in `keys`; `None` for a whole database.
    lines: Vec<(usize, Option<usize>)>,
}

impl ChangeLog {
    /// The changes, oldest first; a key changed twice stands there twice.
    pub fn iter(&self) -> impl Iterator<Item = Changed<'_>> {
        let mut start = 0;
        self.lines.iter().map(move |(db, end)| match end {
            Some(end) => Changed::Key(*db, &self.keys[std::mem::replace(&mut start, *end)..*end]),
            None => Changed::Database(*db),
        })
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Forgets all changes, but keeps its memory for the next ones.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.keys.shrink_to(64 * 1024);
        self.lines.clear();
        self.lines.shrink_to(1024);
    }
}

impl Keyspace {
    /// Says whether anybody is interested in which keys change.
    pub fn observe(&mut self, yes: bool) {
        self.observed = yes;
        if !yes {
            self.changed.clear();
        }
    }

    /// Whether keys have changed since the last [`Keyspace::take_changed`].
    #[inline]
    pub fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Exchanges the log for an empty one (`spare`, cleared).
    pub fn take_changed(&mut self, spare: &mut ChangeLog) {
        spare.clear();
        std::mem::swap(&mut self.changed, spare);
    }

    /// Counts a change of a key.
    #[inline]
    pub(crate) fn note_change(&mut self, db: usize, key: &[u8]) {
        self.dirty += 1;
        if self.tier.is_some() {
            self.note_written(db, key);
        }
        if self.observed {
            self.log_change(db, key);
        }
    }

    /// Logs a key that left on its own; that is no change that a command made.
    #[inline]
    pub(crate) fn note_left(&mut self, db: usize, key: &[u8]) {
        if self.observed {
            self.log_change(db, key);
        }
    }

    /// Counts a change of a whole database.
    pub(crate) fn note_database(&mut self, db: usize) {
        self.dirty += 1;
        self.log_database(db);
    }

    /// Logs that all of a database may be another.
    pub(crate) fn log_database(&mut self, db: usize) {
        if self.observed {
            self.changed.lines.push((db, None));
        }
    }

    #[cold]
    fn log_change(&mut self, db: usize, key: &[u8]) {
        self.changed.keys.extend_from_slice(key);
        self.changed.lines.push((db, Some(self.changed.keys.len())));
    }
}
