//! A table of cache lines that doubles a few lines at a time.
//!
//! Owns the memory of ghosts and sketches. Refuses to know what a line means: a doubling copies each line to both of its
//! new places, which suits contents that are only hints and that age away.

/// One cache line.
pub(super) type Line = [u16; 32];

/// So many times too many lines are given back.
const SPARSE: usize = 8;

/// Lines addressed by a hash; their number is 0 or a power of two.
#[derive(Default)]
pub(super) struct Blocks {
    lines: Vec<Line>,
    /// While doubling: the old lines; those before `moved` have been copied.
    old: Vec<Line>,
    moved: usize,
}

impl Blocks {
    /// Number of lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Starts a doubling when there are fewer than `wanted` lines, goes on with one that runs, and gives up a table that
    /// has become far too large.
    pub fn fit(&mut self, wanted: usize) {
        if !self.old.is_empty() {
            self.copy_some();
        } else if self.lines.len() / SPARSE > wanted {
            // Most entries have gone: start afresh rather than keep what their number needed.
            self.lines = vec![[0; 32]; wanted.next_power_of_two()];
        } else if self.lines.len() < wanted {
            // Zeroed memory comes from the system untouched, so this does not cost its length.
            let doubled = vec![[0; 32]; (self.lines.len() * 2).max(1)];
            self.old = std::mem::replace(&mut self.lines, doubled);
            self.moved = 0;
        }
    }

    /// The line of that hash.
    pub fn line(&self, hash: u64) -> Option<&Line> {
        let at = hash as usize & self.lines.len().wrapping_sub(1);
        match self.old_place(at) {
            Some(old) => self.old.get(old),
            None => self.lines.get(at),
        }
    }

    /// The line of that hash, to change.
    pub fn line_mut(&mut self, hash: u64) -> Option<&mut Line> {
        let at = hash as usize & self.lines.len().wrapping_sub(1);
        match self.old_place(at) {
            Some(old) => self.old.get_mut(old),
            None => self.lines.get_mut(at),
        }
    }

    /// Bytes held.
    pub fn overhead(&self) -> usize {
        (self.lines.capacity() + self.old.capacity()) * size_of::<Line>()
    }

    fn old_place(&self, at: usize) -> Option<usize> {
        let old = at & self.old.len().wrapping_sub(1);
        (!self.old.is_empty() && old >= self.moved).then_some(old)
    }

    fn copy_some(&mut self) {
        let half = self.old.len();
        let until = (self.moved + 4).min(half);
        for from in self.moved..until {
            self.lines[from] = self.old[from];
            self.lines[from + half] = self.old[from];
        }
        self.moved = until;
        if until == half {
            self.old = Vec::new();
        }
    }
}
