//! Making room: a segment is read through, and what is in use of it is carried on.

use super::{Bytes, DiskTier, record};
use dozo_store::Head;
use dozo_store::tier::{Found, Place, Sweep, Tier};

/// Bytes read at once; more where a record is longer.
const CHUNK: u64 = 256 << 10;
/// A segment that is in use to more than three quarters gives too little room when everything of it is carried on.
const SCARCE_QUARTERS: u64 = 3;
/// Segments whose parts in use differ by less than this share are taken by age.
const GRADES: u64 = 16;

/// A segment that is being swept.
pub(super) struct Sweeping {
    segment: u32,
    /// How far it was read, and up to where it is to be.
    at: u64,
    end: u64,
    scarce: bool,
    /// The bytes whose records are at hand, and where they start.
    chunk: Vec<u8>,
    start: u64,
    /// Bytes that were carried on, and how many may be where room is scarce.
    carried: u64,
}

impl DiskTier {
    /// The next records of the segment that is swept, or of the next one, where that is needed.
    pub(super) fn sweep_on(&mut self) -> Option<Sweep> {
        let mut sweeping = match self.sweeping.take() {
            Some(sweeping) if sweeping.at < sweeping.end => sweeping,
            Some(sweeping) => {
                self.end_sweep(&sweeping);
                self.begin_sweep()?
            }
            None => self.begin_sweep()?,
        };
        let records = self.next_records(&mut sweeping);
        let scarce = sweeping.scarce;
        self.sweeping = Some(sweeping);
        Some(Sweep { records, scarce })
    }

    /// Whether there is so little room that some should be made.
    fn needs_room(&self) -> bool {
        self.total + self.reserve() + self.segment_bytes.max(self.wanted) > self.limit
    }

    fn begin_sweep(&mut self) -> Option<Sweeping> {
        if !self.needs_room() {
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
        let scarce = live * 4 > len * SCARCE_QUARTERS;
        let sweeping = Sweeping { segment, at: 0, end, scarce, chunk: Vec::new(), start: 0, carried: 0 };
        Some(sweeping)
    }

    /// The files of a swept segment go, behind everything of it that was carried on.
    fn end_sweep(&mut self, sweeping: &Sweeping) {
        let segment = self.segments.get_mut(&sweeping.segment).filter(|segment| segment.live > 0);
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
        sweeping.chunk.clear();
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
            sweeping.chunk = bytes;
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
        match self.find(place) {
            Some(Bytes::Here(bytes)) => sweeping.chunk = bytes,
            Some(Bytes::There(file, offset)) => {
                sweeping.chunk.resize(len as usize, 0);
                if file.read_at(&mut sweeping.chunk, offset).is_err() {
                    return false;
                }
            }
            None => return false,
        }
        true
    }

    /// The whole records at the start of the chunk; the sweep goes on behind them.
    fn records_in(&mut self, sweeping: &mut Sweeping) -> Vec<Found> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(header) = sweeping.chunk.get(at..).and_then(record::Header::read) {
            let Some(bytes) = sweeping.chunk.get(at..at + header.size()) else { break };
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
    pub(super) fn carry_on(&mut self, place: Place, space: u16, head: &Head<'_>) -> Option<Place> {
        let sweeping = self.sweeping.as_ref()?;
        if self.segments.get(&place.segment).is_some_and(|segment| segment.whole.is_some()) {
            return Some(place);
        }
        if sweeping.scarce && (sweeping.carried + u64::from(place.len)) * 2 > sweeping.end {
            return None;
        }
        let at = usize::try_from(u64::from(place.at) * record::ALIGN as u64 - sweeping.start).ok()?;
        let bytes = sweeping.chunk.get(at..at + place.len as usize)?;
        if !record::is_whole(bytes) {
            self.damaged += 1;
            return None;
        }
        let bytes = record::renew(bytes, self.seq + 1, space, head)?;
        self.seq += 1;
        let new = self.add(&bytes, 0).ok()?;
        if let Some(sweeping) = &mut self.sweeping {
            sweeping.carried += bytes.len() as u64;
        }
        self.remove(place);
        Some(new)
    }
}
