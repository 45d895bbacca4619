//! From memory to the disk.

use super::{Cold, Copied, Encoding, Place, Refusal, Strategy, Tiered};
use crate::entry::{EntryPtr, Payload};
use crate::eviction::PolicyKind;
use crate::field_expiry::next_due;
use crate::hashing::mix;
use crate::keyspace::Keyspace;
use crate::value::{Head, Item, Str, Value};

/// Cold entries among which the one is chosen that leaves, when memory is too small for the keys.
const DROP_SAMPLES: usize = 8;
/// Seconds since the last touch beyond which none are counted.
const COLDEST: u32 = 0x00ff_ffff;
/// Steps of a sweep that one value which finds no room may cause.
const SWEEPS_FOR_ROOM: usize = 4;

/// What became of an entry that was to make room.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cooled {
    /// Its value is on disk, or it is gone.
    Done,
    /// The disk doesn't take the value.
    Refused,
}

impl Keyspace {
    /// Makes values cold again that were only passing; false when there was none.
    pub fn cool_passing(&mut self) -> bool {
        let Some(tier) = &mut self.tier else { return false };
        let passing = std::mem::take(&mut tier.passing);
        for (space, key) in &passing {
            let Some((db, hash, entry)) = self.entry_in(*space, key) else { continue };
            let copied = self.tier.as_ref().and_then(|tier| tier.copies.get(&entry.addr()));
            if entry.is_copied() && copied.is_some_and(|copied| copied.passing) {
                self.cool(db, hash, entry, true);
            }
        }
        !passing.is_empty()
    }

    /// Ends a batch: passing values go, and so do those that were written and must not stay.
    #[inline]
    pub fn settle_tier(&mut self) {
        let due = |tier: &Tiered| tier.rules.churn || !tier.passing.is_empty() || !tier.written.is_empty();
        if self.tier.as_ref().is_some_and(|tier| due(tier)) {
            self.settle();
        }
    }

    #[cold]
    fn settle(&mut self) {
        self.cool_passing();
        let written = self.tier.as_mut().map(|tier| std::mem::take(&mut tier.written)).unwrap_or_default();
        for (space, key) in written {
            let Some((db, hash, entry)) = self.entry_in(space, &key) else { continue };
            let Some(rules) = self.tier.as_ref().map(|tier| tier.rules) else { return };
            if entry.has_record() || entry.expire_at().is_some_and(|at| at <= self.now) {
                continue;
            }
            if rules.strategy == Strategy::Always {
                self.copy_out(db, entry);
            } else if size_of_value(entry) >= rules.large {
                self.cool_or_keep(db, hash, entry, &key, false);
            }
        }
        if self.tier.as_ref().is_some_and(|tier| tier.rules.churn) {
            self.cool_all();
        }
    }

    /// Makes an entry cold, or leaves it as it was where the disk doesn't take it.
    fn cool_or_keep(&mut self, db: usize, hash: u64, entry: EntryPtr, key: &[u8], forced: bool) {
        let (space, word) = (self.dbs[db].space, entry.clock_freq());
        if self.cool(db, hash, entry, forced) == Cooled::Refused
            && let Some((_, _, entry)) = self.entry_in(space, key)
        {
            entry.set_clock_freq(word);
            self.enlist(db, hash, entry);
        }
    }

    /// A value that was just stored goes to the disk whatever the rules say, unless the disk can't take it.
    pub fn cool_stored(&mut self, db: usize, key: &[u8]) {
        let hash = self.hash(key);
        if let Some(entry) = self.live(db, hash, key).filter(|entry| !entry.is_cold()) {
            self.cool_or_keep(db, hash, entry, key, true);
        }
    }

    /// A value that was just stored stays in memory, whatever the rules say, until memory is short.
    pub fn keep_stored(&mut self, db: usize, key: &[u8]) {
        let space = self.dbs[db].space;
        if let Some(tier) = &mut self.tier {
            tier.written.retain(|(written, name)| *written != space || **name != *key);
        }
    }

    /// Writes a value through, which stays in memory.
    fn copy_out(&mut self, db: usize, entry: EntryPtr) {
        let space = self.dbs[db].space;
        let Some(tier) = &mut self.tier else { return };
        if size_of_value(entry) < tier.rules.least || next_due(entry).is_some_and(|at| at <= self.now) {
            return;
        }
        if let Ok(place) = tier.disk.put(space, &Item::new(entry), true) {
            tier.copies.insert(entry.addr(), Copied { place, passing: false, hit: 0 });
            entry.set_copied(true);
        }
    }

    /// Writes values that are in memory only through, in the order of the table, until everything is on disk, there is no
    /// room, or `go_on` says no; how many were written, and how many were not.
    pub fn keep_hot(&mut self, go_on: &mut dyn FnMut() -> bool) -> (usize, usize) {
        let (mut written, mut left) = (0, 0);
        for db in 0..self.dbs.len() {
            let space = self.dbs[db].space;
            let hot: Vec<EntryPtr> = self.dbs[db].table.iter().filter(|entry| !entry.has_record()).collect();
            for entry in hot {
                let expired = entry.expire_at().is_some_and(|at| at <= self.now);
                if expired || next_due(entry).is_some_and(|at| at <= self.now) {
                    continue;
                }
                let Some(tier) = self.tier.as_mut().filter(|_| left == 0 && go_on()) else {
                    left += 1;
                    continue;
                };
                match tier.disk.put(space, &Item::new(entry), true) {
                    Ok(place) => {
                        tier.copies.insert(entry.addr(), Copied { place, passing: false, hit: 0 });
                        entry.set_copied(true);
                        written += 1;
                    }
                    Err(Refusal::TooLarge) => {}
                    Err(_) => left += 1,
                }
            }
        }
        (written, left)
    }

    /// Looks at about `count` entries of a database from `cursor` on: those whose values are in memory and on disk, and
    /// how hot each is, the hotter the higher. Returns the next cursor, 0 after the last.
    pub fn heat(&self, db: usize, cursor: u64, count: usize, visit: &mut dyn FnMut(u32, Place)) -> u64 {
        let Some(database) = self.dbs.get(db) else { return 0 };
        let by_frequency = self.eviction.kind().counts_frequency();
        database.table.walk(cursor, count, &mut |entry| {
            if let Some(place) = self.place_of(entry).filter(|_| !entry.is_cold()) {
                let head = Head::new(entry);
                let recency = COLDEST - head.clock_idle_secs(self.now).min(COLDEST);
                let frequency = if by_frequency { u32::from(head.raw_frequency()) } else { 0 };
                visit(frequency << COLDEST.count_ones() | recency, place);
            }
        })
    }

    /// A value was stored that may have to go to the disk at once.
    #[inline]
    pub(crate) fn note_stored(&mut self, db: usize, entry: EntryPtr) {
        if self.tier.is_some() {
            self.note_large(db, entry);
        }
    }

    #[cold]
    fn note_large(&mut self, db: usize, entry: EntryPtr) {
        let space = self.dbs[db].space;
        if let Some(tier) = &mut self.tier
            && tier.rules.strategy != Strategy::Never
            && tier.rules.strategy != Strategy::Always
            && size_of_value(entry) >= tier.rules.large
        {
            tier.written.push((space, entry.key().into()));
        }
    }

    /// A value has changed, which under `always` is written through.
    #[cold]
    pub(crate) fn note_written(&mut self, db: usize, key: &[u8]) {
        let space = self.dbs[db].space;
        if let Some(tier) = &mut self.tier
            && tier.rules.strategy == Strategy::Always
        {
            tier.written.push((space, key.into()));
        }
    }

    /// Makes an entry cold, which the policy then knows no more. `forced` asks for no rules.
    pub(crate) fn cool(&mut self, db: usize, hash: u64, entry: EntryPtr, forced: bool) -> Cooled {
        self.eviction.on_remove(entry);
        if next_due(entry).is_some_and(|at| at <= self.now)
            && !entry.is_copied()
            && self.remove_due(db, hash, entry, usize::MAX).is_none()
        {
            return Cooled::Done;
        }
        self.shown(db, entry);
        let Some((place, hit)) = self.record_for(db, entry, forced) else {
            if let Some(tier) = &mut self.tier {
                tier.stats.refused += 1;
            }
            return Cooled::Refused;
        };
        let cold = cold_form(entry, place, hit);
        self.exchange(db, hash, entry, Payload::Cold(cold));
        if let Some(tier) = &mut self.tier {
            tier.cold += 1;
            tier.stats.demoted += 1;
        }
        Cooled::Done
    }

    /// The record of an entry's value: the one it has, or a new one.
    fn record_for(&mut self, db: usize, entry: EntryPtr, forced: bool) -> Option<(Place, u32)> {
        let (space, now) = (self.dbs[db].space, self.now);
        let tier = self.tier.as_mut()?;
        if entry.is_copied() {
            let copied = tier.copies.remove(&entry.addr())?;
            entry.set_copied(false);
            tier.stats.unwritten += 1;
            return Some((copied.place, if copied.passing { copied.hit } else { 0 }));
        }
        if !forced && !tier.takes(entry, now) {
            return None;
        }
        let patient = forced || tier.rules.strategy != Strategy::Adaptive;
        for _ in 0..SWEEPS_FOR_ROOM {
            match self.tier.as_mut()?.disk.put(space, &Item::new(entry), patient) {
                Ok(place) => return Some((place, 0)),
                Err(Refusal::Full) if self.sweep_some() => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// Makes every value of every database cold that the disk takes, however small (DEBUG TIER COOL).
    pub fn cool_all(&mut self) {
        for db in 0..self.dbs.len() {
            let keys: Vec<Vec<u8>> = self.dbs[db].table.iter().map(|entry| entry.key().to_vec()).collect();
            for key in keys {
                let hash = self.hash(&key);
                let hot = |entry: &EntryPtr| !entry.is_cold();
                if let Some(entry) = self.live(db, hash, &key).filter(hot)
                    && self.cool(db, hash, entry, true) == Cooled::Refused
                {
                    self.enlist(db, hash, entry);
                }
            }
        }
    }

    /// Makes room by the value of one entry, which the policy has let go; false when none can be made.
    pub(crate) fn cool_or_evict(&mut self, db: usize, hash: u64, entry: EntryPtr) -> bool {
        if self.cool(db, hash, entry, false) == Cooled::Done {
            return true;
        }
        if self.eviction.kind() == PolicyKind::NoEviction {
            self.enlist(db, hash, entry);
            return false;
        }
        self.drop_entry(db, hash, entry);
        true
    }

    /// Evicts a cold entry: memory is too small for the keys. False when the policy forbids it.
    pub(crate) fn evict_cold(&mut self) -> bool {
        let kind = self.eviction.kind();
        if kind == PolicyKind::NoEviction || self.tier.as_ref().is_none_or(|tier| tier.cold == 0) {
            return false;
        }
        let mut chosen: Option<(u32, usize, EntryPtr)> = None;
        let mut seen = 0;
        for _ in 0..DROP_SAMPLES * DROP_SAMPLES {
            let random = self.random.next();
            let Some(db) = self.sampled_db(random) else { continue };
            let Some(entry) = self.dbs[db].table.sample(mix(random)).filter(|entry| entry.is_cold()) else {
                continue;
            };
            if kind.volatile_only() && entry.expire_at().is_none() {
                continue;
            }
            let hit = entry.cold().hit;
            if chosen.is_none_or(|(least, ..)| hit < least) {
                chosen = Some((hit, db, entry));
            }
            seen += 1;
            if seen == DROP_SAMPLES {
                break;
            }
        }
        let Some((_, db, entry)) = chosen else { return false };
        if let Some(tier) = &mut self.tier {
            tier.stats.dropped += 1;
        }
        self.drop_entry(db, self.hash(entry.key()), entry);
        true
    }
}

impl Tiered {
    /// Whether the rules let a value go to the disk.
    fn takes(&self, entry: EntryPtr, now: i64) -> bool {
        let rules = &self.rules;
        let lasts = match rules.strategy {
            Strategy::Never => return false,
            Strategy::Always | Strategy::SizeBased => true,
            Strategy::TtlBased | Strategy::Adaptive => {
                entry.expire_at().is_none_or(|at| at.saturating_sub(now) >= rules.least_ttl_ms)
            }
        };
        lasts && size_of_value(entry) >= rules.least
    }
}

/// Bytes of memory that a value takes, about.
fn size_of_value(entry: EntryPtr) -> usize {
    match entry.value() {
        Value::Str(Str::Int(_)) => 8,
        Value::Str(string) => string.len(),
        collection => collection.collection_memory(),
    }
}

fn cold_form(entry: EntryPtr, place: Place, hit: u32) -> Cold {
    let head = Head::new(entry);
    Cold {
        place,
        length: head.string_len().map_or(0, |len| u32::try_from(len).unwrap_or(u32::MAX)),
        hit,
        of: entry.type_of(),
        encoding: Encoding::parse(head.encoding()).unwrap_or(Encoding::Raw),
        due: next_due(entry),
    }
}
