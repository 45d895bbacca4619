//! Control over other clients: CLIENT KILL, PAUSE and UNPAUSE, MONITOR.

use crate::cx::Cx;
use crate::engine::Engine;
use crate::flags::Flags;
use crate::secrets;
use crate::session::SessionId;

/// CLIENT PAUSE.
#[derive(Clone, Copy, Debug)]
pub struct Pause {
    /// Unix ms at which it ends.
    pub until_ms: i64,
    /// Only writes are held back.
    pub writes_only: bool,
}

impl Engine {
    /// Holds commands back until `until_ms`. As in Redis a second pause can lengthen the first and make it
    /// stricter, not the other way round.
    pub fn pause_clients(&mut self, until_ms: i64, writes_only: bool) {
        let running = self.pause;
        self.pause = Some(Pause {
            until_ms: running.map_or(until_ms, |p| p.until_ms.max(until_ms)),
            writes_only: writes_only && running.is_none_or(|p| p.writes_only),
        });
    }

    /// Ends the pause and lets the held-back clients go on.
    pub fn unpause_clients(&mut self) {
        if self.pause.take().is_some() {
            self.release_held();
        }
    }

    /// Feeds those again who were held back, by a pause, by a script past its time or by the loading of data.
    pub(crate) fn release_held(&mut self) {
        let mut waiting = Vec::new();
        for (index, slot) in &mut self.sessions {
            if let Some(session) =
                slot.as_deref_mut().filter(|session| session.blocked && !session.is_waiting())
            {
                session.blocked = false;
                waiting.push(SessionId(index));
            }
        }
        for sid in waiting {
            self.resume_later(sid);
        }
    }

    /// The running pause.
    pub fn pause(&self) -> Option<Pause> {
        self.pause
    }

    pub(crate) fn end_pause_if_due(&mut self, now_ms: i64) {
        if self.pause.is_some_and(|pause| pause.until_ms <= now_ms) {
            self.unpause_clients();
        }
    }

    /// Whether a command with these flags has to wait now.
    #[inline]
    pub(crate) fn is_held_back(&self, flags: Flags) -> bool {
        self.pause.is_some_and(|pause| {
            pause.until_ms > self.ks.now()
                && (!pause.writes_only || flags.has(Flags::WRITE.with(Flags::MAY_REPLICATE)))
        })
    }

    /// Shows every watcher but the running session a command that may be shown; `by` is who ran it.
    #[cold]
    pub(crate) fn feed_monitors(&mut self, db: usize, by: &str, row: u32, args: &[&[u8]]) {
        let command = self.table.row(row);
        if !command.flags.has(Flags::SKIP_MONITOR.with(Flags::ADMIN)) {
            let redacted = secrets::redact(&command.name, args);
            self.show_watchers(db, by, redacted.as_deref().unwrap_or(args));
        }
    }

    /// Shows a command to every watcher but the running session.
    #[cold]
    fn show_watchers(&mut self, db: usize, by: &str, args: &[&[u8]]) {
        let line = crate::monitor::line(self.unix_us(), db, by, args);
        let watchers: Vec<usize> = self
            .sessions
            .iter()
            .filter(|(_, slot)| slot.as_deref().is_some_and(|s| s.monitor))
            .map(|(index, _)| index)
            .collect();
        for index in watchers {
            self.push_to(index, &line);
        }
    }
}

impl Cx<'_> {
    /// Closes the client with that id; the calling one after its reply. `false` when there is none.
    pub fn kill(&mut self, id: u64) -> bool {
        if self.session.id == id {
            self.session.close_after_reply = true;
            return true;
        }
        let Some(sid) = self.engine.ids.get(&id).copied() else {
            return false;
        };
        // It is closed after the batch, and runs nothing until then.
        if let Some(other) = self.engine.session_mut(sid) {
            other.close_after_reply = true;
        }
        self.engine.close_later(sid);
        self.engine.forsake(sid);
        true
    }

    /// EVAL and its like appear to MONITOR by this, before the commands they call.
    pub(crate) fn show_monitors(&mut self, args: &[&[u8]]) {
        if self.engine.monitors > 0 {
            self.engine.show_watchers(self.session.db, &self.session.peer.addr, args);
        }
    }

    /// Makes the calling session watch every command.
    pub fn start_monitor(&mut self) {
        if !self.session.monitor {
            self.session.monitor = true;
            self.engine.monitors += 1;
        }
    }

    /// RESET.
    pub fn reset_session(&mut self) {
        self.engine.monitors -= usize::from(self.session.monitor);
        self.engine.discard_transaction(self.session);
        self.engine.unsubscribe_all(self.session);
        self.untrack();
        let open = self.engine.settings.requirepass.is_empty();
        self.session.reset(open);
    }
}
