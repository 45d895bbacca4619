//! noeviction: nothing leaves; writes that need memory are refused by the caller.

use super::{Policy, Scene, Space, Touch};
use crate::entry::EntryPtr;

pub(super) struct NoEviction;

impl Policy for NoEviction {
    fn touch(&self) -> Touch {
        Touch::Clock
    }

    fn victim(&mut self, _scene: &mut Scene<'_>) -> Option<(Space, EntryPtr)> {
        None
    }
}
