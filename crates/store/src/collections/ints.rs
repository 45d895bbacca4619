//! Small sets of integers: sorted, in one allocation, each as wide as the widest needs.
//!
//! Owns the order and the width; a set of anything else is another form's business.

use super::block::Block;

/// Sorted integers; 8 bytes here.
#[derive(Clone, Default)]
pub(crate) struct Ints(Block);

impl Ints {
    /// Bytes of each integer; the block's note.
    #[inline]
    fn width(&self) -> usize {
        (self.0.note() as usize).max(2)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.bytes().len() / self.width()
    }

    #[inline]
    pub(crate) fn memory(&self) -> usize {
        self.0.memory()
    }

    /// The integer of that rank.
    #[inline]
    pub(crate) fn get(&self, rank: usize) -> Option<i64> {
        let width = self.width();
        read(self.0.bytes().get(rank * width..(rank + 1) * width)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        self.0.bytes().chunks_exact(self.width()).filter_map(read)
    }

    /// The rank of an integer, or the one it would have.
    #[inline]
    pub(crate) fn search(&self, n: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            match self.get(middle) {
                Some(found) if found == n => return Ok(middle),
                Some(found) if found < n => low = middle + 1,
                _ => high = middle,
            }
        }
        Err(low)
    }

    /// Adds an integer; false when it is there already.
    pub(crate) fn add(&mut self, n: i64) -> bool {
        let Err(rank) = self.search(n) else {
            return false;
        };
        let width = self.width().max(width_of(n));
        if width > self.width() {
            self.widen(width);
        }
        self.0.splice(rank * width, 0, width).copy_from_slice(&n.to_le_bytes()[..width]);
        // Once more, as a block that was empty had no note.
        self.0.set_note(width as u32);
        true
    }

    /// Removes an integer; false when it is not there.
    pub(crate) fn remove(&mut self, n: i64) -> bool {
        let found = self.search(n);
        if let Ok(rank) = found {
            let width = self.width();
            self.0.splice(rank * width, width, 0);
        }
        found.is_ok()
    }

    fn widen(&mut self, width: usize) {
        let mut wide = Block::new();
        let room = wide.splice(0, 0, self.len() * width);
        for (place, n) in room.chunks_exact_mut(width).zip(self.iter()) {
            place.copy_from_slice(&n.to_le_bytes()[..width]);
        }
        wide.set_note(width as u32);
        self.0 = wide;
    }
}

#[inline]
fn read(bytes: &[u8]) -> Option<i64> {
    let sign = if *bytes.last()? >= 0x80 { 0xff } else { 0 };
    let mut wide = [sign; 8];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(wide))
}

#[inline]
fn width_of(n: i64) -> usize {
    if i16::try_from(n).is_ok() {
        2
    } else if i32::try_from(n).is_ok() {
        4
    } else {
        8
    }
}
