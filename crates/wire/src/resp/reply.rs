//! Owns the reply side of RESP2 and RESP3. Refuses attributes and streamed types: no Redis server sends them.

use crate::{Out, Shared};

/// The version of RESP that a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proto {
    /// RESP2, the default of every connection.
    #[default]
    Resp2,
    /// RESP3, after `HELLO 3`.
    Resp3,
}

/// An encoder of replies into a connection's output. Aggregates are announced, then their elements follow.
pub struct Reply<'a> {
    /// Where the bytes go.
    pub out: &'a mut Out,
    /// Which RESP is spoken.
    pub proto: Proto,
}

impl<'a> Reply<'a> {
    /// An encoder into `out`.
    #[inline]
    pub fn new(out: &'a mut Out, proto: Proto) -> Self {
        Self { out, proto }
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.out.put(b"+OK\r\n");
    }

    /// A status; line ends in it become spaces.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// As [`Reply::simple`], for a text that repeats bytes of the client.
    pub fn simple_bytes(&mut self, text: &[u8]) {
        self.line(b'+', text);
    }

    /// An error, `text` beginning with its code ("ERR ..."); line ends in it become spaces.
    pub fn error(&mut self, text: &str) {
        self.line(b'-', text.as_bytes());
    }

    /// As [`Reply::error`], for a text that repeats bytes of the client.
    pub fn error_bytes(&mut self, text: &[u8]) {
        self.line(b'-', text);
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, value: i64) {
        if let 0..=9 = value {
            self.out.put(&[b':', b'0' + value as u8, b'\r', b'\n']);
            return;
        }
        let mut buf = itoa::Buffer::new();
        self.framed(b':', buf.format(value).as_bytes());
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, data: &[u8]) {
        self.out.reserve(data.len() + 24);
        self.length(b'$', data.len());
        self.out.put(data);
        self.out.put(b"\r\n");
    }

    /// A bulk string that is spliced by reference when large.
    #[inline]
    pub fn bulk_shared(&mut self, value: &Shared) {
        self.length(b'$', value.len());
        self.out.put_shared(value);
        self.out.put(b"\r\n");
    }

    /// An integer as a bulk string.
    #[inline]
    pub fn bulk_int(&mut self, value: i64) {
        let mut buf = itoa::Buffer::new();
        self.bulk(buf.format(value).as_bytes());
    }

    /// No value: `$-1` or `_`.
    #[inline]
    pub fn null(&mut self) {
        self.out.put(match self.proto {
            Proto::Resp2 => b"$-1\r\n".as_slice(),
            Proto::Resp3 => b"_\r\n",
        });
    }

    /// No list: `*-1` or `_`.
    #[inline]
    pub fn null_array(&mut self) {
        self.out.put(match self.proto {
            Proto::Resp2 => b"*-1\r\n".as_slice(),
            Proto::Resp3 => b"_\r\n",
        });
    }

    /// An array of `n` elements, which follow.
    #[inline]
    pub fn array(&mut self, n: usize) {
        self.length(b'*', n);
    }

    /// A map of `n` pairs, which follow (RESP2: an array of 2n).
    pub fn map(&mut self, n: usize) {
        match self.proto {
            Proto::Resp2 => self.length(b'*', 2 * n),
            Proto::Resp3 => self.length(b'%', n),
        }
    }

    /// A set of `n` elements, which follow (RESP2: an array).
    pub fn set(&mut self, n: usize) {
        match self.proto {
            Proto::Resp2 => self.length(b'*', n),
            Proto::Resp3 => self.length(b'~', n),
        }
    }

    /// An out-of-band message of `n` elements, which follow (RESP2: an array).
    pub fn push(&mut self, n: usize) {
        match self.proto {
            Proto::Resp2 => self.length(b'*', n),
            Proto::Resp3 => self.length(b'>', n),
        }
    }

    /// A double (RESP2: a bulk string), printed as Redis 7.0 prints it.
    pub fn double(&mut self, value: f64) {
        let mut text = Vec::with_capacity(32);
        super::format_double(value, &mut text);
        match self.proto {
            Proto::Resp2 => self.bulk(&text),
            Proto::Resp3 => self.framed(b',', &text),
        }
    }

    /// A boolean (RESP2: the integer 1 or 0).
    pub fn boolean(&mut self, value: bool) {
        self.out.put(match (self.proto, value) {
            (Proto::Resp2, false) => b":0\r\n",
            (Proto::Resp2, true) => b":1\r\n",
            (Proto::Resp3, false) => b"#f\r\n",
            (Proto::Resp3, true) => b"#t\r\n",
        });
    }

    /// A big number given as decimal digits (RESP2: a bulk string).
    pub fn big_number(&mut self, digits: &[u8]) {
        match self.proto {
            Proto::Resp2 => self.bulk(digits),
            Proto::Resp3 => self.line(b'(', digits),
        }
    }

    /// Text for humans with its format of three letters, "txt" or "mkd" (RESP2: a bulk string without the format).
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        match self.proto {
            Proto::Resp2 => self.bulk(text),
            Proto::Resp3 => {
                self.length(b'=', text.len() + 4);
                self.out.put(format.as_bytes());
                self.out.put(b":");
                self.out.put(text);
                self.out.put(b"\r\n");
            }
        }
    }

    /// `kind`, `text` without line ends, CR LF.
    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        let bytes = &mut self.out.bytes;
        bytes.push(kind);
        bytes.extend(text.iter().map(|byte| match byte {
            b'\r' | b'\n' => b' ',
            other => *other,
        }));
        bytes.extend_from_slice(b"\r\n");
    }

    /// `kind`, `text`, CR LF; `text` is at most 32 bytes and has no line ends.
    #[inline]
    fn framed(&mut self, kind: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        let bytes = &mut self.out.bytes;
        bytes.push(kind);
        bytes.extend_from_slice(text);
        bytes.extend_from_slice(b"\r\n");
    }

    /// `kind`, `n`, CR LF; nearly all lengths and counts have one or two digits.
    #[inline]
    fn length(&mut self, kind: u8, n: usize) {
        if n < 10 {
            self.out.put(&[kind, b'0' + n as u8, b'\r', b'\n']);
        } else if n < 100 {
            self.out.put(&[kind, b'0' + (n / 10) as u8, b'0' + (n % 10) as u8, b'\r', b'\n']);
        } else {
            let mut buf = itoa::Buffer::new();
            self.framed(kind, buf.format(n).as_bytes());
        }
    }
}
