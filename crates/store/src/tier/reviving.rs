//! Entries that come back from the disk of an earlier run: their values stay there.
//!
//! Owns how an entry is made of what a log says of it. Refuses to judge which of a log's lines still hold.

use super::{Cold, Encoding, Place, Rules, Tier};
use crate::attributes::UNTOLD;
use crate::entry::{Draft, EntryPtr, Expiry, Fields, Payload};
use crate::eviction::Space;
use crate::keyspace::Keyspace;
use crate::object::Type;
use crate::value::{Head, Mark};

/// All that is known of an entry whose value lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revived<'a> {
    /// Its database, as the policy names it.
    pub space: Space,
    /// Its key.
    pub key: &'a [u8],
    /// Where the value lies.
    pub place: Place,
    /// The type of the value.
    pub of: Type,
    /// The form that it had in memory.
    pub encoding: Encoding,
    /// The length of a string in bytes.
    pub length: u32,
    /// The unix time in milliseconds at which the key expires.
    pub expire_at: Option<i64>,
    /// When the next element of the value expires.
    pub due: Option<i64>,
    /// The memcached flags.
    pub flags: u32,
    /// The compare-and-swap number that clients were told; 0 when none was.
    pub cas: u64,
    /// Whether the value was marked stale.
    pub stale: bool,
}

impl<'a> Revived<'a> {
    /// What an entry says of itself, whose value lies at `place`.
    pub fn of_head(space: Space, place: Place, head: &Head<'a>) -> Revived<'a> {
        Revived {
            space,
            key: head.key(),
            place,
            of: head.type_of(),
            encoding: Encoding::parse(head.encoding()).unwrap_or(Encoding::Raw),
            length: head.string_len().map_or(0, |len| u32::try_from(len).unwrap_or(u32::MAX)),
            expire_at: head.expire_at(),
            due: head.due(),
            flags: head.flags(),
            cas: head.cas(),
            stale: head.stale(),
        }
    }
}

/// What became of an entry that a log tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revival {
    /// It is there.
    Taken,
    /// Its time is over.
    Expired,
    /// A later one of the same key is there, or there is no such database.
    Refused,
}

impl Keyspace {
    /// Gives the databases the places that they had: the number of each space's database. False when that is no order of
    /// the databases that there are; then nothing of the log can be told apart. Said while nothing is stored.
    pub fn revive_spaces(&mut self, dbs: &[u16]) -> bool {
        let mut seen = vec![false; self.dbs.len()];
        for db in dbs {
            match seen.get_mut(usize::from(*db)) {
                Some(place) if !*place => *place = true,
                _ => return false,
            }
        }
        if dbs.len() != self.dbs.len() {
            return false;
        }
        for (space, db) in dbs.iter().enumerate() {
            self.dbs[usize::from(*db)].space = space as Space;
        }
        self.db_of_space = dbs.to_vec();
        true
    }

    /// The database that a space is.
    pub fn db_of(&self, space: Space) -> Option<usize> {
        self.db_of_space.get(usize::from(space)).map(|db| usize::from(*db))
    }

    /// Makes room for so many more keys in a space's database.
    pub fn expect_revived(&mut self, space: Space, keys: usize) {
        if let Some(db) = self.db_of_space.get(usize::from(space)) {
            let database = &mut self.dbs[usize::from(*db)];
            let before = database.index_bytes();
            database.table.reserve(keys);
            self.index_bytes = self.index_bytes + database.index_bytes() - before;
        }
    }

    /// Fetches the place in the table of an entry that is to come into the cache.
    pub fn prefetch_revived(&self, found: &Revived<'_>) {
        if let Some(db) = self.db_of(found.space) {
            self.prefetch(db, self.hash(found.key));
        }
    }

    /// Adds an entry whose value lies on disk; the first one of a key is the one that counts.
    pub fn revive(&mut self, found: &Revived<'_>) -> Revival {
        if found.expire_at.is_some_and(|at| at <= self.now) {
            return Revival::Expired;
        }
        let Some(db) = self.db_of(found.space) else {
            return Revival::Refused;
        };
        let hash = self.hash(found.key);
        if self.dbs[db].table.find(hash, found.key).is_some() {
            return Revival::Refused;
        }
        let index = self.dbs[db].volatile.next_index();
        let expiry = found.expire_at.map(|at| Expiry { at, index });
        let cold = Cold {
            place: found.place,
            length: found.length,
            hit: 0,
            of: found.of,
            encoding: found.encoding,
            due: found.due,
        };
        let cas = found.cas & !UNTOLD;
        let fields = Fields { expiry, flags: found.flags, cas };
        let raw = found.encoding == Encoding::Raw;
        let entry = EntryPtr::create(Draft { key: found.key, fields, payload: Payload::Cold(cold), raw });
        self.last_cas = self.last_cas.max(cas);
        self.link(db, hash, entry);
        self.dirty += 1;
        if found.stale {
            self.mark(db, found.key, Mark::Stale(true));
        }
        Revival::Taken
    }

    /// [`Keyspace::set_tier`] for a disk from which the entries that there are have been revived.
    pub fn set_revived_tier(&mut self, disk: Box<dyn Tier>, rules: Rules) {
        let keys = self.dbs.iter().map(|db| db.table.len()).sum();
        self.set_tier(disk, rules);
        if let Some(tier) = &mut self.tier {
            tier.cold = keys;
        }
    }
}
