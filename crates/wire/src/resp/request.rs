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

/// A resumable parser of requests: bytes are looked at once however they arrive in pieces.
#[derive(Debug, Default)]
pub struct RequestParser {
    pos: usize,
}

impl RequestParser {
    /// A parser at the start of a request.
    pub const fn new() -> Self {
        Self { pos: 0 }
    }

    /// Whether the parser is between two requests.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.pos == 0
    }

    /// After `Incomplete`: the length that `buf` must have before another call can find anything new (at least).
    #[inline]
    pub fn need(&self) -> usize {
        self.pos + 1
    }

    /// Parse the request at the start of `buf`. Spans are offsets into `buf`; on `Incomplete` call again with
    /// the same start, more bytes and the same `args`.
    pub fn next(
        &mut self,
        _buf: &[u8],
        args: &mut Vec<Span>,
        _limits: &Limits,
        _authenticated: bool,
    ) -> Step {
        args.clear();
        Step::Incomplete
    }
}
