//! A string of the log that is read in parts.
//!
//! Owns the checksum of what was read: the last part is handed out only when the whole record is undamaged. Whoever reads
//! holds the file, or the block in memory, so that a segment which is removed meanwhile is still read to its end.

use super::block::Block;
use super::record::{self, Header};
use crate::crc64;
use crate::disk::ReadAt;
use dozo_store::Type;
use dozo_store::tier::{self, Place};
use std::sync::Arc;

/// Where a record's bytes are.
pub(super) enum Source {
    /// In a block, from there on.
    Block(Arc<Block>, usize),
    /// In a file, from there on.
    File(Arc<dyn ReadAt>, u64),
}

/// A string that is being read.
pub(super) struct Parts {
    source: Source,
    place: Place,
    /// Known once its first part was read.
    header: Option<Header>,
    /// Bytes of the record that were read, and the checksum of those.
    at: usize,
    sum: u64,
}

impl Parts {
    pub(super) fn new(source: Source, place: Place) -> Parts {
        Parts { source, place, header: None, at: 0, sum: 0 }
    }

    fn read(&self, at: usize, len: usize, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        bytes.resize(len, 0);
        match &self.source {
            Source::Block(block, start) => block.read(start + at, &mut bytes)?,
            Source::File(file, start) => file.read_at(&mut bytes, start + at as u64).ok()?,
        }
        Some(bytes)
    }

    /// Reads on, for the checksum.
    fn take(&mut self, len: usize, buffer: Vec<u8>) -> Option<Vec<u8>> {
        let bytes = self.read(self.at, len, buffer)?;
        self.sum = crc64::update(self.sum, &bytes);
        self.at += len;
        Some(bytes)
    }

    /// Reads the head and the key.
    fn open(&mut self) -> Option<Header> {
        let head = self.read(0, record::HEAD, Vec::new())?;
        let header = Header::read(&head).filter(|header| {
            header.size() == self.place.len as usize
                && header.is_plain()
                && header.of == Type::Str as u8
                && header.check() == self.place.check
        })?;
        self.sum = record::checksum_of_head(&head);
        self.at = record::HEAD;
        self.take(header.klen as usize, Vec::new())?;
        self.header = Some(header);
        Some(header)
    }
}

impl tier::Parts for Parts {
    fn next(&mut self, bytes: usize, buffer: Vec<u8>) -> Option<Vec<u8>> {
        let header = match self.header {
            Some(header) => header,
            None => self.open()?,
        };
        let end = record::HEAD + header.klen as usize + header.len as usize;
        let part = self.take(bytes.min(end.saturating_sub(self.at)), buffer)?;
        if self.at == end {
            self.take(header.size() - end, Vec::new())?;
            return header.is_sum(self.sum).then_some(part);
        }
        Some(part)
    }
}
