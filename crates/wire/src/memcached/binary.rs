//! Owns memcached's binary protocol: packets in, packets out. Refuses to know what is stored.

use super::{KEY_MAX, Limits, Parsed, Verb, item_fits};
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
    /// Not now.
    TemporaryFailure = 0x86,
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

/// The longest name of a SASL mechanism and the most data that one may send, in bytes.
const SASL_NAME_MAX: usize = 32;
const SASL_DATA_MAX: usize = 4096;

/// A packet whose lengths agree with each other and which is wholly in the buffer.
#[derive(Clone, Copy)]
struct Packet<'a> {
    extras: &'a [u8],
    key: &'a [u8],
    value: &'a [u8],
}

/// The lengths in a header.
#[derive(Clone, Copy)]
struct Lengths {
    extras: usize,
    key: usize,
    body: usize,
}

impl Lengths {
    /// Bytes of the value; the body is known to hold extras and key.
    const fn value(self) -> usize {
        self.body - self.extras - self.key
    }
}

/// Parse the packet at the start of `buf`. The header says all, so there is no state to keep.
#[inline]
pub fn parse<'a>(buf: &'a [u8], limits: &Limits) -> Parsed<Request<'a>, Bad<'a>> {
    match buf.first() {
        None => return Parsed::Incomplete { need: HEADER },
        Some(&REQUEST_MAGIC) => {}
        Some(_) => return refuse(None, Status::Invalid, buf.len(), true),
    }
    let Some((fixed, body)) = buf.split_first_chunk::<HEADER>() else {
        return Parsed::Incomplete { need: HEADER };
    };
    let head = Head {
        opcode: fixed[1],
        opaque: be32(&fixed[12..16]),
        cas: be64(&fixed[16..24]),
        quiet: is_quiet(fixed[1]),
    };
    let lengths = Lengths {
        extras: usize::from(fixed[4]),
        key: usize::from(u16::from_be_bytes([fixed[2], fixed[3]])),
        body: be32(&fixed[8..12]) as usize,
    };
    if lengths.extras + lengths.key > lengths.body {
        return refuse(Some(head), Status::UnknownCommand, HEADER, true);
    }
    if lengths.key > KEY_MAX || !is_well_formed(head.opcode, lengths) {
        return refuse(Some(head), Status::Invalid, HEADER, true);
    }
    if let Some(outcome) = swallow(head, lengths, body, limits) {
        return outcome;
    }
    let Some(body) = body.get(..lengths.body) else {
        return Parsed::Incomplete { need: HEADER + lengths.body };
    };
    let (extras, rest) = body.split_at(lengths.extras);
    let (key, value) = rest.split_at(lengths.key);
    let packet = Packet { extras, key, value };
    match operation(head.opcode, packet) {
        Some(op) => Parsed::Complete(Request { head, op }, HEADER + lengths.body),
        None => refuse(Some(head), Status::Invalid, HEADER, true),
    }
}

/// Refuse what is not worth buffering: unknown opcodes and bodies over the limit. Their bodies are skipped.
#[inline]
fn swallow<'a>(
    head: Head,
    lengths: Lengths,
    body: &'a [u8],
    limits: &Limits,
) -> Option<Parsed<Request<'a>, Bad<'a>>> {
    let (status, fits) = match head.opcode {
        0x01..=0x03 | 0x11..=0x13 | 0x0e | 0x0f | 0x19 | 0x1a => {
            // The flags cost four bytes when not zero; they are the first extras of a storage command.
            let flags = match body.first_chunk::<4>() {
                Some(flags) if lengths.extras > 0 => u32::from_be_bytes(*flags),
                None if lengths.extras > 0 => {
                    return Some(Parsed::Incomplete { need: HEADER + lengths.extras + lengths.key });
                }
                _ => 0,
            };
            (Status::TooLarge, item_fits(lengths.key, flags, lengths.value(), limits))
        }
        0x21 | 0x22 => (Status::Invalid, lengths.key <= SASL_NAME_MAX && lengths.value() <= SASL_DATA_MAX),
        opcode => (Status::UnknownCommand, is_known(opcode)),
    };
    if fits {
        return None;
    }
    let start = lengths.extras + lengths.key;
    let is_set = matches!(head.opcode, 0x01 | 0x11);
    if is_set && body.len() < start {
        return Some(Parsed::Incomplete { need: HEADER + start });
    }
    // Better no value than the old one, which the client believes replaced.
    let unlink = if is_set { body.get(lengths.extras..start) } else { None };
    let skip = if is_set { start } else { 0 };
    Some(Parsed::Bad(Bad {
        head: Some(head),
        status,
        consumed: HEADER + skip,
        swallow: (lengths.body - skip) as u64,
        close: false,
        unlink,
    }))
}

#[cold]
fn refuse<'a>(
    head: Option<Head>,
    status: Status,
    consumed: usize,
    close: bool,
) -> Parsed<Request<'a>, Bad<'a>> {
    Parsed::Bad(Bad { head, status, consumed, swallow: 0, close, unlink: None })
}

/// Whether `opcode` asks for silence when all goes as expected.
const fn is_quiet(opcode: u8) -> bool {
    matches!(opcode, 0x09 | 0x0d | 0x11..=0x1a | 0x1e | 0x24)
}

const fn is_known(opcode: u8) -> bool {
    matches!(opcode, 0x00..=0x1e | 0x20..=0x24)
}

/// Whether the lengths are those that `opcode` wants. Unknown opcodes are refused elsewhere.
const fn is_well_formed(opcode: u8, lengths: Lengths) -> bool {
    let Lengths { extras, key, .. } = lengths;
    let value = lengths.value();
    match opcode {
        0x00 | 0x09 | 0x0c | 0x0d | 0x04 | 0x14 => extras == 0 && key > 0 && value == 0,
        0x01..=0x03 | 0x11..=0x13 => extras == 8 && key > 0,
        0x05 | 0x06 | 0x15 | 0x16 => extras == 20 && key > 0 && value == 0,
        0x08 | 0x18 => (extras == 0 || extras == 4) && key == 0 && value == 0,
        0x07 | 0x17 | 0x0a | 0x0b | 0x20 => extras == 0 && key == 0 && value == 0,
        0x0e | 0x0f | 0x19 | 0x1a => extras == 0 && key > 0,
        0x10 => extras == 0 && value == 0,
        0x1b => extras == 4 && key == 0 && value == 0,
        0x1c | 0x1d | 0x1e | 0x23 | 0x24 => extras == 4 && key > 0 && value == 0,
        0x21 | 0x22 => extras == 0 && key > 0,
        _ => true,
    }
}

/// The request in a well-formed packet.
#[inline]
fn operation(opcode: u8, packet: Packet<'_>) -> Option<Op<'_>> {
    let Packet { extras, key, value } = packet;
    Some(match opcode {
        0x00 | 0x09 | 0x0c | 0x0d => Op::Get { key, with_key: matches!(opcode, 0x0c | 0x0d) },
        0x01..=0x03 | 0x11..=0x13 => Op::Store {
            verb: [Verb::Set, Verb::Add, Verb::Replace][usize::from((opcode & 0x0f) - 1)],
            key,
            flags: be32(&extras[..4]),
            exptime: be32(&extras[4..]) as i32,
            value,
        },
        0x04 | 0x14 => Op::Delete { key },
        0x05 | 0x06 | 0x15 | 0x16 => Op::Arith {
            key,
            delta: be64(&extras[..8]),
            initial: be64(&extras[8..16]),
            exptime: be32(&extras[16..]),
            decr: matches!(opcode, 0x06 | 0x16),
        },
        0x07 | 0x17 => Op::Quit,
        0x08 | 0x18 => Op::Flush { exptime: be32(extras) as i32 },
        0x0a => Op::Noop,
        0x0b => Op::Version,
        0x0e | 0x19 => Op::Concat { verb: Verb::Append, key, value },
        0x0f | 0x1a => Op::Concat { verb: Verb::Prepend, key, value },
        0x10 => Op::Stat { name: key },
        0x1b => Op::Verbosity { level: be32(extras) },
        0x1c => Op::Touch { key, exptime: be32(extras) as i32 },
        0x1d | 0x1e | 0x23 | 0x24 => {
            Op::Gat { key, exptime: be32(extras) as i32, with_key: matches!(opcode, 0x23 | 0x24) }
        }
        0x20 => Op::SaslList,
        0x21 => Op::SaslAuth { mechanism: key, data: value },
        0x22 => Op::SaslStep { mechanism: key, data: value },
        _ => return None,
    })
}

/// The big-endian number in `bytes`, of at most four; 0 when there are none.
pub(super) fn be32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

/// The big-endian number in `bytes`, of at most eight.
pub(super) fn be64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Append a reply with the given parts.
#[inline]
pub fn reply(out: &mut Out, head: Head, status: Status, cas: u64, extras: &[u8], key: &[u8], value: &[u8]) {
    header(out, head, status, cas, extras.len(), key.len(), value.len());
    out.put(extras);
    out.put(key);
    out.put(value);
}

/// As [`reply`] with status `Success`, for a value that is spliced by reference when large.
pub fn reply_shared(out: &mut Out, head: Head, cas: u64, extras: &[u8], key: &[u8], value: &Shared) {
    header(out, head, Status::Success, cas, extras.len(), key.len(), value.len());
    out.put(extras);
    out.put(key);
    out.put_shared(value);
}

/// Append an error reply with memcached's text for `status`.
pub fn error(out: &mut Out, head: Head, status: Status) {
    error_text(out, head, status, status.text());
}

/// Append an error reply with a text of its own.
pub fn error_text(out: &mut Out, head: Head, status: Status, text: &str) {
    reply(out, head, status, 0, b"", b"", text.as_bytes());
}

impl Status {
    /// The text that memcached sends with this status; empty where it is no error.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Success | Self::AuthContinue => "",
            Self::NotFound => "Not found",
            Self::Exists => "Data exists for key.",
            Self::TooLarge => "Too large.",
            Self::Invalid => "Invalid arguments",
            Self::NotStored => "Not stored.",
            Self::NonNumeric => "Non-numeric server-side value for incr or decr",
            Self::AuthError => "Auth failure.",
            Self::UnknownCommand => "Unknown command",
            Self::OutOfMemory => "Out of memory",
            Self::TemporaryFailure => "Temporary failure",
        }
    }
}

/// Append the header of a reply. Keys have at most 250 bytes and extras 8, so they fit their fields; a value's
/// length must fit in 32 bits with them.
#[inline]
fn header(out: &mut Out, head: Head, status: Status, cas: u64, extras: usize, key: usize, value: usize) {
    let mut bytes = [0_u8; HEADER];
    bytes[0] = REPLY_MAGIC;
    bytes[1] = head.opcode;
    bytes[2..4].copy_from_slice(&(key as u16).to_be_bytes());
    bytes[4] = extras as u8;
    bytes[6..8].copy_from_slice(&(status as u16).to_be_bytes());
    bytes[8..12].copy_from_slice(&((extras + key + value) as u32).to_be_bytes());
    bytes[12..16].copy_from_slice(&head.opaque.to_be_bytes());
    bytes[16..24].copy_from_slice(&cas.to_be_bytes());
    out.bytes.reserve(HEADER + extras + key);
    out.put(&bytes);
}
