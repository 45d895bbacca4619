//! The type stream: entries in the order of their ids, and the groups that read them.
//!
//! Entries lie in blocks (block.rs) of a sorted deque: appending and trimming touch its ends, any other id is found by
//! bisection. Groups (group.rs) hold what was delivered and not acknowledged in maps ordered by id (sorted.rs). This
//! file owns what both have in common: the counters from which a group's lag is told, and the sum of memory.

mod block;
mod group;
mod id;
mod iter;
mod reading;
mod sorted;
mod trim;

use std::collections::VecDeque;

use self::block::Block;
pub use self::block::Fields;
pub use self::group::{Consumer, Group, Pending};
pub use self::id::{Id, number};
pub use self::iter::Entries;
pub use self::reading::{Claim, Claimed};
pub use self::sorted::Sorted;
pub use self::trim::{Bound, References, Trim};
use super::{Collection, Packing};
use crate::object::{Object, Type};
use crate::size_class::class_size;

/// No block grows beyond these, whatever the settings say, so that its numbers fit.
const BLOCK_BYTES_MAX: usize = 1 << 30;
const BLOCK_ENTRIES_MAX: u32 = 1 << 20;

/// What a stream remembers besides its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Entries that are there.
    pub len: u64,
    /// The first of them, or zero.
    pub first_id: Id,
    /// The last id ever given.
    pub last_id: Id,
    /// The largest id that was deleted.
    pub max_deleted: Id,
    /// Entries ever added.
    pub added: u64,
}

impl Counters {
    /// Whether an entry at or after `from` is missing.
    fn has_gap_after(&self, from: Id) -> bool {
        self.len != 0
            && self.max_deleted != Id::MIN
            && self.first_id <= self.max_deleted
            && from <= self.max_deleted
    }

    /// How many entries were ever added up to `id`; `None` when that can't be known.
    #[must_use]
    pub fn added_until(&self, id: Id) -> Option<u64> {
        if self.added == 0 {
            return Some(0);
        }
        if (self.len == 0 && id <= self.last_id) || id == self.last_id {
            return Some(self.added);
        }
        let whole = self.max_deleted == Id::MIN || self.max_deleted < self.first_id;
        if id > self.last_id || !whole || id > self.first_id {
            return None;
        }
        let before = self.added.saturating_sub(self.len);
        Some(before + u64::from(id == self.first_id))
    }
}

/// A stream.
#[derive(Debug, Default)]
pub struct Stream(Box<Body>);

#[derive(Clone, Debug, Default)]
struct Body {
    blocks: VecDeque<Block>,
    counters: Counters,
    /// What the blocks' entries take.
    block_bytes: usize,
    /// In the order of names.
    #[expect(clippy::vec_box, reason = "making a group moves those behind it, which should be little")]
    groups: Vec<Box<Group>>,
    group_bytes: usize,
}

impl Stream {
    /// An empty stream.
    #[must_use]
    pub fn new() -> Stream {
        Stream::default()
    }

    /// Number of entries.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "`Collection` has it")]
    pub fn len(&self) -> u64 {
        self.0.counters.len
    }

    /// All counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.0.counters
    }

    /// Number of blocks.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.0.blocks.len()
    }

    /// Sets what XSETID, RESTORE and a replica are told.
    pub fn set_counters(&mut self, last_id: Id, added: Option<u64>, max_deleted: Option<Id>) {
        let counters = &mut self.0.counters;
        counters.last_id = last_id;
        counters.added = added.unwrap_or(counters.added);
        counters.max_deleted = max_deleted.unwrap_or(counters.max_deleted);
    }

    /// The id that an entry added now would get; `None` when the last possible one is taken.
    #[must_use]
    pub fn next_id(&self, now: i64) -> Option<Id> {
        let (last, now) = (self.0.counters.last_id, now.max(0) as u64);
        if now > last.ms { Some(Id::new(now, 0)) } else { last.next() }
    }

    /// Appends an entry of fields and values in turn; false when its id is not larger than the last one.
    pub fn append(&mut self, id: Id, pairs: &[&[u8]], packing: &Packing) -> bool {
        let body = &mut *self.0;
        if id <= body.counters.last_id {
            return false;
        }
        let size: usize = pairs.iter().map(|part| part.len()).sum();
        let most = match packing.stream_node_max_bytes as usize {
            0 => BLOCK_BYTES_MAX,
            bytes => bytes.min(BLOCK_BYTES_MAX),
        };
        let entries = match packing.stream_node_max_entries {
            0 => BLOCK_ENTRIES_MAX,
            entries => entries.min(BLOCK_ENTRIES_MAX),
        };
        match body.blocks.back_mut() {
            Some(block) if block.used() + size < most && block.entries < entries => {
                body.block_bytes -= block.memory();
                block.append(id, pairs);
                body.block_bytes += block.memory();
            }
            last => {
                if let Some(block) = last {
                    body.block_bytes -= block.memory();
                    block.seal();
                    body.block_bytes += block.memory();
                }
                let block = Block::new(id, pairs);
                body.block_bytes += block.memory();
                body.blocks.push_back(block);
            }
        }
        let counters = &mut body.counters;
        counters.len += 1;
        counters.added += 1;
        counters.last_id = id;
        if counters.len == 1 {
            counters.first_id = id;
        }
        true
    }

    /// The fields of an entry.
    #[must_use]
    pub fn get(&self, id: Id) -> Option<Fields<'_>> {
        self.0.get(id)
    }

    /// Deletes an entry; false when there is none.
    pub fn delete(&mut self, id: Id) -> bool {
        let body = &mut *self.0;
        let at = body.block_of(id);
        let Some(found) = body.blocks.get(at).and_then(|block| block.find(id)).map(|found| found.at) else {
            return false;
        };
        body.delete_at(at, found);
        body.counters.max_deleted = body.counters.max_deleted.max(id);
        body.refresh_first(id);
        true
    }

    /// The groups in the order of their names.
    #[must_use]
    pub fn groups(&self) -> &[Box<Group>] {
        &self.0.groups
    }

    /// The group of this name.
    #[must_use]
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.0.group_place(name).ok().map(|place| &*self.0.groups[place])
    }

    /// Makes a group; false when there is one of that name.
    pub fn create_group(&mut self, name: &[u8], last_id: Id, entries_read: Option<u64>) -> bool {
        let body = &mut *self.0;
        let Err(place) = body.group_place(name) else { return false };
        let group = Box::new(Group::new(name, last_id, entries_read));
        body.group_bytes += group.memory();
        body.groups.insert(place, group);
        true
    }

    /// Removes a group; false when there is none.
    pub fn destroy_group(&mut self, name: &[u8]) -> bool {
        let Ok(place) = self.0.group_place(name) else { return false };
        let group = self.0.groups.remove(place);
        self.0.group_bytes -= group.memory();
        true
    }

    /// Changes the group of this name.
    pub fn edit_group<R>(&mut self, name: &[u8], edit: impl FnOnce(&mut Group) -> R) -> Option<R> {
        self.0.edit_group(name, |group, _, _| edit(group))
    }

    /// How many entries a group has yet to read; `None` when that can't be known.
    #[must_use]
    pub fn lag(&self, group: &Group) -> Option<i64> {
        let counters = &self.0.counters;
        if counters.added == 0 {
            return Some(0);
        }
        let read = match group.entries_read {
            Some(read) if !counters.has_gap_after(group.last_id) => read,
            _ => counters.added_until(group.last_id)?,
        };
        Some((counters.added as i64).wrapping_sub(read as i64))
    }

    /// Whether some group has `id` pending or before it.
    #[must_use]
    pub fn is_referenced(&self, id: Id) -> bool {
        self.0.is_referenced(id)
    }

    /// Takes `id` out of every group's pending entries.
    pub fn forget(&mut self, id: Id) {
        self.0.forget(id);
    }
}

impl Body {
    /// The block that holds `id`, if any does.
    fn block_of(&self, id: Id) -> usize {
        self.blocks.partition_point(|block| block.first <= id).saturating_sub(1)
    }

    fn get(&self, id: Id) -> Option<Fields<'_>> {
        self.blocks.get(self.block_of(id))?.find(id).map(|found| found.fields)
    }

    fn delete_at(&mut self, block: usize, at: usize) {
        self.blocks[block].delete_at(at);
        self.counters.len -= 1;
        if self.blocks[block].live == 0 {
            self.drop_block(block);
        }
    }

    fn drop_block(&mut self, at: usize) {
        if let Some(block) = self.blocks.remove(at) {
            self.block_bytes -= block.memory();
        }
    }

    /// Finds the first entry again after `gone` left.
    fn refresh_first(&mut self, gone: Id) {
        if gone <= self.counters.first_id || self.counters.len == 0 {
            let first = self.blocks.iter().flat_map(|block| block.iter()).find(|found| !found.deleted);
            self.counters.first_id = first.map_or(Id::MIN, |found| found.id);
        }
    }

    fn group_place(&self, name: &[u8]) -> Result<usize, usize> {
        self.groups.binary_search_by(|group| group.name().cmp(name))
    }

    fn edit_group<R>(
        &mut self,
        name: &[u8],
        edit: impl FnOnce(&mut Group, &VecDeque<Block>, &Counters) -> R,
    ) -> Option<R> {
        let place = self.group_place(name).ok()?;
        let group = &mut self.groups[place];
        let before = group.memory();
        let result = edit(group, &self.blocks, &self.counters);
        self.group_bytes = self.group_bytes - before + group.memory();
        Some(result)
    }

    fn is_referenced(&self, id: Id) -> bool {
        self.groups.iter().any(|group| group.last_id < id || group.pending().get(id).is_some())
    }

    fn forget(&mut self, id: Id) {
        for group in &mut self.groups {
            let before = group.memory();
            group.acknowledge(id);
            self.group_bytes = self.group_bytes - before + group.memory();
        }
    }
}

impl Collection for Stream {
    const TYPE: Type = Type::Stream;

    /// A stream without entries remains, for its groups and its last id.
    fn is_empty(&self) -> bool {
        false
    }

    fn memory(&self) -> usize {
        let body = &*self.0;
        let class = |bytes: usize| if bytes == 0 { 0 } else { class_size(bytes) };
        class_size(size_of::<Body>())
            + class(body.blocks.capacity() * size_of::<Block>())
            + class(body.groups.capacity() * size_of::<Box<Group>>())
            + body.block_bytes
            + body.group_bytes
    }

    fn encoding(&self) -> &'static str {
        "stream"
    }

    fn weight(&self) -> usize {
        2 + self.0.blocks.len() + self.0.groups.iter().map(|group| group.weight()).sum::<usize>()
    }

    fn free_some(&mut self, max: usize) -> bool {
        let body = &mut *self.0;
        for _ in 0..max {
            if let Some(block) = body.blocks.pop_back() {
                body.block_bytes -= block.memory();
            } else if let Some(group) = body.groups.last_mut() {
                let before = group.memory();
                let more = group.free_one();
                body.group_bytes = body.group_bytes - before + group.memory();
                if !more {
                    body.group_bytes -= group.memory();
                    body.groups.pop();
                }
            } else {
                return false;
            }
        }
        true
    }

    fn duplicate(&self) -> Self {
        let mut copy = Stream(self.0.clone());
        // A copied vector has its own capacity, so the sums are made anew.
        copy.0.block_bytes = copy.0.blocks.iter().map(Block::memory).sum();
        for group in &mut copy.0.groups {
            group.recount();
        }
        copy.0.group_bytes = copy.0.groups.iter().map(|group| group.memory()).sum();
        copy
    }

    fn into_object(self) -> Object {
        Object::Stream(self)
    }
}
