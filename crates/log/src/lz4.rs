//! LZ4 blocks that are searched for longer than the fast way does, and so get smaller.
//!
//! Owns the search: a chain of the places where the same four bytes stood before, of which so many are looked at as the
//! level allows, and a look at the next byte before a match is taken. The format is LZ4's own, and any reader of it reads
//! these blocks; level 1 and below is the library's fast search.

/// Bytes that a match has at least.
const SHORTEST: usize = 4;
/// How far back a match may lie.
const WINDOW: usize = 65_535;
/// The last bytes of a block are literals, and the last match starts this far before the end.
const TAIL: usize = 5;
const LAST_START: usize = 12;
/// Bits of the table of places.
const TABLE_BITS: u32 = 15;
/// The highest level.
pub const LEVEL_MOST: u8 = 12;
const NOWHERE: u32 = u32::MAX;

/// Where the same bytes stood before.
struct Chains {
    heads: Vec<u32>,
    /// Of each place the one before it with the same bytes, by its number in the window.
    links: Vec<u32>,
    next: usize,
}

/// A match: where it starts, how far back it points, how long it is.
#[derive(Clone, Copy)]
struct Match {
    start: usize,
    back: usize,
    len: usize,
}

/// The block of these bytes, which are less than 2 GB.
pub fn compress(plain: &[u8], level: u8) -> Vec<u8> {
    if level <= 1 || plain.len() < LAST_START + 1 {
        return lz4_flex::block::compress(plain);
    }
    let tries = 1usize << level.min(LEVEL_MOST);
    let mut out = Vec::with_capacity(plain.len() / 2);
    let mut chains = Chains::new(plain.len());
    let (mut at, mut anchor) = (0, 0);
    let last = plain.len() - LAST_START;
    while at <= last {
        let Some(mut found) = chains.longest(plain, at, tries) else {
            at += 1;
            continue;
        };
        // A longer match one byte later is worth the byte.
        if at < last
            && let Some(later) = chains.longest(plain, at + 1, tries)
            && later.len > found.len + 1
        {
            found = later;
        }
        sequence(&mut out, &plain[anchor..found.start], Some(found));
        at = found.start + found.len;
        anchor = at;
    }
    sequence(&mut out, &plain[anchor..], None);
    out
}

impl Chains {
    fn new(len: usize) -> Chains {
        Chains { heads: vec![NOWHERE; 1 << TABLE_BITS], links: vec![NOWHERE; len.min(WINDOW + 1)], next: 0 }
    }

    /// Takes note of all places before `end`.
    fn note_until(&mut self, plain: &[u8], end: usize) {
        let size = self.links.len();
        while self.next < end {
            let slot = slot_of(plain, self.next);
            self.links[self.next % size] = std::mem::replace(&mut self.heads[slot], self.next as u32);
            self.next += 1;
        }
    }

    /// The longest match that starts at `at`, among as many as may be tried.
    fn longest(&mut self, plain: &[u8], at: usize, tries: usize) -> Option<Match> {
        self.note_until(plain, at);
        let longest = plain.len() - TAIL - at;
        let mut best = Match { start: at, back: 0, len: SHORTEST - 1 };
        let mut place = self.heads[slot_of(plain, at)];
        for _ in 0..tries {
            let from = place as usize;
            if place == NOWHERE || at - from > WINDOW || best.len >= longest {
                break;
            }
            let len = alike(&plain[from..], &plain[at..at + longest]);
            if len > best.len {
                best = Match { start: at, back: at - from, len };
            }
            let before = self.links[from % self.links.len()];
            if before != NOWHERE && before >= place {
                // Its place in the window was taken by a newer one.
                break;
            }
            place = before;
        }
        (best.len >= SHORTEST).then_some(best)
    }
}

fn slot_of(plain: &[u8], at: usize) -> usize {
    let four = plain[at..].first_chunk().map_or(0, |four| u32::from_le_bytes(*four));
    (four.wrapping_mul(2_654_435_761) >> (32 - TABLE_BITS)) as usize
}

fn alike(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Writes literals and the match behind them; at the end of the block there is none.
fn sequence(out: &mut Vec<u8>, literals: &[u8], found: Option<Match>) {
    let extra = found.map_or(0, |found| found.len - SHORTEST);
    let nibble = |len: usize| len.min(15) as u8;
    out.push(nibble(literals.len()) << 4 | nibble(extra));
    length(out, literals.len());
    out.extend_from_slice(literals);
    if let Some(found) = found {
        out.extend_from_slice(&(found.back as u16).to_le_bytes());
        length(out, extra);
    }
}

/// Writes what of a length the half byte does not hold.
fn length(out: &mut Vec<u8>, len: usize) {
    let Some(mut rest) = len.checked_sub(15) else { return };
    while rest >= 255 {
        out.push(255);
        rest -= 255;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes with as many repetitions as their number of kinds allows.
    fn text(seed: u64, len: usize, kinds: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let words: Vec<Vec<u8>> =
            (0..kinds).map(|_| next().to_le_bytes()[..(next() % 8 + 1) as usize].to_vec()).collect();
        let mut bytes = Vec::new();
        while bytes.len() < len {
            bytes.extend_from_slice(&words[(next() % kinds) as usize]);
        }
        bytes.truncate(len);
        bytes
    }

    #[test]
    fn what_is_compressed_at_any_level_reads_back() {
        for (seed, len) in
            (0..40).zip([0, 1, 4, 12, 13, 14, 17, 64, 255, 300, 4096, 70_000, 200_000].iter().cycle())
        {
            for kinds in [1, 3, 40, 5000] {
                let plain = text(seed, *len, kinds);
                for level in [0, 1, 2, 6, 9, 12] {
                    let packed = compress(&plain, level);
                    let back = lz4_flex::block::decompress(&packed, plain.len());
                    assert_eq!(back.as_deref().ok(), Some(&plain[..]), "{seed} {len} {kinds} {level}");
                }
            }
        }
    }

    #[test]
    fn a_higher_level_makes_it_smaller() {
        let plain = text(7, 100_000, 60);
        let sizes: Vec<usize> = [1, 3, 9].map(|level| compress(&plain, level).len()).to_vec();
        assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2], "{sizes:?}");
    }
}
