//! How much memory is used, and what is done when it is too much.
//!
//! Owns the sum and the limit; which entry leaves is the policy's choice. Sizes are the allocator's classes, so the sum
//! follows what the process really holds.

use crate::entry::EntryPtr;
use crate::eviction::{PolicyKind, Population, Space, Tuning};
use crate::hashing::{KeyHasher, mix};
use crate::keyspace::{Database, Keyspace};
use crate::table::WALK_BITS;

/// Evictions in one call, so that a limit lowered by gigabytes is reached over many commands, not in one long stall.
const EVICTIONS_MAX: usize = 256;
/// Detached entries freed between two looks at the sum.
const FREE_SLICE: usize = 256;

/// What [`Keyspace::evict`] achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvictOutcome {
    /// There is room, or there will be soon: the write may go on.
    Ok,
    /// There is no room, and no entry that the policy may evict.
    Nothing,
}

/// Bytes that are not entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overhead {
    /// Tables and volatile indices.
    pub tables: u64,
    /// Queues, ghosts and sketches of the policy.
    pub policy: u64,
}

/// The live entries, as the policy sees them.
struct Everyone<'a> {
    dbs: &'a [Database],
    db_of_space: &'a [u16],
    hasher: &'a KeyHasher,
}

impl Keyspace {
    /// Bytes taken from the allocator for data: entries, values, tables, queues. Reading it takes no time.
    #[inline]
    pub fn used_memory(&self) -> u64 {
        (self.entry_bytes
            + self.stream_bytes
            + self.index_bytes
            + self.eviction.overhead()
            + self.tier_bytes()) as u64
    }

    /// What of it the limit is compared with.
    #[inline]
    pub fn counted_memory(&self) -> u64 {
        (self.entry_bytes
            + self.stream_bytes
            + self.index_bytes
            + self.eviction.overhead()
            + self.tier_share()) as u64
    }

    /// The part of [`Keyspace::used_memory`] that is not entries.
    pub fn overhead(&self) -> Overhead {
        Overhead { tables: self.index_bytes as u64, policy: self.eviction.overhead() as u64 }
    }

    /// Bytes that one key takes, its place in the table included; `None` when it is missing.
    pub fn memory_usage(&self, db: usize, key: &[u8]) -> Option<usize> {
        let entry = self.dbs[db].table.find(self.hash(key), key)?;
        if entry.expire_at().is_some_and(|at| at <= self.now) {
            return None;
        }
        let place = size_of::<EntryPtr>() * if entry.expire_at().is_some() { 2 } else { 1 };
        Some(entry.memory() + place)
    }

    /// The limit in bytes; 0 means none.
    #[inline]
    pub fn maxmemory(&self) -> u64 {
        self.maxmemory
    }

    /// Sets the limit; entries leave with the next writes.
    pub fn set_maxmemory(&mut self, bytes: u64) {
        self.maxmemory = bytes;
        self.limit_tier_buffer();
    }

    /// Sets how many keys there may be in all databases; 0 means any number. Some leave with the next writes.
    pub fn set_max_keys(&mut self, keys: usize) {
        self.max_keys = keys;
    }

    /// Whether more is used than the limits allow, or (where nothing may leave) as much.
    #[inline]
    pub fn over_limit(&self) -> bool {
        self.exceeds(0)
            || self.max_keys != 0 && self.keys_too_many(self.eviction.kind() == PolicyKind::NoEviction)
    }

    /// Whether there are more keys than there may be; with `refuses` also when one more would be.
    fn keys_too_many(&self, refuses: bool) -> bool {
        let keys: usize = self.dbs.iter().map(|db| db.table.len()).sum();
        self.max_keys != 0 && keys + usize::from(refuses) > self.max_keys
    }

    /// Whether keys have to leave because there are too many of them.
    #[inline]
    pub fn is_crowded(&self) -> bool {
        self.max_keys != 0 && self.keys_too_many(false)
    }

    /// The part of the limit that is not for data.
    #[inline]
    pub fn reserved(&self) -> u64 {
        self.reserved
    }

    /// Sets apart some of the limit for what is not counted here; entries leave with the next writes.
    pub fn set_reserved(&mut self, bytes: u64) {
        self.reserved = bytes;
    }

    /// Whether so many bytes more would be over the limit.
    #[inline]
    fn exceeds(&self, needed: u64) -> bool {
        let wanted = || self.counted_memory().saturating_add(self.reserved).saturating_add(needed);
        self.maxmemory != 0 && wanted() > self.maxmemory
    }

    /// The policy in force.
    pub fn policy(&self) -> PolicyKind {
        self.eviction.kind()
    }

    /// Switches the policy; [`Keyspace::free_step`] brings the entries over in slices.
    pub fn set_policy(
        &mut self,
        kind: PolicyKind,
        samples: u32,
        lfu_log_factor: u32,
        lfu_decay_minutes: u32,
    ) {
        self.eviction.set_policy(kind, Tuning { samples, lfu_log_factor, lfu_decay_minutes });
    }

    /// The key's frequency counter, decayed to the present; `None` when the key is missing or the policy keeps none.
    pub fn frequency(&mut self, db: usize, key: &[u8]) -> Option<u8> {
        if !self.eviction.kind().counts_frequency() {
            return None;
        }
        let entry = self.live(db, self.hash(key), key)?;
        Some(self.eviction.frequency(entry))
    }

    /// Makes room for `needed` more bytes.
    pub fn evict(&mut self, needed: u64) -> EvictOutcome {
        if self.max_keys != 0 && !self.drop_keys() {
            return EvictOutcome::Nothing;
        }
        for _ in 0..EVICTIONS_MAX {
            if !self.exceeds(needed) {
                return EvictOutcome::Ok;
            }
            // Detached entries are nobody's any more: the policy must not choose one of them.
            if self.cool_passing() {
                continue;
            } else if !self.detached.is_empty() {
                self.free_step(FREE_SLICE);
            } else if !self.evict_one() {
                return EvictOutcome::Nothing;
            }
        }
        EvictOutcome::Ok
    }

    /// Evicts whole keys until there are no more than there may be; false when none may leave.
    fn drop_keys(&mut self) -> bool {
        let refuses = self.eviction.kind() == PolicyKind::NoEviction;
        for _ in 0..EVICTIONS_MAX {
            if !self.keys_too_many(refuses) {
                return true;
            }
            // What lies on disk is asked for least. Detached entries must not be chosen, as below.
            if self.evict_cold() {
                continue;
            } else if !self.detached.is_empty() {
                self.free_step(FREE_SLICE);
                continue;
            }
            let everyone = Everyone { dbs: &self.dbs, db_of_space: &self.db_of_space, hasher: &self.hasher };
            let Some((space, entry)) = self.eviction.victim(&everyone) else { return false };
            let db = usize::from(self.db_of_space[usize::from(space)]);
            self.drop_entry(db, self.hash(entry.key()), entry);
        }
        true
    }

    fn evict_one(&mut self) -> bool {
        let everyone = Everyone { dbs: &self.dbs, db_of_space: &self.db_of_space, hasher: &self.hasher };
        let Some((space, entry)) = self.eviction.victim(&everyone) else {
            return self.evict_cold();
        };
        let db = usize::from(self.db_of_space[usize::from(space)]);
        let hash = self.hash(entry.key());
        if self.tier.is_some() {
            return self.cool_or_evict(db, hash, entry);
        }
        self.drop_entry(db, hash, entry);
        true
    }

    /// The database of a random entry.
    pub(crate) fn sampled_db(&self, random: u64) -> Option<usize> {
        let everyone = Everyone { dbs: &self.dbs, db_of_space: &self.db_of_space, hasher: &self.hasher };
        let space = everyone.pick(random, |db| db.table.len())?.space;
        Some(usize::from(self.db_of_space[usize::from(space)]))
    }

    /// Works off about `max` entries of a policy switch; true while there is more.
    pub(crate) fn maintain_policy(&mut self, max: usize) -> bool {
        let everyone = Everyone { dbs: &self.dbs, db_of_space: &self.db_of_space, hasher: &self.hasher };
        self.eviction.maintain(&everyone, max)
    }
}

impl Everyone<'_> {
    /// The database in which the entry of that rank lies, when all databases are put in a row.
    fn pick(&self, random: u64, len_of: impl Fn(&Database) -> usize) -> Option<&Database> {
        let total: usize = self.dbs.iter().map(&len_of).sum();
        let mut rank = ((u128::from(random) * total as u128) >> 64) as usize;
        self.dbs.iter().find(|db| {
            let len = len_of(db);
            let here = rank < len;
            rank = rank.saturating_sub(len);
            here
        })
    }
}

impl Population for Everyone<'_> {
    fn len(&self) -> usize {
        self.dbs.iter().map(|db| db.table.len()).sum()
    }

    fn sample(&self, random: u64) -> Option<(Space, EntryPtr)> {
        let db = self.pick(random, |db| db.table.len())?;
        Some((db.space, db.table.sample(mix(random))?))
    }

    fn sample_volatile(&self, random: u64) -> Option<(Space, EntryPtr)> {
        let db = self.pick(random, |db| db.volatile.len())?;
        let random = mix(random);
        let index = ((u128::from(random) * db.volatile.len() as u128) >> 64) as usize;
        Some((db.space, db.volatile.get(index)?))
    }

    fn hash(&self, entry: EntryPtr) -> u64 {
        self.hasher.hash(entry.key())
    }

    fn walk(&self, cursor: u64, max: usize, visit: &mut dyn FnMut(Space, EntryPtr)) -> u64 {
        let mut space = (cursor >> WALK_BITS) as Space;
        let mut cursor = cursor & ((1 << WALK_BITS) - 1);
        let mut left = max as isize;
        while let Some(db) = self.db_of_space.get(usize::from(space)) {
            let table = &self.dbs[usize::from(*db)].table;
            cursor = table.walk(cursor, left as usize, &mut |entry| {
                left -= 1;
                if !entry.is_cold() {
                    visit(space, entry);
                }
            });
            space += Space::from(cursor == 0);
            if left <= 0 {
                let done = usize::from(space) == self.db_of_space.len();
                return if done { 0 } else { u64::from(space) << WALK_BITS | cursor };
            }
        }
        0
    }
}
