//! A record of the disk tier: one value, with all that its entry has besides it, or what became of earlier ones.
//!
//! Owns the layout:
//! ```text
//! 0      4     5         6      7     8    16      24   32     36     38    40    44      48   52   60
//! magic  type  encoding  flags  kind  seq  expire  cas  flags  space  zero  klen  stored  len  due  check
//! 64 checksum  72 key  value  zeros up to a multiple of eight
//! ```
//! All numbers are little-endian. The checksum covers everything else, the check the 60 bytes before it: a head is to be
//! believed where what follows it is damaged. A collection is written as in an RDB file. A value is compressed with LZ4
//! where that pays. A record of facts has no key, and lines as in an [index](super::index) in the place of a value. A record
//! is never trusted: whoever reads one checks it all first.

use super::block::{Block, PIECE_LEAST};
use crate::crc64;
use crate::lz4;
use crate::value;
use dozo_store::tier::{Encoding, Growing};
use dozo_store::{Head, Item, Shared, Str, Type, Value};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

const MAGIC: u32 = 0x315a_5264;
pub(crate) const HEAD: usize = 72;
const CHECK_AT: usize = 60;
pub(crate) const CHECKSUM_AT: usize = 64;
/// What the starts of records are multiples of.
pub(crate) const ALIGN: usize = 8;

const PACKED: u8 = 1;
const STALE: u8 = 2;
const EXPIRES: u8 = 4;
const DUE: u8 = 8;

/// What a record holds: a value.
pub(crate) const VALUE: u8 = 0;
/// What a record holds: facts about earlier ones.
pub(crate) const FACTS: u8 = 1;

/// Longer strings are kept as they are, so that they can be read in parts.
const PACKED_MOST: usize = 1 << 20;

/// The head of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub of: u8,
    pub encoding: u8,
    flags: u8,
    pub kind: u8,
    pub seq: u64,
    expire: i64,
    pub cas: u64,
    pub item_flags: u32,
    pub space: u16,
    pub klen: u32,
    pub stored: u32,
    pub len: u32,
    due: i64,
    check: u32,
    checksum: u64,
}

impl Header {
    /// Reads a head; `None` when these bytes are none.
    pub(crate) fn read(bytes: &[u8]) -> Option<Header> {
        let head: &[u8; HEAD] = bytes.first_chunk()?;
        let u32_at = |at: usize| head[at..].first_chunk().map_or(0, |four| u32::from_le_bytes(*four));
        let u64_at = |at: usize| head[at..].first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
        (u32_at(0) == MAGIC).then(|| Header {
            of: head[4],
            encoding: head[5],
            flags: head[6],
            kind: head[7],
            seq: u64_at(8),
            expire: u64_at(16) as i64,
            cas: u64_at(24),
            item_flags: u32_at(32),
            space: u16::from_le_bytes([head[36], head[37]]),
            klen: u32_at(40),
            stored: u32_at(44),
            len: u32_at(48),
            due: u64_at(52) as i64,
            check: u32_at(CHECK_AT),
            checksum: u64_at(CHECKSUM_AT),
        })
    }

    /// As `read`, and nothing where the head itself was damaged.
    pub(crate) fn read_sound(bytes: &[u8]) -> Option<Header> {
        let header = Header::read(bytes)?;
        let sound = header.check == check(bytes) && header.kind <= FACTS;
        sound.then_some(header)
    }

    /// Unix time in milliseconds at which the key expires.
    pub(crate) fn expire_at(&self) -> Option<i64> {
        (self.flags & EXPIRES != 0).then_some(self.expire)
    }

    /// When the next element of the value expires.
    pub(crate) fn due(&self) -> Option<i64> {
        (self.flags & DUE != 0).then_some(self.due)
    }

    /// Whether the value was marked stale.
    pub(crate) fn stale(&self) -> bool {
        self.flags & STALE != 0
    }

    /// Bytes of the whole record.
    pub(crate) fn size(&self) -> usize {
        (HEAD + self.klen as usize + self.stored as usize).next_multiple_of(ALIGN)
    }

    /// Whether the value is not compressed.
    pub(crate) fn is_plain(&self) -> bool {
        self.flags & PACKED == 0 && self.stored == self.len
    }

    /// The part of the checksum that a place bears.
    pub(crate) fn check(&self) -> u32 {
        self.checksum as u32
    }

    /// Whether that is the checksum.
    pub(crate) fn is_sum(&self, sum: u64) -> bool {
        self.checksum == sum
    }

    fn write(&self, out: &mut [u8]) {
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &MAGIC.to_le_bytes());
        put(4, &[self.of, self.encoding, self.flags, self.kind]);
        put(8, &self.seq.to_le_bytes());
        put(16, &self.expire.to_le_bytes());
        put(24, &self.cas.to_le_bytes());
        put(32, &self.item_flags.to_le_bytes());
        put(36, &self.space.to_le_bytes());
        put(38, &[0, 0]);
        put(40, &self.klen.to_le_bytes());
        put(44, &self.stored.to_le_bytes());
        put(48, &self.len.to_le_bytes());
        put(52, &self.due.to_le_bytes());
    }

    /// Takes what an entry says of itself.
    fn take(&mut self, head: &Head<'_>) {
        self.flags &= PACKED;
        self.flags |= if head.stale() { STALE } else { 0 };
        self.flags |= if head.expire_at().is_some() { EXPIRES } else { 0 };
        self.flags |= if head.due().is_some() { DUE } else { 0 };
        self.due = head.due().unwrap_or(0);
        self.expire = head.expire_at().unwrap_or(0);
        self.cas = head.cas();
        self.item_flags = head.flags();
    }
}

/// Whether and from which length on values are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Bytes; 0 compresses nothing.
    pub threshold: usize,
}

/// A record that was made.
pub(crate) struct Made {
    pub block: Block,
    /// The part of its checksum that its place bears.
    pub check: u32,
    /// Bytes that compression has saved.
    pub saved: usize,
}

/// Makes a record of a value. A large string is not copied for it.
pub(crate) fn make(seq: u64, space: u16, item: &Item<'_>, compression: Compression) -> Option<Made> {
    let key = item.key();
    let plain = plain(item);
    let plain = &*plain;
    let whole = item.type_of() == Type::Str && plain.len() > PACKED_MOST;
    let packed = if whole { None } else { pack(plain, compression) };
    let value = match (&packed, item.value()) {
        (Some(packed), _) => Body::Bytes(packed),
        (None, Value::Str(Str::Shared(shared))) if shared.len() >= PIECE_LEAST => {
            Body::Shared(shared, 0..shared.len())
        }
        (None, _) => Body::Bytes(plain),
    };
    let stored = value.bytes().len();
    let mut header = Header {
        of: item.type_of() as u8,
        encoding: Encoding::parse(item.encoding())? as u8,
        flags: if packed.is_some() { PACKED } else { 0 },
        seq,
        space,
        klen: u32::try_from(key.len()).ok()?,
        stored: u32::try_from(stored).ok()?,
        len: u32::try_from(plain.len()).ok()?,
        ..Header::default()
    };
    header.take(item);
    let saved = plain.len() - stored;
    Some(Made { saved, ..seal(&header, key, value)? })
}

/// The head and the key of a record whose value is to come; the checksum is missing.
pub(crate) fn begin(seq: u64, space: u16, new: &Growing<'_>) -> Option<Vec<u8>> {
    let len = u32::try_from(new.len).ok()?;
    let header = Header {
        of: Type::Str as u8,
        encoding: Encoding::Raw as u8,
        flags: if new.expire_at.is_some() { EXPIRES } else { 0 },
        seq,
        expire: new.expire_at.unwrap_or(0),
        item_flags: new.flags,
        space,
        klen: u32::try_from(new.key.len()).ok()?,
        stored: len,
        len,
        ..Header::default()
    };
    let mut bytes = vec![0; HEAD];
    put_head(&mut bytes, &header);
    bytes.extend_from_slice(new.key);
    Some(bytes)
}

/// A record of facts, whose lines these are.
pub(crate) fn facts(seq: u64, lines: &[u8]) -> Option<Block> {
    let stored = u32::try_from(lines.len()).ok()?;
    let header = Header { kind: FACTS, seq, stored, len: stored, ..Header::default() };
    Some(seal(&header, &[], Body::Bytes(lines))?.block)
}

/// The lines of a whole record of facts.
pub(crate) fn lines(record: &[u8]) -> Option<&[u8]> {
    let header = Header::read(record).filter(|header| header.kind == FACTS)?;
    is_whole(record).then(|| record.get(HEAD..HEAD + header.stored as usize))?
}

/// The record at a place of a chunk, with what its entry says of itself now; `None` where it is damaged. A value that is most
/// of its chunk is not copied.
pub(crate) fn renew(chunk: &Shared, at: Range<usize>, seq: u64, space: u16, head: &Head<'_>) -> Option<Made> {
    let record = chunk.get(at.clone()).filter(|record| is_whole(record))?;
    let mut header = Header::read(record)?;
    let start = at.start + HEAD + header.klen as usize;
    let value = start..start + header.stored as usize;
    (header.seq, header.space) = (seq, space);
    header.klen = u32::try_from(head.key().len()).ok()?;
    header.take(head);
    let stays = value.len() >= PIECE_LEAST && value.len() >= chunk.len() / 2;
    let value = if stays { Body::Shared(chunk, value) } else { Body::Bytes(chunk.get(value)?) };
    seal(&header, head.key(), value)
}

/// The part of a record's checksum that its place bears.
pub(crate) fn check_of(record: &[u8]) -> u32 {
    Header::read(record).map_or(0, |header| header.checksum as u32)
}

/// Whether these bytes are one whole, undamaged record.
pub(crate) fn is_whole(record: &[u8]) -> bool {
    Header::read(record)
        .is_some_and(|header| header.size() == record.len() && header.checksum == checksum(record))
}

/// The key of a record.
pub(crate) fn key(record: &[u8]) -> Option<&[u8]> {
    let header = Header::read(record)?;
    record.get(HEAD..HEAD + header.klen as usize)
}

fn plain<'a>(item: &Item<'a>) -> Cow<'a, [u8]> {
    match item.value() {
        Value::Str(Str::Inline(bytes)) => Cow::Borrowed(bytes),
        Value::Str(Str::Shared(shared)) => Cow::Borrowed(shared.as_slice()),
        Value::Str(number) => Cow::Owned(number.to_vec()),
        collection => {
            let mut out = Vec::new();
            value::write(collection, &mut out);
            Cow::Owned(out)
        }
    }
}

fn pack(plain: &[u8], compression: Compression) -> Option<Vec<u8>> {
    if compression.threshold == 0 || plain.len() < compression.threshold {
        return None;
    }
    lz4::pack(plain)
}

/// Writes a head, of which only the checksum is missing then.
fn put_head(record: &mut [u8], header: &Header) {
    header.write(record);
    let check = check(record);
    record[CHECK_AT..CHECKSUM_AT].copy_from_slice(&check.to_le_bytes());
}

/// The bytes of a value.
enum Body<'a> {
    Bytes(&'a [u8]),
    Shared(&'a Shared, Range<usize>),
}

impl Body<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Body::Bytes(bytes) => bytes,
            Body::Shared(shared, part) => &shared[part.clone()],
        }
    }
}

/// The record of a head, a key and a value; `None` when it is too long for one.
fn seal(header: &Header, key: &[u8], value: Body<'_>) -> Option<Made> {
    let bytes = value.bytes();
    let end = HEAD.checked_add(key.len())?.checked_add(bytes.len())?;
    let size = end.checked_next_multiple_of(ALIGN)?;
    u32::try_from(size).ok()?;
    let zeros = &[0; ALIGN][..size - end];
    let copied = matches!(value, Body::Bytes(_));
    let mut front = Vec::with_capacity(if copied { size } else { HEAD + key.len() });
    front.resize(HEAD, 0);
    put_head(&mut front, header);
    let parts = [key, bytes, zeros];
    let sum = parts.iter().fold(checksum_of_head(&front), |sum, part| crc64::update(sum, part));
    front[CHECKSUM_AT..].copy_from_slice(&sum.to_le_bytes());
    front.extend_from_slice(key);
    let block = match value {
        Body::Bytes(bytes) => {
            front.extend_from_slice(bytes);
            front.extend_from_slice(zeros);
            front.into()
        }
        Body::Shared(shared, part) => {
            let mut block = Block::from(front);
            block.add_shared(Arc::clone(shared), part);
            block.add(zeros.to_vec());
            block
        }
    };
    Some(Made { block, check: sum as u32, saved: 0 })
}

/// The checksum of a head, which the one of the record goes on from.
pub(crate) fn checksum_of_head(head: &[u8]) -> u64 {
    crc64::crc64(head.get(..CHECKSUM_AT).unwrap_or_default())
}

fn check(record: &[u8]) -> u32 {
    crc64::crc64(record.get(..CHECK_AT).unwrap_or_default()) as u32
}

fn checksum(record: &[u8]) -> u64 {
    crc64::update(checksum_of_head(record), record.get(HEAD..).unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;
    use dozo_store::{Access, Keyspace, NewValue, Put, Random, StoreConfig};

    /// Bytes of which nothing can be packed.
    pub(in crate::tier) fn noise(len: usize) -> Vec<u8> {
        let mut random = Random::new(len as u64);
        std::iter::repeat_with(|| random.next() as u8).take(len).collect()
    }

    /// The record of a string, and its bytes.
    pub(in crate::tier) fn made(ks: &mut Keyspace, key: &[u8], value: &Shared) -> (Made, Vec<u8>) {
        ks.put(0, key, Put { value: NewValue::Shared(Arc::clone(value)), ..Put::plain(b"") });
        let item = ks.get(0, key, Access::Peek).unwrap();
        let made = make(7, 0, &item, Compression { threshold: 1000 }).unwrap();
        let bytes = made.block.cut(0, made.block.len()).unwrap();
        (made, bytes)
    }

    #[test]
    fn large_values_are_not_copied() {
        let mut ks = Keyspace::new(StoreConfig::default());
        for (value, holders) in
            [(noise(PIECE_LEAST), 3), (noise(200_001), 3), (noise(PIECE_LEAST - 1), 2), (vec![7; 200_000], 2)]
        {
            let value = Arc::new(value);
            let (made, bytes) = made(&mut ks, b"key", &value);
            // Here, in the entry and perhaps in the block.
            assert_eq!(Arc::strong_count(&value), holders);
            assert!(is_whole(&bytes) && made.check == check_of(&bytes) && key(&bytes) == Some(b"key"));
            let header = Header::read(&bytes).unwrap();
            assert_eq!((header.len as usize, header.size()), (value.len(), bytes.len()));
            assert_eq!(made.saved, value.len() - header.stored as usize);
            assert!(!header.is_plain() || bytes[HEAD + 3..][..value.len()] == value[..]);
        }
    }

    #[test]
    fn a_record_is_renewed_in_any_place_of_its_chunk() {
        let mut ks = Keyspace::new(StoreConfig::default());
        let (small, large) = (Arc::new(noise(20_000)), Arc::new(noise(100_003)));
        let (first, second) = (made(&mut ks, b"small", &small).1, made(&mut ks, b"large", &large).1);
        let middle = first.len();
        let chunk = Arc::new([first, second].concat());
        ks.put(0, b"another name", Put { flags: Some(5), ..Put::plain(b"") });
        let head = ks.get(0, b"another name", Access::Peek).unwrap();
        for (at, value, holders) in [(0..middle, small, 1), (middle..chunk.len(), large, 2)] {
            let made = renew(&chunk, at, 9, 3, &head).unwrap();
            assert_eq!(Arc::strong_count(&chunk), holders);
            let bytes = made.block.cut(0, made.block.len()).unwrap();
            assert!(is_whole(&bytes) && made.check == check_of(&bytes));
            assert_eq!(key(&bytes), Some(&b"another name"[..]));
            let header = Header::read(&bytes).unwrap();
            assert_eq!((header.seq, header.space, header.item_flags), (9, 3, 5));
            assert!(bytes[HEAD + 12..][..value.len()] == value[..]);
        }
        let mut damaged = chunk.to_vec();
        damaged[middle + 90_000] ^= 1;
        assert!(renew(&Arc::new(damaged), middle..chunk.len(), 9, 3, &head).is_none());
        assert!(renew(&chunk, middle..chunk.len() + 8, 9, 3, &head).is_none());
    }
}
