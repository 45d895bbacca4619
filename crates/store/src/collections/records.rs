//! Large hashes and sets: a table of records, and the records' expiries in order.
//!
//! Owns the records and the sum of their sizes. The table is that of databases, so growing never touches more than a few
//! hundred records at a time, and scans keep Redis's guarantees. A record whose time is over is hidden from every read; it
//! leaves by [`Records::take_due`], so that its going can be told to journal and replicas.

use super::record::Record;
use crate::hashing::{KeyHasher, Random};
use crate::size_class::class_size;
use crate::table::Table;
use crate::tagged::Keyed;
use std::collections::BTreeSet;

/// A leaf of the ordered set of expiries, and how many it holds: at most, and on the average.
const LEAF: (usize, usize, usize) = (class_size(280), 11, 7);
/// Random records tried before the next best one is taken.
const TRIES: usize = 32;

/// A table of records.
pub(crate) struct Records {
    table: Table<Record>,
    bytes: usize,
    due: BTreeSet<(i64, Box<[u8]>)>,
    due_bytes: usize,
    now: i64,
}

impl Records {
    pub(crate) fn new() -> Self {
        Records { table: Table::new(), bytes: 0, due: BTreeSet::new(), due_bytes: 0, now: i64::MIN }
    }

    /// Number of records, hidden ones included.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    #[inline]
    pub(crate) fn memory(&self) -> usize {
        class_size(size_of::<Self>())
            + self.table.bytes()
            + self.bytes
            + self.due_bytes
            + leaves(self.due.len())
    }

    /// About how many allocations there are.
    pub(crate) fn weight(&self) -> usize {
        self.table.len() + 2 * self.due.len() + 2
    }

    /// Tells the time, by which records are hidden.
    #[inline]
    pub(crate) fn set_now(&mut self, now: i64) {
        self.now = now;
    }

    #[inline]
    fn is_live(&self, record: Record) -> bool {
        self.due.is_empty() || record.expiry().is_none_or(|at| at > self.now)
    }

    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<Record> {
        self.table.find(KeyHasher::of_collections().hash(key), key).filter(|record| self.is_live(*record))
    }

    /// Sets a value and clears the expiry; true when the key is new.
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8]) -> bool {
        let hash = KeyHasher::of_collections().hash(key);
        let Some(old) = self.table.find(hash, key) else {
            self.add(hash, Record::create(key, value, None));
            return true;
        };
        let new = !self.is_live(old);
        if old.expiry().is_some() || !old.set_value(value) {
            self.replace(hash, old, Record::create(key, value, None));
        }
        new
    }

    /// Adds a key without a value; false when it is there.
    pub(crate) fn add_key(&mut self, key: &[u8]) -> bool {
        let hash = KeyHasher::of_collections().hash(key);
        if self.table.find(hash, key).is_some() {
            return false;
        }
        self.add(hash, Record::create(key, &[], None));
        true
    }

    /// Sets a value and leaves the expiry; true when the key is new.
    pub(crate) fn set_keeping(&mut self, key: &[u8], value: &[u8]) -> bool {
        let hash = KeyHasher::of_collections().hash(key);
        match self.table.find(hash, key).filter(|record| self.is_live(*record)) {
            Some(old) if old.expiry().is_some() => {
                if !old.set_value(value) {
                    self.replace(hash, old, Record::create(key, value, old.expiry()));
                }
                false
            }
            _ => self.set(key, value),
        }
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let hash = KeyHasher::of_collections().hash(key);
        let Some(old) = self.table.find(hash, key).filter(|record| self.is_live(*record)) else {
            return false;
        };
        self.discard(hash, old);
        true
    }

    /// Gives a record another expiry, or none; false when the key is missing.
    pub(crate) fn set_expiry(&mut self, key: &[u8], expiry: Option<i64>) -> bool {
        let hash = KeyHasher::of_collections().hash(key);
        let Some(old) = self.table.find(hash, key).filter(|record| self.is_live(*record)) else {
            return false;
        };
        if old.expiry() != expiry {
            self.replace(hash, old, Record::create(key, old.value(), expiry));
        }
        true
    }

    /// The time of the next expiry.
    #[inline]
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whether there are records whose time is over.
    pub(crate) fn has_hidden(&self) -> bool {
        self.next_due().is_some_and(|at| at <= self.now)
    }

    /// Whether the time of every record is over.
    pub(crate) fn is_over(&self, now: i64) -> bool {
        self.due.len() == self.table.len() && self.due.last().is_some_and(|(at, _)| *at <= now)
    }

    /// Removes records whose time is over, no more than `max`, and returns their keys.
    pub(crate) fn take_due(&mut self, max: usize) -> Vec<Box<[u8]>> {
        let mut taken = Vec::new();
        while taken.len() < max && self.next_due().is_some_and(|at| at <= self.now) {
            let Some((_, key)) = self.due.pop_first() else {
                break;
            };
            self.due_bytes -= due_cost(&key);
            let hash = KeyHasher::of_collections().hash(&key);
            if let Some(record) = self.table.find(hash, &key) {
                self.table.remove(hash, record);
                self.bytes -= record.memory();
                record.dispose();
            }
            taken.push(key);
        }
        taken
    }

    /// Every live record once.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Record> + '_ {
        self.table.iter().filter(|record| self.is_live(*record))
    }

    /// Visits about `count` records from `cursor` on and returns the next cursor; 0 starts and ends.
    pub(crate) fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(Record)) -> u64 {
        self.table.scan(cursor, count, &mut |record| {
            if self.is_live(record) {
                visit(record);
            }
        })
    }

    /// A random live record.
    pub(crate) fn random(&self, random: &mut Random) -> Option<Record> {
        (0..TRIES)
            .filter_map(|_| self.table.sample(random.next()))
            .find(|record| self.is_live(*record))
            .or_else(|| self.iter().next())
    }

    /// Takes about `max` records out and frees them; true while there are more.
    pub(crate) fn free_some(&mut self, max: usize) -> bool {
        let mut left = max.max(1);
        while left > 0 && self.due.pop_first().is_some() {
            left -= 1;
        }
        let mut more = true;
        while left > 0 && more {
            let before = self.table.len();
            let bytes = &mut self.bytes;
            more = self.table.drain_segment(&mut |record| {
                *bytes -= record.memory();
                record.dispose();
            });
            left = left.saturating_sub(before - self.table.len() + 1);
        }
        if self.due.is_empty() {
            self.due_bytes = 0;
        }
        more
    }

    fn add(&mut self, hash: u64, record: Record) {
        self.bytes += record.memory();
        self.note_due(record);
        self.table.insert(hash, record, KeyHasher::of_collections());
    }

    fn replace(&mut self, hash: u64, old: Record, new: Record) {
        self.bytes = self.bytes + new.memory() - old.memory();
        self.forget_due(old);
        self.note_due(new);
        self.table.replace(hash, old, new);
        old.dispose();
    }

    fn discard(&mut self, hash: u64, record: Record) {
        self.table.remove(hash, record);
        self.bytes -= record.memory();
        self.forget_due(record);
        record.dispose();
    }

    fn note_due(&mut self, record: Record) {
        if let Some(at) = record.expiry() {
            self.due_bytes += due_cost(record.key());
            self.due.insert((at, record.key().into()));
        }
    }

    fn forget_due(&mut self, record: Record) {
        if let Some(at) = record.expiry()
            && self.due.remove(&(at, Box::from(record.key())))
        {
            self.due_bytes -= due_cost(record.key());
        }
    }
}

impl Clone for Records {
    fn clone(&self) -> Self {
        let mut copy = Records::new();
        copy.now = self.now;
        for record in self.iter() {
            let hash = KeyHasher::of_collections().hash(record.key());
            copy.add(hash, Record::create(record.key(), record.value(), record.expiry()));
        }
        copy
    }
}

/// About what the ordered set of so many expiries takes beside their keys.
fn leaves(count: usize) -> usize {
    let (bytes, most, mean) = LEAF;
    if count <= most { count.min(1) * bytes } else { bytes * count / mean }
}

/// What the key of an expiry takes.
fn due_cost(key: &[u8]) -> usize {
    if key.is_empty() { 0 } else { class_size(key.len()) }
}

/// `count` different ones of `all`, in random order; all of them when they are fewer.
pub(crate) fn shuffled<T>(mut all: Vec<T>, count: usize, random: &mut Random) -> Vec<T> {
    let count = count.min(all.len());
    for at in 0..count {
        let other = at + random.below(all.len() - at);
        all.swap(at, other);
    }
    all.truncate(count);
    all
}

/// `count` different records, for a count well below their number.
pub(crate) fn sampled(records: &Records, count: usize, random: &mut Random) -> Vec<Record> {
    let mut seen = std::collections::HashSet::new();
    let mut picked = Vec::with_capacity(count);
    let mut tries = count * TRIES;
    while picked.len() < count && tries > 0 {
        tries -= 1;
        match records.random(random) {
            Some(record) if seen.insert(record.address()) => picked.push(record),
            _ => {}
        }
    }
    if picked.len() < count {
        let rest = records.iter().filter(|record| !seen.contains(&record.address()));
        picked.extend(rest.take(count - picked.len()).collect::<Vec<_>>());
    }
    picked
}
