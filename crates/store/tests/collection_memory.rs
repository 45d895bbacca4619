//! What collections say of their memory against what they ask of the allocator.
#![allow(clippy::unwrap_used, unsafe_code)]

use dozo_store::{Collection, End, Hash, List, Packing, Set, Zset};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn add(bytes: isize) {
    // A thread that ends may free without its counter; nothing is measured there.
    let _ = HELD.try_with(|held| held.set(held.get() + bytes));
}

// SAFETY: every call is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        add(-(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size as isize - layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs steps on a collection and holds what it says against what it has; freed in slices, it has nothing left.
fn measure<C: Collection + Default>(name: &str, steps: u32, mut step: impl FnMut(&mut C, u32)) {
    let start = HELD.get();
    let mut collection = C::default();
    for n in 0..steps {
        step(&mut collection, n);
        if n % 97 == 0 || n < 200 {
            let (held, told) = ((HELD.get() - start) as usize, collection.memory());
            // Told in whole classes of the allocator, and a little more or less where a tree is estimated.
            assert!(told + 64 >= held - held / 8, "{name} step {n}: tells {told} of {held}");
            assert!(told <= held + held / 3 + 256, "{name} step {n}: tells {told} of {held}");
        }
    }
    let copy = collection.duplicate();
    while collection.free_some(50) {}
    drop(collection);
    let left = (HELD.get() - start) as usize;
    assert!(
        left.abs_diff(copy.memory()) <= left / 3 + 256,
        "{name}: the copy tells {} of {left}",
        copy.memory()
    );
    drop(copy);
    assert_eq!(HELD.get(), start, "{name}: all is given back");
}

/// A growing half, then a shrinking one.
fn updown(n: u32, steps: u32) -> (bool, u32) {
    if n < steps / 2 { (true, n) } else { (false, n - steps / 2) }
}

const STEPS: u32 = if cfg!(miri) { 600 } else { 20_000 };

#[test]
fn hashes_are_counted() {
    let packing = Packing { hash_max_entries: 100, hash_max_value: 5000, ..Packing::default() };
    let mut buffer = Vec::with_capacity(6000);
    measure("hash", STEPS, |hash: &mut Hash, n| {
        let (grow, n) = updown(n, STEPS);
        buffer.clear();
        buffer.resize(n as usize * 37 % 300, b'v');
        if grow {
            hash.set(&n.to_le_bytes(), &buffer, &packing);
        } else {
            hash.remove(&n.to_le_bytes());
        }
    });
}

#[test]
fn fields_that_expire_are_counted() {
    let packing = Packing::default();
    measure("timed hash", STEPS, |hash: &mut Hash, n| {
        let (grow, n) = updown(n, STEPS);
        let field = [b'f'; 24]
            .map(|byte| byte ^ (n % 97) as u8)
            .into_iter()
            .chain(n.to_le_bytes())
            .collect::<Vec<u8>>();
        if grow {
            hash.set(&field, b"value", &packing);
            hash.set_expiry(&field, (n % 3 > 0).then_some(i64::from(n)));
        } else if n % 2 == 0 {
            hash.remove(&field);
        } else {
            hash.set_now(i64::from(n));
            hash.take_due(2);
        }
    });
}

#[test]
fn sets_are_counted() {
    let packing = Packing { set_max_intset: 1000, ..Packing::default() };
    measure("integers", 1500, |set: &mut Set, n| {
        let (grow, n) = updown(n, 1500);
        let member = (i64::from(n) * 7_919_000_001).to_string();
        _ = if grow { set.add(member.as_bytes(), &packing) } else { set.remove(member.as_bytes()) };
    });
    measure("set", STEPS, |set: &mut Set, n| {
        let (grow, n) = updown(n, STEPS);
        let member = format!("member {n}");
        _ = if grow { set.add(member.as_bytes(), &packing) } else { set.remove(member.as_bytes()) };
    });
}

#[test]
fn sorted_sets_are_counted() {
    let packing = Packing::default();
    measure("sorted set", STEPS, |zset: &mut Zset, n| {
        let (grow, n) = updown(n, STEPS);
        let member = format!("member {n}");
        if grow {
            zset.add(member.as_bytes(), f64::from(n.reverse_bits()), &packing);
        } else {
            zset.remove(member.as_bytes());
        }
    });
}

#[test]
fn lists_are_counted() {
    let packing = Packing::default();
    measure("list", STEPS, |list: &mut List, n| {
        let (grow, n) = updown(n, STEPS);
        let end = if n % 3 == 0 { End::Front } else { End::Back };
        if grow {
            list.push(end, format!("element {n}").as_bytes(), &packing);
        } else {
            list.pop(end);
        }
    });
}
