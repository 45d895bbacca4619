//! The databases, and the few steps from which every operation is made.
//!
//! Owns the rule that an entry is at once in its table, in the volatile index when it has an expiry, in the policy's
//! books and in the sum of used memory: only `link`, `unlink`, `rewrite` and `refield` touch these four, and the other
//! files of this crate (`strings`, `attributes`, `relocation`, `expiry`, `detached`, `memory`, `scan`) call them.

use crate::attributes::UNTOLD;
use crate::changes::ChangeLog;
use crate::collections::Packing;
use crate::detached::Detached;
use crate::entry::{Draft, EntryPtr, Expiry, Fields, Heavy, Payload};
use crate::eviction::{Eviction, PolicyKind, Space, Tuning};
use crate::field_expiry::{DueKeys, next_due};
use crate::hashing::{KeyHasher, Random};
use crate::saving::Saving;
use crate::table::Table;
use crate::tier::Tiered;
use crate::value::{Access, Item, Ttl};
use crate::volatile::VolatileIndex;

/// What a keyspace is made with.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Number of databases, at least 1 and at most 65,535.
    pub databases: usize,
    /// Seed of the hash and of every random choice; take it from the system, afresh in each process.
    pub hash_seed: u64,
    /// Limit of `used_memory` in bytes; 0 means none.
    pub maxmemory: u64,
    /// Which entries go when the limit is reached.
    pub policy: PolicyKind,
    /// `maxmemory-samples`.
    pub samples: u32,
    /// `lfu-log-factor`.
    pub lfu_log_factor: u32,
    /// `lfu-decay-time` in minutes.
    pub lfu_decay_minutes: u32,
}

impl Default for StoreConfig {
    fn default() -> Self {
        let tuning = Tuning::default();
        StoreConfig {
            databases: 16,
            hash_seed: 0,
            maxmemory: 0,
            policy: PolicyKind::NoEviction,
            samples: tuning.samples,
            lfu_log_factor: tuning.lfu_log_factor,
            lfu_decay_minutes: tuning.lfu_decay_minutes,
        }
    }
}

/// What happened to a key besides what a command says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its time was over.
    Expired,
    /// Memory was short.
    Evicted,
    /// It was read and is not there; noted only if somebody wants to know.
    Missed,
    /// It was added; noted only if somebody wants to know.
    Created,
}

/// What happened to a key, as [`Reason`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The database it was in.
    pub db: usize,
    /// The key.
    pub key: Box<[u8]>,
    /// Why it left.
    pub reason: Reason,
    /// The fields that left it, when it was not the whole key (though the key left too if they were its last).
    pub fields: Vec<Box<[u8]>>,
}

/// Counters since the start or the last reset; callers may set them to zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Reads that found a key.
    pub hits: u64,
    /// Reads that found none.
    pub misses: u64,
    /// Keys that expired.
    pub expired: u64,
    /// Fields of hashes that expired.
    pub expired_fields: u64,
    /// Runs of active expiry that stopped at their limit with more to expire.
    pub expired_time_cap_reached: u64,
    /// Keys evicted.
    pub evicted: u64,
}

/// One database.
pub(crate) struct Database {
    /// Names the database to the policy; stays with the data when databases are swapped.
    pub space: Space,
    pub table: Table<EntryPtr>,
    pub volatile: VolatileIndex,
    /// Keys that hold elements which expire.
    pub due: DueKeys,
    /// Running mean of the time to live, in milliseconds.
    pub avg_ttl_ms: i64,
    /// Where the sweep of active expiry stands in the volatile index.
    pub sweep: usize,
}

impl Database {
    fn new(space: Space) -> Self {
        Database {
            space,
            table: Table::new(),
            volatile: VolatileIndex::new(),
            due: DueKeys::default(),
            avg_ttl_ms: 0,
            sweep: 0,
        }
    }

    #[inline]
    pub(crate) fn index_bytes(&self) -> usize {
        self.table.bytes() + self.volatile.bytes() + self.due.bytes()
    }
}

/// All data: databases of keys and values.
pub struct Keyspace {
    /// The counters of INFO.
    pub stats: StoreStats,
    /// The thresholds of small collections.
    pub packing: Packing,
    pub(crate) dbs: Vec<Database>,
    /// The database that each space is at present.
    pub(crate) db_of_space: Vec<u16>,
    pub(crate) hasher: KeyHasher,
    pub(crate) random: Random,
    pub(crate) now: i64,
    pub(crate) eviction: Eviction,
    pub(crate) maxmemory: u64,
    /// Keys that there may be; 0 means any number.
    pub(crate) max_keys: usize,
    /// Bytes of values that come in parts.
    pub(crate) stream_bytes: usize,
    /// Bytes of it that are not for data.
    pub(crate) reserved: u64,
    /// Bytes of all entries, attached or not.
    pub(crate) entry_bytes: usize,
    /// Bytes of all tables and volatile indices, attached or not.
    pub(crate) index_bytes: usize,
    pub(crate) detached: Detached,
    pub(crate) notices: Vec<Notice>,
    /// Whether reads that find nothing are noted, and keys that are added.
    pub(crate) notes_misses: bool,
    pub(crate) notes_creations: bool,
    pub(crate) dirty: u64,
    /// Somebody reads `changed`.
    pub(crate) observed: bool,
    pub(crate) changed: ChangeLog,
    pub(crate) last_cas: u64,
    /// The database with which active expiry goes on.
    pub(crate) expiry_turn: usize,
    /// What a running save has still to see.
    pub(crate) saving: Option<Box<Saving>>,
    /// The bit of entries that the running save has seen, or the last one.
    pub(crate) seen: bool,
    /// Nothing expires: what is loaded tells itself what has.
    pub(crate) frozen: bool,
    /// The disk behind the memory.
    pub(crate) tier: Option<Box<Tiered>>,
}

// SAFETY: entries are reached only through the keyspace that owns them, and their contents (`Arc<Vec<u8>>`, plain
// bytes and collections, which are `Send` by their trait) are `Send`.
unsafe impl Send for Keyspace {}

impl Keyspace {
    /// Empty databases.
    pub fn new(config: StoreConfig) -> Self {
        let count = config.databases.clamp(1, usize::from(Space::MAX)) as Space;
        let dbs: Vec<Database> = (0..count).map(Database::new).collect();
        let tuning = Tuning {
            samples: config.samples,
            lfu_log_factor: config.lfu_log_factor,
            lfu_decay_minutes: config.lfu_decay_minutes,
        };
        Keyspace {
            stats: StoreStats::default(),
            packing: Packing::default(),
            index_bytes: dbs.iter().map(Database::index_bytes).sum(),
            db_of_space: (0..count).collect(),
            dbs,
            hasher: KeyHasher::new(config.hash_seed),
            random: Random::new(config.hash_seed ^ 0x5eed),
            now: 0,
            eviction: Eviction::new(config.policy, tuning, config.hash_seed),
            maxmemory: config.maxmemory,
            max_keys: 0,
            stream_bytes: 0,
            reserved: 0,
            entry_bytes: 0,
            detached: Detached::default(),
            notices: Vec::new(),
            notes_misses: false,
            notes_creations: false,
            dirty: 0,
            observed: false,
            changed: ChangeLog::default(),
            last_cas: 0,
            expiry_turn: 0,
            saving: None,
            seen: false,
            frozen: false,
            tier: None,
        }
    }

    /// Tells the time, as unix milliseconds. Nothing here reads a clock.
    #[inline]
    pub fn set_now(&mut self, unix_ms: i64) {
        if self.frozen {
            return;
        }
        self.now = unix_ms;
        self.eviction.set_now(unix_ms);
    }

    /// The time it was told last.
    #[inline]
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Number of databases.
    #[inline]
    pub fn databases(&self) -> usize {
        self.dbs.len()
    }

    /// Number of keys in a database, expired ones that were not removed yet included.
    #[inline]
    pub fn len(&self, db: usize) -> usize {
        self.dbs[db].table.len()
    }

    /// Number of keys that have an expiry.
    #[inline]
    pub fn volatile_len(&self, db: usize) -> usize {
        self.dbs[db].volatile.len()
    }

    /// A number that every change increments; equal before and after a command, the command changed nothing.
    #[inline]
    pub fn dirty(&self) -> u64 {
        self.dirty
    }

    /// True when keys left without a command.
    #[inline]
    pub fn has_notices(&self) -> bool {
        !self.notices.is_empty()
    }

    /// The keys that left without a command since the last call, in order.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// The hash of a key, for the functions whose names end in `_hashed`.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash(key)
    }

    /// Fetches the key's place in the table into the cache.
    #[inline]
    pub fn prefetch(&self, db: usize, hash: u64) {
        self.dbs[db].table.prefetch(hash);
    }

    /// Fetches the key's entry into the cache; useful some time after [`Keyspace::prefetch`].
    #[inline]
    pub fn prefetch_entry(&self, db: usize, hash: u64) {
        self.dbs[db].table.prefetch_entry(hash);
    }

    /// The entry of a key. An expired one is removed first.
    #[inline]
    pub fn get(&mut self, db: usize, key: &[u8], access: Access) -> Option<Item<'_>> {
        self.get_hashed(db, self.hash(key), key, access)
    }

    /// [`Keyspace::get`] with the key's hash.
    #[inline]
    pub fn get_hashed(&mut self, db: usize, hash: u64, key: &[u8], access: Access) -> Option<Item<'_>> {
        self.accessed(db, hash, key, access).map(Item::new)
    }

    /// The entry of a key, with its value in memory and the traces that an access leaves.
    #[inline]
    pub(crate) fn accessed(&mut self, db: usize, hash: u64, key: &[u8], access: Access) -> Option<EntryPtr> {
        let entry = self.warm(db, hash, key);
        self.note_access(db, hash, key, entry, access);
        entry
    }

    /// Leaves the traces of an access that has found an entry, or none.
    #[inline]
    pub(crate) fn note_access(
        &mut self,
        db: usize,
        hash: u64,
        key: &[u8],
        entry: Option<EntryPtr>,
        access: Access,
    ) {
        let Some(entry) = entry else {
            if access.counts() {
                self.note_miss(db, key);
            }
            return;
        };
        self.stats.hits += u64::from(access.counts());
        if access.touches() {
            self.eviction.on_access(entry, hash);
        }
    }

    fn note_miss(&mut self, db: usize, key: &[u8]) {
        self.stats.misses += 1;
        if self.notes_misses {
            self.notice(db, key, Reason::Missed);
        }
    }

    pub(crate) fn notice(&mut self, db: usize, key: &[u8], reason: Reason) {
        self.notices.push(Notice { db, key: key.into(), reason, fields: Vec::new() });
    }

    /// Says whether reads that find nothing shall be noted, and keys that are added.
    pub fn set_noted(&mut self, misses: bool, creations: bool) {
        (self.notes_misses, self.notes_creations) = (misses, creations);
    }

    /// Removes a key; a large value is freed later, by [`Keyspace::free_step`].
    #[inline]
    pub fn remove(&mut self, db: usize, key: &[u8]) -> bool {
        self.remove_hashed(db, self.hash(key), key)
    }

    /// [`Keyspace::remove`] with the key's hash.
    pub fn remove_hashed(&mut self, db: usize, hash: u64, key: &[u8]) -> bool {
        let Some(entry) = self.live(db, hash, key) else {
            return false;
        };
        self.unlink(db, hash, entry);
        self.bury(entry);
        self.note_change(db, key);
        true
    }

    /// The entry of a key that has not expired, without the elements of its value that have.
    #[inline]
    pub(crate) fn live(&mut self, db: usize, hash: u64, key: &[u8]) -> Option<EntryPtr> {
        let entry = self.dbs[db].table.find(hash, key)?;
        if entry.is_lasting() {
            return Some(entry);
        }
        self.unexpired(db, hash, entry).and_then(|entry| self.without_due(db, hash, entry))
    }

    /// The entry, unless its time is over: then it leaves.
    #[inline]
    pub(crate) fn unexpired(&mut self, db: usize, hash: u64, entry: EntryPtr) -> Option<EntryPtr> {
        if entry.expire_at().is_some_and(|at| at <= self.now) {
            self.expire(db, hash, entry);
            return None;
        }
        Some(entry)
    }

    /// Adds a new entry; its expiry has the index that the volatile index gives next.
    pub(crate) fn link(&mut self, db: usize, hash: u64, entry: EntryPtr) {
        entry.set_seen(self.seen);
        let database = &mut self.dbs[db];
        let before = database.index_bytes();
        database.table.insert(hash, entry, &self.hasher);
        if entry.expiry().is_some() {
            database.volatile.push(entry);
        }
        database.due.change(entry.key(), None, next_due(entry));
        self.index_bytes = self.index_bytes + database.index_bytes() - before;
        self.entry_bytes += entry.memory();
        let space = database.space;
        if entry.is_cold() {
            // The policy knows the values in memory.
            entry.set_slot(0);
        } else {
            self.eviction.on_insert(entry, space, hash);
            self.note_stored(db, entry);
        }
        if self.notes_creations {
            self.notice(db, entry.key(), Reason::Created);
        }
    }

    /// Takes an entry out of everything but the sum of memory, which `bury` corrects.
    pub(crate) fn unlink(&mut self, db: usize, hash: u64, entry: EntryPtr) {
        self.eviction.on_remove(entry);
        self.detach(db, hash, entry);
    }

    /// `unlink` for an entry that the policy has let go already.
    pub(crate) fn detach(&mut self, db: usize, hash: u64, entry: EntryPtr) {
        self.shown(db, entry);
        let database = &mut self.dbs[db];
        let before = database.index_bytes();
        database.table.remove(hash, entry);
        if let Some(expiry) = entry.expiry() {
            database.volatile.remove(expiry.index);
        }
        database.due.change(entry.key(), next_due(entry), None);
        self.index_bytes = self.index_bytes + database.index_bytes() - before;
    }

    /// Frees an unlinked entry; its large value goes to the detached ones.
    #[inline]
    pub(crate) fn bury(&mut self, entry: EntryPtr) {
        if entry.has_record() {
            self.forget_record(entry);
        }
        let whole = entry.memory();
        let value = entry.free();
        self.entry_bytes -= whole;
        self.bury_value(value);
    }

    /// Hands a replaced or removed large value over to be freed later; its bytes count until then.
    #[inline]
    pub(crate) fn bury_value(&mut self, value: Option<Heavy>) {
        if let Some(value) = value {
            self.entry_bytes += self.detached.add_value(value);
        }
    }

    /// Gives an entry a new value and new fields, in place if possible, and tells everyone who points to it.
    #[inline]
    pub(crate) fn rewrite(&mut self, db: usize, hash: u64, old: EntryPtr, draft: Draft<'_>) -> EntryPtr {
        self.before_change(db, old);
        let was_cold = old.is_cold();
        if was_cold {
            self.forget_record(old);
        }
        let had = old.expiry();
        let has = draft.fields.expiry;
        let before = old.value_memory();
        let due = next_due(old);
        let (new, value) = match old.overwrite(draft) {
            Ok(value) => (old, value),
            Err(draft) => {
                let new = EntryPtr::create(draft);
                new.set_clock_freq(old.clock_freq());
                new.set_slot(old.slot());
                new.set_seen(old.seen());
                self.eviction.on_realloc(old, new);
                self.dbs[db].table.replace(hash, old, new);
                self.entry_bytes = self.entry_bytes + new.allocated() - old.allocated();
                (new, old.free())
            }
        };
        self.entry_bytes = self.entry_bytes + new.value_memory() - before;
        self.bury_value(value);
        self.note_due(db, new.key(), due, next_due(new));
        if had.is_some() || has.is_some() {
            self.reindex(db, new, had, has);
        }
        if was_cold {
            self.enlist(db, hash, new);
        }
        self.note_stored(db, new);
        new
    }

    /// Gives an entry other fields, its value kept.
    pub(crate) fn refield(&mut self, db: usize, hash: u64, old: EntryPtr, fields: Fields) -> EntryPtr {
        self.shown(db, old);
        let had = old.expiry();
        let before = old.memory();
        let mut new = old;
        if !old.refield(fields) {
            new = old.moved_to(old.key(), fields);
            self.follow_copy(old, new);
            self.eviction.on_realloc(old, new);
            self.dbs[db].table.replace(hash, old, new);
            old.discard();
        }
        self.entry_bytes = self.entry_bytes + new.memory() - before;
        self.reindex(db, new, had, fields.expiry);
        if new.has_record() {
            self.tell_changed(db, new);
        }
        new
    }

    /// Brings the volatile index up to date after an entry changed its expiry or its address.
    fn reindex(&mut self, db: usize, entry: EntryPtr, had: Option<Expiry>, has: Option<Expiry>) {
        let database = &mut self.dbs[db];
        let before = database.volatile.bytes();
        match (had, has) {
            (None, None) => {}
            (None, Some(_)) => database.volatile.push(entry),
            (Some(had), None) => database.volatile.remove(had.index),
            (Some(had), Some(_)) => database.volatile.replace(had.index, entry),
        }
        self.index_bytes = self.index_bytes + database.volatile.bytes() - before;
    }

    /// The expiry that an entry of that database gets.
    #[inline]
    pub(crate) fn expiry_for(&self, db: usize, ttl: Ttl, old: Option<Expiry>) -> Option<Expiry> {
        let index = || old.map_or_else(|| self.dbs[db].volatile.next_index(), |old| old.index);
        match ttl {
            Ttl::Clear => None,
            Ttl::Keep => old,
            Ttl::At(at) => Some(Expiry { at, index: index() }),
        }
    }

    /// A compare-and-swap number never given before, which no client was told yet.
    #[inline]
    pub(crate) fn next_cas(&mut self) -> u64 {
        self.last_cas += 1;
        self.last_cas | UNTOLD
    }

    /// The number that an entry gets when its value changes: a new one if it has one, else 0.
    #[inline]
    pub(crate) fn next_cas_of(&mut self, entry: EntryPtr) -> u64 {
        if entry.cas() == 0 { 0 } else { self.next_cas() }
    }

    /// The fields of `entry` after its value has changed.
    pub(crate) fn changed_fields(&mut self, entry: EntryPtr) -> Fields {
        Fields { cas: self.next_cas_of(entry), ..entry.fields() }
    }

    /// Adds an entry of that key and value.
    pub(crate) fn add(
        &mut self,
        db: usize,
        hash: u64,
        key: &[u8],
        fields: Fields,
        payload: Payload<'_>,
        raw: bool,
    ) {
        let entry = EntryPtr::create(Draft { key, fields, payload, raw });
        self.link(db, hash, entry);
        self.note_change(db, key);
    }
}
