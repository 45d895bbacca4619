//! Steps through the bytes of a session at the ID door: the first one decides between text and binary.
//!
//! A request that finds the millisecond used up waits unconsumed, with the IDs it has, while the other clients are
//! served; it is fed again at once, and so on until the next millisecond has begun.

use dozo_wire::memcached::binary::REQUEST_MAGIC;

use super::{binary, text};
use crate::engine::{Engine, FEED_BYTES, Flow};
use crate::session::Session;

/// Decided by a connection's first byte, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Text,
    Binary,
}

/// What became of the bytes at the start of the buffer.
pub(super) enum Step {
    /// So many of them are used up.
    Next(usize),
    /// They are the start of a request.
    Incomplete,
    /// This millisecond has too few IDs for the request; feed it again.
    Wait,
    /// The connection is to be closed.
    Close,
}

/// Runs the whole requests in `buf`.
pub(crate) fn feed(engine: &mut Engine, session: &mut Session, buf: &[u8]) -> (usize, Flow) {
    let mut at = 0;
    let most = session.out.len() + FEED_BYTES;
    loop {
        let skipped = (session.ids.skip as usize).min(buf.len() - at);
        session.ids.skip -= skipped as u32;
        at += skipped;
        let rest = &buf[at..];
        let Some(&first) = rest.first() else {
            return (at, Flow::Continue);
        };
        let dialect = if first == REQUEST_MAGIC { Dialect::Binary } else { Dialect::Text };
        let step = match *session.ids.dialect.get_or_insert(dialect) {
            Dialect::Text => text::step(engine, session, rest),
            Dialect::Binary => binary::step(engine, session, rest),
        };
        match step {
            Step::Next(consumed) => at += consumed,
            Step::Incomplete => return (at, Flow::Continue),
            Step::Wait => return (at, Flow::Yield),
            Step::Close => return (buf.len(), Flow::Close),
        }
        if session.out.len() > most {
            return (at, Flow::Yield);
        }
    }
}

/// Accounts for a request that is about to run.
pub(super) fn begin(engine: &mut Engine, session: &mut Session) {
    engine.stats.commands += 1;
    session.commands += 1;
    session.last_active_ms = engine.ks.now();
}
