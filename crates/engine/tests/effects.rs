//! The stream of effects: order, offsets, determinism, and nothing for a write that changed nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Bench, START_MS};
use dozo_engine::{Cause, Engine, Session, Settings, SystemClock};
use dozo_store::collections::stream::{Fields, Id};
use dozo_store::{PolicyKind, StoreConfig, Value};
use proptest::prelude::*;

#[test]
fn a_plain_write_is_its_own_effect_after_a_select() {
    let mut bench = Bench::new();
    bench.run("SET a 1");
    bench.run("APPEND a 2");
    bench.run("SELECT 3");
    bench.run("INCR n");
    assert_eq!(bench.effects(), ["0:SELECT 0", "0:SET a 1", "0:APPEND a 2", "3:SELECT 3", "3:INCR n"]);
}

#[test]
fn relative_expiry_becomes_absolute() {
    let mut bench = Bench::new();
    let at = START_MS + 10_000;
    for (command, effect) in [
        ("SET a 1 EX 10", format!("0:SET a 1 PXAT {at}")),
        ("SETEX a 10 v", format!("0:SET a v PXAT {at}")),
        ("PSETEX a 10000 v", format!("0:SET a v PXAT {at}")),
        ("EXPIRE a 10", format!("0:PEXPIREAT a {at}")),
        ("PEXPIRE a 10000", format!("0:PEXPIREAT a {at}")),
        ("GETEX a EX 10", format!("0:PEXPIREAT a {at}")),
        ("GETEX a PERSIST", "0:PERSIST a".to_string()),
        ("EXPIRE a -1", "0:DEL a".to_string()),
    ] {
        bench.run(command);
        assert_eq!(bench.effects().last(), Some(&effect), "{command}");
    }
}

#[test]
fn a_write_that_changes_nothing_has_no_effect() {
    let mut bench = Bench::new();
    bench.run("SET a x");
    bench.run("SET s x");
    bench.effects();
    for command in [
        "DEL none",
        "UNLINK none",
        "SETNX a 2",
        "MSETNX a 1 b 2",
        "SET a 1 NX",
        "SET none 1 XX",
        "SET a 1 IFEQ other",
        "EXPIRE none 10",
        "GETEX a PERSIST",
        "GETDEL none",
        "INCR a",
        "INCRBY a z",
        "GET a",
        "EXPIRE a 10 XX",
        "PING",
    ] {
        bench.run(command);
        assert_eq!(bench.effects(), Vec::<String>::new(), "{command}");
    }
}

#[test]
fn a_stale_mark_is_handed_on_by_whoever_replays_it() {
    let mut bench = Bench::new();
    bench.run("SET a 1");
    bench.effects();
    bench.run("DOZO.ITEM a 0 STALE");
    assert_eq!(bench.effects(), ["0:DOZO.ITEM a 0 STALE"]);
    bench.run("DOZO.ITEM a 0 STALE");
    assert!(bench.effects().is_empty());
    for bad in ["DOZO.ITEM a 0 STALE x", "DOZO.ITEM a 0 CAS", "DOZO.ITEM a -1", "DOZO.ITEM a 0 CAS x"] {
        assert!(bench.run(bad).starts_with("-ERR"), "{bad}");
    }
}

#[test]
fn only_the_keys_that_went_are_named() {
    let mut bench = Bench::new();
    bench.run("MSET a 1 b 2");
    bench.effects();
    assert_eq!(bench.run("DEL a none b"), ":2\r\n");
    assert_eq!(bench.effects(), ["0:DEL a b"]);
}

#[test]
fn random_pops_name_the_members_that_went() {
    let mut bench = Bench::new();
    bench.run("SADD s a");
    bench.run("SADD t a b c");
    bench.effects();
    bench.run("SPOP s");
    bench.run("SPOP t 0");
    bench.run("SPOP none 5");
    assert_eq!(bench.effects(), ["0:SREM s a"]);
    bench.run("SPOP t 3");
    assert_eq!(bench.effects(), ["0:DEL t"]);
    assert_eq!(bench.engine.ks.len(0), 0);
}

#[test]
fn expiry_comes_before_the_write_that_found_it() {
    let mut bench = Bench::new();
    bench.run("SET a 1 PX 100");
    bench.advance(101);
    bench.effects();
    assert_eq!(bench.run("SET a 2 NX"), "+OK\r\n");
    assert_eq!(bench.effects(), ["0:DEL a", "0:SET a 2"]);
    bench.run("PEXPIRE a 50");
    bench.advance(51);
    assert_eq!(bench.run("GET a"), "$-1\r\n");
    assert_eq!(
        bench.seen.lock().unwrap().last().map(|e| (e.2.clone(), e.3)),
        Some(("DEL a".into(), Cause::Expired))
    );
}

#[test]
fn active_expiry_is_an_effect_too() {
    let mut bench = Bench::new();
    bench.run("SET a 1 PX 100");
    bench.effects();
    bench.advance(200);
    bench.engine.tick();
    assert_eq!(bench.effects(), ["0:DEL a"]);
    assert_eq!(bench.engine.ks.len(0), 0);
}

#[test]
fn evictions_are_effects_in_order() {
    let store = StoreConfig { policy: PolicyKind::AllKeysLru, maxmemory: 300_000, ..StoreConfig::default() };
    let mut bench = Bench::with(store, Settings::default());
    for i in 0..400 {
        assert_eq!(bench.run(&format!("SET key:{i} {}", "x".repeat(2000))), "+OK\r\n");
    }
    let seen = bench.seen.lock().unwrap();
    let evicted = seen.iter().filter(|e| e.3 == Cause::Evicted).count();
    assert!(evicted > 100, "{evicted} evictions");
    assert_eq!(evicted as u64, bench.engine.ks.stats.evicted);
}

#[test]
fn without_room_the_write_is_refused_and_the_old_value_stays() {
    let store = StoreConfig { maxmemory: 100_000, ..StoreConfig::default() };
    let mut bench = Bench::with(store, Settings::default());
    let mut refused = 0;
    for i in 0..200 {
        let reply = bench.run(&format!("SET key:{} {}", i % 100, "x".repeat(2000)));
        if reply.starts_with('-') {
            assert_eq!(reply, "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
            refused += 1;
        }
    }
    assert!(refused > 0);
    assert_eq!(bench.run("STRLEN key:0"), ":2000\r\n");
    assert_eq!(bench.run("DEL key:0"), ":1\r\n");
}

/// Replays a stream into a fresh engine.
fn replay(bytes: &[u8]) -> Engine {
    let clock = common::TestClock(std::sync::Arc::new(std::sync::atomic::AtomicI64::new(START_MS)));
    let mut engine =
        Engine::new(StoreConfig::default(), Settings::default(), common::table(), Box::new(clock), None);
    let sid = common::connect(&mut engine, dozo_engine::Door::Resp);
    let (consumed, _, reply) = common::feed(&mut engine, sid, bytes);
    assert_eq!(consumed, bytes.len());
    assert!(
        !reply.starts_with(b"-") && !reply.windows(3).any(|w| w == b"\n-E"),
        "{}",
        String::from_utf8_lossy(&reply)
    );
    engine
}

/// Database, key, value or its elements, expiry.
type Row = (usize, Vec<u8>, Vec<Vec<u8>>, Option<i64>);

fn dump(engine: &Engine) -> Vec<Row> {
    let mut all = Vec::new();
    for db in 0..engine.ks.databases() {
        engine.ks.for_each(db, &mut |head| {
            let item = head.item().unwrap();
            let mut value: Vec<Vec<u8>> = match item.value() {
                Value::Str(text) => vec![text.to_vec()],
                Value::Set(set) => set.iter().map(|member| member.to_vec()).collect(),
                Value::Hash(hash) => hash.iter().map(|(f, v)| [f.to_vec(), v.to_vec()].join(&b'=')).collect(),
                Value::List(list) => list
                    .iter()
                    .enumerate()
                    .map(|(at, e)| [format!("{at:9}").into(), e.to_vec()].concat())
                    .collect(),
                Value::Zset(zset) => {
                    zset.iter().map(|(m, score)| [m.to_vec(), score.to_be_bytes().into()].concat()).collect()
                }
                Value::Stream(stream) => {
                    let entry =
                        |(id, fields): (Id, Fields<'_>)| format!("{id:?} {:?}", fields.collect::<Vec<_>>());
                    let counters = format!("{:?}", stream.counters());
                    stream.iter().map(entry).chain([counters]).map(String::into_bytes).collect()
                }
            };
            value.sort();
            all.push((db, item.key().to_vec(), value, item.expire_at()));
        });
    }
    all.sort();
    all
}

fn command() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec!["a", "b", "c", "d"]);
    let templates = prop::sample::select(vec![
        "SET {k} {n}",
        "SET {k} v{n} EX {n}",
        "SET {k} v{n} PX {n} NX",
        "SET {k} {n} KEEPTTL",
        "SET {k} x XX GET",
        "SET {k} y IFEQ {n}",
        "SETEX {k} {n} v",
        "APPEND {k} {n}",
        "INCR {k}",
        "DECRBY {k} {n}",
        "DEL {k} a",
        "GETDEL {k}",
        "GETEX {k} PX {n}",
        "GETEX {k} PERSIST",
        "EXPIRE {k} {n} GT",
        "PEXPIRE {k} {n}",
        "MSETNX {k} 1 b 2",
        "MSET {k} 1 b 2",
        "GETSET {k} {n}",
        "SETNX {k} {n}",
        "SELECT 1",
        "SELECT 0",
        "GET {k}",
        "HSET {k} f{n} 1 g {n}",
        "HSETNX {k} f{n} 2",
        "HINCRBY {k} g {n}",
        "HDEL {k} f{n} g",
        "SADD {k} {n} m{n} x",
        "SREM {k} x {n}",
        "SPOP {k}",
        "SPOP {k} 2",
        "SPOP {k} 1000",
        "RPUSH l{k} {n} x",
        "LPUSH l{k} {n} y",
        "LPOP l{k}",
        "RPOP l{k} 2",
        "LMOVE l{k} lb LEFT RIGHT",
        "BLMOVE l{k} lc RIGHT LEFT 1",
        "BLPOP l{k} la 1",
        "BRPOP l{k} 1",
        "BRPOPLPUSH l{k} ld 1",
        "LREM l{k} -1 x",
        "LTRIM l{k} 1 -2",
        "ZADD z{k} {n} x 2 y",
        "ZADD z{k} GT CH {n} x",
        "ZADD z{k} INCR {n} y",
        "ZINCRBY z{k} {n} z",
        "ZPOPMIN z{k}",
        "ZPOPMAX z{k} 2",
        "BZPOPMIN z{k} 1",
        "ZREM z{k} x",
        "ZREMRANGEBYSCORE z{k} 0 {n}",
        "ZRANGESTORE zb z{k} 0 1",
        "XADD x{k} * f {n}",
        "XADD x{k} {n}-* f v",
        "XADD x{k} MAXLEN 3 * f {n}",
        "XADD x{k} MAXLEN ~ 2 LIMIT 1 * f {n}",
    ]);
    (templates, key, 0..60i64).prop_map(|(t, k, n)| t.replace("{k}", k).replace("{n}", &n.to_string()))
}

proptest! {
    /// The stream alone rebuilds the data, whenever the commands ran.
    #[test]
    fn replaying_the_stream_rebuilds_the_data(commands in prop::collection::vec((command(), 0..20i64), 1..80)) {
        let mut bench = Bench::new();
        for (line, pause) in commands {
            bench.run(&line);
            bench.advance(pause);
        }
        bench.advance(1);
        bench.engine.tick();
        let copy = replay(&bench.bytes.lock().unwrap());
        prop_assert_eq!(dump(&bench.engine), dump(&copy));
        prop_assert_eq!(bench.engine.effects.offset(), bench.bytes.lock().unwrap().len() as u64);
    }
}

#[test]
fn without_a_consumer_the_offset_still_counts() {
    let clock = Box::new(SystemClock::new());
    let mut engine = Engine::new(StoreConfig::default(), Settings::default(), common::table(), clock, None);
    let mut session = Session::internal(0);
    engine.call(&mut session, &[b"SET", b"a", b"1"]);
    assert_eq!(
        engine.effects.offset(),
        "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n".len() as u64
    );
    assert_eq!(engine.effects.count(), 1);
}
