//! noeviction: nothing leaves; writes that need memory are refused by the caller.
//!
//! Where there is a disk behind the memory, values may move there, the oldest first.

use super::queue::Lane;
use super::{Policy, Scene, Space, Touch};
use crate::entry::EntryPtr;

pub(super) struct NoEviction;

impl Policy for NoEviction {
    fn touch(&self) -> Touch {
        Touch::Clock
    }

    fn victim(&mut self, scene: &mut Scene<'_>) -> Option<(Space, EntryPtr)> {
        if !scene.keeps_all {
            return None;
        }
        let lanes = [Lane::Entry, Lane::Main, Lane::Protected];
        lanes.into_iter().find_map(|lane| scene.queues.pop(lane))
    }
}
