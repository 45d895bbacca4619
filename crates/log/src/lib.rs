//! The formats in which data leaves the process and comes back: values as RDB writes them.
//!
//! Owns bytes, not files: everything here reads from a slice or writes to a vector. Knows the store's types and nothing
//! of commands, sockets or disks. What is read is never trusted: an error says what is wrong and where, nothing panics,
//! and no more memory is taken than the input can account for.

pub mod crc64;
pub mod decode;
pub mod intset;
pub mod listpack;
pub mod lzf;
pub mod reader;
pub mod stream;
pub mod value;
pub mod writer;
pub mod ziplist;
pub mod zipmap;

pub use reader::{Malformed, Reader, Text};
