//! Which entry leaves when memory is short.
//!
//! Owns the order of entries (queues, candidate pool, ghosts, sketches) and the 32 bits of recency and frequency in each
//! entry's header. Refuses to own entries: it never frees one and never reads one after `on_remove`.
//!
//! Two families live behind one trait. Sampled policies (lru, lfu, random, ttl, hybrid) keep nothing but a pool of 16
//! candidates and ask the [`Population`] for random entries. Queue policies (fifo, s3fifo, tinylfu) share one set of
//! [`Queues`]; the header's `slot` says where in them an entry stands. Because the queues are shared, a switch between
//! two queue policies keeps every entry in place, and any other switch is worked off in slices by [`Eviction::maintain`].
//!
//! Where most values lie on disk (`keep_all`), samples of the population would rarely meet one that is in memory. Then the
//! queues hold every entry whose value is, whatever the policy, and samples are taken of them.

mod blocks;
mod fifo;
mod hybrid;
mod kind;
mod lfu;
mod lru;
mod noeviction;
mod pool;
mod queue;
mod random;
mod s3fifo;
mod sampled;
mod sketch;
mod tinylfu;
mod ttl;

use crate::entry::EntryPtr;
pub use kind::PolicyKind;
use pool::Pool;
use queue::{FIRST_SLOT, Queues};

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
        Self { samples: 5, lfu_log_factor: 10, lfu_decay_minutes: 1 }
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

/// Whom a sampled policy may evict.
#[derive(Clone, Copy)]
enum Candidates {
    All,
    Volatile,
}

/// What an access leaves in the entry's header; kept apart from the policy so that the common cases cost no call.
#[derive(Clone, Copy)]
enum Touch {
    /// The time.
    Clock,
    /// The time in seconds, and one more access in the low byte.
    Count { most: u8 },
    /// The time in seconds, and Redis's logarithmic counter in the low byte.
    Logarithmic,
    /// Whatever the policy does in `on_access`.
    Policy,
}

/// One policy. Every method is O(1), up to a constant number of entries moved.
trait Policy {
    /// How accesses are recorded.
    fn touch(&self) -> Touch;

    /// A new entry came, in no queue yet.
    fn on_insert(&mut self, queues: &mut Queues, entry: EntryPtr, space: Space, hash: u64) {
        let _ = (queues, entry, space, hash);
    }

    /// An entry that came under an earlier policy, in no queue yet, is taken over.
    fn adopt(&mut self, queues: &mut Queues, entry: EntryPtr, space: Space) {
        let _ = (queues, entry, space);
    }

    /// An entry was read or written; called for [`Touch::Policy`] only.
    fn on_access(&mut self, queues: &Queues, entry: EntryPtr, stamp: u32, hash: u64) {
        let _ = (queues, entry, stamp, hash);
    }

    /// Chooses the next entry to go. It leaves the queues and the pool before it is returned.
    fn victim(&mut self, scene: &mut Scene<'_>) -> Option<(Space, EntryPtr)>;

    /// The last queued entry has gone: forget the past.
    fn on_empty(&mut self) {}

    /// Bytes kept besides the queues and the pool.
    fn overhead(&self) -> usize {
        0
    }
}

/// What a policy can see and move when it chooses a victim.
struct Scene<'a> {
    queues: &'a mut Queues,
    pool: &'a mut Pool,
    population: &'a dyn Population,
    random: &'a mut Random64,
    stamp: u32,
    tuning: Tuning,
    keeps_all: bool,
}

impl Scene<'_> {
    fn sample(&mut self, from: Candidates) -> Option<(Space, EntryPtr)> {
        if self.keeps_all {
            return self.sample_queues(from);
        }
        let random = self.random.next();
        match from {
            Candidates::All => self.population.sample(random),
            Candidates::Volatile => self.population.sample_volatile(random),
        }
    }

    fn sample_queues(&mut self, from: Candidates) -> Option<(Space, EntryPtr)> {
        for _ in 0..QUEUE_TRIES {
            let (space, entry) = self.queues.sample(self.random.next())?;
            if matches!(from, Candidates::All) || entry.expire_at().is_some() {
                return Some((space, entry));
            }
        }
        None
    }
}

/// SplitMix64: small, seeded and good enough for sampling.
struct Random64(u64);

impl Random64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The policy in force, and all that it keeps.
pub struct Eviction {
    kind: PolicyKind,
    tuning: Tuning,
    /// The present time as a header word: seconds in the high 24 bits, 1/256 seconds below.
    stamp: u32,
    touch: Touch,
    policy: Box<dyn Policy + Send>,
    queues: Queues,
    pool: Pool,
    random: Random64,
    /// Where the walk stands that hands the entries over to a new policy.
    handover: Option<u64>,
    /// The queues hold every entry whose value is in memory.
    keeps_all: bool,
}

/// Entries of the queues that are looked at to find one that may leave.
const QUEUE_TRIES: usize = 32;
/// Entries that one eviction hands over while a policy switch is worked off.
const HANDOVER_SLICE: usize = 64;

impl Eviction {
    /// An empty policy; `seed` drives its random choices.
    pub fn new(kind: PolicyKind, tuning: Tuning, seed: u64) -> Self {
        let policy = build(kind);
        Self {
            kind,
            tuning,
            stamp: 0,
            touch: policy.touch(),
            policy,
            queues: Queues::new(),
            pool: Pool::default(),
            random: Random64(seed),
            handover: None,
            keeps_all: false,
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

    /// Has the queues hold every entry from now on, whatever the policy; said while there is none.
    pub fn keep_all(&mut self) {
        self.keeps_all = true;
    }

    /// Tells the clock.
    pub fn set_now(&mut self, unix_ms: i64) {
        self.stamp = ((unix_ms as u64).wrapping_mul(32) / 125) as u32;
    }

    /// Switches the policy in O(1); `maintain` hands the entries over.
    pub fn set_policy(&mut self, kind: PolicyKind, tuning: Tuning) {
        self.tuning = tuning;
        if kind == self.kind {
            return;
        }
        self.kind = kind;
        self.policy = build(kind);
        self.touch = self.policy.touch();
        self.pool.clear();
        self.handover = Some(0);
    }

    /// A new entry with slot 0 has come into `space`; `hash` is its key's.
    #[inline]
    pub fn on_insert(&mut self, entry: EntryPtr, space: Space, hash: u64) {
        entry.set_slot(0);
        entry.set_clock_freq(self.first_word());
        if self.kind.queued() {
            self.policy.on_insert(&mut self.queues, entry, space, hash);
        } else if self.keeps_all {
            self.queues.push(queue::Lane::Entry, entry, space);
        }
    }

    /// The entry was read or written.
    #[inline]
    pub fn on_access(&mut self, entry: EntryPtr, hash: u64) {
        match self.touch {
            Touch::Clock => entry.set_clock_freq(self.stamp),
            Touch::Count { most } => {
                let count = (entry.clock_freq() as u8).saturating_add(1).min(most);
                entry.set_clock_freq(self.stamp & !0xff | u32::from(count));
            }
            Touch::Logarithmic => {
                let random = self.random.next();
                let word = lfu::counted(entry.clock_freq(), self.stamp, self.tuning, random);
                entry.set_clock_freq(word);
            }
            Touch::Policy => self.policy.on_access(&self.queues, entry, self.stamp, hash),
        }
    }

    /// The entry is about to be freed, or to leave its table.
    #[inline]
    pub fn on_remove(&mut self, entry: EntryPtr) {
        if entry.slot() != 0 {
            self.unlink(entry);
        }
    }

    /// The entry lives on as `new`, which has its `clock_freq` and `slot`; `old` is about to be freed.
    #[inline]
    pub fn on_realloc(&mut self, old: EntryPtr, new: EntryPtr) {
        match new.slot() {
            0 => {}
            1..FIRST_SLOT => self.pool.replace(old, new),
            _ => self.queues.replace(old, new),
        }
    }

    /// The entry to evict next, already unlinked; `None` when the policy finds none.
    pub fn victim(&mut self, population: &dyn Population) -> Option<(Space, EntryPtr)> {
        if self.pending() {
            self.maintain(population, HANDOVER_SLICE);
        }
        let mut scene = Scene {
            queues: &mut self.queues,
            pool: &mut self.pool,
            population,
            random: &mut self.random,
            stamp: self.stamp,
            tuning: self.tuning,
            keeps_all: self.keeps_all,
        };
        let (space, entry) = self.policy.victim(&mut scene)?;
        self.on_remove(entry);
        Some((space, entry))
    }

    /// Works off about `max` entries of a policy switch; true while there is more to do.
    pub fn maintain(&mut self, population: &dyn Population, max: usize) -> bool {
        if !self.kind.queued() && !self.keeps_all {
            self.drain(max);
        }
        if let Some(cursor) = self.handover {
            let next = population.walk(cursor, max, &mut |space, entry| self.hand_over(space, entry));
            self.handover = (next != 0).then_some(next);
        }
        self.pending()
    }

    /// Bytes kept besides the entries.
    pub fn overhead(&self) -> usize {
        self.queues.overhead() + self.pool.overhead() + self.policy.overhead()
    }

    /// Whole seconds since the entry was last read or written.
    pub fn idle_secs(&self, entry: EntryPtr) -> u32 {
        (self.stamp >> 8).wrapping_sub(entry.clock_freq() >> 8) & 0x00ff_ffff
    }

    /// Makes an entry look as if it was used last `seconds` ago.
    pub fn set_idle_secs(&self, entry: EntryPtr, seconds: u32) {
        let clock = (self.stamp >> 8).wrapping_sub(seconds) & 0x00ff_ffff;
        entry.set_clock_freq(clock << 8 | entry.clock_freq() & 0xff);
    }

    /// The entry's frequency counter, decayed to the present; 0 under a policy that keeps none.
    pub fn frequency(&self, entry: EntryPtr) -> u8 {
        if !self.kind.counts_frequency() {
            return 0;
        }
        lfu::decayed(entry.clock_freq(), self.stamp, self.tuning)
    }

    #[inline]
    fn first_word(&self) -> u32 {
        match self.touch {
            Touch::Clock => self.stamp,
            Touch::Count { .. } | Touch::Policy => self.stamp & !0xff,
            Touch::Logarithmic => self.stamp & !0xff | u32::from(lfu::INITIAL),
        }
    }

    fn pending(&self) -> bool {
        let holds = self.kind.queued() || self.keeps_all;
        self.handover.is_some() || (!holds && self.queues.total() > 0)
    }

    fn unlink(&mut self, entry: EntryPtr) {
        if entry.slot() < FIRST_SLOT {
            return self.pool.remove(entry);
        }
        self.queues.remove(entry);
        if self.queues.total() == 0 {
            self.policy.on_empty();
        }
    }

    /// Empties the queues of a policy that is gone.
    fn drain(&mut self, max: usize) {
        for _ in 0..max {
            let lanes = [queue::Lane::Entry, queue::Lane::Main, queue::Lane::Protected];
            if lanes.into_iter().find_map(|lane| self.queues.pop(lane)).is_none() {
                return;
            }
        }
    }

    /// The low byte of the header means something else to the new policy, so it starts afresh; the clock stays.
    fn hand_over(&mut self, space: Space, entry: EntryPtr) {
        let fresh = match self.touch {
            Touch::Logarithmic => u32::from(lfu::INITIAL),
            _ => 0,
        };
        entry.set_clock_freq(entry.clock_freq() & !0xff | fresh);
        if entry.slot() != 0 {
            return;
        }
        if self.kind.queued() {
            self.policy.adopt(&mut self.queues, entry, space);
        } else if self.keeps_all {
            self.queues.push(queue::Lane::Entry, entry, space);
        }
    }
}

fn build(kind: PolicyKind) -> Box<dyn Policy + Send> {
    use Candidates::{All, Volatile};
    match kind {
        PolicyKind::NoEviction => Box::new(noeviction::NoEviction),
        PolicyKind::AllKeysLru => Box::new(lru::Lru(All)),
        PolicyKind::VolatileLru => Box::new(lru::Lru(Volatile)),
        PolicyKind::AllKeysLfu => Box::new(lfu::Lfu(All)),
        PolicyKind::VolatileLfu => Box::new(lfu::Lfu(Volatile)),
        PolicyKind::AllKeysRandom => Box::new(random::Random(All)),
        PolicyKind::VolatileRandom => Box::new(random::Random(Volatile)),
        PolicyKind::VolatileTtl => Box::new(ttl::Ttl),
        PolicyKind::Fifo => Box::new(fifo::Fifo),
        PolicyKind::S3Fifo => Box::<s3fifo::S3Fifo>::default(),
        PolicyKind::TinyLfu => Box::<tinylfu::TinyLfu>::default(),
        PolicyKind::Hybrid => Box::new(hybrid::Hybrid),
    }
}
