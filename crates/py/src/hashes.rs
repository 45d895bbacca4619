//! `Hashes`: the hashes of a database as a running command sees them.

use dozo_store::{Hash, Random, Str, itoa};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::context::{self, checked};
use crate::text::glob;

type Bytes<'py> = Bound<'py, PyBytes>;

/// The hashes of one database.
#[pyclass(frozen, module = "dozo._kernel")]
pub struct Hashes {
    /// `None` is the database that the client has selected.
    pub index: Option<usize>,
}

impl Hashes {
    fn look<R>(&self, py: Python<'_>, key: &[u8], look: impl FnOnce(Option<&Hash>) -> R) -> PyResult<R> {
        context::look(py, self.index, key, look)
    }

    /// Lets `change` change the hash; it tells how many fields it changed.
    fn edit(&self, py: Python<'_>, key: &[u8], change: impl FnOnce(&mut Hash) -> usize) -> PyResult<usize> {
        context::with_db(self.index, |cx, db| {
            let changed = cx.engine.ks.edit(db, key, |hash| {
                let changed = change(hash);
                (changed, changed > 0)
            });
            Ok(checked(py, changed)?.unwrap_or(0))
        })
    }
}

fn bytes<'py>(py: Python<'py>, string: Str<'_>) -> Bytes<'py> {
    PyBytes::new(py, string.as_bytes(&mut itoa::Buffer::new()))
}

#[pymethods]
impl Hashes {
    fn get<'py>(&self, py: Python<'py>, key: &[u8], field: &[u8]) -> PyResult<Option<Bytes<'py>>> {
        self.look(py, key, |hash| hash.and_then(|hash| hash.get(field)).map(|value| bytes(py, value)))
    }

    fn get_many<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        fields: Vec<Vec<u8>>,
    ) -> PyResult<Vec<Option<Bytes<'py>>>> {
        self.look(py, key, |hash| {
            let value = |field: &Vec<u8>| hash.and_then(|hash| hash.get(field)).map(|value| bytes(py, value));
            fields.iter().map(value).collect()
        })
    }

    fn exists(&self, py: Python<'_>, key: &[u8]) -> PyResult<bool> {
        self.look(py, key, |hash| hash.is_some())
    }

    fn fields<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Vec<Bytes<'py>>> {
        self.look(py, key, |hash| {
            hash.into_iter().flat_map(Hash::iter).map(|(field, _)| bytes(py, field)).collect()
        })
    }

    fn values<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Vec<Bytes<'py>>> {
        self.look(py, key, |hash| {
            hash.into_iter().flat_map(Hash::iter).map(|(_, value)| bytes(py, value)).collect()
        })
    }

    #[pyo3(signature = (key, pairs, keep_ttl=false))]
    fn set(
        &self,
        py: Python<'_>,
        key: &[u8],
        pairs: Vec<(Vec<u8>, Vec<u8>)>,
        keep_ttl: bool,
    ) -> PyResult<usize> {
        context::with_db(self.index, |cx, db| {
            let packing = cx.engine.ks.packing;
            let added = cx.engine.ks.edit_or_create(db, key, |hash: &mut Hash| {
                let mut added = 0;
                for (field, value) in &pairs {
                    let new = match keep_ttl {
                        true => hash.set_keeping_expiry(field, value, &packing),
                        false => hash.set(field, value, &packing),
                    };
                    added += usize::from(new);
                }
                (added, !pairs.is_empty())
            });
            checked(py, added)
        })
    }

    fn remove(&self, py: Python<'_>, key: &[u8], fields: Vec<Vec<u8>>) -> PyResult<usize> {
        self.edit(py, key, |hash| fields.iter().filter(|field| hash.remove(field)).count())
    }

    fn expiries(&self, py: Python<'_>, key: &[u8], fields: Vec<Vec<u8>>) -> PyResult<Option<Vec<i64>>> {
        self.look(py, key, |hash| {
            hash.map(|hash| {
                let expiry = |field: &Vec<u8>| match hash.contains(field) {
                    true => hash.expiry(field).unwrap_or(-1),
                    false => -2,
                };
                fields.iter().map(expiry).collect()
            })
        })
    }

    #[pyo3(signature = (key, fields, at_ms))]
    fn set_expiry(
        &self,
        py: Python<'_>,
        key: &[u8],
        fields: Vec<Vec<u8>>,
        at_ms: Option<i64>,
    ) -> PyResult<usize> {
        self.edit(py, key, |hash| fields.iter().filter(|field| hash.set_expiry(field, at_ms)).count())
    }

    fn random<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        count: usize,
        distinct: bool,
    ) -> PyResult<Vec<(Bytes<'py>, Bytes<'py>)>> {
        let seed = context::with(|cx| Ok(cx.engine.ks.random_seed()))?;
        self.look(py, key, |hash| {
            let mut random = Random::new(seed);
            let picked = hash.map_or_else(Vec::new, |hash| match distinct {
                true => hash.random_distinct(count, &mut random),
                false => (0..count).filter_map(|_| hash.random(&mut random)).collect(),
            });
            picked.into_iter().map(|(field, value)| (bytes(py, field), bytes(py, value))).collect()
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
    ) -> PyResult<(u64, Vec<(Bytes<'py>, Bytes<'py>)>)> {
        self.look(py, key, |hash| {
            let mut found = Vec::new();
            let mut buffer = itoa::Buffer::new();
            let next = hash.map_or(0, |hash| {
                hash.scan(cursor, count, &mut |field, value| {
                    let field = field.as_bytes(&mut buffer);
                    if pattern.is_none_or(|pattern| glob(pattern, field)) {
                        found.push((PyBytes::new(py, field), bytes(py, value)));
                    }
                })
            });
            (next, found)
        })
    }
}
