//! Union, intersection and difference of sorted sets and sets. The result is built up one source at a time, so only one
//! source is borrowed at once.

use super::Zset;
use crate::collections::{Packing, Set};

/// How the scores of a member that several sources have become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum; opposite infinities make 0.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

impl Aggregate {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Aggregate::Sum => not_nan(a + b),
            Aggregate::Min => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Aggregate::Max => {
                if b > a {
                    b
                } else {
                    a
                }
            }
        }
    }
}

/// What takes part; the members of a set count with score 1.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// A sorted set.
    Zset(&'a Zset),
    /// A set.
    Set(&'a Set),
}

fn not_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

impl Source<'_> {
    /// The number of members.
    pub fn len(&self) -> usize {
        match self {
            Source::Zset(zset) => zset.len(),
            Source::Set(set) => set.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Source::Zset(zset) => zset.score(member),
            Source::Set(set) => set.contains(member).then_some(1.0),
        }
    }

    fn each(&self, mut f: impl FnMut(&[u8], f64)) {
        let mut digits = itoa::Buffer::new();
        match self {
            Source::Zset(zset) => {
                zset.iter().for_each(|(member, score)| f(member.as_bytes(&mut digits), score))
            }
            Source::Set(set) => set.iter().for_each(|member| f(member.as_bytes(&mut digits), 1.0)),
        }
    }
}

impl Zset {
    /// Adds what the source has, its scores multiplied by `weight`.
    pub fn unite(&mut self, source: Source<'_>, weight: f64, aggregate: Aggregate, packing: &Packing) {
        source.each(|member, score| {
            let score = not_nan(score * weight);
            let score = self.score(member).map_or(score, |old| aggregate.of(old, score));
            self.add(member, score, packing);
        });
    }

    /// Keeps what the source has too.
    pub fn intersect(&mut self, source: Source<'_>, weight: f64, aggregate: Aggregate, packing: &Packing) {
        self.rebuild(packing, |member, score| {
            source.score(member).map(|other| aggregate.of(score, not_nan(other * weight)))
        });
    }

    /// Keeps what the source does not have.
    pub fn subtract(&mut self, source: Source<'_>, packing: &Packing) {
        self.rebuild(packing, |member, score| source.score(member).is_none().then_some(score));
    }

    fn rebuild(&mut self, packing: &Packing, mut keep: impl FnMut(&[u8], f64) -> Option<f64>) {
        let old = std::mem::take(self);
        let mut digits = itoa::Buffer::new();
        for (member, score) in old.iter() {
            let member = member.as_bytes(&mut digits);
            if let Some(score) = keep(member, score) {
                self.add(member, score, packing);
            }
        }
    }
}
