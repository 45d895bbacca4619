//! memcached's three protocols over database 0.

use crate::engine::{Engine, Flow};
use crate::session::Session;

/// Per-session state.
#[derive(Default)]
pub struct State {}

/// Counters of `stats`.
#[derive(Default)]
pub struct Counters {}

/// Runs the whole requests in `buf`.
pub fn feed(_engine: &mut Engine, _session: &mut Session, buf: &[u8]) -> (usize, Flow) {
    (buf.len(), Flow::Close)
}

/// Delayed flushes.
pub fn tick(_engine: &mut Engine, _now_ms: i64) {}
