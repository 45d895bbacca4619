//! The hash against a map: small and large and the border between, with fields that expire.
#![allow(clippy::unwrap_used)]

use dozo_store::{Access, Collection, Hash, Keyspace, Packing, Random, StoreConfig};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A field's value and when it expires.
type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

#[derive(Clone, Debug)]
enum Op {
    Set(Vec<u8>, Vec<u8>),
    SetKeepingExpiry(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    Expire(Vec<u8>, Option<i64>),
    Wait(i64),
    TakeDue(usize),
}

fn field() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0..60_i32).prop_map(|n| n.to_string().into_bytes()),
        2 => prop::collection::vec(b'a'..=b'c', 0..3),
        1 => prop_oneof![Just(63), Just(64), Just(65), Just(239), Just(240), Just(255), Just(256)]
            .prop_map(|len| vec![b'f'; len]),
    ]
}

/// Every form that a string has in a small hash, and every width of a length.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop_oneof![Just(0_i64), Just(127), Just(128), Just(-129), Just(40_000), Just(-3_000_000_000), Just(i64::MIN)]
            .prop_map(|n| n.to_string().into_bytes()),
        4 => prop::collection::vec(any::<u8>(), 0..40),
        1 => Just(b"007".to_vec()),
        1 => prop_oneof![Just(64), Just(65), Just(239), Just(240), Just(255), Just(256), Just(300), Just(70_000)]
            .prop_map(|len| vec![b'v'; len]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => (field(), value()).prop_map(|(f, v)| Op::Set(f, v)),
        4 => (field(), value()).prop_map(|(f, v)| Op::SetKeepingExpiry(f, v)),
        8 => field().prop_map(Op::Remove),
        2 => (field(), prop::option::of(1..50_i64)).prop_map(|(f, after)| Op::Expire(f, after)),
        1 => (0..20_i64).prop_map(Op::Wait),
        1 => (0..5_usize).prop_map(Op::TakeDue),
    ]
}

struct Pair {
    hash: Hash,
    model: Model,
    now: i64,
}

impl Pair {
    fn visible(&self, field: &[u8]) -> Option<&(Vec<u8>, Option<i64>)> {
        self.model.get(field).filter(|(_, at)| at.is_none_or(|at| at > self.now))
    }

    fn apply(&mut self, op: Op, packing: &Packing) {
        match op {
            Op::Set(field, value) => {
                let new = self.visible(&field).is_none();
                assert_eq!(self.hash.set(&field, &value, packing), new);
                self.model.insert(field, (value, None));
            }
            Op::SetKeepingExpiry(field, value) => {
                let expiry = self.visible(&field).map(|(_, at)| *at);
                assert_eq!(self.hash.set_keeping_expiry(&field, &value, packing), expiry.is_none());
                self.model.insert(field, (value, expiry.flatten()));
            }
            Op::Remove(field) => {
                let there = self.visible(&field).is_some();
                assert_eq!(self.hash.remove(&field), there);
                if there {
                    self.model.remove(&field);
                }
            }
            Op::Expire(field, after) => {
                let at = after.map(|after| self.now + after);
                assert_eq!(self.hash.set_expiry(&field, at), self.visible(&field).is_some());
                if self.visible(&field).is_some() {
                    self.model.get_mut(&field).unwrap().1 = at;
                }
            }
            Op::Wait(ms) => {
                self.now += ms;
                let over = self.model.keys().all(|field| self.visible(field).is_none());
                assert_eq!(self.hash.is_over(self.now), over && !self.model.is_empty());
            }
            Op::TakeDue(max) => {
                let mut due: Vec<(i64, Vec<u8>)> = self
                    .model
                    .iter()
                    .filter_map(|(field, (_, at))| Some(((*at)?, field.clone())))
                    .filter(|(at, _)| *at <= self.now)
                    .collect();
                due.sort();
                let taken: Vec<Vec<u8>> = self.hash.take_due(max).into_iter().map(Vec::from).collect();
                let expected: Vec<Vec<u8>> = due.into_iter().take(max).map(|(_, field)| field).collect();
                assert_eq!(taken, expected);
                taken.iter().for_each(|field| drop(self.model.remove(field)));
            }
        }
        // The keyspace tells the time before every access.
        self.hash.set_now(self.now);
    }

    fn check(&self, hash: &Hash) {
        let shown: Model = self
            .model
            .keys()
            .filter_map(|field| Some((field.clone(), self.visible(field)?.clone())))
            .collect();
        let all: Model = hash.iter_with_expiry().map(|(f, v, at)| (f.to_vec(), (v.to_vec(), at))).collect();
        assert_eq!(all, shown);
        assert_eq!(hash.iter().count(), shown.len());
        assert_eq!(hash.visible_len(), shown.len());
        for field in self.model.keys() {
            let found = self.visible(field);
            assert_eq!(hash.get(field).map(|value| value.to_vec()), found.map(|(value, _)| value.clone()));
            assert_eq!(
                (hash.contains(field), hash.expiry(field)),
                (found.is_some(), found.and_then(|f| f.1))
            );
        }
        assert!(!hash.contains(b"never"));
        let (mut seen, mut cursor) = (BTreeMap::new(), 0);
        loop {
            cursor = hash.scan(cursor, 5, &mut |field, value| {
                assert!(
                    seen.insert(field.to_vec(), value.to_vec()).is_none(),
                    "a quiet hash shows a field once"
                );
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen, shown.into_iter().map(|(field, (value, _))| (field, value)).collect());
        self.check_random(hash, &seen);
    }

    fn check_random(&self, hash: &Hash, shown: &BTreeMap<Vec<u8>, Vec<u8>>) {
        let mut random = Random::new(7);
        let is_shown = |field: &[u8], value: &[u8]| shown.get(field).is_some_and(|found| found == value);
        match hash.random(&mut random) {
            None => assert!(shown.is_empty()),
            Some((field, value)) => assert!(is_shown(&field.to_vec(), &value.to_vec())),
        }
        for count in [0, 1, shown.len() / 4, shown.len() / 2, shown.len(), shown.len() + 5] {
            let picked = hash.random_distinct(count, &mut random);
            assert!(picked.iter().all(|(field, value)| is_shown(&field.to_vec(), &value.to_vec())));
            let fields: BTreeSet<Vec<u8>> = picked.iter().map(|(field, _)| field.to_vec()).collect();
            assert_eq!((fields.len(), picked.len()), (count.min(shown.len()), count.min(shown.len())));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 200 }))]
    #[test]
    fn a_hash_is_a_map(
        ops in prop::collection::vec(op(), 1..300),
        entries in prop_oneof![Just(0), Just(5), Just(1000)],
        longest in prop_oneof![Just(64), Just(100_000)],
    ) {
        let packing = Packing { hash_max_entries: entries, hash_max_value: longest, ..Packing::default() };
        let mut pair = Pair { hash: Hash::new(), model: Model::new(), now: 1000 };
        for op in ops {
            pair.apply(op, &packing);
            prop_assert_eq!(pair.hash.len(), pair.model.len());
            prop_assert_eq!(pair.hash.next_due(), pair.model.values().filter_map(|(_, at)| *at).min());
        }
        pair.check(&pair.hash);
        let copy = pair.hash.duplicate();
        pair.check(&copy);
        prop_assert!(pair.hash.encoding() == "hashtable" || copy.memory() == pair.hash.memory());
        while pair.hash.free_some(3) {}
    }
}

#[test]
fn a_hash_grows_large_at_the_thresholds_and_stays_so() {
    let packing = Packing { hash_max_entries: 3, hash_max_value: 4, ..Packing::default() };
    let with = |pairs: &[(&str, &str)]| {
        let mut hash = Hash::new();
        for (field, value) in pairs {
            hash.set(field.as_bytes(), value.as_bytes(), &packing);
        }
        hash
    };
    assert_eq!(with(&[("a", "1"), ("b", "2"), ("c", "3"), ("a", "4")]).encoding(), "listpack");
    assert_eq!(with(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]).encoding(), "hashtable");
    assert_eq!(with(&[("abcd", "1234")]).encoding(), "listpack");
    assert_eq!(with(&[("abcde", "1")]).encoding(), "hashtable");
    assert_eq!(with(&[("a", "12345")]).encoding(), "hashtable");
    let mut hash = with(&[("a", "12345")]);
    hash.remove(b"a");
    hash.set(b"a", b"1", &packing);
    assert_eq!(hash.encoding(), "hashtable");
}

#[test]
fn a_scan_shows_what_stays_while_the_hash_grows_and_shrinks() {
    const KEPT: u32 = if cfg!(miri) { 50 } else { 5000 };
    let packing = Packing { hash_max_entries: 0, ..Packing::default() };
    let name = |n: u32| n.to_string().into_bytes();
    for growing in [true, false] {
        let mut hash = Hash::new();
        (0..KEPT * 3).for_each(|n| _ = hash.set(&name(n), b"v", &packing));
        let (mut seen, mut cursor, mut turn) = (BTreeSet::new(), 0, 0);
        loop {
            cursor = hash.scan(cursor, 10, &mut |field, _| _ = seen.insert(field.to_vec()));
            if cursor == 0 {
                break;
            }
            for n in turn * 40..(turn + 1) * 40 {
                if growing {
                    hash.set(&name(KEPT * 3 + n), b"v", &packing);
                } else if n < KEPT * 2 {
                    hash.remove(&name(KEPT + n));
                }
            }
            turn += 1;
        }
        assert!((0..KEPT).all(|n| seen.contains(&name(n))), "growing: {growing}");
    }
}

fn keyspace_with(fields: u32) -> Keyspace {
    let mut store = Keyspace::new(StoreConfig::default());
    store.set_now(1000);
    let packing = store.packing;
    store
        .edit_or_create(0, b"h", |hash: &mut Hash| {
            for n in 0..fields {
                let field = n.to_string().into_bytes();
                hash.set(&field, b"v", &packing);
                hash.set_expiry(&field, Some(2000));
            }
            ((), true)
        })
        .unwrap();
    store
}

#[test]
fn a_key_is_gone_with_its_last_field_whoever_looks() {
    let mut store = keyspace_with(3);
    let empty = Keyspace::new(StoreConfig::default()).used_memory();
    assert!(store.get(0, b"h", Access::Peek).is_some());
    store.set_now(2000);
    assert!(store.get(0, b"h", Access::Peek).is_none(), "as EXISTS and TYPE look");
    let removed = store.take_notices();
    assert_eq!((removed.len(), removed[0].fields.len(), store.stats.expired_fields), (1, 3, 3));
    assert_eq!((store.len(0), store.active_field_expire(10)), (0, 0));
    assert!(store.used_memory() <= empty + 1024, "{} over {empty}", store.used_memory());
    let mut store = keyspace_with(3);
    store.set_now(2000);
    let mut listed = 0;
    store.for_each(0, &mut |_| listed += 1);
    store.scan(0, 0, 100, &mut |_| listed += 1);
    assert_eq!((store.random_key(0), listed), (None, 0), "as KEYS, SCAN and RANDOMKEY look");
    let mut store = keyspace_with(3);
    store.set_now(2000);
    assert!(!store.remove(0, b"h"), "there is nothing left to delete");
}

#[test]
fn many_due_fields_are_hidden_and_leave_in_steps() {
    let mut store = keyspace_with(5000);
    store.set_now(2000);
    let hash = store.collection::<Hash>(0, b"h", Access::Peek).unwrap().unwrap();
    assert!(hash.len() > 3000, "one look removes only some");
    assert_eq!((hash.visible_len(), hash.contains(b"4999"), hash.iter().count()), (0, false, 0));
    let mut steps = 0;
    while store.active_field_expire(100) > 0 {
        steps += 1;
    }
    assert!(steps >= 30);
    assert_eq!((store.len(0), store.stats.expired_fields), (0, 5000));
}

#[test]
fn a_renamed_moved_or_copied_hash_still_expires() {
    let mut store = keyspace_with(2);
    assert!(store.copy(0, b"h", 1, b"copy"));
    assert!(store.rename(0, b"h", b"renamed"));
    assert!(store.move_key(0, b"renamed", 2));
    store.set_now(2000);
    assert_eq!(store.active_field_expire(100), 4);
    assert_eq!((store.len(0), store.len(1), store.len(2)), (0, 0, 0));
}
