//! A block: up to about a hundred entries of a stream in one allocation.
//!
//! Owns the layout. First come the field names of the block's first entry, each with its length; then the entries:
//! a byte of marks, the distance of the id from the block's first, the length of the rest, and the values. An entry
//! whose fields are the block's stores values only; any other one its fields too. Numbers are LEB128. A deleted entry
//! is marked, and leaves with its block.

use super::id::Id;
use crate::size_class::class_size;

const DELETED: u8 = 1;
const SAME_FIELDS: u8 = 2;

/// One run of entries.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub first: Id,
    /// The last id ever put in, deleted or not.
    pub last: Id,
    data: Vec<u8>,
    /// Bytes of the names in front.
    names_len: u32,
    names: u32,
    pub entries: u32,
    pub live: u32,
}

/// An entry where it lies in its block.
pub(super) struct Found<'a> {
    pub id: Id,
    pub deleted: bool,
    pub at: usize,
    pub end: usize,
    pub fields: Fields<'a>,
}

/// The fields and values of an entry, in their order.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    /// What is left of the block's names; `None` when the entry has its own.
    shared: Option<&'a [u8]>,
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let field = match &mut self.shared {
            Some(names) => take_bytes(names),
            None => take_bytes(&mut self.rest),
        };
        Some((field, take_bytes(&mut self.rest)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

fn put_number(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn number_len(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

#[inline]
fn take_number(from: &mut &[u8]) -> u64 {
    let mut number = 0u64;
    let mut shift = 0;
    while let Some((byte, rest)) = from.split_first() {
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 || shift >= 63 {
            break;
        }
        shift += 7;
    }
    number
}

#[inline]
fn take_bytes<'a>(from: &mut &'a [u8]) -> &'a [u8] {
    let len = (take_number(from) as usize).min(from.len());
    let (bytes, rest) = from.split_at(len);
    *from = rest;
    bytes
}

fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put_number(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

fn bytes_len(bytes: &[u8]) -> usize {
    number_len(bytes.len() as u64) + bytes.len()
}

impl Block {
    /// A block whose first entry this is; `pairs` are fields and values in turn.
    pub fn new(id: Id, pairs: &[&[u8]]) -> Block {
        let names_len: usize = pairs.iter().step_by(2).map(|name| bytes_len(name)).sum();
        let mut data = Vec::with_capacity(names_len);
        for name in pairs.iter().step_by(2) {
            put_bytes(&mut data, name);
        }
        let names = (pairs.len() / 2) as u32;
        let mut block =
            Block { first: id, last: id, data, names_len: names_len as u32, names, entries: 0, live: 0 };
        block.append(id, pairs);
        block
    }

    /// Bytes of names and entries.
    pub fn used(&self) -> usize {
        self.data.len()
    }

    /// What its entries take from the allocator.
    pub fn memory(&self) -> usize {
        class_size(self.data.capacity())
    }

    /// Gives back what no further entry will need.
    pub fn seal(&mut self) {
        self.data.shrink_to_fit();
    }

    fn shares_names(&self, pairs: &[&[u8]]) -> bool {
        if pairs.len() != self.names as usize * 2 {
            return false;
        }
        let mut names = &self.data[..self.names_len as usize];
        pairs.iter().step_by(2).all(|name| take_bytes(&mut names) == *name)
    }

    /// Appends an entry, whose id is larger than all before.
    pub fn append(&mut self, id: Id, pairs: &[&[u8]]) {
        let same = self.shares_names(pairs);
        let stored: usize = if same {
            pairs.iter().skip(1).step_by(2).map(|value| bytes_len(value)).sum()
        } else {
            number_len(pairs.len() as u64 / 2) + pairs.iter().map(|part| bytes_len(part)).sum::<usize>()
        };
        let ms = id.ms - self.first.ms;
        let seq = if ms == 0 { id.seq - self.first.seq } else { id.seq };
        let data = &mut self.data;
        data.push(if same { SAME_FIELDS } else { 0 });
        put_number(data, ms);
        put_number(data, seq);
        put_number(data, stored as u64);
        if same {
            pairs.iter().skip(1).step_by(2).for_each(|value| put_bytes(data, value));
        } else {
            put_number(data, pairs.len() as u64 / 2);
            pairs.iter().for_each(|part| put_bytes(data, part));
        }
        self.last = id;
        self.entries += 1;
        self.live += 1;
    }

    /// Where the first entry begins.
    pub fn begin(&self) -> usize {
        self.names_len as usize
    }

    /// The entry at an offset that `begin` or the end of another entry gave; `None` at the end.
    #[inline]
    pub fn entry_at(&self, at: usize) -> Option<Found<'_>> {
        let mut rest = self.data.get(at..)?;
        let (marks, after) = rest.split_first()?;
        rest = after;
        let ms = take_number(&mut rest);
        let seq = take_number(&mut rest);
        let seq = if ms == 0 { self.first.seq + seq } else { seq };
        let mut stored = take_bytes(&mut rest);
        let (shared, left) = if marks & SAME_FIELDS != 0 {
            (Some(&self.data[..self.names_len as usize]), self.names as usize)
        } else {
            (None, take_number(&mut stored) as usize)
        };
        Some(Found {
            id: Id::new(self.first.ms + ms, seq),
            deleted: marks & DELETED != 0,
            at,
            end: self.data.len() - rest.len(),
            fields: Fields { shared, rest: stored, left },
        })
    }

    /// The entries from the first on, deleted ones too.
    pub fn iter(&self) -> impl Iterator<Item = Found<'_>> {
        let mut at = self.begin();
        std::iter::from_fn(move || {
            let found = self.entry_at(at)?;
            at = found.end;
            Some(found)
        })
    }

    /// The entry of this id, unless deleted.
    pub fn find(&self, id: Id) -> Option<Found<'_>> {
        self.iter().take_while(|found| found.id <= id).find(|found| found.id == id && !found.deleted)
    }

    /// Marks the live entry at this offset deleted.
    pub fn delete_at(&mut self, at: usize) {
        if let Some(marks) = self.data.get_mut(at) {
            *marks |= DELETED;
            self.live -= 1;
        }
    }
}
