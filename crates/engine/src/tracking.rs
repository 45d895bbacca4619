//! Client-side caching: who may hold a copy of which key, and telling them when it has changed (CLIENT TRACKING).
//!
//! A tracking client is remembered with every key that it reads, told once when that key changes, and forgotten with
//! it. A broadcasting client names prefixes instead, and is told at the end of each batch of all changes below them.
//! What a running client's own changes make known to it stands behind the reply of its command, or of its
//! transaction. With nobody tracking a command pays one comparison. The table is bounded by `tracking-table-max-keys`:
//! a key that must leave it is told of like one that changed. Options are Python's to judge; nothing here refuses any.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use dozo_store::{ChangeLog, Changed};
use dozo_wire::resp::{Proto, Reply};
use dozo_wire::{Out, Shared};

use crate::cx::Cx;
use crate::engine::Engine;
use crate::flags::Flags;
use crate::pubsub::Push;
use crate::session::{Session, SessionId};

/// Keys that may leave a full table while one command's reads enter it, besides as many as these.
const EVICTED_AT_ONCE: usize = 100;
/// Where a RESP2 client hears of invalidations that are redirected to it.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// How a client has set up its tracking.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    /// Id of the client that is told in its place; 0 is nobody.
    pub redirect: u64,
    /// That client has gone, as a message to it has shown.
    pub broken: bool,
    /// It is told of all changes below its prefixes.
    pub bcast: bool,
    /// Only what it reads after CLIENT CACHING YES is remembered.
    pub optin: bool,
    /// What it reads after CLIENT CACHING NO is not remembered.
    pub optout: bool,
    /// It is not told of its own changes.
    pub noloop: bool,
    /// CLIENT CACHING was called for the next command.
    pub caching: bool,
    /// What it broadcasts; the empty one is everything.
    pub prefixes: BTreeSet<Box<[u8]>>,
}

impl Tracker {
    fn remembers(&self) -> bool {
        !self.bcast && if self.optin { self.caching } else { !(self.optout && self.caching) }
    }
}

/// What is told: the changed keys, an encoded array, or nothing for every key.
pub(crate) type Told = Option<Shared>;

/// A prefix that is broadcast.
#[derive(Default)]
struct Prefix {
    clients: BTreeSet<u64>,
    /// Keys changed in this batch, and the client that changed each last; 0 is none.
    changed: BTreeMap<Box<[u8]>, u64>,
}

/// Every tracking client, and the keys that they may hold.
#[derive(Default)]
pub struct Tracking {
    /// By client id.
    trackers: HashMap<u64, Tracker>,
    /// Where in `keys` a key stands.
    places: HashMap<Arc<[u8]>, usize>,
    /// Keys of any database, each with the ids, rising, of the clients that have read it; some may have gone since.
    keys: Vec<(Arc<[u8]>, Vec<u64>)>,
    items: usize,
    prefixes: BTreeMap<Box<[u8]>, Prefix>,
    /// Length of the prefixes -> how many have it.
    lengths: BTreeMap<usize, usize>,
}

impl Tracking {
    /// Whether anybody tracks.
    #[inline]
    pub fn is_active(&self) -> bool {
        !self.trackers.is_empty()
    }

    /// How a client tracks, if it does.
    pub fn of(&self, id: u64) -> Option<&Tracker> {
        self.trackers.get(&id)
    }

    /// Number of tracking clients.
    pub fn clients(&self) -> usize {
        self.trackers.len()
    }

    /// Number of keys remembered.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Number of pairs of a key and a client.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Number of prefixes broadcast.
    pub fn prefixes(&self) -> usize {
        self.prefixes.len()
    }

    fn remember(&mut self, key: &[u8], id: u64) {
        let place = self.places.get(key).copied().unwrap_or_else(|| {
            let key: Arc<[u8]> = key.into();
            self.places.insert(Arc::clone(&key), self.keys.len());
            self.keys.push((key, Vec::new()));
            self.keys.len() - 1
        });
        let ids = &mut self.keys[place].1;
        if ids.len() >= 2 * self.trackers.len() {
            // Half of them or more have gone.
            let before = ids.len();
            ids.retain(|id| self.trackers.contains_key(id));
            self.items -= before - ids.len();
        }
        if let Err(at) = ids.binary_search(&id) {
            ids.insert(at, id);
            self.items += 1;
        }
    }

    /// Forgets a key; the ids of those who have read it.
    fn forget(&mut self, key: &[u8]) -> Option<Vec<u64>> {
        let place = self.places.remove(key)?;
        let (_, ids) = self.keys.swap_remove(place);
        if let Some((moved, _)) = self.keys.get(place) {
            self.places.insert(Arc::clone(moved), place);
        }
        self.items -= ids.len();
        Some(ids)
    }

    fn forget_all(&mut self) {
        (self.places, self.keys, self.items) = Default::default();
    }

    /// Notes a changed key for those who broadcast it.
    fn note(&mut self, key: &[u8], changer: u64) {
        for length in self.lengths.keys().take_while(|length| **length <= key.len()) {
            if let Some(prefix) = self.prefixes.get_mut(&key[..*length]) {
                prefix.changed.insert(key.into(), changer);
            }
        }
    }

    fn join(&mut self, id: u64, prefix: &[u8]) {
        if !self.prefixes.contains_key(prefix) {
            *self.lengths.entry(prefix.len()).or_default() += 1;
        }
        self.prefixes.entry(prefix.into()).or_default().clients.insert(id);
    }

    fn leave(&mut self, id: u64, prefix: &[u8]) {
        let Some(found) = self.prefixes.get_mut(prefix) else { return };
        found.clients.remove(&id);
        if found.clients.is_empty() {
            self.prefixes.remove(prefix);
            if let Some(count) = self.lengths.get_mut(&prefix.len()) {
                *count -= 1;
            }
            self.lengths.retain(|_, count| *count > 0);
        }
    }
}

/// Encodes what is told of changed keys.
fn told<'a>(keys: impl ExactSizeIterator<Item = &'a [u8]>) -> Told {
    let mut out = Out::new();
    let mut reply = Reply::new(&mut out, Proto::Resp2);
    reply.array(keys.len());
    keys.for_each(|key| reply.bulk(key));
    Some(Arc::new(out.bytes))
}

impl Session {
    /// Appends an invalidation; RESP2 has a form for it only where it comes from another client, as a message.
    pub(crate) fn put_invalidation(&mut self, redirected: bool, told: &Told) {
        let resp3 = self.proto == Proto::Resp3;
        if !(resp3 || redirected && self.subscriptions.is_some()) {
            return;
        }
        let mut reply = self.reply();
        if resp3 {
            reply.push(2);
            reply.bulk(b"invalidate");
        } else {
            reply.push(3);
            reply.bulk(b"message");
            reply.bulk(CHANNEL);
        }
        match told {
            Some(keys) => self.out.put_shared(keys),
            None => reply.null(),
        }
    }

    /// Appends that the client of that id, which is told in this one's place, has gone.
    pub(crate) fn put_broken(&mut self, id: u64) {
        if self.proto == Proto::Resp3 {
            let mut reply = self.reply();
            reply.push(2);
            reply.bulk(b"tracking-redir-broken");
            reply.int(id as i64);
        }
    }
}

impl Engine {
    /// After a command: tells of what it has changed, then remembers what it has read.
    #[cold]
    pub(crate) fn track(&mut self, session: &mut Session, row: u32, args: &[&[u8]]) {
        if self.ks.has_changed() {
            self.drain_changes(session.id);
        }
        let command = self.table.row(row);
        let flags = command.flags;
        // A script is remembered by what its commands read.
        let reads = flags.has(Flags::READONLY) && !flags.has(Flags::NOSCRIPT);
        if !reads || !self.tracking.of(session.id).is_some_and(Tracker::remembers) {
            return;
        }
        let positions = match command.key_range(args.len()) {
            Some((first, last, step)) => (first..=last).step_by(step).collect(),
            None if flags.has(Flags::MOVABLEKEYS) => {
                self.host().map_or_else(Vec::new, |host| host.key_positions(row, args))
            }
            None => return,
        };
        for key in positions.iter().filter_map(|at| args.get(*at)) {
            self.tracking.remember(key, session.id);
        }
        self.limit_tracking(positions.len() + EVICTED_AT_ONCE);
    }

    /// CLIENT CACHING holds for one command, or for one transaction.
    #[cold]
    pub(crate) fn end_caching(&mut self, session: &Session, row: Option<u32>) {
        let is_client = row.is_some_and(|row| self.table.row(row).name.starts_with("client|"));
        if session.transaction.is_none()
            && !is_client
            && let Some(tracker) = self.tracking.trackers.get_mut(&session.id)
        {
            tracker.caching = false;
        }
    }

    /// Tells those whom the changes concern; `changer` is the id of the client that made them.
    pub(crate) fn track_changes(&mut self, log: &ChangeLog, changer: u64) {
        let mut flushed = false;
        for changed in log.iter() {
            match changed {
                Changed::Key(_, key) => {
                    self.tracking.note(key, changer);
                    self.invalidate(key);
                }
                Changed::Database(_) => flushed = true,
            }
        }
        if flushed {
            self.tracking.forget_all();
            let ids: Vec<u64> = self.tracking.trackers.keys().copied().collect();
            ids.into_iter().for_each(|id| self.tell_tracker(id, &None));
        }
    }

    /// Tells whoever has read a key that it is not what it was.
    fn invalidate(&mut self, key: &[u8]) {
        let Some(ids) = self.tracking.forget(key) else { return };
        let told = told([key].into_iter());
        for id in ids {
            let tracker = self.tracking.trackers.get(&id);
            if tracker.is_some_and(|tracker| !(tracker.bcast || tracker.noloop && self.runs(id))) {
                self.tell_tracker(id, &told);
            }
        }
    }

    /// Whether the client of that id is the one whose command is running.
    fn runs(&self, id: u64) -> bool {
        self.ids.get(&id).is_some_and(|sid| matches!(self.sessions.get(sid.0), Some(None)))
    }

    fn tell_tracker(&mut self, id: u64, told: &Told) {
        let (Some(tracker), Some(sid)) = (self.tracking.trackers.get_mut(&id), self.ids.get(&id)) else {
            return;
        };
        let redirect = tracker.redirect;
        let stays = |sid: &&SessionId| {
            let other = self.sessions.get(sid.0).and_then(Option::as_deref);
            !other.is_some_and(|other| other.close_after_reply)
        };
        let (to, what) = match (redirect, self.ids.get(&redirect).filter(stays)) {
            (0, _) => (sid, Push::Invalidation { redirected: false, told: told.clone() }),
            (_, Some(to)) => (to, Push::Invalidation { redirected: true, told: told.clone() }),
            (_, None) => {
                tracker.broken = true;
                (sid, Push::Broken(redirect))
            }
        };
        let behind = self.runs(id);
        self.push(to.0, what, behind);
    }

    /// At the end of a batch: tells the broadcasting clients what has changed below their prefixes.
    pub(crate) fn broadcast_changes(&mut self) {
        if self.tracking.prefixes.is_empty() {
            return;
        }
        let mut prefixes = std::mem::take(&mut self.tracking.prefixes);
        for prefix in prefixes.values_mut().filter(|prefix| !prefix.changed.is_empty()) {
            let changed = std::mem::take(&mut prefix.changed);
            let all = told(changed.keys().map(AsRef::as_ref).collect::<Vec<_>>().into_iter());
            for id in &prefix.clients {
                if !self.tracking.of(*id).is_some_and(|tracker| tracker.noloop) {
                    self.tell_tracker(*id, &all);
                    continue;
                }
                let others = changed.iter().filter(|(_, changer)| *changer != id);
                let others: Vec<&[u8]> = others.map(|(key, _)| key.as_ref()).collect();
                if !others.is_empty() {
                    self.tell_tracker(*id, &told(others.into_iter()));
                }
            }
        }
        self.tracking.prefixes = prefixes;
    }

    /// Makes up to `most` keys leave a table that has too many; true while it has.
    pub(crate) fn limit_tracking(&mut self, most: usize) -> bool {
        let max = self.settings.tracking_table_max_keys;
        let is_over = |tracking: &Tracking| max > 0 && tracking.keys() > max;
        for _ in 0..most {
            if !is_over(&self.tracking) {
                return false;
            }
            let place = self.ks.random_seed() as usize % self.tracking.keys.len();
            let key = Arc::clone(&self.tracking.keys[place].0);
            self.invalidate(&key);
        }
        is_over(&self.tracking)
    }

    /// Ends a client's tracking.
    pub(crate) fn untrack(&mut self, id: u64) {
        let Some(tracker) = self.tracking.trackers.remove(&id) else { return };
        tracker.prefixes.iter().for_each(|prefix| self.tracking.leave(id, prefix));
        if !self.tracking.is_active() {
            // Whoever the table names has gone.
            self.tracking.forget_all();
        }
        self.observe_if_needed();
    }

    /// Whether a client of that id is connected.
    pub fn is_connected(&self, id: u64) -> bool {
        self.ids.contains_key(&id)
    }
}

impl Cx<'_> {
    /// Sets up the session's tracking. The prefixes of one that broadcasts join those that it has.
    pub fn track(&mut self, mut tracker: Tracker) {
        let id = self.session.id;
        if id == 0 {
            // It has no connection over which it could be told.
            return;
        }
        tracker.prefixes.iter().for_each(|prefix| self.engine.tracking.join(id, prefix));
        if let Some(known) = self.engine.tracking.trackers.get(&id) {
            tracker.caching = known.caching;
            tracker.prefixes.extend(known.prefixes.iter().cloned());
        }
        self.engine.tracking.trackers.insert(id, tracker);
        self.engine.observe_if_needed();
    }

    /// Ends the session's tracking.
    pub fn untrack(&mut self) {
        self.engine.untrack(self.session.id);
    }

    /// CLIENT CACHING: the next command, or the transaction, is the exception.
    pub fn except_next(&mut self) {
        if let Some(tracker) = self.engine.tracking.trackers.get_mut(&self.session.id) {
            tracker.caching = true;
        }
    }
}
