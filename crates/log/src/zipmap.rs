//! Zipmaps, the small hashes of Redis before 2.6: a count that nobody needs, then names and values in turn, then 0xff.
//!
//! A length is one byte, or 254 and four; after a value's length stands how many bytes are left free behind it.

use crate::reader::{Malformed, Reader, Text};

const END: u8 = 0xff;
const WIDE: u8 = 0xfe;

/// Names and values in turn.
pub struct Entries<'a> {
    reader: Reader<'a>,
    value_next: bool,
    failed: bool,
}

impl<'a> Entries<'a> {
    /// Checks the beginning; `base` is where `data` begins in what errors count from.
    pub fn new(data: &'a [u8], base: usize) -> Result<Self, Malformed> {
        let mut reader = Reader::inside(data, base);
        reader.byte()?;
        Ok(Entries { reader, value_next: false, failed: false })
    }

    fn entry(&mut self) -> Result<Option<Text<'a>>, Malformed> {
        let r = &mut self.reader;
        let size = match r.byte()? {
            END if !self.value_next && r.left() == 0 => return Ok(None),
            END => return Err(r.fail("a zipmap with an end in its middle")),
            WIDE => u32::from_le_bytes(r.array()?) as usize,
            short => usize::from(short),
        };
        let free = if self.value_next { usize::from(r.byte()?) } else { 0 };
        let text = Text::Bytes(r.take(size)?);
        r.take(free)?;
        self.value_next = !self.value_next;
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
