//! The sizes in which the allocator hands out memory.
//!
//! Owns the one function that turns a request into what it really costs, so that accounting is exact and a value may
//! grow in place within what its entry already has. The classes are mimalloc's: 16-byte steps to 64 bytes, then four
//! steps to each doubling up to 64 KiB, then pages. Under another allocator the sum is an estimate.

const PAGE: usize = 4096;
const SMALL_MAX: usize = 64;
const CLASSED_MAX: usize = 64 * 1024;

/// The bytes that a request for `size` bytes takes.
#[inline]
pub(crate) const fn class_size(size: usize) -> usize {
    if size <= SMALL_MAX {
        return if size <= 8 { 8 } else { (size + 15) & !15 };
    }
    if size > CLASSED_MAX {
        return (size + PAGE - 1) & !(PAGE - 1);
    }
    let words = (size - 1) / 8;
    let shift = words.ilog2() - 2;
    (((words >> shift) + 1) << shift) * 8
}
