//! Pointers that a table keeps, each with 16 bits of its hash in the unused high part of the address.
//!
//! Owns the packing; refuses to know what lies behind a pointer beyond [`Keyed`].

use crate::entry::prefetch;
use std::marker::PhantomData;
use std::ptr::NonNull;

const ADDRESS_BITS: u32 = 48;
const ADDRESS: usize = (1 << ADDRESS_BITS) - 1;

/// A copyable address of something that has a key: an entry of a database, or a record of a collection.
///
/// The table that holds it owns what it points to, so a handle isn't used after its thing was freed.
pub(crate) trait Keyed: Copy + PartialEq {
    /// Where it lies.
    fn address(self) -> NonNull<u8>;
    /// The thing at an address.
    ///
    /// # Safety
    /// `address` was given by `address` of a thing that still lives.
    unsafe fn at(address: NonNull<u8>) -> Self;
    /// The key, good while the thing lives.
    fn key<'a>(self) -> &'a [u8];
    /// Frees it.
    fn dispose(self);
}

/// An address with 16 more bits; or nothing.
pub(crate) struct Tagged<E>(*mut u8, PhantomData<E>);

// SAFETY: it is the thing that is sent, which the table owns.
unsafe impl<E: Send> Send for Tagged<E> {}

impl<E> Clone for Tagged<E> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Tagged<E> {}

impl<E: Keyed> Tagged<E> {
    pub(crate) const EMPTY: Tagged<E> = Tagged(std::ptr::null_mut(), PhantomData);

    #[inline]
    pub(crate) fn new(thing: E, tag: u16) -> Self {
        let address = thing.address().as_ptr();
        debug_assert!(address.addr() <= ADDRESS, "user addresses have 48 bits");
        Tagged(address.map_addr(|addr| addr | usize::from(tag) << ADDRESS_BITS), PhantomData)
    }

    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.0.is_null()
    }

    #[inline]
    pub(crate) fn tag(self) -> u16 {
        (self.0.addr() >> ADDRESS_BITS) as u16
    }

    /// The thing, unless this is empty.
    #[inline]
    pub(crate) fn entry(self) -> Option<E> {
        // SAFETY: `new` had the address from a thing, and the table drops this word before it frees the thing.
        NonNull::new(self.0.map_addr(|addr| addr & ADDRESS)).map(|address| unsafe { E::at(address) })
    }
}

/// Asks the processor to fetch the first cache line of a thing.
#[inline]
pub(crate) fn prefetch_thing<E: Keyed>(thing: E) {
    prefetch(thing.address().as_ptr());
}

#[cfg(not(target_pointer_width = "64"))]
compile_error!("dozo packs 16 bits beside a 48-bit address: it needs a 64-bit target");
