//! Union, intersection and difference of sorted sets and sets.

use super::Zset;
use crate::collections::{Packing, Set};
use crate::value::Str;

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

/// An operation on sorted sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZsetOperation {
    /// What is in any of them.
    Union,
    /// What is in all of them.
    Intersection,
    /// What is in the first of them only.
    Difference,
}

/// Each source's scores times its weight, 1 where none is given, the smaller sources first: the rounding of sums depends
/// on Redis's order.
fn weighted<'a>(sources: &[Option<Source<'a>>], weights: &[f64]) -> Vec<(Option<Source<'a>>, f64)> {
    let weight = |at| weights.get(at).copied().unwrap_or(1.0);
    let mut found: Vec<_> = sources.iter().enumerate().map(|(at, source)| (*source, weight(at))).collect();
    found.sort_by_key(|(source, _)| source.map_or(0, |source| source.len()));
    found
}

/// How many members all sources have, counted no further than `limit`.
pub(crate) fn count_common(sources: &[Option<Source<'_>>], limit: usize) -> usize {
    let mut sources = weighted(sources, &[]).into_iter().map(|(source, _)| source);
    let Some(Some(smallest)) = sources.next() else { return 0 };
    let others: Vec<_> = sources.flatten().collect();
    let common = |member: &[u8]| others.iter().all(|other| other.score(member).is_some());
    let mut digits = itoa::Buffer::new();
    match smallest {
        Source::Zset(zset) => {
            zset.iter().filter(|(member, _)| common(member.as_bytes(&mut digits))).take(limit).count()
        }
        Source::Set(set) => {
            set.iter().filter(|member| common(member.as_bytes(&mut digits))).take(limit).count()
        }
    }
}

impl Zset {
    /// The result of an operation on several sources, in the large form, which keeps -0; a missing source is empty.
    pub(crate) fn combined(
        operation: ZsetOperation,
        sources: &[Option<Source<'_>>],
        weights: &[f64],
        aggregate: Aggregate,
        packing: &Packing,
    ) -> Self {
        let packing = &Packing { zset_max_entries: 0, ..*packing };
        let mut result = Zset::new();
        if operation == ZsetOperation::Difference {
            if let Some((Some(first), others)) = sources.split_first() {
                let others: Vec<_> = others.iter().flatten().collect();
                first.each(|member, score| {
                    if others.iter().all(|other| other.score(member).is_none()) {
                        result.add(member, score, packing);
                    }
                });
            }
            return result;
        }
        for (step, (source, weight)) in weighted(sources, weights).into_iter().enumerate() {
            match source {
                Some(source) if step > 0 && operation == ZsetOperation::Intersection => {
                    result.intersect(source, weight, aggregate, packing);
                }
                Some(source) => result.unite(source, weight, aggregate, packing),
                None if operation == ZsetOperation::Intersection => return Zset::new(),
                None => {}
            }
        }
        result
    }

    /// In the small form if that has room for it.
    pub fn packed(self, packing: &Packing) -> Self {
        let fits = |member: Str<'_>| member.len() <= packing.zset_max_value as usize;
        if self.len() > packing.zset_max_entries as usize || !self.iter().all(|(member, _)| fits(member)) {
            return self;
        }
        let (mut small, mut digits) = (Zset::new(), itoa::Buffer::new());
        for (member, score) in self.iter() {
            small.add(member.as_bytes(&mut digits), score, packing);
        }
        small
    }

    /// Adds what the source has, its scores multiplied by `weight`.
    fn unite(&mut self, source: Source<'_>, weight: f64, aggregate: Aggregate, packing: &Packing) {
        source.each(|member, score| {
            let mut score = not_nan(score * weight);
            if let Some(old) = self.score(member) {
                score = aggregate.of(old, score);
                if old == score && old.to_bits() != score.to_bits() {
                    // `add` takes 0 and -0 for the same; the last of them counts here.
                    self.remove(member);
                }
            }
            self.add(member, score, packing);
        });
    }

    /// Keeps what the source has too.
    fn intersect(&mut self, source: Source<'_>, weight: f64, aggregate: Aggregate, packing: &Packing) {
        let old = std::mem::take(self);
        Source::Zset(&old).each(|member, score| {
            if let Some(other) = source.score(member) {
                self.add(member, aggregate.of(score, not_nan(other * weight)), packing);
            }
        });
    }
}
