//! A value out of its record, checked, by whoever has the time for it.
//!
//! Owns the reading of one record into the room that its value will have: what stands around the value is read apart, so
//! that a large value is neither copied nor looked at again by the thread that waits for it.

use super::record::{self, HEAD, Header};
use crate::crc64;
use crate::disk::ReadAt;
use crate::lz4;
use crate::reader::Reader;
use crate::value::{self, Restored, WRITTEN};
use dozo_store::tier::{Fetched, Place, Stored};
use dozo_store::{Packing, Type};

/// What is read at once: records up to that size whole, of larger ones the head and the key.
const FIRST: usize = 4096;

/// Where the bytes of a record come from: from that byte of it on, as many as there is room for.
pub(super) trait Bytes {
    fn get(&self, at: usize, to: &mut [u8]) -> Option<()>;
}

impl Bytes for &[u8] {
    fn get(&self, at: usize, to: &mut [u8]) -> Option<()> {
        to.copy_from_slice(<[u8]>::get(self, at..at + to.len())?);
        Some(())
    }
}

impl Bytes for (&dyn ReadAt, u64) {
    fn get(&self, at: usize, to: &mut [u8]) -> Option<()> {
        self.0.read_at(to, self.1 + at as u64).ok()
    }
}

/// The room that the value of a record takes, if it is a string of that length.
pub(super) fn room(place: Place, length: u32) -> usize {
    let most = (place.len as usize).saturating_sub(HEAD);
    if length == 0 { most } else { most.min(length as usize) }
}

/// Reads the record at a place, its value into `room`; `None` when that fails, when it is another one, or damaged.
pub(super) fn read(from: impl Bytes, place: Place, mut room: Vec<u8>) -> Option<Stored> {
    let size = place.len as usize;
    let mut first = vec![0; size.min(FIRST)];
    from.get(0, &mut first)?;
    let header = Header::read(&first)?;
    if header.size() != size || header.check() != place.check || header.kind != record::VALUE {
        return None;
    }
    let start = HEAD + header.klen as usize;
    let end = start + header.stored as usize;
    if first.len() < start {
        let had = first.len();
        first.resize(start, 0);
        from.get(had, &mut first[had..])?;
    }
    let had = first.len().min(end);
    room.clear();
    room.extend_from_slice(&first[start..had]);
    room.resize(end - start, 0);
    from.get(had, &mut room[had - start..])?;
    let mut rest = [0; record::ALIGN];
    let rest = &mut rest[..size - end];
    from.get(end, rest)?;
    let sum = crc64::update(record::checksum_of_head(&first), &first[HEAD..start]);
    let sum = crc64::update(crc64::update(sum, &room), rest);
    let unpacked = (!header.is_plain()).then_some(header.len);
    header.is_sum(sum).then(|| Stored { of: Type::of_number(header.of), bytes: room, unpacked })
}

/// The value that these bytes are.
pub(super) fn open(stored: Stored, packing: &Packing) -> Option<Fetched> {
    let Stored { of, bytes, unpacked } = stored;
    let plain = match unpacked {
        None => bytes,
        Some(len) => lz4::unpack(&bytes, len as usize)?,
    };
    if of == Type::Str {
        return Some(Fetched::Str(plain));
    }
    let (form, body) = plain.split_first()?;
    match value::read(*form, u32::from(WRITTEN), &mut Reader::new(body), packing).ok()? {
        Restored::Object(object) => Some(Fetched::Object(object)),
        Restored::Str(_) => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tier::record::tests::{made, noise};
    use dozo_store::{Keyspace, StoreConfig};
    use std::sync::Arc;

    /// The record of a string, and its place.
    fn record(key: &[u8], value: &[u8]) -> (Vec<u8>, Place) {
        let mut ks = Keyspace::new(StoreConfig::default());
        let (made, bytes) = made(&mut ks, key, &Arc::new(value.to_vec()));
        let place = Place { segment: 1, at: 0, len: bytes.len() as u32, check: made.check };
        (bytes, place)
    }

    fn value_of(record: &[u8], place: Place, length: usize) -> Option<Vec<u8>> {
        let stored = read(record, place, Vec::with_capacity(room(place, length as u32)))?;
        match open(stored, &Packing::default())? {
            Fetched::Str(value) => Some(value),
            Fetched::Object(_) => None,
        }
    }

    #[test]
    fn values_of_all_sizes_come_whole_into_their_room() {
        let noise = noise(40_000);
        for (keys, values) in
            [(1, 100), (3, 999), (7, 4096 - 79), (7, 4096), (9, 40_000), (4096, 5), (9000, 9000)]
        {
            let (record, place) = record(&noise[..keys], &noise[..values]);
            let stored = read(&*record, place, Vec::with_capacity(room(place, values as u32))).unwrap();
            assert_eq!(stored.bytes.capacity(), values);
            assert!(value_of(&record, place, values).unwrap() == noise[..values], "{keys} {values}");
        }
        let (record, place) = record(b"packed", &[7; 30_000]);
        assert!(place.len < 2000);
        assert!(value_of(&record, place, 30_000).unwrap() == [7; 30_000]);
    }

    #[test]
    fn every_flip_and_every_other_place_is_noticed() {
        let (mut record, place) = record(b"some key", &[b'x'; 301]);
        for at in 0..record.len() {
            record[at] ^= 16;
            assert!(read(&*record, place, Vec::new()).is_none(), "{at}");
            record[at] ^= 16;
            assert!(read(&record[..at], place, Vec::new()).is_none(), "{at}");
        }
        assert!(read(&*record, Place { check: place.check ^ 1, ..place }, Vec::new()).is_none());
        assert!(value_of(&record, place, 301).is_some());
    }
}
