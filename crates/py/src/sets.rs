//! `Sets`: the sets of a database as a running command sees them.

use dozo_store::{Collection, Random, Set, SetOperation, Ttl, itoa};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PySet};

use crate::context::{self, checked};
use crate::text::glob;

/// The sets of one database.
#[pyclass(frozen, module = "dozo._kernel")]
pub struct Sets {
    /// `None` is the database that the client has selected.
    pub index: Option<usize>,
}

impl Sets {
    fn look<R>(&self, py: Python<'_>, key: &[u8], look: impl FnOnce(Option<&Set>) -> R) -> PyResult<R> {
        context::look(py, self.index, key, look)
    }

    /// Visits the members of "inter", "union" or "diff", and returns how many there are.
    fn combined(
        &self,
        py: Python<'_>,
        operation: &str,
        keys: &[Vec<u8>],
        limit: usize,
        mut visit: impl FnMut(&[u8]),
    ) -> PyResult<usize> {
        let operation = match operation {
            "inter" => SetOperation::Intersection,
            "union" => SetOperation::Union,
            _ => SetOperation::Difference,
        };
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        context::with_db(self.index, |cx, db| {
            let access = cx.read_access();
            checked(py, cx.engine.ks.combine_sets(db, operation, &keys, limit, access, &mut visit))
        })
    }
}

#[pymethods]
impl Sets {
    fn contains(&self, py: Python<'_>, key: &[u8], members: Vec<Vec<u8>>) -> PyResult<Vec<bool>> {
        self.look(py, key, |set| {
            members.iter().map(|member| set.is_some_and(|set| set.contains(member))).collect()
        })
    }

    fn add(&self, py: Python<'_>, key: &[u8], member: &[u8]) -> PyResult<bool> {
        context::with_db(self.index, |cx, db| {
            let packing = cx.engine.ks.packing;
            let added = cx.engine.ks.edit_or_create(db, key, |set: &mut Set| {
                let added = set.add(member, &packing);
                (added, added)
            });
            checked(py, added)
        })
    }

    fn remove(&self, py: Python<'_>, key: &[u8], member: &[u8]) -> PyResult<bool> {
        context::with_db(self.index, |cx, db| {
            let removed = cx.engine.ks.edit(db, key, |set: &mut Set| {
                let removed = set.remove(member);
                (removed, removed)
            });
            Ok(checked(py, removed)?.unwrap_or(false))
        })
    }

    fn len(&self, py: Python<'_>, key: &[u8]) -> PyResult<Option<usize>> {
        self.look(py, key, |set| set.map(Set::len))
    }

    fn combine<'py>(
        &self,
        py: Python<'py>,
        operation: &str,
        keys: Vec<Vec<u8>>,
    ) -> PyResult<Bound<'py, PySet>> {
        let (members, mut outcome) = (PySet::empty(py)?, Ok(()));
        self.combined(py, operation, &keys, usize::MAX, |member| {
            if outcome.is_ok() {
                outcome = members.add(PyBytes::new(py, member));
            }
        })?;
        outcome.map(|()| members)
    }

    fn combine_len(
        &self,
        py: Python<'_>,
        operation: &str,
        keys: Vec<Vec<u8>>,
        limit: usize,
    ) -> PyResult<usize> {
        self.combined(py, operation, &keys, limit, |_| {})
    }

    fn store(&self, py: Python<'_>, operation: &str, target: &[u8], keys: Vec<Vec<u8>>) -> PyResult<usize> {
        let packing = context::with(|cx| Ok(cx.engine.ks.packing))?;
        let mut result = Set::new();
        let len = self.combined(py, operation, &keys, usize::MAX, |member| {
            result.add(member, &packing);
        })?;
        context::with_db(self.index, |cx, db| {
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
        let seed = context::with(|cx| Ok(cx.engine.ks.random_seed()))?;
        self.look(py, key, |set| {
            let (mut random, mut buffer) = (Random::new(seed), itoa::Buffer::new());
            let picked = set.map_or_else(Vec::new, |set| match distinct {
                true => set.random_distinct(count, &mut random),
                false => (0..count).filter_map(|_| set.random(&mut random)).collect(),
            });
            picked.iter().map(|member| PyBytes::new(py, member.as_bytes(&mut buffer))).collect()
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
            let (mut found, mut buffer) = (Vec::new(), itoa::Buffer::new());
            let next = set.map_or(0, |set| {
                set.scan(cursor, count, &mut |member| {
                    let member = member.as_bytes(&mut buffer);
                    if pattern.is_none_or(|pattern| glob(pattern, member)) {
                        found.push(PyBytes::new(py, member));
                    }
                })
            });
            (next, found)
        })
    }
}
