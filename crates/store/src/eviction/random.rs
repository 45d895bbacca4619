//! allkeys-random and volatile-random: any entry.

use super::{Candidates, Policy, Scene, Space, Touch};
use crate::entry::EntryPtr;

pub(super) struct Random(pub Candidates);

impl Policy for Random {
    fn touch(&self) -> Touch {
        Touch::Clock
    }

    fn victim(&mut self, scene: &mut Scene<'_>) -> Option<(Space, EntryPtr)> {
        scene.sample(self.0)
    }
}
