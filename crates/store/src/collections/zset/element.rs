//! A member of a large sorted set: its score and its bytes in one allocation.

use crate::size_class::class_size;
use crate::tagged::Keyed;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

#[repr(C)]
struct Head {
    score: f64,
    len: u32,
}

const BYTES: usize = std::mem::offset_of!(Head, len) + size_of::<u32>();

/// A handle that both the tree and the table of a set hold; the table owns what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    start: NonNull<u8>,
}

// SAFETY: what a handle leads to belongs to one set, which moves between threads as a whole.
unsafe impl Send for Element {}

fn layout(len: usize) -> Layout {
    let size = class_size(BYTES + len);
    Layout::from_size_align(size, align_of::<Head>())
        .unwrap_or_else(|_| handle_alloc_error(Layout::new::<Head>()))
}

impl Element {
    pub(super) fn new(member: &[u8], score: f64) -> Self {
        let layout = layout(member.len());
        // SAFETY: the layout has room for the head and the member, and is never empty.
        unsafe {
            let Some(start) = NonNull::new(alloc(layout)) else { handle_alloc_error(layout) };
            start.cast::<Head>().write(Head { score, len: member.len() as u32 });
            start.add(BYTES).as_ptr().copy_from_nonoverlapping(member.as_ptr(), member.len());
            Element { start }
        }
    }

    /// The member, as long as the set that holds it is borrowed.
    #[inline]
    pub(super) fn member<'a>(self) -> &'a [u8] {
        // SAFETY: the element is alive while its set holds the handle, and its bytes never change.
        unsafe {
            let len = (*self.start.cast::<Head>().as_ptr()).len as usize;
            std::slice::from_raw_parts(self.start.add(BYTES).as_ptr(), len)
        }
    }

    #[inline]
    pub(super) fn score(self) -> f64 {
        // SAFETY: as above.
        unsafe { (*self.start.cast::<Head>().as_ptr()).score }
    }

    pub(super) fn set_score(self, score: f64) {
        // SAFETY: as above; the set is borrowed exclusively, and nobody holds a reference to the score.
        unsafe { (*self.start.cast::<Head>().as_ptr()).score = score };
    }

    pub(super) fn memory(self) -> usize {
        class_size(BYTES + self.member().len())
    }
}

impl Keyed for Element {
    #[inline]
    fn address(self) -> NonNull<u8> {
        self.start
    }

    #[inline]
    unsafe fn at(address: NonNull<u8>) -> Self {
        Element { start: address }
    }

    #[inline]
    fn key<'a>(self) -> &'a [u8] {
        self.member()
    }

    fn dispose(self) {
        let layout = layout(self.member().len());
        // SAFETY: allocated with this layout; the caller has taken it out of the set.
        unsafe { dealloc(self.start.as_ptr(), layout) };
    }
}
