//! What a key costs: memory beside key and value, and the time of the commonest operations.
//!
//! Run by hand: `cargo run --release -p dozo-store --example bytes_per_key -- [keys] [value bytes] [policy]`.

use dozo_store::{Access, Keyspace, PolicyKind, Put, StoreConfig};
use std::hint::black_box;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KEY_BYTES: usize = 16;

fn key(n: u64) -> [u8; KEY_BYTES] {
    let mut key = *b"key:000000000000";
    let mut rest = n;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

/// A permutation of the numbers below `keys`, near enough, so that the cache helps no more than it does in life.
fn shuffled(n: u64, keys: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % keys
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

fn timed(what: &str, times: u64, mut step: impl FnMut(u64)) {
    let start = Instant::now();
    let mut slowest = 0;
    for n in 0..times {
        if n % 64 == 0 {
            let before = Instant::now();
            step(n);
            slowest = slowest.max(before.elapsed().as_nanos());
        } else {
            step(n);
        }
    }
    let mean = start.elapsed().as_nanos() as f64 / times as f64;
    println!("{what:<28} {mean:7.1} ns each, slowest seen {slowest} ns");
}

fn main() {
    let mut args = std::env::args().skip(1);
    let mut number = |default: u64| args.next().and_then(|arg| arg.parse().ok()).unwrap_or(default);
    let (keys, value_bytes) = (number(1_000_000), number(32) as usize);
    let policy = args.next().and_then(|name| PolicyKind::parse(&name)).unwrap_or(PolicyKind::NoEviction);
    let mut store = Keyspace::new(StoreConfig { hash_seed: 42, policy, ..StoreConfig::default() });
    store.set_now(1_000_000);
    let value = vec![b'v'; value_bytes];
    let base = resident_bytes();
    timed("put, new key", keys, |n| {
        store.put(0, &key(n), Put::plain(&value));
    });
    let net = keys * (KEY_BYTES + value_bytes) as u64;
    let per_key = |bytes: u64| (bytes as f64 - net as f64) / keys as f64;
    let overhead = store.overhead();
    println!("resident, over key and value {:7.1} bytes a key", per_key(resident_bytes() - base));
    println!("counted, over key and value  {:7.1} bytes a key", per_key(store.used_memory()));
    println!("  of which table             {:7.1}", overhead.tables as f64 / keys as f64);
    println!("  of which policy            {:7.1}", overhead.policy as f64 / keys as f64);
    timed("get, random key", keys, |n| {
        let key = key(shuffled(n, keys));
        black_box(store.get(0, &key, Access::Read).map(|item| item.flags()));
    });
    let mut batch = [([0; KEY_BYTES], 0); 16];
    timed("get, random key, 16 ahead", keys / 16, |n| {
        for (at, slot) in batch.iter_mut().enumerate() {
            slot.0 = key(shuffled(n * 16 + at as u64, keys));
            slot.1 = store.hash(&slot.0);
            store.prefetch(0, slot.1);
        }
        batch.iter().for_each(|(_, hash)| store.prefetch_entry(0, *hash));
        for (key, hash) in &batch {
            black_box(store.get_hashed(0, *hash, key, Access::Read).map(|item| item.flags()));
        }
    });
    timed("get, missing key", keys, |n| {
        black_box(store.get(0, &key(n + keys), Access::Read).is_some());
    });
    timed("put, random key, same size", keys, |n| {
        store.put(0, &key(shuffled(n, keys)), Put::plain(&value));
    });
    timed("get, same hot 1000 keys", keys, |n| {
        black_box(store.get(0, &key(n % 1000), Access::Read).map(|item| item.flags()));
    });
    timed("put, same hot 1000 keys", keys, |n| {
        store.put(0, &key(n % 1000), Put::plain(&value));
    });
    timed("remove", keys, |n| {
        store.remove(0, &key(shuffled(n, keys)));
    });
}
