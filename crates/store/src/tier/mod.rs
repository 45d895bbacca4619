//! Values on disk: more than memory holds.
//!
//! Owns which values lie in memory, which on disk and which in both, and the promise that nobody sees the difference. The
//! entry of a key stays in memory whatever becomes of its value, so existence, expiry, type and name cost no look at the
//! disk. An entry is
//!
//! - *hot*: its value is in memory. If a record on disk holds the same value it is also *copied*, and may become cold
//!   again without a write. The first change of the value ends that.
//! - *cold*: its value lies on disk. Who asks for it (`warm`) has it read there and then, and finds a hot, copied entry.
//!
//! A value that was asked for once is only *passing*: after the batch it is cold again. Asked for twice within a window it
//! stays. Memory that is short makes values cold in the order of the eviction policy, which knows the hot entries only;
//! an entry whose value can't go to the disk is evicted as without one, and when everything is cold, so are cold ones.
//!
//! What is on the disk, and how, is the business of the [`Tier`] behind it. Each record belongs to one entry: whoever
//! drops, changes or moves a value tells.

mod cold;
mod cooling;
mod reviving;
mod streaming;
mod sweeping;
mod warming;

pub(crate) use cold::Cold;
pub use cold::{Encoding, Place};
pub use reviving::{Revival, Revived};
pub use streaming::{Growing, Growth, Parts};

use crate::collections::Packing;
use crate::entry::EntryPtr;
use crate::eviction::Space;
use crate::keyspace::Keyspace;
use crate::object::{Object, Type};
use crate::value::{Head, Item};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::sync::Arc;

/// A value as it comes from the disk.
pub enum Fetched {
    /// A string.
    Str(Vec<u8>),
    /// A collection.
    Object(Object),
}

/// Why a value can't go to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no room; a sweep may make some.
    Full,
    /// The disk has too much to write already, or fails.
    Behind,
    /// It is larger than the disk may hold.
    TooLarge,
}

/// A value as its record has it, which was found undamaged.
pub struct Stored {
    /// What the value is.
    pub of: Type,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// How many they are unpacked, if they are packed.
    pub unpacked: Option<u32>,
}

impl Stored {
    /// A string, or a part of one.
    pub fn string(bytes: Vec<u8>) -> Stored {
        Stored { of: Type::Str, bytes, unpacked: None }
    }
}

/// A value on disk.
pub enum Located {
    /// This one.
    Here(Stored),
    /// The one that the closure reads and checks, on any thread; `None` when that fails.
    There(Box<dyn FnOnce() -> Option<Stored> + Send>),
}

/// A record that a sweep has met.
pub struct Found {
    /// The database that it was written in, or moved to.
    pub space: Space,
    /// The key that it was written under, or renamed to.
    pub key: Box<[u8]>,
    /// Where it lies.
    pub place: Place,
}

/// Some records of a segment that is to go.
pub struct Sweep {
    /// The records.
    pub records: Vec<Found>,
    /// Entries that have become others since their records were written, as that segment tells: it has to be told again.
    pub changed: Vec<Found>,
    /// There is no room for all of them elsewhere: only those that are asked for stay.
    pub scarce: bool,
}

/// What keeps values on disk. All calls come from the thread that owns the keyspace.
pub trait Tier: Send {
    /// Takes a value, with all that an entry has besides it. With `patient` it may wait for the disk a moment.
    fn put(&mut self, space: Space, item: &Item<'_>, patient: bool) -> Result<Place, Refusal>;

    /// The value at a place, if it is a string of that length; `None` when it can't be read or was damaged. `packing` is
    /// for collections.
    fn read(&mut self, place: Place, length: u32, packing: &Packing) -> Option<Fetched>;

    /// The same without waiting for the disk; `None` when it is gone.
    fn locate(&mut self, place: Place, length: u32) -> Option<Located>;

    /// The value that was read and checked.
    fn open(&self, stored: Stored, packing: &Packing) -> Option<Fetched>;

    /// A string at a place, to be read in parts; `None` when it is gone, or compressed.
    fn parts(&mut self, _place: Place) -> Option<Box<dyn Parts>> {
        None
    }

    /// Begins a string that comes in parts; returns its number.
    fn grow(&mut self, _space: Space, _new: &Growing<'_>) -> Result<u32, Refusal> {
        Err(Refusal::TooLarge)
    }

    /// The next bytes of it.
    fn extend(&mut self, _id: u32, _bytes: Vec<u8>) {}

    /// How it stands.
    fn growth(&self, _id: u32) -> Growth {
        Growth::Failed
    }

    /// It has all its bytes.
    fn seal(&mut self, _id: u32) {}

    /// Makes it a record like others, once it is sealed, of an entry in that database.
    fn adopt(&mut self, _id: u32, _space: Space) -> Option<Place> {
        None
    }

    /// It is wanted no more.
    fn abandon(&mut self, _id: u32) {}

    /// Whether the disk has taken something of such a string since the last call.
    fn has_moved(&self) -> bool {
        false
    }

    /// Sets what wakes the thread that owns the keyspace.
    fn set_wake(&mut self, _wake: Arc<dyn Fn() + Send + Sync>) {}

    /// The value at a place is needed no more.
    fn remove(&mut self, place: Place);

    /// The entry of a place is another now, though its value is the same: its expiry, flags, name or database changed.
    fn changed(&mut self, place: Place, space: Space, head: &Head<'_>);

    /// Which database each space is, and that all that one of them held is gone.
    fn spaces(&mut self, dbs: &[u16], flushed: Option<Space>);

    /// The entry of a place has another key now, or is in another database; false when that can't be remembered.
    fn rename(&mut self, place: Place, space: Space, key: &[u8]) -> bool;

    /// The next records of a segment that has to go, if one has. Each is carried on or given up before the next call.
    fn sweep(&mut self) -> Option<Sweep>;

    /// Whether [`Tier::sweep`] would return at once. Where it would have to wait for the disk, that is done meanwhile.
    fn is_ready_to_sweep(&mut self) -> bool {
        true
    }

    /// Has the segments swept of which enough is needed no more, whether or not there is room.
    fn compact(&mut self) {}

    /// Whether that is still to be gone on with, by [`Tier::sweep`].
    fn is_compacting(&mut self) -> bool {
        false
    }

    /// Writes a record of the last sweep elsewhere; `None` where that fails, or where there is no room for one that need
    /// not stay.
    fn carry(&mut self, place: Place, space: Space, head: &Head<'_>, must_stay: bool) -> Option<Place>;

    /// Hands over to the disk what has waited long enough.
    fn tick(&mut self);

    /// Waits until everything is on the medium; else why it can't be.
    fn flush(&mut self) -> Result<(), String>;

    /// Bytes of memory that it takes; those of a value that is in memory and on its way to the disk count there, too.
    fn memory(&self) -> usize;

    /// Sets how many bytes may wait in memory to be written, as far as its own settings allow; returns how many may.
    fn limit_buffer(&mut self, bytes: usize) -> usize;

    /// How it stands.
    fn figures(&self) -> Figures;
}

/// How a [`Tier`] stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Bytes on disk, or about to be written there.
    pub bytes: u64,
    /// The limit of that.
    pub limit: u64,
    /// Bytes of it that are records of values in use.
    pub live_bytes: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes of records that values were written in.
    pub taken_bytes: u64,
    /// Bytes written in all, sweeps included.
    pub written_bytes: u64,
    /// Bytes that compression has saved.
    pub saved_bytes: u64,
    /// Records read that were damaged.
    pub damaged: u64,
    /// Why the disk can't be written at present.
    pub error: Option<String>,
}

/// When a value goes to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// As soon as it is written; it stays in memory, too, as long as there is room.
    Always,
    /// Never.
    Never,
    /// A large one at once, others when memory is short.
    SizeBased,
    /// So, but not where it has little time left.
    TtlBased,
    /// So, and rather drops a value than wait for a disk that is behind.
    Adaptive,
}

impl Strategy {
    /// The strategy of that name.
    pub fn parse(name: &str) -> Option<Strategy> {
        Some(match name {
            "always" => Strategy::Always,
            "never" => Strategy::Never,
            "size_based" => Strategy::SizeBased,
            "ttl_based" => Strategy::TtlBased,
            "adaptive" => Strategy::Adaptive,
            _ => return None,
        })
    }
}

/// The settings of what goes to the disk, and what comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// When values go.
    pub strategy: Strategy,
    /// Values of at least so many bytes go at once.
    pub large: usize,
    /// Smaller ones never go.
    pub least: usize,
    /// A value that is read twice within so many seconds comes back to memory.
    pub window_s: u32,
    /// What little time left is, milliseconds.
    pub least_ttl_ms: i64,
    /// After every batch everything goes to the disk, however small: for tests.
    pub churn: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            strategy: Strategy::SizeBased,
            large: 10 << 10,
            least: 64,
            window_s: 60,
            least_ttl_ms: 5_000,
            churn: false,
        }
    }
}

/// What has happened between memory and disk; callers may set it to zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierStats {
    /// Values read from disk.
    pub hits: u64,
    /// Of these, read while a command waited in vain for anything else.
    pub blocking_hits: u64,
    /// Bytes of records read.
    pub read_bytes: u64,
    /// Values that came back to memory to stay.
    pub promoted: u64,
    /// Values that went to the disk.
    pub demoted: u64,
    /// Of these, so many were there already.
    pub unwritten: u64,
    /// Values that were dropped because the disk did not take them.
    pub refused: u64,
    /// Keys that left because there was no room on the disk, or none for keys in memory.
    pub dropped: u64,
    /// Keys whose record could not be read.
    pub lost: u64,
}

/// The record of a value that is in memory, too.
#[derive(Clone, Copy)]
pub(crate) struct Copied {
    pub place: Place,
    /// It becomes cold again after the batch; the policy doesn't know it.
    pub passing: bool,
    /// As in [`Cold`].
    pub hit: u32,
}

/// The keyspace's part of the tier.
pub(crate) struct Tiered {
    pub disk: Box<dyn Tier>,
    pub rules: Rules,
    pub stats: TierStats,
    /// By the addresses of copied entries.
    copies: HashMap<usize, Copied, FixedState>,
    /// Entries that are to become cold again after the batch.
    passing: Vec<(Space, Box<[u8]>)>,
    /// Entries to be looked at after the batch: they may have to go to the disk.
    written: Vec<(Space, Box<[u8]>)>,
    /// Entries whose value is on disk only.
    cold: usize,
    /// Memory set aside for what is still to be written.
    buffer: usize,
}

/// The part of the memory that is set aside for what is still to be written, at most.
const BUFFER_PART: u64 = 16;

/// What a line of `copies` takes.
const COPY_BYTES: usize = 48;

impl Keyspace {
    /// Has values go to a disk from now on. Said once, while nothing is stored.
    pub fn set_tier(&mut self, disk: Box<dyn Tier>, rules: Rules) {
        self.eviction.keep_all();
        self.tier = Some(Box::new(Tiered {
            disk,
            rules,
            stats: TierStats::default(),
            copies: HashMap::default(),
            passing: Vec::new(),
            written: Vec::new(),
            cold: 0,
            buffer: 0,
        }));
        self.limit_tier_buffer();
        self.tell_spaces(None);
    }

    /// Tells the disk which database each space is, and that one was emptied.
    pub(crate) fn tell_spaces(&mut self, flushed: Option<Space>) {
        if let Some(tier) = &mut self.tier {
            tier.disk.spaces(&self.db_of_space, flushed);
        }
    }

    /// Tells the disk that an entry with a record is another now.
    #[cold]
    pub(crate) fn tell_changed(&mut self, db: usize, entry: EntryPtr) {
        let Some(place) = self.place_of(entry) else { return };
        let space = self.dbs[db].space;
        if let Some(tier) = &mut self.tier {
            tier.disk.changed(place, space, &Head::new(entry));
        }
    }

    /// Whether values may lie on disk.
    #[inline]
    pub fn has_tier(&self) -> bool {
        self.tier.is_some()
    }

    /// Changes the rules.
    pub fn set_tier_rules(&mut self, change: impl FnOnce(&mut Rules)) {
        if let Some(tier) = &mut self.tier {
            change(&mut tier.rules);
        }
    }

    /// The rules.
    pub fn tier_rules(&self) -> Option<Rules> {
        self.tier.as_ref().map(|tier| tier.rules)
    }

    /// The disk behind the memory.
    pub fn tier_disk(&mut self) -> Option<&mut (dyn Tier + 'static)> {
        self.tier.as_mut().map(|tier| &mut *tier.disk)
    }

    /// How the disk stands, what has happened, and how many entries are cold, and how many copied.
    pub fn tier_state(&self) -> Option<(Figures, TierStats, usize, usize)> {
        let tier = self.tier.as_ref()?;
        Some((tier.disk.figures(), tier.stats, tier.cold, tier.copies.len()))
    }

    /// Bytes that the tier takes from memory.
    #[inline]
    pub(crate) fn tier_bytes(&self) -> usize {
        self.tier.as_ref().map_or(0, |tier| tier.disk.memory() + tier.copies.len() * COPY_BYTES)
    }

    /// The same as the limit of memory counts it: what waits to be written has a share of its own, for else every value
    /// that leaves would call for another one to leave until it is written.
    #[inline]
    pub(crate) fn tier_share(&self) -> usize {
        self.tier.as_ref().map_or(0, |tier| tier.buffer + tier.copies.len() * COPY_BYTES)
    }

    /// Sets that share by the limit of memory.
    pub(crate) fn limit_tier_buffer(&mut self) {
        let share = if self.maxmemory == 0 { u64::MAX } else { self.maxmemory / BUFFER_PART };
        if let Some(tier) = &mut self.tier {
            tier.buffer = tier.disk.limit_buffer(usize::try_from(share).unwrap_or(usize::MAX));
        }
    }

    /// The record of an entry that is about to be freed, or to get another value.
    #[cold]
    pub(crate) fn forget_record(&mut self, entry: EntryPtr) {
        let Some(tier) = &mut self.tier else { return };
        if entry.is_cold() {
            tier.cold -= 1;
            tier.disk.remove(entry.cold().place);
        } else if let Some(copied) = tier.copies.remove(&entry.addr()) {
            tier.disk.remove(copied.place);
        }
    }

    /// A copied value is about to change: its record is worth nothing any more, and it is as hot as any other.
    #[cold]
    pub(crate) fn spoil(&mut self, db: usize, entry: EntryPtr) {
        let Some(copied) = self.tier.as_mut().and_then(|tier| tier.copies.remove(&entry.addr())) else {
            return;
        };
        entry.set_copied(false);
        if let Some(tier) = &mut self.tier {
            tier.disk.remove(copied.place);
        }
        if entry.slot() == 0 {
            self.enlist(db, self.hash(entry.key()), entry);
        }
    }

    /// Gives the policy an entry that it does not know; recency and frequency stay.
    pub(crate) fn enlist(&mut self, db: usize, hash: u64, entry: EntryPtr) {
        let word = entry.clock_freq();
        self.eviction.on_insert(entry, self.dbs[db].space, hash);
        entry.set_clock_freq(word);
    }

    /// An entry lives on at another address.
    #[inline]
    pub(crate) fn follow_copy(&mut self, old: EntryPtr, new: EntryPtr) {
        if old.is_copied()
            && let Some(tier) = &mut self.tier
            && let Some(copied) = tier.copies.remove(&old.addr())
        {
            new.set_copied(true);
            tier.copies.insert(new.addr(), copied);
        }
    }

    /// The place of an entry's record.
    pub(crate) fn place_of(&self, entry: EntryPtr) -> Option<Place> {
        if entry.is_cold() {
            return Some(entry.cold().place);
        }
        let tier = self.tier.as_ref().filter(|_| entry.is_copied())?;
        tier.copies.get(&entry.addr()).map(|copied| copied.place)
    }

    /// An entry is about to get another key, or to come into another database. Where its record can't follow, the value
    /// comes to memory first; `None` when that fails, and the key is gone.
    pub(crate) fn readdress(
        &mut self,
        db: usize,
        entry: EntryPtr,
        to_db: usize,
        key: &[u8],
    ) -> Option<EntryPtr> {
        let Some(place) = self.place_of(entry) else {
            return Some(entry);
        };
        let space = self.dbs[to_db].space;
        if self.tier.as_mut().is_some_and(|tier| tier.disk.rename(place, space, key)) {
            return Some(entry);
        }
        let hash = self.hash(entry.key());
        let entry = if entry.is_cold() { self.fetch(db, hash, entry)? } else { entry };
        self.spoil(db, entry);
        Some(entry)
    }
}
