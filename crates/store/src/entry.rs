//! One allocation an entry (skeleton).
use crate::value::Str;
use std::ptr::NonNull;

/// Handle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryPtr(NonNull<u32>);

pub(crate) struct Marks {
    pub stale: bool,
    pub won: bool,
    pub fetched: bool,
}

impl EntryPtr {
    /// Key.
    pub fn key<'a>(self) -> &'a [u8] {
        &[]
    }
    /// Raw clock word.
    pub fn clock_freq(self) -> u32 {
        0
    }
    /// Sets it.
    pub fn set_clock_freq(self, _word: u32) {}
    /// Slot.
    pub fn slot(self) -> u32 {
        0
    }
    /// Sets it.
    pub fn set_slot(self, _slot: u32) {}
    /// Expiry.
    pub fn expire_at(self) -> Option<i64> {
        None
    }
    /// Address.
    pub fn addr(self) -> usize {
        self.0.as_ptr().expose_provenance()
    }
    /// # Safety
    /// From addr().
    pub unsafe fn from_addr(addr: usize) -> EntryPtr {
        // SAFETY: came from addr().
        EntryPtr(unsafe { NonNull::new_unchecked(std::ptr::with_exposed_provenance_mut(addr)) })
    }
    pub(crate) fn string<'a>(self) -> Str<'a> {
        Str::Int(0)
    }
    pub(crate) fn flags(self) -> u32 {
        0
    }
    pub(crate) fn is_raw(self) -> bool {
        false
    }
    pub(crate) fn marks(self) -> Marks {
        Marks {
            stale: false,
            won: false,
            fetched: false,
        }
    }
    pub(crate) fn memory(self) -> usize {
        0
    }
}
