//! The 16 best candidates for eviction that sampling has met.
//!
//! Owns the `slot` of the entries in it (their index plus 1). Refuses to score: the policies do. As in Redis, a candidate
//! that was not evicted at once stays here, so that each victim is the best of far more entries than were sampled for it.
//! Unlike in Redis the pool holds addresses, not copies of keys, so an entry that goes must be struck out.

use super::Space;
use crate::entry::EntryPtr;

const CANDIDATES: usize = 16;

#[derive(Clone, Copy)]
struct Candidate {
    score: u64,
    entry: EntryPtr,
    space: Space,
}

/// Candidates with their scores, in no order.
#[derive(Default)]
pub(super) struct Pool {
    candidates: Vec<Candidate>,
}

impl Pool {
    /// Takes an entry in when it scores above the worst candidate, or when there is room. It must not stand in a queue.
    /// Gives back whom that leaves outside.
    pub fn offer(&mut self, entry: EntryPtr, space: Space, score: u64) -> Option<(Space, EntryPtr)> {
        let candidate = Candidate { score, entry, space };
        if let Some(known) = self.at(entry.slot()) {
            self.candidates[known] = candidate;
        } else if self.candidates.len() < CANDIDATES {
            self.candidates.push(candidate);
            entry.set_slot(self.candidates.len() as u32);
        } else if let Some(worst) = self.extreme(|a, b| a < b)
            && self.candidates[worst].score < score
        {
            let left = std::mem::replace(&mut self.candidates[worst], candidate);
            left.entry.set_slot(0);
            entry.set_slot(worst as u32 + 1);
            return Some((left.space, left.entry));
        } else {
            return Some((space, entry));
        }
        None
    }

    /// Takes the candidate with the highest score out; gives that score too.
    pub fn take_best(&mut self) -> Option<(u64, Space, EntryPtr)> {
        let best = self.extreme(|a, b| a > b)?;
        let Candidate { score, entry, space } = self.candidates[best];
        self.remove(entry);
        Some((score, space, entry))
    }

    /// Strikes an entry out.
    pub fn remove(&mut self, entry: EntryPtr) {
        let Some(at) = self.at(entry.slot()) else {
            return;
        };
        debug_assert_eq!(self.candidates[at].entry, entry);
        self.candidates.swap_remove(at);
        if let Some(moved) = self.candidates.get(at) {
            moved.entry.set_slot(at as u32 + 1);
        }
        entry.set_slot(0);
    }

    /// Lets `new`, which already bears the slot, take the place of `old`.
    pub fn replace(&mut self, old: EntryPtr, new: EntryPtr) {
        if let Some(at) = self.at(new.slot()) {
            self.candidates[at].entry = new;
        }
        old.set_slot(0);
    }

    /// Strikes all out.
    pub fn clear(&mut self) {
        for candidate in std::mem::take(&mut self.candidates) {
            candidate.entry.set_slot(0);
        }
    }

    /// Bytes held.
    pub fn overhead(&self) -> usize {
        self.candidates.capacity() * size_of::<Candidate>()
    }

    fn at(&self, slot: u32) -> Option<usize> {
        let at = (slot as usize).checked_sub(1)?;
        (at < self.candidates.len()).then_some(at)
    }

    fn extreme(&self, better: impl Fn(u64, u64) -> bool) -> Option<usize> {
        (0..self.candidates.len()).reduce(|best, at| {
            if better(self.candidates[at].score, self.candidates[best].score) { at } else { best }
        })
    }
}
