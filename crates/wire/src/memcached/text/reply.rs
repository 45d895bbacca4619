//! Owns the reply lines of the classic text commands. Meta replies are built by [`super::super::meta`].

use crate::{Out, Shared};

/// `STORED`.
pub const STORED: &[u8] = b"STORED\r\n";
/// `NOT_STORED`.
pub const NOT_STORED: &[u8] = b"NOT_STORED\r\n";
/// `EXISTS`.
pub const EXISTS: &[u8] = b"EXISTS\r\n";
/// `NOT_FOUND`.
pub const NOT_FOUND: &[u8] = b"NOT_FOUND\r\n";
/// `DELETED`.
pub const DELETED: &[u8] = b"DELETED\r\n";
/// `TOUCHED`.
pub const TOUCHED: &[u8] = b"TOUCHED\r\n";
/// `OK`.
pub const OK: &[u8] = b"OK\r\n";
/// `END`.
pub const END: &[u8] = b"END\r\n";
/// `RESET`.
pub const RESET: &[u8] = b"RESET\r\n";
/// `MN`, the answer to `mn`.
pub const MN: &[u8] = b"MN\r\n";
/// `EN`, a miss of a meta get.
pub const EN: &[u8] = b"EN\r\n";
/// `ERROR`: no such command.
pub const ERROR: &[u8] = b"ERROR\r\n";
/// A value that would grow over the limit.
pub const TOO_LARGE: &[u8] = b"SERVER_ERROR object too large for cache\r\n";
/// No memory for a value.
pub const NO_MEMORY: &[u8] = b"SERVER_ERROR out of memory storing object\r\n";
/// `incr` or `decr` of something else than a number.
pub const NON_NUMERIC: &[u8] = b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
/// A request before authentication.
pub const UNAUTHENTICATED: &[u8] = b"CLIENT_ERROR unauthenticated\r\n";

/// `text` and a line end.
pub fn line(out: &mut Out, text: &[u8]) {
    out.put(text);
    out.put(b"\r\n");
}

/// The new value of a counter.
#[inline]
pub fn number(out: &mut Out, value: u64) {
    out.put(itoa::Buffer::new().format(value).as_bytes());
    out.put(b"\r\n");
}

/// One statistic.
pub fn stat(out: &mut Out, name: &[u8], value: &[u8]) {
    out.put(b"STAT ");
    out.put(name);
    out.put(b" ");
    out.put(value);
    out.put(b"\r\n");
}

/// One item of a get.
#[inline]
pub fn value(out: &mut Out, key: &[u8], flags: u32, data: &[u8], cas: Option<u64>) {
    out.bytes.reserve(key.len() + data.len() + 64);
    header(out, key, flags, data.len(), cas);
    out.put(data);
    out.put(b"\r\n");
}

/// One item of a get whose data is spliced by reference when large.
#[inline]
pub fn value_shared(out: &mut Out, key: &[u8], flags: u32, data: &Shared, cas: Option<u64>) {
    header(out, key, flags, data.len(), cas);
    out.put_shared(data);
    out.put(b"\r\n");
}

/// The line before the data of an item of a get.
#[inline]
pub fn header(out: &mut Out, key: &[u8], flags: u32, len: usize, cas: Option<u64>) {
    let mut digits = itoa::Buffer::new();
    out.put(b"VALUE ");
    out.put(key);
    if flags == 0 {
        out.put(b" 0 ");
    } else {
        out.put(b" ");
        out.put(digits.format(flags).as_bytes());
        out.put(b" ");
    }
    out.put(digits.format(len).as_bytes());
    if let Some(cas) = cas {
        out.put(b" ");
        out.put(digits.format(cas).as_bytes());
    }
    out.put(b"\r\n");
}
