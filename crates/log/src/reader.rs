//! A place in bytes that came from outside, and the two things all of RDB is made of: lengths and strings.

use crate::lzf;
use std::fmt;

/// The longest string that is taken apart: Redis's own limit.
const STRING_MAX: u64 = 512 << 20;

const CUT: &str = "the data ends too early";

/// Bytes that are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// How far from the beginning; inside compressed bytes, as if they stood there uncompressed.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Malformed {}

/// A string as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// Bytes in the input.
    Bytes(&'a [u8]),
    /// An integer in binary, which stands for its decimal form.
    Int(i64),
    /// Bytes that were compressed.
    Unpacked(Vec<u8>),
}

impl Text<'_> {
    /// The bytes; an integer is formatted into `buffer`.
    #[inline]
    pub fn as_bytes<'b>(&'b self, buffer: &'b mut itoa::Buffer) -> &'b [u8] {
        match self {
            Text::Bytes(bytes) => bytes,
            Text::Int(n) => buffer.format(*n).as_bytes(),
            Text::Unpacked(bytes) => bytes,
        }
    }

    /// The bytes in a vector of their own.
    pub fn to_vec(&self) -> Vec<u8> {
        self.as_bytes(&mut itoa::Buffer::new()).to_vec()
    }
}

/// A place in bytes; every step checks that the bytes are there.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    data: &'a [u8],
    at: usize,
    base: usize,
    missing: usize,
}

impl<'a> Reader<'a> {
    /// At the beginning of `data`.
    pub fn new(data: &'a [u8]) -> Self {
        Self::inside(data, 0)
    }

    /// At the beginning of `data`, which itself begins `base` bytes into what errors count from.
    pub fn inside(data: &'a [u8], base: usize) -> Self {
        Reader { data, at: 0, base, missing: 0 }
    }

    /// How far it is from the beginning of everything.
    #[inline]
    pub fn offset(&self) -> usize {
        self.base + self.at
    }

    /// How many bytes are left.
    #[inline]
    pub fn left(&self) -> usize {
        self.data.len() - self.at
    }

    /// An error at this place.
    #[cold]
    pub fn fail(&self, what: &'static str) -> Malformed {
        Malformed { at: self.offset(), what }
    }

    /// The next bytes.
    #[inline]
    pub fn take(&mut self, size: usize) -> Result<&'a [u8], Malformed> {
        if size > self.left() {
            self.missing = size - self.left();
            return Err(self.fail(CUT));
        }
        let bytes = &self.data[self.at..self.at + size];
        self.at += size;
        Ok(bytes)
    }

    /// The next bytes as an array.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// The next byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    /// How many bytes more it would have taken not to fail for the end of the data; 0 for other failures.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// How many bytes were read.
    pub fn used(&self) -> usize {
        self.at
    }

    /// The next line without its end, which is `\n` or `\r\n`; it has at most `max` bytes.
    pub fn line(&mut self, max: usize) -> Result<&'a [u8], Malformed> {
        let rest = &self.data[self.at..];
        let within = &rest[..rest.len().min(max)];
        let Some(len) = within.iter().position(|byte| *byte == b'\n') else {
            if rest.len() < max {
                self.missing = 1;
                return Err(self.fail(CUT));
            }
            return Err(self.fail("a line that is too long"));
        };
        self.at += len + 1;
        Ok(rest[..len].strip_suffix(b"\r").unwrap_or(&rest[..len]))
    }

    /// The next byte, left where it is.
    #[inline]
    pub fn peek(&self) -> Result<u8, Malformed> {
        self.data.get(self.at).copied().ok_or_else(|| self.fail(CUT))
    }

    /// A little-endian signed integer of 1 to 8 bytes.
    pub fn int(&mut self, size: usize) -> Result<i64, Malformed> {
        let mut wide = [0; 8];
        let bytes = self.take(size.min(8))?;
        wide[8 - bytes.len()..].copy_from_slice(bytes);
        Ok(i64::from_le_bytes(wide) >> (64 - 8 * bytes.len() as u32).min(63))
    }

    /// Milliseconds, as RDB 9 and later write them.
    pub fn millis(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// An IEEE double.
    pub fn double(&mut self) -> Result<f64, Malformed> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// A length; where RDB may put an encoding's number in its place, that is an error.
    #[inline]
    pub fn length(&mut self) -> Result<u64, Malformed> {
        let at = self.clone();
        match self.length_or_encoding()? {
            (length, false) => Ok(length),
            _ => Err(at.fail("an encoding where a length belongs")),
        }
    }

    /// A length, or (true) the number of an encoding.
    #[inline]
    fn length_or_encoding(&mut self) -> Result<(u64, bool), Malformed> {
        let start = self.clone();
        let first = self.byte()?;
        let low = u64::from(first & 0x3f);
        Ok(match first >> 6 {
            0 => (low, false),
            1 => (low << 8 | u64::from(self.byte()?), false),
            3 => (low, true),
            _ if first == 0x80 => (u64::from(u32::from_be_bytes(self.array()?)), false),
            _ if first == 0x81 => (u64::from_be_bytes(self.array()?), false),
            _ => return Err(start.fail("an unknown form of length")),
        })
    }

    /// A string in any of RDB's forms.
    #[inline]
    pub fn string(&mut self) -> Result<Text<'a>, Malformed> {
        let start = self.clone();
        let (number, encoded) = self.length_or_encoding()?;
        match (encoded, number) {
            (false, size) => Ok(Text::Bytes(self.sized(size)?)),
            (true, code @ 0..=2) => Ok(Text::Int(self.int(1 << code)?)),
            (true, 3) => self.compressed(),
            _ => Err(start.fail("an unknown form of string")),
        }
    }

    fn sized(&mut self, size: u64) -> Result<&'a [u8], Malformed> {
        self.take(usize::try_from(size).unwrap_or(usize::MAX))
    }

    fn compressed(&mut self) -> Result<Text<'a>, Malformed> {
        let (packed, full) = (self.length()?, self.length()?);
        let start = self.clone();
        let packed = self.sized(packed)?;
        if full > STRING_MAX {
            return Err(start.fail("a compressed string that is too long"));
        }
        lzf::decompress(packed, full as usize).map(Text::Unpacked).map_err(|what| start.fail(what))
    }
}
