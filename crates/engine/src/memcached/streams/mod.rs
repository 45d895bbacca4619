//! Values that go out and come in by chunks, however long: `streaming_get`, `set_begin`, `set_data`, `set_end`.
//!
//! Owns what a connection is in the middle of, and the promise that the server holds a few chunks of it and not the value:
//! a stream goes on when its peer has taken what it was sent, or when the disk has taken what came. Others have their turn
//! between two parts. Refuses the bytes of lines (`dozo_wire`), and how values lie on disk (`dozo_log::tier`).
//!
//! A chunk has no reply of its own. What is wrong with a stream is told once, at its `set_end`, so that a client may send
//! all of it without waiting; until then its chunks are read and thrown away.

mod incoming;
mod outgoing;

pub(super) use incoming::{begin, chunk, end, receive};
pub(super) use outgoing::{fits, get, pump, single, start};

use std::collections::HashMap;

use dozo_log::tier::Job;

use crate::engine::Engine;
use crate::session::{Session, SessionId};
use incoming::Incoming;
use outgoing::Outgoing;

/// What a connection is in the middle of.
#[derive(Default)]
pub(crate) struct Streams {
    outgoing: Option<Box<Outgoing>>,
    incoming: Option<Box<Incoming>>,
    /// Bytes of the block of a `set_data` that are still to come.
    block: usize,
    /// The line end behind the block is still to come.
    line_end: bool,
}

impl Streams {
    /// Whether the next bytes are those of a block.
    pub(super) fn receives(&self) -> bool {
        self.block > 0 || self.line_end
    }

    /// Whether something is to be sent before anything else is done.
    pub(super) fn sends(&self) -> bool {
        self.outgoing.is_some()
    }

    fn is_idle(&self) -> bool {
        self.outgoing.is_none() && self.incoming.is_none()
    }
}

/// The streams of all connections.
#[derive(Default)]
pub(crate) struct Register {
    /// Who has one, with the client's id.
    open: Vec<(SessionId, u64)>,
    /// Who waits for the disk to take what has come.
    held: Vec<(SessionId, u64)>,
    /// Who waits for room on the disk.
    rooms: Vec<(SessionId, u64)>,
    /// Whose the parts are that are being read.
    parts: HashMap<u64, (SessionId, u64)>,
}

impl Register {
    /// Connections with a stream.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    fn note(&mut self, session: &Session) {
        if session.memcached.streams.is_idle() {
            self.open.push((session.sid, session.id));
        }
    }

    fn release(&mut self, session: &Session) {
        if session.memcached.streams.is_idle() {
            self.open.retain(|(_, id)| *id != session.id);
        }
    }
}

/// Gives up the streams that have not moved for too long: what came of a value is thrown away, and who does not take what
/// it asked for is closed.
pub(super) fn tick(engine: &mut Engine, now: i64) {
    let limit = engine.settings.memcached_stream_timeout_ms;
    if limit == 0 || engine.memcached.streams.open.is_empty() {
        return;
    }
    for (sid, id) in engine.memcached.streams.open.clone() {
        engine.with_session(sid, |engine, session| {
            if session.id != id {
                return;
            }
            let late = |moved: i64| now - moved > limit;
            let streams = &mut session.memcached.streams;
            if let Some(stream) = &mut streams.outgoing
                && std::mem::replace(&mut stream.written, session.net_out) != session.net_out
            {
                // It takes little at a time, but it does.
                stream.moved_ms = now;
            }
            if streams.outgoing.as_ref().is_some_and(|stream| late(stream.moved_ms)) {
                engine.stats.memcached.stream_errors += 1;
                engine.close_later(sid);
            }
            if let Some(stream) = streams.incoming.as_mut().filter(|stream| late(stream.moved_ms)) {
                stream.fail(engine, "TIMEOUT");
            }
        });
    }
}

/// A client has left: nothing is left of what it was in the middle of.
pub(crate) fn forget(engine: &mut Engine, session: &mut Session) {
    if session.memcached.streams.is_idle() {
        return;
    }
    session.memcached.streams.outgoing = None;
    if let Some(mut stream) = session.memcached.streams.incoming.take() {
        stream.fail(engine, "GONE");
    }
    engine.memcached.streams.release(session);
}

impl Engine {
    /// Has the readers read a part of a value; where there are none, the job comes back.
    fn read_part(&mut self, session: &Session, job: Job) -> Result<(), Job> {
        let Some(readers) = &self.fetching.readers else { return Err(job) };
        self.memcached.streams.parts.insert(readers.read(job), (session.sid, session.id));
        Ok(())
    }

    /// Takes what the readers have brought for a stream; false when it was for none.
    pub(crate) fn take_part(&mut self, ticket: u64, bytes: Option<Vec<u8>>) -> bool {
        let Some((sid, id)) = self.memcached.streams.parts.remove(&ticket) else { return false };
        let Some(session) = self.session_mut(sid).filter(|session| session.id == id) else { return false };
        if let Some(stream) = &mut session.memcached.streams.outgoing {
            stream.deliver(bytes);
        }
        self.resume_later(sid);
        true
    }

    /// Lets those go on whom the disk has kept waiting, when it has got somewhere; whether there are any.
    pub(crate) fn release_streams(&mut self) -> bool {
        let held = !self.memcached.streams.held.is_empty();
        if !held || !self.ks.tier_disk().is_some_and(|disk| disk.has_moved()) {
            return false;
        }
        let held = std::mem::take(&mut self.memcached.streams.held);
        self.resume_all(held)
    }

    /// Lets those ask again who wait for room; whether there are any.
    pub(crate) fn retry_streams(&mut self) -> bool {
        let rooms = std::mem::take(&mut self.memcached.streams.rooms);
        self.resume_all(rooms)
    }

    fn resume_all(&mut self, sessions: Vec<(SessionId, u64)>) -> bool {
        let any = !sessions.is_empty();
        for (sid, id) in sessions {
            if self.session_mut(sid).is_some_and(|session| session.id == id) {
                self.resume_later(sid);
            }
        }
        any
    }
}

/// Writes `STREAM_ERROR` with its reason.
fn refuse(engine: &mut Engine, session: &mut Session, reason: &str) {
    engine.stats.memcached.stream_errors += 1;
    session.out.put(b"STREAM_ERROR ");
    session.out.put(reason.as_bytes());
    session.out.put(b"\r\n");
}
