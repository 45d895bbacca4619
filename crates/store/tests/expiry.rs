//! Keys expire when their time has come, whoever looks, and are told to the effects in order.

use dozo_store::{Access, Keyspace, Notice, Put, Reason, StoreConfig, Ttl};

const NOW: i64 = 1_700_000_000_000;

fn keyspace() -> Keyspace {
    let mut store = Keyspace::new(StoreConfig::default());
    store.set_now(NOW);
    store
}

fn name(n: usize) -> Vec<u8> {
    format!("key:{n}").into_bytes()
}

fn put_until(store: &mut Keyspace, db: usize, key: &[u8], at: i64) {
    let put = Put { ttl: Ttl::At(at), ..Put::plain(b"value") };
    store.put(db, key, put);
}

#[test]
fn a_key_is_there_until_its_millisecond_comes() {
    let mut store = keyspace();
    put_until(&mut store, 3, b"k", NOW + 100);
    store.set_now(NOW + 99);
    assert!(store.get(3, b"k", Access::Read).is_some());
    store.set_now(NOW + 100);
    assert!(store.get(3, b"k", Access::Read).is_none());
    assert_eq!(store.len(3), 0);
    assert_eq!(store.volatile_len(3), 0);
    let gone = Notice { db: 3, key: b"k"[..].into(), reason: Reason::Expired, fields: Vec::new() };
    assert!(store.has_notices());
    assert_eq!(store.take_notices(), [gone]);
    assert!(!store.has_notices());
    assert_eq!((store.stats.hits, store.stats.misses, store.stats.expired), (1, 1, 1));
}

#[test]
fn an_expiration_is_no_change_of_the_command_that_met_it() {
    let mut store = keyspace();
    put_until(&mut store, 0, b"k", NOW + 1);
    store.set_now(NOW + 2);
    let before = store.dirty();
    assert!(!store.remove(0, b"k"));
    assert!(!store.set_expire(0, b"k", Some(NOW + 50)));
    assert!(!store.rename(0, b"k", b"l"));
    assert_eq!(store.cas(0, b"k"), None);
    assert_eq!(store.dirty(), before);
    assert_eq!(store.take_notices().len(), 1);
}

#[test]
fn what_a_write_keeps_or_clears() {
    let mut store = keyspace();
    let expiry = |store: &mut Keyspace| store.get(0, b"k", Access::Peek).and_then(|item| item.expire_at());
    put_until(&mut store, 0, b"k", NOW + 100);
    store.append(0, b"k", b"x");
    store.set_range(0, b"k", 9, b"x");
    store.set_int(0, b"k", 5);
    store.put(0, b"k", Put { ttl: Ttl::Keep, ..Put::plain(b"v") });
    assert_eq!(expiry(&mut store), Some(NOW + 100));
    store.put(0, b"k", Put::plain(b"v"));
    assert_eq!(expiry(&mut store), None);
    assert_eq!(store.volatile_len(0), 0);
    let before = store.dirty();
    assert!(store.set_expire(0, b"k", None));
    assert_eq!(store.dirty(), before, "there was no expiry to take away");
    assert!(store.set_expire(0, b"k", Some(NOW + 7)));
    assert_eq!(store.dirty(), before + 1);
    assert!(store.set_expire(0, b"k", None));
    assert_eq!(expiry(&mut store), None);
}

#[test]
fn active_expiry_finds_all_and_never_looks_at_more_than_it_may() {
    let mut store = keyspace();
    for n in 0..10_000 {
        let at = if n % 2 == 0 { NOW + 10 } else { NOW + 1_000_000 };
        put_until(&mut store, n % 3, &name(n), at);
    }
    store.set_now(NOW + 10);
    let mut expired = 0;
    for _ in 0..20_000 {
        let found = store.active_expire(20);
        assert!(found <= 20);
        expired += found;
    }
    assert_eq!(expired, 5_000);
    assert_eq!(store.stats.expired, 5_000);
    assert_eq!((0..3).map(|db| store.volatile_len(db)).sum::<usize>(), 5_000);
    assert!((0..3).all(|db| store.avg_ttl_ms(db) > 900_000));
    let removed = store.take_notices();
    assert_eq!(removed.len(), 5_000);
    assert!(removed.iter().all(|gone| gone.reason == Reason::Expired));
}

#[test]
fn one_run_clears_a_database_full_of_expired_keys_as_far_as_it_may() {
    let mut store = keyspace();
    for n in 0..1000 {
        put_until(&mut store, 0, &name(n), NOW + 10);
    }
    store.set_now(NOW + 10);
    assert_eq!(store.active_expire(300), 300);
    assert_eq!(store.stats.expired_time_cap_reached, 1);
    assert_eq!(store.active_expire(10_000), 700);
    assert_eq!(store.active_expire(10_000), 0);
}

#[test]
fn no_walk_shows_an_expired_key() {
    let mut store = keyspace();
    for n in 0..100 {
        put_until(&mut store, 0, &name(n), NOW + 10);
    }
    store.put(0, b"stays", Put::plain(b"v"));
    store.set_now(NOW + 10);
    let mut seen = Vec::new();
    store.for_each(0, &mut |item| seen.push(item.key().to_vec()));
    assert_eq!(store.scan(0, 0, 1000, &mut |item| seen.push(item.key().to_vec())), 0);
    assert_eq!(seen, [b"stays", b"stays"]);
    assert_eq!(store.memory_usage(0, b"key:1"), None);
    while store.len(0) > 1 {
        assert!(store.random_key(0).is_none_or(|key| key == b"stays"));
    }
}
