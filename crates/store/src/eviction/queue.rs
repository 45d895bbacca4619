//! Three first-in-first-out queues of entries, with removal from the middle.
//!
//! Owns the header's `slot` of every queued entry. Refuses to judge: it keeps order and nothing else.
//!
//! A queue is a linked list of chunks of 126 words; a word packs an entry's address (48 bits) with its space (16 bits),
//! and 0 marks a hole. That is 8 bytes an entry, where two links in each header would be 16. `slot` holds the chunk's
//! number and the offset in it, so removal is O(1): it leaves a hole. An empty chunk is freed at once, and two
//! neighbours that together fill at most half a chunk are merged, so holes never outgrow the entries and no single step
//! touches more than 63 of them. Pushing, popping and removing allocate or free at most one chunk.

use super::Space;
use crate::chunked::Chunked;
use crate::entry::EntryPtr;

/// Words in a chunk; with the links it makes 1024 bytes.
const CHUNK_WORDS: usize = 126;
/// Neighbours with this many entries or fewer between them become one chunk.
const MERGE_AT: usize = CHUNK_WORDS / 2;
const OFFSET_BITS: u32 = 7;
const ADDRESS_BITS: u32 = 48;
const NONE: u32 = u32::MAX;
/// Slots below this one belong to the candidate pool; queue slots start here, so 0 means "nowhere".
pub(super) const FIRST_SLOT: u32 = 1 << OFFSET_BITS;

/// Which of the three queues; the policies give them their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// fifo: all entries. s3fifo: the small queue. tinylfu: the window.
    Entry = 0,
    /// s3fifo: the main queue. tinylfu: probation.
    Main = 1,
    /// tinylfu: protected.
    Protected = 2,
}

struct Chunk {
    words: [u64; CHUNK_WORDS],
    next: u32,
    prev: u32,
    /// Words before this one are holes.
    start: u8,
    /// Words from this one on were never written, or are holes again.
    end: u8,
    live: u8,
    lane: Lane,
}

#[derive(Clone, Copy)]
struct Ends {
    head: u32,
    tail: u32,
    len: usize,
}

const EMPTY: Ends = Ends { head: NONE, tail: NONE, len: 0 };

/// The queues, which share their chunks.
pub(super) struct Queues {
    chunks: Chunked<Option<Box<Chunk>>>,
    free: Chunked<u32>,
    /// One empty chunk is kept, so that a queue which swings around a chunk's border does not call the allocator.
    spare: Option<Box<Chunk>>,
    lanes: [Ends; 3],
}

impl Queues {
    pub fn new() -> Self {
        Self { chunks: Chunked::new(), free: Chunked::new(), spare: None, lanes: [EMPTY; 3] }
    }

    /// Number of entries in one queue.
    pub fn len(&self, lane: Lane) -> usize {
        self.lanes[lane as usize].len
    }

    /// Number of entries in all queues.
    pub fn total(&self) -> usize {
        self.lanes.iter().map(|ends| ends.len).sum()
    }

    /// Appends an entry that stands in no queue.
    pub fn push(&mut self, lane: Lane, entry: EntryPtr, space: Space) {
        debug_assert!(entry.slot() < FIRST_SLOT);
        let tail = self.lanes[lane as usize].tail;
        let id = match self.chunk(tail) {
            Some(chunk) if (chunk.end as usize) < CHUNK_WORDS => tail,
            _ => self.add_chunk(lane),
        };
        if let Some(chunk) = self.chunk_mut(id) {
            let offset = chunk.end;
            chunk.words[offset as usize] = pack(entry, space);
            chunk.end += 1;
            chunk.live += 1;
            entry.set_slot(slot(id, offset as usize));
            self.lanes[lane as usize].len += 1;
        }
    }

    /// Takes the oldest entry out.
    pub fn pop(&mut self, lane: Lane) -> Option<(Space, EntryPtr)> {
        let (space, entry) = self.front(lane)?;
        self.unlink(entry, false);
        Some((space, entry))
    }

    /// The oldest entry.
    pub fn front(&mut self, lane: Lane) -> Option<(Space, EntryPtr)> {
        let head = self.lanes[lane as usize].head;
        let chunk = self.chunk_mut(head)?;
        let live = &chunk.words[chunk.start as usize..chunk.end as usize];
        let holes = live.iter().position(|word| *word != 0)?;
        chunk.start += holes as u8;
        unpack(chunk.words[chunk.start as usize])
    }

    /// Some entry; `random` is 64 random bits. Which one is as random as the chunks are evenly filled.
    pub fn sample(&self, random: u64) -> Option<(Space, EntryPtr)> {
        let chunks = self.chunks.len();
        let first = (((random >> 32) * chunks as u64) >> 32) as usize;
        let held = |id: &usize| self.chunk(*id as u32).filter(|chunk| chunk.live > 0);
        let chunk = (first..chunks).chain(0..first).find_map(|id| held(&id))?;
        let at = (random & 0xffff_ffff) as usize % CHUNK_WORDS;
        (at..CHUNK_WORDS).chain(0..at).find_map(|at| unpack(chunk.words[at]))
    }

    /// Takes an entry out, wherever it stands; an entry that stands in no queue is left alone.
    pub fn remove(&mut self, entry: EntryPtr) {
        if entry.slot() >= FIRST_SLOT {
            self.unlink(entry, true);
        }
    }

    /// Lets `new` stand where `old` stood; `new` already bears the slot.
    pub fn replace(&mut self, old: EntryPtr, new: EntryPtr) {
        let (id, offset) = place(new.slot());
        if let Some(chunk) = self.chunk_mut(id) {
            let word = &mut chunk.words[offset];
            debug_assert_eq!(*word & ADDRESS_MASK, old.addr() as u64);
            if let Some((space, _)) = unpack(*word) {
                *word = pack(new, space);
            }
        }
        old.set_slot(0);
    }

    /// Bytes held.
    pub fn overhead(&self) -> usize {
        let used = self.chunks.len() - self.free.len() + usize::from(self.spare.is_some());
        used * size_of::<Chunk>() + self.chunks.bytes() + self.free.bytes()
    }

    fn unlink(&mut self, entry: EntryPtr, tidy: bool) {
        let (id, offset) = place(entry.slot());
        entry.set_slot(0);
        let Some(chunk) = self.chunk_mut(id) else {
            return;
        };
        debug_assert_eq!(chunk.words[offset] & ADDRESS_MASK, entry.addr() as u64);
        chunk.words[offset] = 0;
        chunk.live -= 1;
        let (live, lane, prev, next) = (chunk.live as usize, chunk.lane, chunk.prev, chunk.next);
        self.lanes[lane as usize].len -= 1;
        if live == 0 {
            self.drop_chunk(id);
        } else if tidy && live < MERGE_AT {
            if self.live(next) + live <= MERGE_AT {
                self.merge(id, next);
            } else if self.live(prev) + live <= MERGE_AT {
                self.merge(prev, id);
            }
        }
    }

    /// Entries in a chunk; more than any chunk holds when there is no such chunk.
    fn live(&self, id: u32) -> usize {
        self.chunk(id).map_or(CHUNK_WORDS, |chunk| chunk.live as usize)
    }

    /// Moves the entries of `second` behind those of `first`, its elder neighbour.
    fn merge(&mut self, first: u32, second: u32) {
        let Some(mut from) = self.take_chunk(second) else {
            return;
        };
        if let Some(into) = self.chunk_mut(first) {
            into.compact(first);
            let base = into.end as usize;
            from.compact_into(&mut into.words[base..], first, base);
            into.end += from.live;
            into.live += from.live;
        }
        from.live = 0;
        self.spare = Some(from);
    }

    fn chunk(&self, id: u32) -> Option<&Chunk> {
        self.chunks.get(id as usize)?.as_deref()
    }

    fn chunk_mut(&mut self, id: u32) -> Option<&mut Chunk> {
        self.chunks.get_mut(id as usize)?.as_deref_mut()
    }

    fn add_chunk(&mut self, lane: Lane) -> u32 {
        let prev = self.lanes[lane as usize].tail;
        let mut chunk = self.spare.take().unwrap_or_else(Chunk::empty);
        (chunk.next, chunk.prev) = (NONE, prev);
        (chunk.start, chunk.end, chunk.live, chunk.lane) = (0, 0, 0, lane);
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                self.chunks.push(None);
                self.chunks.len() as u32 - 1
            }
        };
        if let Some(place) = self.chunks.get_mut(id as usize) {
            *place = Some(chunk);
        }
        match self.chunk_mut(prev) {
            Some(tail) => tail.next = id,
            None => self.lanes[lane as usize].head = id,
        }
        self.lanes[lane as usize].tail = id;
        id
    }

    fn drop_chunk(&mut self, id: u32) {
        self.spare = self.take_chunk(id);
        if self.free.len() == self.chunks.len() && self.free.len() > CHUNK_WORDS {
            (self.chunks, self.free) = (Chunked::new(), Chunked::new());
        }
    }

    /// Unhooks a chunk from its queue and gives its number back.
    fn take_chunk(&mut self, id: u32) -> Option<Box<Chunk>> {
        let chunk = self.chunks.get_mut(id as usize)?.take()?;
        self.free.push(id);
        match self.chunk_mut(chunk.prev) {
            Some(prev) => prev.next = chunk.next,
            None => self.lanes[chunk.lane as usize].head = chunk.next,
        }
        match self.chunk_mut(chunk.next) {
            Some(next) => next.prev = chunk.prev,
            None => self.lanes[chunk.lane as usize].tail = chunk.prev,
        }
        Some(chunk)
    }
}

impl Chunk {
    fn empty() -> Box<Self> {
        Box::new(Self {
            words: [0; CHUNK_WORDS],
            next: NONE,
            prev: NONE,
            start: 0,
            end: 0,
            live: 0,
            lane: Lane::Entry,
        })
    }

    /// Closes the holes by moving the entries to the front.
    fn compact(&mut self, id: u32) {
        let mut to = 0;
        for from in self.start as usize..self.end as usize {
            if let Some((_, entry)) = unpack(self.words[from]) {
                self.words.swap(to, from);
                entry.set_slot(slot(id, to));
                to += 1;
            }
        }
        (self.start, self.end) = (0, to as u8);
    }

    /// Moves the entries to `words`, which are those of chunk `id` from `base` on.
    fn compact_into(&mut self, words: &mut [u64], id: u32, base: usize) {
        let moved = self.words.iter_mut().filter(|word| **word != 0);
        for (to, word) in moved.enumerate() {
            if let Some((_, entry)) = unpack(*word) {
                entry.set_slot(slot(id, base + to));
            }
            words[to] = std::mem::take(word);
        }
    }
}

const ADDRESS_MASK: u64 = (1 << ADDRESS_BITS) - 1;

fn slot(id: u32, offset: usize) -> u32 {
    ((id + 1) << OFFSET_BITS) | offset as u32
}

fn place(slot: u32) -> (u32, usize) {
    ((slot >> OFFSET_BITS).wrapping_sub(1), (slot & (FIRST_SLOT - 1)) as usize)
}

fn pack(entry: EntryPtr, space: Space) -> u64 {
    debug_assert_eq!(entry.addr() as u64 & !ADDRESS_MASK, 0);
    (u64::from(space) << ADDRESS_BITS) | entry.addr() as u64
}

fn unpack(word: u64) -> Option<(Space, EntryPtr)> {
    if word == 0 {
        return None;
    }
    // SAFETY: a word that is not 0 was packed from an entry, and is set to 0 or replaced before that entry is freed.
    let entry = unsafe { EntryPtr::from_addr((word & ADDRESS_MASK) as usize) };
    Some(((word >> ADDRESS_BITS) as Space, entry))
}
