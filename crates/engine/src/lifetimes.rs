//! Keys that nobody gave an expiry get one, and nobody gives a longer one than is allowed.
//!
//! Owns the settings `default-ttl` and `max-ttl`. They hold for every key that is written, whichever command or protocol
//! wrote it: once a command is done (all of a transaction or a script), the keys that it has changed are looked at. What is
//! given to a key is a change as if a client had sent PEXPIREAT behind its command, so journal, replicas and events hear of
//! it and a restart never gives a key more time. What is loaded is as it was saved.

use dozo_store::{Access, ChangeLog, Changed};

use crate::engine::Engine;
use crate::items;

/// A key that may need an expiry.
pub(crate) type Written = (usize, Box<[u8]>);

impl Engine {
    /// Whether keys are given expiries.
    #[inline]
    pub(crate) fn limits_lifetimes(&self) -> bool {
        self.settings.default_ttl_ms != 0 || self.settings.max_ttl_ms != 0
    }

    /// Remembers which keys were written until their command is done.
    pub(crate) fn note_written_keys(&mut self, log: &ChangeLog) {
        if !self.limits_lifetimes() || self.is_loading() {
            return;
        }
        for changed in log.iter() {
            if let Changed::Key(db, key) = changed {
                self.written.insert((db, key.into()));
            }
        }
    }

    /// Gives the written keys their expiries.
    pub(crate) fn limit_lifetimes(&mut self) {
        for (db, key) in std::mem::take(&mut self.written) {
            let Some(has) = self.ks.head(db, &key, Access::Peek).map(|head| head.expire_at()) else {
                continue;
            };
            let wanted = self.lifetime(has);
            if wanted != has {
                items::set_deadline(self, db, &key, wanted);
            }
        }
    }

    /// When a key expires that would at `has`.
    fn lifetime(&self, has: Option<i64>) -> Option<i64> {
        let from_now = |ms: i64| (ms != 0).then(|| self.ks.now().saturating_add(ms));
        let longest = from_now(self.settings.max_ttl_ms);
        let at = has.or(from_now(self.settings.default_ttl_ms));
        match (at, longest) {
            (Some(at), Some(longest)) => Some(at.min(longest)),
            (at, longest) => at.or(longest),
        }
    }
}
