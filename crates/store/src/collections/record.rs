//! One element of a large hash or set: key, value and expiry in one allocation.
//!
//! Owns the layout and every `unsafe` that touches it. A member of a set is a key with an empty value.
//!
//! ```text
//! bits u8, lengths of key and value (u8 each, or u32 each), [expiry i64], key, value
//! ```
//! [`Record`] is a copy of the address; the table that holds it owns it.

use crate::size_class::class_size;
use crate::tagged::Keyed;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

const WIDE: u8 = 1;
const TIMED: u8 = 2;
const ALIGN: usize = 8;

/// The address of an element.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record(NonNull<u8>);

// SAFETY: a record is plain bytes, owned by the one table that holds it.
unsafe impl Send for Record {}

#[derive(Clone, Copy)]
struct Shape {
    bits: u8,
    key: usize,
    value: usize,
}

impl Shape {
    fn new(key: usize, value: usize, timed: bool) -> Self {
        let wide = key > 255 || value > 255;
        Shape { bits: if wide { WIDE } else { 0 } | if timed { TIMED } else { 0 }, key, value }
    }

    #[inline]
    fn expiry_at(self) -> usize {
        if self.bits & WIDE == 0 { 3 } else { 9 }
    }

    #[inline]
    fn key_at(self) -> usize {
        self.expiry_at() + if self.bits & TIMED == 0 { 0 } else { 8 }
    }

    #[inline]
    fn size(self) -> usize {
        class_size(self.key_at() + self.key + self.value)
    }
}

impl Record {
    pub(crate) fn create(key: &[u8], value: &[u8], expiry: Option<i64>) -> Self {
        let shape = Shape::new(key.len(), value.len(), expiry.is_some());
        let layout = layout_of(shape.size());
        // SAFETY: the size is not zero.
        let Some(memory) = NonNull::new(unsafe { alloc(layout) }) else {
            handle_alloc_error(layout);
        };
        let record = Record(memory);
        record.write_header(shape);
        if let Some(at) = expiry {
            record.put(shape.expiry_at(), &at.to_ne_bytes());
        }
        record.put(shape.key_at(), key);
        record.put(shape.key_at() + key.len(), value);
        record
    }

    /// Gives the record another value where the allocation fits it exactly; false otherwise.
    pub(crate) fn set_value(self, value: &[u8]) -> bool {
        let old = self.shape();
        let new = Shape::new(old.key, value.len(), old.bits & TIMED != 0);
        if old.size() != new.size() || old.bits != new.bits {
            return false;
        }
        self.write_header(new);
        self.put(new.key_at() + new.key, value);
        true
    }

    #[inline]
    pub(crate) fn value<'a>(self) -> &'a [u8] {
        let shape = self.shape();
        self.bytes(shape.key_at() + shape.key, shape.value)
    }

    /// The unix time in milliseconds at which the element expires.
    #[inline]
    pub(crate) fn expiry(self) -> Option<i64> {
        let shape = self.shape();
        // SAFETY: the flag says that an i64 was written there.
        (shape.bits & TIMED != 0)
            .then(|| unsafe { self.0.as_ptr().add(shape.expiry_at()).cast::<i64>().read_unaligned() })
    }

    /// Bytes taken from the allocator.
    #[inline]
    pub(crate) fn memory(self) -> usize {
        self.shape().size()
    }

    #[inline]
    fn shape(self) -> Shape {
        // SAFETY: the header was written by `create` and has the lengths in the width that its bits say.
        unsafe {
            let base = self.0.as_ptr();
            let bits = *base;
            if bits & WIDE == 0 {
                return Shape { bits, key: usize::from(*base.add(1)), value: usize::from(*base.add(2)) };
            }
            let wide = |at: usize| base.add(at).cast::<u32>().read_unaligned() as usize;
            Shape { bits, key: wide(1), value: wide(5) }
        }
    }

    fn write_header(self, shape: Shape) {
        let mut header = [shape.bits, shape.key as u8, shape.value as u8, 0, 0, 0, 0, 0, 0];
        if shape.bits & WIDE != 0 {
            header[1..5].copy_from_slice(&(shape.key as u32).to_ne_bytes());
            header[5..9].copy_from_slice(&(shape.value as u32).to_ne_bytes());
        }
        self.put(0, &header[..shape.expiry_at()]);
    }

    #[inline]
    fn bytes<'a>(self, at: usize, len: usize) -> &'a [u8] {
        // SAFETY: the range comes from the record's shape, so it lies inside the allocation and was written.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(at), len) }
    }

    #[inline]
    fn put(self, at: usize, data: &[u8]) {
        // SAFETY: the shape has room for the data, which is no part of this record.
        unsafe { data.as_ptr().copy_to_nonoverlapping(self.0.as_ptr().add(at), data.len()) }
    }
}

impl Keyed for Record {
    #[inline]
    fn address(self) -> NonNull<u8> {
        self.0
    }

    #[inline]
    unsafe fn at(address: NonNull<u8>) -> Self {
        Record(address)
    }

    #[inline]
    fn key<'a>(self) -> &'a [u8] {
        let shape = self.shape();
        self.bytes(shape.key_at(), shape.key)
    }

    fn dispose(self) {
        let layout = layout_of(self.memory());
        // SAFETY: `create` allocated with this size, and `set_value` keeps it.
        unsafe { dealloc(self.0.as_ptr(), layout) };
    }
}

fn layout_of(size: usize) -> Layout {
    // SAFETY: the alignment is a power of two; sizes come from lengths of slices in memory.
    unsafe { Layout::from_size_align_unchecked(size, ALIGN) }
}
