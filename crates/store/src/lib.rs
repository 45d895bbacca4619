//! The keyspace of dozo: databases of keys and values in memory, their expiry, their eviction and their exact size.
//!
//! Owns every byte of data and the one table that finds it. Knows nothing of protocols, sockets or commands: time comes
//! in through [`Keyspace::set_now`], and what left the keyspace on its own goes out through [`Keyspace::take_notices`].

mod algebra;
mod attributes;
pub mod bits;
mod changes;
mod chunked;
pub mod collections;
mod detached;
mod double;
mod entry;
pub mod eviction;
mod expiry;
mod field_expiry;
pub mod geo;
mod hashing;
pub mod hyperloglog;
mod keyspace;
mod memory;
mod object;
mod objects;
mod relocation;
mod saving;
mod scan;
mod segment;
mod size_class;
mod sort;
mod strings;
mod table;
mod tagged;
pub mod tier;
mod value;
mod volatile;

pub use algebra::SetOperation;
pub use changes::{ChangeLog, Changed};
pub use collections::{
    Aggregate, Collection, End, Hash, LexBound, List, Packing, Set, Source, Stream, Zset, ZsetOperation,
};
pub use double::{c_number, parse_c_double, parse_double, strtod};
pub use eviction::PolicyKind;
pub use hashing::Random;
pub use keyspace::{Keyspace, Notice, Reason, StoreConfig, StoreStats};
pub use memory::{EvictOutcome, Overhead};
pub use object::{Object, Type};
pub use objects::WrongType;
pub use saving::Saver;
pub use sort::{Sort, SortError};
pub use strings::PutOutcome;
pub use value::{Access, Head, Item, Mark, NewValue, Put, Shared, Str, Ttl, Value};

/// Re-exported because [`Str::as_bytes`] formats integers into its buffer.
pub use itoa;
