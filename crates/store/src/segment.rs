//! One segment of a table: a few hundred entries in cache lines of eight.
//!
//! Owns the placing of tagged pointers in lines; refuses to know keys (the caller compares them) and hashes (it is given
//! their high 16 bits as a tag).
//!
//! A line is 64 bytes: eight pointers, each with its tag in the high bits. The tag alone says in which line an entry is at
//! home, so a segment is resized, and holes are filled, without touching an entry. A full line overflows into the next.
//! A lookup thus reads one line, rarely two, and then the one entry whose tag fits. Lines keep their entries at the
//! front, so that the last place says whether the line is full. The number of lines is any number that the allocator
//! has a size class for, which keeps the load between 72 % and 90 %.

use crate::entry::prefetch;
use crate::size_class::class_size;
use crate::tagged::{Keyed, Tagged, prefetch_thing};

/// How many entries ahead a visit of a whole segment fetches into the cache.
pub(crate) const AHEAD: usize = 16;
/// Entries in a line.
const WIDTH: usize = 8;
const LINE_BYTES: usize = 64;
const LAST: usize = WIDTH - 1;

type Line<E> = [Tagged<E>; WIDTH];

/// A place in a segment; good until the segment changes.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    line: usize,
    slot: usize,
}

/// A table of a few hundred entries.
pub(crate) struct Segment<E> {
    lines: Box<[Line<E>]>,
    len: usize,
}

impl<E: Keyed> Segment<E> {
    /// An empty segment with room for `len` entries.
    pub(crate) fn with_room(len: usize) -> Self {
        Segment { lines: lines_of(fitting(len)), len: 0 }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn slots(&self) -> usize {
        self.lines.len() * WIDTH
    }

    /// Bytes taken from the allocator.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        class_size(self.lines.len() * LINE_BYTES)
    }

    /// The entry at the slot of that number, counted over all lines.
    #[inline]
    pub(crate) fn at(&self, slot: usize) -> Option<E> {
        self.lines.get(slot / WIDTH)?[slot % WIDTH].entry()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Tagged<E>> {
        self.lines.iter().flatten().copied().filter(|tagged| !tagged.is_empty())
    }

    /// Shows every entry; each is fetched into the cache some time before its turn.
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(E)) {
        (0..AHEAD).filter_map(|slot| self.at(slot)).for_each(prefetch_thing);
        for slot in 0..self.slots() {
            if let Some(ahead) = self.at(slot + AHEAD) {
                prefetch_thing(ahead);
            }
            if let Some(entry) = self.at(slot) {
                visit(entry);
            }
        }
    }

    /// The first entry of that tag for which `is_it` holds.
    #[inline]
    pub(crate) fn find(&self, tag: u16, mut is_it: impl FnMut(E) -> bool) -> Option<(Place, E)> {
        let mut at = home(tag, self.lines.len());
        for _ in 0..self.lines.len() {
            let line = self.lines.get(at)?;
            let mut matches = matching(line, tag);
            while matches != 0 {
                let slot = matches.trailing_zeros() as usize % WIDTH;
                if let Some(entry) = line[slot].entry()
                    && is_it(entry)
                {
                    return Some((Place { line: at, slot }, entry));
                }
                matches &= matches - 1;
            }
            if line[LAST].is_empty() {
                return None;
            }
            at = self.next(at);
        }
        None
    }

    /// Fetches the home line of `tag` into the cache.
    #[inline]
    pub(crate) fn prefetch(&self, tag: u16) {
        if let Some(line) = self.lines.get(home(tag, self.lines.len())) {
            prefetch(line.as_ptr().cast());
        }
    }

    /// Fetches the first entry of `tag` in its home line into the cache.
    #[inline]
    pub(crate) fn prefetch_entry(&self, tag: u16) {
        if let Some(line) = self.lines.get(home(tag, self.lines.len()))
            && let slot = matching(line, tag).trailing_zeros() as usize
            && let Some(entry) = line.get(slot).and_then(|tagged| tagged.entry())
        {
            prefetch_thing(entry);
        }
    }

    /// Adds an entry that is not in the segment yet, growing the segment by a class when it is full.
    #[inline]
    pub(crate) fn insert(&mut self, tagged: Tagged<E>) {
        if self.len >= capacity(self.lines.len()) {
            self.resize(larger(self.lines.len()));
        }
        self.place(tagged);
    }

    /// Points the place at another entry of the same key.
    #[inline]
    pub(crate) fn replace(&mut self, place: Place, entry: E) {
        let old = &mut self.lines[place.line][place.slot];
        *old = Tagged::new(entry, old.tag());
    }

    /// Takes the entry out, shrinking the segment when it has become much too large.
    #[inline]
    pub(crate) fn remove(&mut self, place: Place) {
        self.len -= 1;
        self.vacate(place.line, place.slot);
        let slots = self.slots();
        if self.len * 5 < slots * 2 && slots > WIDTH {
            self.resize(fitting(self.len + self.len / 8 + 1));
        }
    }

    fn resize(&mut self, lines: usize) {
        if lines == self.lines.len() {
            return;
        }
        let old = std::mem::replace(&mut self.lines, lines_of(lines));
        self.len = 0;
        for tagged in old.iter().flatten().filter(|tagged| !tagged.is_empty()) {
            self.place(*tagged);
        }
    }

    /// Puts the entry into the first free slot from its home on; there is one.
    #[inline]
    fn place(&mut self, tagged: Tagged<E>) {
        let mut at = home(tagged.tag(), self.lines.len());
        while !self.lines[at][LAST].is_empty() {
            at = self.next(at);
        }
        let line = &mut self.lines[at];
        let slot = count(line);
        line[slot] = tagged;
        self.len += 1;
    }

    /// Empties a slot; where its line was full, fills the hole by an entry that had to go past it, and so on.
    #[inline]
    fn vacate(&mut self, mut hole: usize, slot: usize) {
        if !take(&mut self.lines[hole], slot) {
            return;
        }
        let lines = self.lines.len();
        let mut at = self.next(hole);
        while at != hole {
            let distance = (at + lines - hole) % lines;
            let full = !self.lines[at][LAST].is_empty();
            let wanderer = self.lines[at].iter().position(|tagged| {
                !tagged.is_empty() && (at + lines - home(tagged.tag(), lines)) % lines >= distance
            });
            if let Some(slot) = wanderer {
                self.lines[hole][LAST] = self.lines[at][slot];
                take(&mut self.lines[at], slot);
                hole = at;
            }
            if !full {
                return;
            }
            at = self.next(at);
        }
    }

    #[inline]
    fn next(&self, line: usize) -> usize {
        if line + 1 == self.lines.len() { 0 } else { line + 1 }
    }
}

/// The line in which a tag is at home.
#[inline]
fn home(tag: u16, lines: usize) -> usize {
    (usize::from(tag) * lines) >> 16
}

/// A bit for each slot of the line that has the tag, the first slot lowest; an empty slot looks like tag 0.
#[cfg(target_arch = "x86_64")]
#[inline]
fn matching<E: Keyed>(line: &Line<E>, tag: u16) -> u32 {
    use std::arch::x86_64::*;
    // SAFETY: SSE2 belongs to x86-64, the loads need no alignment, and a line is 64 bytes of pointers.
    unsafe {
        let base = line.as_ptr().cast::<__m128i>();
        // The high halves of four pointers; their upper 16 bits are the tags.
        let tags = |at: usize| {
            let low = _mm_castsi128_ps(_mm_loadu_si128(base.add(at)));
            let high = _mm_castsi128_ps(_mm_loadu_si128(base.add(at + 1)));
            _mm_srli_epi32::<16>(_mm_castps_si128(_mm_shuffle_ps::<0b11_01_11_01>(low, high)))
        };
        let wanted = _mm_set1_epi32(i32::from(tag));
        let front = _mm_cmpeq_epi32(tags(0), wanted);
        let back = _mm_cmpeq_epi32(tags(2), wanted);
        let words = _mm_packs_epi32(front, back);
        _mm_movemask_epi8(_mm_packs_epi16(words, _mm_setzero_si128())) as u32
    }
}

/// A bit for each slot of the line that has the tag, the first slot lowest; an empty slot looks like tag 0.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn matching<E: Keyed>(line: &Line<E>, tag: u16) -> u32 {
    let mut bits = 0;
    for (slot, tagged) in line.iter().enumerate() {
        bits |= u32::from(tagged.tag() == tag) << slot;
    }
    bits
}

/// The number of entries in a line.
#[inline]
fn count<E: Keyed>(line: &Line<E>) -> usize {
    line.iter().take_while(|tagged| !tagged.is_empty()).count()
}

/// Empties a slot by moving the line's last entry into it; true when the line was full.
#[inline]
fn take<E: Keyed>(line: &mut Line<E>, slot: usize) -> bool {
    let last = count(line) - 1;
    line[slot] = line[last];
    line[last] = Tagged::EMPTY;
    last == LAST
}

fn lines_of<E: Keyed>(lines: usize) -> Box<[Line<E>]> {
    vec![[Tagged::EMPTY; WIDTH]; lines].into_boxed_slice()
}

/// Entries that fit into so many lines: 90 %, and always one slot free to end every search.
#[inline]
fn capacity(lines: usize) -> usize {
    lines * WIDTH - (lines * WIDTH / 10).max(1)
}

/// The next number of lines that fills a size class of the allocator.
fn larger(lines: usize) -> usize {
    class_size((lines + 1) * LINE_BYTES) / LINE_BYTES
}

/// The smallest such number of lines with room for `len` entries.
fn fitting(len: usize) -> usize {
    let mut lines = 1;
    while capacity(lines) < len {
        lines = larger(lines);
    }
    lines
}
