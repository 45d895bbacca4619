//! Owns the flags of meta commands and the lines that answer them. Refuses to give the flags a meaning.
//!
//! A reply is a code ([`code`] or [`value_code`]), then flags ([`flag_number`], [`echo`], [`key`], [`mark`]), then
//! [`end`], then the data block if there is one ([`data`], [`data_shared`]).

use super::base64;
use super::token::{self, Tokens};
use super::{KEY_MAX, Verb};
use crate::{Out, Shared};

/// A key as it was sent: either itself or as base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentKey<'a> {
    /// The bytes of the line. This is what a reply echoes.
    pub raw: &'a [u8],
    /// Whether they are base64 of the key.
    pub base64: bool,
}

impl<'a> SentKey<'a> {
    /// The real key; a base64 one is decoded into `scratch`.
    #[inline]
    pub fn bytes<'s>(&self, scratch: &'s mut [u8; KEY_MAX]) -> &'s [u8]
    where
        'a: 's,
    {
        if !self.base64 {
            return self.raw;
        }
        let len = base64::decode(self.raw, scratch).unwrap_or(0);
        &scratch[..len]
    }
}

/// The line of a meta command: its key and its flags, both checked (no duplicate or unknown flag, numbers valid,
/// base64 valid, opaque at most 31 bytes, mode known).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta<'a> {
    /// The key as sent.
    pub sent: SentKey<'a>,
    /// One bit per flag letter that was given, see [`bit`].
    pub given: u64,
    /// The numbers of the flags.
    pub numbers: Numbers,
    /// The flags in the order sent.
    pub flags: Flags<'a>,
}

/// The checked numbers of a meta command's flags; the default where a flag was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// `J`: the first value of a counter.
    pub initial: u64,
    /// `D`: the delta of a counter (1 when not given).
    pub delta: u64,
    /// `M`: the mode letter; 0 when not given.
    pub mode: u8,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { vivify: 0, exptime: 0, recache: 0, client_flags: 0, cas: 0, initial: 0, delta: 1, mode: 0 }
    }
}

/// The bit of a flag letter in [`Meta::given`]: A-Z are bits 0-25, a-z bits 26-51; any other byte has none.
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
        self.sent.bytes(scratch)
    }

    /// How `ms` stores: its mode, where a CAS turns set and replace into compare-and-swap.
    pub const fn verb(&self) -> Verb {
        match self.numbers.mode {
            b'E' => Verb::Add,
            b'A' => Verb::Append,
            b'P' => Verb::Prepend,
            _ if self.has(b'C') => Verb::Cas,
            b'R' => Verb::Replace,
            _ => Verb::Set,
        }
    }

    /// Whether `ma` subtracts.
    pub const fn decrements(&self) -> bool {
        matches!(self.numbers.mode, b'D' | b'-')
    }
}

/// An iterator over flags in the order sent: the letter and the bytes right after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags<'a> {
    tokens: Tokens<'a>,
}

impl<'a> Flags<'a> {
    /// The flags in `line`, the words after the key (and length).
    pub const fn new(line: &'a [u8]) -> Self {
        Self { tokens: Tokens::new(line) }
    }
}

impl<'a> Iterator for Flags<'a> {
    type Item = (u8, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        // A word is never empty.
        self.tokens.next().map(|word| (word[0], &word[1..]))
    }
}

/// The flags that any meta command of memcached 1.6.18 knows; each accepts those of the others too.
const KNOWN: u64 = {
    let letters = b"bcfhklqstuvCDFIJLMNOPRT";
    let mut known = 0;
    let mut at = 0;
    while at < letters.len() {
        known |= bit(letters[at]);
        at += 1;
    }
    known
};

/// Bytes of an opaque flag, its letter included.
const OPAQUE_MAX: usize = 32;

pub(super) const BAD_FORMAT: &[u8] = b"CLIENT_ERROR bad command line format\r\n";
const BAD_TOKEN: &[u8] = b"CLIENT_ERROR bad token in command line format\r\n";
pub(super) const LONG_OPAQUE: &[u8] = b"CLIENT_ERROR opaque token too long\r\n";

/// The flags of a line after the checks that all meta commands share.
pub(super) struct Checked<'a> {
    pub(super) meta: Meta<'a>,
    /// An opaque is too long; commands report this after their own checks.
    pub(super) long_opaque: bool,
}

/// Check the flags in `line` of a command on `key`; the error is the whole reply line.
///
/// As in memcached an unknown or repeated flag ends the check at once, while of other mistakes the last one is reported.
pub(super) fn check<'a>(key: &'a [u8], line: &'a [u8]) -> Result<Checked<'a>, &'static [u8]> {
    let flags = Flags::new(line);
    let mut numbers = Numbers::default();
    let mut given = 0;
    let mut long_opaque = false;
    let mut failure = None;
    let mut reason = BAD_FORMAT;
    for (flag, argument) in flags {
        if flag >= 127 || given & bit(flag) != 0 {
            return Err(b"CLIENT_ERROR duplicate flag\r\n");
        }
        if bit(flag) & KNOWN == 0 {
            return Err(b"CLIENT_ERROR invalid flag\r\n");
        }
        given |= bit(flag);
        long_opaque |= flag == b'O' && argument.len() >= OPAQUE_MAX;
        if let Some(text) = check_argument(flag, argument, key, &mut numbers) {
            // The original forgets to give a bad F a text of its own, so an earlier mistake's text stays.
            if flag != b'F' {
                reason = text;
            }
            failure = Some(reason);
        }
    }
    if let Some(reply) = failure {
        return Err(reply);
    }
    let sent = SentKey { raw: key, base64: given & bit(b'b') != 0 };
    let meta = Meta { sent, given, numbers, flags };
    Ok(Checked { meta, long_opaque })
}

/// Read one flag's argument into `numbers`; the reply line when it is not valid.
fn check_argument(flag: u8, argument: &[u8], key: &[u8], numbers: &mut Numbers) -> Option<&'static [u8]> {
    match flag {
        b'N' => read(&mut numbers.vivify, token::int32(argument), BAD_TOKEN),
        b'T' => read(&mut numbers.exptime, token::int32(argument), BAD_TOKEN),
        b'R' => read(&mut numbers.recache, token::int32(argument), BAD_TOKEN),
        b'C' => read(&mut numbers.cas, token::uint64(argument), BAD_TOKEN),
        b'F' => read(&mut numbers.client_flags, token::uint32(argument), BAD_FORMAT),
        b'J' => read(
            &mut numbers.initial,
            token::uint64(argument),
            b"CLIENT_ERROR invalid numeric initial value\r\n",
        ),
        b'D' => {
            read(&mut numbers.delta, token::uint64(argument), b"CLIENT_ERROR invalid numeric delta value\r\n")
        }
        b'M' if argument.len() != 1 => Some(b"CLIENT_ERROR incorrect length for M token\r\n"),
        b'M' => {
            numbers.mode = argument[0];
            None
        }
        b'b' if base64::decode(key, &mut [0; KEY_MAX]).is_none() => {
            Some(b"CLIENT_ERROR error decoding key\r\n")
        }
        _ => None,
    }
}

fn read<T>(slot: &mut T, value: Option<T>, reply: &'static [u8]) -> Option<&'static [u8]> {
    match value {
        Some(value) => {
            *slot = value;
            None
        }
        None => Some(reply),
    }
}

/// Begin a reply line: `HD`, `EN`, `NF`, `NS`, `EX`, `ME` ...
#[inline]
pub fn code(out: &mut Out, code: &[u8; 2]) {
    out.put(code);
}

/// Begin the reply line of a value of `len` bytes.
#[inline]
pub fn value_code(out: &mut Out, len: usize) {
    out.put(b"VA ");
    out.put(itoa::Buffer::new().format(len).as_bytes());
}

/// Add a flag with a number; -1 stands for "never" and the like.
#[inline]
pub fn flag_number(out: &mut Out, flag: u8, number: impl itoa::Integer) {
    out.put(&[b' ', flag]);
    out.put(itoa::Buffer::new().format(number).as_bytes());
}

/// Add a flag with the bytes that the request gave it: the opaque.
#[inline]
pub fn echo(out: &mut Out, flag: u8, argument: &[u8]) {
    out.put(&[b' ', flag]);
    out.put(argument);
}

/// Add the key as sent; a base64 one is followed by flag `b`.
#[inline]
pub fn key(out: &mut Out, sent: SentKey<'_>) {
    echo(out, b'k', sent.raw);
    if sent.base64 {
        out.put(b" b");
    }
}

/// Add a flag without an argument: `W`, `X`, `Z`.
#[inline]
pub fn mark(out: &mut Out, flag: u8) {
    out.put(&[b' ', flag]);
}

/// End the reply line.
#[inline]
pub fn end(out: &mut Out) {
    out.put(b"\r\n");
}

/// Add the data block of a value.
#[inline]
pub fn data(out: &mut Out, value: &[u8]) {
    out.put(value);
    out.put(b"\r\n");
}

/// Add the data block of a value, spliced by reference when large.
#[inline]
pub fn data_shared(out: &mut Out, value: &Shared) {
    out.put_shared(value);
    out.put(b"\r\n");
}
