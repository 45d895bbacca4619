//! The output buffer against a plain vector: same bytes whatever is put, spliced, written in part or taken back.

use std::io::IoSlice;
use std::sync::Arc;

use dozo_wire::{Out, SPLICE_FROM};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Act {
    Put(Vec<u8>),
    Shared(usize, u8),
    Advance(usize),
    Rollback(Vec<u8>, usize),
    Clear,
    Take,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Act::Put),
        1 => (60_000usize..70_000, any::<u8>()).prop_map(|(n, b)| Act::Put(vec![b; n])),
        3 => (SPLICE_FROM - 2..SPLICE_FROM + 40, any::<u8>()).prop_map(|(n, b)| Act::Shared(n, b)),
        6 => (0usize..60_000).prop_map(Act::Advance),
        2 => (prop::collection::vec(any::<u8>(), 0..9), SPLICE_FROM - 1..SPLICE_FROM + 2).prop_map(|(v, n)| Act::Rollback(v, n)),
        1 => Just(Act::Clear),
        1 => Just(Act::Take),
    ]
}

/// All bytes that `io_slices` shows after `skip`, fetched `width` slices at a time.
fn gather(out: &Out, skip: usize, width: usize) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let mut slices = vec![IoSlice::new(&[]); width];
        let filled = out.io_slices(skip + all.len(), &mut slices);
        if filled == 0 {
            return all;
        }
        for slice in &slices[..filled] {
            assert!(!slice.is_empty());
            all.extend_from_slice(slice);
        }
    }
}

proptest! {
    #[test]
    fn behaves_like_a_vector(acts in prop::collection::vec(act(), 1..40), skip in 0usize..50_000, width in 1usize..5) {
        let mut out = Out::new();
        let mut model: Vec<u8> = Vec::new();
        for act in acts {
            match act {
                Act::Put(data) => {
                    out.put(&data);
                    model.extend(data);
                }
                Act::Shared(len, byte) => {
                    out.put_shared(&Arc::new(vec![byte; len]));
                    model.extend(vec![byte; len]);
                }
                Act::Advance(n) => {
                    out.advance(n);
                    model.drain(..n.min(model.len()));
                }
                Act::Rollback(data, len) => {
                    let mark = out.mark();
                    out.put(&data);
                    out.put_shared(&Arc::new(vec![1; len]));
                    out.put(&data);
                    out.rollback(mark);
                }
                Act::Clear => {
                    out.clear();
                    model.clear();
                }
                Act::Take => out = out.take(),
            }
            prop_assert_eq!(out.len(), model.len());
            prop_assert_eq!(out.is_empty(), model.is_empty());
        }
        prop_assert_eq!(&out.to_vec(), &model);
        let skip = skip.min(model.len());
        prop_assert_eq!(gather(&out, skip, width), &model[skip..]);
    }
}

#[test]
fn large_values_are_not_copied() {
    let value = Arc::new(vec![b'v'; 1 << 20]);
    let mut out = Out::new();
    out.put(b"head");
    out.put_shared(&value);
    out.put(b"tail");
    assert_eq!(out.bytes.len(), 8);
    assert_eq!(Arc::strong_count(&value), 2);
    let mut slices = [IoSlice::new(&[]); 8];
    assert_eq!(out.io_slices(0, &mut slices), 3);
    assert!(std::ptr::eq(slices[1].as_ptr(), value.as_ptr()));
    out.advance(4 + (1 << 20));
    assert_eq!(Arc::strong_count(&value), 1, "a written value is released at once");
    assert_eq!(out.to_vec(), b"tail");
}

#[test]
fn memory_is_given_back() {
    let mut out = Out::new();
    out.put(&vec![0; 10 << 20]);
    out.clear();
    assert!(out.bytes.capacity() <= 64 << 10);
    // A reader that never quite catches up must not make the buffer grow.
    for _ in 0..1000 {
        out.put(&[1; 4096]);
        if out.len() > 8192 {
            out.advance(4096);
        }
    }
    assert!(out.bytes.capacity() <= 1 << 20, "{}", out.bytes.capacity());
}
