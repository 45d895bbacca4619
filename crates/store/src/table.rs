//! The table of one database, or of one large hash or set: linear hashing over segments.
//!
//! Owns the entries that it holds and frees them when it is dropped. Refuses to know about expiry, policies or sizes of
//! entries.
//!
//! The low bits of a hash choose the segment, its high 16 bits (the tag) the place in the segment. When the segments hold
//! more than [`MEAN`] entries on average, the next one in turn is split in two; when they hold much less, the last one is
//! merged back. So growth and shrinkage touch a few hundred entries at a time, and the load stays even.
//!
//! A scan walks segments in reverse-binary order (as Redis's SCAN) and tags in order within a segment. Its cursor is the
//! segment, the number of hash bits which chose it, and the first tag not yet seen. An entry that stays through the
//! whole scan is seen: a split leaves its place in that order alone, and after a merge the scan repeats the segment.

use crate::chunked::Chunked;
use crate::hashing::{KeyHasher, mix};
use crate::segment::{AHEAD, Segment};
use crate::tagged::{Keyed, Tagged, prefetch_thing};
use std::mem::swap;

/// Entries in a segment, on average, that are too many.
const MEAN: usize = 256;
/// Entries in a segment, on average, that are too few.
const SPARSE: usize = 96;
/// Random probes for a sample before it takes the next best entry.
const PROBES: usize = 64;

const SEGMENT_BITS: u32 = 32;
const DEPTH_BITS: u32 = 6;
/// Bits of a cursor of [`Table::walk`].
pub(crate) const WALK_BITS: u32 = SEGMENT_BITS + DEPTH_BITS;

/// The entries of a database by key.
pub(crate) struct Table<E: Keyed> {
    segments: Chunked<Segment<E>>,
    /// One less than the power of two at or above the number of segments.
    mask: u64,
    len: usize,
    bytes: usize,
}

/// Where a scan stands.
#[derive(Clone, Copy)]
struct Cursor {
    segment: u64,
    depth: u32,
    tag: u16,
}

impl<E: Keyed> Table<E> {
    pub(crate) fn new() -> Self {
        let mut table = Table { segments: Chunked::new(), mask: 0, len: 0, bytes: 0 };
        table.push_segment(Segment::with_room(0));
        table
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes taken from the allocator, without the entries.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.segments.bytes()
    }

    /// The entry of that key.
    #[inline]
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<E> {
        let segment = self.segments.get(self.index(hash))?;
        let (_, entry) = segment.find(tag(hash), |entry| entry.key() == key)?;
        Some(entry)
    }

    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        if let Some(segment) = self.segments.get(self.index(hash)) {
            segment.prefetch(tag(hash));
        }
    }

    #[inline]
    pub(crate) fn prefetch_entry(&self, hash: u64) {
        if let Some(segment) = self.segments.get(self.index(hash)) {
            segment.prefetch_entry(tag(hash));
        }
    }

    /// Adds an entry whose key is not in the table.
    pub(crate) fn insert(&mut self, hash: u64, entry: E, hasher: &KeyHasher) {
        if self.len >= self.segments.len() * MEAN {
            self.split(hasher);
        }
        self.change(self.index(hash), |segment| segment.insert(Tagged::new(entry, tag(hash))));
        self.len += 1;
    }

    /// Makes room for so many more entries at once, where there are none yet: then nothing has to be moved.
    pub(crate) fn reserve(&mut self, entries: usize) {
        while self.len == 0 && entries > self.segments.len() * MEAN {
            self.push_segment(Segment::with_room(MEAN));
        }
    }

    /// Puts `new` in the place of `old`, which has the same key.
    pub(crate) fn replace(&mut self, hash: u64, old: E, new: E) {
        let index = self.index(hash);
        if let Some(segment) = self.segments.get_mut(index)
            && let Some((place, _)) = segment.find(tag(hash), |entry| entry == old)
        {
            segment.replace(place, new);
        }
    }

    /// Takes the entry out of the table.
    pub(crate) fn remove(&mut self, hash: u64, old: E) {
        let index = self.index(hash);
        let found =
            self.segments.get(index).and_then(|segment| segment.find(tag(hash), |entry| entry == old));
        debug_assert!(found.is_some(), "an entry to be removed is in the table");
        if let Some((place, _)) = found {
            self.change(index, |segment| segment.remove(place));
            self.len -= 1;
            if self.segments.len() > 1 && self.len < self.segments.len() * SPARSE {
                self.merge();
            }
        }
    }

    /// A random entry; `random` is 64 random bits.
    pub(crate) fn sample(&self, mut random: u64) -> Option<E> {
        if self.len == 0 {
            return None;
        }
        for _ in 0..PROBES {
            // A random hash meets a segment as often as keys do, though segments differ in size.
            let segment = self.segments.get(self.index(random))?;
            random = mix(random);
            let slot = ((random >> 32) * segment.slots() as u64) >> 32;
            if let Some(entry) = segment.at(slot as usize) {
                return Some(entry);
            }
        }
        let first = self.index(random);
        (first..self.segments.len())
            .chain(0..first)
            .filter_map(|index| self.segments.get(index))
            .find(|segment| segment.len() > 0)
            .and_then(|segment| segment.iter().next()?.entry())
    }

    /// Every entry once.
    pub(crate) fn iter(&self) -> impl Iterator<Item = E> {
        self.segments.iter().flat_map(|segment| segment.iter().filter_map(Tagged::entry))
    }

    /// Visits about `count` entries from `cursor` on (0 starts) and returns the next cursor (0: all were seen).
    pub(crate) fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(E)) -> u64 {
        let mut cursor = Cursor::decode(cursor);
        let mut left = count.max(1);
        while let Some((segment, depth, from)) = self.standing(cursor) {
            let mut seen: Vec<Tagged<E>> = segment.iter().filter(|tagged| tagged.tag() >= from).collect();
            let rest = cut_by_tag(&mut seen, left);
            seen.iter().filter_map(|tagged| tagged.entry()).for_each(&mut *visit);
            if let Some(tag) = rest {
                let segment = cursor.segment & low_bits(depth);
                return Cursor { segment, depth, tag }.encode();
            }
            left = left.saturating_sub(seen.len());
            cursor = self.after(cursor.segment, depth);
            if left == 0 || cursor.segment == 0 {
                return cursor.encode();
            }
        }
        0
    }

    /// As `scan`, but in whole segments, so that the cursor has no more than [`WALK_BITS`] bits.
    pub(crate) fn walk(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(E)) -> u64 {
        let mut cursor = Cursor::decode(cursor);
        let mut left = count.max(1);
        while let Some((segment, depth, _)) = self.standing(cursor) {
            segment.visit(visit);
            left = left.saturating_sub(segment.len());
            cursor = self.after(cursor.segment, depth);
            if left == 0 || cursor.segment == 0 {
                return cursor.encode();
            }
        }
        0
    }

    /// The segment at a cursor, the number of bits that choose it now, and the first tag not seen.
    fn standing(&self, cursor: Cursor) -> Option<(&Segment<E>, u32, u16)> {
        let index = self.index(cursor.segment);
        let depth = self.depth(index);
        let from = if depth < cursor.depth { 0 } else { cursor.tag };
        Some((self.segments.get(index)?, depth, from))
    }

    /// The cursor at the segment after this one in reverse-binary order; it encodes to 0 after the last.
    fn after(&self, segment: u64, depth: u32) -> Cursor {
        let segment = following(segment, depth);
        let depth = if segment == 0 { 0 } else { self.depth(self.index(segment)) };
        Cursor { segment, depth, tag: 0 }
    }

    /// Takes a whole segment's entries out, for a table that is being freed in slices; false when it is empty.
    pub(crate) fn drain_segment(&mut self, free: &mut dyn FnMut(E)) -> bool {
        let Some(segment) = self.segments.pop() else {
            return false;
        };
        self.len -= segment.len();
        self.bytes -= segment.bytes();
        self.mask = (self.segments.len().max(1).next_power_of_two() - 1) as u64;
        segment.iter().filter_map(Tagged::entry).for_each(free);
        self.segments.len() > 0
    }

    /// The segment of a hash: by all bits of the mask, or by one less where that segment does not exist yet.
    #[inline]
    fn index(&self, hash: u64) -> usize {
        let index = (hash & self.mask) as usize;
        if index < self.segments.len() { index } else { (hash & (self.mask >> 1)) as usize }
    }

    /// The number of hash bits which chose the segment.
    fn depth(&self, index: usize) -> u32 {
        let bits = self.mask.count_ones();
        let unsplit = (self.mask >> 1) as usize + 1;
        let twin_missing = index < unsplit && index + unsplit >= self.segments.len();
        if bits > 0 && twin_missing { bits - 1 } else { bits }
    }

    fn split(&mut self, hasher: &KeyHasher) {
        let new = self.segments.len();
        let bit = 1u64 << new.ilog2();
        let parent = new ^ bit as usize;
        let Some(old) = self.segments.get_mut(parent) else {
            return;
        };
        let half = old.len() / 2;
        let mut low = Segment::with_room(half + half / 16);
        let mut high = Segment::with_room(half + half / 16);
        let moving: Vec<Tagged<E>> = old.iter().collect();
        for (at, tagged) in moving.iter().enumerate() {
            if let Some(ahead) = moving.get(at + AHEAD).and_then(|tagged| tagged.entry()) {
                prefetch_thing(ahead);
            }
            if let Some(entry) = tagged.entry() {
                let goes_up = hasher.hash(entry.key()) & bit != 0;
                let side = if goes_up { &mut high } else { &mut low };
                side.insert(*tagged);
            }
        }
        self.bytes += low.bytes();
        swap(old, &mut low);
        self.bytes -= low.bytes();
        self.push_segment(high);
    }

    fn merge(&mut self) {
        let Some(last) = self.segments.pop() else {
            return;
        };
        self.bytes -= last.bytes();
        let parent = self.segments.len() ^ (1 << self.segments.len().ilog2());
        self.mask = (self.segments.len().next_power_of_two() - 1) as u64;
        self.change(parent, |segment| last.iter().for_each(|tagged| segment.insert(tagged)));
    }

    fn push_segment(&mut self, segment: Segment<E>) {
        self.bytes += segment.bytes();
        self.segments.push(segment);
        self.mask = (self.segments.len().next_power_of_two() - 1) as u64;
    }

    /// Changes a segment and keeps the count of bytes right.
    #[inline]
    fn change(&mut self, index: usize, change: impl FnOnce(&mut Segment<E>)) {
        if let Some(segment) = self.segments.get_mut(index) {
            let before = segment.bytes();
            change(segment);
            self.bytes = self.bytes + segment.bytes() - before;
        }
    }
}

impl<E: Keyed> Drop for Table<E> {
    fn drop(&mut self) {
        while self.drain_segment(&mut |entry| entry.dispose()) {}
    }
}

impl Cursor {
    fn encode(self) -> u64 {
        self.segment | u64::from(self.depth) << SEGMENT_BITS | u64::from(self.tag) << WALK_BITS
    }

    /// Any number is a cursor: clients may send what they like.
    fn decode(cursor: u64) -> Cursor {
        Cursor {
            segment: cursor & low_bits(SEGMENT_BITS),
            depth: (cursor >> SEGMENT_BITS) as u32 & low_bits(DEPTH_BITS) as u32,
            tag: (cursor >> WALK_BITS) as u16,
        }
    }
}

/// Leaves the lowest tags, `wanted` of them or more where tags are equal, and returns the lowest tag cut off.
fn cut_by_tag<E: Keyed>(entries: &mut Vec<Tagged<E>>, wanted: usize) -> Option<u16> {
    if entries.len() <= wanted {
        return None;
    }
    entries.sort_unstable_by_key(|tagged| tagged.tag());
    let last = entries.get(wanted - 1)?.tag();
    let end = entries.partition_point(|tagged| tagged.tag() <= last);
    let rest = entries.get(end)?.tag();
    entries.truncate(end);
    Some(rest)
}

/// The next segment in reverse-binary order after one that was chosen by `depth` bits; 0 after the last.
fn following(segment: u64, depth: u32) -> u64 {
    (segment | !low_bits(depth)).reverse_bits().wrapping_add(1).reverse_bits()
}

#[inline]
fn low_bits(count: u32) -> u64 {
    (1 << count) - 1
}

#[inline]
fn tag(hash: u64) -> u16 {
    (hash >> 48) as u16
}
