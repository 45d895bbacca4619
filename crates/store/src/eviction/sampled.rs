//! The eviction loop that lru, lfu, ttl and hybrid share: sample, score, keep the best, evict the very best.
//!
//! Owns nothing: the pool belongs to [`super::Eviction`]. Refuses to know what makes a good victim.

use super::queue::Lane;
use super::{Candidates, FIRST_SLOT, Scene, Space};

use crate::entry::EntryPtr;

/// Scores a candidate: the higher, the sooner it goes. `None` means that it may not be evicted.
pub(super) type Score = fn(&Scene<'_>, EntryPtr) -> Option<u64>;

/// Samples until some entry is found, for so many rounds.
const ROUNDS: usize = 8;
/// How many candidates whose score has dropped since are put back before one is taken all the same.
const RETRIES: usize = 16;

/// The best victim among fresh samples and the candidates of earlier calls.
pub(super) fn victim(scene: &mut Scene<'_>, from: Candidates, score: Score) -> Option<(Space, EntryPtr)> {
    for _ in 0..ROUNDS {
        for _ in 0..scene.tuning.samples.max(1) {
            offer(scene, from, score);
        }
        if let Some(found) = best(scene, score) {
            return Some(found);
        }
    }
    None
}

fn offer(scene: &mut Scene<'_>, from: Candidates, score: Score) {
    let Some((space, entry)) = scene.sample(from) else {
        return;
    };
    let Some(score) = score(scene, entry) else {
        return;
    };
    if entry.slot() >= FIRST_SLOT {
        // The entry still stands in the queue of an earlier policy.
        scene.queues.remove(entry);
    }
    offer_to_pool(scene, entry, space, score);
}

/// Who finds no place in the pool, or loses it, stands in the queues again where those hold every entry.
fn offer_to_pool(scene: &mut Scene<'_>, entry: EntryPtr, space: Space, score: u64) {
    let left = scene.pool.offer(entry, space, score);
    if let Some((space, entry)) = left.filter(|_| scene.keeps_all) {
        scene.queues.push(Lane::Entry, entry, space);
    }
}

/// A candidate may have been read since it was scored; then it is scored anew and goes back.
fn best(scene: &mut Scene<'_>, score: Score) -> Option<(Space, EntryPtr)> {
    for retry in 0..=RETRIES {
        let (then, space, entry) = scene.pool.take_best()?;
        match score(scene, entry) {
            Some(now) if now < then && retry < RETRIES => offer_to_pool(scene, entry, space, now),
            Some(_) => return Some((space, entry)),
            None if scene.keeps_all => scene.queues.push(Lane::Entry, entry, space),
            None => {}
        }
    }
    None
}
