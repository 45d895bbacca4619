//! tinylfu: a frequency sketch decides whether a new entry may replace an old one.
//!
//! After "TinyLFU: a highly efficient cache admission policy" (Einziger et al., 2017) in its windowed form. New entries
//! enter a window of 1 %. When memory is short, what leaves the window is weighed against the oldest entry in probation:
//! the one whose key the sketch has seen less often goes, of equals the old one (which lets a changed load in; it costs
//! 0.2 % of the hits of a load that never changes). The winner stays in probation. An entry read in probation
//! becomes protected, up to 80 %. The segments are kept in order of recency lazily: a read sets a mark in the header,
//! and an entry found marked at the end of a segment moves on then.

use super::queue::{Lane, Queues};
use super::sketch::Sketch;
use super::{Candidates, Policy, Scene, Space, Touch};
use crate::entry::EntryPtr;

const WINDOW_PERCENT: usize = 1;
const PROTECTED_PERCENT: usize = 80;
/// Entries that one call moves at most.
const MOST_MOVES: usize = 64;

#[derive(Default)]
pub(super) struct TinyLfu {
    sketch: Sketch,
}

impl Policy for TinyLfu {
    fn touch(&self) -> Touch {
        Touch::Policy
    }

    fn on_insert(&mut self, queues: &mut Queues, entry: EntryPtr, space: Space, hash: u64) {
        self.sketch.add(hash, queues.total());
        queues.push(Lane::Entry, entry, space);
        relieve_window(queues);
    }

    fn adopt(&mut self, queues: &mut Queues, entry: EntryPtr, space: Space) {
        queues.push(Lane::Main, entry, space);
    }

    fn on_access(&mut self, queues: &Queues, entry: EntryPtr, stamp: u32, hash: u64) {
        self.sketch.add(hash, queues.total());
        entry.set_clock_freq(stamp & !0xff | 1);
    }

    fn victim(&mut self, scene: &mut Scene<'_>) -> Option<(Space, EntryPtr)> {
        let new = leaving_window(scene.queues);
        let old = oldest_in_probation(scene.queues);
        match (new, old) {
            (Some(new), Some(old)) => Some(self.weigh(scene, new, old)),
            (None, Some((space, entry))) => {
                scene.queues.remove(entry);
                Some((space, entry))
            }
            _ => last_resort(scene),
        }
    }

    fn on_empty(&mut self) {
        self.sketch.clear();
    }

    fn overhead(&self) -> usize {
        self.sketch.overhead()
    }
}

impl TinyLfu {
    /// Takes the loser out; a new entry that wins moves from the window to probation.
    fn weigh(
        &self,
        scene: &mut Scene<'_>,
        new: (Space, EntryPtr),
        old: (Space, EntryPtr),
    ) -> (Space, EntryPtr) {
        let seen = |entry| self.sketch.estimate(scene.population.hash(entry));
        if seen(new.1) < seen(old.1) {
            scene.queues.remove(new.1);
            return new;
        }
        scene.queues.remove(old.1);
        scene.queues.remove(new.1);
        scene.queues.push(Lane::Main, new.1, new.0);
        old
    }
}

fn window_share(queues: &Queues) -> usize {
    (queues.total() * WINDOW_PERCENT / 100).max(1)
}

/// While memory is not short nothing is weighed, so the window gives to probation what is clearly too much for it.
fn relieve_window(queues: &mut Queues) {
    for _ in 0..2 {
        if queues.len(Lane::Entry) <= window_share(queues) * 2 {
            return;
        }
        if let Some((space, entry)) = queues.pop(Lane::Entry) {
            queues.push(Lane::Main, entry, space);
        }
    }
}

/// The oldest entry of a full window that was not read again while in it.
fn leaving_window(queues: &mut Queues) -> Option<(Space, EntryPtr)> {
    for _ in 0..MOST_MOVES {
        if queues.len(Lane::Entry) < window_share(queues) {
            return None;
        }
        let (space, entry) = queues.front(Lane::Entry)?;
        if !take_mark(entry) {
            break;
        }
        queues.remove(entry);
        queues.push(Lane::Entry, entry, space);
    }
    queues.front(Lane::Entry)
}

/// The oldest entry of probation that was not read there; those that were become protected.
fn oldest_in_probation(queues: &mut Queues) -> Option<(Space, EntryPtr)> {
    for _ in 0..MOST_MOVES {
        let (space, entry) = queues.front(Lane::Main)?;
        if !take_mark(entry) {
            break;
        }
        queues.remove(entry);
        queues.push(Lane::Protected, entry, space);
        trim_protected(queues);
    }
    queues.front(Lane::Main)
}

fn trim_protected(queues: &mut Queues) {
    for _ in 0..4 {
        if queues.len(Lane::Protected) * 100 <= queues.total() * PROTECTED_PERCENT {
            return;
        }
        let Some((space, entry)) = queues.pop(Lane::Protected) else {
            return;
        };
        let lane = if take_mark(entry) { Lane::Protected } else { Lane::Main };
        queues.push(lane, entry, space);
    }
}

fn last_resort(scene: &mut Scene<'_>) -> Option<(Space, EntryPtr)> {
    let lanes = [Lane::Main, Lane::Protected, Lane::Entry];
    let any = lanes.into_iter().find_map(|lane| scene.queues.pop(lane));
    any.or_else(|| scene.sample(Candidates::All))
}

/// Whether the entry was read since the last call.
fn take_mark(entry: EntryPtr) -> bool {
    let word = entry.clock_freq();
    entry.set_clock_freq(word & !0xff);
    word & 0xff != 0
}
