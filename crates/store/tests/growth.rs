//! Large tables: growth and shrinkage lose nothing, scans keep Redis's promise, memory is given back.

#![allow(clippy::expect_used)]

use dozo_store::{Access, Keyspace, Put, StoreConfig};
use std::collections::{BTreeSet, HashMap, HashSet};

const KEYS: u64 = if cfg!(miri) { 700 } else { 60_000 };

fn keyspace(seed: u64) -> Keyspace {
    Keyspace::new(StoreConfig { hash_seed: seed, ..StoreConfig::default() })
}

fn name(n: u64) -> Vec<u8> {
    format!("key:{n:012}").into_bytes()
}

fn fill(store: &mut Keyspace, keys: impl Iterator<Item = u64>) {
    for n in keys {
        store.put(0, &name(n), Put::plain(&[b'v'; 32]));
    }
}

fn scan_all(store: &mut Keyspace, count: usize, mut between: impl FnMut(&mut Keyspace)) -> Vec<Vec<u8>> {
    let mut seen = Vec::new();
    let mut cursor = 0;
    loop {
        cursor = store.scan(0, cursor, count, &mut |item| seen.push(item.key().to_vec()));
        if cursor == 0 {
            return seen;
        }
        between(store);
    }
}

#[test]
fn every_key_is_found_while_the_table_grows_and_shrinks() {
    let mut store = keyspace(7);
    let empty = store.used_memory();
    fill(&mut store, 0..KEYS);
    assert_eq!(store.len(0) as u64, KEYS);
    for n in 0..KEYS {
        assert!(store.get(0, &name(n), Access::Read).is_some());
        assert!(store.get(0, &name(n + KEYS), Access::Read).is_none());
    }
    for n in (0..KEYS).rev() {
        assert!(store.remove(0, &name(n)));
        assert!(store.get(0, &name(n), Access::Peek).is_none());
        if n % 997 == 0 {
            for other in (0..n).step_by(101) {
                assert!(store.get(0, &name(other), Access::Peek).is_some());
            }
        }
    }
    assert!(store.used_memory() <= empty + 16 * 1024, "only the list of segments keeps some of its room");
}

#[test]
fn table_and_headers_stay_small() {
    let mut store = keyspace(8);
    for end in [1_000u64, 10_000, 33_000, KEYS] {
        let from = store.len(0) as u64;
        fill(&mut store, from..end);
        let keys = store.len(0) as u64;
        let tables = store.overhead().tables / keys;
        assert!(tables <= 13, "{tables} bytes a key of table at {keys} keys");
        let over = (store.used_memory() - 48 * keys) / keys;
        assert!(over <= 30, "{over} bytes a key over key and value at {keys} keys");
    }
}

#[test]
fn a_scan_of_a_quiet_table_sees_each_key_once_in_slices_of_about_count() {
    let mut store = keyspace(9);
    fill(&mut store, 0..KEYS);
    let mut calls = 0;
    let seen = scan_all(&mut store, 10, |_| calls += 1);
    assert_eq!(seen.len() as u64, KEYS);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len() as u64, KEYS);
    assert!(calls as u64 >= KEYS / 12, "COUNT is respected");
}

#[test]
fn a_scan_sees_every_key_that_stays_while_the_table_grows() {
    let mut store = keyspace(10);
    fill(&mut store, 0..KEYS / 20);
    let mut next = KEYS;
    let seen = scan_all(&mut store, 50, |store| {
        let more = if next < 3 * KEYS { 500 } else { 0 };
        fill(store, next..next + more);
        next += more;
    });
    let seen: HashSet<Vec<u8>> = seen.into_iter().collect();
    assert!((0..KEYS / 20).all(|n| seen.contains(&name(n))));
}

#[test]
fn a_scan_sees_every_key_that_stays_while_the_table_shrinks() {
    let mut store = keyspace(11);
    fill(&mut store, 0..KEYS);
    let mut next = KEYS / 50;
    let seen = scan_all(&mut store, 30, |store| {
        for n in next..(next + 300).min(KEYS) {
            store.remove(0, &name(n));
        }
        next += 300;
    });
    let seen: HashSet<Vec<u8>> = seen.into_iter().collect();
    assert!((0..KEYS / 50).all(|n| seen.contains(&name(n))));
}

#[test]
fn a_scan_survives_growing_and_shrinking_in_turn_and_any_cursor() {
    let mut store = keyspace(12);
    fill(&mut store, 0..KEYS / 10);
    let mut grown = false;
    let seen = scan_all(&mut store, 100, |store| {
        if grown {
            (KEYS..KEYS + 3_000).for_each(|n| assert!(store.remove(0, &name(n))));
        } else {
            fill(store, KEYS..KEYS + 3_000);
        }
        grown = !grown;
    });
    let seen: BTreeSet<Vec<u8>> = seen.into_iter().collect();
    assert!((0..KEYS / 10).all(|n| seen.contains(&name(n))));
    for cursor in [1, 77, u64::MAX, 1 << 63, u64::MAX >> 1, 0x0123_4567_89ab_cdef] {
        let mut cursor = cursor;
        while {
            cursor = store.scan(0, cursor, 1000, &mut |_| {});
            cursor != 0
        } {}
    }
}

#[test]
fn random_keys_are_spread_evenly() {
    let mut store = keyspace(13);
    fill(&mut store, 0..1000);
    let mut counts: HashMap<Vec<u8>, u32> = HashMap::new();
    let draws = if cfg!(miri) { 1_000 } else { 200_000 };
    for _ in 0..draws {
        *counts.entry(store.random_key(0).expect("the database is not empty")).or_default() += 1;
    }
    if cfg!(miri) {
        return;
    }
    assert_eq!(counts.len(), 1000);
    assert!(counts.values().all(|count| (50..500).contains(count)), "the mean is 200");
}

#[test]
fn a_flush_is_freed_in_slices_and_gives_everything_back() {
    let mut store = keyspace(14);
    let empty = store.used_memory();
    fill(&mut store, 0..KEYS);
    store.put(0, b"huge", Put::plain(&vec![b'x'; 1 << 20]));
    let full = store.used_memory();
    assert_eq!(store.flush(0) as u64, KEYS + 1);
    assert_eq!(store.len(0), 0);
    assert!(store.used_memory() >= full, "detached entries count until they are freed");
    fill(&mut store, 0..10);
    let mut steps = 0;
    while store.free_step(1000) {
        steps += 1;
    }
    assert!(steps as u64 >= KEYS / 2000, "{steps} slices");
    assert_eq!(store.len(0), 10);
    store.flush_all();
    while store.free_step(1000) {}
    assert_eq!(store.used_memory(), empty);
}

#[test]
fn a_huge_value_is_freed_later() {
    let mut store = keyspace(15);
    let empty = store.used_memory();
    store.put(0, b"huge", Put::plain(&vec![b'x'; 1 << 20]));
    assert!(store.remove(0, b"huge"));
    assert!(store.used_memory() > empty + (1 << 20));
    assert!(!store.free_step(1));
    assert_eq!(store.used_memory(), empty);
}
