//! Commands that wait for a key.
//!
//! A blocking command that finds nothing calls [`Cx::wait_for`] and answers nothing. Its client then stands in the
//! queue of each of its keys, takes no more input, and keeps its place until its command, run again after one of the
//! keys has changed, answers; or until its time is up, it is unblocked, or it leaves. Owns queues and deadlines;
//! refuses to know what a command does with a key.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};

use dozo_store::{Access, Keyspace, Type};

use crate::cx::Cx;
use crate::dispatch::silence;
use crate::engine::Engine;
use crate::session::{Session, SessionId};
use crate::table::{Implementation, Lookup};

/// The first number of milliseconds that 64 bits don't hold.
const TOO_LONG_MS: f64 = 9_223_372_036_854_775_808.0;

/// What a client that waits in vain is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeoutReply {
    /// A null.
    Null,
    /// A null array.
    NullArray,
}

impl TimeoutReply {
    fn answer(self, session: &mut Session) {
        match self {
            TimeoutReply::Null => session.reply().null(),
            TimeoutReply::NullArray => session.reply().null_array(),
        }
    }
}

/// What a blocking command waits for.
#[derive(Clone, Debug)]
pub struct Wait {
    /// The type that a key must hold to serve it.
    pub of: Type,
    /// Whether it also runs again when a key was deleted, or holds another type.
    pub gone: bool,
    /// How long, in milliseconds; `None`, or none of them, is for ever. On a retry the first deadline stays.
    pub timeout_ms: Option<i64>,
    /// The answer when the time is up.
    pub on_timeout: TimeoutReply,
    /// The command to run again in place of the client's own.
    pub retry: Option<Vec<Vec<u8>>>,
}

/// Where a command stands that has called [`Cx::wait_for`] and not yet returned.
pub(crate) struct Wish {
    keys: Vec<Box<[u8]>>,
    wait: Wait,
}

/// A session that waits.
pub(crate) struct Waiting {
    db: usize,
    keys: Vec<Box<[u8]>>,
    of: Type,
    gone: bool,
    on_timeout: TimeoutReply,
    deadline: Option<i64>,
    ticket: u64,
    args: Vec<Vec<u8>>,
}

/// Those who wait for one key, in the order in which they came.
#[derive(Default)]
struct Queue {
    /// By ticket.
    waiting: BTreeMap<u64, SessionId>,
    /// How many of them are served by the key's end, too.
    gone: usize,
    /// It stands among the keys to be served.
    ready: bool,
}

/// Everybody who waits.
#[derive(Default)]
pub(crate) struct Waiters {
    queues: HashMap<usize, HashMap<Box<[u8]>, Queue>>,
    deadlines: BTreeSet<(i64, usize)>,
    /// Keys that have changed, oldest first.
    ready: VecDeque<(usize, Box<[u8]>)>,
    tickets: u64,
}

impl Waiters {
    pub(crate) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    #[inline]
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// A key has changed.
    pub(crate) fn note(&mut self, db: usize, key: &[u8]) {
        let queue = self.queues.get_mut(&db).and_then(|of_db| of_db.get_mut(key));
        if let Some(queue) = queue.filter(|queue| !queue.ready) {
            queue.ready = true;
            self.ready.push_back((db, key.into()));
        }
    }

    /// Every key of a database may have changed.
    pub(crate) fn note_database(&mut self, db: usize) {
        for (key, queue) in self.queues.get_mut(&db).into_iter().flatten() {
            if !std::mem::replace(&mut queue.ready, true) {
                self.ready.push_back((db, key.clone()));
            }
        }
    }

    fn enter(&mut self, sid: SessionId, waiting: &Waiting) {
        let of_db = self.queues.entry(waiting.db).or_default();
        for key in &waiting.keys {
            let queue = of_db.entry(key.clone()).or_default();
            let new = queue.waiting.insert(waiting.ticket, sid).is_none();
            queue.gone += usize::from(new && waiting.gone);
        }
        if let Some(deadline) = waiting.deadline {
            self.deadlines.insert((deadline, sid.0));
        }
    }

    fn leave(&mut self, sid: SessionId, waiting: &Waiting) {
        if let Some(deadline) = waiting.deadline {
            self.deadlines.remove(&(deadline, sid.0));
        }
        let Some(of_db) = self.queues.get_mut(&waiting.db) else {
            return;
        };
        for key in &waiting.keys {
            if let Some(queue) = of_db.get_mut(key) {
                let left = queue.waiting.remove(&waiting.ticket).is_some();
                queue.gone -= usize::from(left && waiting.gone);
                if queue.waiting.is_empty() {
                    of_db.remove(key);
                }
            }
        }
        if of_db.is_empty() {
            self.queues.remove(&waiting.db);
        }
    }

    /// The next key that may serve somebody.
    fn next_ready(&mut self) -> Option<(usize, Box<[u8]>)> {
        let (db, key) = self.ready.pop_front()?;
        if let Some(queue) = self.queues.get_mut(&db).and_then(|of_db| of_db.get_mut(&key)) {
            queue.ready = false;
        }
        Some((db, key))
    }

    /// Who has waited longest for a key that holds a value, or is gone, of those with a later ticket.
    fn next_waiting(&self, db: usize, key: &[u8], ticket: u64, gone: bool) -> Option<(u64, SessionId)> {
        let queue = self.queues.get(&db)?.get(key).filter(|queue| !gone || queue.gone > 0)?;
        queue.waiting.range(ticket + 1..).next().map(|(ticket, sid)| (*ticket, *sid))
    }
}

/// Why a client stops waiting without what it waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unblock {
    /// As if its time was up.
    Timeout,
    /// With the error of CLIENT UNBLOCK.
    Error,
}

impl Engine {
    /// Lets a session wait whose command asked for it, unless it has waited and goes on doing so.
    pub(crate) fn begin_waiting(&mut self, session: &mut Session, args: &[&[u8]]) {
        let Some(wish) = session.wish.take() else {
            return;
        };
        let Wish { keys, wait } = *wish;
        let now = self.ks.now();
        self.waiters.tickets += 1;
        let waiting = Waiting {
            db: session.db,
            keys,
            of: wait.of,
            gone: wait.gone,
            on_timeout: wait.on_timeout,
            deadline: wait.timeout_ms.filter(|ms| *ms > 0).map(|ms| now.saturating_add(ms)),
            ticket: self.waiters.tickets,
            args: wait.retry.unwrap_or_else(|| args.iter().map(|arg| arg.to_vec()).collect()),
        };
        self.waiters.enter(session.sid, &waiting);
        session.waiting = Some(Box::new(waiting));
        session.blocked = true;
        self.observe_if_needed();
    }

    /// Runs again the commands of those who wait for changed keys, in their order. What they change may serve others.
    pub(crate) fn serve_waiters(&mut self) {
        while let Some((db, key)) = self.waiters.next_ready() {
            let type_of = |ks: &mut Keyspace| ks.head(db, &key, Access::Peek).map(|item| item.type_of());
            let (mut found, mut last) = (type_of(&mut self.ks), 0);
            // Whoever takes the last element ends it for all the others: a long queue costs nothing.
            while let Some((ticket, sid)) = self.waiters.next_waiting(db, &key, last, found.is_none()) {
                last = ticket;
                let Some(Some(session)) = self.sessions.get(sid.0) else { continue };
                let wanted = session.waiting.as_ref().is_some_and(|waiting| match found {
                    Some(of) => of == waiting.of || waiting.gone,
                    None => waiting.gone,
                });
                if wanted && !session.close_after_reply {
                    self.retry(sid);
                    found = type_of(&mut self.ks);
                }
            }
        }
        self.observe_if_needed();
    }

    /// Runs a waiting session's command again.
    fn retry(&mut self, sid: SessionId) {
        self.with_session(sid, |engine, session| {
            let Some(waiting) = session.waiting.take() else { return };
            let start = session.out.mark();
            session.retrying = true;
            let outcome = catch_unwind(AssertUnwindSafe(|| engine.run_again(session, &waiting.args)));
            session.retrying = false;
            if outcome.is_err() {
                engine.abandon_atomic();
                session.out.rollback(start);
                session.reply().error("ERR internal error");
                session.close_after_reply = true;
                engine.close_later(sid);
            }
            if session.wish.take().is_some() {
                session.waiting = Some(waiting);
            } else {
                engine.waiters.leave(sid, &waiting);
                engine.go_on(session, start);
            }
            if engine.ks.has_changed() {
                engine.drain_changes(session.id);
            }
        });
    }

    fn run_again(&mut self, session: &mut Session, args: &[Vec<u8>]) {
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let Lookup::Found(row) = self.table.find(&args) else {
            return session.reply().error("ERR the command is not there any more");
        };
        let mut clock = self.clock.monotonic_ns();
        let foreign = matches!(self.table.row(row).implementation, Implementation::Foreign(_));
        if foreign {
            self.with_host(|engine| engine.run_accounted(session, row, &args, &mut clock));
        } else {
            self.run_accounted(session, row, &args, &mut clock);
        }
    }

    /// Lets a session that has been answered take input again; `start` is where its answer begins.
    pub(crate) fn go_on(&mut self, session: &mut Session, start: dozo_wire::Mark) {
        silence(session, start);
        session.blocked = false;
        self.resume_later(session.sid);
        self.mark_dirty(session.sid, session);
    }

    /// Ends a session's waiting with that answer; `false` when it doesn't wait.
    fn stop_waiting(&mut self, sid: SessionId, answer: impl FnOnce(&mut Session, TimeoutReply)) -> bool {
        let stopped = self.with_session(sid, |engine, session| {
            let Some(waiting) = session.waiting.take() else { return false };
            engine.waiters.leave(sid, &waiting);
            let start = session.out.mark();
            answer(session, waiting.on_timeout);
            engine.go_on(session, start);
            true
        });
        stopped.unwrap_or(false)
    }

    /// A client is about to leave: it waits for nothing any more, so that nothing is given to nobody.
    pub fn forsake(&mut self, sid: SessionId) {
        let waiting = self.session_mut(sid).and_then(|session| session.waiting.take());
        if let Some(waiting) = waiting {
            self.waiters.leave(sid, &waiting);
            self.observe_if_needed();
        }
    }

    /// CLIENT UNBLOCK; `false` when no client of that id waits.
    pub fn unblock(&mut self, id: u64, how: Unblock) -> bool {
        let Some(sid) = self.ids.get(&id).copied() else {
            return false;
        };
        self.stop_waiting(sid, |session, on_timeout| match how {
            Unblock::Timeout => on_timeout.answer(session),
            Unblock::Error => session.reply().error("UNBLOCKED client unblocked via CLIENT UNBLOCK"),
        })
    }

    /// Answers those whose time is up.
    pub fn end_overdue_waits(&mut self) {
        let now = self.ks.now();
        while let Some((deadline, sid)) = self.waiters.deadlines.first().copied() {
            if deadline > now {
                break;
            }
            // Whatever becomes of the session, the deadline must not be met again.
            self.waiters.deadlines.pop_first();
            self.stop_waiting(SessionId(sid), |session, on_timeout| on_timeout.answer(session));
        }
        self.observe_if_needed();
    }

    /// Milliseconds until somebody's time is up.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        self.waiters.deadlines.first().map(|(deadline, _)| (deadline - self.ks.now()).max(0))
    }
}

impl Cx<'_> {
    /// Makes the client wait until one of the keys can serve its command, which is then run again; the caller returns
    /// without a reply. Where a client can't wait it is answered as if its time was up.
    pub fn wait_for(&mut self, keys: &[&[u8]], wait: Wait) {
        if !self.may_wait() {
            return wait.on_timeout.answer(self.session);
        }
        let keys =
            if self.session.retrying { Vec::new() } else { keys.iter().map(|key| (*key).into()).collect() };
        self.session.wish = Some(Box::new(Wish { keys, wait }));
    }

    /// Whether the client can wait: not in a transaction, a script or a command called by a command.
    pub fn may_wait(&self) -> bool {
        self.depth == 0 && self.engine.atomic == 0 && self.session.id != 0
    }

    /// Whether the command has waited and runs again: it then passes over keys of another type.
    pub fn is_retry(&self) -> bool {
        self.session.retrying && self.depth == 0
    }
}

/// The timeout of a blocking command, in seconds with a fraction: `Some(None)` is for ever, and `None` means that
/// the error is answered. As in Redis 7.0 what is beyond 64 bits counts as negative.
pub fn parse_timeout(cx: &mut Cx<'_>, text: &[u8]) -> Option<Option<i64>> {
    let Some(seconds) = dozo_store::strtod(text).filter(|seconds| !seconds.is_nan()) else {
        cx.error("ERR timeout is not a float or out of range");
        return None;
    };
    let ms = (seconds * 1000.0).ceil();
    if !(0.0..TOO_LONG_MS).contains(&ms) {
        cx.error("ERR timeout is negative");
        return None;
    }
    Some(Some(ms as i64).filter(|ms| *ms > 0))
}
