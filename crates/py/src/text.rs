//! Small byte functions that Python commands need at full speed: globbing and two checksums.

pub use dozo_engine::glob;
use pyo3::prelude::*;

/// Redis's glob: `*`, `?`, `[a-z]`, `[^a]` and backslash.
#[pyfunction]
#[pyo3(signature = (pattern, text, nocase=false))]
pub fn glob_match(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    if !nocase {
        return glob(pattern, text);
    }
    glob(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase())
}

/// CRC-64 as in RDB files and DUMP payloads.
#[pyfunction]
pub fn crc64(data: &[u8]) -> u64 {
    dozo_log::crc64::crc64(data)
}

/// XXH3, 64 bits, seed 0.
#[pyfunction]
pub fn xxh3_64(data: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(data)
}
