//! Walking a range of ids, either way.

use std::collections::VecDeque;

use super::block::{Block, Fields};
use super::id::Id;
use super::{Body, Stream};

/// The live entries of a range.
pub struct Entries<'a> {
    blocks: &'a VecDeque<Block>,
    block: usize,
    at: usize,
    to: Id,
}

impl<'a> Entries<'a> {
    pub(super) fn new(blocks: &'a VecDeque<Block>, from: Id, to: Id) -> Self {
        let block = blocks.partition_point(|block| block.first <= from).saturating_sub(1);
        let begin = |block: usize| blocks.get(block).map_or(0, Block::begin);
        let mut start = Entries { blocks, block, at: begin(block), to };
        if blocks.get(block).is_some_and(|found| found.last < from) {
            start.block += 1;
            start.at = begin(start.block);
        }
        let skipped = blocks.get(start.block).and_then(|block| block.iter().find(|found| found.id >= from));
        start.at = skipped.map_or(start.at, |found| found.at);
        start
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Id, Fields<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let block = self.blocks.get(self.block)?;
            match block.entry_at(self.at) {
                Some(found) if found.id > self.to => return None,
                Some(found) => {
                    self.at = found.end;
                    if !found.deleted {
                        return Some((found.id, found.fields));
                    }
                }
                None => {
                    self.block += 1;
                    self.at = self.blocks.get(self.block)?.begin();
                }
            }
        }
    }
}

impl Body {
    pub(super) fn range(&self, from: Id, to: Id) -> Entries<'_> {
        Entries::new(&self.blocks, from, to)
    }
}

impl Stream {
    /// The entries from `from` to `to`, both included, in order.
    #[must_use]
    pub fn range(&self, from: Id, to: Id) -> Entries<'_> {
        self.0.range(from, to)
    }

    /// The same backwards. A block is read forwards at once, so that entries need no way back.
    pub fn range_back(&self, from: Id, to: Id) -> impl Iterator<Item = (Id, Fields<'_>)> {
        let blocks = &self.0.blocks;
        let end = blocks.partition_point(|block| block.first <= to);
        let down = (0..end).rev().map(|at| &blocks[at]).take_while(move |block| block.last >= from);
        down.flat_map(move |block| {
            let inside = block.iter().filter(|found| !found.deleted && found.id >= from && found.id <= to);
            let mut found: Vec<_> = inside.map(|found| (found.id, found.fields)).collect();
            found.reverse();
            found
        })
    }

    /// All entries in order.
    #[must_use]
    pub fn iter(&self) -> Entries<'_> {
        self.range(Id::MIN, Id::MAX)
    }
}
