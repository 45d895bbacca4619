//! Small byte functions that Python commands need at full speed: globbing, two checksums, LZ4, a string of an RDB file.

pub use dozo_engine::glob;
use dozo_log::lz4;
use dozo_log::reader::Reader;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Redis's glob: `*`, `?`, `[a-z]`, `[^a]` and backslash.
#[pyfunction]
#[pyo3(signature = (pattern, text, nocase=false))]
pub fn glob_match(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    if !nocase {
        return glob(pattern, text);
    }
    glob(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase())
}

/// A number as C's strtod reads it, hexadecimal too, without blanks and not NaN; within a double if so wanted.
#[pyfunction]
#[pyo3(signature = (text, bounded=true))]
pub fn parse_float(text: &[u8], bounded: bool) -> Option<f64> {
    if bounded {
        dozo_store::parse_double(text)
    } else {
        dozo_store::strtod(text).filter(|value| !value.is_nan())
    }
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

/// The string that begins at `at` in an RDB file, compressed or not, and where it ends; ValueError if there is none.
#[pyfunction]
pub fn rdb_string<'py>(py: Python<'py>, data: &[u8], at: usize) -> PyResult<(Bound<'py, PyBytes>, usize)> {
    let mut reader = Reader::new(data.get(at..).unwrap_or_default());
    let text = reader.string().map_err(|_| PyValueError::new_err("no string"))?;
    Ok((PyBytes::new(py, &text.to_vec()), at + reader.offset()))
}

/// These bytes in the form that a store keeps compressed values in; `None` where that is hardly shorter.
#[pyfunction]
pub fn lz4_pack<'py>(py: Python<'py>, data: &[u8]) -> Option<Bound<'py, PyBytes>> {
    lz4::pack_sized(data).map(|packed| PyBytes::new(py, &packed))
}

/// The bytes that such a form stands for; ValueError where it is damaged.
#[pyfunction]
pub fn lz4_unpack<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let plain = lz4::unpack_sized(data).ok_or_else(|| PyValueError::new_err("this is no LZ4"))?;
    Ok(PyBytes::new(py, &plain))
}
