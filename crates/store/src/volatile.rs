//! The entries of a database that have an expiry, as a dense vector.
//!
//! Owns the index that each such entry carries in its header, so that adding, removing and sampling take one step.
//! Refuses to know the time.

use crate::chunked::Chunked;
use crate::entry::EntryPtr;

/// The volatile entries of a database.
pub(crate) struct VolatileIndex(Chunked<EntryPtr>);

impl VolatileIndex {
    pub(crate) fn new() -> Self {
        VolatileIndex(Chunked::new())
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<EntryPtr> {
        self.0.get(index).copied()
    }

    /// The index that the next entry gets.
    #[inline]
    pub(crate) fn next_index(&self) -> u32 {
        self.0.len() as u32
    }

    /// Adds an entry, whose header has the index already.
    #[inline]
    pub(crate) fn push(&mut self, entry: EntryPtr) {
        self.0.push(entry);
    }

    /// Removes the entry of that index; the last one takes its place.
    pub(crate) fn remove(&mut self, index: u32) {
        let Some(last) = self.0.pop() else {
            return;
        };
        if let Some(place) = self.0.get_mut(index as usize) {
            *place = last;
            last.set_volatile_index(index);
        }
    }

    /// Puts `entry` in the place of another.
    pub(crate) fn replace(&mut self, index: u32, entry: EntryPtr) {
        if let Some(place) = self.0.get_mut(index as usize) {
            *place = entry;
        }
    }

    /// Bytes taken from the allocator.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.0.bytes()
    }
}
