//! Properties of every eviction policy, checked on every step of random histories: no entry is used after it was freed,
//! no entry is freed while held, each step touches a bounded number of entries, and the memory figure is the truth.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

#[path = "../src/chunked.rs"]
mod chunked;
#[path = "eviction_support/crowd.rs"]
mod crowd;
#[path = "eviction_support/entry.rs"]
mod entry;
#[path = "../src/eviction/mod.rs"]
mod eviction;
#[path = "../src/size_class.rs"]
mod size_class;

use crowd::{Crowd, hash};
use entry::EntryPtr;
use eviction::{Eviction, PolicyKind, Population, Tuning};
use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::HashSet;

thread_local! {
    static ALLOCATED: Cell<isize> = const { Cell::new(0) };
}

/// Counts what the present thread holds.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.set(ALLOCATED.get() - layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Entries touched by one call at most: 64 moves, each of which may merge two chunks of up to 63 entries, do not all
/// merge, so the true bound is far below their product.
const STEP_BOUND: usize = 1500;

#[derive(Clone, Debug)]
enum Step {
    Insert { key: u64, space: u16 },
    Access(usize),
    Remove(usize),
    Reallocate(usize),
    Expire(usize, Option<i64>),
    Evict,
    Switch(usize),
    Maintain(usize),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..2000u64, 0..5u16).prop_map(|(key, space)| Step::Insert { key, space }),
        8 => any::<usize>().prop_map(Step::Access),
        6 => any::<usize>().prop_map(Step::Remove),
        2 => any::<usize>().prop_map(Step::Reallocate),
        4 => (any::<usize>(), any::<Option<u16>>()).prop_map(|(at, to)| Step::Expire(at, to.map(i64::from))),
        5 => Just(Step::Evict),
        1 => (0..PolicyKind::ALL.len()).prop_map(Step::Switch),
        2 => (1..100usize).prop_map(Step::Maintain),
        1 => (0..90_000i64).prop_map(Step::Wait),
    ]
}

/// One store: a policy and its entries.
struct World {
    eviction: Eviction,
    crowd: Crowd,
    now: i64,
}

impl World {
    fn new(kind: PolicyKind) -> World {
        let mut eviction = Eviction::new(kind, Tuning::default(), 3);
        eviction.set_now(1_700_000_000_000);
        World { eviction, crowd: Crowd::default(), now: 1_700_000_000_000 }
    }

    fn insert(&mut self, key: u64, space: u16) -> EntryPtr {
        let entry = EntryPtr::make(key, space);
        self.crowd.add(entry);
        self.eviction.on_insert(entry, space, hash(key));
        entry
    }

    fn remove(&mut self, entry: EntryPtr) {
        self.crowd.remove(entry);
        self.eviction.on_remove(entry);
        entry.free();
    }

    fn reallocate(&mut self, old: EntryPtr) {
        let new = old.reallocate();
        self.crowd.replace(old, new);
        self.eviction.on_realloc(old, new);
        old.free();
    }

    /// Evicts one entry and checks that it was a lawful choice.
    fn evict(&mut self) -> Option<u64> {
        let kind = self.eviction.kind();
        let lawful = |entry: &EntryPtr| !kind.volatile_only() || entry.expire_at().is_some();
        let any =
            kind != PolicyKind::NoEviction && entry::uncounted(|| self.crowd.entries().iter().any(lawful));
        let victim = self.eviction.victim(&self.crowd);
        assert_eq!(victim.is_some(), any, "{kind:?} must find a victim when there is one");
        let (space, entry) = victim?;
        assert_eq!(space, entry.space());
        assert!(lawful(&entry), "{kind:?} chose an entry that it may not evict");
        let key = entry.key();
        self.remove(entry);
        Some(key)
    }

    fn pick(&self, at: usize) -> Option<EntryPtr> {
        let len = self.crowd.len();
        (len > 0).then(|| self.crowd.entries()[at % len])
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Insert { key, space } => {
                self.insert(key, space);
            }
            Step::Access(at) => {
                if let Some(entry) = self.pick(at) {
                    self.eviction.on_access(entry, hash(entry.key()));
                }
            }
            Step::Remove(at) => {
                if let Some(entry) = self.pick(at) {
                    self.remove(entry);
                }
            }
            Step::Reallocate(at) => {
                if let Some(entry) = self.pick(at) {
                    self.reallocate(entry);
                }
            }
            Step::Expire(at, to) => {
                if let Some(entry) = self.pick(at) {
                    entry.set_expire_at(to);
                }
            }
            Step::Evict => {
                self.evict();
            }
            Step::Switch(to) => self.eviction.set_policy(PolicyKind::ALL[to], Tuning::default()),
            Step::Maintain(max) => {
                self.eviction.maintain(&self.crowd, max);
            }
            Step::Wait(ms) => {
                self.now += ms;
                self.eviction.set_now(self.now);
            }
        }
    }

    /// Runs a policy switch to its end and tells how many slices it took.
    fn settle(&mut self, slice: usize) -> usize {
        let mut slices = 1;
        while self.eviction.maintain(&self.crowd, slice) {
            slices += 1;
        }
        slices
    }
}

fn touched_by<T>(f: impl FnOnce() -> T) -> (T, usize) {
    let before = entry::touched();
    let value = f();
    (value, entry::touched() - before)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_is_sound_and_bounded(
        first in 0..PolicyKind::ALL.len(),
        before in 0..600usize,
        steps in prop::collection::vec(step(), 1..600),
    ) {
        let mut world = World::new(PolicyKind::ALL[first]);
        for key in 0..before {
            world.insert(key as u64, (key % 3) as u16);
        }
        for step in &steps {
            let ((), touched) = touched_by(|| world.apply(step));
            prop_assert!(touched <= STEP_BOUND, "{step:?} touched {touched} entries");
            let live = world.crowd.len();
            prop_assert!(world.eviction.overhead() <= 4096 + 64 * live + 96 * before.max(600));
        }
        for entry in world.crowd.entries().to_vec() {
            world.remove(entry);
        }
        prop_assert!(world.eviction.overhead() <= 8192, "{} bytes for no entry", world.eviction.overhead());
    }

    #[test]
    fn a_switched_policy_knows_every_entry(
        from in 0..PolicyKind::ALL.len(),
        to in 0..PolicyKind::ALL.len(),
        count in 0..2000u64,
        slice in 1..200usize,
    ) {
        let mut world = World::new(PolicyKind::ALL[from]);
        for key in 0..count {
            world.insert(key, 1).set_expire_at(Some(1));
        }
        for _ in 0..count / 3 {
            world.evict();
        }
        world.eviction.set_policy(PolicyKind::ALL[to], Tuning::default());
        let slices = world.settle(slice);
        prop_assert!(slices <= count as usize / slice + 2);
        let live: HashSet<u64> = world.crowd.entries().iter().map(|entry| entry.key()).collect();
        let mut gone = HashSet::new();
        while let Some(key) = world.evict() {
            gone.insert(key);
        }
        if PolicyKind::ALL[to] == PolicyKind::NoEviction {
            prop_assert!(gone.is_empty());
        } else {
            prop_assert_eq!(gone, live);
        }
    }
}

#[test]
fn fifo_evicts_in_the_order_of_arrival_whatever_was_removed() {
    let mut world = World::new(PolicyKind::Fifo);
    let entries: Vec<EntryPtr> = (0..5000).map(|key| world.insert(key, 0)).collect();
    let gone = |key: u64| key % 7 != 3 && !key.is_multiple_of(1000);
    for entry in entries.into_iter().filter(|entry| gone(entry.key())) {
        world.remove(entry);
    }
    let order: Vec<u64> = std::iter::from_fn(|| world.evict()).collect();
    assert_eq!(order, (0..5000).filter(|key| !gone(*key)).collect::<Vec<u64>>());
}

#[test]
fn removing_leaves_few_holes() {
    let mut world = World::new(PolicyKind::Fifo);
    let entries: Vec<EntryPtr> = (0..100_000).map(|key| world.insert(key, 0)).collect();
    for (at, entry) in entries.into_iter().enumerate() {
        if at % 50 != 0 {
            let ((), touched) = touched_by(|| world.remove(entry));
            assert!(touched <= 400, "one removal touched {touched} entries");
        }
    }
    let each = world.eviction.overhead() / world.crowd.len();
    assert!(each <= 120, "{each} bytes an entry after 98 % of them left");
}

#[test]
fn overhead_is_what_the_allocator_says() {
    const ENTRIES: usize = 20_000;
    entry::reserve(ENTRIES + 1);
    for kind in PolicyKind::ALL {
        let mut crowd = Crowd::with_capacity(ENTRIES + 1);
        let before = ALLOCATED.get();
        let mut eviction = Eviction::new(kind, Tuning::default(), 3);
        for key in 0..3 * ENTRIES as u64 {
            if crowd.len() == ENTRIES {
                let evicted = eviction.victim(&crowd).map(|(_, entry)| entry);
                let gone = evicted.unwrap_or(crowd.entries()[0]);
                crowd.remove(gone);
                eviction.on_remove(gone);
                gone.free();
            }
            let entry = EntryPtr::make(key, 0);
            entry.set_expire_at(Some(1));
            crowd.add(entry);
            eviction.on_insert(entry, 0, hash(key));
        }
        let (said, held) = (eviction.overhead() as isize, ALLOCATED.get() - before);
        assert!((said - held).abs() <= 256, "{kind:?} says {said}, holds {held}");
        for entry in crowd.entries().to_vec() {
            eviction.on_remove(entry);
            entry.free();
        }
        assert!(eviction.overhead() <= 4096, "{kind:?} keeps {} bytes", eviction.overhead());
        assert!((eviction.overhead() as isize - (ALLOCATED.get() - before)).abs() <= 256);
    }
}

#[test]
fn an_entry_that_was_read_outlives_one_that_was_not() {
    let readers = [PolicyKind::AllKeysLru, PolicyKind::AllKeysLfu, PolicyKind::S3Fifo, PolicyKind::TinyLfu];
    for kind in readers.into_iter().chain([PolicyKind::Hybrid]) {
        let mut world = World::new(kind);
        let read: Vec<EntryPtr> = (0..100).map(|key| world.insert(key, 0)).collect();
        for _ in 0..20 {
            world.apply(&Step::Wait(500));
            for entry in &read {
                world.eviction.on_access(*entry, hash(entry.key()));
            }
        }
        for key in 100..2000 {
            world.insert(key, 0);
            world.apply(&Step::Wait(20));
            if world.crowd.len() > 1000 {
                world.evict();
            }
            if key % 50 == 0 {
                for entry in world.crowd.entries().iter().filter(|entry| entry.key() < 100) {
                    world.eviction.on_access(*entry, hash(entry.key()));
                }
            }
        }
        let kept = world.crowd.entries().iter().filter(|entry| entry.key() < 100).count();
        assert!(kept >= 95, "{kind:?} kept {kept} of 100");
    }
}

#[test]
fn volatile_ttl_prefers_the_nearest_expiry() {
    let mut world = World::new(PolicyKind::VolatileTtl);
    for key in 0..1000u64 {
        world.insert(key, 0).set_expire_at(Some(key as i64 * 1000));
    }
    let first: Vec<u64> = (0..100).filter_map(|_| world.evict()).collect();
    let mean = first.iter().sum::<u64>() / 100;
    assert!(mean < 200, "the mean victim is number {mean} of 1000 by expiry");
}

#[test]
fn idle_time_and_frequency_are_redis_like() {
    let mut world = World::new(PolicyKind::AllKeysLru);
    let entry = world.insert(1, 0);
    world.apply(&Step::Wait(7_400));
    assert!((7..=8).contains(&world.eviction.idle_secs(entry)));
    assert_eq!(world.eviction.frequency(entry), 0);

    let mut world = World::new(PolicyKind::AllKeysLfu);
    let entry = world.insert(1, 0);
    assert_eq!(world.eviction.frequency(entry), 5);
    for _ in 0..1000 {
        world.eviction.on_access(entry, hash(1));
    }
    let grown = world.eviction.frequency(entry);
    assert!((14..=23).contains(&grown), "1000 accesses make {grown}; Redis's table says about 18");
    world.apply(&Step::Wait(3 * 60_000));
    assert_eq!(world.eviction.frequency(entry), grown - 3);
}

#[test]
fn names_are_parsed_in_any_case_and_are_all_different() {
    let names: HashSet<&str> = PolicyKind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), PolicyKind::ALL.len());
    for kind in PolicyKind::ALL {
        assert_eq!(PolicyKind::parse(&kind.name().to_uppercase()), Some(kind));
    }
    assert_eq!(PolicyKind::parse("lru"), None);
}
