//! The sorted set against a sorted vector, small and large and between.
#![allow(clippy::unwrap_used)]

use dozo_store::{Collection, LexBound, Packing, Zset};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::ops::Bound;

type Pair = (Vec<u8>, f64);

#[derive(Clone, Debug)]
enum Op {
    Add(Vec<u8>, f64),
    Remove(Vec<u8>),
    Pop(bool),
    RemoveScores(f64, f64),
    RemoveRanks(i64, i64),
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0..400_i32).prop_map(|n| n.to_string().into_bytes()),
        2 => prop::collection::vec(b'a'..=b'd', 0..4),
        1 => (50..80_usize).prop_map(|n| vec![b'm'; n]),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-5..5_i32).prop_map(f64::from),
        2 => (-100_000..100_000_i64).prop_map(|n| n as f64 / 8.0),
        1 => Just(f64::INFINITY), 1 => Just(f64::NEG_INFINITY), 1 => Just(1e300),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => (member(), score()).prop_map(|(m, s)| Op::Add(m, s)),
        5 => member().prop_map(Op::Remove),
        2 => any::<bool>().prop_map(Op::Pop),
        1 => (score(), score()).prop_map(|(a, b)| Op::RemoveScores(a, b)),
        1 => (-9..9_i64, -9..9_i64).prop_map(|(a, b)| Op::RemoveRanks(a, b)),
    ]
}

fn sort(model: &mut [Pair]) {
    model.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap().then_with(|| a.0.cmp(&b.0)));
}

fn apply(zset: &mut Zset, model: &mut Vec<Pair>, op: Op, packing: &Packing) {
    match op {
        Op::Add(member, score) => {
            let known = model.iter().position(|(m, _)| *m == member);
            let old = known.map(|at| model[at].1);
            assert_eq!(zset.add(&member, score, packing), (old.is_none(), old));
            known.map(|at| model.remove(at));
            model.push((member, score));
            sort(model);
        }
        Op::Remove(member) => {
            let known = model.iter().position(|(m, _)| *m == member);
            assert_eq!(zset.remove(&member), known.is_some());
            known.map(|at| model.remove(at));
        }
        Op::Pop(last) => {
            let expected = match model.len() {
                0 => None,
                len => Some(model.remove(if last { len - 1 } else { 0 })),
            };
            assert_eq!(zset.pop_with(last, |m, s| (m.to_vec(), s)), expected);
        }
        Op::RemoveScores(min, max) => {
            let span = zset.span_by_score(Bound::Included(min), Bound::Excluded(max));
            let before = model.len();
            model.retain(|(_, s)| !(*s >= min && *s < max));
            assert_eq!(zset.remove_span(span), before - model.len());
        }
        Op::RemoveRanks(start, stop) => {
            let span = zset.span_by_rank(start, stop);
            model.drain(span.clone());
            zset.remove_span(span);
        }
    }
}

fn check(zset: &Zset, model: &[Pair]) {
    let all: Vec<Pair> = zset.iter().map(|(m, s)| (m.to_vec(), s)).collect();
    assert_eq!(all, model);
    let mut back: Vec<Pair> = zset.slice(0..zset.len(), true).map(|(m, s)| (m.to_vec(), s)).collect();
    back.reverse();
    assert_eq!(back, model);
    for (rank, (member, score)) in model.iter().enumerate() {
        assert_eq!((zset.rank(member), zset.score(member)), (Some(rank), Some(*score)));
    }
    let middle = model.len() / 3..model.len() / 2;
    let part: Vec<Pair> = zset.slice(middle.clone(), false).map(|(m, s)| (m.to_vec(), s)).collect();
    assert_eq!(part, model[middle]);
    let (mut seen, mut cursor) = (BTreeSet::new(), 0);
    loop {
        cursor = zset.scan(cursor, 7, &mut |member, _| assert!(seen.insert(member.to_vec())));
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen.len(), model.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn a_sorted_set_is_sorted(ops in prop::collection::vec(op(), 1..800), entries in prop_oneof![Just(0), Just(10), Just(128)]) {
        let packing = Packing { zset_max_entries: entries, ..Packing::default() };
        let (mut zset, mut model) = (Zset::new(), Vec::new());
        for op in ops {
            apply(&mut zset, &mut model, op, &packing);
        }
        check(&zset, &model);
        check(&zset.duplicate(), &model);
        while zset.free_some(10) {}
    }
}

#[test]
fn ranges_by_member() {
    let mut zset = Zset::new();
    for member in ["a", "b", "c", "d"] {
        zset.add(member.as_bytes(), 0.0, &Packing::default());
    }
    let count = |min, max| zset.span_by_lex(min, max).len();
    assert_eq!(count(LexBound::Min, LexBound::Max), 4);
    assert_eq!(count(LexBound::Max, LexBound::Min), 0);
    assert_eq!(count(LexBound::Included(b"b"), LexBound::Excluded(b"d")), 2);
    assert_eq!(count(LexBound::Excluded(b"b"), LexBound::Included(b"bb")), 0);
}

#[test]
fn the_memory_of_a_large_set_is_counted() {
    let (mut zset, packing) = (Zset::new(), Packing::default());
    for n in 0..100_000_u32 {
        zset.add(format!("member:{n:09}").as_bytes(), f64::from(n.reverse_bits()), &packing);
    }
    assert_eq!(zset.encoding(), "skiplist");
    assert!(zset.memory() < 85 * 100_000, "{} bytes", zset.memory() / 100_000);
    while zset.pop_with(false, |_, _| ()).is_some() {}
    assert!(zset.is_empty());
    assert!(zset.memory() < 4096, "{}", zset.memory());
}
