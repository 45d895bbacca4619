//! Values that come to the disk in parts, and never lie in memory whole.

use super::{Cold, Encoding, Refusal, Strategy};
use crate::entry::{Draft, EntryPtr, Fields, Payload};
use crate::keyspace::Keyspace;
use crate::object::Type;
use crate::value::Put;

/// A string that is to come in parts, and what its entry will have besides.
pub struct Growing<'a> {
    /// Its key.
    pub key: &'a [u8],
    /// memcached's flags.
    pub flags: u32,
    /// When it expires, unix ms.
    pub expire_at: Option<i64>,
    /// Its length.
    pub len: u64,
}

/// How a string stands that comes in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// More may come; so many bytes wait to be written.
    Open {
        /// Bytes.
        waiting: usize,
    },
    /// It is whole on disk.
    Sealed,
    /// It can't be written.
    Failed,
}

/// A string that is read in parts, from its beginning to its end. It stays readable when its key gets another value.
pub trait Parts: Send {
    /// The next so many bytes, or fewer at the end, in that buffer. `None` when they can't be read or the record is
    /// damaged, which is known before its last part is handed out.
    ///
    /// The buffer comes from whoever frees it, as allocators are slow to give back what one thread takes and another frees.
    fn next(&mut self, bytes: usize, buffer: Vec<u8>) -> Option<Vec<u8>>;
}

/// Shorter strings that come in parts go by memory: a file each would cost more.
const DISK_LEAST: u64 = 1 << 20;
/// Steps of a sweep that a string which finds no room may cause at once.
const SWEEPS_FOR_ROOM: usize = 4;

impl Keyspace {
    /// Whether a string of that length goes to the disk as it comes.
    pub fn streams_to_disk(&self, len: u64) -> bool {
        let large = |rules: super::Rules| {
            rules.strategy != Strategy::Never && len >= (rules.large as u64).max(DISK_LEAST)
        };
        self.tier_rules().is_some_and(large)
    }

    /// Begins a string on disk. [`Refusal::Full`] may pass, as room is made from now on.
    pub fn grow(&mut self, db: usize, new: &Growing<'_>) -> Result<u32, Refusal> {
        let space = self.dbs[db].space;
        for _ in 0..SWEEPS_FOR_ROOM {
            let Some(tier) = &mut self.tier else { return Err(Refusal::Behind) };
            match tier.disk.grow(space, new) {
                Err(Refusal::Full) if self.sweep_some() => {}
                outcome => return outcome,
            }
        }
        Err(Refusal::Full)
    }

    /// Gives a key the string of that number, which is whole on disk; false when it is not. Only the expiry and the flags
    /// of `put` count.
    pub fn put_grown(&mut self, db: usize, key: &[u8], put: Put<'_>, id: u32, len: u64) -> bool {
        // Databases may have been swapped since it began.
        let space = self.dbs[db].space;
        let Some(place) = self.tier.as_mut().and_then(|tier| tier.disk.adopt(id, space)) else {
            return false;
        };
        let hash = self.hash(key);
        let old = self.live(db, hash, key);
        let cas = old.map_or(0, |old| self.next_cas_of(old));
        if let Some(old) = old {
            self.unlink(db, hash, old);
            self.bury(old);
        }
        // The index in the list of keys that expire is the one that is free after the old entry has left it.
        let expiry = self.expiry_for(db, put.ttl, None);
        let cold = Cold {
            place,
            length: u32::try_from(len).unwrap_or(u32::MAX),
            hit: 0,
            of: Type::Str,
            encoding: Encoding::Raw,
            due: None,
        };
        let fields = Fields { expiry, flags: put.flags.unwrap_or(0), cas };
        let entry = EntryPtr::create(Draft { key, fields, payload: Payload::Cold(cold), raw: true });
        self.link(db, hash, entry);
        if let Some(tier) = &mut self.tier {
            tier.cold += 1;
        }
        // A segment of its own says nothing of itself: the log does.
        self.tell_changed(db, entry);
        self.note_change(db, key);
        true
    }

    /// A string on disk is read where it lies.
    pub fn note_streamed(&mut self, db: usize, key: &[u8]) {
        let now = (self.now / 1000) as u32;
        let Some(entry) = self.dbs[db].table.find(self.hash(key), key).filter(|entry| entry.is_cold()) else {
            return;
        };
        let mut cold = entry.cold();
        cold.hit = now.max(1);
        entry.set_cold(&cold);
        if let Some(tier) = &mut self.tier {
            tier.stats.hits += 1;
            tier.stats.read_bytes += u64::from(cold.place.len);
        }
    }

    /// Counts bytes of a value that comes in parts to memory.
    pub fn add_stream_bytes(&mut self, bytes: usize) {
        self.stream_bytes += bytes;
    }

    /// Counts them no more: they have become a value, or were thrown away.
    pub fn drop_stream_bytes(&mut self, bytes: usize) {
        self.stream_bytes -= bytes.min(self.stream_bytes);
    }
}
