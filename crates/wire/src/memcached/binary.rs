//! Owns memcached's binary protocol: packets in, packets out. Refuses to know what is stored.

use super::{Limits, Parsed, Verb};
use crate::{Out, Shared};

/// The first byte of every request.
pub const REQUEST_MAGIC: u8 = 0x80;
/// The first byte of every reply.
pub const REPLY_MAGIC: u8 = 0x81;
/// Bytes of the header of a packet.
pub const HEADER: usize = 24;

/// What a reply has to repeat of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The opcode as sent.
    pub opcode: u8,
    /// The client's own number, as sent.
    pub opaque: u32,
    /// The CAS that the item must have; 0 means any.
    pub cas: u64,
    /// Whether the opcode is a quiet one: no reply to the expected outcome (get: to a miss).
    pub quiet: bool,
}

/// One request, borrowed from the buffer. Keys are at most `KEY_MAX` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// What the reply repeats.
    pub head: Head,
    /// What is asked.
    pub op: Op<'a>,
}

/// What a binary request asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op<'a> {
    /// GET, GETQ, GETK, GETKQ.
    Get {
        /// The key.
        key: &'a [u8],
        /// Whether the reply holds the key too.
        with_key: bool,
    },
    /// GAT, GATQ, GATK, GATKQ.
    Gat {
        /// The key.
        key: &'a [u8],
        /// The new expiry as sent.
        exptime: i32,
        /// Whether the reply holds the key too.
        with_key: bool,
    },
    /// TOUCH.
    Touch {
        /// The key.
        key: &'a [u8],
        /// The new expiry as sent.
        exptime: i32,
    },
    /// SET, ADD, REPLACE and their quiet forms (`Verb::Set`, `Add`, `Replace`).
    Store {
        /// How to store.
        verb: Verb,
        /// The key.
        key: &'a [u8],
        /// The client's flags.
        flags: u32,
        /// The expiry as sent.
        exptime: i32,
        /// The value.
        value: &'a [u8],
    },
    /// APPEND, PREPEND and their quiet forms (`Verb::Append`, `Prepend`).
    Concat {
        /// On which side.
        verb: Verb,
        /// The key.
        key: &'a [u8],
        /// What to add.
        value: &'a [u8],
    },
    /// DELETE, DELETEQ.
    Delete {
        /// The key.
        key: &'a [u8],
    },
    /// INCREMENT, DECREMENT and their quiet forms.
    Arith {
        /// The key.
        key: &'a [u8],
        /// By how much.
        delta: u64,
        /// The value when the key is missing.
        initial: u64,
        /// The expiry of a created item as sent; `u32::MAX` means: do not create.
        exptime: u32,
        /// Whether to subtract.
        decr: bool,
    },
    /// FLUSH, FLUSHQ.
    Flush {
        /// The delay or absolute time as sent; 0 means now.
        exptime: i32,
    },
    /// STAT; an empty name asks for the general ones.
    Stat {
        /// Which statistics.
        name: &'a [u8],
    },
    /// VERBOSITY.
    Verbosity {
        /// The wanted level.
        level: u32,
    },
    /// NOOP.
    Noop,
    /// VERSION.
    Version,
    /// QUIT, QUITQ: answer (unless quiet), then close.
    Quit,
    /// SASL_LIST_MECHS.
    SaslList,
    /// SASL_AUTH.
    SaslAuth {
        /// The mechanism's name.
        mechanism: &'a [u8],
        /// The mechanism's own bytes.
        data: &'a [u8],
    },
    /// SASL_STEP.
    SaslStep {
        /// The mechanism's name.
        mechanism: &'a [u8],
        /// The mechanism's own bytes.
        data: &'a [u8],
    },
}

/// The status of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Status {
    /// Done.
    Success = 0x00,
    /// The key is missing.
    NotFound = 0x01,
    /// The key exists, or its CAS differs.
    Exists = 0x02,
    /// The value is too large.
    TooLarge = 0x03,
    /// Malformed.
    Invalid = 0x04,
    /// Refused by the state of the item.
    NotStored = 0x05,
    /// The value is no number.
    NonNumeric = 0x06,
    /// Authentication failed or is missing.
    AuthError = 0x20,
    /// Authentication needs another step.
    AuthContinue = 0x21,
    /// No such opcode.
    UnknownCommand = 0x81,
    /// No memory.
    OutOfMemory = 0x82,
}

/// A refused request: write [`error`] with `head`, `status` and `text`, drop `consumed` bytes, then `swallow` more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bad<'a> {
    /// What the reply repeats; `None` when the bytes are no packet and nothing is answered.
    pub head: Option<Head>,
    /// The status of the reply.
    pub status: Status,
    /// Bytes of the buffer that are used up.
    pub consumed: usize,
    /// Bytes after them that belong to the refused request.
    pub swallow: u64,
    /// Whether the connection is to be closed after the reply.
    pub close: bool,
    /// A key whose old value must go, because its new one was too large.
    pub unlink: Option<&'a [u8]>,
}

/// Parse the packet at the start of `buf`. The header says all, so there is no state to keep.
pub fn parse<'a>(_buf: &'a [u8], _limits: &Limits) -> Parsed<Request<'a>, Bad<'a>> {
    Parsed::Incomplete { need: HEADER }
}

/// Append a reply with the given parts.
pub fn reply(
    out: &mut Out,
    head: Head,
    status: Status,
    cas: u64,
    extras: &[u8],
    key: &[u8],
    value: &[u8],
) {
    header(out, head, status, cas, extras.len(), key.len(), value.len());
    out.put(extras);
    out.put(key);
    out.put(value);
}

/// As [`reply`], for a value that is spliced by reference when large.
pub fn reply_shared(
    out: &mut Out,
    head: Head,
    cas: u64,
    extras: &[u8],
    key: &[u8],
    value: &Shared,
) {
    header(
        out,
        head,
        Status::Success,
        cas,
        extras.len(),
        key.len(),
        value.len(),
    );
    out.put(extras);
    out.put(key);
    out.put_shared(value);
}

/// Append an error reply with memcached's text for `status`.
pub fn error(out: &mut Out, head: Head, status: Status) {
    reply(out, head, status, 0, b"", b"", status.text().as_bytes());
}

impl Status {
    /// The text that memcached sends with this status.
    pub const fn text(self) -> &'static str {
        ""
    }
}

fn header(
    out: &mut Out,
    head: Head,
    status: Status,
    cas: u64,
    extras: usize,
    key: usize,
    value: usize,
) {
    let mut bytes = [0_u8; HEADER];
    bytes[0] = REPLY_MAGIC;
    bytes[1] = head.opcode;
    bytes[2..4].copy_from_slice(&(key as u16).to_be_bytes());
    bytes[4] = extras as u8;
    bytes[6..8].copy_from_slice(&(status as u16).to_be_bytes());
    bytes[8..12].copy_from_slice(&((extras + key + value) as u32).to_be_bytes());
    bytes[12..16].copy_from_slice(&head.opaque.to_be_bytes());
    bytes[16..24].copy_from_slice(&cas.to_be_bytes());
    out.put(&bytes);
}
