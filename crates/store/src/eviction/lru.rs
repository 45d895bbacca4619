//! allkeys-lru and volatile-lru: the entry idle for longest among samples.
//!
//! Redis's clock ticks once a second, which makes all entries of a busy cache equally old. Here the header's low byte,
//! which lru has no other use for, holds 1/256 seconds.

use super::sampled;
use super::{Candidates, Policy, Scene, Space, Touch};
use crate::entry::EntryPtr;

pub(super) struct Lru(pub Candidates);

impl Policy for Lru {
    fn touch(&self) -> Touch {
        Touch::Clock
    }

    fn victim(&mut self, scene: &mut Scene<'_>) -> Option<(Space, EntryPtr)> {
        let score = match self.0 {
            Candidates::All => idle,
            Candidates::Volatile => |scene: &Scene<'_>, entry: EntryPtr| {
                entry.expire_at()?;
                idle(scene, entry)
            },
        };
        sampled::victim(scene, self.0, score)
    }
}

fn idle(scene: &Scene<'_>, entry: EntryPtr) -> Option<u64> {
    Some(u64::from(scene.stamp.wrapping_sub(entry.clock_freq())))
}
