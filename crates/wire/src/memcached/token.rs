//! Owns the splitting of a command line at spaces and the numbers in it, with memcached's notion of a valid number.

/// An iterator over the words of a line, separated by one or more spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    /// The words of `line`.
    #[inline]
    pub const fn new(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    /// The bytes that are not yet split.
    #[inline]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.rest.iter().position(|byte| *byte != b' ')?;
        let word = &self.rest[start..];
        let (word, rest) = word.split_at(word_len(word));
        self.rest = rest;
        Some(word)
    }
}

/// Where the first space in `text` is, or its length. Words are short, so eight bytes at a time beat a call of memchr.
#[inline]
fn word_len(text: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let (chunks, tail) = text.as_chunks::<8>();
    for (at, chunk) in chunks.iter().enumerate() {
        // A byte of `spaces` is zero where the text has a space; the usual trick finds the first zero byte.
        let spaces = u64::from_le_bytes(*chunk) ^ (ONES * b' ' as u64);
        let zeros = spaces.wrapping_sub(ONES) & !spaces & (ONES * 0x80);
        if zeros != 0 {
            return at * 8 + zeros.trailing_zeros() as usize / 8;
        }
    }
    let scanned = text.len() - tail.len();
    scanned + tail.iter().position(|byte| *byte == b' ').unwrap_or(tail.len())
}

/// The first words of a line in an array; more than fit are only noticed.
pub(super) struct Words<'a, const N: usize> {
    list: [&'a [u8]; N],
    len: usize,
}

impl<'a, const N: usize> Words<'a, N> {
    /// Split `line`; `None` when it has more than `N` words.
    pub(super) fn split(line: &'a [u8]) -> Option<Self> {
        let mut words = Self { list: [b"".as_slice(); N], len: 0 };
        for word in Tokens::new(line) {
            *words.list.get_mut(words.len)? = word;
            words.len += 1;
        }
        Some(words)
    }

    /// How many words there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Word number `at`, empty when there is none.
    pub(super) fn at(&self, at: usize) -> &'a [u8] {
        self.list.get(at).copied().unwrap_or_default()
    }

    /// Whether the last word is `noreply`.
    pub(super) fn noreply(&self) -> bool {
        self.len > 0 && self.list[self.len - 1] == b"noreply"
    }
}

/// A signed number as memcached reads it: 64 bits are checked, 32 are kept.
pub(super) fn int32(word: &[u8]) -> Option<i32> {
    let (negative, magnitude) = number(word)?;
    let value =
        if negative { 0_i64.checked_sub_unsigned(magnitude)? } else { i64::try_from(magnitude).ok()? };
    Some(value as i32)
}

/// An unsigned number as memcached reads it: 64 bits are checked, 32 are kept.
pub(super) fn uint32(word: &[u8]) -> Option<u32> {
    uint64(word).map(|value| value as u32)
}

/// An unsigned number of 64 bits.
pub(super) fn uint64(word: &[u8]) -> Option<u64> {
    match number(word)? {
        (true, 1..) => None,
        (_, magnitude) => Some(magnitude),
    }
}

/// Sign and magnitude of the decimal number in `word`. As in C, white space may stand before it, and anything after
/// it that begins with white space is ignored; nothing else may follow.
fn number(word: &[u8]) -> Option<(bool, u64)> {
    let start = word.iter().position(|byte| !is_space(*byte))?;
    let (negative, digits) = match word[start] {
        b'-' => (true, &word[start + 1..]),
        b'+' => (false, &word[start + 1..]),
        _ => (false, &word[start..]),
    };
    let mut magnitude: u64 = 0;
    let mut count = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            if is_space(*byte) {
                break;
            }
            return None;
        }
        magnitude = magnitude.checked_mul(10)?.checked_add(u64::from(digit))?;
        count += 1;
    }
    (count > 0).then_some((negative, magnitude))
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The length of a data block: what memcached can count in 31 bits with the line end.
pub(super) fn number_of_bytes(word: &[u8]) -> Option<usize> {
    let len = usize::try_from(uint64(word)?).ok()?;
    (len <= i32::MAX as usize - 2).then_some(len)
}
