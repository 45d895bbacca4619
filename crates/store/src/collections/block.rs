//! One allocation behind an 8-byte pointer: a header of eight bytes, then bytes that are inserted and removed in place.
//!
//! Owns the memory and every `unsafe` that touches it; refuses to know what the bytes mean. The allocation is exactly the
//! allocator's class for the length, so nothing is held in reserve, and an empty block takes no memory at all.

use crate::size_class::class_size;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::ptr::NonNull;

/// Length of the whole, and a number for the owner.
#[repr(C)]
struct Header {
    end: u32,
    note: u32,
}

const HEADER: usize = size_of::<Header>();
const ALIGN: usize = 8;
/// What every empty block points to; it is never written to.
static EMPTY: Header = Header { end: HEADER as u32, note: 0 };

/// Bytes in one exact allocation.
pub(crate) struct Block(NonNull<Header>);

// SAFETY: a block owns its memory alone; the shared empty one is never written to.
unsafe impl Send for Block {}

impl Block {
    pub(crate) fn new() -> Self {
        Block(NonNull::from(&EMPTY))
    }

    #[inline]
    fn end(&self) -> usize {
        // SAFETY: the pointer leads to a header, of an allocation or of EMPTY.
        unsafe { (*self.0.as_ptr()).end as usize }
    }

    /// The owner's number; 0 while the block is empty.
    #[inline]
    pub(crate) fn note(&self) -> u32 {
        // SAFETY: as in `end`.
        unsafe { (*self.0.as_ptr()).note }
    }

    /// Sets the owner's number; an empty block keeps its 0.
    #[inline]
    pub(crate) fn set_note(&mut self, note: u32) {
        if self.end() > HEADER {
            // SAFETY: a block that is not empty has an allocation of its own.
            unsafe { (*self.0.as_ptr()).note = note };
        }
    }

    /// The bytes.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the allocation has `end` bytes, all written.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast::<u8>().add(HEADER), self.end() - HEADER) }
    }

    /// The bytes, to be changed.
    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let len = self.end() - HEADER;
        // SAFETY: as in `bytes`, held exclusively; of EMPTY it is an empty slice.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_ptr().cast::<u8>().add(HEADER), len) }
    }

    /// Bytes taken from the allocator.
    #[inline]
    pub(crate) fn memory(&self) -> usize {
        if self.end() == HEADER { 0 } else { class_size(self.end()) }
    }

    /// Replaces `removed` bytes at `at` by `added` ones, which the caller writes to the slice it is given: until then they
    /// hold anything, though nothing that was never written.
    pub(crate) fn splice(&mut self, at: usize, removed: usize, added: usize) -> &mut [u8] {
        let old = self.end();
        let (from, to) = (HEADER + at + removed, HEADER + at + added);
        assert!(from <= old, "a splice lies within the block");
        let new = old - removed + added;
        assert!(u32::try_from(new).is_ok(), "a block is shorter than 4 GB");
        if new > old {
            self.resize(new);
        }
        // SAFETY: both ranges lie within the allocation, which has room for the longer of `old` and `new`.
        unsafe {
            let base = self.0.as_ptr().cast::<u8>();
            if from != to {
                base.add(from).copy_to(base.add(to), old - from);
            }
        }
        if new < old {
            self.resize(new);
        }
        if new > HEADER {
            // SAFETY: the block is not empty, so the allocation is its own.
            unsafe { (*self.0.as_ptr()).end = new as u32 };
        }
        &mut self.bytes_mut()[at..at + added]
    }

    /// Gives the allocation the class of `new` bytes, and frees it when nothing but the header is left.
    fn resize(&mut self, new: usize) {
        let (had, wanted) = (self.memory(), if new == HEADER { 0 } else { class_size(new) });
        if had == wanted {
            return;
        }
        let old = self.0.as_ptr().cast::<u8>();
        if wanted == 0 {
            *self = Block::new();
            return;
        }
        // SAFETY: sizes are classes of lengths below 4 GB and not zero; `had` is the size of the allocation, if there is one.
        let memory = unsafe {
            if had == 0 {
                let fresh = alloc(layout_of(wanted));
                if !fresh.is_null() {
                    fresh.cast::<Header>().write(Header { end: HEADER as u32, note: 0 });
                    fresh.add(HEADER).write_bytes(0, wanted - HEADER);
                }
                fresh
            } else {
                realloc(old, layout_of(had), wanted)
            }
        };
        let Some(memory) = NonNull::new(memory) else {
            handle_alloc_error(layout_of(wanted));
        };
        self.0 = memory.cast();
        if wanted > had && had > 0 {
            // SAFETY: the bytes above the old size belong to the new allocation.
            unsafe { memory.as_ptr().add(had).write_bytes(0, wanted - had) };
        }
    }
}

impl Clone for Block {
    fn clone(&self) -> Self {
        let mut copy = Block::new();
        copy.splice(0, 0, self.bytes().len()).copy_from_slice(self.bytes());
        copy.set_note(self.note());
        copy
    }
}

impl Default for Block {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let size = self.memory();
        if size > 0 {
            // SAFETY: a block that is not empty owns an allocation of that size.
            unsafe { dealloc(self.0.as_ptr().cast(), layout_of(size)) };
        }
    }
}

fn layout_of(size: usize) -> Layout {
    // SAFETY: the alignment is a power of two; sizes are below 2^33.
    unsafe { Layout::from_size_align_unchecked(size, ALIGN) }
}
