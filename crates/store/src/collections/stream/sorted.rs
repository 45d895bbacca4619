//! A map ordered by id, in chunks: what pending entries are kept in.
//!
//! Ids are mostly delivered in order and acknowledged from the front, so both ends cost O(1); anything between costs
//! two binary searches and a move within one chunk.

use std::collections::VecDeque;

use super::id::Id;
use crate::size_class::class_size;

const CHUNK: usize = 128;

/// The map.
#[derive(Clone, Debug)]
pub struct Sorted<V> {
    chunks: VecDeque<Vec<(Id, V)>>,
    len: usize,
    bytes: usize,
}

impl<V> Default for Sorted<V> {
    fn default() -> Self {
        Sorted { chunks: VecDeque::new(), len: 0, bytes: 0 }
    }
}

impl<V> Sorted<V> {
    /// Number of ids.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes taken from the allocator.
    pub(super) fn memory(&self) -> usize {
        let spine = self.chunks.capacity() * size_of::<Vec<(Id, V)>>();
        self.bytes + if spine == 0 { 0 } else { class_size(spine) }
    }

    /// Makes the sum anew, as copied vectors have capacities of their own.
    pub(super) fn recount(&mut self) {
        self.bytes = self.chunks.iter().map(cost).sum();
    }

    /// How many allocations freeing takes.
    pub(super) fn weight(&self) -> usize {
        self.chunks.len()
    }

    /// Frees one chunk; false when there was none.
    pub(super) fn free_chunk(&mut self) -> bool {
        match self.chunks.pop_back() {
            Some(chunk) => {
                self.len -= chunk.len();
                self.bytes -= cost(&chunk);
                true
            }
            None => false,
        }
    }

    /// The chunk that holds `id` or would, and the place in it.
    fn place(&self, id: Id) -> (usize, Result<usize, usize>) {
        let after = self.chunks.partition_point(|chunk| chunk.first().is_some_and(|(first, _)| *first <= id));
        let at = after.saturating_sub(1);
        let found = match self.chunks.get(at) {
            Some(chunk) => chunk.binary_search_by_key(&id, |(id, _)| *id),
            None => Err(0),
        };
        (at, found)
    }

    /// What belongs to `id`.
    #[must_use]
    pub fn get(&self, id: Id) -> Option<&V> {
        let (chunk, place) = self.place(id);
        place.ok().map(|place| &self.chunks[chunk][place].1)
    }

    /// What belongs to `id`, to be changed.
    pub fn get_mut(&mut self, id: Id) -> Option<&mut V> {
        let (chunk, place) = self.place(id);
        place.ok().map(|place| &mut self.chunks[chunk][place].1)
    }

    /// Puts `value` at `id` and returns what was there.
    pub fn insert(&mut self, id: Id, value: V) -> Option<V> {
        let (mut at, place) = self.place(id);
        let mut place = match place {
            Ok(place) => return Some(std::mem::replace(&mut self.chunks[at][place].1, value)),
            Err(place) => place,
        };
        match self.chunks.get_mut(at) {
            None => self.chunks.push_back(Vec::new()),
            Some(chunk) if chunk.len() >= CHUNK => {
                let last = place == chunk.len();
                let keep = if last { CHUNK } else { CHUNK / 2 };
                self.bytes -= cost(chunk);
                let tail = chunk.split_off(keep);
                chunk.shrink_to_fit();
                self.bytes += cost(chunk) + cost(&tail);
                self.chunks.insert(at + 1, tail);
                if place >= keep {
                    at += 1;
                    place -= keep;
                }
            }
            Some(_) => {}
        }
        let chunk = &mut self.chunks[at];
        self.bytes -= cost(chunk);
        chunk.insert(place, (id, value));
        self.bytes += cost(chunk);
        self.len += 1;
        None
    }

    /// Takes `id` out.
    pub fn remove(&mut self, id: Id) -> Option<V> {
        let (at, place) = self.place(id);
        let place = place.ok()?;
        let chunk = &mut self.chunks[at];
        let (_, value) = chunk.remove(place);
        self.len -= 1;
        if chunk.is_empty() {
            self.bytes -= cost(chunk);
            self.chunks.remove(at);
        } else {
            self.merge(at);
        }
        Some(value)
    }

    /// Keeps chunks from becoming many and almost empty.
    fn merge(&mut self, at: usize) {
        let Some(next) = self.chunks.get(at + 1) else { return };
        if self.chunks[at].len() + next.len() > CHUNK / 2 {
            return;
        }
        if let Some(mut next) = self.chunks.remove(at + 1) {
            let chunk = &mut self.chunks[at];
            self.bytes -= cost(&next) + cost(chunk);
            chunk.append(&mut next);
            self.bytes += cost(chunk);
        }
    }

    /// Ids from `from` on, in order.
    pub fn range(&self, from: Id) -> impl Iterator<Item = (Id, &V)> {
        let (at, place) = self.place(from);
        let place = place.unwrap_or_else(|place| place);
        let first = self.chunks.get(at).map_or(&[][..], |chunk| &chunk[place..]);
        let rest = self.chunks.iter().skip(at + 1).flatten();
        first.iter().chain(rest).map(|(id, value)| (*id, value))
    }

    /// All ids in order.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &V)> {
        self.chunks.iter().flatten().map(|(id, value)| (*id, value))
    }

    /// The largest id.
    #[must_use]
    pub fn last(&self) -> Option<Id> {
        self.chunks.back().and_then(|chunk| chunk.last()).map(|(id, _)| *id)
    }
}

fn cost<V>(chunk: &Vec<(Id, V)>) -> usize {
    let bytes = chunk.capacity() * size_of::<(Id, V)>();
    if bytes == 0 { 0 } else { class_size(bytes) }
}
