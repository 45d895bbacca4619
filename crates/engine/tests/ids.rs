//! The ID generator under a clock that the test moves, and the door's bytes in whatever pieces they come.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Bench, START_MS, connect, feed};
use dozo_engine::ids::{EPOCH_MS, Generator, Permit, Refusal, SEQUENCES};
use dozo_engine::{Door, Flow};
use proptest::prelude::*;

const NEVER: i64 = i64::MAX;
const MS: u64 = 1_000_000;

fn permit(worker: u16) -> Permit {
    Permit { worker, until_ms: NEVER, mark_ms: NEVER }
}

/// A generator that began at this time of the wall clock, as worker 0; its monotonic clock begins at 0.
fn generator(unix_ms: i64) -> Generator {
    let mut generator = Generator::new(unix_ms * 1000, 0);
    generator.permit_until(permit(0), 0, 0);
    generator
}

fn time_of(id: u64) -> i64 {
    (id >> 22) as i64 + EPOCH_MS
}

#[test]
fn the_vectors() {
    for (unix_ms, id) in [(1465276650777, 189608758458974208), (1465276650000, 189608755200000000)] {
        assert_eq!(generator(unix_ms).take(1, 0), Ok(id..id + 1));
    }
    let mut other = Generator::new(1504494731615 * 1000, 0);
    other.permit_until(permit(999), 0, 0);
    assert_eq!(other.take(2, 0), Ok(354101311794212864..354101311794212866));
}

#[test]
fn a_millisecond_has_4096_and_the_next_begins_at_0() {
    let mut ids = generator(START_MS);
    let first = ids.take(4000, 0).unwrap();
    assert_eq!(first.end - first.start, 4000);
    // What is left of it, and no more.
    assert_eq!(ids.take(4000, MS - 1), Ok(first.end..first.start + SEQUENCES as u64));
    assert_eq!(ids.take(1, MS - 1), Err(Refusal::Exhausted));
    let next = ids.take(1, MS).unwrap().start;
    assert_eq!((time_of(next), next & 0xfff), (START_MS + 1, 0));
}

#[test]
fn there_is_none_without_a_permit_past_its_end_or_at_its_mark() {
    let mut ids = Generator::new(START_MS * 1000, 0);
    assert_eq!(ids.take(1, 0), Err(Refusal::NoPermit));
    ids.permit_until(Permit { worker: 1, until_ms: START_MS + 5, mark_ms: NEVER }, 0, 0);
    assert!(ids.take(1, 5 * MS - 1).is_ok());
    assert_eq!(ids.take(1, 5 * MS), Err(Refusal::NoPermit));
    ids.permit_until(Permit { worker: 1, until_ms: NEVER, mark_ms: START_MS + 8 }, 0, 5 * MS);
    assert!(ids.take(1, 8 * MS - 1).is_ok());
    assert_eq!(ids.take(1, 8 * MS), Err(Refusal::NoPermit));
    ids.permit_until(permit(1), 0, 8 * MS);
    assert!(ids.take(1, 8 * MS).is_ok());
    ids.revoke();
    assert_eq!(ids.take(1, 9 * MS), Err(Refusal::NoPermit));
    assert_eq!(ids.last_ms(), START_MS + 8);
}

#[test]
fn a_clock_that_is_behind_the_last_id_is_caught_up_with_at_half_pace() {
    let mut ids = Generator::new(START_MS * 1000, 0);
    ids.permit_until(permit(3), START_MS + 100, 0);
    let times: Vec<i64> = [0, 1, 2, 50, 199, 202, 203, 300]
        .iter()
        .map(|at| time_of(ids.take(1, at * MS).unwrap().start))
        .collect();
    assert_eq!(times, [101, 101, 102, 126, 200, 202, 203, 300].map(|ms| START_MS + ms));
}

#[test]
fn a_smaller_worker_does_not_go_back_within_the_millisecond() {
    let mut ids = Generator::new(START_MS * 1000, 0);
    ids.permit_until(permit(9), 0, 0);
    let before = ids.take(1, 0).unwrap().start;
    ids.permit_until(permit(2), 0, 0);
    assert_eq!(ids.take(1, 0), Err(Refusal::Exhausted));
    assert!(ids.take(1, MS).unwrap().start > before);
    // The same worker goes on where it was.
    let before = ids.take(1, MS).unwrap().start;
    ids.permit_until(permit(2), 0, MS);
    assert_eq!(ids.take(1, MS).unwrap().start, before + 1);
}

#[test]
fn a_clock_outside_of_the_ids_years_is_refused() {
    assert_eq!(generator(EPOCH_MS - 1).take(1, 0), Err(Refusal::Clock));
    assert_eq!(generator(EPOCH_MS).take(1, 0), Ok(0..1));
    let last = EPOCH_MS + (1 << 42) - 1;
    assert_eq!(time_of(generator(last).take(1, 0).unwrap().start), last);
    assert_eq!(generator(last + 1).take(1, 0), Err(Refusal::Clock));
}

proptest! {
    #[test]
    fn they_rise_whatever_happens(
        steps in prop::collection::vec((0..4u8, 0..6000usize, 0..3 * MS, 0..4u16, 0..20i64), 1..200),
    ) {
        let (mut ids, mut now, mut last) = (generator(START_MS), 0, 0);
        for (what, wanted, passes, worker, ahead) in steps {
            now += passes;
            match what {
                0 => {
                    let floor = ids.time_ms(now) + ahead - 10;
                    ids.permit_until(permit(worker), floor, now);
                }
                1 => ids.revoke(),
                _ => if let Ok(range) = ids.take(wanted, now) {
                    prop_assert!(range.start > last && range.end > range.start);
                    last = range.end - 1;
                    prop_assert!(range.end - range.start <= wanted.max(1) as u64);
                    prop_assert_eq!(time_of(range.start), time_of(last));
                    prop_assert_eq!(range.start >> 12, last >> 12);
                }
            }
        }
    }
}

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.engine.permit_ids(permit(1), 0);
    bench
}

fn numbers(reply: &[u8]) -> Vec<u64> {
    let text = std::str::from_utf8(reply).unwrap();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

#[test]
fn a_request_for_more_than_the_millisecond_has_waits_and_others_are_served() {
    let mut bench = bench();
    let (big, small) = (connect(&mut bench.engine, Door::Ids), connect(&mut bench.engine, Door::Ids));
    let request = [b"get".to_vec(), b" k".repeat(5000), b"\r\nversion\r\n".to_vec()].concat();
    assert_eq!(feed(&mut bench.engine, big, &request), (0, Flow::Yield, Vec::new()));
    assert_eq!(feed(&mut bench.engine, big, &request), (0, Flow::Yield, Vec::new()));
    let (consumed, flow, reply) = feed(&mut bench.engine, small, b"version\r\nget a\r\n");
    assert_eq!((consumed, flow), (9, Flow::Yield));
    assert!(reply.starts_with(b"VERSION "));
    bench.advance(1);
    let (consumed, flow, reply) = feed(&mut bench.engine, big, &request);
    assert_eq!((consumed, flow), (request.len(), Flow::Continue));
    let (ids, count) = (numbers(&reply), bench.engine.id_service.requests);
    assert_eq!((ids.len(), count, bench.engine.id_service.issued), (5000, 2, 5000));
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!((time_of(ids[4095]), time_of(ids[4096])), (START_MS, START_MS + 1));
    let (_, _, reply) = feed(&mut bench.engine, small, b"get a\r\n");
    assert!(numbers(&reply)[0] > ids[4999]);
}

#[test]
fn a_permit_that_ends_while_a_request_waits_makes_the_whole_reply_an_error() {
    let mut bench = bench();
    let sid = connect(&mut bench.engine, Door::Ids);
    let request = [b"get".to_vec(), b" k".repeat(5000), b"\r\n".to_vec()].concat();
    assert_eq!(feed(&mut bench.engine, sid, &request).1, Flow::Yield);
    assert_eq!(bench.engine.refuse_ids("a test asked".into()), START_MS);
    assert_eq!(
        feed(&mut bench.engine, sid, &request),
        (request.len(), Flow::Continue, b"ERROR\r\n".to_vec())
    );
    // What had been collected is gone: it belongs to no other request.
    bench.engine.permit_ids(permit(1), 0);
    bench.advance(1);
    assert_eq!(numbers(&feed(&mut bench.engine, sid, b"get a\r\n").2).len(), 1);
}

/// Feeds `bytes` in pieces that end at `cuts`, as net does, and lets a millisecond pass whenever the session waits.
fn replies(bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, bool) {
    let mut bench = bench();
    let sid = connect(&mut bench.engine, Door::Ids);
    let (mut start, mut all) = (0, Vec::new());
    for end in cuts.iter().copied().chain([bytes.len()]) {
        loop {
            let (consumed, flow, reply) = feed(&mut bench.engine, sid, &bytes[start..end]);
            assert!(consumed <= end - start, "no more is consumed than there is");
            all.extend_from_slice(&reply);
            start += consumed;
            match flow {
                Flow::Close => return (all, true),
                Flow::Yield => bench.advance(1),
                _ => break,
            }
        }
    }
    (all, false)
}

fn packet(opcode: u8, key: u16, extras: u8, body: usize, lie: bool) -> Vec<u8> {
    let mut bytes = vec![0x80, opcode];
    bytes.extend_from_slice(&key.to_be_bytes());
    bytes.extend_from_slice(&[extras, 0, 0, 0]);
    let length = usize::from(key) + usize::from(extras) + body;
    bytes.extend_from_slice(&((length - usize::from(lie && body == 0 && length > 0)) as u32).to_be_bytes());
    bytes.extend_from_slice(&[7; 12]);
    bytes.extend(std::iter::repeat_n(b'x', length));
    bytes
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    let lines = vec![
        "get a b c\r\n",
        "GETS\ta\n",
        " \t\r\n",
        "\n",
        "mg a v k Oxy\r\n",
        "mg YQ== b k v\r\n",
        "mn\r\n",
        "mg a !\r\n",
        "set a 0 0 1\r\n1\r\n",
        "version\n",
        "quit\r\n",
        "get\r\n",
        "\u{80}\r\n",
    ];
    let line = prop::sample::select(lines).prop_map(|line| line.as_bytes().to_vec());
    let many = (1..6000usize).prop_map(|n| [b"get".to_vec(), b" k".repeat(n), b"\r\n".to_vec()].concat());
    let junk = prop::collection::vec(any::<u8>(), 0..40);
    let opcode = prop::sample::select(vec![0x00, 0x0b, 0x0c, 0x09, 0x77]);
    let packets = (opcode, 0..300u16, any::<u8>(), 0..3usize, any::<bool>())
        .prop_map(|(opcode, key, extras, body, lie)| packet(opcode, key, extras, body, lie));
    prop_oneof![
        prop::collection::vec(prop_oneof![8 => line, 1 => many, 1 => junk.clone()], 0..12),
        prop::collection::vec(prop_oneof![9 => packets, 1 => junk], 0..12),
    ]
    .prop_map(|parts| parts.concat())
}

/// Replies without what differs from run to run: a millisecond may pass earlier or later.
fn masked(reply: &[u8]) -> Vec<u8> {
    reply.iter().map(|byte| if byte.is_ascii_digit() { b'0' } else { *byte }).collect()
}

proptest! {
    #[test]
    fn however_the_bytes_are_cut_the_replies_are_the_same(
        bytes in input(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|at| at.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let (whole, closed) = replies(&bytes, &[]);
        let (pieces, closed_too) = replies(&bytes, &cuts);
        prop_assert_eq!(closed, closed_too);
        prop_assert_eq!(masked(&whole), masked(&pieces));
    }
}
