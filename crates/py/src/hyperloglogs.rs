//! `HyperLogLogs`: counters of distinct elements, as a running command sees them.

use dozo_engine::Cx;
use dozo_store::hyperloglog::{self as counter, Corrupt, REGISTERS};
use dozo_store::{Access, Shared, itoa};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::context;
use crate::database::{reply_error, string};

const NOT_A_COUNTER: &str = "WRONGTYPE Key is not a valid HyperLogLog string value.";
const CORRUPT: &str = "INVALIDOBJ Corrupted HLL object detected";

/// The HyperLogLogs of one database.
#[pyclass(frozen, module = "dozo._kernel")]
pub struct HyperLogLogs {
    /// `None` is the database that the client has selected.
    pub index: Option<usize>,
}

/// Whether there is no such key; an error where it holds something else than a counter.
fn is_missing(py: Python<'_>, cx: &mut Cx<'_>, db: usize, key: &[u8], access: Access) -> PyResult<bool> {
    let Some(item) = cx.engine.ks.get(db, key, access) else {
        return Ok(true);
    };
    match counter::is_counter(string(py, &item)?.as_bytes(&mut itoa::Buffer::new())) {
        true => Ok(false),
        false => Err(reply_error(py, NOT_A_COUNTER)),
    }
}

/// The counter's bytes; `None` for a missing key.
fn held(py: Python<'_>, cx: &mut Cx<'_>, db: usize, key: &[u8], access: Access) -> PyResult<Option<Shared>> {
    let missing = is_missing(py, cx, db, key, access)?;
    Ok((!missing).then(|| cx.engine.ks.hold(db, key, Access::Peek)))
}

fn whole<T>(py: Python<'_>, result: Result<T, Corrupt>) -> PyResult<T> {
    result.map_err(|Corrupt| reply_error(py, CORRUPT))
}

/// The highest registers of all counters, and whether one of them is dense.
fn union(
    py: Python<'_>,
    cx: &mut Cx<'_>,
    db: usize,
    keys: &[Vec<u8>],
) -> PyResult<(Box<[u8; REGISTERS]>, bool)> {
    let access = cx.read_access();
    let (mut registers, mut dense) = (Box::new([0; REGISTERS]), false);
    for key in keys {
        if let Some(bytes) = held(py, cx, db, key, access)? {
            dense |= counter::is_dense(&bytes);
            whole(py, counter::merge_into(&mut registers, &bytes))?;
        }
    }
    Ok((registers, dense))
}

#[pymethods]
impl HyperLogLogs {
    fn add(
        &self,
        py: Python<'_>,
        key: &[u8],
        elements: &Bound<'_, PyTuple>,
        sparse_max: usize,
    ) -> PyResult<bool> {
        context::with_db(self.index, |cx, db| {
            let missing = is_missing(py, cx, db, key, Access::Write)?;
            cx.engine.ks.edit_string(db, key, |bytes| {
                let mut updated = missing;
                if missing {
                    *bytes = counter::empty();
                }
                for element in elements.iter_borrowed() {
                    match element.cast::<PyBytes>().map(|e| counter::add(bytes, e.as_bytes(), sparse_max)) {
                        Ok(Ok(changed)) => updated |= changed,
                        Ok(Err(Corrupt)) => return (Err(reply_error(py, CORRUPT)), updated),
                        Err(error) => return (Err(error.into()), updated),
                    }
                }
                if updated {
                    counter::invalidate(bytes);
                }
                (Ok(updated), updated)
            })
        })
    }

    fn count(&self, py: Python<'_>, keys: Vec<Vec<u8>>) -> PyResult<u64> {
        context::with_db(self.index, |cx, db| {
            let [key] = keys.as_slice() else {
                return Ok(counter::estimate_of(&union(py, cx, db, &keys)?.0));
            };
            let access = cx.read_access();
            let Some(bytes) = held(py, cx, db, key, access)? else {
                return Ok(0);
            };
            let cached = counter::cached(&bytes);
            let estimate = match cached {
                Some(estimate) => estimate,
                None => whole(py, counter::estimate(&bytes))?,
            };
            // Let go of first, so that the cache can be written in place.
            drop(bytes);
            // As in Redis, the value counts as changed in place even if its cache stays.
            cx.engine.ks.edit_string(db, key, |bytes| match cached {
                Some(_) => ((), false),
                None => (counter::cache(bytes, estimate), true),
            });
            Ok(estimate)
        })
    }

    fn merge(&self, py: Python<'_>, keys: Vec<Vec<u8>>, sparse_max: usize) -> PyResult<()> {
        context::with_db(self.index, |cx, db| {
            let (registers, dense) = union(py, cx, db, &keys)?;
            let merged = cx.engine.ks.edit_string(db, &keys[0], |bytes| {
                if bytes.is_empty() {
                    *bytes = counter::empty();
                }
                (counter::raise_all(bytes, &registers, dense, sparse_max), true)
            });
            whole(py, merged)
        })
    }

    fn is_dense(&self, py: Python<'_>, key: &[u8]) -> PyResult<Option<bool>> {
        context::with_db(self.index, |cx, db| {
            let dense = held(py, cx, db, key, Access::Write)?.map(|bytes| counter::is_dense(&bytes));
            // As in Redis, the value counts as one that was changed in place.
            if dense.is_some() {
                cx.engine.ks.edit_string(db, key, |_| ((), false));
            }
            Ok(dense)
        })
    }

    fn make_dense(&self, py: Python<'_>, key: &[u8]) -> PyResult<()> {
        context::with_db(self.index, |cx, db| {
            held(py, cx, db, key, Access::Write)?;
            whole(py, cx.engine.ks.edit_string(db, key, |bytes| (counter::make_dense(bytes), true)))
        })
    }

    fn registers(&self, py: Python<'_>, key: &[u8]) -> PyResult<Vec<u16>> {
        context::with_db(self.index, |cx, db| {
            let bytes = held(py, cx, db, key, Access::Peek)?.unwrap_or_default();
            Ok(whole(py, counter::registers(&bytes))?.iter().map(|value| u16::from(*value)).collect())
        })
    }

    fn describe(&self, py: Python<'_>, key: &[u8]) -> PyResult<String> {
        context::with_db(self.index, |cx, db| {
            Ok(held(py, cx, db, key, Access::Peek)?
                .map_or_else(String::new, |bytes| counter::describe(&bytes)))
        })
    }

    #[staticmethod]
    fn self_test(seed: u64) -> Result<(), pyo3::PyErr> {
        counter::self_test(seed).map_err(pyo3::exceptions::PyValueError::new_err)
    }
}
