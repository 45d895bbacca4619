//! The live entries of a test, as the policies see them.

use crate::entry::{EntryPtr, uncounted};
use crate::eviction::{Population, Space};
use std::hash::BuildHasher;

/// Entries in no order; each knows its index.
#[derive(Default)]
pub struct Crowd(Vec<EntryPtr>);

impl Crowd {
    pub fn with_capacity(entries: usize) -> Crowd {
        Crowd(Vec::with_capacity(entries))
    }

    pub fn add(&mut self, entry: EntryPtr) {
        entry.set_index(self.0.len());
        self.0.push(entry);
    }

    pub fn remove(&mut self, entry: EntryPtr) {
        let index = entry.index();
        assert_eq!(self.0.swap_remove(index), entry);
        if let Some(moved) = self.0.get(index) {
            moved.set_index(index);
        }
    }

    pub fn replace(&mut self, old: EntryPtr, new: EntryPtr) {
        self.0[old.index()] = new;
    }

    pub fn entries(&self) -> &[EntryPtr] {
        &self.0
    }
}

pub fn hash(key: u64) -> u64 {
    foldhash::quality::FixedState::with_seed(7).hash_one(key)
}

impl Population for Crowd {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn sample(&self, random: u64) -> Option<(Space, EntryPtr)> {
        let at = random.checked_rem(self.0.len() as u64)?;
        let entry = self.0[at as usize];
        Some((entry.space(), entry))
    }

    /// The first volatile entry from a random one on: not uniform, but the tests need no more.
    fn sample_volatile(&self, random: u64) -> Option<(Space, EntryPtr)> {
        let at = random.checked_rem(self.0.len() as u64)? as usize;
        uncounted(|| {
            let mut all = self.0[at..].iter().chain(&self.0[..at]);
            let entry = *all.find(|entry| entry.expire_at().is_some())?;
            Some((entry.space(), entry))
        })
    }

    fn hash(&self, entry: EntryPtr) -> u64 {
        hash(entry.key())
    }

    fn walk(&self, cursor: u64, max: usize, visit: &mut dyn FnMut(Space, EntryPtr)) -> u64 {
        // Backwards, because `remove` fills the gap with the last entry: so none is missed.
        let until = if cursor == 0 { self.0.len() } else { (cursor as usize).min(self.0.len()) };
        let from = until.saturating_sub(max);
        for entry in self.0[from..until].iter().rev() {
            visit(entry.space(), *entry);
        }
        from as u64
    }
}
