//! From bytes to requests: what a connection sent is parsed a few commands ahead of their execution.
//!
//! A pipeline over many keys spends most of its time waiting for memory: each key's place in the table and its
//! entry are cache misses, one after the other. So up to [`LOOKAHEAD`] commands are parsed first, the lines that
//! their keys will touch are asked for all at once, and only then they run. Nothing but time changes: a command
//! that can't run now (it needs Python, or clients are paused) leaves itself and all after it unconsumed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dozo_wire::resp::{Limits, RequestParser, Span, Step};

use crate::dispatch::Verdict;
use crate::engine::{Engine, FEED_BYTES, Flow};
use crate::host::Level;
use crate::ids;
use crate::memcached;
use crate::session::{Door, Session, SessionId};

/// Commands parsed before the first of them runs.
const LOOKAHEAD: usize = 16;
/// Keys of one command that are fetched ahead.
const KEYS_AHEAD: usize = 16;
/// Spans kept for the next command; more are given back.
const SPANS_KEPT: usize = 1024;

/// A parsed request that has not run.
#[derive(Default)]
struct Request {
    /// Where it begins and ends in the buffer.
    start: usize,
    end: usize,
    /// Its arguments, relative to `start`.
    spans: Vec<Span>,
}

/// Requests parsed and not run, and the hashes of their keys. The engine keeps it for its allocations only.
#[derive(Default)]
pub(crate) struct Lookahead {
    requests: Vec<Request>,
    hashes: Vec<u64>,
}

impl Lookahead {
    /// Parses up to [`LOOKAHEAD`] commands; returns how many there are and the step that is no command, if one
    /// came. Before authentication only one, because the limits change with it.
    fn fill(&mut self, session: &mut Session, buf: &[u8], limits: &Limits) -> (usize, Option<Step>) {
        let most = if session.authenticated { LOOKAHEAD } else { 1 };
        self.requests.resize_with(LOOKAHEAD, Request::default);
        // A command that came in pieces goes on from the spans it has. Between commands a session keeps none.
        if !session.parser.is_idle() {
            self.requests[0].spans = std::mem::take(&mut session.spans);
        }
        let mut start = 0;
        for (count, request) in self.requests.iter_mut().enumerate().take(most) {
            let rest = &buf[start..];
            let step = session.parser.next(rest, &mut request.spans, limits, session.authenticated);
            match step {
                Step::Command { end } => {
                    (request.start, request.end) = (start, start + end);
                    start += end;
                }
                Step::Incomplete if !session.parser.is_idle() => {
                    session.spans = std::mem::take(&mut request.spans);
                    return (count, Some(Step::Incomplete));
                }
                other => return (count, Some(other)),
            }
        }
        (most, None)
    }

    /// Gives back what an unusual command made grow.
    fn trim(&mut self) {
        for request in &mut self.requests {
            if request.spans.capacity() > SPANS_KEPT {
                request.spans = Vec::new();
            }
        }
    }
}

/// Asks for the table lines of all keys, then for their entries, so that the misses overlap.
fn prefetch(engine: &Engine, db: usize, buf: &[u8], requests: &[Request], hashes: &mut Vec<u64>) {
    hashes.clear();
    for request in requests {
        let bytes = &buf[request.start..request.end];
        let Some(name) = request.spans.first() else {
            continue;
        };
        let argc = request.spans.len();
        let Some((first, last, step)) = engine.table.key_range(name.of(bytes), argc) else {
            continue;
        };
        for span in request.spans[first..=last].iter().step_by(step).take(KEYS_AHEAD) {
            let hash = engine.ks.hash(span.of(bytes));
            engine.ks.prefetch(db, hash);
            hashes.push(hash);
        }
    }
    for hash in hashes.iter() {
        engine.ks.prefetch_entry(db, *hash);
    }
}

impl Engine {
    /// Runs the whole requests at the start of `buf`; returns how many bytes they took and what net does next.
    pub fn feed(&mut self, sid: SessionId, buf: &[u8]) -> (usize, Flow) {
        let fed = self.with_session(sid, |engine, session| engine.feed_session(session, buf));
        // What was changed before this session began to wait may serve it.
        if self.waiters.has_ready() && self.atomic == 0 {
            self.serve_waiters();
        }
        fed.unwrap_or((buf.len(), Flow::Close))
    }

    fn feed_session(&mut self, session: &mut Session, buf: &[u8]) -> (usize, Flow) {
        let before = (self.ks.dirty(), self.effects.count());
        let outcome = catch_unwind(AssertUnwindSafe(|| match session.peer.door {
            // Killed earlier in this batch.
            _ if session.close_after_reply => (buf.len(), Flow::Close),
            Door::Resp => self.feed_resp(session, buf),
            Door::Memcached => memcached::feed(self, session, buf),
            Door::Ids => ids::feed(self, session, buf),
        }));
        let (consumed, flow) = outcome.unwrap_or_else(|_| {
            if let Some(host) = self.host() {
                host.log(Level::Error, "a command panicked; its connection is closed");
            }
            match session.peer.door {
                Door::Resp => session.reply().error("ERR internal error"),
                Door::Memcached | Door::Ids => session.out.put(b"SERVER_ERROR internal error\r\n"),
            }
            self.abandon_atomic();
            (buf.len(), Flow::Close)
        });
        session.wrote |= (self.ks.dirty(), self.effects.count()) != before;
        session.blocked = flow == Flow::Blocked;
        let mark = session.out.mark();
        self.put_own_pushes(session, mark);
        let flow = self.check_output(session, flow);
        self.mark_dirty(session.sid, session);
        (consumed, flow)
    }

    fn feed_resp(&mut self, session: &mut Session, buf: &[u8]) -> (usize, Flow) {
        let limits = Limits { max_bulk: self.settings.proto_max_bulk_len, ..Limits::default() };
        let mut ahead = std::mem::take(&mut self.lookahead);
        let mut clock = self.clock.monotonic_ns();
        let mut at = 0;
        let most = session.out.len() + FEED_BYTES;
        let flow = loop {
            let (parsed, last) = ahead.fill(session, &buf[at..], &limits);
            let requests = &ahead.requests[..parsed];
            if parsed > 1 {
                prefetch(self, session.db, &buf[at..], requests, &mut ahead.hashes);
            }
            let (consumed, held) = self.run_all(session, &buf[at..], requests, most, &mut clock);
            at += consumed;
            if let Some(flow) = held {
                // What was parsed beyond it will be fed, and parsed, again.
                session.parser = RequestParser::new();
                session.spans = Vec::new();
                break flow;
            }
            match self.run_last(session, last, &mut clock) {
                (consumed, None) => at += consumed,
                (consumed, Some(flow)) => {
                    at += consumed;
                    break flow;
                }
            }
            if session.out.len() > most {
                break Flow::Yield;
            }
        };
        if flow == Flow::Close {
            at = buf.len();
        }
        ahead.trim();
        self.lookahead = ahead;
        (at, flow)
    }

    /// Runs parsed requests in order until the replies exceed `most` bytes; returns the bytes of those that ran,
    /// and why the rest did not.
    fn run_all(
        &mut self,
        session: &mut Session,
        buf: &[u8],
        requests: &[Request],
        most: usize,
        clock: &mut u64,
    ) -> (usize, Option<Flow>) {
        let mut done = 0;
        for request in requests {
            let bytes = &buf[request.start..request.end];
            if let Verdict::Hold(flow) = self.run_spans(session, bytes, &request.spans, clock) {
                return (done, Some(flow));
            }
            done = request.end;
            if session.close_after_reply {
                return (done, Some(Flow::Close));
            }
            if session.is_waiting() {
                return (done, Some(Flow::Blocked));
            }
            if session.out.len() > most {
                return (done, Some(Flow::Yield));
            }
        }
        (done, None)
    }

    /// Handles the step that ended the look ahead; returns the bytes it took, or why no more can run now.
    fn run_last(
        &mut self,
        session: &mut Session,
        last: Option<Step>,
        clock: &mut u64,
    ) -> (usize, Option<Flow>) {
        match last {
            None => (0, None),
            Some(Step::Inline { end, args }) => {
                let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
                match self.run(session, &args, clock) {
                    Verdict::Done if session.close_after_reply => (end, Some(Flow::Close)),
                    Verdict::Done if session.is_waiting() => (end, Some(Flow::Blocked)),
                    Verdict::Done => (end, None),
                    Verdict::Hold(flow) => (0, Some(flow)),
                }
            }
            Some(Step::Empty { end } | Step::Command { end }) => (end, None),
            Some(Step::Incomplete) => (0, Some(Flow::Continue)),
            Some(Step::Error(text)) => {
                session.reply().error(&format!("ERR {text}"));
                (0, Some(Flow::Close))
            }
        }
    }
}
