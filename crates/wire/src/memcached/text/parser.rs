//! Owns finding one whole request, line and data block, at the start of a buffer that grows.

use super::line::{self, Line};
use super::{Bad, Request, Store};
use crate::memcached::{Limits, Parsed};

/// A resumable parser: a long line and a long value are looked at once however they arrive.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parser {
    /// Bytes at the start of the buffer that are known to hold no line end.
    scanned: usize,
    /// The length that the buffer must have, once a command line announced data.
    need: usize,
}

type Outcome<'a> = Parsed<Request<'a>, Bad<'a>>;

impl Parser {
    /// A parser at the start of a request.
    pub const fn new() -> Self {
        Self { scanned: 0, need: 0 }
    }

    /// Parse the request at the start of `buf`; after `Incomplete` call again with the same start and more bytes.
    #[inline]
    pub fn parse<'a>(&mut self, buf: &'a [u8], limits: &Limits) -> Outcome<'a> {
        if buf.len() < self.need {
            return Parsed::Incomplete { need: self.need };
        }
        let from = self.scanned.min(buf.len());
        let Some(lf) = memchr::memchr(b'\n', &buf[from..]).map(|at| from + at) else {
            self.scanned = buf.len();
            return self.unfinished(buf, limits);
        };
        let outcome = parse_at(buf, lf, limits);
        if let Parsed::Incomplete { need } = outcome {
            self.scanned = lf;
            self.need = need;
        } else {
            *self = Self::new();
        }
        outcome
    }

    /// No line end yet: wait for it, unless the line is already longer than its command may be.
    fn unfinished<'a>(&mut self, buf: &'a [u8], limits: &Limits) -> Outcome<'a> {
        if buf.len() > limits.max_line && too_long(buf, limits) {
            *self = Self::new();
            return long_line(buf.len());
        }
        Parsed::Incomplete { need: 0 }
    }
}

/// Parse the request whose line ends at `lf`.
#[inline]
fn parse_at<'a>(buf: &'a [u8], lf: usize, limits: &Limits) -> Outcome<'a> {
    let consumed = lf + 1;
    let line = &buf[..lf];
    if lf > limits.max_line && too_long(line, limits) {
        return long_line(consumed);
    }
    match line::parse(line.strip_suffix(b"\r").unwrap_or(line), limits) {
        Line::Request(request) => Parsed::Complete(request, consumed),
        Line::Store(store, len) => match data_block(buf, consumed, len) {
            Block::Whole(data, end) => Parsed::Complete(Request::Store(Store { data, ..store }), end),
            Block::Incomplete(need) => Parsed::Incomplete { need },
            Block::Bad(end) => bad_block(end, store.noreply),
        },
        Line::MetaSet(meta, len) => match data_block(buf, consumed, len) {
            Block::Whole(data, end) => Parsed::Complete(Request::MetaSet(meta, data), end),
            Block::Incomplete(need) => Parsed::Incomplete { need },
            // Meta commands report errors even when quiet.
            Block::Bad(end) => bad_block(end, false),
        },
        Line::Refused(reply) => Parsed::Bad(Bad { reply, ..bad(consumed) }),
        Line::RefusedData { reply, len, unlink } => {
            Parsed::Bad(Bad { reply, swallow: len as u64 + 2, unlink, ..bad(consumed) })
        }
        Line::Close => Parsed::Bad(Bad { close: true, ..bad(consumed) }),
    }
}

/// What stands where a data block is expected.
enum Block<'a> {
    /// The data, and the offset after its line end.
    Whole(&'a [u8], usize),
    /// The length that the buffer must have.
    Incomplete(usize),
    /// The data is not followed by CR LF; the offset after the two bytes there.
    Bad(usize),
}

#[inline]
fn data_block(buf: &[u8], start: usize, len: usize) -> Block<'_> {
    let end = start + len + 2;
    match buf.get(start..end).and_then(|block| block.split_at_checked(len)) {
        None => Block::Incomplete(end),
        Some((data, b"\r\n")) => Block::Whole(data, end),
        Some(_) => Block::Bad(end),
    }
}

/// Spaces that may stand before the name of a long line.
const MAX_INDENT: usize = 100;

/// Whether `line`, which is longer than `max_line`, is too long for its command: only lists of keys may be longer.
fn too_long(line: &[u8], limits: &Limits) -> bool {
    let indent = line.iter().take(MAX_INDENT + 1).take_while(|byte| **byte == b' ').count();
    let lists = [b"get ".as_slice(), b"gets ", b"gat ", b"gats "];
    line.len() > limits.max_get_line
        || indent > MAX_INDENT
        || !lists.iter().any(|list| line[indent..].starts_with(list))
}

const fn bad<'a>(consumed: usize) -> Bad<'a> {
    Bad { reply: b"", consumed, swallow: 0, close: false, unlink: None }
}

#[cold]
fn long_line<'a>(consumed: usize) -> Outcome<'a> {
    Parsed::Bad(Bad { reply: b"CLIENT_ERROR line too long\r\n", close: true, ..bad(consumed) })
}

#[cold]
fn bad_block<'a>(consumed: usize, noreply: bool) -> Outcome<'a> {
    let reply = if noreply { b"".as_slice() } else { b"CLIENT_ERROR bad data chunk\r\n" };
    Parsed::Bad(Bad { reply, ..bad(consumed) })
}
