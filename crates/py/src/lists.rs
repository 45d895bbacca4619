//! `Lists`: the list operations that Python commands build on.

use dozo_engine::Cx;
use dozo_store::{Access, End, List, WrongType};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::context;
use crate::reply::Classes;

/// The lists of one database, during a command.
#[pyclass(frozen, module = "dozo._kernel")]
pub struct Lists {
    /// `None` is the database that the client has selected.
    pub index: Option<usize>,
}

impl Lists {
    fn with<R>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Cx<'_>, usize) -> Result<R, WrongType>,
    ) -> PyResult<R> {
        let done = context::with(|cx| {
            let db = self.index.unwrap_or(cx.session.db);
            Ok(work(cx, db))
        })?;
        done.or_else(|WrongType| Err(Classes::get(py)?.wrong_type(py)))
    }
}

fn end(front: bool) -> End {
    if front { End::Front } else { End::Back }
}

#[pymethods]
impl Lists {
    fn len(&self, py: Python<'_>, key: &[u8]) -> PyResult<Option<usize>> {
        self.with(py, |cx, db| Ok(cx.engine.ks.collection::<List>(db, key, cx.read_access())?.map(List::len)))
    }

    fn push_existing(
        &self,
        py: Python<'_>,
        key: &[u8],
        values: Vec<Vec<u8>>,
        front: bool,
    ) -> PyResult<usize> {
        self.with(py, |cx, db| {
            let packing = cx.engine.ks.packing;
            let len = cx.engine.ks.edit(db, key, |list: &mut List| {
                values.iter().for_each(|value| list.push(end(front), value, &packing));
                (list.len(), true)
            })?;
            Ok(len.unwrap_or(0))
        })
    }

    fn set(&self, py: Python<'_>, key: &[u8], index: i64, value: &[u8]) -> PyResult<Option<bool>> {
        self.with(py, |cx, db| {
            let packing = cx.engine.ks.packing;
            cx.engine.ks.edit(db, key, |list: &mut List| {
                let done = list.set(index, value, &packing);
                (done, done)
            })
        })
    }

    fn insert(
        &self,
        py: Python<'_>,
        key: &[u8],
        before: bool,
        pivot: &[u8],
        value: &[u8],
    ) -> PyResult<Option<usize>> {
        self.with(py, |cx, db| {
            let packing = cx.engine.ks.packing;
            let len = cx.engine.ks.edit(db, key, |list: &mut List| {
                let done = list.insert(before, pivot, value, &packing);
                (if done { list.len() } else { 0 }, done)
            })?;
            Ok(len)
        })
    }

    fn positions(
        &self,
        py: Python<'_>,
        key: &[u8],
        value: &[u8],
        rank: i64,
        count: usize,
        maxlen: usize,
    ) -> PyResult<Option<Vec<usize>>> {
        self.with(py, |cx, db| {
            let list = cx.engine.ks.collection::<List>(db, key, cx.read_access())?;
            Ok(list.map(|list| list.positions(value, rank, count, maxlen)))
        })
    }

    fn pop<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        front: bool,
        count: usize,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let popped = self.with(py, |cx, db| {
            if cx.engine.ks.collection::<List>(db, key, Access::Write)?.is_none() {
                return Ok(None);
            }
            cx.engine.ks.edit(db, key, |list: &mut List| {
                let many = count.min(list.len());
                let popped: Vec<_> = (0..many).filter_map(|_| list.pop(end(front))).collect();
                (popped, many > 0)
            })
        })?;
        popped.map(|popped| PyList::new(py, popped.iter().map(|value| PyBytes::new(py, value)))).transpose()
    }
}
