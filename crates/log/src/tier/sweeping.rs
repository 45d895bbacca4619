//! Making room, where it gets scarce or somebody asks for it: a segment is read through, and what is in use of it is carried
//! on: its values, and then what its index says of records in other segments.

use super::index::{self, Line};
use super::{Bytes, DiskTier, Segment, record, writer};
use dozo_store::tier::{Found, Place, Sweep};
use dozo_store::{Head, Shared};
use std::sync::Arc;

/// Bytes read at once; more where a record is longer.
const CHUNK: u64 = 256 << 10;
/// A segment that is in use to more than three quarters gives too little room when everything of it is carried on.
const SCARCE_QUARTERS: u64 = 3;
/// With so many segments, as many starts leave short ones behind, some are swept together.
const MANY: usize = 192;
/// A sweep that makes room by less than this part of a segment has made none.
const GAIN: u64 = 16;
/// Segments whose parts in use differ by less than this share are taken by age.
const GRADES: u64 = 16;

/// A segment that is being swept.
pub(super) struct Sweeping {
    segment: u32,
    /// How far it was read, and up to where it is to be.
    at: u64,
    end: u64,
    scarce: bool,
    /// How far its index was read, once its records were.
    told: u64,
    /// The bytes whose records are at hand, and where they start.
    chunk: Shared,
    start: u64,
    /// Bytes that were carried on, and how many may be where room is scarce.
    carried: u64,
    /// The one record of the segment stays where it is.
    kept: bool,
    /// Some of it has to be carried on whatever room is left.
    must_stay: bool,
    /// Nobody needs the room.
    compacts: bool,
}

impl Sweeping {
    fn new(segment: u32, end: u64) -> Self {
        Sweeping {
            segment,
            at: 0,
            end,
            scarce: false,
            told: 0,
            chunk: Shared::default(),
            start: 0,
            carried: 0,
            kept: false,
            must_stay: false,
            compacts: false,
        }
    }
}

impl DiskTier {
    /// The next records of the segment that is swept, or of the next one, where that is needed.
    pub(super) fn sweep_on(&mut self) -> Option<Sweep> {
        let mut sweeping = match self.sweeping.take() {
            Some(sweeping) => sweeping,
            None => self.begin_sweep()?,
        };
        let mut sweep = Sweep { records: Vec::new(), changed: Vec::new(), scarce: sweeping.scarce };
        if sweeping.at < sweeping.end {
            sweep.records = self.next_records(&mut sweeping);
        } else if sweeping.told < self.index_len(sweeping.segment) {
            sweep.changed = self.tell_on(&mut sweeping);
        }
        let over = sweeping.at >= sweeping.end && sweeping.told >= self.index_len(sweeping.segment);
        // What was handed out is dealt with before the next call.
        if over && sweep.records.is_empty() && sweep.changed.is_empty() {
            self.end_sweep(&sweeping);
            return Some(sweep);
        }
        self.sweeping = Some(sweeping);
        Some(sweep)
    }

    fn index_len(&self, segment: u32) -> u64 {
        self.segments.get(&segment).map_or(0, |segment| segment.index)
    }

    /// Tells again what the next blocks of the swept segment's index say of records elsewhere. Dead ones are told here;
    /// entries that have changed are returned, as only their owner knows what they are by now.
    fn tell_on(&mut self, sweeping: &mut Sweeping) -> Vec<Found> {
        let Some(bytes) = self.read_index(sweeping) else {
            sweeping.told = u64::MAX;
            self.forget_history();
            return Vec::new();
        };
        let (mut at, mut changed) = (0, Vec::new());
        while let Some(head) = bytes.get(at..).and_then(index::BlockHead::read) {
            let block = bytes.get(at..).unwrap_or_default();
            if block.len() < head.size {
                break;
            }
            let Some(lines) = head.lines(block) else {
                sweeping.told = u64::MAX;
                self.forget_history();
                return changed;
            };
            self.tell_lines(sweeping.segment, lines, &mut changed);
            at += head.size;
        }
        sweeping.told += at as u64;
        if at == 0 {
            // No block, where one should be.
            sweeping.told = u64::MAX;
            self.forget_history();
        }
        changed
    }

    fn tell_lines(&mut self, from: u32, lines: &[u8], changed: &mut Vec<Found>) {
        for at in index::starts(lines).unwrap_or_default() {
            match index::line(lines.get(at..).unwrap_or_default()) {
                Some(Line::Dead(places)) => self.tell_dead_again(&places, from),
                Some(Line::Changed { found, .. }) if found.place.segment != from => {
                    let (space, place) = (found.space, found.place);
                    changed.push(Found { space, key: found.key.into(), place });
                }
                _ => {}
            }
        }
    }

    /// The next blocks of the index, at least one whole one.
    fn read_index(&mut self, sweeping: &Sweeping) -> Option<Vec<u8>> {
        if self.flights.iter().any(|flight| flight.segment == sweeping.segment)
            && self.writer.flush().is_err()
        {
            return None;
        }
        let left = self.index_len(sweeping.segment) - sweeping.told;
        let file = self.disk.open(&writer::path(&self.dir, sweeping.segment, writer::Part::Index)).ok()?;
        let mut bytes = vec![0; left.min(CHUNK) as usize];
        file.read_at(&mut bytes, sweeping.told).ok()?;
        let whole = index::BlockHead::read(&bytes)?.size;
        if whole > bytes.len() && whole as u64 <= left {
            bytes.resize(whole, 0);
            file.read_at(&mut bytes, sweeping.told).ok()?;
        }
        Some(bytes)
    }

    /// Whether there is so little room that some should be made.
    fn lacks_room(&self) -> bool {
        self.total + self.reserve() + self.segment_bytes.max(self.wanted) > self.limit
    }

    /// Notes the segments of which enough is needed no more; the one that grows ends with that, if it is one of them.
    pub(super) fn find_waste(&mut self) {
        if self.segments.get(&self.active).is_some_and(Segment::is_wasteful) {
            self.begin_segment();
        }
        let wasteful = self.segments.iter().filter(|(_, segment)| segment.is_wasteful());
        self.wasteful = wasteful.map(|(number, _)| *number).collect();
    }

    /// Whether one of these is being swept, or can be: what is in use of it has to find room elsewhere.
    pub(super) fn is_compacting(&mut self) -> bool {
        if self.sweeping.is_none() {
            self.sweeping = self.next_wasteful();
        } else if self.sweeping.as_ref().is_some_and(|sweeping| !sweeping.compacts) {
            return !self.wasteful.is_empty();
        }
        self.sweeping.is_some()
    }

    fn next_wasteful(&mut self) -> Option<Sweeping> {
        while let Some(number) = self.wasteful.pop_first() {
            let Some(segment) = self.segments.get(&number).filter(|segment| segment.is_wasteful()) else {
                continue;
            };
            let needed = segment.live + segment.index + self.segment_bytes;
            if number != self.active && self.total + needed <= self.limit {
                let end = if segment.live == 0 { 0 } else { segment.len };
                return Some(Sweeping { compacts: true, ..Sweeping::new(number, end) });
            }
        }
        None
    }

    fn begin_sweep(&mut self) -> Option<Sweeping> {
        if !self.lacks_room() && self.segments.len() <= MANY {
            return None;
        }
        let full = self.segments.iter().filter(|(number, _)| **number != self.active);
        let grade = |live: u64, len: u64| live * GRADES / len.max(1);
        let (segment, len, live) = full
            .min_by_key(|(number, segment)| {
                (grade(segment.live, segment.len), segment.age(**number), **number)
            })
            .map(|(number, segment)| (*number, segment.len, segment.live))?;
        let end = if live == 0 { 0 } else { len };
        let scarce = self.lacks_room() && live * 4 > len * SCARCE_QUARTERS;
        // Where the policy lets nothing go, a segment that is all in use would be written anew for ever.
        let in_vain = self.died.is_some_and(|died| died < self.segment_bytes / GAIN);
        if scarce && in_vain && len.saturating_sub(live) < len / GAIN {
            return None;
        }
        Some(Sweeping { scarce, ..Sweeping::new(segment, end) })
    }

    /// The files of a swept segment go, behind everything of it that was carried on.
    fn end_sweep(&mut self, sweeping: &Sweeping) {
        let gain = if sweeping.kept { 0 } else { sweeping.end.saturating_sub(sweeping.carried) };
        self.died = (sweeping.must_stay && gain < sweeping.end / GAIN).then_some(0);
        let segment = self.segments.get_mut(&sweeping.segment).filter(|_| sweeping.kept);
        if let Some(whole) = segment.and_then(|segment| segment.whole.as_mut()) {
            // It was asked for. All others have their turn before it is looked at again.
            whole.age = self.last + 1;
            return;
        }
        self.send_block();
        self.drop_segment(sweeping.segment);
        self.aliases.retain(|(segment, _), _| *segment != sweeping.segment);
    }

    /// Reads on. A segment that can't be read ends here: what is in use of it is read where it is asked for, or is lost.
    fn next_records(&mut self, sweeping: &mut Sweeping) -> Vec<Found> {
        if let Some(whole) = self.segments.get(&sweeping.segment).and_then(|segment| segment.whole.as_ref()) {
            // It is given up or stays where it is: to write it anew would make no room.
            sweeping.at = sweeping.end;
            let (space, key) = match self.aliases.get(&(sweeping.segment, 0)) {
                Some((space, key)) => (*space, key.clone()),
                None => (whole.space, whole.key.clone()),
            };
            return vec![Found { space, key, place: whole.place }];
        }
        sweeping.start = sweeping.at;
        sweeping.chunk = Shared::default();
        let mut len = CHUNK.min(sweeping.end - sweeping.at);
        loop {
            if len == 0 || !self.read_chunk(sweeping, len) {
                sweeping.at = sweeping.end;
                return Vec::new();
            }
            let records = self.records_in(sweeping);
            if !records.is_empty() || sweeping.at > sweeping.start {
                return records;
            }
            // The first record is longer than the chunk.
            let whole = record::Header::read(&sweeping.chunk).map_or(0, |header| header.size() as u64);
            if whole <= len || sweeping.start + whole > sweeping.end {
                sweeping.at = self.after_damage(sweeping);
                return Vec::new();
            }
            len = whole;
        }
    }

    /// Where to go on behind bytes that are no record: at the next ones that are, or at the end.
    fn after_damage(&mut self, sweeping: &Sweeping) -> u64 {
        self.damaged += 1;
        let step = record::ALIGN;
        let starts = (step..sweeping.chunk.len()).step_by(step);
        let next = starts
            .filter(|at| record::Header::read(&sweeping.chunk[*at..]).is_some())
            .map(|at| sweeping.start + at as u64)
            .next();
        next.unwrap_or((sweeping.start + sweeping.chunk.len() as u64).max(sweeping.start + step as u64))
    }

    /// Whether the next step of a sweep waits for nothing; what it needs is read meanwhile.
    pub(super) fn is_ready_to_sweep(&mut self) -> bool {
        if self.sweeping.is_none() {
            self.sweeping = self.begin_sweep();
        }
        let Some(sweeping) = self.sweeping.as_ref().filter(|sweeping| sweeping.at < sweeping.end) else {
            return true;
        };
        let (segment, end) = (sweeping.segment, sweeping.end);
        let part = (segment, sweeping.at, CHUNK.min(end - sweeping.at));
        let (asked, read) = self.ahead.state(part);
        if asked {
            return read;
        }
        self.land();
        if self.flights.iter().any(|flight| flight.segment == segment) {
            // It will be written, or the disk fails, and whoever needs room finds that out.
            return false;
        }
        match self.reader(segment) {
            Some(file) => self.ahead.ask(part, end, file),
            None => return true,
        }
        false
    }

    fn read_chunk(&mut self, sweeping: &mut Sweeping, len: u64) -> bool {
        if let Some(bytes) = self.ahead.take((sweeping.segment, sweeping.start, len)) {
            sweeping.chunk = Arc::new(bytes);
            return true;
        }
        let place = Place {
            segment: sweeping.segment,
            at: (sweeping.start / record::ALIGN as u64) as u32,
            len: len as u32,
            check: 0,
        };
        // What is still in memory comes in blocks; it is waited for instead of being put together here.
        if self.flights.iter().any(|flight| flight.segment == sweeping.segment)
            && self.writer.flush().is_err()
        {
            return false;
        }
        self.land();
        let bytes = match self.find(place) {
            Some(Bytes::Here(bytes)) => bytes,
            Some(Bytes::There(file, offset)) => {
                let mut bytes = vec![0; len as usize];
                if file.read_at(&mut bytes, offset).is_err() {
                    return false;
                }
                bytes
            }
            None => return false,
        };
        sweeping.chunk = Arc::new(bytes);
        true
    }

    /// The whole records at the start of the chunk; the sweep goes on behind them.
    fn records_in(&mut self, sweeping: &mut Sweeping) -> Vec<Found> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(header) = sweeping.chunk.get(at..).and_then(record::Header::read) {
            let Some(bytes) = sweeping.chunk.get(at..at + header.size()) else { break };
            if header.kind != record::VALUE {
                at += bytes.len();
                sweeping.at = sweeping.start + at as u64;
                continue;
            }
            let place = Place {
                segment: sweeping.segment,
                at: ((sweeping.start + at as u64) / record::ALIGN as u64) as u32,
                len: bytes.len() as u32,
                check: record::check_of(bytes),
            };
            at += bytes.len();
            sweeping.at = sweeping.start + at as u64;
            let (space, key) = match self.aliases.get(&(place.segment, place.at)) {
                Some((space, key)) => (*space, key.clone()),
                None => (header.space, record::key(bytes).unwrap_or_default().into()),
            };
            found.push(Found { space, key, place });
        }
        found
    }

    /// Writes a record at hand anew, with what its entry says of itself now.
    pub(super) fn carry_on(
        &mut self,
        place: Place,
        space: u16,
        head: &Head<'_>,
        must_stay: bool,
    ) -> Option<Place> {
        let is_whole = self.segments.get(&place.segment).is_some_and(|segment| segment.whole.is_some());
        let sweeping = self.sweeping.as_mut()?;
        sweeping.must_stay |= must_stay;
        if is_whole {
            sweeping.kept = true;
            return Some(place);
        }
        let is_much = (sweeping.carried + u64::from(place.len)) * 2 > sweeping.end;
        if sweeping.scarce && is_much && !must_stay {
            return None;
        }
        let at = usize::try_from(u64::from(place.at) * record::ALIGN as u64 - sweeping.start).ok()?;
        let seq = self.seq + 1;
        let Some(made) = record::renew(&sweeping.chunk, at..at + place.len as usize, seq, space, head) else {
            self.damaged += 1;
            return None;
        };
        self.seq = seq;
        let size = made.block.len() as u64;
        let new = self.add(made, (seq, space), head, 0).ok()?;
        if let Some(sweeping) = &mut self.sweeping {
            sweeping.carried += size;
        }
        self.drop_record(place);
        Some(new)
    }
}
