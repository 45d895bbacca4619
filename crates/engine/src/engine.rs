//! The executor itself: everything that one thread owns, and the work it does between requests.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use dozo_store::{Access, ChangeLog, EvictOutcome, Keyspace, PolicyKind, Reason, StoreConfig};
use dozo_wire::Out;
use slab::Slab;

use crate::blocking::Waiters;
use crate::clients::Pause;
use crate::clock::Clock;
use crate::cx::Cx;
use crate::effects::{Cause, Effects};
use crate::events::Class;
use crate::feed::Lookahead;
use crate::fetching::Fetching;
use crate::host::Host;
use crate::ids::Ids;
use crate::latency::LatencyMonitor;
use crate::memory_watch::MemoryWatch;
use crate::output::OutputLimits;
use crate::persistence::Persistence;
use crate::pubsub::{OwnPush, PubSub};
use crate::scripting::Scripting;
use crate::session::{Door, Peer, Session, SessionId};
use crate::settings::{SettingValue, Settings};
use crate::slowlog::SlowLog;
use crate::stats::Stats;
use crate::table::CommandTable;
use crate::tracking::Tracking;
use crate::transactions::Watches;
use crate::warming::{Heat, Warming};

/// What net does with a connection after its bytes were fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// All whole requests are executed.
    Continue,
    /// The next request needs Python: feed the rest from inside `Host::scope`.
    NeedHost,
    /// Replies have piled up: write them, serve others, then feed the rest.
    Yield,
    /// Feed nothing until `take_resumable` names the session.
    Blocked,
    /// Feed nothing until `take_resumable` names the session: what it asks for is on its way from the disk. Unlike a
    /// client that waits for others, one that has hung up still gets its answers.
    Fetching,
    /// Feed nothing until what is owed is written; like `Fetching` for one that has hung up.
    Draining,
    /// Write what is owed, then close.
    Close,
}

/// What a stranger hears in protected mode.
const DENIED: &[u8] =
    b"-DENIED dozo is in protected mode: it has no password, so it talks to this machine only. \
Set requirepass, or protected-mode no if the network is trusted.\r\n";
/// Keys looked at by one slice of active expiry, and slices a tick.
const EXPIRE_SLICE: usize = 200;
/// Time that background work may take in one tick, nanoseconds.
const TICK_BUDGET_NS: u64 = 1_000_000;
/// Keys that leave client-side caching's table in one tick while it has too many.
const UNTRACK_SLICE: usize = 1000;
/// Entries freed between two looks at the clock.
const FREE_SLICE: usize = 512;
/// Replies that one feed may pile up before they are written and others get their turn.
pub(crate) const FEED_BYTES: usize = 1 << 20;
/// Pause between ticks while background work is left.
const BUSY_TICK: Duration = Duration::from_millis(2);
/// Pause between the slices of a script that is past its time.
const SCRIPT_PAUSE: Duration = Duration::from_millis(1);
/// The time between two calls of the host's own work.
const CHORES_MS: i64 = 100;

/// The executor.
pub struct Engine {
    /// The data.
    pub ks: Keyspace,
    /// All commands.
    pub table: CommandTable,
    /// The stream of changes.
    pub effects: Effects,
    /// Counters.
    pub stats: Stats,
    /// Settings read per request.
    pub settings: Settings,
    /// Slow commands.
    pub slowlog: SlowLog,
    /// Latency spikes.
    pub latency: LatencyMonitor,
    pub(crate) sessions: Slab<Option<Box<Session>>>,
    pub(crate) memcached: crate::memcached::Global,
    pub(crate) pause: Option<Pause>,
    pub(crate) monitors: usize,
    /// The interpreter is attached: Python commands may run.
    pub(crate) attached: bool,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) shutdown_requested: bool,
    host: Option<Arc<dyn Host>>,
    dirty: Vec<SessionId>,
    closing: Vec<SessionId>,
    /// Sessions whose output passed its limit in this batch.
    pub(crate) overflowed: Vec<SessionId>,
    resumable: Vec<SessionId>,
    next_client_id: u64,
    policy: PolicySettings,
    pub(crate) lookahead: Lookahead,
    pub(crate) watches: Watches,
    pub(crate) waiters: Waiters,
    pub(crate) change_log: ChangeLog,
    /// Keys that the command at hand has written, while they may need an expiry: each once, however often it was.
    pub(crate) written: BTreeSet<crate::lifetimes::Written>,
    /// The keyspace logs changed keys.
    pub(crate) observing: bool,
    /// How many transactions and scripts run within each other.
    pub(crate) atomic: usize,
    /// Who is subscribed to what.
    pub pubsub: PubSub,
    /// Messages to the running session, to be put beside its reply.
    pub(crate) own_pushes: Vec<OwnPush>,
    /// Where the client of an id is.
    pub(crate) ids: HashMap<u64, SessionId>,
    /// Who caches which keys.
    pub tracking: Tracking,
    /// How much unsent output a client may pile up; net looks at the same.
    pub output_limits: Arc<OutputLimits>,
    pub(crate) scripting: Scripting,
    /// Who waits for values on disk.
    pub(crate) fetching: Fetching,
    pub(crate) warming: Warming,
    pub(crate) heat: Heat,
    /// What is kept on disk.
    pub persistence: Persistence,
    /// Ends the executor's sleep.
    pub(crate) waker: Option<Arc<dyn Fn() + Send + Sync>>,
    /// When the host's own work is due, unix ms.
    next_chores_ms: i64,
    /// When expired keys were looked for last.
    last_expire_ms: i64,
    pub(crate) memory_watch: MemoryWatch,
    /// Unique IDs.
    pub id_service: Ids,
}

/// The eviction settings, which the store takes as one.
#[derive(Clone, Copy)]
struct PolicySettings {
    kind: PolicyKind,
    samples: u32,
    log_factor: u32,
    decay_minutes: u32,
}

impl Engine {
    /// An engine without clients.
    pub fn new(
        store: StoreConfig,
        settings: Settings,
        table: CommandTable,
        clock: Box<dyn Clock>,
        host: Option<Arc<dyn Host>>,
    ) -> Self {
        let policy = PolicySettings {
            kind: store.policy,
            samples: store.samples,
            log_factor: store.lfu_log_factor,
            decay_minutes: store.lfu_decay_minutes,
        };
        let mut ks = Keyspace::new(store);
        let id_service = Ids::new(clock.unix_us(), clock.monotonic_ns());
        let now = clock.unix_us() / 1000;
        ks.set_now(now);
        ks.set_noted(settings.notifies(Class::KeyMiss), settings.notifies(Class::New));
        Self {
            ks,
            table,
            effects: Effects::new(),
            stats: Stats { started_ms: now, ..Stats::default() },
            settings,
            slowlog: SlowLog::default(),
            latency: LatencyMonitor::default(),
            sessions: Slab::new(),
            memcached: crate::memcached::Global::default(),
            pause: None,
            monitors: 0,
            attached: false,
            clock,
            shutdown_requested: false,
            host,
            dirty: Vec::new(),
            closing: Vec::new(),
            overflowed: Vec::new(),
            resumable: Vec::new(),
            next_client_id: 1,
            policy,
            lookahead: Lookahead::default(),
            watches: Watches::default(),
            waiters: Waiters::default(),
            change_log: ChangeLog::default(),
            written: BTreeSet::new(),
            observing: false,
            atomic: 0,
            pubsub: PubSub::default(),
            own_pushes: Vec::new(),
            ids: HashMap::new(),
            tracking: Tracking::default(),
            output_limits: Arc::default(),
            scripting: Scripting::default(),
            fetching: Fetching::default(),
            warming: Warming::default(),
            heat: Heat::default(),
            persistence: Persistence::default(),
            waker: None,
            next_chores_ms: 0,
            last_expire_ms: 0,
            memory_watch: MemoryWatch::default(),
            id_service,
        }
    }

    /// Where Python commands run, if anywhere.
    pub fn host(&self) -> Option<Arc<dyn Host>> {
        self.host.clone()
    }

    /// Wall clock now, microseconds.
    pub fn unix_us(&self) -> i64 {
        self.clock.unix_us()
    }

    /// Says that the interpreter is attached (or not any more) on this thread.
    pub fn set_attached(&mut self, attached: bool) {
        self.attached = attached;
    }

    /// Takes a client in; `Err` is what to write before closing.
    pub fn connect(&mut self, peer: Peer) -> Result<SessionId, &'static [u8]> {
        if self.settings.protected_mode && self.settings.requirepass.is_empty() && !peer.is_local() {
            self.stats.rejected_connections += 1;
            return Err(match peer.door {
                Door::Resp => DENIED,
                Door::Memcached | Door::Ids => b"SERVER_ERROR denied: the server is in protected mode\r\n",
            });
        }
        if self.sessions.len() >= self.settings.maxclients {
            self.stats.rejected_connections += 1;
            return Err(match peer.door {
                Door::Resp => b"-ERR max number of clients reached\r\n",
                Door::Memcached | Door::Ids => b"ERROR Too many open connections\r\n",
            });
        }
        self.stats.connections += 1;
        let authenticated = self.settings.requirepass.is_empty();
        let mut session = Session::new(self.next_client_id, peer, authenticated, self.ks.now());
        self.next_client_id += 1;
        let slot = self.sessions.vacant_entry();
        let sid = SessionId(slot.key());
        session.sid = sid;
        self.ids.insert(session.id, sid);
        session.out.set_limit(self.output_limits.hard(session.class()));
        slot.insert(Some(Box::new(session)));
        Ok(sid)
    }

    /// Forgets a client. Its slot may be reused at once.
    pub fn disconnect(&mut self, sid: SessionId) {
        self.forsake(sid);
        if let Some(Some(mut session)) = self.sessions.try_remove(sid.0) {
            self.monitors -= usize::from(session.monitor);
            self.unwatch(session.id);
            self.unsubscribe_all(&mut session);
            self.forget_fetch(&mut session);
            crate::memcached::forget_streams(self, &mut session);
            self.ids.remove(&session.id);
            self.untrack(session.id);
        }
        self.dirty.retain(|other| *other != sid);
        self.closing.retain(|other| *other != sid);
        self.overflowed.retain(|other| *other != sid);
        self.resumable.retain(|other| *other != sid);
    }

    /// Works on a connected session, which meanwhile is not among the engine's; `None` when there is none.
    #[inline]
    pub(crate) fn with_session<R>(
        &mut self,
        sid: SessionId,
        work: impl FnOnce(&mut Self, &mut Session) -> R,
    ) -> Option<R> {
        let mut session = self.sessions.get_mut(sid.0).and_then(Option::take)?;
        let result = work(self, &mut session);
        if let Some(slot) = self.sessions.get_mut(sid.0) {
            *slot = Some(session);
        }
        Some(result)
    }

    /// Works with the interpreter attached, if there is one.
    pub(crate) fn with_host(&mut self, mut work: impl FnMut(&mut Self)) {
        match self.host().filter(|_| !self.attached) {
            None => work(self),
            Some(host) => host.scope(&mut || {
                self.attached = true;
                work(self);
                self.attached = false;
            }),
        }
    }

    /// A connected session.
    #[inline]
    pub fn session_mut(&mut self, sid: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(sid.0).and_then(Option::as_deref_mut)
    }

    /// What a session is still owed.
    #[inline]
    pub fn out(&mut self, sid: SessionId) -> Option<&mut Out> {
        self.session_mut(sid).map(|session| &mut session.out)
    }

    /// All sessions but the one whose command is running.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().filter_map(|(_, session)| session.as_deref())
    }

    /// Number of connected clients, the running one included.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Moves the sessions that have bytes to be written into `to`.
    pub fn take_dirty(&mut self, to: &mut Vec<SessionId>) {
        for sid in &self.dirty {
            if let Some(Some(session)) = self.sessions.get_mut(sid.0) {
                session.dirty = false;
            }
        }
        to.append(&mut self.dirty);
    }

    /// Moves the sessions that must be closed after their output into `to`.
    pub fn take_closing(&mut self, to: &mut Vec<SessionId>) {
        to.append(&mut self.closing);
    }

    /// Moves the sessions that must be closed because their output passed its limit into `to`.
    pub fn take_overflowed(&mut self, to: &mut Vec<SessionId>) {
        to.append(&mut self.overflowed);
    }

    /// Moves the sessions whose input may be fed again into `to`.
    pub fn take_resumable(&mut self, to: &mut Vec<SessionId>) {
        to.append(&mut self.resumable);
    }

    pub(crate) fn mark_dirty(&mut self, sid: SessionId, session: &mut Session) {
        if !session.dirty && !session.out.is_empty() {
            session.dirty = true;
            self.dirty.push(sid);
        }
    }

    /// Appends bytes to a session that is not running now.
    pub(crate) fn push_to(&mut self, sid: usize, bytes: &[u8]) {
        if let Some(Some(session)) = self.sessions.get_mut(sid) {
            session.out.put(bytes);
            self.pushed(SessionId(sid));
        }
    }

    /// After something was appended to a session that is not running: it will be written, or is too much.
    pub(crate) fn pushed(&mut self, sid: SessionId) {
        let Some(Some(session)) = self.sessions.get_mut(sid.0) else {
            return;
        };
        if !std::mem::replace(&mut session.dirty, true) {
            self.dirty.push(sid);
        }
        self.close_if_overflowed(sid);
    }

    pub(crate) fn close_later(&mut self, sid: SessionId) {
        self.closing.push(sid);
    }

    pub(crate) fn resume_later(&mut self, sid: SessionId) {
        self.resumable.push(sid);
    }

    /// Starts a batch: the time of all its commands is read here.
    pub fn begin_batch(&mut self) {
        self.ks.set_now(self.clock.unix_us() / 1000);
    }

    /// Ends a batch: expirations and evictions that no command reported become effects.
    pub fn end_batch(&mut self) {
        self.ks.settle_tier();
        self.record_notices();
        self.after_change(None);
        self.broadcast_changes();
        self.send_left_pushes();
    }

    /// Tells of what the keyspace has noted, in its order; expirations and evictions become DEL effects.
    #[inline]
    pub(crate) fn record_notices(&mut self) {
        if self.ks.has_notices() {
            self.record_all_notices();
        }
    }

    #[cold]
    fn record_all_notices(&mut self) {
        for notice in self.ks.take_notices() {
            let (class, event, cause) = match notice.reason {
                Reason::Expired if !notice.fields.is_empty() => {
                    (Class::Hash, "hexpired", Some(Cause::Expired))
                }
                Reason::Expired => (Class::Expired, "expired", Some(Cause::Expired)),
                Reason::Evicted => (Class::Evicted, "evicted", Some(Cause::Evicted)),
                Reason::Missed => (Class::KeyMiss, "keymiss", None),
                Reason::Created => (Class::New, "new", None),
            };
            self.notify(notice.db, class, event, &notice.key);
            let Some(cause) = cause else {
                continue;
            };
            let name: &[u8] = if notice.fields.is_empty() { b"DEL" } else { b"HDEL" };
            let mut effect = vec![name, &notice.key];
            effect.extend(notice.fields.iter().map(|field| &**field));
            self.effects.record(notice.db, &effect, cause);
            if !notice.fields.is_empty()
                && self.settings.notifies(Class::Generic)
                && self.ks.head(notice.db, &notice.key, Access::Peek).is_none()
            {
                // The last field has taken the hash with it.
                self.notify(notice.db, Class::Generic, "del", &notice.key);
            }
        }
    }

    /// Frees memory until `maxmemory` holds; `false` when nothing (more) can be evicted.
    pub(crate) fn make_room(&mut self) -> bool {
        if !self.ks.over_limit() {
            return true;
        }
        let start = self.clock.monotonic_ns();
        let held = self.ks.evict(0) == EvictOutcome::Ok;
        self.record_notices();
        if self.ks.has_changed() {
            // What must leave is nobody's change.
            self.drain_changes(0);
        }
        self.spike("eviction-cycle", start);
        held
    }

    pub(crate) fn spike(&mut self, event: &'static str, start_ns: u64) {
        let threshold = self.settings.latency_monitor_threshold;
        if threshold != 0 {
            let elapsed_ms = (self.clock.monotonic_ns() - start_ns) / 1_000_000;
            self.latency.record(event, elapsed_ms, self.ks.now() / 1000, threshold);
        }
    }

    /// Background work; returns the time until it wants to be called again.
    pub fn tick(&mut self) -> Duration {
        let start = self.clock.monotonic_ns();
        self.begin_batch();
        let now = self.ks.now();
        self.stats.ops_per_second.sample(self.stats.commands, now);
        self.stats.net_in_per_second.sample(self.stats.net_in, now);
        self.stats.net_out_per_second.sample(self.stats.net_out, now);
        self.stats.peak_memory = self.stats.peak_memory.max(self.ks.used_memory());
        self.end_pause_if_due(now);
        if self.resume_script() {
            self.end_batch();
            return SCRIPT_PAUSE;
        }
        crate::memcached::tick(self, now);
        self.tick_tier();
        let mut busy = false;
        if self.expires_now(now) {
            if self.expire_for(start) {
                busy = true;
            } else {
                self.last_expire_ms = now;
            }
        }
        busy |= self.free_for(start);
        busy |= self.limit_tracking(UNTRACK_SLICE);
        self.do_chores(now);
        self.end_batch();
        if busy { BUSY_TICK } else { Duration::from_millis(1000 / u64::from(self.settings.hz.max(1))) }
    }

    /// What the host does ten times a second.
    fn do_chores(&mut self, now: i64) {
        let early = (1..=2 * CHORES_MS).contains(&(self.next_chores_ms - now));
        let Some(host) = self.host().filter(|host| host.has_chores() && !early && !self.attached) else {
            return;
        };
        self.next_chores_ms = now + CHORES_MS;
        host.scope(&mut || {
            self.set_attached(true);
            let mut session = Session::internal(now);
            host.chores(&mut Cx::new(self, &mut session, 0));
            self.set_attached(false);
        });
    }

    /// Whether it is time to look for expired keys.
    fn expires_now(&self, now: i64) -> bool {
        let due = now - self.last_expire_ms >= self.settings.expire_interval_ms;
        due && self.settings.active_expire && self.pause.is_none() && !self.is_loading()
    }

    /// Expires in slices until few are found or the time is up; `true` when more is due.
    fn expire_for(&mut self, start: u64) -> bool {
        loop {
            // Under a tenth of the looked-at keys expired: the rest can wait for the next tick.
            let fields = self.ks.active_field_expire(EXPIRE_SLICE);
            let found = self.ks.active_expire(EXPIRE_SLICE).max(fields);
            if found * 10 < EXPIRE_SLICE {
                self.spike("expire-cycle", start);
                return false;
            }
            if self.clock.monotonic_ns() - start > TICK_BUDGET_NS {
                self.spike("expire-cycle", start);
                return true;
            }
        }
    }

    /// Frees what was detached, until the time is up; `true` when there is more.
    pub(crate) fn free_for(&mut self, start: u64) -> bool {
        while self.ks.free_step(FREE_SLICE) {
            if self.clock.monotonic_ns() - start > TICK_BUDGET_NS {
                return true;
            }
        }
        false
    }

    /// Applies a setting; `false` when the engine has none of that name or can't take the value.
    pub fn configure(&mut self, name: &str, value: &SettingValue) -> bool {
        match (name, value) {
            ("maxmemory", SettingValue::Int(bytes)) => {
                self.ks.set_maxmemory(u64::try_from(*bytes).unwrap_or(0))
            }
            ("max-keys", SettingValue::Int(keys)) => {
                self.ks.set_max_keys(usize::try_from(*keys).unwrap_or(0));
            }
            ("maxmemory-policy", SettingValue::Text(text)) => {
                let Some(policy) = std::str::from_utf8(text).ok().and_then(PolicyKind::parse) else {
                    return false;
                };
                self.policy.kind = policy;
                self.apply_policy();
            }
            ("maxmemory-samples", SettingValue::Int(n)) => {
                self.policy.samples = u32::try_from(*n).unwrap_or(5);
                self.apply_policy();
            }
            ("lfu-log-factor", SettingValue::Int(n)) => {
                self.policy.log_factor = u32::try_from(*n).unwrap_or(10);
                self.apply_policy();
            }
            ("lfu-decay-time", SettingValue::Int(n)) => {
                self.policy.decay_minutes = u32::try_from(*n).unwrap_or(1);
                self.apply_policy();
            }
            ("client-output-buffer-limit", SettingValue::Text(text)) => return self.output_limits.set(text),
            _ => {
                if let SettingValue::Int(n) = value
                    && self.ks.packing.set(name, *n)
                {
                    return true;
                }
                let known = self.settings.set(name, value);
                self.observe_if_needed();
                self.ks.set_noted(self.settings.notifies(Class::KeyMiss), self.settings.notifies(Class::New));
                if self.settings.requirepass.is_empty() {
                    // Nobody has to wait any more for a password that is not asked for.
                    self.sessions.iter_mut().flat_map(|(_, s)| s).for_each(|s| s.authenticated = true);
                }
                return known;
            }
        }
        true
    }

    fn apply_policy(&mut self) {
        let PolicySettings { kind, samples, log_factor, decay_minutes } = self.policy;
        self.ks.set_policy(kind, samples, log_factor, decay_minutes);
    }

    /// SHUTDOWN: net sees it after the batch and stops gracefully.
    pub fn request_shutdown(&mut self) {
        self.shutdown_requested = true;
    }

    /// Whether a command asked for the end.
    pub fn shutdown_requested(&self) -> bool {
        self.shutdown_requested
    }
}
