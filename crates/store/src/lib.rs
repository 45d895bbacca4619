//! The keyspace of dozo: databases of keys and values in memory, their expiry, their eviction and their exact size.
//!
//! Owns every byte of data and the one table that finds it. Knows nothing of protocols, sockets or commands: time comes
//! in through [`Keyspace::set_now`], and what left the keyspace on its own goes out through [`Keyspace::take_removed`].

mod entry;
pub mod eviction;
mod keyspace;
mod value;

pub use entry::EntryPtr;
pub use eviction::PolicyKind;
pub use keyspace::{
    EvictOutcome, Keyspace, Overhead, PutOutcome, Reason, Removed, StoreConfig, StoreStats,
};
pub use value::{Access, Item, Mark, NewValue, Put, Shared, Str, Ttl, Value};

/// Re-exported because [`Str::as_bytes`] formats integers into its buffer.
pub use itoa;
