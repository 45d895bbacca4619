//! Owns the flags of meta commands and the lines that answer them. Refuses to give the flags a meaning.

use super::base64;
use super::{KEY_MAX, token::Tokens};

/// The line of a meta command: its key and its flags, both checked (no duplicate or unknown flag, numbers valid).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta<'a> {
    /// The key as sent: base64 when `base64` is set. This is what a reply echoes.
    pub raw_key: &'a [u8],
    /// Whether flag `b` was given: the key is base64 of the real one.
    pub base64: bool,
    /// One bit per flag letter that was given, see [`bit`].
    pub given: u64,
    /// The numbers of the flags.
    pub numbers: Numbers,
    /// The words after the key, in order.
    pub flags: Flags<'a>,
}

/// The checked numbers of a meta command's flags; the default where a flag was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// `N`: expiry of an item created on a miss.
    pub vivify: i32,
    /// `T`: the new expiry.
    pub exptime: i32,
    /// `R`: remaining seconds below which one client wins the recache.
    pub recache: i32,
    /// `F`: client flags.
    pub client_flags: u32,
    /// `C`: the CAS to compare.
    pub cas: u64,
    /// `E`: the CAS to give the item.
    pub new_cas: u64,
    /// `J`: the first value of a counter.
    pub initial: u64,
    /// `D`: the delta of a counter (1 when not given).
    pub delta: u64,
    /// `M`: the mode letter; 0 when not given.
    pub mode: u8,
}

/// The bit of a flag letter in [`Meta::given`]: A-Z are bits 0-25, a-z bits 26-51.
#[inline]
pub const fn bit(flag: u8) -> u64 {
    match flag {
        b'A'..=b'Z' => 1 << (flag - b'A'),
        b'a'..=b'z' => 1 << (flag - b'a' + 26),
        _ => 0,
    }
}

impl<'a> Meta<'a> {
    /// Whether `flag` was given.
    #[inline]
    pub const fn has(&self, flag: u8) -> bool {
        self.given & bit(flag) != 0
    }

    /// The real key; a base64 one is decoded into `scratch`.
    #[inline]
    pub fn key<'s>(&self, scratch: &'s mut [u8; KEY_MAX]) -> &'s [u8]
    where
        'a: 's,
    {
        if !self.base64 {
            return self.raw_key;
        }
        let n = base64::decode(self.raw_key, scratch).unwrap_or(0);
        &scratch[..n]
    }
}

/// An iterator over flags in the order sent: the letter and the bytes right after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags<'a> {
    tokens: Tokens<'a>,
}

impl<'a> Flags<'a> {
    /// The flags in `line`, the words after the key.
    pub const fn new(line: &'a [u8]) -> Self {
        Self {
            tokens: Tokens::new(line),
        }
    }
}

impl<'a> Iterator for Flags<'a> {
    type Item = (u8, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        self.tokens.next().map(|word| (word[0], &word[1..]))
    }
}
