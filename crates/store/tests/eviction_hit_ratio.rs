//! The hit ratio of every policy in a seeded simulation: 1 M requests over 100 k objects, room for 1 % and 10 % of them.
//!
//! Prints a table (`cargo test -p dozo-store --test eviction_hit_ratio -- --nocapture`) and asserts that s3fifo is at or
//! above what redis-server's policies reach with as many objects, and that each policy is near its published ratio.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

#[path = "../src/chunked.rs"]
mod chunked;
#[path = "eviction_support/crowd.rs"]
mod crowd;
#[path = "eviction_support/entry.rs"]
mod entry;
#[path = "../src/eviction/mod.rs"]
mod eviction;
#[path = "eviction_support/loads.rs"]
mod loads;
#[path = "eviction_support/redis.rs"]
mod redis;
#[path = "../src/size_class.rs"]
mod size_class;

use crowd::{Crowd, hash};
use entry::EntryPtr;
use eviction::{Eviction, PolicyKind, Population, Tuning};
use foldhash::{HashMap, HashMapExt};
use loads::Load;
use redis::Redis;

const REQUESTS: usize = 1_000_000;
const OBJECTS: usize = 100_000;
const CAPACITIES: [usize; 2] = [OBJECTS / 100, OBJECTS / 10];
/// A pace of 100,000 requests a second, about what a benchmark drives.
const REQUESTS_PER_MS: u64 = 100;

const LOADS: [Load; 5] = [
    Load { name: "zipf 0.8", alpha: 0.8, scanned: 0.0, swap_every: 0 },
    Load { name: "zipf 1.0", alpha: 1.0, scanned: 0.0, swap_every: 0 },
    Load { name: "zipf 0.8, 10 % scans", alpha: 0.8, scanned: 0.1, swap_every: 0 },
    Load { name: "zipf 1.0, 10 % scans", alpha: 1.0, scanned: 0.1, swap_every: 0 },
    Load { name: "zipf 1.0, drifting", alpha: 1.0, scanned: 0.0, swap_every: 50 },
];

const POLICIES: [PolicyKind; 7] = [
    PolicyKind::S3Fifo,
    PolicyKind::TinyLfu,
    PolicyKind::AllKeysLfu,
    PolicyKind::Hybrid,
    PolicyKind::AllKeysLru,
    PolicyKind::Fifo,
    PolicyKind::AllKeysRandom,
];

const PEERS: [Redis; 3] = [Redis::Lfu, Redis::LruOfFineClock, Redis::Lru];

/// Hits in percent that libcachesim prints for zipf 0.8 and 1.0 at 1 % of the objects.
const PUBLISHED: [(PolicyKind, f64, f64); 5] = [
    (PolicyKind::Fifo, 17.9, 46.5),
    (PolicyKind::AllKeysLru, 20.4, 50.6),
    (PolicyKind::AllKeysLfu, 30.0, 59.2),
    (PolicyKind::S3Fifo, 31.6, 59.8),
    (PolicyKind::TinyLfu, 31.8, 60.2),
];

/// One load at one capacity.
struct Row {
    load: &'static str,
    capacity: usize,
    dozo: Vec<(PolicyKind, f64)>,
    redis: Vec<(Redis, f64)>,
}

impl Row {
    fn of(&self, kind: PolicyKind) -> f64 {
        self.dozo.iter().find(|known| known.0 == kind).map_or(0.0, |known| known.1)
    }
}

fn hit_ratio(kind: PolicyKind, requests: &[u64], capacity: usize) -> f64 {
    let mut eviction = Eviction::new(kind, Tuning::default(), 1);
    let mut crowd = Crowd::default();
    let mut places: HashMap<u64, EntryPtr> = HashMap::new();
    let mut hits = 0;
    for (at, key) in requests.iter().enumerate() {
        eviction.set_now(1_700_000_000_000 + (at as u64 / REQUESTS_PER_MS) as i64);
        if let Some(entry) = places.get(key) {
            hits += 1;
            eviction.on_access(*entry, hash(*key));
            continue;
        }
        if crowd.len() == capacity {
            let (_, victim) = eviction.victim(&crowd).unwrap();
            assert_eq!(places.remove(&victim.key()), Some(victim));
            crowd.remove(victim);
            victim.free();
        }
        let entry = EntryPtr::make(*key, 0);
        crowd.add(entry);
        places.insert(*key, entry);
        eviction.on_insert(entry, 0, hash(*key));
    }
    hits as f64 / requests.len() as f64
}

fn simulate(load: Load, seed: u64) -> Vec<Row> {
    let requests = load.requests(REQUESTS, OBJECTS, seed);
    let row = |capacity| Row {
        load: load.name,
        capacity,
        dozo: POLICIES.map(|kind| (kind, hit_ratio(kind, &requests, capacity))).to_vec(),
        redis: PEERS
            .map(|peer| (peer, redis::hit_ratio(peer, &requests, capacity, REQUESTS_PER_MS)))
            .to_vec(),
    };
    CAPACITIES.map(row).into()
}

fn print(rows: &[Row]) {
    for row in rows {
        print!("{:>20} {:>6}", row.load, row.capacity);
        row.dozo.iter().for_each(|(kind, ratio)| print!("  {} {ratio:.3}", kind.name()));
        row.redis.iter().for_each(|(peer, ratio)| print!("  redis {peer:?} {ratio:.3}"));
        println!();
    }
}

#[test]
fn s3fifo_beats_redis_and_every_policy_is_near_its_published_ratio() {
    let rows: Vec<Row> = std::thread::scope(|scope| {
        let simulations = LOADS.map(|load| scope.spawn(move || simulate(load, 11)));
        simulations.into_iter().flat_map(|simulation| simulation.join().unwrap()).collect()
    });
    print(&rows);
    for row in &rows {
        let best = row.redis.iter().map(|known| known.1).fold(0.0, f64::max);
        let ours = row.of(PolicyKind::S3Fifo);
        assert!(ours >= best, "{} {}: s3fifo {ours}, redis {best}", row.load, row.capacity);
    }
    for (kind, at_08, at_10) in PUBLISHED {
        for (load, published) in [("zipf 0.8", at_08), ("zipf 1.0", at_10)] {
            let row = rows.iter().find(|row| row.load == load && row.capacity == CAPACITIES[0]).unwrap();
            let ours = 100.0 * row.of(kind);
            assert!((ours - published).abs() < 1.5, "{load}: {kind:?} {ours}, published {published}");
        }
    }
}
