//! hybrid: a score of 70 % recency and 30 % frequency among samples.
//!
//! Both parts are logarithms scaled to 0..1, so that neither a long idle time nor a hot burst drowns the other: recency
//! is log2 of the idle milliseconds, frequency log2 of Redis's counter (which is itself about the root of the accesses).

use super::sampled;
use super::{Candidates, Policy, Scene, Space, Touch, lfu};
use crate::entry::EntryPtr;

pub(super) struct Hybrid;

const RECENCY: f64 = 0.7;
const FREQUENCY: f64 = 0.3;

impl Policy for Hybrid {
    fn touch(&self) -> Touch {
        Touch::Logarithmic
    }

    fn victim(&mut self, scene: &mut Scene<'_>) -> Option<(Space, EntryPtr)> {
        sampled::victim(scene, Candidates::All, score)
    }
}

fn score(scene: &Scene<'_>, entry: EntryPtr) -> Option<u64> {
    let word = entry.clock_freq();
    let idle_secs = (scene.stamp >> 8).wrapping_sub(word >> 8) & 0x00ff_ffff;
    let frequency = lfu::decayed(word, scene.stamp, scene.tuning);
    let idle = f64::from(idle_secs + 1).log2() / 24.0;
    let rare = 1.0 - f64::from(u32::from(frequency) + 1).log2() / 8.0;
    Some(((RECENCY * idle + FREQUENCY * rare) * f64::from(u32::MAX)) as u64)
}
