//! allkeys-lfu and volatile-lfu: the least frequently used entry among samples, the longest idle of equals.
//!
//! The counter is Redis's: 8 bits that grow with a probability of 1 / ((counter - 5) * factor + 1), start at 5 so that a
//! new entry is not the next victim, and lose 1 for each decay period without access.

use super::sampled;
use super::{Candidates, Policy, Scene, Space, Touch, Tuning};
use crate::entry::EntryPtr;

/// The counter of a new entry.
pub(super) const INITIAL: u8 = 5;

pub(super) struct Lfu(pub Candidates);

impl Policy for Lfu {
    fn touch(&self) -> Touch {
        Touch::Logarithmic
    }

    fn victim(&mut self, scene: &mut Scene<'_>) -> Option<(Space, EntryPtr)> {
        let score = match self.0 {
            Candidates::All => rarity,
            Candidates::Volatile => |scene: &Scene<'_>, entry: EntryPtr| {
                entry.expire_at()?;
                rarity(scene, entry)
            },
        };
        sampled::victim(scene, self.0, score)
    }
}

fn rarity(scene: &Scene<'_>, entry: EntryPtr) -> Option<u64> {
    let frequency = decayed(entry.clock_freq(), scene.stamp, scene.tuning);
    let idle = scene.stamp.wrapping_sub(entry.clock_freq()) >> 8;
    Some(u64::from(255 - frequency) << 32 | u64::from(idle))
}

/// The counter in a header word, less what it has lost by now.
pub(super) fn decayed(word: u32, stamp: u32, tuning: Tuning) -> u8 {
    let counter = word as u8;
    let seconds = (stamp >> 8).wrapping_sub(word >> 8) & 0x00ff_ffff;
    match (seconds / 60).checked_div(tuning.lfu_decay_minutes) {
        Some(periods) => counter.saturating_sub(periods.min(255) as u8),
        None => counter,
    }
}

/// The header word after one more access; `random` is 64 fresh random bits.
pub(super) fn counted(word: u32, stamp: u32, tuning: Tuning, random: u64) -> u32 {
    let counter = decayed(word, stamp, tuning);
    let above = u64::from(counter.saturating_sub(INITIAL));
    let odds = above * u64::from(tuning.lfu_log_factor) + 1;
    let grows = counter < u8::MAX && (random >> 32) * odds < 1 << 32;
    (stamp & !0xff) | u32::from(counter + u8::from(grows))
}
