//! Rows of bits against a vector of bools, and fields against wide arithmetic.
#![allow(clippy::unwrap_used)]

use dozo_store::bits::{self, Action, Combine, Field, Overflow};
use dozo_store::{Access, Keyspace, Put, Shared, StoreConfig};
use proptest::prelude::*;
use std::sync::Arc;

fn unpacked(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().flat_map(|byte| (0..8).map(move |at| byte >> (7 - at) & 1 == 1)).collect()
}

/// Mostly long runs of one bit, so that searches cross words.
fn row() -> impl Strategy<Value = Vec<u8>> {
    let run = (prop_oneof![Just(0_u8), Just(0xff), any::<u8>()], 0..20_usize);
    prop::collection::vec(run, 0..6)
        .prop_map(|runs| runs.into_iter().flat_map(|(byte, len)| vec![byte; len]).collect())
}

fn joined(how: Combine, bits: &[bool]) -> bool {
    let (x, ones) = (bits[0], bits.iter().filter(|bit| **bit).count());
    let any = bits[1..].contains(&true);
    match how {
        Combine::And => ones == bits.len(),
        Combine::Or => ones > 0,
        Combine::Xor => ones % 2 == 1,
        Combine::Not => !x,
        Combine::Diff => x && !any,
        Combine::Diff1 => !x && any,
        Combine::AndOr => x && any,
        Combine::One => ones == 1,
    }
}

const ALL: [Combine; 8] = [
    Combine::And,
    Combine::Or,
    Combine::Xor,
    Combine::Not,
    Combine::Diff,
    Combine::Diff1,
    Combine::AndOr,
    Combine::One,
];

proptest! {
    #[test]
    fn bits_are_set_and_found(mut bytes in row(), sets in prop::collection::vec((0..900_u64, any::<bool>()), 0..40)) {
        let mut model = unpacked(&bytes);
        for (at, on) in sets {
            let (place, grows) = (at as usize, at as usize >= model.len());
            if grows {
                model.resize((place / 8 + 1) * 8, false);
            }
            let old = std::mem::replace(&mut model[place], on);
            prop_assert_eq!(bits::bit(&bytes, at), old);
            prop_assert_eq!(bits::set_bit(&mut bytes, at, on), (old, grows || old != on));
        }
        prop_assert_eq!(unpacked(&bytes), model);
        prop_assert!(!bits::bit(&bytes, 1 << 40));
    }

    #[test]
    fn ranges_are_counted_and_searched(bytes in row(), a in 0..1000_usize, b in 0..1000_usize) {
        let model = unpacked(&bytes);
        prop_assume!(!model.is_empty());
        let (first, last) = (a % model.len(), b % model.len());
        let range = if first <= last { &model[first..=last] } else { &[] };
        let ones = range.iter().filter(|bit| **bit).count() as u64;
        prop_assert_eq!(bits::count(&bytes, first as u64, last as u64), ones);
        for wanted in [false, true] {
            let found = range.iter().position(|bit| *bit == wanted).map(|at| (first + at) as u64);
            prop_assert_eq!(bits::position(&bytes, wanted, first as u64, last as u64), found);
        }
    }

    #[test]
    fn rows_are_combined_bit_by_bit(rows in prop::collection::vec(row(), 1..5)) {
        let longest = rows.iter().map(Vec::len).max().unwrap();
        let models: Vec<Vec<bool>> = rows.iter().map(|row| {
            let mut bits = unpacked(row);
            bits.resize(longest * 8, false);
            bits
        }).collect();
        for how in ALL {
            let count = if how == Combine::Not { 1 } else { rows.len() };
            let sources: Vec<Shared> = rows[..count].iter().cloned().map(Arc::new).collect();
            let len = sources.iter().map(|source| source.len()).max().unwrap() * 8;
            let expected: Vec<bool> = (0..len)
                .map(|at| joined(how, &models[..count].iter().map(|bits| bits[at]).collect::<Vec<_>>()))
                .collect();
            prop_assert_eq!(unpacked(&bits::combine(how, &sources)), expected, "{:?}", how);
        }
    }

    #[test]
    fn fields_are_integers(
        mut bytes in row(), offset in 0..300_u64, width in 1..=64_u32, signed in any::<bool>(),
        value in prop_oneof![any::<i64>(), -300..300_i64], overflow in 0..3_usize, add in any::<bool>(),
    ) {
        let width = if signed { width } else { width.min(63) };
        let field = Field { offset, width, signed };
        let overflow = [Overflow::Wrap, Overflow::Saturate, Overflow::Fail][overflow];
        bits::grow(&mut bytes, offset + u64::from(width) - 1);
        let before = bytes.clone();
        let (low, high) = if signed { (-(1_i128 << (width - 1)), (1_i128 << (width - 1)) - 1) } else { (0, (1_i128 << width) - 1) };
        let old = field.read(&bytes);
        prop_assert!((low..=high).contains(&i128::from(old)));
        prop_assert_eq!(bits::act(&mut bytes, field, Action::Get), (Some(old), false));
        let action = if add { Action::Add(value, overflow) } else { Action::Set(value, overflow) };
        // Redis reads a value to be set as unsigned where the field is.
        let wanted = match (add, signed) {
            (true, _) => i128::from(old) + i128::from(value),
            (false, true) => i128::from(value),
            (false, false) => i128::from(value as u64),
        };
        let (told, changed) = bits::act(&mut bytes, field, action);
        let new = field.read(&bytes);
        prop_assert_eq!(changed, new != old);
        let fits = (low..=high).contains(&wanted);
        match overflow {
            _ if fits => prop_assert_eq!(i128::from(new), wanted),
            Overflow::Wrap => prop_assert_eq!((i128::from(new) - wanted).rem_euclid(1 << width), 0),
            Overflow::Fail => prop_assert_eq!((told, new), (None, old)),
            // Redis's own arithmetic overflows far below a narrow signed field.
            Overflow::Saturate => prop_assert!([low, high].contains(&i128::from(new))),
        }
        if told.is_some() {
            prop_assert_eq!(told, Some(if add { new } else { old }));
        }
        let (inside, mut rest) = (offset as usize..(offset + u64::from(width)) as usize, unpacked(&bytes));
        rest[inside.clone()].copy_from_slice(&unpacked(&before)[inside]);
        prop_assert_eq!(rest, unpacked(&before), "the bits around a field stay");
    }
}

#[test]
fn a_string_is_changed_where_it_lies_and_stays_counted() {
    let mut store = Keyspace::new(StoreConfig::default());
    let empty = store.used_memory();
    for len in [1, 100, 4096, 4097, 1 << 20] {
        store.put(0, b"k", Put::plain(&vec![b'v'; len]));
        for at in [0, len as u64 * 8 - 1, len as u64 * 8 + 5, len as u64 * 80] {
            let changed = store.edit_string(0, b"k", |bytes| {
                let (_, changed) = bits::set_bit(bytes, at, true);
                (changed, changed)
            });
            let item = store.get(0, b"k", Access::Peek).unwrap();
            assert!(bits::bit(&item.string().unwrap().to_vec(), at), "{len} {at} {changed}");
        }
        let dirty = store.dirty();
        store.edit_string(0, b"k", |_| ((), false));
        assert_eq!(store.dirty(), dirty);
    }
    store.remove(0, b"k");
    while store.free_step(100) {}
    assert!(store.used_memory() <= empty + 1024);
    store.edit_string(0, b"none", |_| ((), false));
    assert_eq!(store.len(0), 0);
}
