//! After a start: values that were wanted in an earlier run come to memory before anybody asks for them.
//!
//! Owns the list of them, and which ones a walk over the present ones has found hot. The readers'
//! threads bring a few at a time, behind nobody: what a client waits for is asked of the same threads, and stands in the
//! same queue. Refuses to decide which values are wanted, and how much memory they may take.

use std::collections::{HashMap, VecDeque};

use dozo_store::tier::{Located, Place, Stored};

use crate::engine::Engine;

/// Values on their way at a time, and their bytes.
const FLYING: usize = 4;
const FLYING_BYTES: usize = 4 << 20;
/// Values that are put in their places without a reader between two batches.
const SLICE: usize = 64;

/// A value on its way.
struct Flying {
    db: usize,
    key: Box<[u8]>,
    place: Place,
}

/// What is still to come to memory.
#[derive(Default)]
pub(crate) struct Warming {
    /// Spaces and keys, the most wanted first.
    wanted: VecDeque<(u16, Box<[u8]>)>,
    flying: HashMap<u64, Flying>,
    flying_bytes: usize,
    /// Bytes of memory up to which values are brought; 0 brings none.
    up_to: u64,
    /// Values that were brought.
    pub done: u64,
}

/// The hottest values that a walk has met: heat, segment and place.
#[derive(Default)]
pub(crate) struct Heat {
    found: Vec<(u32, u32, u32)>,
}

impl Heat {
    fn cut(&mut self, most: usize) {
        if self.found.len() > most {
            self.found.select_nth_unstable_by(most, |a, b| b.cmp(a));
            self.found.truncate(most);
        }
    }
}

impl Warming {
    pub(crate) fn want(&mut self, wanted: Vec<(u16, Box<[u8]>)>) {
        self.wanted = wanted.into();
    }

    /// Values that are still to be brought.
    pub(crate) fn left(&self) -> usize {
        self.wanted.len() + self.flying.len()
    }

    /// Whether a ticket is that of a value which nobody has asked for.
    pub(crate) fn is_flying(&self, ticket: u64) -> bool {
        self.flying.contains_key(&ticket)
    }

    fn end(&mut self) {
        self.wanted = VecDeque::new();
    }
}

impl Engine {
    /// Looks at about `count` entries of a database from `cursor` on for hot values; the next cursor, 0 after the last.
    pub fn find_heat(&mut self, db: usize, cursor: u64, count: usize, most: usize) -> u64 {
        let found = &mut self.heat.found;
        let next = self.ks.heat(db, cursor, count, &mut |heat, place| {
            found.push((heat, place.segment, place.at));
        });
        if self.heat.found.len() > 2 * most {
            self.heat.cut(most);
        }
        next
    }

    /// Where the records of the hottest values lie that were found since the last call, the hottest first: segment and
    /// place, four bytes each.
    pub fn take_heat(&mut self, most: usize) -> Vec<u8> {
        let mut heat = std::mem::take(&mut self.heat);
        heat.cut(most);
        heat.found.sort_unstable_by(|a, b| b.cmp(a));
        let places = heat.found.iter().flat_map(|(_, segment, at)| [segment.to_le_bytes(), at.to_le_bytes()]);
        places.flatten().collect()
    }

    /// Brings wanted values to memory until that takes so many bytes; 0 brings no more.
    pub fn warm_up_to(&mut self, bytes: u64) {
        self.warming.up_to = bytes;
        if bytes == 0 {
            self.warming.end();
        }
    }

    /// Values that were brought, and those that are still to be.
    pub fn warming_state(&self) -> (u64, usize) {
        (self.warming.done, self.warming.left())
    }

    /// Has the readers bring the next values.
    pub(crate) fn warm_on(&mut self) {
        if self.warming.wanted.is_empty() || self.warming.up_to == 0 || self.is_loading() {
            return;
        }
        if self.fetching.readers.is_none() || self.ks.used_memory() + self.ks.reserved() >= self.warming.up_to
        {
            return self.warming.end();
        }
        for _ in 0..SLICE {
            if self.warming.flying.len() >= FLYING || self.warming.flying_bytes >= FLYING_BYTES {
                return;
            }
            let Some((space, key)) = self.warming.wanted.pop_front() else { return };
            self.ask_to_warm(space, key);
        }
    }

    fn ask_to_warm(&mut self, space: u16, key: Box<[u8]>) {
        let Some(db) = self.ks.db_of(space) else { return };
        let Some(place) = self.ks.cold_place(db, &key) else { return };
        match self.ks.locate(db, &key, place) {
            None => {}
            Some(Located::Here(stored)) => {
                self.warming.done += u64::from(self.ks.warm_up(db, &key, place, stored));
            }
            Some(Located::There(job)) => {
                let Some(readers) = &self.fetching.readers else { return };
                self.warming.flying_bytes += place.len as usize;
                self.warming.flying.insert(readers.read(job), Flying { db, key, place });
            }
        }
    }

    /// Takes a value that was brought, if nobody has waited for it.
    pub(crate) fn take_warm(&mut self, ticket: u64, stored: Option<Stored>) {
        let Some(Flying { db, key, place }) = self.warming.flying.remove(&ticket) else { return };
        self.warming.flying_bytes -= place.len as usize;
        if let Some(stored) = stored {
            self.warming.done += u64::from(self.ks.warm_up(db, &key, place, stored));
        }
    }
}
