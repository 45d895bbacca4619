//! What a key has besides its value: expiry, flags, compare-and-swap number, marks.
//!
//! Owns the change of one of them with the value kept.

use crate::entry::Fields;
use crate::keyspace::{Keyspace, StoreStats};
use crate::value::{Mark, Ttl};

/// The bit of a compare-and-swap number that no client was told yet: nobody has to remember it.
pub(crate) const UNTOLD: u64 = 1 << 63;

impl Keyspace {
    /// Sets or clears the unix time in milliseconds at which the key expires; false when the key is missing.
    ///
    /// A time that has passed is stored as it is: the next look at the key expires it.
    pub fn set_expire(&mut self, db: usize, key: &[u8], at: Option<i64>) -> bool {
        let hash = self.hash(key);
        let Some(entry) = self.live(db, hash, key) else {
            return false;
        };
        let old = entry.fields();
        let expiry = self.expiry_for(db, at.map_or(Ttl::Clear, Ttl::At), old.expiry);
        if expiry != old.expiry {
            self.refield(db, hash, entry, Fields { expiry, ..old });
            self.note_change(db, key);
        }
        true
    }

    /// The compare-and-swap number of a key for a client, given to it when first asked for; and whether no client was
    /// told it before.
    pub fn tell_cas(&mut self, db: usize, key: &[u8]) -> Option<(u64, bool)> {
        let hash = self.hash(key);
        let entry = self.live(db, hash, key)?;
        let old = entry.fields();
        if old.cas != 0 && old.cas & UNTOLD == 0 {
            return Some((old.cas, false));
        }
        let cas = if old.cas == 0 { self.next_cas() } else { old.cas } & !UNTOLD;
        self.refield(db, hash, entry, Fields { cas, ..old });
        Some((cas, true))
    }

    /// The number that a key has, whether or not a client was told it; 0 if it has none. `None` for a missing key.
    pub fn cas(&mut self, db: usize, key: &[u8]) -> Option<u64> {
        let entry = self.live(db, self.hash(key), key)?;
        Some(entry.cas() & !UNTOLD)
    }

    /// Whether a client that was told `cas` knows the present value. What no client was told matches nothing: after a
    /// restart the same number may have been another value's. `None` for a missing key.
    pub fn has_cas(&mut self, db: usize, key: &[u8], cas: u64) -> Option<bool> {
        let entry = self.live(db, self.hash(key), key)?;
        Some(cas != 0 && entry.cas() == cas)
    }

    /// Gives a key a new compare-and-swap number if it has one, so that a client that knows the old one notices.
    pub fn bump_cas(&mut self, db: usize, key: &[u8]) {
        let cas = self.next_cas();
        self.change_fields(db, key, |fields| fields.cas = if fields.cas == 0 { 0 } else { cas });
    }

    /// Makes a key look as if it was used last `seconds` ago (RESTORE IDLETIME).
    pub fn set_clock_idle(&mut self, db: usize, key: &[u8], seconds: u32) {
        if let Some(entry) = self.live(db, self.hash(key), key) {
            self.eviction.set_idle_secs(entry, seconds);
        }
    }

    /// Sets a key's frequency counter (RESTORE FREQ); nothing under a policy that keeps none.
    pub fn set_freq(&mut self, db: usize, key: &[u8], frequency: u8) {
        if !self.eviction.kind().counts_frequency() {
            return;
        }
        if let Some(entry) = self.live(db, self.hash(key), key) {
            entry.set_clock_freq(entry.clock_freq() & !0xff | u32::from(frequency));
        }
    }

    /// Forgets hits, misses, expirations and evictions.
    pub fn reset_stats(&mut self) {
        self.stats = StoreStats::default();
    }

    /// Sets the memcached flags of a key.
    pub fn set_flags(&mut self, db: usize, key: &[u8], flags: u32) {
        if self.change_fields(db, key, |fields| fields.flags = flags) {
            self.note_change(db, key);
        }
    }

    /// Gives a key its memcached flags and a compare-and-swap number that a client was told, 0 for none.
    pub fn set_item(&mut self, db: usize, key: &[u8], flags: u32, cas: u64) {
        let cas = cas & !UNTOLD;
        self.last_cas = self.last_cas.max(cas);
        self.change_fields(db, key, |fields| (fields.flags, fields.cas) = (flags, cas));
    }

    /// The highest compare-and-swap number given.
    pub fn last_cas(&self) -> u64 {
        self.last_cas
    }

    /// Has the numbers go on above this one: those up to it may be known to clients.
    pub fn raise_cas(&mut self, cas: u64) {
        self.last_cas = self.last_cas.max(cas);
    }

    /// Sets or clears a mark.
    pub fn mark(&mut self, db: usize, key: &[u8], mark: Mark) {
        if let Some(entry) = self.live(db, self.hash(key), key) {
            let mut marks = entry.marks();
            match mark {
                Mark::Stale(on) => {
                    // The only mark that the effects carry, and a save.
                    self.shown(db, entry);
                    self.dirty += u64::from(marks.stale != on);
                    marks.stale = on;
                }
                Mark::Won(on) => marks.won = on,
                Mark::Fetched(on) => marks.fetched = on,
            }
            entry.set_marks(marks);
            if entry.has_record() && matches!(mark, Mark::Stale(_)) {
                self.tell_changed(db, entry);
            }
        }
    }

    /// Changes the fields of a key's entry; false when it is missing or nothing changes.
    fn change_fields(&mut self, db: usize, key: &[u8], change: impl FnOnce(&mut Fields)) -> bool {
        let hash = self.hash(key);
        let Some(entry) = self.live(db, hash, key) else {
            return false;
        };
        let old = entry.fields();
        let mut fields = old;
        change(&mut fields);
        if fields == old {
            return false;
        }
        self.refield(db, hash, entry, fields);
        true
    }
}
