//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.
//!
//! A session collects commands in its [`Transaction`]; EXEC runs them one after the other, with nothing between them.
//! Watched keys are the engine's, because others' changes mark them. Refuses to know what the commands do.

use std::collections::HashMap;

use dozo_store::{Access, Changed};

use crate::cx::Cx;
use crate::engine::Engine;
use crate::flags::Flags;
use crate::session::{Session, SessionId};
use crate::table::HotFn;

/// The commands of this family.
pub const HOT: &[(&str, HotFn)] =
    &[("discard", discard), ("exec", exec), ("multi", multi), ("unwatch", unwatch), ("watch", watch)];

/// Commands that are run, not queued, within MULTI.
pub(crate) const UNQUEUED: &[&str] = &["discard", "exec", "multi", "quit", "reset", "watch"];

/// What MULTI has begun. All arguments lie back to back in one buffer.
#[derive(Default)]
pub struct Transaction {
    bytes: Vec<u8>,
    /// The ends of the arguments in `bytes`.
    ends: Vec<usize>,
    /// Row and number of arguments of each command.
    commands: Vec<(u32, usize)>,
    /// The flags of all commands together.
    pub(crate) flags: Flags,
    /// One of the commands is written in Python.
    pub(crate) needs_host: bool,
    /// A command was refused, so EXEC will be.
    pub(crate) aborted: bool,
}

impl Transaction {
    /// Adds a command.
    pub(crate) fn push(&mut self, row: u32, flags: Flags, args: &[&[u8]]) {
        for arg in args {
            self.bytes.extend_from_slice(arg);
            self.ends.push(self.bytes.len());
        }
        self.commands.push((row, args.len()));
        self.flags = self.flags.with(flags);
    }

    /// Visits the row and the arguments of each command.
    pub(crate) fn each(&self, mut visit: impl FnMut(u32, &[&[u8]])) {
        let (mut at, mut start) = (0, 0);
        for (row, argc) in &self.commands {
            let ends = &self.ends[at..at + argc];
            let args: Vec<&[u8]> =
                ends.iter().map(|end| &self.bytes[std::mem::replace(&mut start, *end)..*end]).collect();
            at += argc;
            visit(*row, &args);
        }
    }

    /// Number of commands.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether none was queued.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        self.bytes.capacity() + 8 * self.ends.capacity() + 16 * self.commands.capacity()
    }
}

/// A client that watches keys.
#[derive(Default)]
struct Watcher {
    /// Database, key, and whether the key existed then.
    keys: Vec<(usize, Box<[u8]>, bool)>,
    /// One of them has changed; then nothing is watched any more.
    touched: bool,
}

/// Who watches what.
#[derive(Default)]
pub(crate) struct Watches {
    /// By client id.
    watchers: HashMap<u64, Watcher>,
    /// By database and key: client ids.
    keys: HashMap<usize, HashMap<Box<[u8]>, Vec<u64>>>,
}

impl Watches {
    /// Whether no key is watched.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Number of keys that a client watches, and whether one has changed.
    pub(crate) fn of(&self, id: u64) -> (usize, bool) {
        self.watchers.get(&id).map_or((0, false), |watcher| (watcher.keys.len(), watcher.touched))
    }

    fn add(&mut self, id: u64, db: usize, key: &[u8], existed: bool) {
        let watcher = self.watchers.entry(id).or_default();
        if watcher.touched || watcher.keys.iter().any(|(d, k, _)| *d == db && **k == *key) {
            return;
        }
        watcher.keys.push((db, key.into(), existed));
        self.keys.entry(db).or_default().entry(key.into()).or_default().push(id);
    }

    /// Forgets what a client watches.
    pub(crate) fn remove(&mut self, id: u64) {
        if let Some(watcher) = self.watchers.remove(&id) {
            self.unlink(id, &watcher.keys);
        }
    }

    fn unlink(&mut self, id: u64, keys: &[(usize, Box<[u8]>, bool)]) {
        for (db, key, _) in keys {
            let Some(of_db) = self.keys.get_mut(db) else { continue };
            if let Some(ids) = of_db.get_mut(key) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    of_db.remove(key);
                }
            }
            if of_db.is_empty() {
                self.keys.remove(db);
            }
        }
    }

    /// As in Redis a touched client watches nothing any more: its EXEC fails in any case.
    fn touch(&mut self, id: u64) {
        if let Some(watcher) = self.watchers.get_mut(&id) {
            watcher.touched = true;
            let keys = std::mem::take(&mut watcher.keys);
            self.unlink(id, &keys);
        }
    }

    /// The clients that watch a key.
    fn watching(&self, db: usize, key: &[u8]) -> Vec<u64> {
        self.keys.get(&db).and_then(|of_db| of_db.get(key)).cloned().unwrap_or_default()
    }
}

impl Engine {
    /// Marks those who watch what has changed. After a flush or a swap only a key that was there, or is now, has.
    pub(crate) fn touch_watchers(&mut self, changed: Changed<'_>) {
        match changed {
            Changed::Key(db, key) => {
                for id in self.watches.watching(db, key) {
                    self.watches.touch(id);
                }
            }
            Changed::Database(db) => {
                let ids: Vec<u64> = self.watches.watchers.keys().copied().collect();
                for id in ids {
                    if self.any_watched(id, |ks, at, key, existed| {
                        at == db && (existed || ks.head(at, key, Access::Peek).is_some())
                    }) {
                        self.watches.touch(id);
                    }
                }
            }
        }
    }

    fn any_watched(
        &mut self,
        id: u64,
        mut test: impl FnMut(&mut dozo_store::Keyspace, usize, &[u8], bool) -> bool,
    ) -> bool {
        let ks = &mut self.ks;
        let watcher = self.watches.watchers.get(&id);
        watcher.is_some_and(|watcher| watcher.keys.iter().any(|(db, key, had)| test(ks, *db, key, *had)))
    }

    /// Whether a key that the client watches has changed, or has expired unnoticed.
    fn is_touched(&mut self, id: u64) -> bool {
        self.watches.of(id).1
            || self
                .any_watched(id, |ks, db, key, existed| existed && ks.head(db, key, Access::Peek).is_none())
    }

    /// Forgets a client's watched keys.
    pub(crate) fn unwatch(&mut self, id: u64) {
        self.watches.remove(id);
        self.observe_if_needed();
    }

    /// Bytes of the commands that a session has queued; they count as input that waits.
    pub fn queued_bytes(&mut self, sid: SessionId) -> usize {
        let session = self.session_mut(sid);
        session.and_then(|session| session.transaction.as_ref()).map_or(0, |queued| queued.memory())
    }

    /// How many keys a client watches, and whether one has changed.
    pub fn watching(&self, id: u64) -> (usize, bool) {
        self.watches.of(id)
    }

    /// Forgets a client's transaction and its watched keys.
    pub(crate) fn discard_transaction(&mut self, session: &mut Session) {
        session.transaction = None;
        self.unwatch(session.id);
    }

    /// Runs the commands of a transaction and writes their replies.
    fn run_transaction(&mut self, session: &mut Session, transaction: &Transaction) {
        session.reply().array(transaction.len());
        let mut clock = self.clock.monotonic_ns();
        transaction.each(|row, args| {
            let before = session.out.len();
            self.run_accounted(session, row, args, &mut clock);
            if session.out.len() == before {
                // A command that stays silent would shift every later reply.
                session.reply().null();
            }
        });
    }
}

fn multi(cx: &mut Cx<'_>, _args: &[&[u8]]) {
    if cx.session.transaction.is_some() {
        return cx.error("ERR MULTI calls can not be nested");
    }
    cx.session.transaction = Some(Box::default());
    cx.reply().ok();
}

fn discard(cx: &mut Cx<'_>, _args: &[&[u8]]) {
    if cx.session.transaction.is_none() {
        return cx.error("ERR DISCARD without MULTI");
    }
    cx.engine.discard_transaction(cx.session);
    cx.reply().ok();
}

fn exec(cx: &mut Cx<'_>, _args: &[&[u8]]) {
    let Some(transaction) = cx.session.transaction.take() else {
        return cx.error("ERR EXEC without MULTI");
    };
    let touched = cx.engine.is_touched(cx.session.id);
    cx.engine.unwatch(cx.session.id);
    // Each of its commands makes its own effect.
    cx.no_effect();
    if transaction.aborted {
        return cx.error("EXECABORT Transaction discarded because of previous errors.");
    }
    if touched {
        return cx.reply().null_array();
    }
    cx.engine.begin_atomic();
    cx.engine.run_transaction(cx.session, &transaction);
    cx.engine.end_atomic();
}

fn watch(cx: &mut Cx<'_>, args: &[&[u8]]) {
    if cx.session.transaction.is_some() {
        return cx.error("ERR WATCH inside MULTI is not allowed");
    }
    let db = cx.session.db;
    let found: Vec<bool> =
        args[1..].iter().map(|key| cx.engine.ks.head(db, key, Access::Peek).is_some()).collect();
    // What expired while it was looked up has changed before it was watched.
    cx.engine.drain_changes(cx.session.id);
    for (key, existed) in args[1..].iter().zip(found) {
        cx.engine.watches.add(cx.session.id, db, key, existed);
    }
    cx.engine.observe_if_needed();
    cx.reply().ok();
}

fn unwatch(cx: &mut Cx<'_>, _args: &[&[u8]]) {
    cx.engine.unwatch(cx.session.id);
    cx.reply().ok();
}
