//! Owns memcached's text protocol: request lines with their data blocks in, reply lines out.
//! Refuses to know what is stored; meta commands share the line grammar, their flags live in [`super::meta`].

mod line;
mod parser;
pub mod reply;

pub use self::parser::Parser;
pub use self::reply::{line, number, stat, value, value_shared};
use super::Verb;
use super::meta::{Meta, SentKey};
pub use super::token::Tokens;

/// One request, borrowed from the buffer. Keys are at most `KEY_MAX` bytes; numbers are already checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// `get`, `bget` and `gets` (`cas`): at least one key.
    Get {
        /// The keys.
        keys: Tokens<'a>,
        /// Whether the CAS is to be returned too.
        cas: bool,
    },
    /// `gat` and `gats` (`cas`): as in memcached there may be no key at all.
    Gat {
        /// The new expiry as sent: 0 never, negative at once, up to 30 days relative, else absolute seconds.
        exptime: i32,
        /// The keys.
        keys: Tokens<'a>,
        /// Whether the CAS is to be returned too.
        cas: bool,
    },
    /// `set`, `add`, `replace`, `append`, `prepend`, `cas`.
    Store(Store<'a>),
    /// `delete`.
    Delete {
        /// The key.
        key: &'a [u8],
        /// Whether no reply is wanted.
        noreply: bool,
    },
    /// `incr` and `decr`.
    Arith {
        /// The key.
        key: &'a [u8],
        /// By how much.
        delta: u64,
        /// Whether to subtract (stopping at 0) instead of to add (wrapping).
        decr: bool,
        /// Whether no reply is wanted.
        noreply: bool,
    },
    /// `touch`.
    Touch {
        /// The key.
        key: &'a [u8],
        /// The new expiry as sent.
        exptime: i32,
        /// Whether no reply is wanted.
        noreply: bool,
    },
    /// `flush_all`, optionally delayed.
    FlushAll {
        /// The delay or absolute time as sent; `None` means now.
        delay: Option<i32>,
        /// Whether no reply is wanted.
        noreply: bool,
    },
    /// `stats` with its arguments.
    Stats {
        /// The words after `stats`.
        args: Tokens<'a>,
    },
    /// `version`.
    Version,
    /// `quit`: close without a reply.
    Quit,
    /// `verbosity`.
    Verbosity {
        /// The wanted level.
        level: u32,
        /// Whether no reply is wanted.
        noreply: bool,
    },
    /// `shutdown`, `shutdown graceful`. Whether it is enabled is checked before its argument.
    Shutdown {
        /// The words after it.
        args: Tokens<'a>,
    },
    /// `cache_memlimit`.
    MemLimit {
        /// The wanted limit.
        megabytes: u32,
        /// Whether no reply is wanted.
        noreply: bool,
    },
    /// Commands that steer the original's own machinery: `slabs`, `lru`, `lru_crawler`, `watch`, `extstore`.
    Machinery {
        /// The command's name.
        name: &'a [u8],
        /// The words after it.
        args: Tokens<'a>,
    },
    /// `refresh_certs`.
    RefreshCerts,
    /// `streaming_get`, `sget`: a value in chunks.
    StreamGet {
        /// The key.
        key: &'a [u8],
        /// Bytes of a chunk, 1 to [`CHUNK_MOST`].
        chunk: usize,
    },
    /// `set_begin`: a value that comes in chunks.
    StreamBegin(Stream<'a>),
    /// `set_data`. Its block is not waited for: `len` bytes and a line end follow the line.
    StreamData {
        /// The key.
        key: &'a [u8],
        /// Number of the chunk, from 0.
        index: u64,
        /// Its length.
        len: usize,
    },
    /// `set_end`.
    StreamEnd {
        /// The key.
        key: &'a [u8],
    },
    /// `mg`.
    MetaGet(Meta<'a>),
    /// `ms` with its data block.
    MetaSet(Meta<'a>, &'a [u8]),
    /// `md`.
    MetaDelete(Meta<'a>),
    /// `ma`.
    MetaArith(Meta<'a>),
    /// `mn`.
    MetaNoop,
    /// `me`.
    MetaDebug(Meta<'a>),
}

/// The largest chunk of a `streaming_get`.
pub const CHUNK_MOST: usize = 1 << 20;
/// The size of a chunk where none is asked for.
pub const CHUNK_USUAL: usize = 16 << 10;

/// What `set_begin` says of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The length of the value.
    pub total: u64,
    /// In how many chunks it comes.
    pub chunks: u64,
    /// The client's flags.
    pub flags: u32,
    /// The expiry as sent.
    pub exptime: i32,
}

/// A storage command with its data block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Store<'a> {
    /// How to store.
    pub verb: Verb,
    /// The key.
    pub key: &'a [u8],
    /// The client's flags.
    pub flags: u32,
    /// The expiry as sent.
    pub exptime: i32,
    /// The CAS that the item must have; 0 unless `verb` is `Verb::Cas`.
    pub cas: u64,
    /// The value.
    pub data: &'a [u8],
    /// Whether no reply is wanted.
    pub noreply: bool,
}

/// A refused request. Write `reply`, drop `consumed` bytes, then drop `swallow` more as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bad<'a> {
    /// The whole reply line with its line end; empty when none is wanted.
    pub reply: &'static [u8],
    /// Bytes of the buffer that are used up.
    pub consumed: usize,
    /// Bytes after them that belong to the refused request; they need not be in the buffer yet.
    pub swallow: u64,
    /// Whether the stream can't be followed and the connection is to be closed after the reply.
    pub close: bool,
    /// A key whose old value must go, because its new one was too large.
    pub unlink: Option<SentKey<'a>>,
}
