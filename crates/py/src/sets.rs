//! `Sets`: the sets of a database as a running command sees them.

use dozo_engine::Cx;
use dozo_store::{Collection, Random, Set, SetOperation, Ttl, WrongType, itoa};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::context;
use crate::reply::Classes;
use crate::text::glob;

/// The sets of one database.
#[pyclass(frozen, module = "dozo._kernel")]
pub struct Sets {
    pub index: Option<usize>,
}

impl Sets {
    fn with<R>(&self, work: impl FnOnce(&mut Cx<'_>, usize) -> PyResult<R>) -> PyResult<R> {
        context::with(|cx| {
            let db = self.index.unwrap_or(cx.session.db);
            work(cx, db)
        })
    }

    fn look<R>(
        &self,
        py: Python<'_>,
        key: &[u8],
        look: impl FnOnce(Option<&Set>) -> PyResult<R>,
    ) -> PyResult<R> {
        self.with(|cx, db| {
            let access = cx.read_access();
            look(checked(py, cx.engine.ks.collection::<Set>(db, key, access))?)
        })
    }

    fn combined(&self, py: Python<'_>, operation: &str, keys: &[Vec<u8>], limit: usize) -> PyResult<Set> {
        let operation = match operation {
            "inter" => SetOperation::Intersection,
            "union" => SetOperation::Union,
            _ => SetOperation::Difference,
        };
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        self.with(|cx, db| {
            let access = cx.read_access();
            checked(py, cx.engine.ks.combine_sets(db, operation, &keys, limit, access))
        })
    }
}

/// The result, or the exception WrongType.
pub fn checked<T>(py: Python<'_>, result: Result<T, WrongType>) -> PyResult<T> {
    match result {
        Ok(value) => Ok(value),
        Err(WrongType) => Err(Classes::get(py)?.wrong_type(py)),
    }
}

#[pymethods]
impl Sets {
    fn contains(&self, py: Python<'_>, key: &[u8], members: Vec<Vec<u8>>) -> PyResult<Vec<bool>> {
        self.look(py, key, |set| {
            Ok(members.iter().map(|member| set.is_some_and(|set| set.contains(member))).collect())
        })
    }

    fn add(&self, py: Python<'_>, key: &[u8], member: &[u8]) -> PyResult<bool> {
        self.with(|cx, db| {
            let packing = cx.engine.ks.packing;
            let added = cx.engine.ks.edit_or_create(db, key, |set: &mut Set| {
                let added = set.add(member, &packing);
                (added, added)
            });
            checked(py, added)
        })
    }

    fn remove(&self, py: Python<'_>, key: &[u8], member: &[u8]) -> PyResult<bool> {
        self.with(|cx, db| {
            let removed = cx.engine.ks.edit(db, key, |set: &mut Set| {
                let removed = set.remove(member);
                (removed, removed)
            });
            Ok(checked(py, removed)?.unwrap_or(false))
        })
    }

    fn len(&self, py: Python<'_>, key: &[u8]) -> PyResult<Option<usize>> {
        self.look(py, key, |set| Ok(set.map(Set::len)))
    }

    fn combine<'py>(
        &self,
        py: Python<'py>,
        operation: &str,
        keys: Vec<Vec<u8>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let result = self.combined(py, operation, &keys, usize::MAX)?;
        let mut buffer = itoa::Buffer::new();
        let members: Vec<_> =
            result.iter().map(|member| PyBytes::new(py, member.as_bytes(&mut buffer))).collect();
        PyList::new(py, members)
    }

    fn combine_len(
        &self,
        py: Python<'_>,
        operation: &str,
        keys: Vec<Vec<u8>>,
        limit: usize,
    ) -> PyResult<usize> {
        Ok(self.combined(py, operation, &keys, limit)?.len())
    }

    fn store(&self, py: Python<'_>, operation: &str, target: &[u8], keys: Vec<Vec<u8>>) -> PyResult<usize> {
        let result = self.combined(py, operation, &keys, usize::MAX)?;
        let len = result.len();
        self.with(|cx, db| {
            cx.engine.ks.put_object(db, target, result.into_object(), Ttl::Clear);
            Ok(len)
        })
    }

    fn random<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        count: usize,
        distinct: bool,
    ) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        self.with(|cx, db| {
            let access = cx.read_access();
            let mut random = Random::new(cx.engine.ks.random_seed());
            let Some(set) = checked(py, cx.engine.ks.collection::<Set>(db, key, access))? else {
                return Ok(Vec::new());
            };
            let picked = match distinct {
                true => set.random_distinct(count, &mut random),
                false => (0..count).filter_map(|_| set.random(&mut random)).collect(),
            };
            let mut buffer = itoa::Buffer::new();
            Ok(picked.iter().map(|member| PyBytes::new(py, member.as_bytes(&mut buffer))).collect())
        })
    }

    #[pyo3(signature = (key, cursor, count, pattern=None))]
    fn scan<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        cursor: u64,
        count: usize,
        pattern: Option<&[u8]>,
    ) -> PyResult<(u64, Vec<Bound<'py, PyBytes>>)> {
        self.look(py, key, |set| {
            let mut found = Vec::new();
            let mut buffer = itoa::Buffer::new();
            let next = set.map_or(0, |set| {
                set.scan(cursor, count, &mut |member| {
                    let member = member.as_bytes(&mut buffer);
                    if pattern.is_none_or(|pattern| glob(pattern, member)) {
                        found.push(PyBytes::new(py, member));
                    }
                })
            });
            Ok((next, found))
        })
    }
}
