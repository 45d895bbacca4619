//! A connection as the executor sees it: its session, the input that is not parsed yet, and where its socket is.
//!
//! Input is parsed where it was read, in a buffer that all connections share; only an incomplete rest is kept
//! here and given back when it is used up, so an idle connection holds no buffer.

use dozo_engine::output::ClientClass;
use dozo_engine::{Engine, Flow, SessionId};

use crate::stream::Link;

/// Used bytes in front of the rest are dropped from this many on, once they are the larger half.
const COMPACT_FROM: usize = 64 * 1024;

/// Who reads and writes the socket.
pub(crate) enum Port {
    /// The executor itself.
    Own(Link),
    /// The I/O thread of this number, which knows the socket by the lane's key.
    Crew(usize),
}

/// The end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum Ending {
    /// Not in sight.
    No,
    /// Its replies are written, then it is closed; nothing more is fed.
    Finishing,
    /// It is closed as soon as the turn ends.
    Gone,
}

/// One connection.
pub(crate) struct Lane {
    pub sid: SessionId,
    /// As its I/O thread knows it.
    pub class: ClientClass,
    pub port: Port,
    pub tail: Vec<u8>,
    /// Bytes at the front of `tail` that are used up.
    start: usize,
    /// Second of the loop's clock in which it last sent something.
    pub active: u32,
    /// In the list of lanes to serve.
    pub queued: bool,
    /// Its tail may hold whole requests.
    pub runnable: bool,
    /// The engine takes no input from it for now.
    pub blocked: bool,
    /// That is because a value is on its way from the disk.
    pub fetching: bool,
    /// It goes on once what it is owed is written.
    pub draining: bool,
    /// Its I/O thread was asked to say when that is so.
    pub asked: bool,
    /// Its I/O thread was told to read no more for now.
    pub held: bool,
    /// Where the journal must have come before its replies are written, and more is taken from it; 0: nowhere.
    pub awaits: u64,
    /// It had something to be fed while it waited for the journal.
    pub postponed: bool,
    /// The peer sends no more.
    pub ended: bool,
    pub ending: Ending,
}

impl Lane {
    pub fn new(sid: SessionId, port: Port, now: u32) -> Self {
        Self {
            sid,
            class: ClientClass::Normal,
            port,
            tail: Vec::new(),
            start: 0,
            active: now,
            queued: false,
            runnable: false,
            blocked: false,
            fetching: false,
            draining: false,
            asked: false,
            held: false,
            awaits: 0,
            postponed: false,
            ended: false,
            ending: Ending::No,
        }
    }

    /// Bytes received and not used yet.
    pub fn waiting(&self) -> usize {
        self.tail.len() - self.start
    }

    /// Feeds bytes that have just arrived, after those that wait.
    pub fn feed(&mut self, engine: &mut Engine, chunk: &[u8]) -> Flow {
        if self.awaits > 0 {
            self.tail.extend_from_slice(chunk);
            return Flow::Yield;
        }
        if self.blocked || !self.tail.is_empty() {
            self.tail.extend_from_slice(chunk);
            return self.feed_tail(engine);
        }
        let (used, flow) = engine.feed(self.sid, chunk);
        self.tail.extend_from_slice(&chunk[used..]);
        flow
    }

    /// Feeds what waits, unless the engine wants none.
    pub fn feed_tail(&mut self, engine: &mut Engine) -> Flow {
        if self.blocked {
            return Flow::Blocked;
        }
        let (used, flow) = engine.feed(self.sid, &self.tail[self.start..]);
        self.start += used;
        self.compact();
        flow
    }

    fn compact(&mut self) {
        if self.start == self.tail.len() {
            self.drop_input();
        } else if self.start >= COMPACT_FROM && self.start >= self.waiting() {
            self.tail.drain(..self.start);
            self.tail.shrink_to(2 * self.tail.len());
            self.start = 0;
        }
    }

    /// Gives the buffer back.
    pub fn drop_input(&mut self) {
        self.tail = Vec::new();
        self.start = 0;
    }
}
