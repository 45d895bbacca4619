//! What follows from changed keys: watches are marked, client-side caches told, waiting clients served.
//!
//! It happens after each command of a client (after the whole of a transaction or a script), after each memcached
//! request, and after each tick. The keyspace keeps a log of changed keys only while somebody is interested.

use dozo_store::{ChangeLog, Changed};

use crate::engine::Engine;
use crate::session::Session;

impl Engine {
    /// Has the keyspace log changed keys while anybody wants to know them.
    pub(crate) fn observe_if_needed(&mut self) {
        let wanted = !self.watches.is_empty()
            || !self.waiters.is_empty()
            || self.tracking.is_active()
            || self.limits_lifetimes();
        if wanted != self.observing {
            self.observing = wanted;
            self.ks.observe(wanted);
        }
    }

    /// Acts on the keys that have changed. `session` is the one that runs, which is not among the engine's now.
    #[inline]
    pub(crate) fn after_change(&mut self, session: Option<&mut Session>) {
        // A session that has just begun to wait can be served once it is back in its place.
        let later = session.as_ref().is_some_and(|session| session.is_waiting());
        let changer = session.map_or(0, |session| session.id);
        if self.atomic == 0 {
            self.ks.settle_tier();
        }
        if self.ks.has_changed() {
            self.drain_changes(changer);
        }
        if !self.written.is_empty() && self.atomic == 0 {
            self.limit_lifetimes();
            self.drain_changes(changer);
            self.written.clear();
        }
        if self.ks.is_crowded() && self.atomic == 0 && !self.is_loading() {
            self.make_room();
        }
        if self.waiters.has_ready() && self.atomic == 0 && !later {
            self.serve_waiters();
        }
    }

    /// Marks whom the changes concern, without serving anybody yet; `changer` is the id of the client that made them.
    #[cold]
    pub(crate) fn drain_changes(&mut self, changer: u64) {
        let mut log = std::mem::take(&mut self.change_log);
        self.ks.take_changed(&mut log);
        self.mark_changed(&log);
        self.note_written_keys(&log);
        if self.tracking.is_active() {
            self.track_changes(&log, changer);
        }
        log.clear();
        self.change_log = log;
    }

    fn mark_changed(&mut self, log: &ChangeLog) {
        for changed in log.iter() {
            if !self.watches.is_empty() {
                self.touch_watchers(changed);
            }
            match changed {
                Changed::Key(db, key) => self.waiters.note(db, key),
                Changed::Database(db) => self.waiters.note_database(db),
            }
        }
    }

    /// Begins what must be whole for every consumer of effects, and for whoever waits: a transaction or a script.
    /// Nothing within may block. It nests.
    pub fn begin_atomic(&mut self) {
        self.atomic += 1;
        self.effects.begin_group();
    }

    /// Ends what [`Engine::begin_atomic`] began.
    pub fn end_atomic(&mut self) {
        self.record_notices();
        self.atomic -= 1;
        self.effects.end_group();
    }

    /// After a panic: what was begun is over.
    pub(crate) fn abandon_atomic(&mut self) {
        // The group of a script that is past its time stays.
        while self.atomic > usize::from(self.is_busy()) {
            self.end_atomic();
        }
    }
}
