//! Small collections: strings back to back in one allocation.
//!
//! Owns the form of a string in it; refuses to know what the strings are to each other (members, or fields and values).
//!
//! A string is a byte for its length and its bytes, or, where that is shorter, a canonical integer in 1, 2, 4 or 8 bytes.
//! A string has one form only, so that equal strings are equal bytes. A position is an offset, good until the next change.

use super::block::Block;
use crate::value::{Str, parse_canonical};

/// Lengths up to this one are their own first byte.
const SHORT_MAX: usize = 0xef;
/// First bytes of integers: this plus their width.
const INT: u8 = 0xf0;
/// First byte of a longer string, before four bytes of length.
const LONG: u8 = 0xff;

/// Strings in one allocation; 8 bytes here.
#[derive(Clone, Default)]
pub(crate) struct Packed(Block);

/// A string in the form that it has there; made once for a search.
pub(crate) struct Encoded<'a> {
    head: [u8; 9],
    head_len: u8,
    tail: &'a [u8],
}

impl<'a> Encoded<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let mut head = [0; 9];
        if let Some(n) = parse_canonical(bytes)
            && let width = width_of(n)
            && usize::from(width) < bytes.len()
        {
            head[0] = INT + width;
            head[1..].copy_from_slice(&n.to_le_bytes());
            return Encoded { head, head_len: width + 1, tail: &[] };
        }
        if bytes.len() <= SHORT_MAX {
            head[0] = bytes.len() as u8;
            return Encoded { head, head_len: 1, tail: bytes };
        }
        head[0] = LONG;
        head[1..5].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        Encoded { head, head_len: 5, tail: bytes }
    }

    #[inline]
    fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len)]
    }

    #[inline]
    fn len(&self) -> usize {
        usize::from(self.head_len) + self.tail.len()
    }

    #[inline]
    fn matches(&self, bytes: &[u8]) -> bool {
        bytes.first() == Some(&self.head[0])
            && bytes.get(..self.len()).is_some_and(|bytes| {
                let (head, tail) = bytes.split_at(usize::from(self.head_len));
                head == self.head() && tail == self.tail
            })
    }

    fn write(&self, to: &mut [u8]) {
        let (head, tail) = to.split_at_mut(usize::from(self.head_len));
        head.copy_from_slice(self.head());
        tail.copy_from_slice(self.tail);
    }
}

impl Packed {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Number of strings.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.note() as usize
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes taken from the allocator.
    #[inline]
    pub(crate) fn memory(&self) -> usize {
        self.0.memory()
    }

    /// The position behind the last string.
    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.0.bytes().len()
    }

    /// The string at a position, and the position of the next; `None` at the end.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<(Str<'_>, usize)> {
        decode(self.0.bytes(), at)
    }

    /// The position that lies `count` strings after `at`.
    #[inline]
    pub(crate) fn skip(&self, mut at: usize, count: usize) -> usize {
        let bytes = self.0.bytes();
        for _ in 0..count {
            at += size_at(bytes, at);
        }
        at.min(bytes.len())
    }

    /// The position of the string among every `step`-th one.
    #[inline]
    pub(crate) fn find(&self, wanted: &Encoded<'_>, step: usize) -> Option<usize> {
        let bytes = self.0.bytes();
        let mut at = 0;
        while at < bytes.len() {
            if wanted.matches(&bytes[at..]) {
                return Some(at);
            }
            for _ in 0..step {
                at += size_at(bytes, at);
            }
        }
        None
    }

    /// All strings in order.
    #[inline]
    pub(crate) fn iter(&self) -> Strings<'_> {
        Strings { bytes: self.0.bytes(), at: 0 }
    }

    /// Adds strings behind the last.
    pub(crate) fn push<const N: usize>(&mut self, strings: [&[u8]; N]) {
        self.insert(self.end(), strings);
    }

    /// Adds strings before the one at a position.
    pub(crate) fn insert<const N: usize>(&mut self, at: usize, strings: [&[u8]; N]) {
        self.splice(at, 0, strings.map(Encoded::new));
    }

    /// Puts another string in the place of one.
    pub(crate) fn replace(&mut self, at: usize, string: &[u8]) {
        self.splice(at, 1, [Encoded::new(string)]);
    }

    /// Removes `count` strings from a position on.
    pub(crate) fn remove(&mut self, at: usize, count: usize) {
        self.splice(at, count, []);
    }

    fn splice<const N: usize>(&mut self, at: usize, removed: usize, added: [Encoded<'_>; N]) {
        let old = self.skip(at, removed) - at;
        let new = added.iter().map(Encoded::len).sum();
        let len = self.len() + N - removed;
        let mut gap = self.0.splice(at, old, new);
        for string in &added {
            let (here, rest) = gap.split_at_mut(string.len());
            string.write(here);
            gap = rest;
        }
        self.0.set_note(len as u32);
    }
}

/// Walks over the strings.
#[derive(Clone)]
pub(crate) struct Strings<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Strings<'a> {
    type Item = Str<'a>;

    #[inline]
    fn next(&mut self) -> Option<Str<'a>> {
        let (string, next) = decode(self.bytes, self.at)?;
        self.at = next;
        Some(string)
    }
}

/// The string at a position, and where it ends.
#[inline]
fn decode(bytes: &[u8], at: usize) -> Option<(Str<'_>, usize)> {
    let &first = bytes.get(at)?;
    let end = at + size_at(bytes, at);
    let from = match first {
        LONG => at + 5,
        _ => at + 1,
    };
    let body = bytes.get(from..end)?;
    if usize::from(first) <= SHORT_MAX || first == LONG {
        return Some((Str::Inline(body), end));
    }
    let sign = if body.last().is_some_and(|&top| top >= 0x80) { 0xff } else { 0 };
    let mut wide = [sign; 8];
    wide[..body.len()].copy_from_slice(body);
    Some((Str::Int(i64::from_le_bytes(wide)), end))
}

/// Bytes of the string at a position, its head included; at least 1.
#[inline]
fn size_at(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        None => 1,
        Some(&first) if usize::from(first) <= SHORT_MAX => usize::from(first) + 1,
        Some(&LONG) => {
            let len =
                bytes.get(at + 1..at + 5).and_then(|len| len.try_into().ok()).map_or(0, u32::from_le_bytes);
            len as usize + 5
        }
        Some(first) => usize::from(first - INT) + 1,
    }
}

#[inline]
fn width_of(n: i64) -> u8 {
    if i8::try_from(n).is_ok() {
        1
    } else if i16::try_from(n).is_ok() {
        2
    } else if i32::try_from(n).is_ok() {
        4
    } else {
        8
    }
}
