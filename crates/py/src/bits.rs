//! `Bits`: strings as rows of bits, as a running command sees them.

use dozo_engine::Cx;
use dozo_store::bits::{self, Action, Combine, Field, Overflow};
use dozo_store::{Access, itoa};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::context;
use crate::database::string;

/// The bitmaps of one database.
#[pyclass(frozen, module = "dozo._kernel")]
pub struct Bits {
    /// `None` is the database that the client has selected.
    pub index: Option<usize>,
}

/// Offset, width, whether signed; what to do ("get", "set", "add"), with which value, and on overflow.
type Step = (u64, u32, bool, String, i64, String);

fn step((offset, width, signed, kind, value, overflow): &Step) -> PyResult<(Field, Action)> {
    if !(1..=64).contains(width) || (*width == 64 && !signed) || *offset > u64::MAX / 2 {
        return Err(PyValueError::new_err("a field has 1 to 64 bits, 63 if it is unsigned"));
    }
    let overflow = match overflow.as_str() {
        "wrap" => Overflow::Wrap,
        "sat" => Overflow::Saturate,
        "fail" => Overflow::Fail,
        _ => return Err(PyValueError::new_err("on overflow: wrap, sat or fail")),
    };
    let action = match kind.as_str() {
        "get" => Action::Get,
        "set" => Action::Set(*value, overflow),
        "add" => Action::Add(*value, overflow),
        _ => return Err(PyValueError::new_err("a step is get, set or add")),
    };
    Ok((Field { offset: *offset, width: *width, signed: *signed }, action))
}

fn combine_named(name: &str) -> PyResult<Combine> {
    Ok(match name {
        "AND" => Combine::And,
        "OR" => Combine::Or,
        "XOR" => Combine::Xor,
        "NOT" => Combine::Not,
        "DIFF" => Combine::Diff,
        "DIFF1" => Combine::Diff1,
        "ANDOR" => Combine::AndOr,
        "ONE" => Combine::One,
        _ => return Err(PyValueError::new_err("no such operation on bits")),
    })
}

impl Bits {
    /// What `look` says of the bytes; `None` for a missing key.
    fn read<R>(&self, py: Python<'_>, key: &[u8], look: impl FnOnce(&[u8]) -> R) -> PyResult<Option<R>> {
        context::with_db(self.index, |cx, db| {
            let access = cx.read_access();
            let Some(item) = cx.engine.ks.get(db, key, access) else {
                return Ok(None);
            };
            Ok(Some(look(string(py, &item)?.as_bytes(&mut itoa::Buffer::new()))))
        })
    }

    /// Lets `change` work on the bytes of the string, once it is sure that they are within the limit.
    fn write<R>(
        &self,
        py: Python<'_>,
        key: &[u8],
        last_bit: u64,
        change: impl FnOnce(&mut Vec<u8>) -> (R, bool),
    ) -> PyResult<R> {
        context::with_db(self.index, |cx, db| {
            if last_bit / 8 >= cx.engine.settings.proto_max_bulk_len as u64 {
                return Err(PyValueError::new_err("the string would exceed proto-max-bulk-len"));
            }
            writable(py, cx, db, key)?;
            Ok(cx.engine.ks.edit_string(db, key, change))
        })
    }
}

/// WRONGTYPE where the key holds something else than a string.
fn writable(py: Python<'_>, cx: &mut Cx<'_>, db: usize, key: &[u8]) -> PyResult<()> {
    match cx.engine.ks.get(db, key, Access::Write) {
        Some(item) => string(py, &item).map(|_| ()),
        None => Ok(()),
    }
}

#[pymethods]
impl Bits {
    fn get(&self, py: Python<'_>, key: &[u8], offset: u64) -> PyResult<u8> {
        Ok(self.read(py, key, |bytes| u8::from(bits::bit(bytes, offset)))?.unwrap_or(0))
    }

    fn set(&self, py: Python<'_>, key: &[u8], offset: u64, on: bool) -> PyResult<(u8, bool)> {
        self.write(py, key, offset, |bytes| {
            let (old, changed) = bits::set_bit(bytes, offset, on);
            ((u8::from(old), changed), changed)
        })
    }

    fn count(&self, py: Python<'_>, key: &[u8], first: u64, last: u64) -> PyResult<u64> {
        Ok(self.read(py, key, |bytes| bits::count(bytes, first, last))?.unwrap_or(0))
    }

    fn position(
        &self,
        py: Python<'_>,
        key: &[u8],
        wanted: bool,
        first: u64,
        last: u64,
    ) -> PyResult<Option<u64>> {
        Ok(self.read(py, key, |bytes| bits::position(bytes, wanted, first, last))?.flatten())
    }

    fn combine(&self, py: Python<'_>, how: &str, target: &[u8], sources: Vec<Vec<u8>>) -> PyResult<usize> {
        let how = combine_named(how)?;
        context::with_db(self.index, |cx, db| {
            let access = cx.read_access();
            let mut held = Vec::with_capacity(sources.len());
            for key in &sources {
                if let Some(item) = cx.engine.ks.get(db, key, Access::Peek) {
                    string(py, &item)?;
                }
                held.push(cx.engine.ks.hold(db, key, access));
            }
            let result = bits::combine(how, &held);
            let len = result.len();
            if len > 0 {
                cx.engine.ks.put_raw(db, target, result);
            }
            Ok(len)
        })
    }

    fn fields(&self, py: Python<'_>, key: &[u8], steps: Vec<Step>) -> PyResult<(Vec<Option<i64>>, bool)> {
        let steps: Vec<(Field, Action)> = steps.iter().map(step).collect::<PyResult<_>>()?;
        let written = steps.iter().filter(|(_, action)| *action != Action::Get);
        let last = written.map(|(field, _)| field.offset + u64::from(field.width) - 1).max();
        let Some(last) = last else {
            let values = |bytes: &[u8]| steps.iter().map(|(field, _)| Some(field.read(bytes))).collect();
            return Ok((self.read(py, key, values)?.unwrap_or_else(|| vec![Some(0); steps.len()]), false));
        };
        self.write(py, key, last, |bytes| {
            let mut changed = bits::grow(bytes, last);
            let mut act = |(field, action): &(Field, Action)| {
                let (value, differs) = bits::act(bytes, *field, *action);
                changed |= differs;
                value
            };
            let values = steps.iter().map(&mut act).collect();
            ((values, changed), changed)
        })
    }
}
