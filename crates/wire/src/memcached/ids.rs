//! Owns the dialect of ID servers (katsubushi's): a `get` whose keys mean nothing, and little else. Refuses to make IDs.
//!
//! It is laxer than memcached's grammar where the original is: names in any case, keys of any length, any white space
//! between words, no data blocks (the value of a `set` is the next line, and as little known as the first).

use super::KEY_MAX;
use super::binary::{HEADER, Head, REQUEST_MAGIC, be32, be64};
use super::meta::{self, Meta};
use super::text::reply::ERROR;

/// The longest line, bytes, so that one request can't ask for more IDs than a few hundred milliseconds have.
pub const MAX_LINE: usize = 1 << 20;

/// What a line asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// `GET` or `GETS` and what follows: one ID for each key, of which there may be none.
    Get(&'a [u8]),
    /// `mg`: one ID.
    MetaGet(Meta<'a>),
    /// `mn`.
    MetaNoop,
    /// `STATS`.
    Stats,
    /// `VERSION`.
    Version,
    /// `QUIT`.
    Quit,
    /// Anything else, and its answer.
    Refused(&'static [u8]),
}

/// The words of a line.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Parse a line; its end may be on it or not.
#[inline]
pub fn parse_line(line: &[u8]) -> Line<'_> {
    let line = line.trim_ascii();
    let (name, rest) = line.split_at(line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len()));
    let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
    if is(b"get") || is(b"gets") {
        Line::Get(rest)
    } else if is(b"mg") {
        meta_get(rest.trim_ascii_start())
    } else if is(b"mn") {
        Line::MetaNoop
    } else if is(b"stats") {
        Line::Stats
    } else if is(b"version") {
        Line::Version
    } else if is(b"quit") {
        Line::Quit
    } else {
        Line::Refused(ERROR)
    }
}

/// The key and the flags of `mg`, checked as memcached checks them.
fn meta_get(rest: &[u8]) -> Line<'_> {
    let (key, flags) = rest.split_at(rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len()));
    if key.is_empty() {
        return Line::Refused(ERROR);
    }
    if key.len() > KEY_MAX {
        return Line::Refused(meta::BAD_FORMAT);
    }
    match meta::check(key, flags) {
        Ok(checked) if checked.long_opaque => Line::Refused(meta::LONG_OPAQUE),
        Ok(checked) => Line::MetaGet(checked.meta),
        Err(reply) => Line::Refused(reply),
    }
}

/// What a packet asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// GET: one ID, whatever the key.
    Get,
    /// VERSION.
    Version,
    /// STAT.
    Stat,
    /// Any other opcode.
    Unknown,
}

/// What stands at the start of a binary connection's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet {
    /// A request. The body that follows its header means nothing and is to be skipped.
    Request {
        /// What the reply repeats.
        head: Head,
        /// What is asked.
        op: Op,
        /// Bytes of the body.
        body: u32,
    },
    /// Not a whole header yet.
    Incomplete,
    /// No packet, or one whose lengths contradict each other: the connection can't be followed any more.
    Malformed,
}

/// Parse the header at the start of `buf`, which holds at least a byte.
#[inline]
pub fn parse_packet(buf: &[u8]) -> Packet {
    if buf.first().is_some_and(|magic| *magic != REQUEST_MAGIC) {
        return Packet::Malformed;
    }
    let Some(header) = buf.first_chunk::<HEADER>() else {
        return Packet::Incomplete;
    };
    let (key, extras) = (u32::from(u16::from_be_bytes([header[2], header[3]])), u32::from(header[4]));
    let body = be32(&header[8..12]);
    if key + extras > body {
        return Packet::Malformed;
    }
    let opcode = header[1];
    let op = match opcode {
        0x00 => Op::Get,
        0x0b => Op::Version,
        0x10 => Op::Stat,
        _ => Op::Unknown,
    };
    let head = Head { opcode, opaque: be32(&header[12..16]), cas: be64(&header[16..24]), quiet: false };
    Packet::Request { head, op, body }
}
