//! Owns the bytes of the protocols: RESP2/3, memcached text, meta and binary, both directions.
//! Refuses sockets, clocks, threads and meaning: it parses what is in a buffer and encodes what it is told.

pub mod memcached;
mod out;
pub mod resp;

pub use out::{Mark, Out, SPLICE_FROM, Shared};
