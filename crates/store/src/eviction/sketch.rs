//! Approximate memories of keys that need not be in the store: how often seen, and whether evicted lately.
//!
//! Owns [`Sketch`] (tinylfu) and [`Ghost`] (s3fifo). Refuses keys: both see hashes only, and may err.

use super::blocks::{Blocks, WORDS};

/// A count-min sketch of 4-bit counters: four a key, all in one cache line.
///
/// Aging is smooth. Instead of halving all counters now and then, which would stall, a hand goes round and halves one
/// line at a time, so that every counter is halved once in about ten accesses an entry.
#[derive(Default)]
pub(super) struct Sketch {
    blocks: Blocks,
    hand: u64,
    credit: usize,
}

/// Entries that share a line of 128 counters.
const ENTRIES_A_LINE: usize = 8;
/// Accesses an entry between two halvings of its counters.
const SAMPLE: usize = 10;

impl Sketch {
    /// Counts one access; `entries` is how many the store holds.
    pub fn add(&mut self, hash: u64, entries: usize) {
        self.blocks.fit(entries.div_ceil(ENTRIES_A_LINE));
        let Some(line) = self.blocks.line_mut(hash) else {
            return;
        };
        let lowest = counters(hash).map(|at| get(line, at)).into_iter().min().unwrap_or(0);
        // Only the lowest counters grow: it keeps the others' errors small.
        for at in counters(hash) {
            if lowest < 15 && get(line, at) == lowest {
                line[at / 4] += 1 << (at % 4 * 4);
            }
        }
        self.age();
    }

    /// About how often the key was seen lately, 0 to 15.
    pub fn estimate(&self, hash: u64) -> u16 {
        let Some(line) = self.blocks.line(hash) else {
            return 0;
        };
        counters(hash).map(|at| get(line, at)).into_iter().min().unwrap_or(0)
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes held.
    pub fn overhead(&self) -> usize {
        self.blocks.overhead()
    }

    fn age(&mut self) {
        self.credit += 1;
        if self.credit < SAMPLE * ENTRIES_A_LINE {
            return;
        }
        self.credit = 0;
        self.hand = self.hand.wrapping_add(1);
        if let Some(line) = self.blocks.line_mut(self.hand) {
            for word in line {
                *word = (*word >> 1) & 0x7777;
            }
        }
    }
}

/// The four counters of a key: one in each quarter of its line.
fn counters(hash: u64) -> [usize; 4] {
    let bits = (hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 36;
    [0, 1, 2, 3].map(|quarter| quarter * 32 + (bits as usize >> (quarter * 5) & 31))
}

fn get(line: &[u16; WORDS], at: usize) -> u16 {
    line[at / 4] >> (at % 4 * 4) & 15
}

/// The keys evicted lately, as 16-bit fingerprints; each cache line is a small queue of its own.
#[derive(Default)]
pub(super) struct Ghost {
    blocks: Blocks,
}

impl Ghost {
    /// Remembers an evicted key; the memory spans about the last `span` of them.
    pub fn add(&mut self, hash: u64, span: usize) {
        self.blocks.fit(span.div_ceil(WORDS));
        // The lines are a power of two, so the span is met by using only some of each line's places.
        let ways = span.div_ceil(self.blocks.len()).clamp(1, WORDS);
        if let Some(line) = self.blocks.line_mut(hash) {
            line.copy_within(..ways - 1, 1);
            line[0] = fingerprint(hash);
            line[ways..].fill(0);
        }
    }

    /// Forgets a key, and tells whether it was remembered.
    pub fn take(&mut self, hash: u64) -> bool {
        let Some(line) = self.blocks.line_mut(hash) else {
            return false;
        };
        let wanted = fingerprint(hash);
        let Some(at) = line.iter().position(|print| *print == wanted) else {
            return false;
        };
        line.copy_within(at + 1.., at);
        line[WORDS - 1] = 0;
        true
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes held.
    pub fn overhead(&self) -> usize {
        self.blocks.overhead()
    }
}

/// The hash's high bits, which the choice of the line does not use; 0 means an empty place.
fn fingerprint(hash: u64) -> u16 {
    ((hash >> 48) as u16).max(1)
}
