//! Owns memcached's three protocols: classic text and meta commands (one line grammar) and binary. Refuses to know
//! what is stored: the executor of requests lives in the engine.
//!
//! A connection speaks binary when its first byte is [`binary::REQUEST_MAGIC`], else text.

pub mod base64;
pub mod binary;
pub mod ids;
pub mod meta;
pub mod text;
mod token;

/// The longest key of any memcached protocol, in bytes.
pub const KEY_MAX: usize = 250;

/// The named limits of a request.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one item (key, value and memcached's own header); the value of a larger one is swallowed and answered
    /// "object too large for cache".
    pub max_value: usize,
    /// Bytes of a command line, except of get and gets.
    pub max_line: usize,
    /// Bytes of a get or gets line.
    pub max_get_line: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_value: 1 << 20, max_line: 2048, max_get_line: 16 << 20 }
    }
}

/// What one call of a parser found at the start of the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<T, B> {
    /// A request, and how many bytes it took.
    Complete(T, usize),
    /// More bytes are needed; call again with the same start.
    Incomplete {
        /// The length that the buffer must have before another call can find anything new; 0 when unknown.
        need: usize,
    },
    /// A request that is refused; what to answer, to skip and whether to close.
    Bad(B),
}

/// How a value is to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Always.
    Set,
    /// Only when the key is missing.
    Add,
    /// Only when the key exists.
    Replace,
    /// After the existing value.
    Append,
    /// Before the existing value.
    Prepend,
    /// Only when the item's CAS is the given one.
    Cas,
}

/// What memcached 1.6 counts of an item besides key and value: its header, two terminators and the CAS.
const ITEM_OVERHEAD: usize = 59;

/// Whether an item is within the limit, counted as memcached 1.6 counts it so that both refuse the same values.
fn item_fits(key: usize, flags: u32, value: usize, limits: &Limits) -> bool {
    let flags = if flags == 0 { 0 } else { size_of::<u32>() };
    ITEM_OVERHEAD + key + flags + value <= limits.max_value
}
