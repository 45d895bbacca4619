//! The keyed hash of keys.
//!
//! Owns the seeds. They differ in every process, since keys come from the network and must not be made to collide.

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;
use std::hash::{BuildHasher, Hasher as _, RandomState};
use std::sync::OnceLock;

/// Hashes keys; all tables of one keyspace use the same one, so that a hash is computed once a command.
pub(crate) struct KeyHasher {
    seed: u64,
    shared: SharedSeed,
}

impl KeyHasher {
    pub(crate) fn new(seed: u64) -> Self {
        KeyHasher { seed, shared: SharedSeed::from_u64(seed.rotate_left(32) ^ 0x646f_7a6f) }
    }

    /// The hash of all collections of the process, seeded by the system.
    #[inline]
    pub(crate) fn of_collections() -> &'static KeyHasher {
        static HASHER: OnceLock<KeyHasher> = OnceLock::new();
        HASHER.get_or_init(|| KeyHasher::new(RandomState::new().hash_one(0)))
    }

    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.shared);
        hasher.write(key);
        hasher.finish()
    }
}

/// A small seeded generator (SplitMix64) for sampling; nothing secret depends on it.
pub struct Random(u64);

impl Random {
    /// A generator that always gives the same numbers for a seed.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// Sixty-four bits.
    #[inline]
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`, which is not zero.
    #[inline]
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

/// Spreads every bit of `value` over all bits.
#[inline]
pub(crate) fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
