//! Bytes on their way to the disk, in pieces.
//!
//! Owns what is copied and what is not: many bytes stay where they are, so that a large value is handed over by reference,
//! and whoever has it in memory may go on with it. Refuses to know what the bytes are.

use dozo_store::Shared;
use std::ops::Range;

/// So many bytes and more are a piece of their own; less is copied behind what stands before, as long as that is not long.
pub(crate) const PIECE_LEAST: usize = 16 << 10;
const PIECE_MOST: usize = 256 << 10;

enum Piece {
    Own(Vec<u8>),
    Shared(Shared, Range<usize>),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Own(bytes) => bytes,
            Piece::Shared(shared, range) => &shared[range.clone()],
        }
    }
}

/// Bytes that follow each other.
#[derive(Default)]
pub(crate) struct Block {
    pieces: Vec<Piece>,
    len: usize,
}

impl From<Vec<u8>> for Block {
    fn from(bytes: Vec<u8>) -> Block {
        Block { len: bytes.len(), pieces: vec![Piece::Own(bytes)] }
    }
}

impl Block {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory that it takes, those included that somebody else holds as well.
    pub(crate) fn memory(&self) -> usize {
        let taken = |piece: &Piece| match piece {
            Piece::Own(bytes) => bytes.capacity(),
            Piece::Shared(shared, _) => shared.capacity(),
        };
        self.pieces.iter().map(taken).sum()
    }

    /// Its bytes, in order.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(Piece::bytes)
    }

    /// Adds a part of what somebody else holds as well.
    pub(crate) fn add_shared(&mut self, shared: Shared, part: Range<usize>) {
        self.len += part.len();
        self.pieces.push(Piece::Shared(shared, part));
    }

    /// Adds bytes.
    pub(crate) fn add(&mut self, bytes: Vec<u8>) {
        self.len += bytes.len();
        let joins = |last: &Vec<u8>| bytes.len() < PIECE_LEAST && last.len() + bytes.len() <= PIECE_MOST;
        match self.pieces.last_mut() {
            Some(Piece::Own(last)) if joins(last) => last.extend_from_slice(&bytes),
            _ => self.pieces.push(Piece::Own(bytes)),
        }
    }

    /// Adds the bytes of another one.
    pub(crate) fn append(&mut self, other: Block) {
        for piece in other.pieces {
            match piece {
                Piece::Own(bytes) => self.add(bytes),
                Piece::Shared(shared, part) => self.add_shared(shared, part),
            }
        }
    }

    /// Copies the bytes from there on, as many as there is room for; `None` where there are fewer.
    pub(crate) fn read(&self, at: usize, mut to: &mut [u8]) -> Option<()> {
        let mut skip = at;
        for bytes in self.pieces() {
            let from = bytes.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(bytes.len());
            let (now, later) = to.split_at_mut(from.len().min(to.len()));
            now.copy_from_slice(&from[..now.len()]);
            to = later;
        }
        (skip == 0 && to.is_empty()).then_some(())
    }

    /// A copy of so many bytes from there on; `None` where there are fewer.
    pub(crate) fn cut(&self, at: usize, len: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.read(at, &mut bytes)?;
        Some(bytes)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn what_was_added_is_read_from_anywhere() {
        let mut block = Block::default();
        let mut plain = Vec::new();
        let value = Arc::new(vec![7; PIECE_LEAST + 3]);
        for part in [vec![1; 5], vec![2; 1], vec![3; PIECE_LEAST], vec![4; 9]] {
            plain.extend_from_slice(&part);
            block.add(part);
        }
        let mut more = Block::from(vec![5; 4]);
        more.add_shared(Arc::clone(&value), 2..value.len());
        more.add(vec![6; 2]);
        block.append(more);
        plain.extend_from_slice(&[5; 4]);
        plain.extend_from_slice(&value[2..]);
        plain.extend_from_slice(&[6; 2]);
        assert_eq!(block.pieces().flatten().copied().collect::<Vec<u8>>(), plain);
        assert_eq!(block.len(), plain.len());
        for at in (0..plain.len()).step_by(611).chain([plain.len(), plain.len() + 1]) {
            for len in [0, 1, 9, PIECE_LEAST] {
                assert_eq!(block.cut(at, len).as_deref(), plain.get(at..at + len), "{at} {len}");
            }
        }
        // The value was not copied.
        assert_eq!(Arc::strong_count(&value), 2);
    }

    #[test]
    fn little_behind_much_does_not_move_it() {
        let mut block = Block::default();
        for len in [9, PIECE_MOST - 9, 1 << 20, 8, 8] {
            block.add(vec![0; len]);
        }
        let lens: Vec<usize> = block.pieces().map(<[u8]>::len).collect();
        assert_eq!(lens, [9, PIECE_MOST - 9, 1 << 20, 16]);
        assert!(block.memory() < block.len() + 100);
    }
}
