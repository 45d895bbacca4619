//! A row of elements in one allocation of exactly the size they need, behind a pointer of eight bytes.
//!
//! Owns the form in which small lists, the blocks of large lists and small sorted sets keep their elements; refuses to
//! know what the elements mean. An element is a head (its kind, its length), its data, and its own length once more,
//! written backwards, so that the row can be walked from both ends. Canonical integers and scores are stored as such.
//! There is no spare capacity: what the allocator's size class leaves over is found again from the length alone. An
//! empty row has no allocation.

use crate::size_class::class_size;
use crate::value::{Str, parse_canonical};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::ptr::NonNull;

/// The header: bytes used by elements, number of elements.
const HEAD: usize = 8;

/// The header of every empty row; only read.
static EMPTY: [u32; 2] = [0; 2];

const TINY_MAX: i64 = 0x7f;
const SHORT: u8 = 0x80;
const SHORT_MAX: usize = 0x3f;
const LONG: u8 = 0xc0;
const INT16: u8 = 0xc1;
const INT32: u8 = 0xc2;
const INT64: u8 = 0xc3;
const FLOAT: u8 = 0xc4;

/// Integers beyond this lose digits as a double, so they are no stored scores.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// An element in the form that is stored.
pub(crate) struct Encoded<'a> {
    head: [u8; 9],
    head_len: u8,
    tail_len: u8,
    tail: [u8; 5],
    data: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// Of bytes: an integer when they spell one.
    #[inline]
    pub(crate) fn bytes(bytes: &'a [u8]) -> Self {
        match parse_canonical(bytes) {
            Some(n) => Self::int(n),
            None if bytes.len() <= SHORT_MAX => Self::new(&[SHORT | bytes.len() as u8], bytes),
            None => {
                let [a, b, c, d] = (bytes.len() as u32).to_le_bytes();
                Self::new(&[LONG, a, b, c, d], bytes)
            }
        }
    }

    fn int(n: i64) -> Self {
        if (0..=TINY_MAX).contains(&n) {
            Self::new(&[n as u8], &[])
        } else if let Ok(n) = i16::try_from(n) {
            Self::tagged(INT16, &n.to_le_bytes())
        } else if let Ok(n) = i32::try_from(n) {
            Self::tagged(INT32, &n.to_le_bytes())
        } else {
            Self::tagged(INT64, &n.to_le_bytes())
        }
    }

    /// Of a score: an integer when that says the same. As in Redis, a small sorted set keeps 0 for -0.
    pub(crate) fn score(score: f64) -> Self {
        let whole = score.abs() < EXACT_MAX && score.fract() == 0.0;
        if whole { Self::int(score as i64) } else { Self::tagged(FLOAT, &score.to_le_bytes()) }
    }

    fn tagged(tag: u8, number: &[u8]) -> Self {
        let mut head = [0; 9];
        head[0] = tag;
        head[1..=number.len()].copy_from_slice(number);
        Self::new(&head[..=number.len()], &[])
    }

    #[inline]
    fn new(start: &[u8], data: &'a [u8]) -> Self {
        let mut head = [0; 9];
        head[..start.len()].copy_from_slice(start);
        let (mut rest, mut tail, mut tail_len) = (start.len() + data.len(), [0; 5], 1);
        tail[4] = (rest & 0x7f) as u8;
        rest >>= 7;
        while rest > 0 {
            tail[4 - tail_len + 1] |= 0x80;
            tail[4 - tail_len] = (rest & 0x7f) as u8;
            tail_len += 1;
            rest >>= 7;
        }
        Encoded { head, head_len: start.len() as u8, tail_len: tail_len as u8, tail, data }
    }

    /// The bytes it takes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.head_len) + self.data.len() + usize::from(self.tail_len)
    }

    /// True when the stored form, as far as it can differ, is the one at the start of `row`.
    #[inline]
    pub(crate) fn is_at(&self, row: &[u8]) -> bool {
        let head = usize::from(self.head_len);
        row.starts_with(&self.head[..head]) && row[head..].starts_with(self.data)
    }

    #[inline]
    fn write(&self, out: &mut [u8]) -> usize {
        let (head, data) = (usize::from(self.head_len), self.data.len());
        out[..head].copy_from_slice(&self.head[..head]);
        out[head..head + data].copy_from_slice(self.data);
        out[head + data..self.len()].copy_from_slice(&self.tail[5 - usize::from(self.tail_len)..]);
        self.len()
    }
}

/// An element as it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell<'a> {
    /// Bytes or an integer.
    Str(Str<'a>),
    /// A score that is no whole number.
    Float(f64),
}

impl<'a> Cell<'a> {
    /// As a member of a list or sorted set.
    #[inline]
    pub(crate) fn string(self) -> Str<'a> {
        match self {
            Cell::Str(string) => string,
            Cell::Float(_) => Str::Inline(&[]),
        }
    }

    /// As a score.
    #[inline]
    pub(crate) fn number(self) -> f64 {
        match self {
            Cell::Float(score) => score,
            Cell::Str(Str::Int(n)) => n as f64,
            Cell::Str(_) => 0.0,
        }
    }
}

fn number<const N: usize>(row: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&row[1..=N]);
    bytes
}

/// The bytes that the length at the end takes for `body` bytes of head and data.
#[inline]
fn tail_len(body: usize) -> usize {
    if body < 1 << 7 { 1 } else { (body.ilog2() / 7 + 1) as usize }
}

/// The first element of `row`, and the bytes it takes.
#[inline]
pub(crate) fn first(row: &[u8]) -> (Cell<'_>, usize) {
    let tag = row[0];
    let (cell, body) = match tag {
        0..=0x7f => (Cell::Str(Str::Int(i64::from(tag))), 1),
        SHORT..LONG => {
            let end = 1 + usize::from(tag & SHORT_MAX as u8);
            (Cell::Str(Str::Inline(&row[1..end])), end)
        }
        LONG => {
            let end = 5 + u32::from_le_bytes(number(row)) as usize;
            (Cell::Str(Str::Inline(&row[5..end])), end)
        }
        INT16 => (Cell::Str(Str::Int(i64::from(i16::from_le_bytes(number(row))))), 3),
        INT32 => (Cell::Str(Str::Int(i64::from(i32::from_le_bytes(number(row))))), 5),
        INT64 => (Cell::Str(Str::Int(i64::from_le_bytes(number(row)))), 9),
        _ => (Cell::Float(f64::from_le_bytes(number(row))), 9),
    };
    (cell, body + tail_len(body))
}

/// Where the last element of `row` starts.
#[inline]
pub(crate) fn last_start(row: &[u8]) -> usize {
    let (mut at, mut shift) = (row.len() - 1, 7);
    let mut body = usize::from(row[at] & 0x7f);
    while row[at] & 0x80 != 0 {
        at -= 1;
        body |= usize::from(row[at] & 0x7f) << shift;
        shift += 7;
    }
    at - body
}

/// The row.
#[derive(Debug)]
pub(crate) struct Cells {
    start: NonNull<u8>,
}

// SAFETY: the allocation belongs to this value alone, and holds plain bytes.
unsafe impl Send for Cells {}

impl Default for Cells {
    fn default() -> Self {
        Self::new()
    }
}

impl Cells {
    /// No element.
    pub(crate) fn new() -> Self {
        Cells { start: NonNull::from(&EMPTY).cast() }
    }

    #[inline]
    fn head(&self) -> (usize, usize) {
        // SAFETY: an allocation starts with the header, aligned as its layout is, and `EMPTY` is one.
        let [used, count] = unsafe { self.start.cast::<[u32; 2]>().read() };
        (used as usize, count as usize)
    }

    #[inline]
    fn set_head(&mut self, used: usize, count: usize) {
        if used == 0 {
            return;
        }
        // SAFETY: as above; what is not empty is an allocation, and ours alone.
        unsafe { self.start.cast::<[u32; 2]>().write([used as u32, count as u32]) };
    }

    /// The number of elements.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.head().1
    }

    /// The stored bytes.
    #[inline]
    pub(crate) fn row(&self) -> &[u8] {
        // SAFETY: `used` bytes behind the header are initialised.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(HEAD), self.head().0) }
    }

    /// What the allocation takes.
    #[inline]
    pub(crate) fn memory(&self) -> usize {
        memory_of(self.head().0)
    }

    /// Replaces the `removed` bytes at `at` by `new` elements; the number of elements becomes `count`.
    pub(crate) fn splice(&mut self, at: usize, removed: usize, new: &[Encoded<'_>], count: usize) {
        let used = self.head().0;
        let added: usize = new.iter().map(Encoded::len).sum();
        let (moved, after) = (used - at - removed, used - removed + added);
        if after > used {
            self.resize(used, after);
        }
        // SAFETY: both ranges lie within the larger of the old and the new length, for which there is room here.
        unsafe {
            let hole = self.start.as_ptr().add(HEAD + at);
            std::ptr::copy(hole.add(removed), hole.add(added), moved);
        }
        if after < used {
            self.resize(used, after);
        }
        self.set_head(after, count);
        // SAFETY: the row was just made to hold `after` bytes, if there are any.
        let row = unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().add(HEAD), after) };
        let mut end = at;
        for element in new {
            end += element.write(&mut row[end..]);
        }
    }

    /// Puts the elements of `row` (their stored form, `count` of them) at the end.
    pub(crate) fn append(&mut self, row: &[u8], count: usize) {
        let (used, before) = self.head();
        if row.is_empty() {
            return;
        }
        self.resize(used, used + row.len());
        // SAFETY: there is room for the row behind what is used, and `row` belongs to another allocation.
        unsafe {
            std::ptr::copy_nonoverlapping(row.as_ptr(), self.start.as_ptr().add(HEAD + used), row.len())
        };
        self.set_head(used + row.len(), before + count);
    }

    /// Makes room for `to` bytes where there was room for `from`.
    fn resize(&mut self, from: usize, to: usize) {
        if memory_of(from) == memory_of(to) {
            return;
        }
        if to == 0 {
            *self = Self::new();
            return;
        }
        let new = layout(to);
        let start = if from == 0 {
            // SAFETY: the size is not 0.
            unsafe { alloc(new) }
        } else {
            // SAFETY: the allocation was made with the layout of its used bytes, and the new size is not 0.
            unsafe { realloc(self.start.as_ptr(), layout(from), new.size()) }
        };
        self.start = NonNull::new(start).unwrap_or_else(|| handle_alloc_error(new));
    }

    /// The elements from the byte `from` to the byte `to`.
    pub(crate) fn walk(&self, from: usize, to: usize) -> Walk<'_> {
        Walk { row: &self.row()[from..to] }
    }

    /// All elements.
    pub(crate) fn all(&self) -> Walk<'_> {
        Walk { row: self.row() }
    }

    /// Where the element `index` starts, or the end; counted from the nearer end.
    pub(crate) fn offset(&self, index: usize) -> usize {
        let (row, count) = (self.row(), self.count());
        if index <= count / 2 {
            let mut at = 0;
            for _ in 0..index {
                at += first(&row[at..]).1;
            }
            return at;
        }
        let mut end = row.len();
        for _ in index..count {
            end = last_start(&row[..end]);
        }
        end
    }
}

impl Clone for Cells {
    fn clone(&self) -> Self {
        let mut copy = Cells::new();
        copy.append(self.row(), self.count());
        copy
    }
}

impl Drop for Cells {
    fn drop(&mut self) {
        let used = self.head().0;
        if used > 0 {
            // SAFETY: allocated with the layout of its used bytes, and freed once.
            unsafe { dealloc(self.start.as_ptr(), layout(used)) };
        }
    }
}

/// What `used` bytes of elements take.
#[inline]
pub(crate) fn memory_of(used: usize) -> usize {
    if used == 0 { 0 } else { class_size(HEAD + used) }
}

/// The layout for `used` bytes of elements: the whole size class, so that the length tells it.
fn layout(used: usize) -> Layout {
    let size = memory_of(used);
    match Layout::from_size_align(size, 8) {
        Ok(layout) => layout,
        Err(_) => handle_alloc_error(Layout::new::<u64>()),
    }
}

/// Elements from both ends.
#[derive(Clone, Debug)]
pub(crate) struct Walk<'a> {
    row: &'a [u8],
}

impl<'a> Iterator for Walk<'a> {
    type Item = Cell<'a>;

    #[inline]
    fn next(&mut self) -> Option<Cell<'a>> {
        if self.row.is_empty() {
            return None;
        }
        let (cell, len) = first(self.row);
        self.row = &self.row[len..];
        Some(cell)
    }
}

impl DoubleEndedIterator for Walk<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.row.is_empty() {
            return None;
        }
        let start = last_start(self.row);
        let (cell, _) = first(&self.row[start..]);
        self.row = &self.row[..start];
        Some(cell)
    }
}
