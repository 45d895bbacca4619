//! The forms of a string: which one a write chooses, what a reader sees, what it costs.

#![allow(clippy::expect_used)]

use dozo_store::{Access, EvictOutcome, Keyspace, Mark, PolicyKind, Put, Reason, StoreConfig, Str, Ttl};
use std::sync::Arc;

fn keyspace() -> Keyspace {
    Keyspace::new(StoreConfig::default())
}

fn encoding(store: &mut Keyspace, key: &[u8]) -> &'static str {
    store.get(0, key, Access::Peek).map_or("none", |item| item.encoding())
}

fn shared(store: &mut Keyspace, key: &[u8]) -> Option<Arc<Vec<u8>>> {
    match store.get(0, key, Access::Peek)?.string()? {
        Str::Shared(shared) => Some(Arc::clone(shared)),
        _ => None,
    }
}

#[test]
fn encodings_are_named_as_in_redis() {
    let mut store = keyspace();
    let long = [b'x'; 45];
    let cases: [(&[u8], &str); 8] = [
        (b"12", "int"),
        (b"-9223372036854775808", "int"),
        (b"9223372036854775808", "embstr"),
        (b"012", "embstr"),
        (b"", "embstr"),
        (&long[..44], "embstr"),
        (&long, "raw"),
        (&[b'x'; 5000], "raw"),
    ];
    for (value, name) in cases {
        store.put(0, b"k", Put::plain(value));
        assert_eq!(encoding(&mut store, b"k"), name);
    }
    store.put(0, b"k", Put::plain(b"1"));
    store.append(0, b"k", b"2");
    assert_eq!(encoding(&mut store, b"k"), "raw");
    assert_eq!(store.get(0, b"k", Access::Peek).and_then(|item| item.string()?.to_i64()), Some(12));
    store.append(0, b"new", b"12");
    assert_eq!(encoding(&mut store, b"new"), "int");
    store.set_range(0, b"padded", 1, b"2");
    assert_eq!(encoding(&mut store, b"padded"), "raw");
}

#[test]
fn a_large_value_grows_in_place_unless_a_reply_holds_it() {
    let mut store = keyspace();
    store.put(0, b"k", Put::plain(&[b'x'; 5000]));
    store.append(0, b"k", &[b'y'; 5000]);
    let address = |store: &mut Keyspace| shared(store, b"k").map(|value| value.as_ptr());
    let before = address(&mut store);
    let mut moves = 0;
    for _ in 0..1000 {
        let old = address(&mut store);
        store.append(0, b"k", b"0123456789");
        moves += u32::from(address(&mut store) != old);
    }
    assert!(moves <= 3, "room doubles, so {moves} moves are too many");
    assert!(before.is_some());
    let held = shared(&mut store, b"k").expect("a long value is shared");
    store.set_range(0, b"k", 0, b"changed");
    assert_eq!(&held[..7], b"xxxxxxx", "a reply keeps what it has seen");
    assert_eq!(&shared(&mut store, b"k").expect("still long")[..7], b"changed");
}

#[test]
fn a_copy_of_a_large_value_shares_it_until_it_changes() {
    let mut store = keyspace();
    store.set_range(0, b"k", 99_999, b"x");
    let address = shared(&mut store, b"k").map(|value| value.as_ptr());
    assert!(store.copy(0, b"k", 0, b"twin"));
    assert_eq!(shared(&mut store, b"twin").map(|value| value.as_ptr()), address);
    assert!(store.copy(0, b"k", 1, b"copy"));
    store.append(1, b"copy", b"!");
    assert_eq!(shared(&mut store, b"k").map(|value| value.len()), Some(100_000));
}

#[test]
fn memory_of_a_key_follows_its_value() {
    let mut store = keyspace();
    let empty = store.used_memory();
    store.put(0, b"k", Put::plain(b"5"));
    let small = store.used_memory();
    store.append(0, b"k", &vec![b'x'; 1 << 20]);
    assert!(store.used_memory() >= small + (1 << 20));
    assert!(store.memory_usage(0, b"k").is_some_and(|bytes| bytes > 1 << 20));
    store.set_int(0, b"k", 1);
    while store.free_step(10) {}
    assert_eq!(store.used_memory(), small);
    store.remove(0, b"k");
    assert_eq!(store.used_memory(), empty);
    assert_eq!(store.memory_usage(0, b"k"), None);
}

#[test]
fn a_put_clears_the_marks_and_a_touch_keeps_them() {
    let mut store = keyspace();
    store.put(0, b"k", Put::plain(b"v"));
    for mark in [Mark::Stale(true), Mark::Won(true), Mark::Fetched(true)] {
        store.mark(0, b"k", mark);
    }
    let marks = |store: &mut Keyspace| {
        let item = store.get(0, b"k", Access::Read).expect("the key exists");
        (item.stale(), item.won(), item.fetched())
    };
    store.set_expire(0, b"k", Some(i64::MAX));
    store.tell_cas(0, b"k");
    assert_eq!(marks(&mut store), (true, true, true));
    store.put(0, b"k", Put::plain(b"w"));
    assert_eq!(marks(&mut store), (false, false, false));
}

#[test]
fn eviction_makes_room_and_tells_what_went() {
    /// One put may add a chunk of the volatile index.
    const SLACK: u64 = 10_000;
    let limit = 1 << 20;
    for policy in PolicyKind::ALL {
        let config = StoreConfig { maxmemory: limit, policy, ..StoreConfig::default() };
        let mut store = Keyspace::new(config);
        let mut refused = 0;
        let mut gone = 0;
        for n in 0..30_000u32 {
            store.set_now(i64::from(n));
            let db = n as usize % 3;
            let key = n.to_string();
            if store.evict(200) == EvictOutcome::Nothing {
                refused += 1;
                continue;
            }
            store.put(db, key.as_bytes(), Put { ttl: Ttl::At(1 << 50), ..Put::plain(&[b'v'; 60]) });
            if n == 15_000 {
                store.swap(0, 1);
                store.flush(2);
            }
            for removed in store.take_notices() {
                assert_eq!(removed.reason, Reason::Evicted);
                assert!(store.get(removed.db, &removed.key, Access::Peek).is_none());
                gone += 1;
            }
            assert!(store.used_memory() <= limit + SLACK, "{}: {}", policy.name(), store.used_memory());
        }
        assert_eq!(gone, store.stats.evicted);
        if policy == PolicyKind::NoEviction {
            assert!(refused > 0 && gone == 0);
        } else {
            assert!(refused == 0 && gone > 1000, "{}: {gone} evicted", policy.name());
        }
    }
}

#[test]
fn a_key_keeps_its_age_when_it_is_renamed_or_moved() {
    let mut store = keyspace();
    store.set_now(1_000_000);
    store.put(0, b"k", Put::plain(b"v"));
    store.set_now(1_060_000);
    assert!(store.rename(0, b"k", b"l"));
    assert!(store.move_key(0, b"l", 1));
    let item = store.get(1, b"l", Access::Peek);
    assert_eq!(item.map(|item| item.clock_idle_secs(1_060_000)), Some(60));
}

#[test]
fn a_limit_lowered_far_is_reached_in_bounded_steps() {
    let mut store = Keyspace::new(StoreConfig { policy: PolicyKind::S3Fifo, ..StoreConfig::default() });
    for n in 0..50_000u32 {
        store.put(0, n.to_string().as_bytes(), Put::plain(&[b'v'; 60]));
    }
    store.set_maxmemory(1 << 20);
    let mut steps = 0;
    while store.over_limit() {
        let before = store.stats.evicted;
        assert_eq!(store.evict(0), EvictOutcome::Ok);
        assert!(store.stats.evicted - before <= 256);
        steps += 1;
    }
    assert!(steps > 100);
}

#[test]
fn data_leave_what_is_reserved() {
    let config = StoreConfig { maxmemory: 200_000, policy: PolicyKind::AllKeysLru, ..StoreConfig::default() };
    let mut store = Keyspace::new(config);
    for key in 0..1000 {
        store.put(0, format!("key:{key}").as_bytes(), Put::plain(&[0; 100]));
    }
    assert!(!store.over_limit());
    store.set_reserved(150_000);
    assert!(store.over_limit());
    while store.over_limit() {
        assert_eq!(store.evict(0), EvictOutcome::Ok);
    }
    assert!(store.used_memory() <= 50_000);
    store.set_reserved(u64::MAX);
    while store.evict(0) == EvictOutcome::Ok {}
    assert_eq!(store.len(0), 0);
    store.set_reserved(0);
    assert!(!store.over_limit());
}
