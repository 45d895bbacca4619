//! volatile-ttl: the entry nearest its expiry among samples.

use super::sampled;
use super::{Candidates, Policy, Scene, Space, Touch};
use crate::entry::EntryPtr;

pub(super) struct Ttl;

impl Policy for Ttl {
    fn touch(&self) -> Touch {
        Touch::Clock
    }

    fn victim(&mut self, scene: &mut Scene<'_>) -> Option<(Space, EntryPtr)> {
        sampled::victim(scene, Candidates::Volatile, soonness)
    }
}

fn soonness(_scene: &Scene<'_>, entry: EntryPtr) -> Option<u64> {
    entry.expire_at().map(|at| u64::MAX - at.max(0) as u64)
}
