//! Checks, errors and bookkeeping between the parser and the commands.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Bench, connect, feed};
use dozo_engine::settings::SettingValue;
use dozo_engine::{Door, Flow, Settings};
use dozo_store::{PolicyKind, StoreConfig};

fn text(reply: Vec<u8>) -> String {
    String::from_utf8(reply).unwrap()
}

#[test]
fn a_pipeline_is_answered_in_order_and_the_rest_is_kept() {
    let mut bench = Bench::new();
    let sid = connect(&mut bench.engine, Door::Resp);
    let (consumed, flow, reply) =
        feed(&mut bench.engine, sid, b"SET a 1\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPI");
    assert_eq!((consumed, flow, text(reply).as_str()), (29, Flow::Continue, "+OK\r\n$1\r\n1\r\n"));
    let (consumed, _, reply) = feed(&mut bench.engine, sid, b"*1\r\n$4\r\nPING\r\n");
    assert_eq!((consumed, text(reply).as_str()), (14, "+PONG\r\n"));
}

#[test]
fn every_split_gives_the_same_replies() {
    let script = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nhello\r\nGET a\r\n*2\r\n$6\r\nSTRLEN\r\n$1\r\na\r\n";
    for cut in 0..script.len() {
        let mut bench = Bench::new();
        let sid = connect(&mut bench.engine, Door::Resp);
        let (consumed, _, mut reply) = feed(&mut bench.engine, sid, &script[..cut]);
        let (_, _, more) = feed(&mut bench.engine, sid, &script[consumed..]);
        reply.extend(more);
        assert_eq!(text(reply), "+OK\r\n$5\r\nhello\r\n:5\r\n", "cut at {cut}");
    }
}

#[test]
fn unknown_commands_say_what_came() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.run("FOO bar baz"),
        "-ERR unknown command 'FOO', with args beginning with: 'bar' 'baz' \r\n"
    );
}

#[test]
fn without_the_password_only_errors() {
    let settings = Settings { requirepass: b"secret".to_vec(), ..Settings::default() };
    let mut bench = Bench::with(StoreConfig::default(), settings);
    let sid = connect(&mut bench.engine, Door::Resp);
    let (_, _, reply) = feed(&mut bench.engine, sid, b"GET a\r\n");
    assert_eq!(text(reply), "-NOAUTH Authentication required.\r\n");
}

#[test]
fn a_pause_holds_writes_and_lets_reads_pass() {
    let mut bench = Bench::new();
    let sid = connect(&mut bench.engine, Door::Resp);
    bench.engine.pause_clients(common::START_MS + 1000, true);
    let (consumed, flow, reply) = feed(&mut bench.engine, sid, b"GET a\r\nSET a 1\r\n");
    assert_eq!((consumed, flow, text(reply).as_str()), (7, Flow::Blocked, "$-1\r\n"));
    bench.advance(1001);
    bench.engine.tick();
    let mut resumable = Vec::new();
    bench.engine.take_resumable(&mut resumable);
    assert_eq!(resumable, [sid]);
    let (_, flow, reply) = feed(&mut bench.engine, sid, b"SET a 1\r\n");
    assert_eq!((flow, text(reply).as_str()), (Flow::Continue, "+OK\r\n"));
}

#[test]
fn a_protocol_error_is_answered_and_closes() {
    let mut bench = Bench::new();
    let sid = connect(&mut bench.engine, Door::Resp);
    let (_, flow, reply) = feed(&mut bench.engine, sid, b"PING\r\n*1\r\n!3\r\n");
    assert_eq!(
        (flow, text(reply).as_str()),
        (Flow::Close, "+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n")
    );
}

#[test]
fn calls_errors_and_slow_commands_are_counted() {
    let settings = Settings { slowlog_log_slower_than: 0, ..Settings::default() };
    let mut bench = Bench::with(StoreConfig::default(), settings);
    bench.run("SET a x");
    bench.run("INCR a");
    bench.run("INCR a b");
    bench.run("NOPE");
    assert_eq!(bench.engine.stats.error_codes.get("ERR"), Some(&3));
    let incr = bench.engine.table.rows().iter().find(|row| row.name == "incr").unwrap();
    assert_eq!((incr.stats.calls, incr.stats.failed), (2, 2));
    assert_eq!(bench.engine.slowlog.len(), 3);
}

#[test]
fn too_many_clients_are_told_so() {
    let settings = Settings { maxclients: 1, ..Settings::default() };
    let mut bench = Bench::with(StoreConfig::default(), settings);
    let sid = connect(&mut bench.engine, Door::Resp);
    let mut peer = bench.session.peer.clone();
    peer.addr = "127.0.0.1:9".into();
    assert_eq!(bench.engine.connect(peer), Err(b"-ERR max number of clients reached\r\n".as_slice()));
    bench.engine.disconnect(sid);
    connect(&mut bench.engine, Door::Resp);
}

#[test]
fn without_a_password_strangers_are_turned_away() {
    let mut bench = Bench::new();
    let mut peer = bench.session.peer.clone();
    for (addr, local) in
        [("127.0.0.1:5", true), ("[::1]:5", true), ("10.0.0.7:5", false), ("[::ffff:127.0.0.9]:5", true)]
    {
        peer.addr = addr.into();
        assert_eq!(bench.engine.connect(peer.clone()).is_ok(), local, "{addr}");
    }
    assert!(bench.engine.configure("protected-mode", &SettingValue::Bool(false)));
    peer.addr = "10.0.0.7:5".into();
    assert!(bench.engine.connect(peer).is_ok());
}

#[test]
fn an_error_shows_an_argument_up_to_its_first_nul() {
    let mut bench = Bench::new();
    let reply = bench.run_args(&[b"NOPE", b"a\0b", b"c"]);
    assert_eq!(reply, "-ERR unknown command 'NOPE', with args beginning with: 'a' 'c' \r\n");
}

#[test]
fn a_name_that_ends_in_nul_bytes_is_unknown() {
    let mut bench = Bench::new();
    assert!(bench.run_args(&[b"PING\0"]).starts_with("-ERR unknown command 'PING'"));
    assert!(bench.run_args(&[b""]).starts_with("-ERR unknown command ''"));
}

#[test]
fn a_killed_client_runs_nothing_more() {
    for door in [Door::Resp, Door::Memcached] {
        let mut bench = Bench::new();
        let sid = connect(&mut bench.engine, door);
        let id = bench.engine.session_mut(sid).unwrap().id;
        assert_eq!(bench.run(&format!("KILL {id}")), ":1\r\n");
        let request: &[u8] = if door == Door::Resp { b"SET a 1\r\n" } else { b"set a 0 0 1\r\n1\r\n" };
        assert_eq!(feed(&mut bench.engine, sid, request), (request.len(), Flow::Close, Vec::new()));
        assert_eq!(bench.run("GET a"), "$-1\r\n");
    }
}

#[test]
fn without_a_password_any_more_nobody_is_asked_for_it() {
    let settings = Settings { requirepass: b"secret".to_vec(), ..Settings::default() };
    let mut bench = Bench::with(StoreConfig::default(), settings);
    let sid = connect(&mut bench.engine, Door::Resp);
    assert!(bench.engine.configure("requirepass", &SettingValue::Text(Vec::new())));
    assert_eq!(text(feed(&mut bench.engine, sid, b"PING\r\n").2), "+PONG\r\n");
}

#[test]
fn a_counter_that_is_evicted_to_make_room_starts_anew() {
    let store = StoreConfig { policy: PolicyKind::VolatileTtl, ..StoreConfig::default() };
    let mut bench = Bench::with(store, Settings::default());
    let sid = connect(&mut bench.engine, Door::Memcached);
    feed(&mut bench.engine, sid, b"set n 0 10 1\r\n5\r\n");
    assert!(bench.engine.configure("maxmemory", &SettingValue::Int(1)));
    let (_, _, reply) = feed(&mut bench.engine, sid, b"incr n 1\r\n");
    assert_eq!((text(reply).as_str(), bench.engine.ks.len(0)), ("NOT_FOUND\r\n", 0));
}

#[test]
fn a_command_in_pieces_is_not_mixed_with_another_clients() {
    let mut bench = Bench::new();
    let (one, two) = (connect(&mut bench.engine, Door::Resp), connect(&mut bench.engine, Door::Resp));
    let (consumed, ..) = feed(&mut bench.engine, one, b"*2\r\n");
    assert_eq!(consumed, 0);
    let other = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
    assert_eq!(text(feed(&mut bench.engine, two, other).2), "+OK\r\n");
    assert_eq!(text(feed(&mut bench.engine, one, b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n").2), "$1\r\n1\r\n");
}

#[test]
fn a_caller_without_a_socket_leaves_no_monitor_behind() {
    let mut bench = Bench::new();
    bench.run("MONITOR");
    assert!(!bench.session.monitor);
    let sid = connect(&mut bench.engine, Door::Resp);
    feed(&mut bench.engine, sid, b"MONITOR\r\n");
    bench.engine.disconnect(sid);
    bench.run("MONITOR");
    bench.run("PING");
}

#[test]
fn the_slow_log_keeps_little_of_a_long_name() {
    let settings = Settings { slowlog_log_slower_than: 0, ..Settings::default() };
    let mut bench = Bench::with(StoreConfig::default(), settings);
    bench.session.name = vec![b'x'; 1 << 20];
    bench.run("PING");
    assert!(bench.engine.slowlog.iter().all(|entry| entry.client.len() < 200));
}

#[test]
fn a_panic_in_a_call_is_an_error_and_the_engine_goes_on() {
    let mut bench = Bench::new();
    assert_eq!(bench.run("PANIC"), "-ERR internal error\r\n");
    assert_eq!(bench.run("SET a 1"), "+OK\r\n");
    let sid = connect(&mut bench.engine, Door::Resp);
    let (_, flow, reply) = feed(&mut bench.engine, sid, b"PANIC\r\nPING\r\n");
    assert_eq!((flow, text(reply).as_str()), (Flow::Close, "-ERR internal error\r\n"));
    assert_eq!(bench.run("GET a"), "$1\r\n1\r\n");
}

#[test]
fn a_change_without_the_write_flag_is_an_effect_too() {
    let mut bench = Bench::new();
    bench.run("SET a 1 EX 100");
    bench.effects();
    bench.run("SNEAK a");
    assert_eq!(bench.effects(), ["0:SNEAK a"]);
}
