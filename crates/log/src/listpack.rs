//! Listpacks: strings and integers in one run of bytes, each followed by its own length for reading backwards.
//!
//! Header: the total of bytes (u32), the number of entries (u16; 65535 means "count them"); then the entries, then 0xff.

use crate::reader::{Malformed, Reader, Text};

const HEADER: usize = 6;
const END: u8 = 0xff;
const MANY: usize = 65_535;

/// The entries of a listpack that came from outside, each checked when it is reached.
pub struct Entries<'a> {
    reader: Reader<'a>,
    /// How many entries the header still promises, unless it did not know.
    promised: Option<usize>,
    failed: bool,
}

impl<'a> Entries<'a> {
    /// Checks the header; `base` is where `data` begins in what errors count from.
    pub fn new(data: &'a [u8], base: usize) -> Result<Self, Malformed> {
        let mut reader = Reader::inside(data, base);
        let total = u32::from_le_bytes(reader.array()?) as usize;
        let count = usize::from(u16::from_le_bytes(reader.array()?));
        if total != data.len() || data.last() != Some(&END) || total == HEADER {
            return Err(Malformed { at: base, what: "a listpack with a wrong length" });
        }
        Ok(Entries { reader, promised: (count != MANY).then_some(count), failed: false })
    }

    fn entry(&mut self) -> Result<Option<Text<'a>>, Malformed> {
        if self.reader.peek()? == END {
            if self.reader.left() > 1 || self.promised.is_some_and(|left| left > 0) {
                return Err(self.reader.fail("a listpack that ends before its last entry"));
            }
            return Ok(None);
        }
        self.promised = match self.promised {
            Some(0) => return Err(self.reader.fail("a listpack with more entries than announced")),
            left => left.map(|left| left - 1),
        };
        let start = self.reader.offset();
        let text = value(&mut self.reader)?;
        back_length(&mut self.reader, start)?;
        Ok(Some(text))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Text<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let entry = self.entry().transpose();
        self.failed = matches!(entry, Some(Err(_)));
        entry
    }
}

fn value<'a>(r: &mut Reader<'a>) -> Result<Text<'a>, Malformed> {
    let first = r.byte()?;
    let low = usize::from(first & 0x0f);
    let size = match first {
        0x00..=0x7f => return Ok(Text::Int(i64::from(first))),
        0x80..=0xbf => usize::from(first & 0x3f),
        0xc0..=0xdf => {
            let number = i64::from(first & 0x1f) << 8 | i64::from(r.byte()?);
            return Ok(Text::Int(if number >= 1 << 12 { number - (1 << 13) } else { number }));
        }
        0xe0..=0xef => low << 8 | usize::from(r.byte()?),
        0xf0 => u32::from_le_bytes(r.array()?) as usize,
        0xf1..=0xf3 => return r.int(usize::from(first - 0xef)).map(Text::Int),
        0xf4 => return r.int(8).map(Text::Int),
        _ => return Err(r.fail("an unknown entry in a listpack")),
    };
    Ok(Text::Bytes(r.take(size)?))
}

/// Reads the length that follows an entry, which must be right.
fn back_length(r: &mut Reader<'_>, start: usize) -> Result<(), Malformed> {
    let (bytes, used) = back(r.offset() - start);
    if r.take(used)? == &bytes[..used] {
        Ok(())
    } else {
        Err(Malformed { at: start, what: "an entry of a listpack with a wrong length after it" })
    }
}

/// A length as it stands behind an entry: sevens of bits, the last one first to a backwards reader.
fn back(size: usize) -> ([u8; 5], usize) {
    let used = match size {
        0..128 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    };
    let mut bytes = [0; 5];
    for (at, byte) in bytes[..used].iter_mut().enumerate() {
        let seven = (size >> (7 * (used - 1 - at))) as u8 & 0x7f;
        *byte = if at == 0 { seven } else { seven | 0x80 };
    }
    (bytes, used)
}

/// Builds a listpack.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    count: usize,
}

impl Default for Writer {
    fn default() -> Self {
        Writer { bytes: vec![0; HEADER], count: 0 }
    }
}

impl Writer {
    /// Bytes so far.
    pub fn size(&self) -> usize {
        self.bytes.len() + 1
    }

    /// How many entries it has.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Appends a string; the canonical decimal of a 64-bit integer becomes an integer.
    pub fn string(&mut self, text: &[u8]) {
        if let Some(number) = crate::writer::canonical(text) {
            return self.int(number);
        }
        let start = self.bytes.len();
        match text.len() {
            size @ 0..64 => self.bytes.push(0x80 | size as u8),
            size @ 64..4096 => self.bytes.extend([0xe0 | (size >> 8) as u8, size as u8]),
            size => {
                self.bytes.push(0xf0);
                self.bytes.extend((size as u32).to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(text);
        self.close(start);
    }

    /// Appends an integer.
    pub fn int(&mut self, number: i64) {
        let start = self.bytes.len();
        let le = number.to_le_bytes();
        match number {
            0..128 => self.bytes.push(number as u8),
            -4096..4096 => self.bytes.extend([0xc0 | (number >> 8) as u8 & 0x1f, number as u8]),
            -0x8000..0x8000 => self.sized(0xf1, &le[..2]),
            -0x80_0000..0x80_0000 => self.sized(0xf2, &le[..3]),
            -0x8000_0000..0x8000_0000 => self.sized(0xf3, &le[..4]),
            _ => self.sized(0xf4, &le),
        }
        self.close(start);
    }

    fn sized(&mut self, code: u8, bytes: &[u8]) {
        self.bytes.push(code);
        self.bytes.extend_from_slice(bytes);
    }

    fn close(&mut self, start: usize) {
        let (bytes, used) = back(self.bytes.len() - start);
        self.bytes.extend_from_slice(&bytes[..used]);
        self.count += 1;
    }

    /// The finished listpack.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.push(END);
        let total = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        self.bytes[4..HEADER].copy_from_slice(&(self.count.min(MANY) as u16).to_le_bytes());
        self.bytes
    }
}
