//! The disk tier: values on disk in a log of segments.
//!
//! A value becomes a [`record`], which is added to a [`block`] in memory; full blocks go to the [`writer`]'s thread, and
//! are read from memory until they are written. A large value stays where it is meanwhile, and the block holds it, too. The
//! log grows in segments of equal size. Where a record lies is remembered by whoever has handed the value over; here only
//! sums are kept: how long each segment is, and how much of it is in use.
//!
//! The bytes of all segments, those in memory included, never exceed the limit. When room gets scarce, the segment with
//! the least in use is swept: what is in use is written anew at the end of the log, then its file goes. Where even that
//! segment is nearly full, only what was asked for is carried on, the rest is given up ([`sweeping`]).
//!
//! What became of the records is told by the log, too ([`facts`]), and beside each segment stands an [`index`] of it, so that
//! a start finds again what an earlier run has left ([`recovery`]).
//!
//! Refuses to know which values should be here, and when.

mod ahead;
mod block;
mod facts;
mod index;
mod parts;
mod readers;
mod record;
mod recovery;
mod stored;
mod streams;
mod sweeping;
mod writer;

use crate::disk::{Disk, ReadAt};
use ahead::Ahead;
use block::Block;
use dozo_store::tier::{
    self, Fetched, Figures, Growing, Growth, Located, Place, Refusal, Revived, Stored, Sweep, Tier,
};
use dozo_store::{Head, Item, Packing};
use facts::Facts;
use parts::{Parts, Source};
pub use readers::{Job, Readers, Wake};
pub use record::Compression;
use record::Made;
pub use recovery::{Recovered, Warmth};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use streams::Streams;
use sweeping::Sweeping;
use writer::Writer;

/// Bytes of a block.
const BLOCK: usize = 256 << 10;
/// The least memory for what is still to be written.
const BUFFER_LEAST: usize = 64 << 10;
/// A tier is cut into about so many segments.
const SEGMENTS: u64 = 64;
/// The smallest and the largest size of a segment; a larger record has one of its own.
const SEGMENT_LEAST: u64 = 64 << 10;
const SEGMENT_MOST: u64 = 4 << 30;
/// The smallest limit of a tier.
pub const LIMIT_LEAST: u64 = 1 << 20;
/// A segment is written anew, though there is room, where at least this part of it is needed no more, and so many bytes.
const WASTE_PART: u64 = 16;
const WASTE_LEAST: u64 = 4 << 10;
/// A record of more than this part of the tier is refused.
const RECORD_PART: u64 = 8;
/// Bytes of the line of a value in the index, without its key.
const LINE_MOST: u64 = 128;
/// Renamed entries that are remembered; for more, the value is read and written again.
const ALIASES_MOST: usize = 100_000;

/// How a tier is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory of the segments, which is there.
    pub dir: PathBuf,
    /// Bytes that it may hold.
    pub limit: u64,
    /// Bytes that may wait to be written.
    pub buffer: usize,
    /// From which length on values are compressed.
    pub compression: Compression,
    /// Whether what is written is synced every second.
    pub syncs: bool,
}

/// A segment of the log: bytes of its records, of those in use and of its index, and the number of its last value.
#[derive(Default)]
struct Segment {
    len: u64,
    live: u64,
    index: u64,
    last_seq: u64,
    reader: Option<Arc<dyn ReadAt>>,
    /// It holds this one string, which came in parts.
    whole: Option<Whole>,
}

/// The one record of a segment.
struct Whole {
    space: u16,
    key: Box<[u8]>,
    place: Place,
    /// The number of the segment that it is as old as.
    age: u32,
}

impl Segment {
    /// Whether so much of it is needed no more that to write the rest anew pays.
    fn is_wasteful(&self) -> bool {
        let waste = self.len - self.live.min(self.len);
        self.whole.is_none() && waste >= WASTE_LEAST && waste * WASTE_PART >= self.len
    }

    /// The number of the segment that this one, of that number, is as old as.
    fn age(&self, number: u32) -> u32 {
        self.whole.as_ref().map_or(number, |whole| whole.age)
    }
}

/// A string that comes in parts: the room that is kept for it, and whose it will be.
struct Coming {
    size: u64,
    space: u16,
    key: Box<[u8]>,
}

/// A block on its way to the disk.
struct Flight {
    task: u64,
    segment: u32,
    start: u64,
    block: Arc<Block>,
}

/// A database and a key.
type Alias = (u16, Box<[u8]>);

/// Where the bytes of a record are to be had.
enum Bytes {
    /// Here.
    Here(Vec<u8>),
    /// In a file, at an offset.
    There(Arc<dyn ReadAt>, u64),
}

/// The log.
pub struct DiskTier {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    limit: u64,
    segment_bytes: u64,
    compression: Compression,
    writer: Writer,
    buffer: usize,
    block_bytes: usize,
    segments: BTreeMap<u32, Segment>,
    /// The segment that grows.
    active: u32,
    /// The highest number given to a segment.
    last: u32,
    streams: Streams,
    coming: HashMap<u32, Coming>,
    /// Strings that are wanted no more and whose files are about to go, with their sizes.
    leaving: Vec<(u32, u64)>,
    /// Room that a string has asked for in vain.
    wanted: u64,
    /// Its end, which was not handed to the writer yet, and where that starts.
    block: Block,
    block_start: u64,
    /// What the index will say of it.
    lines: Vec<u8>,
    facts: Facts,
    flights: VecDeque<Flight>,
    /// Bytes of all segments.
    total: u64,
    seq: u64,
    /// Database and key of entries that were moved or renamed since their record was written.
    aliases: HashMap<(u32, u32), Alias>,
    sweeping: Option<Sweeping>,
    /// Bytes of records that have died since a sweep made no room, as what it found must stay; `None` where the last one
    /// did.
    died: Option<u64>,
    /// Segments that are to be swept though there is room.
    wasteful: BTreeSet<u32>,
    ahead: Ahead,
    taken_bytes: u64,
    written_bytes: u64,
    saved_bytes: u64,
    damaged: u64,
}

impl DiskTier {
    /// An empty tier; what is left of an earlier one in the directory is removed.
    pub fn create(disk: Arc<dyn Disk>, options: Options) -> io::Result<DiskTier> {
        for path in recovery::files_in(&options.dir)? {
            disk.remove(&path)?;
        }
        DiskTier::open(disk, options)
    }

    fn open(disk: Arc<dyn Disk>, options: Options) -> io::Result<DiskTier> {
        let limit = options.limit.max(LIMIT_LEAST);
        let streams = Streams::new(Arc::clone(&disk), options.dir.clone(), options.syncs);
        let writer = Writer::start(Arc::clone(&disk), options.dir.clone(), options.buffer, options.syncs)?;
        Ok(DiskTier {
            disk,
            dir: options.dir,
            limit,
            segment_bytes: (limit / SEGMENTS).clamp(SEGMENT_LEAST, SEGMENT_MOST),
            compression: options.compression,
            writer,
            buffer: options.buffer,
            block_bytes: BLOCK,
            segments: BTreeMap::new(),
            active: 0,
            last: 0,
            streams,
            coming: HashMap::new(),
            leaving: Vec::new(),
            wanted: 0,
            block: Block::default(),
            block_start: 0,
            lines: Vec::new(),
            facts: Facts::default(),
            flights: VecDeque::new(),
            total: 0,
            seq: 0,
            aliases: HashMap::new(),
            sweeping: None,
            died: None,
            wasteful: BTreeSet::new(),
            ahead: Ahead::start()?,
            taken_bytes: 0,
            written_bytes: 0,
            saved_bytes: 0,
            damaged: 0,
        })
    }

    /// Where the bytes of a record are to be had; `None` when its segment is gone or can't be opened.
    fn find(&mut self, place: Place) -> Option<Bytes> {
        let (start, len) = (u64::from(place.at) * record::ALIGN as u64, place.len as usize);
        let cut = |block: &Block, from: u64| {
            let at = usize::try_from(start - from).ok()?;
            block.cut(at, len).map(Bytes::Here)
        };
        if place.segment == self.active && start >= self.block_start {
            return cut(&self.block, self.block_start);
        }
        self.land();
        if let Some(flight) = self.flight_over(place.segment, start) {
            return cut(&flight.block, flight.start);
        }
        Some(Bytes::There(self.reader(place.segment)?, start))
    }

    /// The block on its way to the disk that has that byte of a segment.
    fn flight_over(&self, segment: u32, at: u64) -> Option<&Flight> {
        let has = |flight: &&Flight| {
            flight.segment == segment
                && (flight.start..flight.start + flight.block.len() as u64).contains(&at)
        };
        self.flights.iter().find(has)
    }

    fn reader(&mut self, segment: u32) -> Option<Arc<dyn ReadAt>> {
        let path = writer::path(&self.dir, segment, writer::Part::Data);
        let found = self.segments.get_mut(&segment)?;
        if found.reader.is_none() {
            found.reader = self.disk.open(&path).ok();
        }
        found.reader.clone()
    }

    /// Where the bytes of a record are to be had for as long as somebody reads them.
    fn source(&mut self, place: Place) -> Option<Source> {
        let start = u64::from(place.at) * record::ALIGN as u64;
        if place.segment == self.active && start >= self.block_start {
            self.send_block();
        }
        self.land();
        if let Some(flight) = self.flight_over(place.segment, start) {
            let from = usize::try_from(start - flight.start).ok()?;
            return Some(Source::Block(Arc::clone(&flight.block), from));
        }
        Some(Source::File(self.reader(place.segment)?, start))
    }

    /// Keeps room for a string that comes in parts, and begins its file.
    fn begin_stream(&mut self, space: u16, new: &Growing<'_>) -> Result<u32, Refusal> {
        let size = Streams::size(new).ok_or(Refusal::TooLarge)?;
        if size > self.limit / RECORD_PART {
            return Err(Refusal::TooLarge);
        }
        if self.writer.state().1.is_some() {
            return Err(Refusal::Behind);
        }
        self.bury_streams();
        if self.total + size + self.reserve() > self.limit {
            self.wanted = size;
            return Err(Refusal::Full);
        }
        self.wanted = 0;
        self.last += 1;
        let (id, seq) = (self.last, self.next_seq());
        self.streams.begin(id, seq, space, new).ok_or(Refusal::Behind)?;
        self.total += size;
        self.coming.insert(id, Coming { size, space, key: new.key.into() });
        Ok(id)
    }

    /// Gives back the room of strings whose files are gone.
    fn bury_streams(&mut self) {
        let (streams, total) = (&self.streams, &mut self.total);
        self.leaving.retain(|(id, size)| {
            let gone = streams.is_gone(*id);
            *total -= if gone { *size } else { 0 };
            !gone
        });
    }

    /// A string that came in parts is a segment now.
    fn end_stream(&mut self, id: u32, space: u16) -> Option<Place> {
        let sum = self.streams.adopt(id)?;
        let Coming { size, space: written, key } = self.coming.remove(&id)?;
        let place = Place { segment: id, at: 0, len: u32::try_from(size).ok()?, check: sum as u32 };
        if space != written {
            self.aliases.insert((id, 0), (space, key.clone()));
        }
        let whole = Some(Whole { space, key, place, age: id });
        let last_seq = self.next_seq();
        let segment = Segment { len: size, live: size, last_seq, whole, ..Segment::default() };
        self.segments.insert(id, segment);
        if !self.segments.contains_key(&self.active) {
            // What is told of it has to stand in a segment that grows.
            self.begin_segment();
        }
        (self.taken_bytes, self.written_bytes) = (self.taken_bytes + size, self.written_bytes + size);
        Some(place)
    }

    /// Forgets the blocks that are written.
    fn land(&mut self) {
        let done = self.writer.done();
        while self.flights.front().is_some_and(|flight| flight.task <= done) {
            self.flights.pop_front();
        }
    }

    /// Adds the record of an entry's value to the log. `spare` is room that must be left over.
    fn add(
        &mut self,
        made: Made,
        (seq, space): (u64, u16),
        head: &Head<'_>,
        spare: u64,
    ) -> Result<Place, Refusal> {
        let Made { block, check, .. } = made;
        let size = block.len() as u64;
        if size > self.limit / RECORD_PART {
            return Err(Refusal::TooLarge);
        }
        let line = LINE_MOST + head.key().len() as u64;
        if self.total + size + line + spare.max(facts::SPARE) > self.limit {
            return Err(Refusal::Full);
        }
        let grown = self.segments.get(&self.active).map(|segment| segment.len);
        if grown.is_none_or(|len| len > 0 && len + size > self.segment_bytes) {
            self.begin_segment();
        }
        let Some(segment) = self.segments.get_mut(&self.active) else { return Err(Refusal::Full) };
        let at = u32::try_from(segment.len / record::ALIGN as u64).map_err(|_| Refusal::TooLarge)?;
        let len = u32::try_from(size).map_err(|_| Refusal::TooLarge)?;
        segment.live += size;
        segment.last_seq = seq;
        let place = Place { segment: self.active, at, len, check };
        let mut line = Vec::with_capacity(LINE_MOST as usize + head.key().len());
        index::put_entry(&mut line, seq, None, &Revived::of_head(space, place, head));
        self.put_block(block, &line);
        if self.block.len() >= self.block_bytes {
            self.send_block();
        }
        Ok(place)
    }

    /// The room that values leave to sweeps: what they carry on needs some before it frees more.
    fn reserve(&self) -> u64 {
        2 * self.segment_bytes.min(self.limit / 8)
    }

    fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    fn drop_segment(&mut self, number: u32) {
        if let Some(segment) = self.segments.remove(&number) {
            self.total -= segment.len + segment.index;
            self.writer.remove(number);
        }
    }
}

impl Tier for DiskTier {
    fn put(&mut self, space: u16, item: &Item<'_>, patient: bool) -> Result<Place, Refusal> {
        if !self.writer.takes(patient) {
            return Err(Refusal::Behind);
        }
        let seq = self.next_seq();
        let made = record::make(seq, space, item, self.compression).ok_or(Refusal::TooLarge)?;
        let (size, saved) = (made.block.len() as u64, made.saved);
        let place = self.add(made, (seq, space), item, self.reserve())?;
        self.taken_bytes += size;
        self.saved_bytes += saved as u64;
        Ok(place)
    }

    fn read(&mut self, place: Place, length: u32, packing: &Packing) -> Option<Fetched> {
        let stored = match self.locate(place, length)? {
            Located::Here(stored) => Some(stored),
            Located::There(read) => read(),
        };
        let fetched = stored.and_then(|stored| self.open(stored, packing));
        self.damaged += u64::from(fetched.is_none());
        fetched
    }

    fn locate(&mut self, place: Place, length: u32) -> Option<Located> {
        // Room is taken by the thread that will free it: allocators keep what another one gives back.
        let room = Vec::with_capacity(stored::room(place, length));
        Some(match self.find(place)? {
            Bytes::Here(bytes) => Located::Here(stored::read(&*bytes, place, room)?),
            Bytes::There(file, offset) => {
                Located::There(Box::new(move || stored::read((&*file, offset), place, room)))
            }
        })
    }

    fn open(&self, stored: Stored, packing: &Packing) -> Option<Fetched> {
        stored::open(stored, packing)
    }

    fn parts(&mut self, place: Place) -> Option<Box<dyn tier::Parts>> {
        let source = self.source(place)?;
        Some(Box::new(Parts::new(source, place)))
    }

    fn grow(&mut self, space: u16, new: &Growing<'_>) -> Result<u32, Refusal> {
        self.begin_stream(space, new)
    }

    fn extend(&mut self, id: u32, bytes: Vec<u8>) {
        self.streams.extend(id, bytes);
    }

    fn growth(&self, id: u32) -> Growth {
        self.streams.growth(id)
    }

    fn seal(&mut self, id: u32) {
        self.streams.seal(id);
    }

    fn adopt(&mut self, id: u32, space: u16) -> Option<Place> {
        self.end_stream(id, space)
    }

    fn abandon(&mut self, id: u32) {
        if let Some(coming) = self.coming.remove(&id) {
            self.streams.abandon(id);
            self.leaving.push((id, coming.size));
        }
    }

    fn has_moved(&self) -> bool {
        self.streams.has_moved()
    }

    fn set_wake(&mut self, wake: Wake) {
        self.streams.set_wake(wake);
    }

    fn remove(&mut self, place: Place) {
        if let Some(died) = &mut self.died {
            *died += u64::from(place.len);
        }
        self.drop_record(place);
    }

    fn changed(&mut self, place: Place, space: u16, head: &Head<'_>) {
        self.tell_changed(place, space, head);
    }

    fn spaces(&mut self, dbs: &[u16], flushed: Option<u16>) {
        self.tell_spaces(dbs, flushed);
    }

    fn rename(&mut self, place: Place, space: u16, key: &[u8]) -> bool {
        if self.aliases.len() >= ALIASES_MOST {
            return false;
        }
        self.aliases.insert((place.segment, place.at), (space, key.into()));
        true
    }

    fn sweep(&mut self) -> Option<Sweep> {
        self.sweep_on()
    }

    fn is_ready_to_sweep(&mut self) -> bool {
        DiskTier::is_ready_to_sweep(self)
    }

    fn compact(&mut self) {
        self.find_waste();
    }

    fn is_compacting(&mut self) -> bool {
        DiskTier::is_compacting(self)
    }

    fn carry(&mut self, place: Place, space: u16, head: &Head<'_>, must_stay: bool) -> Option<Place> {
        self.carry_on(place, space, head, must_stay)
    }

    fn tick(&mut self) {
        // Whoever still wants it asks again at once.
        self.wanted = 0;
        self.bury_streams();
        self.send_block();
        self.land();
    }

    fn flush(&mut self) -> Result<(), String> {
        DiskTier::flush(self)
    }

    fn memory(&self) -> usize {
        let flying: usize = self.flights.iter().map(|flight| flight.block.memory()).sum();
        let own = self.block.memory() + self.lines.capacity() + self.facts.bytes();
        own + flying + self.streams.state().0
    }

    fn limit_buffer(&mut self, bytes: usize) -> usize {
        let most = self.buffer.min(bytes).max(BUFFER_LEAST);
        // The block that is filled counts, too.
        self.block_bytes = BLOCK.min(most / 4);
        self.writer.set_most(most - self.block_bytes);
        most
    }

    fn figures(&self) -> Figures {
        Figures {
            bytes: self.total,
            limit: self.limit,
            live_bytes: self.segments.values().map(|segment| segment.live).sum(),
            segments: self.segments.len() as u64,
            taken_bytes: self.taken_bytes,
            written_bytes: self.written_bytes,
            saved_bytes: self.saved_bytes,
            damaged: self.damaged,
            error: self.writer.state().1.or_else(|| self.streams.state().1),
        }
    }
}
