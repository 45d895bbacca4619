//! The keyspace (skeleton: signatures only).
#![allow(unused_variables, missing_docs, clippy::all)]
use crate::eviction::PolicyKind;
use crate::value::{Access, Item, Mark, Put};

#[derive(Clone, Debug)]
pub struct StoreConfig {
    pub databases: usize,
    pub hash_seed: u64,
    pub maxmemory: u64,
    pub policy: PolicyKind,
    pub samples: u32,
    pub lfu_log_factor: u32,
    pub lfu_decay_minutes: u32,
}
impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig {
            databases: 16,
            hash_seed: 0,
            maxmemory: 0,
            policy: PolicyKind::NoEviction,
            samples: 5,
            lfu_log_factor: 10,
            lfu_decay_minutes: 1,
        }
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutOutcome {
    pub replaced: bool,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvictOutcome {
    Ok,
    Nothing,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Expired,
    Evicted,
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    pub db: usize,
    pub key: Box<[u8]>,
    pub reason: Reason,
}
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreStats {
    pub hits: u64,
    pub misses: u64,
    pub expired: u64,
    pub expired_time_cap_reached: u64,
    pub evicted: u64,
}
/// Bytes that are not entries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overhead {
    pub tables: u64,
    pub volatile: u64,
    pub policy: u64,
}
pub struct Keyspace {
    pub stats: StoreStats,
}
impl Keyspace {
    pub fn new(config: StoreConfig) -> Self {
        Keyspace {
            stats: StoreStats::default(),
        }
    }
    pub fn set_now(&mut self, unix_ms: i64) {}
    pub fn now(&self) -> i64 {
        0
    }
    pub fn databases(&self) -> usize {
        16
    }
    pub fn hash(&self, key: &[u8]) -> u64 {
        0
    }
    pub fn prefetch(&self, db: usize, hash: u64) {}
    pub fn prefetch_entry(&self, db: usize, hash: u64) {}
    pub fn get(&mut self, db: usize, key: &[u8], access: Access) -> Option<Item<'_>> {
        None
    }
    pub fn get_hashed(
        &mut self,
        db: usize,
        hash: u64,
        key: &[u8],
        access: Access,
    ) -> Option<Item<'_>> {
        None
    }
    pub fn put(&mut self, db: usize, key: &[u8], put: Put<'_>) -> PutOutcome {
        PutOutcome { replaced: false }
    }
    pub fn put_hashed(&mut self, db: usize, hash: u64, key: &[u8], put: Put<'_>) -> PutOutcome {
        PutOutcome { replaced: false }
    }
    pub fn remove(&mut self, db: usize, key: &[u8]) -> bool {
        false
    }
    pub fn remove_hashed(&mut self, db: usize, hash: u64, key: &[u8]) -> bool {
        false
    }
    pub fn append(&mut self, db: usize, key: &[u8], data: &[u8]) -> usize {
        0
    }
    pub fn prepend(&mut self, db: usize, key: &[u8], data: &[u8]) -> usize {
        0
    }
    pub fn set_range(&mut self, db: usize, key: &[u8], offset: usize, data: &[u8]) -> usize {
        0
    }
    pub fn set_int(&mut self, db: usize, key: &[u8], value: i64) {}
    pub fn set_int_hashed(&mut self, db: usize, hash: u64, key: &[u8], value: i64) {}
    pub fn set_expire(&mut self, db: usize, key: &[u8], at: Option<i64>) -> bool {
        false
    }
    pub fn cas(&mut self, db: usize, key: &[u8]) -> Option<u64> {
        None
    }
    pub fn set_cas(&mut self, db: usize, key: &[u8], cas: u64) {}
    pub fn set_flags(&mut self, db: usize, key: &[u8], flags: u32) {}
    pub fn mark(&mut self, db: usize, key: &[u8], mark: Mark) {}
    pub fn rename(&mut self, db: usize, from: &[u8], to: &[u8]) -> bool {
        false
    }
    pub fn move_key(&mut self, db: usize, key: &[u8], to_db: usize) -> bool {
        false
    }
    pub fn copy(&mut self, db: usize, from: &[u8], to_db: usize, to: &[u8]) -> bool {
        false
    }
    pub fn len(&self, db: usize) -> usize {
        0
    }
    pub fn volatile_len(&self, db: usize) -> usize {
        0
    }
    pub fn avg_ttl_ms(&self, db: usize) -> i64 {
        0
    }
    pub fn flush(&mut self, db: usize) -> usize {
        0
    }
    pub fn flush_all(&mut self) -> usize {
        0
    }
    pub fn swap(&mut self, a: usize, b: usize) {}
    pub fn random_key(&mut self, db: usize) -> Option<Vec<u8>> {
        None
    }
    pub fn scan(
        &mut self,
        db: usize,
        cursor: u64,
        count: usize,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> u64 {
        0
    }
    pub fn for_each(&self, db: usize, visit: &mut dyn FnMut(Item<'_>)) {}
    pub fn active_expire(&mut self, max_items: usize) -> usize {
        0
    }
    pub fn free_step(&mut self, max_entries: usize) -> bool {
        false
    }
    pub fn evict(&mut self, needed: u64) -> EvictOutcome {
        EvictOutcome::Ok
    }
    pub fn used_memory(&self) -> u64 {
        0
    }
    pub fn overhead(&self) -> Overhead {
        Overhead::default()
    }
    pub fn maxmemory(&self) -> u64 {
        0
    }
    pub fn set_maxmemory(&mut self, bytes: u64) {}
    pub fn policy(&self) -> PolicyKind {
        PolicyKind::NoEviction
    }
    pub fn set_policy(
        &mut self,
        kind: PolicyKind,
        samples: u32,
        lfu_log_factor: u32,
        lfu_decay_minutes: u32,
    ) {
    }
    pub fn memory_usage(&self, db: usize, key: &[u8]) -> Option<usize> {
        None
    }
    pub fn frequency(&mut self, db: usize, key: &[u8]) -> Option<u8> {
        None
    }
    pub fn dirty(&self) -> u64 {
        0
    }
    pub fn has_removed(&self) -> bool {
        false
    }
    pub fn take_removed(&mut self) -> Vec<Removed> {
        Vec::new()
    }
}
