//! memcached's three protocols over database 0.
//!
//! Owns what a request means: each semantic is written once (`ops`) and spoken in three dialects (`text` with
//! `meta`, and `binary`). Refuses bytes on the wire (`dozo_wire::memcached` parses and encodes them) and the texts
//! of `stats`, which Python writes. Whatever is changed here leaves as an effect in Redis's terms.

mod binary;
mod counters;
mod driver;
mod meta;
mod ops;
mod streams;
mod text;

pub use counters::Counters;
pub(crate) use driver::{feed, tick};
pub(crate) use ops::item;
pub(crate) use streams::forget as forget_streams;

use dozo_wire::memcached::text::Parser;

/// What `version` answers: the release whose protocol is spoken. Clients compare it as three numbers, so it is bare.
const VERSION: &str = "1.6.18";

/// Per-session state.
#[derive(Default)]
pub struct State {
    parser: Parser,
    dialect: Option<Dialect>,
    /// Bytes of a refused request that are still to come.
    swallow: u64,
    /// What it is in the middle of.
    streams: streams::Streams,
    /// Since when it waits for room for a stream, unix ms.
    room_since: Option<i64>,
}

/// Decided by a connection's first byte, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Text,
    Binary,
}

/// State of the whole server that no statistics reset may touch.
#[derive(Default)]
pub(crate) struct Global {
    /// Unix ms at which a delayed `flush_all` is due.
    flush_at: Option<i64>,
    /// The streams of all connections.
    streams: streams::Register,
}

impl crate::engine::Engine {
    /// Connections that are in the middle of a stream.
    pub fn streaming_clients(&self) -> usize {
        self.memcached.streams.len()
    }
}
