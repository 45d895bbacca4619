//! The set against a set of byte strings: integers, packed, large, and the borders between.
#![allow(clippy::unwrap_used)]

use dozo_store::{Access, Collection, Keyspace, Packing, Random, Set, SetOperation, StoreConfig};
use proptest::prelude::*;
use std::collections::BTreeSet;

type Model = BTreeSet<Vec<u8>>;

#[derive(Clone, Debug)]
enum Op {
    Add(Vec<u8>),
    Remove(Vec<u8>),
    Pop(u64),
}

fn integer() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => -40..40_i64,
        1 => prop_oneof![Just(32_767_i64), Just(-32_769), Just(2_147_483_648), Just(i64::MIN), Just(i64::MAX)],
    ]
    .prop_map(|n| n.to_string().into_bytes())
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(b'a'..=b'd', 0..4),
        1 => prop_oneof![Just("007"), Just("+1"), Just("-0"), Just("9223372036854775808")].prop_map(|s| s.into()),
        1 => prop_oneof![Just(64), Just(65), Just(239), Just(240), Just(255), Just(256), Just(9000)]
            .prop_map(|len| vec![b'm'; len]),
    ]
}

fn member(texts: bool) -> BoxedStrategy<Vec<u8>> {
    if texts { prop_oneof![3 => integer(), 2 => text()].boxed() } else { integer().boxed() }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    any::<bool>().prop_flat_map(|texts| {
        let op = prop_oneof![
            10 => member(texts).prop_map(Op::Add),
            4 => member(texts).prop_map(Op::Remove),
            1 => any::<u64>().prop_map(Op::Pop),
        ];
        prop::collection::vec(op, 1..300)
    })
}

fn members(set: &Set) -> Model {
    let all: Vec<Vec<u8>> = set.iter().map(|member| member.to_vec()).collect();
    let unique: Model = all.iter().cloned().collect();
    assert_eq!(all.len(), unique.len());
    unique
}

fn check(set: &Set, model: &Model) {
    assert_eq!((members(set), set.len()), (model.clone(), model.len()));
    let (mut seen, mut cursor) = (Model::new(), 0);
    loop {
        cursor = set.scan(cursor, 4, &mut |member| assert!(seen.insert(member.to_vec())));
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(&seen, model);
    let mut random = Random::new(3);
    assert_eq!(
        set.random(&mut random).map(|member| model.contains(&member.to_vec())),
        (!model.is_empty()).then_some(true)
    );
    for count in [0, 1, model.len() / 4, model.len() / 2, model.len(), model.len() + 5] {
        let picked: Model =
            set.random_distinct(count, &mut random).iter().map(|member| member.to_vec()).collect();
        assert_eq!(picked.len(), count.min(model.len()));
        assert!(picked.is_subset(model));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 250 }))]
    #[test]
    fn a_set_is_a_set(
        ops in ops(),
        ints in prop_oneof![Just(0), Just(5), Just(512)],
        entries in prop_oneof![Just(0), Just(8), Just(128)],
        longest in prop_oneof![Just(3), Just(64), Just(10_000)],
    ) {
        let packing = Packing { set_max_intset: ints, set_max_entries: entries, set_max_value: longest, ..Packing::default() };
        let (mut set, mut model) = (Set::new(), Model::new());
        for op in ops {
            match op {
                Op::Add(member) => {
                    prop_assert_eq!(set.add(&member, &packing), model.insert(member.clone()));
                    prop_assert!(set.contains(&member));
                }
                Op::Remove(member) => {
                    prop_assert_eq!(set.remove(&member), model.remove(&member));
                    prop_assert!(!set.contains(&member));
                }
                Op::Pop(seed) => {
                    let popped = set.pop_random(&mut Random::new(seed));
                    prop_assert_eq!(popped.is_some(), !model.is_empty());
                    prop_assert!(popped.is_none_or(|member| model.remove(&member)));
                }
            }
            prop_assert_eq!(set.len(), model.len());
        }
        check(&set, &model);
        let copy = set.duplicate();
        check(&copy, &model);
        prop_assert!(set.encoding() == "hashtable" || copy.memory() == set.memory());
        while set.free_some(3) {}
    }

    #[test]
    fn algebra_is_that_of_sets(
        first in prop::collection::btree_set(member(true), 0..60),
        second in prop::collection::btree_set(member(false), 0..60),
        third in prop::collection::btree_set(member(true), 0..9),
        limit in prop_oneof![Just(usize::MAX), Just(3)],
    ) {
        let mut store = Keyspace::new(StoreConfig::default());
        let packing = Packing { set_max_entries: 20, ..Packing::default() };
        let mut keys: Vec<&[u8]> = Vec::new();
        for (key, model) in [(&b"1"[..], &first), (b"2", &second), (b"3", &third)] {
            let add = |set: &mut Set| ((), model.iter().fold(false, |any, member| set.add(member, &packing) | any));
            store.edit_or_create(0, key, add).unwrap();
            keys.push(key);
        }
        let expected = [
            (SetOperation::Union, &(&first | &second) | &third),
            (SetOperation::Intersection, &(&first & &second) & &third),
            (SetOperation::Difference, &(&first - &second) - &third),
        ];
        for (operation, model) in expected {
            let mut found = Model::new();
            let count = store.combine_sets(0, operation, &keys, limit, Access::Peek, &mut |member| {
                assert!(found.insert(member.to_vec()), "each is visited once");
            });
            prop_assert_eq!(count.unwrap(), model.len().min(limit));
            prop_assert_eq!(found.len(), model.len().min(limit));
            prop_assert!(found.is_subset(&model));
        }
    }
}

#[test]
fn a_set_changes_its_form_where_redis_says() {
    let packing = Packing { set_max_intset: 4, set_max_entries: 3, set_max_value: 5, ..Packing::default() };
    let encoding = |members: &[&str]| {
        let mut set = Set::new();
        members.iter().for_each(|member| _ = set.add(member.as_bytes(), &packing));
        set.encoding()
    };
    assert_eq!(encoding(&["1", "2", "3", "4", "4"]), "intset");
    assert_eq!(encoding(&["1", "2", "3", "4", "5"]), "hashtable");
    assert_eq!(encoding(&["1", "a"]), "hashtable", "a packed set must have room for the longest integer");
    assert_eq!(encoding(&["a", "b", "1", "a"]), "listpack");
    assert_eq!(encoding(&["a", "b", "c", "d"]), "hashtable");
    assert_eq!(encoding(&["abcdef"]), "hashtable");
}

#[test]
fn a_union_of_large_sets_is_freed_in_slices() {
    let mut store = Keyspace::new(StoreConfig::default());
    let packing = store.packing;
    for (key, from) in [(b"a", 0), (b"b", 5000)] {
        let add = |set: &mut Set| {
            ((), (from..from + 10_000).any(|n: u32| !set.add(format!("m{n}").as_bytes(), &packing)))
        };
        store.edit_or_create(0, key, |set| (add(set).0, true)).unwrap();
    }
    let before = store.used_memory();
    let keys: [&[u8]; 2] = [b"a", b"b"];
    let count = store.combine_sets(0, SetOperation::Union, &keys, usize::MAX, Access::Peek, &mut |_| {});
    assert_eq!(count, Ok(15_000));
    assert!(store.used_memory() > before && store.pending_free() == 1);
    let mut steps = 0;
    while store.free_step(100) {
        steps += 1;
    }
    assert!(steps > 20);
    assert_eq!(store.used_memory(), before);
}
