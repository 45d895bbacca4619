//! The list: one row of elements while small, a deque of such rows when large.
//!
//! Owns order and position of elements. Both ends are reached at once, an index by passing over whole blocks. A large
//! list becomes small again when one block is left that half a small list would hold, as in Redis 7.2.

use super::cells::{Cell, Cells, Encoded, first, last_start};
use super::{Collection, Packing};
use crate::object::{Object, Type};
use crate::value::Str;
use std::collections::VecDeque;
use std::ops::Range;

/// The bytes of a block when `list-max-listpack-size` counts elements.
const COUNTED_BYTES: usize = 8192;
/// A block of a large list may hold as many elements as that, however small the setting: the deque of blocks grows by
/// copying itself, which must stay short.
const BLOCK_COUNT: usize = 64;

/// One end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The head: LPUSH, LPOP.
    Front,
    /// The tail: RPUSH, RPOP.
    Back,
}

/// A list.
#[derive(Debug)]
pub enum List {
    /// All elements in one allocation.
    Small(SmallList),
    /// Blocks of elements.
    Large(Box<Blocks>),
}

/// The elements of a small list.
#[derive(Clone, Debug, Default)]
pub struct SmallList(Cells);

/// The elements of a large list.
#[derive(Clone, Debug)]
pub struct Blocks {
    blocks: VecDeque<Cells>,
    len: usize,
    /// What the blocks take.
    memory: usize,
    limit: Limit,
}

/// What a block may hold.
#[derive(Clone, Copy, Debug)]
struct Limit {
    bytes: usize,
    count: usize,
}

impl Limit {
    fn of(packing: &Packing) -> Self {
        match packing.list_max_size {
            n if n < 0 => Limit { bytes: 2048 << n.unsigned_abs().min(5), count: usize::MAX },
            n => Limit { bytes: COUNTED_BYTES, count: n.max(1) as usize },
        }
    }

    /// Whether a small list may have one more element of so many bytes.
    #[inline]
    fn holds(&self, cells: &Cells, more: usize) -> bool {
        cells.row().len() + more <= self.bytes && cells.count() < self.count
    }

    /// Whether a block of a large list may.
    #[inline]
    fn block_holds(&self, cells: &Cells, more: usize) -> bool {
        cells.row().len() + more <= self.bytes && cells.count() < self.count.max(BLOCK_COUNT)
    }
}

impl Default for List {
    fn default() -> Self {
        List::Small(SmallList::default())
    }
}

impl Blocks {
    fn of(cells: Cells, limit: Limit) -> Box<Self> {
        let (len, memory) = (cells.count(), cells.memory());
        let blocks = if len == 0 { VecDeque::new() } else { VecDeque::from([cells]) };
        Box::new(Blocks { blocks, len, memory, limit })
    }

    /// Replaces bytes of a block; one that is left empty leaves.
    fn splice(&mut self, block: usize, at: usize, removed: usize, new: &[Encoded<'_>], count: usize) {
        let cells = &mut self.blocks[block];
        let (before, old) = (cells.memory(), cells.count());
        cells.splice(at, removed, new, count);
        self.memory = self.memory + cells.memory() - before;
        self.len = self.len + count - old;
        if count == 0 {
            self.blocks.remove(block);
        }
    }

    fn add_block(&mut self, block: usize, value: Encoded<'_>) {
        self.blocks.insert(block, Cells::new());
        self.splice(block, 0, 0, &[value], 1);
    }

    fn push(&mut self, end: End, value: Encoded<'_>) {
        let block = match end {
            End::Front => 0,
            End::Back => self.blocks.len().saturating_sub(1),
        };
        match self.blocks.get(block) {
            Some(cells) if self.limit.block_holds(cells, value.len()) => {
                let (at, count) = (if end == End::Front { 0 } else { cells.row().len() }, cells.count() + 1);
                self.splice(block, at, 0, &[value], count);
            }
            _ => self.add_block(if end == End::Front { 0 } else { self.blocks.len() }, value),
        }
    }

    /// Inserts before the byte `at` of a block; a full one is cut there.
    fn insert(&mut self, block: usize, at: usize, value: Encoded<'_>) {
        let (len, count) = (value.len(), self.blocks[block].count());
        if self.limit.block_holds(&self.blocks[block], len) {
            return self.splice(block, at, 0, &[value], count + 1);
        }
        let next = if at == 0 { block } else { block + 1 };
        if at > 0 {
            self.cut(block, at);
        }
        let before = next.checked_sub(1).map(|before| &self.blocks[before]);
        if let Some(cells) = before.filter(|cells| self.limit.block_holds(cells, len)) {
            let (at, count) = (cells.row().len(), cells.count() + 1);
            return self.splice(next - 1, at, 0, &[value], count);
        }
        match self.blocks.get(next) {
            Some(cells) if self.limit.block_holds(cells, len) => {
                let count = cells.count() + 1;
                self.splice(next, 0, 0, &[value], count);
            }
            _ => self.add_block(next, value),
        }
    }

    /// Moves what follows the byte `at` of a block into a block of its own.
    fn cut(&mut self, block: usize, at: usize) {
        let cells = &mut self.blocks[block];
        let row = &cells.row()[at..];
        if row.is_empty() {
            return;
        }
        let before = cells.memory();
        let (mut moved, mut rest) = (0, row);
        while !rest.is_empty() {
            rest = &rest[first(rest).1..];
            moved += 1;
        }
        let mut tail = Cells::new();
        tail.append(row, moved);
        let (removed, kept) = (row.len(), cells.count() - moved);
        cells.splice(at, removed, &[], kept);
        self.memory = self.memory + cells.memory() + tail.memory() - before;
        self.blocks.insert(block + 1, tail);
    }
}

impl List {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            List::Small(small) => small.0.count(),
            List::Large(large) => large.len,
        }
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts an element at an end.
    #[inline]
    pub fn push(&mut self, end: End, value: &[u8], packing: &Packing) {
        let (value, limit) = (Encoded::bytes(value), Limit::of(packing));
        if let List::Small(small) = self
            && limit.holds(&small.0, value.len())
        {
            let at = if end == End::Front { 0 } else { small.0.row().len() };
            let count = small.0.count() + 1;
            return small.0.splice(at, 0, &[value], count);
        }
        self.grown(limit, |large| large.push(end, value));
    }

    /// Takes the element at an end.
    pub fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        self.pop_with(end, |value| value.to_vec())
    }

    /// Takes the element at an end after `look` has seen it.
    #[inline]
    pub fn pop_with<R>(&mut self, end: End, look: impl FnOnce(Str<'_>) -> R) -> Option<R> {
        let (cells, block) = match self {
            List::Small(small) => (&small.0, 0),
            List::Large(large) if end == End::Front => (large.blocks.front()?, 0),
            List::Large(large) => (large.blocks.back()?, large.blocks.len() - 1),
        };
        let (row, count) = (cells.row(), cells.count().checked_sub(1)?);
        let at = if end == End::Front { 0 } else { last_start(row) };
        let (cell, len) = first(&row[at..]);
        let seen = look(cell.string());
        self.splice(block, at, len, &[], count);
        self.shrink();
        Some(seen)
    }

    /// The element at an index; negative ones count from the end.
    pub fn get(&self, index: i64) -> Option<Str<'_>> {
        let (block, at) = self.locate(self.absolute(index)?);
        let cells = self.block(block);
        Some(first(&cells.row()[cells.offset(at)..]).0.string())
    }

    /// Replaces the element at an index; false where there is none.
    pub fn set(&mut self, index: i64, value: &[u8], packing: &Packing) -> bool {
        let Some(index) = self.absolute(index) else { return false };
        let (block, at) = self.locate(index);
        let cells = self.block(block);
        let (offset, count) = (cells.offset(at), cells.count());
        let old = first(&cells.row()[offset..]).1;
        let (value, limit) = (Encoded::bytes(value), Limit::of(packing));
        if count == 1 || cells.row().len() - old + value.len() <= limit.bytes {
            if count == 1 && value.len() > limit.bytes {
                self.grown(limit, |_| ());
            }
            self.splice(block, offset, old, &[value], count);
            self.shrink();
        } else {
            self.grown(limit, |large| {
                large.splice(block, offset, old, &[], count - 1);
                large.insert(block, offset, value);
            });
        }
        true
    }

    /// Inserts an element beside the first one that equals `pivot`; false where there is none.
    pub fn insert(&mut self, before: bool, pivot: &[u8], value: &[u8], packing: &Packing) -> bool {
        let Some((block, at, len)) = self.find(&Encoded::bytes(pivot)) else { return false };
        let at = if before { at } else { at + len };
        let (value, limit) = (Encoded::bytes(value), Limit::of(packing));
        match self {
            List::Small(small) if limit.holds(&small.0, value.len()) => {
                let count = small.0.count() + 1;
                small.0.splice(at, 0, &[value], count);
            }
            _ => self.grown(limit, |large| large.insert(block, at, value)),
        }
        true
    }

    /// Removes up to `count` elements that equal `value` (0: all), from the end when it is negative; how many.
    pub fn remove(&mut self, count: i64, value: &[u8]) -> usize {
        let (value, back) = (Encoded::bytes(value), count < 0);
        let max =
            if count == 0 { usize::MAX } else { usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) };
        let (mut removed, mut left) = (0, self.blocks());
        while left > 0 && removed < max {
            left -= 1;
            let block = if back { left } else { self.blocks() - 1 - left };
            removed += self.remove_in(block, back, max - removed, &value);
        }
        if removed > 0 {
            self.shrink();
        }
        removed
    }

    /// Keeps the elements from `start` to `stop`, indexes as Redis counts them; how many left.
    pub fn trim(&mut self, start: i64, stop: i64) -> usize {
        let len = self.len();
        let (start, count) = span(start, stop, len);
        self.drop_end(End::Back, len - start - count);
        self.drop_end(End::Front, start);
        self.shrink();
        len - count
    }

    /// The elements from `start` to `stop`, indexes as Redis counts them.
    pub fn range(&self, start: i64, stop: i64) -> impl DoubleEndedIterator<Item = Str<'_>> + Clone {
        let span = self.span(start, stop);
        self.slice(span.start, span.len())
    }

    /// The indexes from `start` to `stop`, as Redis counts them.
    pub fn span(&self, start: i64, stop: i64) -> Range<usize> {
        let (start, count) = span(start, stop, self.len());
        start..start + count
    }

    /// `count` elements from the index `start`.
    pub fn slice(&self, start: usize, count: usize) -> impl DoubleEndedIterator<Item = Str<'_>> + Clone {
        let ((first, from), (last, to)) = match count {
            0 => ((0, 0), (0, 0)),
            _ => (self.locate(start), self.locate(start + count - 1)),
        };
        let blocks = if count == 0 { 0..0 } else { first..last + 1 };
        let walk = move |block| {
            let cells = self.block(block);
            let start = if block == first { cells.offset(from) } else { 0 };
            let end = if block == last { cells.offset(to + 1) } else { cells.row().len() };
            cells.walk(start, end)
        };
        blocks.flat_map(walk).map(Cell::string)
    }

    /// All elements.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Str<'_>> + Clone {
        self.slice(0, self.len())
    }

    /// The indexes of elements that equal `value`: from the match `rank` on (1 the first, -1 the last one), at most
    /// `count` of them, looking at no more than `max` elements.
    pub fn positions(&self, value: &[u8], rank: i64, count: usize, max: usize) -> Vec<usize> {
        let len = self.len();
        let mut digits = itoa::Buffer::new();
        let mut same = |element: &Str<'_>| element.as_bytes(&mut digits) == value;
        let skip = usize::try_from(rank.unsigned_abs()).unwrap_or(usize::MAX).saturating_sub(1);
        if rank < 0 {
            let found = self.iter().rev().take(max).enumerate().filter(|(_, element)| same(element));
            found.map(|(at, _)| len - 1 - at).skip(skip).take(count).collect()
        } else {
            let found = self.iter().take(max).enumerate().filter(|(_, element)| same(element));
            found.map(|(at, _)| at).skip(skip).take(count).collect()
        }
    }

    fn blocks(&self) -> usize {
        match self {
            List::Small(_) => 1,
            List::Large(large) => large.blocks.len(),
        }
    }

    fn block(&self, block: usize) -> &Cells {
        match self {
            List::Small(small) => &small.0,
            List::Large(large) => &large.blocks[block],
        }
    }

    fn splice(&mut self, block: usize, at: usize, removed: usize, new: &[Encoded<'_>], count: usize) {
        match self {
            List::Small(small) => small.0.splice(at, removed, new, count),
            List::Large(large) => large.splice(block, at, removed, new, count),
        }
    }

    /// Does the work on the list as a large one.
    fn grown<R>(&mut self, limit: Limit, work: impl FnOnce(&mut Blocks) -> R) -> R {
        let mut large = match std::mem::take(self) {
            List::Small(small) => Blocks::of(small.0, limit),
            List::Large(large) => large,
        };
        large.limit = limit;
        let result = work(&mut large);
        *self = List::Large(large);
        result
    }

    #[inline]
    fn shrink(&mut self) {
        if let List::Large(large) = self
            && let ([cells], []) = large.blocks.as_mut_slices()
        {
            let Limit { bytes, count } = large.limit;
            if cells.row().len() <= bytes / 2 && cells.count() <= count / 2 {
                *self = List::Small(SmallList(std::mem::take(cells)));
            }
        }
    }

    fn absolute(&self, index: i64) -> Option<usize> {
        let len = self.len();
        let index = if index < 0 { index.checked_add(len as i64)? } else { index };
        usize::try_from(index).ok().filter(|index| *index < len)
    }

    /// The block of the element `index`, which exists, and its place there; counted from the nearer end.
    fn locate(&self, index: usize) -> (usize, usize) {
        let List::Large(large) = self else { return (0, index) };
        if index < large.len / 2 {
            let mut left = index;
            for (block, cells) in large.blocks.iter().enumerate() {
                if left < cells.count() {
                    return (block, left);
                }
                left -= cells.count();
            }
        }
        let mut start = large.len;
        for (block, cells) in large.blocks.iter().enumerate().rev() {
            start -= cells.count();
            if start <= index {
                return (block, index - start);
            }
        }
        (0, 0)
    }

    /// The first element that equals `value`: its block, where it starts there, the bytes it takes.
    fn find(&self, value: &Encoded<'_>) -> Option<(usize, usize, usize)> {
        for block in 0..self.blocks() {
            let row = self.block(block).row();
            let mut at = 0;
            while at < row.len() {
                let len = first(&row[at..]).1;
                if value.is_at(&row[at..]) {
                    return Some((block, at, len));
                }
                at += len;
            }
        }
        None
    }

    fn remove_in(&mut self, block: usize, back: bool, max: usize, value: &Encoded<'_>) -> usize {
        let (row, mut found) = (self.block(block).row(), Vec::new());
        let mut at = 0;
        while at < row.len() {
            if value.is_at(&row[at..]) {
                found.push(at);
            }
            at += first(&row[at..]).1;
        }
        let skipped = if back { found.len().saturating_sub(max) } else { 0 };
        let chosen = &found[skipped..(skipped + max.min(found.len())).min(found.len())];
        for &at in chosen.iter().rev() {
            let count = self.block(block).count() - 1;
            self.splice(block, at, value.len(), &[], count);
        }
        chosen.len()
    }

    fn drop_end(&mut self, end: End, mut many: usize) {
        while many > 0 {
            let block = if end == End::Front { 0 } else { self.blocks() - 1 };
            let cells = self.block(block);
            let (count, len) = (cells.count(), cells.row().len());
            let drop = many.min(count);
            let (from, to) = match end {
                End::Front => (0, cells.offset(drop)),
                End::Back => (cells.offset(count - drop), len),
            };
            self.splice(block, from, to - from, &[], count - drop);
            many -= drop;
        }
    }
}

/// Redis's `start` and `stop` in a list of `len` elements: the first index and how many elements.
fn span(start: i64, stop: i64, len: usize) -> (usize, usize) {
    let size = len as i64;
    let from_end = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let (start, stop) = (from_end(start).max(0), from_end(stop).min(size - 1));
    if start > stop { (0, 0) } else { (start as usize, (stop - start + 1) as usize) }
}

impl Collection for List {
    const TYPE: Type = Type::List;

    #[inline]
    fn is_empty(&self) -> bool {
        List::is_empty(self)
    }

    #[inline]
    fn memory(&self) -> usize {
        match self {
            List::Small(small) => small.0.memory(),
            List::Large(large) => {
                let table = large.blocks.capacity() * size_of::<Cells>();
                large.memory
                    + crate::size_class::class_size(size_of::<Blocks>())
                    + crate::size_class::class_size(table)
            }
        }
    }

    fn encoding(&self) -> &'static str {
        match self {
            List::Small(_) => "listpack",
            List::Large(_) => "quicklist",
        }
    }

    fn weight(&self) -> usize {
        self.blocks()
    }

    fn free_some(&mut self, max: usize) -> bool {
        let List::Large(large) = self else { return false };
        let kept = large.blocks.len().saturating_sub(max);
        large.blocks.truncate(kept);
        kept > 0
    }

    fn duplicate(&self) -> Self {
        match self {
            List::Small(small) => List::Small(small.clone()),
            List::Large(large) => List::Large(large.clone()),
        }
    }

    fn into_object(self) -> Object {
        Object::List(self)
    }
}
