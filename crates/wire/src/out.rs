//! Owns the reply bytes of one connection until they are written. Refuses to know what they mean.
//!
//! Small replies are copied into `bytes`. A value of `SPLICE_FROM` bytes or more is kept by reference and
//! written with vectored I/O from where it lives, so a large GET costs no copy at all.

use std::io::IoSlice;
use std::sync::Arc;

/// A value shared between the keyspace and the replies that still have to be written.
pub type Shared = Arc<Vec<u8>>;

/// Values from this many bytes on are spliced by reference; below it a copy is cheaper.
pub const SPLICE_FROM: usize = 16 * 1024;

/// The capacity that an emptied buffer may keep.
const KEEP_CAPACITY: usize = 64 * 1024;

/// Sent bytes are dropped from the front of the buffer once they are this many and the larger half.
const COMPACT_FROM: usize = 64 * 1024;

/// Reply bytes, with large shared values spliced in by reference.
#[derive(Debug, Default)]
pub struct Out {
    /// The copied bytes; a spliced value stands before the byte at its position.
    pub bytes: Vec<u8>,
    /// Position in `bytes` and value, in order of position.
    refs: Vec<(usize, Shared)>,
    /// Bytes of `bytes` that are already written.
    head: usize,
    /// Entries of `refs` that are wholly written.
    ref_head: usize,
    /// Bytes of the first unwritten entry of `refs` that are already written.
    ref_sent: usize,
    /// Unwritten bytes in `refs`.
    ref_len: usize,
    /// Unwritten bytes above which everything is dropped; 0: none.
    limit: usize,
    /// The limit was passed, and everything dropped.
    overflowed: bool,
}

/// A place in an [`Out`] to which [`Out::rollback`] can return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    bytes: usize,
    refs: usize,
}

impl Out {
    /// An empty buffer, without an allocation.
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            refs: Vec::new(),
            head: 0,
            ref_head: 0,
            ref_sent: 0,
            ref_len: 0,
            limit: 0,
            overflowed: false,
        }
    }

    /// Whether nothing waits to be written.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.head == self.bytes.len() && self.ref_len == 0
    }

    /// Bytes that wait to be written, spliced ones included.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.head + self.ref_len
    }

    /// Bytes of memory that this buffer holds itself (spliced values belong to their owners).
    pub fn capacity(&self) -> usize {
        self.bytes.capacity() + self.refs.capacity() * size_of::<(usize, Shared)>()
    }

    /// Append a copy of `data`.
    #[inline]
    pub fn put(&mut self, data: &[u8]) {
        self.reserve(data.len());
        self.bytes.extend_from_slice(data);
    }

    /// Make room for `more` bytes. A reply that has passed the limit is dropped here, where it would take more
    /// memory, so a command can't build one without bound; its connection is to be closed.
    #[inline]
    pub fn reserve(&mut self, more: usize) {
        if self.bytes.capacity() - self.bytes.len() < more {
            self.grow(more);
        }
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        self.check_limit(more);
        self.bytes.reserve(more);
    }

    fn check_limit(&mut self, more: usize) {
        if self.limit != 0 && (self.overflowed || self.len() + more > self.limit) {
            self.overflowed = true;
            self.clear();
        }
    }

    /// Set the unwritten bytes above which everything is dropped; `usize::MAX` or 0 for none.
    pub fn set_limit(&mut self, bytes: usize) {
        self.limit = if bytes == usize::MAX { 0 } else { bytes };
    }

    /// Whether the limit was passed; what was put since is of no use.
    #[inline]
    pub fn has_overflowed(&self) -> bool {
        self.overflowed
    }

    /// Append `value`: copied when short, spliced by reference when long.
    #[inline]
    pub fn put_shared(&mut self, value: &Shared) {
        if value.len() < SPLICE_FROM {
            self.put(value);
        } else {
            self.check_limit(value.len());
            self.ref_len += value.len();
            self.refs.push((self.bytes.len(), Arc::clone(value)));
        }
    }

    /// Remember this place, to take back what is put after it before any of it is written.
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), refs: self.refs.len() }
    }

    /// Take back everything put since `mark`. Nothing may have been advanced over in between.
    pub fn rollback(&mut self, mark: Mark) {
        for (_, value) in self.refs.drain(mark.refs.min(self.refs.len())..) {
            self.ref_len -= value.len();
        }
        self.bytes.truncate(mark.bytes.max(self.head));
    }

    /// Takes off everything put since `mark`. Nothing may have been advanced over in between.
    pub fn split_off(&mut self, mark: Mark) -> Self {
        let at = mark.bytes.clamp(self.head, self.bytes.len());
        let mut tail = Self { bytes: self.bytes.split_off(at), ..Self::new() };
        for (position, value) in self.refs.drain(mark.refs.min(self.refs.len())..) {
            self.ref_len -= value.len();
            tail.ref_len += value.len();
            tail.refs.push((position - at, value));
        }
        tail
    }

    /// Appends what another buffer holds, none of which was written yet.
    pub fn append(&mut self, other: Self) {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.ref_len += other.ref_len;
        self.refs.extend(other.refs.into_iter().map(|(position, value)| (position + at, value)));
    }

    /// Fill `slices` with what is to be written after the first `skip` unwritten bytes; returns how many were filled.
    pub fn io_slices<'a>(&'a self, skip: usize, slices: &mut [IoSlice<'a>]) -> usize {
        let mut skip = skip;
        let mut filled = 0;
        let mut at = self.head;
        let mut sent = self.ref_sent;
        for (position, value) in &self.refs[self.ref_head..] {
            for part in [&self.bytes[at..*position], &value[sent..]] {
                if filled == slices.len() {
                    return filled;
                }
                filled += fill(part, &mut skip, &mut slices[filled]);
            }
            at = *position;
            sent = 0;
        }
        if filled < slices.len() {
            filled += fill(&self.bytes[at..], &mut skip, &mut slices[filled]);
        }
        filled
    }

    /// Forget the first `n` unwritten bytes: they are written. More than there are empties the buffer.
    pub fn advance(&mut self, n: usize) {
        if n >= self.len() {
            self.clear();
            return;
        }
        let mut left = n;
        while left > 0 {
            let until = self.refs.get(self.ref_head).map_or(self.bytes.len(), |r| r.0);
            let step = left.min(until - self.head);
            self.head += step;
            left -= step;
            if left > 0 {
                left -= self.advance_ref(left);
            }
        }
        self.compact();
    }

    /// Move up to `n` bytes on in the first unwritten spliced value; returns how many.
    fn advance_ref(&mut self, n: usize) -> usize {
        let value = &mut self.refs[self.ref_head].1;
        let step = n.min(value.len() - self.ref_sent);
        self.ref_sent += step;
        self.ref_len -= step;
        if self.ref_sent == value.len() {
            // The value may be huge and its entry long gone: release it now, not with the buffer.
            *value = Shared::default();
            self.ref_head += 1;
            self.ref_sent = 0;
        }
        step
    }

    /// Drop the written front when it is large and the larger half, so that a slow reader costs what is unread.
    fn compact(&mut self) {
        if self.head < COMPACT_FROM || self.head * 2 < self.bytes.len() {
            return;
        }
        self.bytes.drain(..self.head);
        self.refs.drain(..self.ref_head);
        for (position, _) in &mut self.refs {
            *position -= self.head;
        }
        self.ref_head = 0;
        self.head = 0;
    }

    /// Forget everything; at most 64 KiB of capacity are kept.
    #[inline]
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.head = 0;
        if !self.refs.is_empty() {
            self.refs.clear();
            self.ref_head = 0;
            self.ref_sent = 0;
            self.ref_len = 0;
        }
        if self.bytes.capacity() > KEEP_CAPACITY {
            self.bytes.shrink_to(KEEP_CAPACITY);
        }
    }

    /// Everything that waits, leaving an empty buffer without an allocation.
    pub fn take(&mut self) -> Self {
        let limit = self.limit;
        std::mem::replace(self, Self { limit, ..Self::new() })
    }

    /// Shows everything that waits to `take`, part by part.
    pub fn for_each_part(&self, mut take: impl FnMut(&[u8])) {
        let mut at = self.head;
        let mut sent = self.ref_sent;
        for (position, value) in &self.refs[self.ref_head..] {
            take(&self.bytes[at..*position]);
            take(&value[sent..]);
            at = *position;
            sent = 0;
        }
        take(&self.bytes[at..]);
    }

    /// Everything that waits, as one run of bytes. For tests and for callers without vectored I/O.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len());
        let mut at = self.head;
        let mut sent = self.ref_sent;
        for (position, value) in &self.refs[self.ref_head..] {
            all.extend_from_slice(&self.bytes[at..*position]);
            all.extend_from_slice(&value[sent..]);
            at = *position;
            sent = 0;
        }
        all.extend_from_slice(&self.bytes[at..]);
        all
    }
}

/// Put what `skip` leaves of `part` into `slot`; returns 1 when that is something, else 0.
fn fill<'a>(part: &'a [u8], skip: &mut usize, slot: &mut IoSlice<'a>) -> usize {
    if *skip >= part.len() {
        *skip -= part.len();
        return 0;
    }
    *slot = IoSlice::new(&part[*skip..]);
    *skip = 0;
    1
}
