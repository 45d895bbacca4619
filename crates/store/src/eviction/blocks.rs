//! A table of cache lines that doubles a few lines at a time.
//!
//! Owns the memory of ghosts and sketches. Refuses to know what a line means: a doubling copies each line to its second
//! place, which suits contents that are only hints and that age away.

use crate::chunked::Chunked;

/// 16-bit words in a line.
pub(super) const WORDS: usize = 32;
/// Lines added by one call.
const STEP: usize = 4;
/// So many times too many lines are given back.
const SPARSE: usize = 8;

/// One cache line.
type Line = [u16; WORDS];

/// Lines addressed by a hash, by linear hashing.
pub(super) struct Blocks {
    lines: Chunked<Line>,
    /// The power of two at or above the number of lines, less one; the number is below the power while doubling.
    mask: usize,
}

impl Default for Blocks {
    fn default() -> Self {
        Self { lines: Chunked::new(), mask: 0 }
    }
}

impl Blocks {
    /// The power of two that the number of lines is, or is growing to.
    pub fn len(&self) -> usize {
        self.mask + 1
    }

    /// Starts a doubling when there are fewer than `wanted` lines, goes on with one that runs, and gives up a table that
    /// has become far too large.
    pub fn fit(&mut self, wanted: usize) {
        if self.lines.len() / SPARSE > wanted {
            *self = Self::default();
        }
        for _ in 0..STEP {
            let next = self.lines.len();
            if next > self.mask {
                if next >= wanted {
                    return;
                }
                self.mask = self.mask * 2 + 1;
            }
            let twin = self.lines.get(next & (self.mask >> 1)).copied();
            self.lines.push(twin.unwrap_or([0; WORDS]));
        }
    }

    /// The line of that hash.
    pub fn line(&self, hash: u64) -> Option<&Line> {
        self.lines.get(self.place(hash))
    }

    /// The line of that hash, to change.
    pub fn line_mut(&mut self, hash: u64) -> Option<&mut Line> {
        let place = self.place(hash);
        self.lines.get_mut(place)
    }

    /// Bytes held.
    pub fn overhead(&self) -> usize {
        self.lines.bytes()
    }

    fn place(&self, hash: u64) -> usize {
        let place = hash as usize & self.mask;
        if place < self.lines.len() { place } else { place & (self.mask >> 1) }
    }
}
