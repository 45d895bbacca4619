//! fifo: the oldest entry.

use super::queue::{Lane, Queues};
use super::{Candidates, Policy, Scene, Space, Touch};
use crate::entry::EntryPtr;

pub(super) struct Fifo;

impl Policy for Fifo {
    fn touch(&self) -> Touch {
        Touch::Clock
    }

    fn on_insert(&mut self, queues: &mut Queues, entry: EntryPtr, space: Space, _hash: u64) {
        queues.push(Lane::Entry, entry, space);
    }

    fn adopt(&mut self, queues: &mut Queues, entry: EntryPtr, space: Space) {
        queues.push(Lane::Entry, entry, space);
    }

    fn victim(&mut self, scene: &mut Scene<'_>) -> Option<(Space, EntryPtr)> {
        // The other lanes hold what an earlier policy left, which is older than what this one queued.
        let lanes = [Lane::Main, Lane::Protected, Lane::Entry];
        let oldest = lanes.into_iter().find_map(|lane| scene.queues.pop(lane));
        oldest.or_else(|| scene.sample(Candidates::All))
    }
}
