//! Keys whose time is over.
//!
//! Owns active expiry; lazy expiry is `Keyspace::live`. A key is expired when its time is not after the present.
//!
//! A run works through batches of one database after the other and stays with a database while its batches keep finding
//! expired keys, as Redis does. A batch is part random (finds the share of expired keys wherever they cluster) and part
//! sweep (so that each key is looked at some day). What a run may look at is bounded by its caller.

use crate::entry::EntryPtr;
use crate::keyspace::{Keyspace, Reason};

/// Keys looked at before a run decides whether to stay with the database.
const BATCH: usize = 20;
/// Of these, keys taken in order.
const SWEPT: usize = 4;
/// A batch with at least as many expired keys calls for another one.
const WORTHWHILE: usize = 2;
/// How slowly the mean time to live follows.
const INERTIA: i64 = 50;

impl Keyspace {
    /// Removes expired keys, having looked at no more than `max_items` keys, and returns how many it removed.
    pub fn active_expire(&mut self, max_items: usize) -> usize {
        let mut budget = max_items;
        let mut expired = 0;
        let mut quiet = 0;
        while quiet < self.dbs.len() && budget > 0 {
            let db = self.expiry_turn % self.dbs.len();
            let batch = BATCH.min(budget).min(self.dbs[db].volatile.len());
            let found = self.expire_batch(db, batch);
            budget -= batch;
            expired += found;
            if found < WORTHWHILE {
                self.expiry_turn = (db + 1) % self.dbs.len();
                quiet += 1;
            }
        }
        self.stats.expired_time_cap_reached += u64::from(quiet < self.dbs.len() && expired >= WORTHWHILE);
        expired
    }

    /// Removes every expired key of a database, however many keys it takes to look at, and returns how many those were.
    pub fn expire_all(&mut self, db: usize) -> usize {
        let mut expired = 0;
        // Downwards, because a removal fills its gap with the last entry, which was looked at already.
        for at in (0..self.dbs[db].volatile.len()).rev() {
            let Some(entry) = self.dbs[db].volatile.get(at) else { continue };
            if entry.expire_at().is_some_and(|at| at <= self.now) {
                self.expire(db, self.hash(entry.key()), entry);
                expired += 1;
            }
        }
        expired
    }

    /// The running mean of the time to live of a database's volatile keys, in milliseconds; 0 when it has none.
    pub fn avg_ttl_ms(&self, db: usize) -> i64 {
        if self.volatile_len(db) == 0 { 0 } else { self.dbs[db].avg_ttl_ms }
    }

    /// Removes an entry whose time is over, and notes it for the effects.
    #[cold]
    pub(crate) fn expire(&mut self, db: usize, hash: u64, entry: EntryPtr) {
        self.note_removed(db, entry, Reason::Expired);
        self.stats.expired += 1;
        self.unlink(db, hash, entry);
        self.bury(entry);
    }

    pub(crate) fn note_removed(&mut self, db: usize, entry: EntryPtr, reason: Reason) {
        self.note_left(db, entry.key());
        self.notice(db, entry.key(), reason);
    }

    fn expire_batch(&mut self, db: usize, batch: usize) -> usize {
        let mut expired = 0;
        let mut alive = 0;
        let mut ttl_sum: i64 = 0;
        for at in 0..batch {
            let Some(entry) = self.expiry_candidate(db, at < SWEPT) else {
                break;
            };
            let ttl = entry.expire_at().unwrap_or(i64::MAX).saturating_sub(self.now);
            if ttl > 0 {
                ttl_sum = ttl_sum.saturating_add(ttl);
                alive += 1;
            } else {
                self.expire(db, self.hash(entry.key()), entry);
                expired += 1;
            }
        }
        if alive > 0 {
            self.note_ttl(db, ttl_sum / alive);
        }
        expired
    }

    /// The next entry to look at: one step down the volatile index, or a random one.
    fn expiry_candidate(&mut self, db: usize, swept: bool) -> Option<EntryPtr> {
        let database = &mut self.dbs[db];
        let len = database.volatile.len();
        if len == 0 {
            return None;
        }
        if !swept {
            return database.volatile.get(self.random.below(len));
        }
        // Downwards, because a removal fills its gap with the last entry, which this sweep has seen already.
        let from = if database.sweep == 0 { len } else { database.sweep.min(len) };
        database.sweep = from - 1;
        database.volatile.get(from - 1)
    }

    fn note_ttl(&mut self, db: usize, mean: i64) {
        let avg = &mut self.dbs[db].avg_ttl_ms;
        *avg = if *avg == 0 { mean } else { *avg - *avg / INERTIA + mean / INERTIA };
    }
}
