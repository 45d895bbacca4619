//! The sorted set: members in the order of their scores, equal scores in the order of the members' bytes.
//!
//! Owns the two forms, and ranks, ranges and scans over them. A range of scores, of members or of ranks is always a span
//! of ranks first, so reading, counting and removing it are the same for all three.

mod algebra;
mod element;
mod small;
mod tree;

pub(crate) use algebra::count_common;
pub use algebra::{Aggregate, Source, ZsetOperation};
pub use small::SmallZset;

use super::cells::Walk;
use super::{Collection, Packing};
use crate::hashing::KeyHasher;
use crate::object::{Object, Type};
use crate::size_class::class_size;
use crate::table::Table;
use crate::tagged::Keyed;
use crate::value::Str;
use element::Element;
use std::ops::{Bound, Range};
use tree::{Entry, Tree};

/// A sorted set.
pub enum Zset {
    /// All in one allocation.
    Small(SmallZset),
    /// A tree and a table.
    Large(Box<LargeZset>),
}

/// The members of a large sorted set, in order and by hash.
pub struct LargeZset {
    scores: Tree,
    /// Finds a member and gives ZSCAN a cursor that no growth disturbs; owns the elements.
    members: Table<Element>,
    /// What the elements take.
    bytes: usize,
}

/// One end of a range of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// Before all members.
    Min,
    /// After all members.
    Max,
    /// That member and on.
    Included(&'a [u8]),
    /// Beyond that member.
    Excluded(&'a [u8]),
}

impl Default for Zset {
    fn default() -> Self {
        Zset::Small(SmallZset::default())
    }
}

/// The hash of all collections.
fn hasher() -> &'static KeyHasher {
    KeyHasher::of_collections()
}

impl LargeZset {
    fn new() -> Self {
        LargeZset { scores: Tree::new(), members: Table::new(), bytes: 0 }
    }

    fn find(&self, member: &[u8]) -> Option<Element> {
        self.members.find(hasher().hash(member), member)
    }

    /// Adds a member that is not there yet.
    fn add(&mut self, member: &[u8], score: f64) {
        self.insert(hasher().hash(member), member, score);
    }

    fn insert(&mut self, hash: u64, member: &[u8], score: f64) {
        let element = Element::new(member, score);
        self.bytes += element.memory();
        self.scores.insert(score, element);
        self.members.insert(hash, element, hasher());
    }

    fn remove(&mut self, element: Element) {
        let rank = self.scores.rank(element.score(), element.member());
        self.remove_at(rank);
    }

    fn remove_at(&mut self, rank: usize) {
        let (_, element) = self.scores.take(rank);
        self.members.remove(hasher().hash(element.member()), element);
        self.bytes -= element.memory();
        element.dispose();
    }

    fn rescore(&mut self, element: Element, score: f64) {
        let rank = self.scores.rank(element.score(), element.member());
        self.scores.take(rank);
        element.set_score(score);
        self.scores.insert(score, element);
    }
}

impl Zset {
    /// An empty sorted set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of members.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Zset::Small(small) => small.len(),
            Zset::Large(large) => large.scores.len(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives a member a score, which is a number. Returns whether the member is new, and the score that it had.
    pub fn add(&mut self, member: &[u8], score: f64, packing: &Packing) -> (bool, Option<f64>) {
        match self {
            Zset::Small(small) => {
                if let Some(place) = small.find(member) {
                    if place.score != score {
                        small.remove(&place);
                        small.insert(member, score);
                    }
                    return (false, Some(place.score));
                }
                let full = small.len() >= packing.zset_max_entries as usize;
                if !full && member.len() <= packing.zset_max_value as usize {
                    small.insert(member, score);
                    return (true, None);
                }
                self.grow();
                self.add(member, score, packing)
            }
            Zset::Large(large) => {
                let hash = hasher().hash(member);
                let Some(element) = large.members.find(hash, member) else {
                    large.insert(hash, member, score);
                    return (true, None);
                };
                let old = element.score();
                if old != score {
                    large.rescore(element, score);
                }
                (false, Some(old))
            }
        }
    }

    /// The score of a member.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Zset::Small(small) => small.find(member).map(|place| place.score),
            Zset::Large(large) => large.find(member).map(Element::score),
        }
    }

    /// Removes a member; false where there is none.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match self {
            Zset::Small(small) => small.find(member).map(|place| small.remove(&place)).is_some(),
            Zset::Large(large) => large.find(member).map(|element| large.remove(element)).is_some(),
        }
    }

    /// How many members come before this one.
    pub fn rank(&self, member: &[u8]) -> Option<usize> {
        match self {
            Zset::Small(small) => small.find(member).map(|place| place.rank),
            Zset::Large(large) => {
                large.find(member).map(|element| large.scores.rank(element.score(), element.member()))
            }
        }
    }

    /// The pair of a rank.
    pub fn at(&self, rank: usize) -> Option<(Str<'_>, f64)> {
        if rank < self.len() { self.slice(rank..rank + 1, false).next() } else { None }
    }

    /// Takes the first or the last pair after `look` has seen it.
    pub fn pop_with<R>(&mut self, last: bool, look: impl FnOnce(Str<'_>, f64) -> R) -> Option<R> {
        let rank = if last { self.len().checked_sub(1)? } else { 0 };
        let (member, score) = self.at(rank)?;
        let seen = look(member, score);
        self.remove_span(rank..rank + 1);
        Some(seen)
    }

    /// The pairs of a span of ranks, from its end when `reverse`.
    pub fn slice(&self, span: Range<usize>, reverse: bool) -> Pairs<'_> {
        let left = span.end.min(self.len()).saturating_sub(span.start);
        match self {
            Zset::Small(small) => {
                Pairs::Small { walk: small.slice(span.start.min(small.len()), left), reverse }
            }
            Zset::Large(large) => {
                let next = if reverse { span.start + left } else { span.start };
                Pairs::Large { tree: &large.scores, leaf: &[], next, left, reverse }
            }
        }
    }

    /// All pairs in order.
    pub fn iter(&self) -> Pairs<'_> {
        self.slice(0..self.len(), false)
    }

    /// The ranks from `start` to `stop`, indexes as Redis counts them.
    pub fn span_by_rank(&self, start: i64, stop: i64) -> Range<usize> {
        let len = self.len() as i64;
        let from_end = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
        let (start, stop) = (from_end(start).max(0), from_end(stop).min(len - 1));
        if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
    }

    /// The ranks of the scores between two bounds.
    pub fn span_by_score(&self, min: Bound<f64>, max: Bound<f64>) -> Range<usize> {
        let start = match min {
            Bound::Unbounded => 0,
            Bound::Included(min) => self.partition(|score, _| score < min),
            Bound::Excluded(min) => self.partition(|score, _| score <= min),
        };
        let end = match max {
            Bound::Unbounded => self.len(),
            Bound::Included(max) => self.partition(|score, _| score <= max),
            Bound::Excluded(max) => self.partition(|score, _| score < max),
        };
        start..end.max(start)
    }

    /// The ranks of the members between two bounds, for a set whose scores are all equal.
    pub fn span_by_lex(&self, min: LexBound<'_>, max: LexBound<'_>) -> Range<usize> {
        let start = match min {
            LexBound::Min => 0,
            LexBound::Max => self.len(),
            LexBound::Included(min) => self.partition(|_, member| member < min),
            LexBound::Excluded(min) => self.partition(|_, member| member <= min),
        };
        let end = match max {
            LexBound::Min => 0,
            LexBound::Max => self.len(),
            LexBound::Included(max) => self.partition(|_, member| member <= max),
            LexBound::Excluded(max) => self.partition(|_, member| member < max),
        };
        start..end.max(start)
    }

    /// Removes the pairs of a span of ranks; how many.
    pub fn remove_span(&mut self, span: Range<usize>) -> usize {
        let count = span.end.min(self.len()).saturating_sub(span.start);
        match self {
            Zset::Small(small) if count > 0 => small.remove_span(span.start, count),
            Zset::Small(_) => {}
            Zset::Large(large) => (0..count).for_each(|_| large.remove_at(span.start)),
        }
        count
    }

    /// One step of a scan: about `count` pairs from the cursor on; the next cursor, 0 at the end. What stays in the set
    /// during a whole scan is seen.
    pub fn scan(&self, cursor: u64, count: usize, f: &mut dyn FnMut(Str<'_>, f64)) -> u64 {
        match self {
            Zset::Small(_) => {
                self.iter().for_each(|(member, score)| f(member, score));
                0
            }
            Zset::Large(large) => large.members.scan(cursor, count, &mut |element| {
                f(Str::Inline(element.member()), element.score());
            }),
        }
    }

    fn partition(&self, mut before: impl FnMut(f64, &[u8]) -> bool) -> usize {
        match self {
            Zset::Small(small) => small.partition(before),
            Zset::Large(large) => large.scores.partition(|(score, element)| before(*score, element.member())),
        }
    }

    fn grow(&mut self) {
        let mut large = LargeZset::new();
        let mut digits = itoa::Buffer::new();
        for (member, score) in self.iter() {
            large.add(member.as_bytes(&mut digits), score);
        }
        *self = Zset::Large(Box::new(large));
    }
}

/// Pairs of member and score.
#[derive(Clone, Debug)]
pub enum Pairs<'a> {
    /// Of a small set.
    #[allow(private_interfaces)]
    Small {
        #[doc(hidden)]
        walk: Walk<'a>,
        #[doc(hidden)]
        reverse: bool,
    },
    /// Of a large set: what is left of a leaf, and the rank that follows (going back: precedes) it.
    #[allow(private_interfaces)]
    Large {
        #[doc(hidden)]
        tree: &'a Tree,
        #[doc(hidden)]
        leaf: &'a [Entry],
        #[doc(hidden)]
        next: usize,
        #[doc(hidden)]
        left: usize,
        #[doc(hidden)]
        reverse: bool,
    },
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Str<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Pairs::Small { walk, reverse: false } => {
                let member = walk.next()?.string();
                Some((member, walk.next()?.number()))
            }
            Pairs::Small { walk, reverse: true } => {
                let score = walk.next_back()?.number();
                Some((walk.next_back()?.string(), score))
            }
            Pairs::Large { tree, leaf, next, left, reverse } => {
                *left = left.checked_sub(1)?;
                if leaf.is_empty() {
                    let rank = if *reverse { *next - 1 } else { *next };
                    let (entries, at) = tree.leaf(rank);
                    *leaf = if *reverse { &entries[..=at] } else { &entries[at..] };
                    *next = if *reverse { *next - leaf.len() } else { *next + leaf.len() };
                }
                let ((score, element), rest) =
                    if *reverse { leaf.split_last()? } else { leaf.split_first()? };
                *leaf = rest;
                Some((Str::Inline(element.member()), *score))
            }
        }
    }
}

impl Collection for Zset {
    const TYPE: Type = Type::Zset;

    fn is_empty(&self) -> bool {
        Zset::is_empty(self)
    }

    fn memory(&self) -> usize {
        match self {
            Zset::Small(small) => small.memory(),
            Zset::Large(large) => {
                class_size(size_of::<LargeZset>())
                    + large.bytes
                    + large.scores.memory()
                    + large.members.bytes()
            }
        }
    }

    fn encoding(&self) -> &'static str {
        match self {
            Zset::Small(_) => "listpack",
            Zset::Large(_) => "skiplist",
        }
    }

    fn weight(&self) -> usize {
        match self {
            Zset::Small(_) => 1,
            Zset::Large(large) => large.scores.len(),
        }
    }

    fn free_some(&mut self, max: usize) -> bool {
        let Zset::Large(large) = self else { return false };
        let (mut left, mut more) = (max.max(1), true);
        while left > 0 && more {
            let (before, bytes) = (large.members.len(), &mut large.bytes);
            more = large.members.drain_segment(&mut |element| {
                *bytes -= element.memory();
                element.dispose();
            });
            // The order is freed at the same pace; its handles are followed no more.
            while large.scores.len() > large.members.len() && large.scores.drop_leaf() {}
            left = left.saturating_sub(before - large.members.len() + 1);
        }
        more
    }

    fn duplicate(&self) -> Self {
        if let Zset::Small(small) = self {
            return Zset::Small(small.clone());
        }
        let mut copy = LargeZset::new();
        let mut digits = itoa::Buffer::new();
        for (member, score) in self.iter() {
            copy.add(member.as_bytes(&mut digits), score);
        }
        Zset::Large(Box::new(copy))
    }

    fn into_object(self) -> Object {
        Object::Zset(self)
    }
}
