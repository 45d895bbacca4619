//! What memcached clients change leaves as effects in Redis's terms, and these alone rebuild the data.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Bench, START_MS, connect, feed, table};
use dozo_engine::{Door, Engine, SessionId, Settings};
use dozo_store::StoreConfig;
use proptest::prelude::*;

struct Client {
    bench: Bench,
    sid: SessionId,
}

impl Client {
    fn new() -> Self {
        let mut bench = Bench::new();
        let sid = connect(&mut bench.engine, Door::Memcached);
        Self { bench, sid }
    }

    /// Sends a request, `|` for its line ends, and returns the reply in the same form.
    fn ask(&mut self, request: &str) -> String {
        let bytes = request.replace('|', "\r\n");
        let (consumed, _, reply) = feed(&mut self.bench.engine, self.sid, bytes.as_bytes());
        assert_eq!(consumed, bytes.len(), "{request}");
        String::from_utf8(reply).unwrap().replace("\r\n", "|")
    }
}

#[test]
fn effects_are_what_a_redis_client_could_have_sent() {
    let mut client = Client::new();
    client.ask("set z 0 0 1|z|");
    client.bench.effects();
    let (at, later) = (START_MS + 100_000, START_MS + 200_000);
    for (request, effects) in [
        ("set a 0 0 1|x|", vec!["SET a x".to_string()]),
        ("set a 7 100 1|x|", vec![format!("SET a x PXAT {at}"), "DOZO.ITEM a 7".into()]),
        ("append a 0 0 1|y|", vec!["APPEND a y".into()]),
        ("prepend a 0 0 1|w|", vec!["SET a wxy KEEPTTL".into(), "DOZO.ITEM a 7".into()]),
        ("touch a 200", vec![format!("PEXPIREAT a {later}")]),
        ("gat 100 a", vec![format!("PEXPIREAT a {at}")]),
        ("mg a T0", vec!["PERSIST a".into()]),
        ("md a I T200", vec!["DOZO.ITEM a 7 STALE".into(), format!("PEXPIREAT a {later}")]),
        ("ms a 1 T100 F3|v|", vec![format!("SET a v PXAT {at}"), "DOZO.ITEM a 3".into()]),
        ("gets a", vec!["DOZO.ITEM a 3 CAS 2".into()]),
        ("gets a", vec![]),
        ("mg a c", vec![]),
        ("cas a 4 0 1 2|w|", vec!["SET a w".into(), "DOZO.ITEM a 4".into()]),
        ("mg a c", vec!["DOZO.ITEM a 4 CAS 3".into()]),
        ("delete a", vec!["DEL a".into()]),
        ("ma n N100 J5", vec![format!("SET n 5 PXAT {at}")]),
        ("incr n 5", vec!["SET n 10 KEEPTTL".into()]),
        ("decr n 5", vec!["SET n 5 KEEPTTL".into()]),
        ("mg v N100", vec![format!("SET v  PXAT {at}")]),
        ("set n 0 -1 1|x|", vec!["DEL n".into()]),
        ("touch v -1", vec!["DEL v".into()]),
        ("flush_all", vec!["FLUSHDB".into()]),
    ] {
        client.ask(&format!("{request}{}", if request.ends_with('|') { "" } else { "|" }));
        let wanted: Vec<String> = effects.iter().map(|effect| format!("0:{effect}")).collect();
        assert_eq!(client.bench.effects(), wanted, "{request}");
    }
}

#[test]
fn what_changes_nothing_has_no_effect() {
    let mut client = Client::new();
    client.ask("set a 0 0 1|x|");
    client.bench.effects();
    for request in [
        "add a 0 0 1|y|",
        "replace b 0 0 1|y|",
        "append b 0 0 1|y|",
        "cas a 0 0 1 99|y|",
        "delete b|",
        "incr a 1|",
        "incr b 1|",
        "touch a 0|",
        "touch b 0|",
        "mg a v t|",
        "md b I|",
        "set b 0 -1 1|y|",
        "set a 0 0 1|long|",
    ] {
        client.ask(request);
        assert_eq!(client.bench.effects(), Vec::<String>::new(), "{request}");
    }
}

#[test]
fn a_delayed_flush_is_an_effect_when_it_happens() {
    let mut client = Client::new();
    client.ask("set a 0 0 1|x|");
    client.ask("flush_all 10|");
    client.bench.effects();
    client.bench.advance(9_999);
    client.bench.engine.tick();
    assert_eq!(client.ask("get a|"), "VALUE a 0 1|x|END|");
    assert_eq!(client.bench.effects(), Vec::<String>::new());
    client.bench.advance(1);
    client.bench.engine.tick();
    assert_eq!(client.bench.effects(), ["0:FLUSHDB"]);
    client.ask("set a 0 0 1|x|");
    assert_eq!(client.ask("get a|"), "VALUE a 0 1|x|END|");
}

#[test]
fn expiry_comes_before_the_write_that_found_it() {
    let mut client = Client::new();
    client.ask("set a 5 1 1|x|");
    client.bench.effects();
    client.bench.advance(1_001);
    assert_eq!(client.ask("add a 0 0 1|y|"), "STORED|");
    assert_eq!(client.bench.effects(), ["0:DEL a", "0:SET a y"]);
}

/// Key, value, expiry, flags, stale.
type Row = (Vec<u8>, Vec<u8>, Option<i64>, u32, bool);

fn dump(engine: &Engine) -> Vec<Row> {
    let mut all = Vec::new();
    engine.ks.for_each(0, &mut |head| {
        let item = head.item().unwrap();
        let value = item.string().map(|s| s.to_vec()).unwrap_or_default();
        all.push((item.key().to_vec(), value, item.expire_at(), item.flags(), item.stale()));
    });
    all.sort();
    all
}

/// Replays a stream into a fresh engine.
fn replay(bytes: &[u8]) -> Engine {
    let clock = common::TestClock(std::sync::Arc::new(std::sync::atomic::AtomicI64::new(START_MS)));
    let mut engine = Engine::new(StoreConfig::default(), Settings::default(), table(), Box::new(clock), None);
    let sid = connect(&mut engine, Door::Resp);
    let (consumed, _, reply) = feed(&mut engine, sid, bytes);
    assert_eq!(consumed, bytes.len());
    assert!(!reply.windows(3).any(|w| w == b"\n-E"), "{}", String::from_utf8_lossy(&reply));
    engine
}

fn request() -> impl Strategy<Value = String> {
    let templates = prop::sample::select(vec![
        "set {k} {n} 0 1|x|",
        "set {k} {n} {n} 1|5|",
        "set {k} {n} -1 1|x|",
        "add {k} {n} {n} 1|y|",
        "replace {k} 0 0 1|9|",
        "append {k} 0 0 1|1|",
        "prepend {k} 0 0 1|1|",
        "incr {k} {n}|",
        "decr {k} {n}|",
        "delete {k}|",
        "touch {k} {n}|",
        "gat 0 {k}|",
        "mg {k} N{n} T{n}|",
        "mg {k} R100 v|",
        "ms {k} 1 F{n} T{n} I C1|z|",
        "ms {k} 1 F{n} I C99999|z|",
        "ms {k} 1 MA|7|",
        "md {k} I T{n}|",
        "md {k} I|",
        "ma {k} N{n} J{n}|",
        "ma {k} MD D{n} T{n}|",
    ]);
    let key = prop::sample::select(vec!["a", "b", "c"]);
    (templates, key, 0..30i64).prop_map(|(t, k, n)| t.replace("{k}", k).replace("{n}", &n.to_string()))
}

proptest! {
    #[test]
    fn replaying_the_stream_rebuilds_the_data(requests in prop::collection::vec((request(), 0..2_000i64), 1..80)) {
        let mut client = Client::new();
        for (request, pause) in requests {
            client.ask(&request);
            client.bench.advance(pause);
        }
        client.bench.engine.tick();
        let copy = replay(&client.bench.bytes.lock().unwrap());
        prop_assert_eq!(dump(&client.bench.engine), dump(&copy));
    }
}
