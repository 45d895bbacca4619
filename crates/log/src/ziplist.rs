//! Ziplists, the listpack's predecessor: each entry begins with the length of the one before it.
//!
//! Header: the total of bytes (u32), where the last entry begins (u32), the number of entries (u16; 65535 means "count
//! them"); then the entries, then 0xff.

use crate::reader::{Malformed, Reader, Text};

const HEADER: usize = 10;
const END: u8 = 0xff;
const WIDE: u8 = 0xfe;
const MANY: usize = 65_535;

/// The entries of a ziplist that came from outside, each checked when it is reached.
pub struct Entries<'a> {
    reader: Reader<'a>,
    promised: Option<usize>,
    /// The length of the entry before, as the next one must state it.
    previous: usize,
    failed: bool,
}

impl<'a> Entries<'a> {
    /// Checks the header; `base` is where `data` begins in what errors count from.
    pub fn new(data: &'a [u8], base: usize) -> Result<Self, Malformed> {
        let mut reader = Reader::inside(data, base);
        let total = u32::from_le_bytes(reader.array()?) as usize;
        reader.take(4)?;
        let count = usize::from(u16::from_le_bytes(reader.array()?));
        if total != data.len() || data.last() != Some(&END) || total == HEADER {
            return Err(Malformed { at: base, what: "a ziplist with a wrong length" });
        }
        Ok(Entries { reader, promised: (count != MANY).then_some(count), previous: 0, failed: false })
    }

    fn entry(&mut self) -> Result<Option<Text<'a>>, Malformed> {
        if self.reader.peek()? == END {
            if self.reader.left() > 1 || self.promised.is_some_and(|left| left > 0) {
                return Err(self.reader.fail("a ziplist that ends before its last entry"));
            }
            return Ok(None);
        }
        self.promised = match self.promised {
            Some(0) => return Err(self.reader.fail("a ziplist with more entries than announced")),
            left => left.map(|left| left - 1),
        };
        let start = self.reader.offset();
        let previous = match self.reader.byte()? {
            WIDE => u32::from_le_bytes(self.reader.array()?) as usize,
            short => usize::from(short),
        };
        if previous != self.previous {
            return Err(Malformed { at: start, what: "an entry of a ziplist with a wrong length before it" });
        }
        let text = value(&mut self.reader)?;
        self.previous = self.reader.offset() - start;
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
    let size = match first {
        0x00..=0x3f => usize::from(first),
        0x40..=0x7f => usize::from(first & 0x3f) << 8 | usize::from(r.byte()?),
        0x80 => u32::from_be_bytes(r.array()?) as usize,
        0xc0 => return r.int(2).map(Text::Int),
        0xd0 => return r.int(4).map(Text::Int),
        0xe0 => return r.int(8).map(Text::Int),
        0xf0 => return r.int(3).map(Text::Int),
        0xfe => return r.int(1).map(Text::Int),
        0xf1..=0xfd => return Ok(Text::Int(i64::from(first & 0x0f) - 1)),
        _ => return Err(r.fail("an unknown entry in a ziplist")),
    };
    Ok(Text::Bytes(r.take(size)?))
}
