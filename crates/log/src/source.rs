//! A file that is read piece by piece: as much of it is in memory as the piece that is being read needs.
//!
//! Owns the buffer, the place in the file and the checksum of what was read. A piece is parsed from what is there; when
//! that is not enough, more is read and it is parsed again.

use crate::crc64;
use crate::reader::{Malformed, Reader};
use std::fmt;
use std::io::Read;

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// Why a file can't be read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How far from the file's beginning.
    pub at: u64,
    /// What is wrong.
    pub what: String,
    /// Nothing is wrong but that the file ends within something: as after a crash in the middle of a write.
    pub torn: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Fault {}

/// A file on its way in.
pub struct Source {
    file: Box<dyn Read + Send>,
    size: u64,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were used, and where the buffer begins in the file.
    at: usize,
    base: u64,
    ended: bool,
    /// The checksum of what was used since the last [`Source::restart_sum`], up to that place of the buffer, and of how
    /// many bytes: it is cheaper of many at once.
    sum: u64,
    summed: u64,
    summed_to: usize,
}

impl Source {
    /// A file of that size.
    pub fn new(file: Box<dyn Read + Send>, size: u64) -> Self {
        Source {
            file,
            size,
            buffer: Vec::new(),
            at: 0,
            base: 0,
            ended: false,
            sum: 0,
            summed: 0,
            summed_to: 0,
        }
    }

    /// How far it was read.
    pub fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// How large the file is, or was when it was opened.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The checksum of what was read since the beginning or the last restart, and of how many bytes.
    pub fn sum(&mut self) -> (u64, u64) {
        let used = &self.buffer[self.summed_to..self.at];
        self.sum = crc64::update(self.sum, used);
        self.summed += used.len() as u64;
        self.summed_to = self.at;
        (self.sum, self.summed)
    }

    /// Begins a new checksum.
    pub fn restart_sum(&mut self) {
        (self.sum, self.summed, self.summed_to) = (0, 0, self.at);
    }

    /// A fault here.
    pub fn fault(&self, what: impl Into<String>) -> Fault {
        Fault { at: self.offset(), what: what.into(), torn: false }
    }

    /// Reads one piece; what `parse` returns can't refer to the bytes, which may move.
    pub fn piece<T>(
        &mut self,
        mut parse: impl FnMut(&mut Reader<'_>) -> Result<T, Malformed>,
    ) -> Result<T, Fault> {
        loop {
            let mut reader = Reader::new(&self.buffer[self.at..]);
            match parse(&mut reader) {
                Ok(value) => {
                    self.at += reader.used();
                    return Ok(value);
                }
                Err(wrong) => {
                    let missing = reader.missing() as u64;
                    let rest = self.size.saturating_sub(self.base + self.buffer.len() as u64);
                    if missing == 0 || self.ended || missing > rest {
                        let at = self.offset() + wrong.at as u64;
                        return Err(Fault { at, what: wrong.what.to_owned(), torn: missing > 0 });
                    }
                    self.read_more(missing as usize)?;
                }
            }
        }
    }

    /// Whether everything was read.
    pub fn is_at_end(&mut self) -> Result<bool, Fault> {
        while self.at == self.buffer.len() && !self.ended {
            self.read_more(1)?;
        }
        Ok(self.at == self.buffer.len())
    }

    /// What has been read of the file beyond this place, to be looked at.
    pub fn ahead(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// Reads all the rest into memory, and throws away what lies more than `keep` bytes back; false at the end.
    pub fn skip_ahead(&mut self, keep: usize) -> Result<bool, Fault> {
        self.at = self.buffer.len().saturating_sub(keep).max(self.at);
        // Nobody asks for the checksum of what is skipped.
        self.restart_sum();
        self.read_more(1)?;
        Ok(!self.ended)
    }

    fn read_more(&mut self, missing: usize) -> Result<(), Fault> {
        self.sum();
        self.buffer.drain(..self.at);
        self.summed_to = 0;
        self.base += self.at as u64;
        self.at = 0;
        // At least doubled: what is parsed again each time must not cost the square of its length.
        let wanted = missing.max(CHUNK).max(self.buffer.len());
        let from = self.buffer.len();
        let left = usize::try_from(self.size.saturating_sub(self.base + from as u64)).unwrap_or(usize::MAX);
        self.buffer.resize(from + wanted.min(left.max(1)), 0);
        let read = self.file.read(&mut self.buffer[from..]);
        self.buffer.truncate(from + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => self.ended = true,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(self.fault(error.to_string())),
        }
        Ok(())
    }
}
