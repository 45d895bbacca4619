//! Connections without sockets: bytes go in and out of an engine in this process, in the caller's thread.
//!
//! Owns what a socket and its server would hold of a connection (input that can't run yet, output that nobody has taken)
//! and who is told when output comes that its reader did not cause itself. Refuses to know what the bytes say.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dozo_engine::{Door, Engine, Flow, Peer, SessionId};
use pyo3::prelude::*;

use crate::reply;

/// How long at most a connection that is held back waits until the engine is asked again.
const TICK_MS: u64 = 100;

/// A connection's side that a server would keep.
#[derive(Default)]
struct Lane {
    tail: Vec<u8>,
    /// The engine takes no input from it for now.
    blocked: bool,
    closed: bool,
    /// Called when there is something to be taken.
    ready: Option<Py<PyAny>>,
}

impl Lane {
    /// Feeds what waits until the engine wants no more.
    fn feed(&mut self, engine: &mut Engine, sid: SessionId) {
        while !self.blocked && !self.closed && !self.tail.is_empty() {
            let (used, flow) = engine.feed(sid, &self.tail);
            self.tail.drain(..used);
            match flow {
                Flow::Continue | Flow::NeedHost => break,
                Flow::Yield => {}
                Flow::Blocked | Flow::Fetching | Flow::Draining => self.blocked = true,
                Flow::Close => self.closed = true,
            }
        }
        if self.closed {
            self.tail = Vec::new();
        }
    }
}

/// All connections of one engine. Whoever calls holds the engine, but to bury, to wake and to wait: a thread that waited for
/// the lanes with the interpreter, while the one that feeds them waits for the interpreter, would wait for ever.
#[derive(Default)]
pub struct Wires {
    lanes: Mutex<HashMap<usize, Lane>>,
    /// Those that are to be closed once the engine is held.
    buried: Mutex<Vec<SessionId>>,
    count: AtomicUsize,
    /// Rises when there is something to be taken from any of them.
    news: Mutex<u64>,
    changed: Condvar,
}

/// What [`Wires::take`] found.
pub enum Taken {
    /// Replies, or messages.
    Bytes(Vec<u8>),
    /// Nothing yet; the engine wants to be asked again after so many milliseconds, if there is a number.
    Nothing(Option<u64>),
    /// Nothing any more.
    End,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wires {
    /// Whether there are none, which costs no lock to know.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Opens a connection of that name; `Err` is what a client would be told.
    pub fn open(&self, engine: &mut Engine, name: &str) -> Result<SessionId, &'static [u8]> {
        let addr = format!("{name}:0");
        let peer = Peer { laddr: addr.clone(), addr, fd: -1, door: Door::Resp, unix: true };
        let sid = engine.connect(peer)?;
        let mut lanes = hold(&self.lanes);
        lanes.insert(sid.0, Lane::default());
        self.count.store(lanes.len(), Ordering::Relaxed);
        Ok(sid)
    }

    /// Has a connection be closed at the end of the next batch; what it has not taken is lost. A finalizer calls it, so it
    /// may come from anywhere, also from within the engine's own work.
    pub fn bury(&self, sid: SessionId) {
        hold(&self.buried).push(sid);
    }

    fn close_buried(&self, engine: &mut Engine) -> Vec<Lane> {
        let buried = std::mem::take(&mut *hold(&self.buried));
        let mut lanes = hold(&self.lanes);
        let mut closed = Vec::new();
        for sid in buried {
            if let Some(lane) = lanes.remove(&sid.0) {
                engine.disconnect(sid);
                closed.push(lane);
            }
        }
        self.count.store(lanes.len(), Ordering::Relaxed);
        closed
    }

    /// Forgets all connections: their engine has ended.
    pub fn clear(&self) {
        let lanes = std::mem::take(&mut *hold(&self.lanes));
        // Out of the lock: what is dropped here may be Python's.
        drop(lanes);
    }

    /// Has a function called whenever there is something to be taken that came from elsewhere; the one before it.
    pub fn on_ready(&self, sid: SessionId, ready: Option<Py<PyAny>>) -> Option<Py<PyAny>> {
        hold(&self.lanes).get_mut(&sid.0).and_then(|lane| std::mem::replace(&mut lane.ready, ready))
    }

    /// Hands bytes to the engine, which runs what they ask for.
    pub fn feed(&self, engine: &mut Engine, sid: SessionId, bytes: &[u8]) {
        if let Some(lane) = hold(&self.lanes).get_mut(&sid.0).filter(|lane| !lane.closed) {
            lane.tail.extend_from_slice(bytes);
            attached(engine, |engine| lane.feed(engine, sid));
        }
    }

    /// Goes on with those who have waited, and finds out who has something to take; the functions to be called for that,
    /// once the engine is not held any more. `own` is the one that takes now and needs no call.
    pub fn deliver(&self, py: Python<'_>, engine: &mut Engine, own: Option<SessionId>) -> Vec<Py<PyAny>> {
        // Dropped at the end, when no lane is held any more.
        let _closed = self.close_buried(engine);
        let mut lanes = hold(&self.lanes);
        let mut sids = Vec::new();
        loop {
            engine.take_resumable(&mut sids);
            if sids.is_empty() {
                break;
            }
            for sid in sids.drain(..) {
                if let Some(lane) = lanes.get_mut(&sid.0) {
                    lane.blocked = false;
                    attached(engine, |engine| lane.feed(engine, sid));
                }
            }
        }
        let mut ended = Vec::new();
        engine.take_closing(&mut ended);
        engine.take_overflowed(&mut ended);
        for sid in &ended {
            if let Some(lane) = lanes.get_mut(&sid.0) {
                lane.closed = true;
            }
        }
        engine.take_dirty(&mut sids);
        sids.append(&mut ended);
        sids.retain(|sid| Some(*sid) != own);
        if sids.is_empty() {
            return Vec::new();
        }
        self.wake();
        let told = sids.iter().filter_map(|sid| lanes.get(&sid.0)?.ready.as_ref());
        told.map(|ready| ready.clone_ref(py)).collect()
    }

    /// Takes what a connection is owed.
    pub fn take(&self, engine: &mut Engine, sid: SessionId) -> Taken {
        let mut lanes = hold(&self.lanes);
        let Some(lane) = lanes.get_mut(&sid.0) else {
            return Taken::End;
        };
        let Some(out) = engine.out(sid).filter(|out| !out.is_empty()) else {
            // A pause and a script past its time end by ticks, a wait by its deadline or by somebody's change.
            let due = engine.next_deadline_ms().map_or(TICK_MS, |ms| TICK_MS.min(ms.unsigned_abs()));
            let due = lane.blocked.then_some(due);
            return if lane.closed { Taken::End } else { Taken::Nothing(due) };
        };
        let bytes = reply::flatten(out);
        out.clear();
        Taken::Bytes(bytes)
    }

    /// Ends every wait, from any thread.
    pub fn wake(&self) {
        *hold(&self.news) += 1;
        self.changed.notify_all();
    }

    /// The number of the last news, for [`Wires::wait`].
    pub fn news(&self) -> u64 {
        *hold(&self.news)
    }

    /// Waits until there are later news than those, at most for that time.
    pub fn wait(&self, seen: u64, time: Duration) {
        let news = hold(&self.news);
        let waited = self.changed.wait_timeout_while(news, time, |news| *news == seen);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Runs `work` with the engine knowing that this thread may run Python.
fn attached(engine: &mut Engine, work: impl FnOnce(&mut Engine)) {
    engine.set_attached(true);
    work(engine);
    engine.set_attached(false);
}
