//! Trimming from the front, and what becomes of the references that groups have to what is deleted.

use super::id::Id;
use super::{Body, Stream};

/// Up to where a stream is trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// To so many entries.
    MaxLen(u64),
    /// To the entries from this id on.
    MinId(Id),
}

/// What happens to pending entries whose entry is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// They stay.
    #[default]
    Keep,
    /// They go too.
    Delete,
    /// An entry that some group has not acknowledged is not deleted.
    Acked,
}

/// One trimming.
#[derive(Clone, Copy, Debug)]
pub struct Trim {
    /// Up to where.
    pub bound: Bound,
    /// Only whole blocks.
    pub approx: bool,
    /// At most so many entries; 0 is no limit.
    pub limit: u64,
    /// What happens to references.
    pub references: References,
}

impl Stream {
    /// Deletes the oldest entries beyond the bound; how many those were.
    pub fn trim(&mut self, trim: &Trim) -> u64 {
        self.0.trim(trim)
    }
}

impl Body {
    fn trim(&mut self, trim: &Trim) -> u64 {
        let mut deleted = 0;
        let mut at = 0;
        while let Some(block) = self.blocks.get(at) {
            let (live, last) = (u64::from(block.live), block.last);
            if matches!(trim.bound, Bound::MaxLen(most) if self.counters.len <= most)
                || (trim.limit != 0 && deleted + live > trim.limit)
            {
                break;
            }
            let whole = match trim.bound {
                Bound::MaxLen(most) => self.counters.len - live >= most,
                Bound::MinId(id) => last < id,
            };
            if whole && self.release_block(at, trim.references) {
                self.drop_block(at);
                self.counters.len -= live;
                deleted += live;
                continue;
            }
            if trim.approx {
                break;
            }
            let blocks = self.blocks.len();
            deleted += self.trim_block(at, trim);
            if !whole {
                break;
            }
            at += usize::from(self.blocks.len() == blocks);
        }
        if deleted != 0 {
            self.refresh_first(self.counters.first_id);
        }
        deleted
    }

    /// Whether a block may leave as a whole; its references are removed when they are to be.
    fn release_block(&mut self, at: usize, references: References) -> bool {
        if references == References::Keep || self.groups.is_empty() {
            return true;
        }
        let live: Vec<Id> =
            self.blocks[at].iter().filter(|found| !found.deleted).map(|found| found.id).collect();
        if references == References::Acked {
            return !live.iter().any(|id| self.is_referenced(*id));
        }
        live.iter().for_each(|id| self.forget(*id));
        true
    }

    /// Deletes entries of one block up to the bound.
    fn trim_block(&mut self, at: usize, trim: &Trim) -> u64 {
        let spare = match trim.bound {
            Bound::MaxLen(most) => self.counters.len.saturating_sub(most),
            Bound::MinId(_) => u64::MAX,
        };
        let block = &self.blocks[at];
        let below = block.iter().take_while(|found| match trim.bound {
            Bound::MaxLen(_) => true,
            Bound::MinId(id) => found.id < id,
        });
        let free = |id: Id| trim.references != References::Acked || !self.is_referenced(id);
        let doomed: Vec<(usize, Id)> = below
            .filter(|found| !found.deleted && free(found.id))
            .take(usize::try_from(spare).unwrap_or(usize::MAX))
            .map(|found| (found.at, found.id))
            .collect();
        for (place, id) in &doomed {
            if trim.references == References::Delete {
                self.forget(*id);
            }
            self.delete_at(at, *place);
        }
        doomed.len() as u64
    }
}
