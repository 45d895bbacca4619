//! What becomes of records after they were written: the log tells that, too, so that a start knows what still holds.
//!
//! Owns what is to be told with the next block: places whose records are needed no more, entries that have become others
//! (their expiry, flags, name or database), and which database each space is. A fact speaks of a place and is true from
//! then on, so within a block their order is of no account; a start reads the log backwards and believes the first that it
//! meets. Facts matter as long as the segment of their place is there: when the segment that they stand in goes, they are
//! told again.
//!
//! Facts must not be lost, as a value that was deleted would come back. Where there is no room for them, on the disk or in
//! memory, the log gives up instead what it holds: a *floor* says that everything up to there is void for a start. That
//! costs warmth, and never a wrong answer.

use super::block::Block;
use super::index::{self, BLOCK_HEAD, Spaces};
use super::{DiskTier, Flight, record};
use dozo_store::Head;
use dozo_store::tier::{Place, Revived, Tier};
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of facts that are handed over without waiting for the next block.
const SOON: usize = 64 << 10;
/// Bytes of facts that may wait for a disk that fails.
const MOST: usize = 1 << 20;
/// Bytes at the end of the tier that only floors may take.
pub(super) const SPARE: u64 = 8 << 10;

/// What is to be told with the next block.
#[derive(Default)]
pub(super) struct Facts {
    dead: Vec<(u32, u32)>,
    /// By place: the line that says what its entry is now.
    changed: HashMap<(u32, u32), Vec<u8>>,
    changed_bytes: usize,
    pub spaces: Spaces,
    /// The spaces, or the floor, are others than the log says.
    pub spaces_due: bool,
}

impl Facts {
    /// Nothing to be told but which database each space is.
    pub(super) fn of(spaces: Spaces) -> Facts {
        Facts { spaces, spaces_due: true, ..Facts::default() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.dead.len() * size_of::<(u32, u32)>() + self.changed_bytes
    }

    fn is_empty(&self) -> bool {
        self.dead.is_empty() && self.changed.is_empty() && !self.spaces_due
    }

    fn forget(&mut self) {
        self.dead = Vec::new();
        self.changed = HashMap::new();
        self.changed_bytes = 0;
    }

    /// The lines of all of them.
    fn lines(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        if self.spaces_due {
            index::put_spaces(&mut lines, &self.spaces);
        }
        self.changed.values().for_each(|line| lines.extend_from_slice(line));
        if !self.dead.is_empty() {
            index::put_dead(&mut lines, &self.dead);
        }
        lines
    }
}

impl DiskTier {
    /// Whether a start would believe what the log says of that segment's records, unless it is told otherwise.
    fn is_believed(&self, segment: u32) -> bool {
        let found = self.segments.get(&segment);
        found.is_some_and(|found| found.last_seq > self.facts.spaces.floor)
    }

    pub(super) fn tell_dead(&mut self, place: (u32, u32)) {
        if let Some(line) = self.facts.changed.remove(&place) {
            self.facts.changed_bytes -= line.len();
        }
        if self.is_believed(place.0) {
            self.facts.dead.push(place);
            self.send_facts_soon();
        }
    }

    pub(super) fn tell_changed(&mut self, place: Place, space: u16, head: &Head<'_>) {
        if !self.is_believed(place.segment) {
            return;
        }
        let at = (place.segment, place.at);
        let renamed = self.aliases.contains_key(&at);
        let seq = self.next_seq();
        let mut line = Vec::new();
        index::put_entry(&mut line, seq, Some(renamed), &Revived::of_head(space, place, head));
        self.facts.changed_bytes += line.len();
        if let Some(old) = self.facts.changed.insert(at, line) {
            self.facts.changed_bytes -= old.len();
        }
        self.send_facts_soon();
    }

    pub(super) fn tell_spaces(&mut self, dbs: &[u16], flushed: Option<u16>) {
        let seq = self.next_seq();
        let spaces = &mut self.facts.spaces;
        spaces.dbs = dbs.to_vec();
        spaces.flushed.resize(dbs.len(), 0);
        if let Some(up_to) = flushed.and_then(|space| spaces.flushed.get_mut(usize::from(space))) {
            *up_to = seq;
        }
        self.facts.spaces_due = true;
    }

    fn send_facts_soon(&mut self) {
        if self.facts.bytes() < SOON {
            return;
        }
        if self.writer.state().1.is_none() {
            self.send_block();
        } else if self.facts.bytes() > MOST {
            self.raise_floor();
        }
    }

    /// Voids what the log holds, as what became of it can't be told.
    fn raise_floor(&mut self) {
        self.facts.forget();
        self.facts.spaces.floor = self.seq;
        self.facts.spaces_due = true;
    }

    /// Puts what is to be told at the end of the block.
    fn end_with_facts(&mut self) {
        if self.facts.is_empty() {
            return;
        }
        if !self.segments.contains_key(&self.active) {
            if self.facts.bytes() == 0 {
                return;
            }
            // There are only strings that came in parts, and now there is something to be said of them.
            self.open_segment();
        }
        let mut lines = self.facts_lines();
        let needed = |lines: &[u8]| (2 * lines.len() + record::HEAD + 2 * BLOCK_HEAD) as u64;
        if self.total + needed(&lines) + SPARE > self.limit && self.facts.bytes() > 0 {
            self.raise_floor();
            lines = self.facts_lines();
        }
        self.facts.forget();
        self.facts.spaces_due = false;
        self.put_facts(&lines);
    }

    fn facts_lines(&mut self) -> Vec<u8> {
        self.facts.spaces.seq = self.seq;
        self.facts.lines()
    }

    fn put_facts(&mut self, lines: &[u8]) {
        let seq = self.next_seq();
        if let Some(block) = record::facts(seq, lines) {
            self.put_block(block, lines);
        }
    }

    pub(super) fn begin_segment(&mut self) {
        self.send_block();
        self.open_segment();
    }

    /// Begins a segment, whose first record says which database each space is: it may be all that is left one day.
    fn open_segment(&mut self) {
        self.last += 1;
        self.active = self.last;
        self.segments.insert(self.active, super::Segment::default());
        self.block_start = 0;
        self.facts.spaces.seq = self.seq;
        self.facts.spaces_due = false;
        let mut lines = Vec::new();
        index::put_spaces(&mut lines, &self.facts.spaces);
        self.put_facts(&lines);
    }

    /// Adds bytes to the block, and what the index says of them.
    pub(super) fn put_block(&mut self, block: Block, lines: &[u8]) {
        let Some(segment) = self.segments.get_mut(&self.active) else { return };
        let size = block.len() as u64;
        segment.len += size;
        segment.index += lines.len() as u64;
        self.total += size + lines.len() as u64;
        self.written_bytes += size + lines.len() as u64;
        self.block.append(block);
        self.lines.extend_from_slice(lines);
    }

    /// Hands the block over to the writer, with what there is to be told.
    pub(super) fn send_block(&mut self) {
        self.end_with_facts();
        if self.block.is_empty() {
            return;
        }
        let block = Arc::new(std::mem::take(&mut self.block));
        let lines = std::mem::take(&mut self.lines);
        let (segment, start) = (self.active, self.block_start);
        self.block_start += block.len() as u64;
        let index = index::block(start, self.block_start, &lines);
        if let Some(segment) = self.segments.get_mut(&segment) {
            segment.index += BLOCK_HEAD as u64;
            self.total += BLOCK_HEAD as u64;
            self.written_bytes += BLOCK_HEAD as u64;
        }
        let task = self.writer.append(segment, super::writer::Part::Data, Arc::clone(&block));
        self.writer.append(segment, super::writer::Part::Index, Arc::new(index.into()));
        self.flights.push_back(Flight { task, segment, start, block });
        self.land();
    }

    /// A fact that stands in a segment which is to go.
    pub(super) fn tell_dead_again(&mut self, places: &[(u32, u32)], from: u32) {
        for place in places.iter().filter(|place| place.0 != from) {
            if self.is_believed(place.0) {
                self.facts.dead.push(*place);
            }
        }
        self.send_facts_soon();
    }

    /// Makes the log void up to its end: what stood in a segment that is to go can't be read.
    pub(super) fn forget_history(&mut self) {
        self.damaged += 1;
        self.raise_floor();
    }
}

/// Facts as the keyspace tells them.
impl DiskTier {
    pub(super) fn drop_record(&mut self, place: Place) {
        if let Some(segment) = self.segments.get_mut(&place.segment) {
            segment.live = segment.live.saturating_sub(u64::from(place.len));
            self.tell_dead((place.segment, place.at));
        }
        if !self.aliases.is_empty() {
            self.aliases.remove(&(place.segment, place.at));
        }
    }

    /// Waits until everything is on disk.
    pub fn flush(&mut self) -> Result<(), String> {
        self.tick();
        self.writer.flush()
    }
}
