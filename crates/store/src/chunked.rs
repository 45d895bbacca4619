//! A vector that grows by one chunk at a time.
//!
//! Owns a list of chunks of equal size, so that growing never copies more than the list itself and never stalls a
//! request. The first chunk grows like a plain vector, so that an empty database costs nothing.

use crate::size_class::class_size;

const CHUNK: usize = 1024;

/// A vector in chunks.
pub(crate) struct Chunked<T> {
    chunks: Vec<Vec<T>>,
    len: usize,
    bytes: usize,
}

impl<T> Chunked<T> {
    pub(crate) fn new() -> Self {
        Chunked { chunks: Vec::new(), len: 0, bytes: 0 }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }

    pub(crate) fn push(&mut self, value: T) {
        if self.len.is_multiple_of(CHUNK) {
            let room = if self.len == 0 { 1 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(room));
        }
        if let Some(last) = self.chunks.last_mut() {
            let full = last.len() == last.capacity();
            last.push(value);
            self.len += 1;
            if full || last.len() == 1 {
                self.bytes = self.measure();
            }
        }
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        let last = self.chunks.last_mut()?;
        let value = last.pop()?;
        self.len -= 1;
        if last.is_empty() {
            self.chunks.pop();
            self.bytes = self.measure();
        } else if self.len * 4 < last.capacity() {
            // The first chunk is left, which alone has the size that was needed.
            last.shrink_to(self.len * 2);
            self.bytes = self.measure();
        }
        Some(value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    /// Bytes taken from the allocator.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn measure(&self) -> usize {
        let list = match self.chunks.capacity() {
            0 => 0,
            capacity => class_size(capacity * size_of::<Vec<T>>()),
        };
        let chunks = match self.chunks.as_slice() {
            [] => 0,
            [only] => class_size(only.capacity() * size_of::<T>()),
            many => many.len() * class_size(CHUNK * size_of::<T>()),
        };
        list + chunks
    }
}
