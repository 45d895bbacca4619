//! What a start has to know of a segment, without its values.
//!
//! Owns the lines that tell of records, and the blocks in which they stand in a segment's index file. A line is
//!
//! - a *value*: a record of this segment, with its key and all that its entry needs;
//! - a *change*: the same of a record that lies here or elsewhere, whose entry has become another since;
//! - *dead*: places whose records are needed no more;
//! - *spaces*: which database each space is, up to where each was flushed, and up to where the whole log is void.
//!
//! A block covers a stretch of the segment. Blocks join on to each other; what follows the last sound one is to be read in
//! the segment itself. Nothing here is trusted: a checksum guards each block, and each length is checked besides.

use crate::crc64;
use dozo_store::Type;
use dozo_store::tier::{Encoding, Place, Revived};

const MAGIC: u32 = 0x314b_5a44;
/// Bytes of a block before its lines.
pub(crate) const BLOCK_HEAD: usize = 32;
const SUM_AT: usize = 24;

const VALUE: u8 = 1;
const CHANGED: u8 = 2;
const DEAD: u8 = 3;
const SPACES: u8 = 4;

const STALE: u8 = 1;
const EXPIRES: u8 = 2;
const TOLD: u8 = 4;
const DUE: u8 = 8;
const RENAMED: u8 = 16;

/// Bytes of a line of a value without what it may have besides.
const PLAIN: usize = 44;
/// Bytes of the lines of dead places, and of spaces, before their parts.
const DEAD_HEAD: usize = 8;
const SPACES_HEAD: usize = 24;
const PLACE: usize = 8;
const SPACE: usize = 10;

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Value { seq: u64, found: Revived<'a> },
    Changed { seq: u64, renamed: bool, found: Revived<'a> },
    Dead(Vec<(u32, u32)>),
    Spaces(Spaces),
}

/// Which database each space is, and what is void.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spaces {
    /// The last number that was given when this was written.
    pub seq: u64,
    /// Everything up to this number is void.
    pub floor: u64,
    /// The database of each space.
    pub dbs: Vec<u16>,
    /// The number up to which each space was flushed.
    pub flushed: Vec<u64>,
}

impl Spaces {
    /// The number up to which what a space held is void.
    pub(crate) fn void(&self, space: u16) -> u64 {
        self.flushed.get(usize::from(space)).copied().unwrap_or(0).max(self.floor)
    }
}

/// Adds the line of a value, or of a change.
pub(crate) fn put_entry(out: &mut Vec<u8>, seq: u64, changed: Option<bool>, found: &Revived<'_>) {
    let kind = if changed.is_some() { CHANGED } else { VALUE };
    let bit = |on: bool, bit: u8| if on { bit } else { 0 };
    let bits = bit(found.stale, STALE)
        | bit(found.expire_at.is_some(), EXPIRES)
        | bit(found.cas != 0, TOLD)
        | bit(found.due.is_some(), DUE)
        | bit(changed == Some(true), RENAMED);
    let Place { segment, at, len, check } = found.place;
    out.extend_from_slice(&[kind, found.of as u8, found.encoding as u8, bits]);
    out.extend_from_slice(&(found.key.len() as u32).to_le_bytes());
    out.extend_from_slice(&seq.to_le_bytes());
    for number in [segment, at, len, check, found.length, found.flags] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&found.space.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    let more = [found.expire_at, (found.cas != 0).then_some(found.cas as i64), found.due];
    for number in more.into_iter().flatten() {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(found.key);
}

/// Adds the line of dead places.
pub(crate) fn put_dead(out: &mut Vec<u8>, places: &[(u32, u32)]) {
    out.extend_from_slice(&[DEAD, 0, 0, 0]);
    out.extend_from_slice(&(places.len() as u32).to_le_bytes());
    for (segment, at) in places {
        out.extend_from_slice(&segment.to_le_bytes());
        out.extend_from_slice(&at.to_le_bytes());
    }
}

/// Adds the line of spaces.
pub(crate) fn put_spaces(out: &mut Vec<u8>, spaces: &Spaces) {
    out.extend_from_slice(&[SPACES, 0, 0, 0]);
    out.extend_from_slice(&(spaces.dbs.len() as u32).to_le_bytes());
    out.extend_from_slice(&spaces.seq.to_le_bytes());
    out.extend_from_slice(&spaces.floor.to_le_bytes());
    for (space, db) in spaces.dbs.iter().enumerate() {
        out.extend_from_slice(&db.to_le_bytes());
        out.extend_from_slice(&spaces.flushed.get(space).copied().unwrap_or(0).to_le_bytes());
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |two| u16::from_le_bytes(*two))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |four| u32::from_le_bytes(*four))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |eight| u64::from_le_bytes(*eight))
}

/// The length of the line at the start of these bytes; `None` when it is none, or not whole.
fn line_len(bytes: &[u8]) -> Option<usize> {
    let count = u32_at(bytes, 4) as usize;
    let len = match *bytes.first()? {
        VALUE | CHANGED => {
            let bits = *bytes.get(3)?;
            let more = (bits & (EXPIRES | TOLD | DUE)).count_ones() as usize;
            PLAIN + more * 8 + count
        }
        DEAD => DEAD_HEAD + count * PLACE,
        SPACES => SPACES_HEAD + count * SPACE,
        _ => return None,
    };
    (len <= bytes.len()).then_some(len)
}

/// Where the lines start; `None` when these bytes are not lines from one end to the other.
pub(crate) fn starts(bytes: &[u8]) -> Option<Vec<usize>> {
    let mut found = Vec::new();
    find_starts(bytes, 0, &mut found).then_some(found)
}

/// Adds where the lines start to `found`, counted from `base`; false, and nothing added, when these bytes are not lines
/// from one end to the other.
pub(crate) fn find_starts(bytes: &[u8], base: usize, found: &mut Vec<usize>) -> bool {
    let (mut at, before) = (0, found.len());
    while at < bytes.len() {
        let Some(len) = bytes.get(at..).and_then(line_len) else {
            found.truncate(before);
            return false;
        };
        found.push(base + at);
        at += len;
    }
    true
}

/// Whether the line at the start of these bytes tells of a value.
pub(crate) fn is_value(bytes: &[u8]) -> bool {
    bytes.first() == Some(&VALUE)
}

/// The bytes of the line that they start with.
pub(crate) fn line_bytes(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(..line_len(bytes)?)
}

/// The line at the start of these bytes.
pub(crate) fn line(bytes: &[u8]) -> Option<Line<'_>> {
    let line = bytes.get(..line_len(bytes)?)?;
    let seq = u64_at(line, 8);
    Some(match *line.first()? {
        VALUE => Line::Value { seq, found: entry(line)? },
        CHANGED => Line::Changed { seq, renamed: line.get(3)? & RENAMED != 0, found: entry(line)? },
        DEAD => Line::Dead(places(line.get(DEAD_HEAD..)?)),
        _ => Line::Spaces(spaces(line)),
    })
}

fn entry(line: &[u8]) -> Option<Revived<'_>> {
    let bits = *line.get(3)?;
    let mut at = PLAIN;
    let mut next = |bit: u8| {
        (bits & bit != 0).then(|| {
            at += 8;
            u64_at(line, at - 8)
        })
    };
    let expire_at = next(EXPIRES).map(|at| at as i64);
    let cas = next(TOLD).unwrap_or(0);
    let due = next(DUE).map(|at| at as i64);
    Some(Revived {
        space: u16_at(line, 40),
        key: line.get(at..)?,
        place: Place {
            segment: u32_at(line, 16),
            at: u32_at(line, 20),
            len: u32_at(line, 24),
            check: u32_at(line, 28),
        },
        of: Type::of_number(*line.get(1)?),
        encoding: Encoding::of_number(*line.get(2)?)?,
        length: u32_at(line, 32),
        expire_at,
        due,
        flags: u32_at(line, 36),
        cas,
        stale: bits & STALE != 0,
    })
}

fn places(bytes: &[u8]) -> Vec<(u32, u32)> {
    bytes.chunks_exact(PLACE).map(|place| (u32_at(place, 0), u32_at(place, 4))).collect()
}

fn spaces(line: &[u8]) -> Spaces {
    let parts = line.get(SPACES_HEAD..).unwrap_or_default().chunks_exact(SPACE);
    Spaces {
        seq: u64_at(line, 8),
        floor: u64_at(line, 16),
        dbs: parts.clone().map(|part| u16_at(part, 0)).collect(),
        flushed: parts.map(|part| u64_at(part, 2)).collect(),
    }
}

/// A block of lines that tell of the stretch from `start` to `end`.
pub(crate) fn block(start: u64, end: u64, lines: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(BLOCK_HEAD + lines.len());
    block.extend_from_slice(&MAGIC.to_le_bytes());
    block.extend_from_slice(&(lines.len() as u32).to_le_bytes());
    block.extend_from_slice(&start.to_le_bytes());
    block.extend_from_slice(&end.to_le_bytes());
    let sum = crc64::update(crc64::crc64(&block), lines);
    block.extend_from_slice(&sum.to_le_bytes());
    block.extend_from_slice(lines);
    block
}

/// The head of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockHead {
    pub start: u64,
    pub end: u64,
    /// Bytes of the whole block.
    pub size: usize,
    sum: u64,
}

impl BlockHead {
    /// Reads a head; `None` when these bytes are none.
    pub(crate) fn read(bytes: &[u8]) -> Option<BlockHead> {
        (bytes.len() >= BLOCK_HEAD && u32_at(bytes, 0) == MAGIC).then(|| BlockHead {
            size: BLOCK_HEAD + u32_at(bytes, 4) as usize,
            start: u64_at(bytes, 8),
            end: u64_at(bytes, 16),
            sum: u64_at(bytes, SUM_AT),
        })
    }

    /// The lines of the block that begins with these bytes; `None` when it was cut or damaged.
    pub(crate) fn lines<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let lines = bytes.get(BLOCK_HEAD..self.size)?;
        (crc64::update(crc64::crc64(bytes.get(..SUM_AT)?), lines) == self.sum).then_some(lines)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lines() -> Vec<u8> {
        let mut out = Vec::new();
        let place = Place { segment: 3, at: 9, len: 96, check: 7 };
        let plain = Revived {
            space: 2,
            key: b"key",
            place,
            of: Type::Hash,
            encoding: Encoding::Listpack,
            length: 0,
            expire_at: None,
            due: None,
            flags: 0,
            cas: 0,
            stale: false,
        };
        put_entry(&mut out, 5, None, &plain);
        let full = Revived { expire_at: Some(-1), due: Some(12), flags: 8, cas: 99, stale: true, ..plain };
        put_entry(&mut out, 6, Some(true), &full);
        put_dead(&mut out, &[(1, 2), (3, 4)]);
        put_spaces(&mut out, &Spaces { seq: 7, floor: 1, dbs: vec![1, 0], flushed: vec![4, 0] });
        let starts = starts(&out).unwrap();
        let found: Vec<Line<'_>> = starts.iter().map(|at| line(&out[*at..]).unwrap()).collect();
        assert_eq!(found[0], Line::Value { seq: 5, found: plain });
        assert_eq!(found[1], Line::Changed { seq: 6, renamed: true, found: full });
        assert_eq!(found[2], Line::Dead(vec![(1, 2), (3, 4)]));
        let Line::Spaces(spaces) = &found[3] else { panic!("{found:?}") };
        assert_eq!((spaces.void(0), spaces.void(1), spaces.void(9)), (4, 1, 1));
        out
    }

    #[test]
    fn every_flip_of_a_block_is_noticed() {
        let whole = block(8, 104, &lines());
        let head = BlockHead::read(&whole).unwrap();
        assert_eq!((head.start, head.end, head.size), (8, 104, whole.len()));
        assert!(head.lines(&whole).is_some());
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            let sound = BlockHead::read(&bytes).and_then(|head| head.lines(&bytes).map(<[u8]>::len));
            assert_eq!(sound, None, "{at}");
            assert!(head.lines(&whole[..at]).is_none());
        }
    }

    #[test]
    fn lines_that_are_cut_are_none() {
        let out = lines();
        let ends: Vec<usize> = starts(&out).unwrap();
        for end in 0..out.len() {
            assert_eq!(starts(&out[..end]).is_some(), ends.contains(&end), "{end}");
        }
    }
}
