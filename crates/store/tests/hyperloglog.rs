//! HyperLogLogs: both encodings hold the same registers, whatever way they came, and no bytes of a client break them.
#![allow(clippy::unwrap_used)]

use dozo_store::hyperloglog::{self as counter, Corrupt, REGISTERS};
use proptest::prelude::*;

fn filled(elements: impl IntoIterator<Item = u64>, sparse_max: usize) -> Vec<u8> {
    let mut bytes = counter::empty();
    for element in elements {
        counter::add(&mut bytes, &element.to_le_bytes(), sparse_max).unwrap();
    }
    bytes
}

fn registers(bytes: &[u8]) -> Vec<u8> {
    counter::registers(bytes).unwrap().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 60 }))]
    #[test]
    fn the_encoding_does_not_matter(elements in prop::collection::vec(any::<u64>(), 0..1500), limit in 18..3000_usize) {
        let sparse = filled(elements.iter().copied(), 1 << 20);
        let dense = filled(elements.iter().copied(), 0);
        let between = filled(elements.iter().copied(), limit);
        prop_assert!(!counter::is_dense(&sparse));
        prop_assert!(counter::is_dense(&between) || between.len() <= limit);
        for other in [&dense, &between] {
            prop_assert_eq!(registers(other), registers(&sparse));
            prop_assert_eq!(counter::estimate(other), counter::estimate(&sparse));
        }
        let mut backwards = filled(elements.iter().rev().copied(), 3000);
        prop_assert_eq!(registers(&backwards), registers(&sparse));
        counter::make_dense(&mut backwards).unwrap();
        prop_assert_eq!(registers(&backwards), registers(&sparse));
        prop_assert!(elements.iter().all(|e| counter::add(&mut backwards, &e.to_le_bytes(), 3000) == Ok(false)));
    }

    #[test]
    fn a_merge_is_the_counter_of_both(one in prop::collection::vec(any::<u64>(), 0..600), two in prop::collection::vec(any::<u64>(), 0..600), dense in any::<bool>()) {
        let (first, second) = (filled(one.iter().copied(), 3000), filled(two.iter().copied(), 0));
        let both = filled(one.into_iter().chain(two), 3000);
        let mut merged = Box::new([0; REGISTERS]);
        counter::merge_into(&mut merged, &first).unwrap();
        counter::merge_into(&mut merged, &second).unwrap();
        prop_assert_eq!(Ok(counter::estimate_of(&merged)), counter::estimate(&both));
        let mut target = first;
        counter::cache(&mut target, 7);
        counter::raise_all(&mut target, &merged, dense, 3000).unwrap();
        prop_assert_eq!(registers(&target), registers(&both));
        prop_assert_eq!(counter::cached(&target), None);
    }

    #[test]
    fn no_bytes_break_it(encoding in 0..3_u8, body in prop::collection::vec(any::<u8>(), 0..200), element in any::<[u8; 3]>()) {
        let mut bytes = b"HYLL".to_vec();
        bytes.push(encoding);
        bytes.resize(16, 0);
        bytes.extend(body);
        if counter::is_counter(&bytes) {
            let whole = counter::registers(&bytes).is_ok();
            prop_assert_eq!(counter::estimate(&bytes).is_ok(), whole);
            counter::describe(&bytes);
            let mut target = bytes.clone();
            let added = counter::add(&mut target, &element, 3000);
            prop_assert!(!whole || added.is_ok());
            prop_assert_eq!(counter::make_dense(&mut bytes).is_ok(), whole);
        }
    }
}

#[test]
fn estimates_are_near() {
    for count in [0, 1, 10, 100, 1000, 20_000] {
        let estimate = counter::estimate(&filled(1..=count, 3000)).unwrap();
        assert!(estimate.abs_diff(count) <= count / 20 + 1, "{estimate} of {count}");
    }
}

#[test]
fn a_cached_estimate_lasts_until_a_register_changes() {
    let mut bytes = filled(1..50, 3000);
    counter::cache(&mut bytes, 49);
    assert_eq!(counter::cached(&bytes), Some(49));
    assert_eq!(counter::add(&mut bytes, &1_u64.to_le_bytes(), 3000), Ok(false));
    assert_eq!(counter::cached(&bytes), Some(49));
    counter::invalidate(&mut bytes);
    assert_eq!(counter::cached(&bytes), None);
}

#[test]
fn what_is_cut_short_is_corrupt() {
    let bytes = filled(1..50, 3000);
    assert_eq!(counter::registers(&bytes[..bytes.len() - 1]), Err(Corrupt));
    assert_eq!(counter::estimate(&[&bytes[..], &[0]].concat()), Err(Corrupt));
}
