//! Waiting, with a clock that the test moves: deadlines hold to the millisecond, and a long queue is served in order.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Bench, connect, feed};
use dozo_engine::{Door, Flow, SessionId};

fn wait(bench: &mut Bench, line: &[u8]) -> SessionId {
    let sid = connect(&mut bench.engine, Door::Resp);
    let (_, flow, reply) = feed(&mut bench.engine, sid, line);
    assert_eq!((flow, reply.len()), (Flow::Blocked, 0));
    sid
}

fn reply(bench: &mut Bench, sid: SessionId) -> Vec<u8> {
    bench.engine.out(sid).unwrap().take().to_vec()
}

/// What the server does when it wakes up without input.
fn wake(bench: &mut Bench) {
    bench.engine.begin_batch();
    bench.engine.end_overdue_waits();
    bench.engine.end_batch();
}

#[test]
fn a_deadline_holds_to_the_millisecond() {
    let mut bench = Bench::new();
    let sid = wait(&mut bench, b"BLPOP k 0.123\r\n");
    assert_eq!(bench.engine.next_deadline_ms(), Some(123));
    bench.advance(122);
    wake(&mut bench);
    assert_eq!(reply(&mut bench, sid), b"");
    assert_eq!(bench.engine.next_deadline_ms(), Some(1));
    bench.advance(1);
    wake(&mut bench);
    assert_eq!(reply(&mut bench, sid), b"*-1\r\n");
    assert_eq!(bench.engine.next_deadline_ms(), None);
}

#[test]
fn a_retry_keeps_the_deadline_and_the_place() {
    let mut bench = Bench::new();
    let first = wait(&mut bench, b"BLPOP k 1\r\n");
    let second = wait(&mut bench, b"BLPOP k 0\r\n");
    bench.advance(400);
    // It comes and goes in one transaction, so that nobody gets it.
    for line in ["MULTI", "RPUSH k x", "LPOP k", "EXEC"] {
        bench.run(line);
    }
    assert_eq!(bench.engine.next_deadline_ms(), Some(600));
    bench.run("RPUSH k y");
    assert_eq!(reply(&mut bench, first), b"*2\r\n$1\r\nk\r\n$1\r\ny\r\n");
    assert_eq!(reply(&mut bench, second), b"");
    assert_eq!(bench.engine.next_deadline_ms(), None);
}

#[test]
fn many_are_served_one_by_one() {
    let mut bench = Bench::new();
    let waiters: Vec<SessionId> = (0..500).map(|_| wait(&mut bench, b"BLPOP k 0\r\n")).collect();
    for (n, sid) in waiters.iter().enumerate() {
        bench.run(&format!("RPUSH k {n:03}"));
        assert_eq!(reply(&mut bench, *sid), format!("*2\r\n$1\r\nk\r\n$3\r\n{n:03}\r\n").into_bytes());
        assert!(waiters[n + 1..].iter().take(3).all(|later| reply(&mut bench, *later).is_empty()));
    }
    assert_eq!(bench.run("EXISTS k"), ":0\r\n");
}

#[test]
fn who_left_is_passed_over() {
    let mut bench = Bench::new();
    let first = wait(&mut bench, b"BLPOP k l 0\r\n");
    let second = wait(&mut bench, b"BLPOP l k 0\r\n");
    bench.engine.forsake(first);
    bench.run("RPUSH k x");
    assert_eq!(reply(&mut bench, second), b"*2\r\n$1\r\nk\r\n$1\r\nx\r\n");
    assert_eq!(reply(&mut bench, first), b"");
}
