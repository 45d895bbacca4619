//! The types that hold more than one string: one file or folder a type, all behind [`Collection`].

mod block;
mod cells;
mod hash;
mod ints;
mod list;
mod packed;
mod record;
mod records;
mod set;
pub mod stream;
mod zset;

pub use hash::Hash;
pub use list::{End, List};
pub use set::Set;
pub use stream::Stream;
pub(crate) use zset::count_common;
pub use zset::{Aggregate, LexBound, Pairs, Source, Zset, ZsetOperation};

use crate::object::{Object, Type};

/// What the keyspace asks of every collection. A value is at most 16 bytes long, so that it lies in its entry.
pub trait Collection: Sized + Send {
    /// Its type.
    const TYPE: Type;

    /// Whether nothing is in it; the keyspace then removes the key, unless the type may be empty (streams say false).
    fn is_empty(&self) -> bool;

    /// Bytes taken from the allocator, in the allocator's classes; a running sum, so that asking costs nothing.
    fn memory(&self) -> usize;

    /// The name that OBJECT ENCODING answers.
    fn encoding(&self) -> &'static str;

    /// About how many allocations it takes to free the value.
    fn weight(&self) -> usize;

    /// Frees about `max` allocations; true while more are left. Afterwards the value is only freed further.
    fn free_some(&mut self, max: usize) -> bool;

    /// A copy that shares nothing (COPY).
    #[must_use]
    fn duplicate(&self) -> Self;

    /// The collection as a value to be put.
    fn into_object(self) -> Object;

    /// When the next of its elements expires, as unix time in milliseconds.
    fn next_due(&self) -> Option<i64> {
        None
    }
}

/// Up to where a value keeps its small form. The names are those of Redis's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// `hash-max-listpack-entries`
    pub hash_max_entries: u32,
    /// `hash-max-listpack-value`, bytes
    pub hash_max_value: u32,
    /// `set-max-intset-entries`
    pub set_max_intset: u32,
    /// `set-max-listpack-entries`
    pub set_max_entries: u32,
    /// `set-max-listpack-value`, bytes
    pub set_max_value: u32,
    /// `zset-max-listpack-entries`
    pub zset_max_entries: u32,
    /// `zset-max-listpack-value`, bytes
    pub zset_max_value: u32,
    /// `list-max-listpack-size`: elements of a block, or when negative -1 to -5 for 4 to 64 KB
    pub list_max_size: i32,
    /// `list-compress-depth`; kept for CONFIG, lists are not compressed
    pub list_compress_depth: u32,
    /// `stream-node-max-bytes`; 0 is no limit
    pub stream_node_max_bytes: u32,
    /// `stream-node-max-entries`; 0 is no limit
    pub stream_node_max_entries: u32,
}

impl Default for Packing {
    fn default() -> Self {
        Packing {
            hash_max_entries: 128,
            hash_max_value: 64,
            set_max_intset: 512,
            set_max_entries: 128,
            set_max_value: 64,
            zset_max_entries: 128,
            zset_max_value: 64,
            list_max_size: -2,
            list_compress_depth: 0,
            stream_node_max_bytes: 4096,
            stream_node_max_entries: 100,
        }
    }
}

impl Packing {
    /// How many entries an approximate trimming of a stream deletes at most when nothing else is said: 100 blocks.
    pub fn stream_trim_limit(&self) -> u64 {
        match u64::from(self.stream_node_max_entries) * 100 {
            0 => 10_000,
            limit => limit.min(1_000_000),
        }
    }

    /// Sets one threshold by its setting's name; false when there is none of that name.
    pub fn set(&mut self, name: &str, value: i64) -> bool {
        let size = u32::try_from(value).unwrap_or(if value < 0 { 0 } else { u32::MAX });
        match name {
            "hash-max-listpack-entries" => self.hash_max_entries = size,
            "hash-max-listpack-value" => self.hash_max_value = size,
            "set-max-intset-entries" => self.set_max_intset = size,
            "set-max-listpack-entries" => self.set_max_entries = size,
            "set-max-listpack-value" => self.set_max_value = size,
            "zset-max-listpack-entries" => self.zset_max_entries = size,
            "zset-max-listpack-value" => self.zset_max_value = size,
            "list-max-listpack-size" => self.list_max_size = i32::try_from(value).unwrap_or(-2),
            "list-compress-depth" => self.list_compress_depth = size,
            "stream-node-max-bytes" => self.stream_node_max_bytes = size,
            "stream-node-max-entries" => self.stream_node_max_entries = size,
            _ => return false,
        }
        true
    }
}
