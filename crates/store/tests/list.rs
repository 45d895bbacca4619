//! The list against a deque of vectors, small and large and between.
#![allow(clippy::unwrap_used)]

use dozo_store::{Collection, End, List, Packing};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
    Push(bool, Vec<u8>),
    Pop(bool),
    Set(i64, Vec<u8>),
    Insert(bool, Vec<u8>, Vec<u8>),
    Remove(i64, Vec<u8>),
    Trim(i64, i64),
    Range(i64, i64),
    Positions(Vec<u8>, i64, usize, usize),
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0..6_i32).prop_map(|n| n.to_string().into_bytes()),
        1 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        1 => (-40_000..40_000_i64).prop_map(|n| n.to_string().into_bytes()),
        2 => prop::collection::vec(b'a'..=b'c', 0..3),
        1 => (0..300_usize).prop_map(|n| vec![b'x'; n]),
        1 => (3_900..4_300_usize).prop_map(|n| vec![b'y'; n]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let index = || -12..12_i64;
    prop_oneof![
        12 => (any::<bool>(), value()).prop_map(|(front, v)| Op::Push(front, v)),
        4 => any::<bool>().prop_map(Op::Pop),
        2 => (index(), value()).prop_map(|(i, v)| Op::Set(i, v)),
        4 => (any::<bool>(), value(), value()).prop_map(|(b, p, v)| Op::Insert(b, p, v)),
        2 => (-3..3_i64, value()).prop_map(|(n, v)| Op::Remove(n, v)),
        1 => (index(), -5..100_i64).prop_map(|(a, b)| Op::Trim(a, b)),
        2 => (index(), index()).prop_map(|(a, b)| Op::Range(a, b)),
        1 => (value(), prop_oneof![1..3_i64, -3..0_i64], 1..4_usize, 1..30_usize)
            .prop_map(|(v, r, n, m)| Op::Positions(v, r, n, m)),
    ]
}

fn span(start: i64, stop: i64, len: usize) -> std::ops::Range<usize> {
    let len = len as i64;
    let (start, stop) =
        (if start < 0 { (start + len).max(0) } else { start }, if stop < 0 { stop + len } else { stop });
    let end = (stop + 1).min(len);
    if start >= end { 0..0 } else { start as usize..end as usize }
}

fn apply(list: &mut List, model: &mut Vec<Vec<u8>>, op: Op, packing: &Packing) {
    match op {
        Op::Push(front, v) => {
            list.push(if front { End::Front } else { End::Back }, &v, packing);
            model.insert(if front { 0 } else { model.len() }, v);
        }
        Op::Pop(front) => {
            let expected = match model.len() {
                0 => None,
                len => Some(model.remove(if front { 0 } else { len - 1 })),
            };
            assert_eq!(list.pop(if front { End::Front } else { End::Back }), expected);
        }
        Op::Set(index, v) => {
            let at = if index < 0 { index + model.len() as i64 } else { index };
            let known = at >= 0 && (at as usize) < model.len();
            assert_eq!(list.set(index, &v, packing), known);
            if known {
                model[at as usize] = v;
            }
        }
        Op::Insert(before, pivot, v) => {
            let at = model.iter().position(|element| *element == pivot);
            assert_eq!(list.insert(before, &pivot, &v, packing), at.is_some());
            if let Some(at) = at {
                model.insert(if before { at } else { at + 1 }, v);
            }
        }
        Op::Remove(count, v) => {
            let mut found: Vec<usize> = (0..model.len()).filter(|at| model[*at] == v).collect();
            if count < 0 {
                found.reverse();
            }
            if count != 0 {
                found.truncate(count.unsigned_abs() as usize);
            }
            assert_eq!(list.remove(count, &v), found.len());
            found.sort_unstable();
            found.iter().rev().for_each(|at| drop(model.remove(*at)));
        }
        Op::Trim(start, stop) => {
            let kept = span(start, stop, model.len());
            assert_eq!(list.trim(start, stop), model.len() - kept.len());
            *model = model[kept].to_vec();
        }
        Op::Range(start, stop) => {
            let expected = &model[span(start, stop, model.len())];
            assert_eq!(list.range(start, stop).map(|v| v.to_vec()).collect::<Vec<_>>(), expected);
        }
        Op::Positions(v, rank, count, max) => {
            let looked: Vec<usize> = match rank {
                1.. => (0..model.len()).take(max).collect(),
                _ => (0..model.len()).rev().take(max).collect(),
            };
            let same = looked.into_iter().filter(|at| model[*at] == v);
            let expected: Vec<usize> = same.skip(rank.unsigned_abs() as usize - 1).take(count).collect();
            assert_eq!(list.positions(&v, rank, count, max), expected);
        }
    }
}

fn check(list: &List, model: &[Vec<u8>]) {
    assert_eq!(list.len(), model.len());
    assert_eq!(list.iter().map(|v| v.to_vec()).collect::<Vec<_>>(), model);
    assert_eq!(
        list.iter().rev().map(|v| v.to_vec()).collect::<Vec<_>>(),
        model.iter().rev().cloned().collect::<Vec<_>>()
    );
    for index in -3..model.len() as i64 {
        let at = if index < 0 { index + model.len() as i64 } else { index };
        assert_eq!(list.get(index).map(|v| v.to_vec()), model.get(at as usize).filter(|_| at >= 0).cloned());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn a_list_is_a_deque(ops in prop::collection::vec(op(), 1..120), size in prop_oneof![Just(-2), Just(-1), Just(3), Just(20)]) {
        let packing = Packing { list_max_size: size, ..Packing::default() };
        let (mut list, mut model) = (List::new(), Vec::new());
        for op in ops {
            apply(&mut list, &mut model, op, &packing);
        }
        check(&list, &model);
        check(&list.duplicate(), &model);
        while list.free_some(1) {}
    }
}

#[test]
fn a_small_list_takes_one_exact_allocation() {
    let mut list = List::new();
    assert_eq!(list.memory(), 0);
    for n in 0..10 {
        list.push(End::Back, format!("element-{n:08}").as_bytes(), &Packing::default());
    }
    assert_eq!(list.encoding(), "listpack");
    assert_eq!(list.memory(), 192);
}

#[test]
fn a_list_that_shrank_is_small_again() {
    let (mut list, packing) = (List::new(), Packing::default());
    (0..5000).for_each(|n: i32| list.push(End::Back, n.to_string().as_bytes(), &packing));
    assert_eq!(list.encoding(), "quicklist");
    list.trim(-100, -1);
    assert_eq!(list.encoding(), "listpack");
    assert_eq!(list.get(0).unwrap().to_vec(), b"4900");
}
