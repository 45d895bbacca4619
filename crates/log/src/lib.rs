//! The formats in which data leaves the process and comes back: RDB files and append-only files, and the threads that
//! write them.
//!
//! Knows the store's types and nothing of commands or sockets, and decides nothing: which file is written when, and what
//! a failure means, is the caller's business. Files are reached through [`disk`]. What is read is never trusted: an error says what is wrong and where, nothing panics,
//! and no more memory is taken than the input can account for.

pub mod aof;
pub mod crc64;
pub mod decode;
pub mod disk;
pub mod intset;
pub mod journal;
pub mod listpack;
pub mod lz4;
pub mod lzf;
pub mod rdb;
pub mod reader;
pub mod snapshot;
pub mod source;
pub mod stream;
pub mod tier;
pub mod value;
pub mod writer;
pub mod ziplist;
pub mod zipmap;

pub use reader::{Malformed, Reader, Text};
pub use source::{Fault, Source};
