//! Every policy inside a real keyspace: random histories under a tight memory limit, next to a plain map.
//!
//! The map learns of evictions from `take_notices` only, so a key that left the wrong database, twice or in silence shows.

#![allow(dead_code, missing_docs, clippy::expect_used, clippy::unwrap_used)]

#[path = "eviction_support/loads.rs"]
mod loads;

use dozo_store::{Access, EvictOutcome, Keyspace, NewValue, PolicyKind, Put, Reason, StoreConfig, Ttl};
use loads::Random;
use std::collections::HashMap;

const DATABASES: usize = 4;
const KEYS: u64 = 3000;
const START: i64 = 1_700_000_000_000;

/// A key's value length and expiry, by database and name.
type Model = HashMap<(usize, Vec<u8>), (Vec<u8>, Option<i64>)>;

struct World {
    store: Keyspace,
    model: Model,
    random: Random,
    now: i64,
    evicted: usize,
}

impl World {
    fn new(policy: PolicyKind, maxmemory: u64, seed: u64) -> World {
        let config = StoreConfig {
            databases: DATABASES,
            policy,
            maxmemory,
            hash_seed: seed,
            ..StoreConfig::default()
        };
        let mut store = Keyspace::new(config);
        store.set_now(START);
        World { store, model: Model::new(), random: Random(seed), now: START, evicted: 0 }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random.next() % bound
    }

    fn key(&mut self) -> Vec<u8> {
        let number = self.below(KEYS);
        let padding = (number % 9) as usize * 3;
        format!("key:{number}{}", "-".repeat(padding)).into_bytes()
    }

    fn value(&mut self) -> Vec<u8> {
        let len = match self.below(40) {
            0 => 4000 + self.below(3000),
            1..4 => 230 + self.below(60),
            _ => self.below(100),
        };
        vec![b'v'; len as usize]
    }

    fn database(&mut self) -> usize {
        self.below(DATABASES as u64) as usize
    }

    /// Forgets what the keyspace says has left, after checking that it might.
    fn settle(&mut self, volatile_only: bool) {
        for removed in self.store.take_notices() {
            let known = self.model.remove(&(removed.db, removed.key.to_vec()));
            let (_, expire_at) = known.expect("what leaves was there");
            match removed.reason {
                Reason::Expired => assert!(expire_at.unwrap() <= self.now),
                Reason::Evicted => {
                    assert!(!volatile_only || expire_at.is_some());
                    self.evicted += 1;
                }
                Reason::Missed | Reason::Created => panic!("nobody asked for it"),
            }
        }
    }

    fn make_room(&mut self) {
        let policy = self.store.policy();
        let outcome = self.store.evict(0);
        self.settle(policy.volatile_only());
        let fits = self.store.used_memory() <= self.store.maxmemory();
        if outcome == EvictOutcome::Nothing {
            let none_left = self.model.values().all(|(_, expire_at)| expire_at.is_none());
            let lawful = policy == PolicyKind::NoEviction || (policy.volatile_only() && none_left);
            assert!(lawful || self.model.is_empty(), "{policy:?} found no victim");
        } else {
            assert!(fits, "{policy:?} left {} bytes", self.store.used_memory());
        }
    }

    fn step(&mut self) {
        let (db, to_db) = (self.database(), self.database());
        let (key, other) = (self.key(), self.key());
        match self.below(100) {
            0..35 => self.put(db, key),
            35..60 => self.read(db, &key),
            60..68 => self.remove(db, key),
            68..76 => self.append(db, key),
            76..82 => self.expire(db, key),
            82..86 => self.rename(db, key, other),
            86..90 => self.move_key(db, key, to_db),
            90..94 => self.copy(db, key, to_db, other),
            94..98 => self.wait(),
            98 if self.below(20) == 0 => self.flush(db),
            _ => self.swap(db, to_db),
        }
        self.settle(false);
    }

    fn put(&mut self, db: usize, key: Vec<u8>) {
        let value = self.value();
        let at = (self.below(2) == 0).then(|| self.now + 1 + self.below(5000) as i64);
        let ttl = at.map_or(Ttl::Clear, Ttl::At);
        self.store.put(db, &key, Put { value: NewValue::Bytes(&value), ttl, flags: None });
        self.settle(false);
        self.model.insert((db, key), (value, at));
    }

    fn read(&mut self, db: usize, key: &[u8]) {
        let found = self.store.get(db, key, Access::Read).map(|item| item.string().unwrap().to_vec());
        self.settle(false);
        assert_eq!(found.as_ref(), self.model.get(&(db, key.to_vec())).map(|known| &known.0));
    }

    fn remove(&mut self, db: usize, key: Vec<u8>) {
        let removed = self.store.remove(db, &key);
        self.settle(false);
        assert_eq!(removed, self.model.remove(&(db, key)).is_some());
    }

    fn append(&mut self, db: usize, key: Vec<u8>) {
        let data = vec![b'a'; self.below(40) as usize + 1];
        let len = self.store.append(db, &key, &data);
        self.settle(false);
        let (value, _) = self.model.entry((db, key)).or_default();
        value.extend(data);
        assert_eq!(len, value.len());
    }

    fn expire(&mut self, db: usize, key: Vec<u8>) {
        let at = (self.below(3) > 0).then(|| self.now + 1 + self.below(9000) as i64);
        let found = self.store.set_expire(db, &key, at);
        self.settle(false);
        let known = self.model.get_mut(&(db, key));
        assert_eq!(found, known.is_some());
        if let Some(known) = known {
            known.1 = at;
        }
    }

    fn rename(&mut self, db: usize, from: Vec<u8>, to: Vec<u8>) {
        let renamed = self.store.rename(db, &from, &to);
        self.settle(false);
        let value = self.model.remove(&(db, from));
        assert_eq!(renamed, value.is_some());
        if let Some(value) = value {
            self.model.insert((db, to), value);
        }
    }

    fn move_key(&mut self, db: usize, key: Vec<u8>, to_db: usize) {
        let moved = self.store.move_key(db, &key, to_db);
        self.settle(false);
        if moved {
            let value = self.model.remove(&(db, key.clone())).unwrap();
            assert!(self.model.insert((to_db, key), value).is_none());
        }
    }

    fn copy(&mut self, db: usize, from: Vec<u8>, to_db: usize, to: Vec<u8>) {
        let copied = self.store.copy(db, &from, to_db, &to);
        self.settle(false);
        let value = self.model.get(&(db, from)).cloned();
        assert_eq!(copied, value.is_some());
        if let Some(value) = value {
            self.model.insert((to_db, to), value);
        }
    }

    fn wait(&mut self) {
        self.now += self.below(200) as i64;
        self.store.set_now(self.now);
        self.store.active_expire(100);
        self.store.free_step(50);
    }

    fn flush(&mut self, db: usize) {
        self.store.flush(db);
        self.model.retain(|(at, _), _| *at != db);
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.store.swap(a, b);
        let swapped = |db| {
            if db == a {
                b
            } else if db == b {
                a
            } else {
                db
            }
        };
        self.model = self.model.drain().map(|((db, key), value)| ((swapped(db), key), value)).collect();
    }

    /// The keyspace holds exactly what the map holds.
    fn compare(&mut self) {
        let mut seen = 0;
        for db in 0..DATABASES {
            self.store.for_each(db, &mut |head| {
                let item = head.item().unwrap();
                let known = self.model.get(&(db, item.key().to_vec())).expect("a key that is in the map");
                assert_eq!(item.string().unwrap().to_vec(), known.0);
                assert_eq!(item.expire_at(), known.1);
                seen += 1;
            });
        }
        let live = self.model.values().filter(|known| known.1.is_none_or(|at| at > self.now)).count();
        assert_eq!(seen, live);
    }
}

#[test]
fn every_policy_keeps_the_limit_and_loses_no_key_in_silence() {
    for (seed, policy) in PolicyKind::ALL.into_iter().enumerate() {
        let mut world = World::new(policy, 100_000, seed as u64);
        let base = world.store.used_memory();
        for at in 0..20_000 {
            world.make_room();
            world.step();
            if at % 2000 == 0 {
                world.compare();
            }
        }
        world.compare();
        assert_eq!(world.evicted > 100, policy != PolicyKind::NoEviction, "{policy:?} {}", world.evicted);
        world.store.flush_all();
        while world.store.free_step(100) {}
        let left = world.store.used_memory() - base;
        assert!(left <= 8192, "{policy:?} keeps {left} bytes for no key");
    }
}

#[test]
fn policies_change_at_any_time_under_load() {
    let mut world = World::new(PolicyKind::S3Fifo, 120_000, 77);
    for at in 0..60_000 {
        if at % 150 == 0 {
            let kind = PolicyKind::ALL[world.below(12) as usize];
            world.store.set_policy(kind, 5, 10, 1);
        }
        world.make_room();
        world.step();
        if at % 5000 == 0 {
            world.compare();
        }
    }
    world.compare();
    assert!(world.evicted > 1000);
}
