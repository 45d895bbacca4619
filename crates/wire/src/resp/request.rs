//! Owns the request side of RESP: arrays of bulk strings and inline commands. Refuses to copy or to allocate per command.

/// The named limits of a request; going over one is a protocol error.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one argument.
    pub max_bulk: usize,
    /// Arguments of one command.
    pub max_args: usize,
    /// Bytes of an inline command, and of a count line.
    pub max_inline: usize,
    /// Bytes of one argument before authentication.
    pub max_bulk_unauth: usize,
    /// Arguments of one command before authentication.
    pub max_args_unauth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bulk: 512 << 20,
            max_args: 1 << 20,
            max_inline: 64 << 10,
            max_bulk_unauth: 16384,
            max_args_unauth: 10,
        }
    }
}

impl Limits {
    /// Whether no limit is so low that a number of three digits could break it.
    #[inline]
    const fn are_roomy(&self) -> bool {
        self.max_bulk > 999 && self.max_args > 999
    }
}

/// Where an argument lies in the buffer that was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Offset of its first byte.
    pub start: u32,
    /// Its length in bytes.
    pub len: u32,
}

impl Span {
    /// The argument's bytes in the buffer that was parsed.
    #[inline]
    pub fn of<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        &buf[self.start as usize..self.start as usize + self.len as usize]
    }
}

/// What one call of [`RequestParser::next`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A command: its arguments are in the spans, `end` bytes are consumed.
    Command {
        /// Bytes consumed.
        end: usize,
    },
    /// An inline command with at least one argument; `end` bytes are consumed.
    Inline {
        /// Bytes consumed.
        end: usize,
        /// The unquoted arguments.
        args: Vec<Vec<u8>>,
    },
    /// Nothing to do (an empty line, `*0`, `*-1`); `end` bytes are consumed.
    Empty {
        /// Bytes consumed.
        end: usize,
    },
    /// More bytes are needed: call again with the same start.
    Incomplete,
    /// The stream cannot be followed further: reply `-ERR ` + this text, then close.
    Error(String),
}

/// A resumable parser of requests.
///
/// Between two calls it remembers where it stopped, so every byte is looked at once however it arrives: a command
/// of a million arguments in a thousand pieces costs no more than in one. Lengths are only compared with what is in
/// the buffer; nothing is allocated because a client announced it.
#[derive(Debug, Clone)]
pub struct RequestParser {
    /// The first byte that is not parsed yet.
    pos: usize,
    /// The byte up to which no line end was found; at least `pos` when a line is awaited.
    scanned: usize,
    /// Arguments that are still to come; 0 between requests.
    remaining: usize,
    /// The length of the argument that starts at `pos`, or `NO_BULK` when its length line is awaited.
    bulk: usize,
}

const NO_BULK: usize = usize::MAX;

/// Spans hold 32-bit offsets, so no request may reach beyond this.
const MAX_REQUEST: usize = u32::MAX as usize;

impl Default for RequestParser {
    fn default() -> Self {
        Self::new()
    }
}

/// What was found where a count or length line is expected.
enum Line {
    /// Its number and the offset after the line.
    Number(i64, usize),
    /// A line that is no number.
    Invalid,
    /// No line end yet.
    Incomplete,
    /// No line end within the limit.
    TooLong,
}

impl RequestParser {
    /// A parser at the start of a request.
    pub const fn new() -> Self {
        Self { pos: 0, scanned: 0, remaining: 0, bulk: NO_BULK }
    }

    /// Whether the parser is between two requests and has seen nothing of the next.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.remaining == 0 && self.scanned == 0
    }

    /// After `Incomplete`: the length that the buffer must have before another call can find anything new.
    #[inline]
    pub fn need(&self) -> usize {
        if self.bulk == NO_BULK {
            self.pos.max(self.scanned) + 1
        } else {
            self.pos.saturating_add(self.bulk).saturating_add(2)
        }
    }

    /// Parse the request at the start of `buf`. Spans are offsets into `buf`; on `Incomplete` call again with
    /// the same start, more bytes and the same `args`.
    #[inline]
    pub fn next(&mut self, buf: &[u8], args: &mut Vec<Span>, limits: &Limits, authenticated: bool) -> Step {
        if self.remaining == 0
            && authenticated
            && limits.are_roomy()
            && buf.len() <= MAX_REQUEST
            && let Some(end) = self.whole_command(buf, args)
        {
            return Step::Command { end };
        }
        self.resume(buf, args, limits, authenticated)
    }

    /// The fast path: a command whose counts and lengths have at most three digits and which is wholly in `buf`.
    /// `None` leaves in `self` how far it got; what it met there is for `resume` to judge.
    #[inline]
    fn whole_command(&mut self, buf: &[u8], args: &mut Vec<Span>) -> Option<usize> {
        args.clear();
        let (mut remaining, mut pos) = short_line(buf, 0, b'*')?;
        while remaining > 0 {
            let Some((len, start)) = short_line(buf, pos, b'$') else {
                break;
            };
            if start + len + 2 > buf.len() {
                break;
            }
            args.push(Span { start: start as u32, len: len as u32 });
            pos = start + len + 2;
            remaining -= 1;
        }
        if remaining == 0 && !args.is_empty() {
            self.scanned = 0;
            return Some(pos);
        }
        if !args.is_empty() {
            self.remaining = remaining;
            self.pos = pos;
            self.scanned = pos;
        }
        None
    }

    /// The thorough path, from wherever the last call or the fast path stopped.
    fn resume(&mut self, buf: &[u8], args: &mut Vec<Span>, limits: &Limits, authenticated: bool) -> Step {
        let step = if self.remaining > 0 {
            self.arguments(buf, args, limits, authenticated)
        } else if let Some(&kind) = buf.first() {
            args.clear();
            if kind == b'*' { self.array(buf, args, limits, authenticated) } else { self.inline(buf, limits) }
        } else {
            Step::Incomplete
        };
        if !matches!(step, Step::Incomplete) {
            *self = Self::new();
        } else if buf.len() >= MAX_REQUEST {
            return fail("too big request");
        }
        step
    }

    /// The count line of an array, then its elements.
    fn array(&mut self, buf: &[u8], args: &mut Vec<Span>, limits: &Limits, authenticated: bool) -> Step {
        let (count, pos) = match self.long_line(buf, limits.max_inline) {
            Line::Number(count, pos) => (count, pos),
            Line::Incomplete => return Step::Incomplete,
            Line::Invalid => return fail("invalid multibulk length"),
            Line::TooLong => return fail("too big mbulk count string"),
        };
        if count > limits.max_args as i64 {
            return fail("invalid multibulk length");
        }
        if !authenticated && count > limits.max_args_unauth as i64 {
            return fail("unauthenticated multibulk length");
        }
        if count <= 0 {
            return Step::Empty { end: pos };
        }
        self.remaining = count as usize;
        self.pos = pos;
        self.scanned = pos;
        self.arguments(buf, args, limits, authenticated)
    }

    /// The elements of an array, from where the last call stopped.
    fn arguments(&mut self, buf: &[u8], args: &mut Vec<Span>, limits: &Limits, authenticated: bool) -> Step {
        while self.remaining > 0 {
            if self.bulk == NO_BULK
                && let Some(step) = self.bulk_line(buf, limits, authenticated)
            {
                return step;
            }
            let end = self.pos + self.bulk;
            if buf.len() < end + 2 || end > MAX_REQUEST {
                return Step::Incomplete;
            }
            args.push(Span { start: self.pos as u32, len: self.bulk as u32 });
            // As in Redis, the two bytes after an argument are skipped, not compared.
            self.pos = end + 2;
            self.scanned = self.pos;
            self.bulk = NO_BULK;
            self.remaining -= 1;
        }
        Step::Command { end: self.pos }
    }

    /// The length line of an argument; sets `bulk` or says how parsing ends.
    fn bulk_line(&mut self, buf: &[u8], limits: &Limits, authenticated: bool) -> Option<Step> {
        let line = match short_line(buf, self.pos, b'$') {
            Some((len, pos)) => Line::Number(len as i64, pos),
            None => self.long_line(buf, limits.max_inline),
        };
        if !matches!(line, Line::Incomplete | Line::TooLong) && buf[self.pos] != b'$' {
            return Some(unexpected(buf[self.pos]));
        }
        match line {
            Line::Number(len @ 0.., pos) => {
                self.bulk = len as usize;
                self.pos = pos;
                refuse_bulk(self.bulk, limits, authenticated)
            }
            Line::Number(..) | Line::Invalid => Some(fail("invalid bulk length")),
            Line::Incomplete => Some(Step::Incomplete),
            Line::TooLong => Some(fail("too big bulk count string")),
        }
    }

    /// The line at `pos`: a type byte, a number, CR and one more byte.
    fn long_line(&mut self, buf: &[u8], max: usize) -> Line {
        let from = self.scanned.max(self.pos);
        let to = buf.len().min(self.pos + max + 1);
        let Some(cr) = memchr::memchr(b'\r', &buf[from.min(to)..to]).map(|at| from + at) else {
            self.scanned = from.max(to);
            return if to - self.pos > max { Line::TooLong } else { Line::Incomplete };
        };
        self.scanned = cr;
        if cr + 1 >= buf.len() {
            return Line::Incomplete;
        }
        // A line that begins with CR has no type byte: the caller reports it.
        match buf.get(self.pos + 1..cr).and_then(parse_i64) {
            Some(number) => Line::Number(number, cr + 2),
            None => Line::Invalid,
        }
    }

    /// An inline command: words on one line.
    #[cold]
    fn inline(&mut self, buf: &[u8], limits: &Limits) -> Step {
        let to = buf.len().min(limits.max_inline + 1);
        let from = self.scanned.min(to);
        let Some(lf) = memchr::memchr(b'\n', &buf[from..to]).map(|at| from + at) else {
            self.scanned = to;
            return if to > limits.max_inline { fail("too big inline request") } else { Step::Incomplete };
        };
        let line = buf[..lf].strip_suffix(b"\r").unwrap_or(&buf[..lf]);
        let end = lf + 1;
        match super::split_args(line) {
            None => fail("unbalanced quotes in request"),
            Some(args) if args.is_empty() => Step::Empty { end },
            Some(args) => Step::Inline { end, args },
        }
    }
}

/// The number in the line of `kind` at `pos`, if it has one to three digits, and the offset after the line. `None` asks
/// for the long way. Six bytes are looked at: whatever such a line begins has at least as many when it is whole.
#[inline(always)]
fn short_line(buf: &[u8], pos: usize, kind: u8) -> Option<(usize, usize)> {
    let line: &[u8; 6] = buf.get(pos..)?.first_chunk()?;
    let digit = |at: usize| usize::from(line[at].wrapping_sub(b'0'));
    if line[0] != kind || digit(1) > 9 {
        return None;
    }
    if line[2] == b'\r' {
        return Some((digit(1), pos + 4));
    }
    if digit(1) == 0 || digit(2) > 9 {
        return None;
    }
    if line[3] == b'\r' {
        return Some((digit(1) * 10 + digit(2), pos + 5));
    }
    if digit(3) > 9 || line[4] != b'\r' {
        return None;
    }
    Some((digit(1) * 100 + digit(2) * 10 + digit(3), pos + 6))
}

/// Whether an argument of `len` bytes is over a limit, and the error that says which.
#[inline]
fn refuse_bulk(len: usize, limits: &Limits, authenticated: bool) -> Option<Step> {
    // No span reaches beyond MAX_REQUEST, whatever is configured.
    if len > limits.max_bulk.min(MAX_REQUEST) {
        return Some(fail("invalid bulk length"));
    }
    if !authenticated && len > limits.max_bulk_unauth {
        return Some(fail("unauthenticated bulk length"));
    }
    None
}

#[cold]
fn unexpected(byte: u8) -> Step {
    // The text becomes an error line, so it must be one line of text.
    let shown = match byte {
        b'\r' | b'\n' => ' ',
        0..=0x7f => char::from(byte),
        _ => '?',
    };
    fail(&format!("expected '$', got '{shown}'"))
}

#[cold]
fn fail(what: &str) -> Step {
    Step::Error(format!("Protocol error: {what}"))
}

/// The number that `text` is the canonical decimal form of: no plus sign, no leading zeros, no "-0".
fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if digits.is_empty() || digits.len() > 19 || (digits[0] == b'0' && text.len() > 1) {
        return None;
    }
    let mut value: u64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Nineteen digits can't overflow an unsigned 64-bit number.
        value = value * 10 + u64::from(digit);
    }
    if negative { 0_i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}
