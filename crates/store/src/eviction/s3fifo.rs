//! s3fifo: new entries must prove themselves in a small queue before they may stay in the main one.
//!
//! After "FIFO queues are all you need for cache eviction" (Yang et al., SOSP 2023). A new entry enters the small queue.
//! At its end, an entry that was read in the meantime moves to the main queue; another is evicted and its fingerprint
//! kept in the ghost, and should its key come back soon it enters the main queue at once. At the end of the main queue
//! an entry that was read goes round again with one read less to its credit. A hit costs one store in the header.

use super::queue::{Lane, Queues};
use super::sketch::Ghost;
use super::{Candidates, Policy, Scene, Space, Touch};
use crate::entry::EntryPtr;

/// The small queue's share of all entries, in percent.
const SMALL_PERCENT: usize = 10;
/// Reads that an entry needs to leave the small queue for the main one.
const PROMOTE_AT: u32 = 1;
/// Reads are counted up to this many.
const MOST_READS: u8 = 3;
/// The ghost remembers this many evicted keys for each entry in the main queue, in percent.
const GHOST_PERCENT: usize = 100;
/// Entries that one call moves at most; after that the oldest goes, read or not.
const MOST_MOVES: usize = 64;

#[derive(Default)]
pub(super) struct S3Fifo {
    ghost: Ghost,
}

impl Policy for S3Fifo {
    fn touch(&self) -> Touch {
        Touch::Count { most: MOST_READS }
    }

    fn on_insert(&mut self, queues: &mut Queues, entry: EntryPtr, space: Space, hash: u64) {
        let lane = if self.ghost.take(hash) { Lane::Main } else { Lane::Entry };
        queues.push(lane, entry, space);
    }

    fn adopt(&mut self, queues: &mut Queues, entry: EntryPtr, space: Space) {
        queues.push(Lane::Main, entry, space);
    }

    fn victim(&mut self, scene: &mut Scene<'_>) -> Option<(Space, EntryPtr)> {
        for _ in 0..MOST_MOVES {
            let total = scene.queues.total();
            let small = scene.queues.len(Lane::Entry);
            let victim = if small * 100 > total * SMALL_PERCENT || small == total {
                self.leave_small(scene)
            } else {
                leave_main(scene)
            };
            if victim.is_some() || total == 0 {
                return victim.or_else(|| scene.sample(Candidates::All));
            }
        }
        let oldest = scene.queues.pop(Lane::Entry).or_else(|| scene.queues.pop(Lane::Main));
        oldest.or_else(|| scene.sample(Candidates::All))
    }

    fn on_empty(&mut self) {
        self.ghost.clear();
    }

    fn overhead(&self) -> usize {
        self.ghost.overhead()
    }
}

impl S3Fifo {
    fn leave_small(&mut self, scene: &mut Scene<'_>) -> Option<(Space, EntryPtr)> {
        let (space, entry) = scene.queues.pop(Lane::Entry)?;
        if reads(entry) >= PROMOTE_AT {
            set_reads(entry, 0);
            scene.queues.push(Lane::Main, entry, space);
            return None;
        }
        let span = scene.queues.len(Lane::Main) * GHOST_PERCENT / 100;
        self.ghost.add(scene.population.hash(entry), span.max(1));
        Some((space, entry))
    }
}

fn leave_main(scene: &mut Scene<'_>) -> Option<(Space, EntryPtr)> {
    // What a former tinylfu protected counts as main.
    let old = scene.queues.pop(Lane::Protected);
    let (space, entry) = old.or_else(|| scene.queues.pop(Lane::Main))?;
    match reads(entry) {
        0 => Some((space, entry)),
        some => {
            set_reads(entry, some - 1);
            scene.queues.push(Lane::Main, entry, space);
            None
        }
    }
}

fn reads(entry: EntryPtr) -> u32 {
    entry.clock_freq() & 0xff
}

fn set_reads(entry: EntryPtr, reads: u32) {
    entry.set_clock_freq(entry.clock_freq() & !0xff | reads);
}
