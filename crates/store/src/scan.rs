//! Walking over keys.
//!
//! Owns what a walk shows: live keys only. Where it goes is the table's business.

use crate::entry::EntryPtr;
use crate::keyspace::Keyspace;
use crate::value::{Head, Value};

/// Random keys tried before a database is taken to hold nothing but expired ones.
const TRIES: usize = 100;

/// Whether an entry only waits to be removed: its time is over, or that of every element of its value.
fn is_over(entry: EntryPtr, now: i64) -> bool {
    if entry.expire_at().is_some_and(|at| at <= now) {
        return true;
    }
    if entry.is_cold() {
        return false;
    }
    matches!(entry.value(), Value::Hash(hash) if hash.is_over(now))
}

impl Keyspace {
    /// Visits about `count` keys from `cursor` on (0 starts) and returns the next cursor (0: the scan is over).
    ///
    /// A key that is there during the whole scan is visited at least once, however the database grows or shrinks.
    pub fn scan(&mut self, db: usize, cursor: u64, count: usize, visit: &mut dyn FnMut(Head<'_>)) -> u64 {
        let now = self.now;
        self.expire_cold_fields();
        self.dbs[db].table.scan(cursor, count, &mut |entry| {
            if !is_over(entry, now) {
                visit(Head::new(entry));
            }
        })
    }

    /// Removes the fields that are due where hashes may lie on disk: there nobody can see that none is left.
    pub fn expire_cold_fields(&mut self) {
        if self.has_tier() {
            self.active_field_expire(usize::MAX);
        }
    }

    /// Visits every live key once; where hashes may lie on disk, after [`Keyspace::expire_cold_fields`].
    pub fn for_each(&self, db: usize, visit: &mut dyn FnMut(Head<'_>)) {
        self.dbs[db]
            .table
            .iter()
            .filter(|entry| !is_over(*entry, self.now))
            .for_each(|entry| visit(Head::new(entry)));
    }

    /// A random live key; expired ones met on the way are removed.
    pub fn random_key(&mut self, db: usize) -> Option<Vec<u8>> {
        for _ in 0..TRIES {
            let entry = self.dbs[db].table.sample(self.random.next())?;
            let key = entry.key().to_vec();
            if self.live(db, self.hash(&key), &key).is_some() {
                return Some(key);
            }
        }
        None
    }
}
