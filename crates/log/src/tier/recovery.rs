//! A start on what an earlier run has left.
//!
//! Owns the reading of the log. It is read backwards, a segment at a time and by their indexes, so whatever is met first is
//! the last word: a place that is dead, or whose entry has changed since, is known before its record is met, and of two
//! records of one key the later one counts. What an index lacks is read in the segment itself.
//!
//! A log that breaks off (the process or the machine went down) is cut where it does: what is left is how things stood
//! at one moment. Damage costs the records that it hit. But where it may have hit facts, nobody knows what became of
//! earlier records, so these go: a value that was deleted must not come back.

use super::facts::Facts;
use super::index::{self, BLOCK_HEAD, BlockHead, Line, Spaces};
use super::writer::{self, Part};
use super::{DiskTier, Options, Segment, Whole, record, streams};
use crate::disk::{Disk, ReadAt, reason, write_all};
use dozo_store::tier::{Encoding, Place, Revival, Revived};
use dozo_store::{Keyspace, Type};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;

/// Bytes of a segment that are read at once where its index lacks something.
const CHUNK: u64 = 1 << 20;
/// Lines whose keys are looked up ahead of their turn.
const AHEAD: usize = 32;
/// Bytes of an index from which the number of keys is guessed, for the table's sake.
const LINES_LEAST: u64 = 1 << 16;

/// Which values are to be in memory first, once the keys are there.
#[derive(Clone, Debug, Default)]
pub struct Warmth {
    /// Segment and place of their records, the most wanted first; where there are none, the newest ones are wanted.
    pub places: Vec<(u32, u32)>,
    /// Bytes that they may have together.
    pub bytes: u64,
}

impl Warmth {
    /// With places of eight bytes each: segment and place, little-endian.
    pub fn new(places: &[u8], bytes: u64) -> Warmth {
        let number = |four: &[u8]| four.first_chunk().map_or(0, |four| u32::from_le_bytes(*four));
        let places = places.chunks_exact(8).map(|place| (number(place), number(&place[4..]))).collect();
        Warmth { places, bytes }
    }
}

/// A key whose value is wanted in memory: its rank, its database (as spaces are counted), its name, and the record's bytes.
type Wanted = (u32, u16, Box<[u8]>, u32);

/// What a start has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Keys whose values are on disk.
    pub keys: u64,
    /// Keys whose time was over.
    pub expired: u64,
    /// Segments whose index had to be made good, or whose end was cut off.
    pub mended: u64,
    /// Segments that were given up, as it isn't known any more what of them still holds.
    pub given_up: u64,
    /// Bytes of the log.
    pub bytes: u64,
    /// Keys whose values are wanted in memory, the most wanted first: their spaces and names.
    pub wanted: Vec<(u16, Box<[u8]>)>,
}

/// What is known of a segment.
struct Loaded {
    /// The bytes in which the lines stand, and where.
    bytes: Vec<u8>,
    starts: Vec<usize>,
    /// Bytes of the records.
    len: u64,
    /// Bytes of the index file.
    index: u64,
    /// Its index was made good.
    mended: bool,
}

/// A reading of the log, from its end on.
struct Reading<'k> {
    ks: &'k mut Keyspace,
    segments: BTreeMap<u32, Segment>,
    /// Places of which the last word was said, by segment.
    settled: HashMap<u32, HashSet<u32>>,
    /// The segments that the facts in each one speak of.
    targets: HashMap<u32, HashSet<u32>>,
    spaces: Option<Spaces>,
    /// Segments of one string each, which say nothing of themselves.
    singles: HashSet<u32>,
    /// Records that don't hold, though no fact says so yet.
    dead: Vec<(u32, u32)>,
    aliases: HashMap<(u32, u32), super::Alias>,
    seq: u64,
    expected: bool,
    /// Ranks by place.
    ranks: HashMap<(u32, u32), u32>,
    /// Bytes that values wanted in memory may still have.
    room: u64,
    /// Bytes of those that are wanted by now.
    newest: u64,
    wanted: Vec<Wanted>,
    found: Recovered,
}

impl DiskTier {
    /// The tier that an earlier run has left in the directory, and its keys in an empty keyspace.
    pub fn recover(
        disk: Arc<dyn Disk>,
        options: Options,
        ks: &mut Keyspace,
        warmth: &Warmth,
    ) -> io::Result<(DiskTier, Recovered)> {
        let dir = options.dir.clone();
        remove_strays(&*disk, &dir)?;
        let segments = segments_in(&dir)?;
        let last = segments.keys().max().copied().unwrap_or(0);
        let mut reading = Reading::new(ks, segments, warmth);
        let numbers: Vec<u32> = reading.segments.keys().rev().copied().collect();
        for number in &numbers {
            if is_single(&*disk, &dir, *number)? {
                reading.singles.insert(*number);
            }
        }
        let logs: Vec<u32> = numbers.into_iter().filter(|number| !reading.singles.contains(number)).collect();
        if let Some(number) = reading.take_all(&*disk, &options, &logs)? {
            reading.give_up(&*disk, &dir, number)?;
        }
        let mut tier = DiskTier::open(disk, options)?;
        (tier.active, tier.last) = (logs.first().copied().unwrap_or(last), last);
        let found = tier.take_over(reading);
        Ok((tier, found))
    }

    fn take_over(&mut self, reading: Reading<'_>) -> Recovered {
        let Reading { segments, mut targets, spaces, dead, aliases, seq, wanted, room, mut found, .. } =
            reading;
        found.wanted = hottest(wanted, room);
        self.segments = segments;
        self.total = self.segments.values().map(|segment| segment.len + segment.index).sum();
        self.seq = seq;
        self.aliases = aliases;
        self.facts = Facts::of(spaces.unwrap_or_default());
        let numbers: Vec<u32> = self.segments.keys().copied().collect();
        for number in numbers {
            let told = targets.remove(&number).unwrap_or_default();
            let matters = told.iter().any(|target| *target != number && self.segments.contains_key(target));
            if self.segments.get(&number).is_some_and(|segment| segment.live == 0) && !matters {
                self.drop_segment(number);
            }
        }
        match self.segments.get(&self.active) {
            Some(segment) => self.block_start = segment.len,
            None if self.segments.is_empty() => {}
            None => self.begin_segment(),
        }
        dead.into_iter().for_each(|place| self.tell_dead(place));
        found.bytes = self.total;
        found
    }
}

impl<'k> Reading<'k> {
    fn new(ks: &'k mut Keyspace, segments: BTreeMap<u32, Segment>, warmth: &Warmth) -> Reading<'k> {
        Reading {
            ks,
            segments,
            settled: HashMap::new(),
            targets: HashMap::new(),
            spaces: None,
            singles: HashSet::new(),
            dead: Vec::new(),
            aliases: HashMap::new(),
            seq: 0,
            expected: false,
            ranks: warmth.places.iter().zip(0..).map(|(place, rank)| (*place, rank)).collect(),
            room: warmth.bytes,
            newest: 0,
            wanted: Vec::new(),
            found: Recovered::default(),
        }
    }

    /// Takes what these segments tell, the newest of which may break off. A thread reads and checks the next one while this
    /// one is taken. The first of which it can't be told what of it and of earlier ones holds, if there is one.
    fn take_all(&mut self, disk: &dyn Disk, options: &Options, numbers: &[u32]) -> io::Result<Option<u32>> {
        let newest = numbers.first();
        thread::scope(|scope| {
            let (found, next) = mpsc::sync_channel(0);
            thread::Builder::new().name("dozo-index".into()).spawn_scoped(scope, move || {
                for number in numbers {
                    // Nobody listens any more where the rest is given up.
                    if found.send((*number, load(disk, options, *number, newest == Some(number)))).is_err() {
                        break;
                    }
                }
            })?;
            for (number, loaded) in next {
                if !loaded?.is_some_and(|loaded| self.take(number, &loaded)) {
                    return Ok(Some(number));
                }
            }
            Ok(None)
        })
    }

    /// Takes what a segment tells; false when it can't be told what of it and of earlier ones holds.
    fn take(&mut self, number: u32, loaded: &Loaded) -> bool {
        if let Some(segment) = self.segments.get_mut(&number) {
            (segment.len, segment.index) = (loaded.len, loaded.index);
        }
        self.found.mended += u64::from(loaded.mended);
        if !self.learn_facts(number, loaded) {
            return false;
        }
        self.expect(loaded);
        // The places of some keys come into the cache while those before are stored.
        for starts in loaded.starts.rchunks(AHEAD) {
            let lines: Vec<_> =
                starts.iter().filter_map(|start| index::line(loaded.bytes.get(*start..)?)).collect();
            for line in &lines {
                if let Line::Value { found, .. } | Line::Changed { found, .. } = line {
                    self.ks.prefetch_revived(found);
                }
            }
            lines.into_iter().rev().for_each(|line| self.take_line(number, line));
        }
        self.settled.remove(&number);
        true
    }

    fn take_line(&mut self, number: u32, line: Line<'_>) {
        match line {
            Line::Value { seq, found } => self.take_value(number, seq, &found),
            Line::Changed { seq, renamed, found } => self.take_changed(seq, renamed, &found),
            Line::Dead(_) | Line::Spaces(_) => {}
        }
    }

    /// What a segment says of dead places and of spaces, which has to be known before its values are looked at.
    fn learn_facts(&mut self, number: u32, loaded: &Loaded) -> bool {
        let mut spaces = None;
        for start in &loaded.starts {
            let line = loaded.bytes.get(*start..).filter(|line| !index::is_value(line));
            match line.and_then(index::line) {
                Some(Line::Dead(places)) => {
                    for (segment, at) in places {
                        self.settled.entry(segment).or_default().insert(at);
                        self.targets.entry(number).or_default().insert(segment);
                    }
                }
                Some(Line::Changed { found, .. }) => {
                    self.targets.entry(number).or_default().insert(found.place.segment);
                }
                Some(Line::Spaces(found)) => spaces = Some(found),
                Some(Line::Value { .. }) | None => {}
            }
        }
        if let (None, Some(found)) = (&self.spaces, spaces) {
            if !self.ks.revive_spaces(&found.dbs) {
                return false;
            }
            self.seq = self.seq.max(found.seq);
            self.spaces = Some(found);
        }
        self.spaces.is_some() || loaded.starts.is_empty()
    }

    /// Guesses how many keys there are, once, so that the table need not grow step by step.
    fn expect(&mut self, loaded: &Loaded) {
        let lines = loaded.starts.len() as u64;
        if self.expected || loaded.index < LINES_LEAST || lines == 0 {
            return;
        }
        let total: u64 = self.segments.values().map(|segment| segment.index).sum();
        let space = loaded.starts.iter().rev().find_map(|start| {
            match loaded.bytes.get(*start..).and_then(index::line) {
                Some(Line::Value { found, .. }) => Some(found.space),
                _ => None,
            }
        });
        if let Some(space) = space {
            self.expected = true;
            self.ks.expect_revived(space, usize::try_from(total * lines / loaded.index).unwrap_or(0));
        }
    }

    fn take_value(&mut self, number: u32, seq: u64, found: &Revived<'_>) {
        self.seq = self.seq.max(seq);
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.last_seq = segment.last_seq.max(seq);
        }
        let settled = self.settled.get(&number).is_some_and(|places| places.contains(&found.place.at));
        if !settled && found.place.segment == number {
            self.revive(seq, found);
        }
    }

    fn take_changed(&mut self, seq: u64, renamed: bool, found: &Revived<'_>) {
        self.seq = self.seq.max(seq);
        let Place { segment, at, .. } = found.place;
        let first = self.settled.entry(segment).or_default().insert(at);
        if first && self.revive(seq, found) && renamed {
            self.aliases.insert((segment, at), (found.space, found.key.into()));
        }
    }

    fn revive(&mut self, seq: u64, found: &Revived<'_>) -> bool {
        let place = found.place;
        let void = self.spaces.as_ref().map_or(0, |spaces| spaces.void(found.space));
        let end = u64::from(place.at) * record::ALIGN as u64 + u64::from(place.len);
        let Some(segment) = self.segments.get_mut(&place.segment).filter(|segment| end <= segment.len) else {
            return false;
        };
        if seq <= void {
            return false;
        }
        match self.ks.revive(found) {
            Revival::Taken => {
                segment.live += u64::from(place.len);
                if self.singles.contains(&place.segment) {
                    segment.whole =
                        Some(Whole { space: found.space, key: found.key.into(), place, age: place.segment });
                    segment.last_seq = seq;
                }
                self.found.keys += 1;
                self.want(found);
                return true;
            }
            Revival::Expired => self.found.expired += 1,
            Revival::Refused => {}
        }
        self.dead.push((place.segment, place.at));
        false
    }

    /// Notes an entry whose value is wanted in memory. Without ranks the newest are, which are met first.
    fn want(&mut self, found: &Revived<'_>) {
        let place = (found.place.segment, found.place.at);
        let newest = || u32::try_from(self.wanted.len()).ok();
        let rank = if self.ranks.is_empty() { newest() } else { self.ranks.get(&place).copied() };
        if let Some(rank) = rank.filter(|_| !self.ranks.is_empty() || self.newest < self.room) {
            self.newest += u64::from(found.place.len);
            self.wanted.push((rank, found.space, found.key.into(), found.place.len));
        }
    }

    /// Removes that segment and all earlier ones; the oldest first, so that a start in between finds the same.
    fn give_up(&mut self, disk: &dyn Disk, dir: &Path, number: u32) -> io::Result<()> {
        let numbers = self.segments.range(..=number).map(|(number, _)| *number);
        let numbers: Vec<u32> = numbers.filter(|number| !self.singles.contains(number)).collect();
        for number in numbers {
            for part in Part::ALL {
                remove(disk, &writer::path(dir, number, part))?;
            }
            self.segments.remove(&number);
            self.found.given_up += 1;
        }
        disk.sync_dir(dir)
    }
}

/// The most wanted ones, as far as there is room for them.
fn hottest(mut wanted: Vec<Wanted>, mut room: u64) -> Vec<(u16, Box<[u8]>)> {
    wanted.sort_unstable();
    let fits = |(_, space, key, bytes): Wanted| {
        room = room.checked_sub(u64::from(bytes))?;
        Some((space, key))
    };
    wanted.into_iter().map_while(fits).collect()
}

/// Whether a segment holds one string that came in parts, of which other segments tell.
fn is_single(disk: &dyn Disk, dir: &Path, number: u32) -> io::Result<bool> {
    let data = writer::path(dir, number, Part::Data);
    let len = size_of_file(&data)?;
    if len < record::HEAD as u64 || size_of_file(&writer::path(dir, number, Part::Index))? > 0 {
        return Ok(false);
    }
    let mut head = [0; record::HEAD];
    disk.open(&data)?.read_at(&mut head, 0)?;
    let header = record::Header::read_sound(&head).filter(|header| header.kind == record::VALUE);
    Ok(header.is_some_and(|header| header.size() as u64 == len))
}

/// Reads what is known of a segment; `None` when facts in it are lost. The last one may break off.
fn load(disk: &dyn Disk, options: &Options, number: u32, last: bool) -> io::Result<Option<Loaded>> {
    let dir = &options.dir;
    let (data, keys) = (writer::path(dir, number, Part::Data), writer::path(dir, number, Part::Index));
    let (len, size) = (size_of_file(&data)?, size_of_file(&keys)?);
    let file = read_whole(disk, &keys, size);
    let (starts, covered, sound) = read_blocks(&file);
    if covered == len && sound == size {
        return Ok(Some(Loaded { bytes: file, starts, len, index: size, mended: false }));
    }
    let mut lines = Vec::new();
    for start in &starts {
        lines.extend_from_slice(file.get(*start..).and_then(index::line_bytes).unwrap_or_default());
    }
    let end = if covered < len {
        match scan(disk, &data, number, covered, len, &mut lines) {
            Scan::Whole => len,
            Scan::Broken(at) if last => at,
            Scan::Broken(_) | Scan::FactsLost => return Ok(None),
        }
    } else {
        len
    };
    let lines = without_values_beyond(&lines, end);
    if end < len {
        disk.append(&data)?.0.truncate(end)?;
    }
    let index = index::block(0, end, &lines);
    let mut file = disk.create(&keys)?;
    write_all(&mut *file, &index)?;
    if options.syncs {
        file.sync()?;
    }
    let starts = index::starts(&lines).unwrap_or_default();
    Ok(Some(Loaded { bytes: lines, starts, len: end, index: index.len() as u64, mended: true }))
}

/// Where the lines of the blocks start that join on to each other; up to where they tell of the segment, and up to where
/// they are sound themselves.
fn read_blocks(file: &[u8]) -> (Vec<usize>, u64, u64) {
    let (mut starts, mut covered, mut at) = (Vec::new(), 0, 0);
    while let Some(head) = file.get(at..).and_then(BlockHead::read) {
        let body = file.get(at..).and_then(|block| head.lines(block)).filter(|_| head.start == covered);
        if !body.is_some_and(|body| index::find_starts(body, at + BLOCK_HEAD, &mut starts)) {
            break;
        }
        covered = head.end;
        at += head.size;
    }
    (starts, covered, at as u64)
}

/// How the reading of a segment ended.
enum Scan {
    Whole,
    /// There is no record at that place.
    Broken(u64),
    /// A record of facts is damaged.
    FactsLost,
}

/// Makes lines of the records of a segment from `at` on.
fn scan(disk: &dyn Disk, path: &Path, number: u32, mut at: u64, len: u64, lines: &mut Vec<u8>) -> Scan {
    let Ok(file) = disk.open(path) else { return Scan::Broken(at) };
    let mut window = Window { file, start: 0, bytes: Vec::new(), len };
    while at < len {
        let head = window.get(at, record::HEAD as u64).and_then(record::Header::read_sound);
        let Some(head) = head.filter(|head| at + head.size() as u64 <= len) else {
            return Scan::Broken(at);
        };
        let size = head.size() as u64;
        let whole = window.get(at, size).filter(|bytes| record::is_whole(bytes));
        match whole {
            Some(bytes) if head.kind == record::FACTS => {
                lines.extend_from_slice(record::lines(bytes).unwrap_or_default());
            }
            Some(bytes) => put_record(lines, number, at, &head, bytes),
            None if head.kind == record::FACTS => return Scan::FactsLost,
            // Damage to a value costs that value.
            None => {}
        }
        at += size;
    }
    Scan::Whole
}

/// The line of a record that was read.
fn put_record(lines: &mut Vec<u8>, number: u32, at: u64, head: &record::Header, bytes: &[u8]) {
    let (Some(encoding), Some(key)) = (Encoding::of_number(head.encoding), record::key(bytes)) else {
        return;
    };
    let of = Type::of_number(head.of);
    let place = Place {
        segment: number,
        at: (at / record::ALIGN as u64) as u32,
        len: bytes.len() as u32,
        check: record::check_of(bytes),
    };
    let found = Revived {
        space: head.space,
        key,
        place,
        of,
        encoding,
        length: if of == Type::Str { head.len } else { 0 },
        expire_at: head.expire_at(),
        due: head.due(),
        flags: head.item_flags,
        cas: head.cas,
        stale: head.stale(),
    };
    index::put_entry(lines, head.seq, None, &found);
}

/// A file that is read from its beginning to its end, in large pieces.
struct Window {
    file: Arc<dyn ReadAt>,
    start: u64,
    bytes: Vec<u8>,
    len: u64,
}

impl Window {
    fn get(&mut self, at: u64, len: u64) -> Option<&[u8]> {
        let held = self.start..self.start + self.bytes.len() as u64;
        if at < held.start || at + len > held.end {
            let want = len.max(CHUNK).min(self.len.checked_sub(at)?);
            self.bytes.resize(usize::try_from(want).ok()?, 0);
            self.start = at;
            self.file.read_at(&mut self.bytes, at).ok()?;
        }
        let from = usize::try_from(at - self.start).ok()?;
        self.bytes.get(from..from + len as usize)
    }
}

/// The lines without those of records that lie behind the end.
fn without_values_beyond(lines: &[u8], end: u64) -> Vec<u8> {
    let starts = index::starts(lines).unwrap_or_default();
    let mut kept = Vec::with_capacity(lines.len());
    for (number, start) in starts.iter().enumerate() {
        let until = starts.get(number + 1).copied().unwrap_or(lines.len());
        let line = lines.get(*start..until).unwrap_or_default();
        let beyond = match index::line(line) {
            Some(Line::Value { found, .. }) => {
                u64::from(found.place.at) * record::ALIGN as u64 + u64::from(found.place.len) > end
            }
            _ => false,
        };
        if !beyond {
            kept.extend_from_slice(line);
        }
    }
    kept
}

fn read_whole(disk: &dyn Disk, path: &Path, size: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
    let read = disk.open(path).and_then(|file| file.read_at(&mut bytes, 0));
    if read.is_ok() { bytes } else { Vec::new() }
}

fn size_of_file(path: &Path) -> io::Result<u64> {
    match path.metadata() {
        Ok(data) => Ok(data.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

fn remove(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io::Error::new(error.kind(), format!("{}: {}", path.display(), reason(&error))))
        }
        _ => Ok(()),
    }
}

/// The segments in a directory, as their files' lengths tell.
fn segments_in(dir: &Path) -> io::Result<BTreeMap<u32, Segment>> {
    let mut found = BTreeMap::<u32, Segment>::new();
    for file in std::fs::read_dir(dir)? {
        let file = file?;
        if let Some((number, part)) = file.file_name().to_str().and_then(writer::segment_of) {
            let segment = found.entry(number).or_default();
            let len = file.metadata()?.len();
            match part {
                Part::Data => segment.len = len,
                Part::Index => segment.index = len,
            }
        }
    }
    Ok(found)
}

/// The tier's files in a directory.
pub(super) fn files_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(dir)? {
        let file = file?;
        if file
            .file_name()
            .to_str()
            .is_some_and(|name| writer::segment_of(name).is_some() || streams::is_part(name))
        {
            found.push(file.path());
        }
    }
    Ok(found)
}

fn remove_strays(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    let stray =
        |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(streams::is_part);
    files_in(dir)?.iter().filter(|path| stray(path)).try_for_each(|path| remove(disk, path))
}
