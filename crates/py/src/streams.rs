//! `Streams`: the typed operations on streams, `db.streams` of a running command.
//!
//! Ids go in as `(ms, seq)` and come out as texts, ready for a reply. A missing key or group is `None`.

use dozo_engine::Cx;
use dozo_store::WrongType;
use dozo_store::collections::stream::{
    self, Claim, Claimed, Consumer, Fields, Group, Id, References, Stream, Trim,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use crate::context;
use crate::reply::Classes;

type Pair = (u64, u64);

/// For each id whether something was done, and the delivery's time and count unless the entry was gone.
type Outcomes = Vec<(bool, Option<(i64, u64)>)>;

/// How many pending entries XAUTOCLAIM looks at for each that it may take.
const AUTOCLAIM_ATTEMPTS: usize = 10;

/// The streams of one database, during a command.
#[pyclass(frozen, module = "dozo._kernel")]
pub struct Streams {
    index: Option<usize>,
}

impl Streams {
    /// Those of the database of this index, or of the selected one.
    pub fn of(index: Option<usize>) -> Self {
        Self { index }
    }

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
        look: impl FnOnce(&Stream, i64) -> PyResult<R>,
    ) -> PyResult<Option<R>> {
        self.with(|cx, db| {
            let (access, now) = (cx.read_access(), cx.now());
            let found = cx.engine.ks.collection::<Stream>(db, key, access);
            found.map_err(|WrongType| wrong_type(py))?.map(|stream| look(stream, now)).transpose()
        })
    }

    /// Changes a stream's entries; the closure also says whether it did.
    fn edit<R>(
        &self,
        py: Python<'_>,
        key: &[u8],
        edit: impl FnOnce(&mut Stream, i64) -> (R, bool),
    ) -> PyResult<Option<R>> {
        self.with(|cx, db| {
            let now = cx.now();
            let done = cx.engine.ks.edit(db, key, |stream: &mut Stream| edit(stream, now));
            done.map_err(|WrongType| wrong_type(py))
        })
    }

    /// Changes what stands beside the entries, groups and counters: no news for WATCH.
    fn edit_aside<R>(
        &self,
        py: Python<'_>,
        key: &[u8],
        edit: impl FnOnce(&mut Stream, i64) -> (R, bool),
    ) -> PyResult<Option<R>> {
        self.with(|cx, db| {
            let now = cx.now();
            let done = cx.engine.ks.edit_aside(db, key, |stream: &mut Stream| edit(stream, now));
            done.map_err(|WrongType| wrong_type(py))
        })
    }
}

fn wrong_type(py: Python<'_>) -> PyErr {
    Classes::get(py).map_or_else(|error| error, |classes| classes.wrong_type(py))
}

fn id_of((ms, seq): Pair) -> Id {
    Id::new(ms, seq)
}

fn text<'py>(py: Python<'py>, id: Id) -> Bound<'py, PyBytes> {
    let mut bytes = Vec::with_capacity(24);
    id.write(&mut bytes);
    PyBytes::new(py, &bytes)
}

fn entry<'py>(py: Python<'py>, id: Id, fields: Fields<'_>) -> PyResult<Bound<'py, PyList>> {
    let parts = PyList::empty(py);
    for (field, value) in fields {
        parts.append(PyBytes::new(py, field))?;
        parts.append(PyBytes::new(py, value))?;
    }
    PyList::new(py, [text(py, id).into_any(), parts.into_any()])
}

fn references(name: &str) -> PyResult<References> {
    match name {
        "KEEPREF" => Ok(References::Keep),
        "DELREF" => Ok(References::Delete),
        "ACKED" => Ok(References::Acked),
        _ => Err(PyValueError::new_err(format!("'{name}' says nothing of references"))),
    }
}

/// Deletes an entry as far as its references allow: 1 deleted, 2 still referenced, -1 not there.
fn delete(stream: &mut Stream, id: Id, references: References) -> i8 {
    if references == References::Acked && stream.get(id).is_some() && stream.is_referenced(id) {
        return 2;
    }
    if references == References::Delete {
        stream.forget(id);
    }
    if stream.delete(id) { 1 } else { -1 }
}

fn consumer_name(group: &Group, number: u32) -> &[u8] {
    group.consumer(number).map_or(&[], Consumer::name)
}

#[pymethods]
impl Streams {
    #[getter]
    fn default_limit(&self) -> PyResult<u64> {
        self.with(|cx, _| Ok(cx.engine.ks.packing.stream_trim_limit()))
    }

    fn info<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.look(py, key, |stream, _| {
            let (counters, found) = (stream.counters(), PyDict::new(py));
            found.set_item("length", counters.len)?;
            found.set_item("blocks", stream.blocks())?;
            found.set_item("groups", stream.groups().len())?;
            found.set_item("last_id", (counters.last_id.ms, counters.last_id.seq))?;
            found.set_item("first_id", (counters.first_id.ms, counters.first_id.seq))?;
            found.set_item("max_deleted", (counters.max_deleted.ms, counters.max_deleted.seq))?;
            found.set_item("added", counters.added)?;
            let newest = stream.range_back(Id::MIN, Id::MAX).next();
            found.set_item("newest_id", newest.map(|(id, _)| (id.ms, id.seq)))?;
            Ok(found)
        })
    }

    #[pyo3(signature = (key, start, end, count=None, reverse=false))]
    fn range<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        start: Pair,
        end: Pair,
        count: Option<usize>,
        reverse: bool,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let (start, end, count) = (id_of(start), id_of(end), count.unwrap_or(usize::MAX));
        self.look(py, key, |stream, _| {
            let found = PyList::empty(py);
            let mut put = |(id, fields)| found.append(entry(py, id, fields)?);
            if start > end {
                return Ok(found);
            }
            match reverse {
                true => stream.range_back(start, end).take(count).try_for_each(&mut put)?,
                false => stream.range(start, end).take(count).try_for_each(&mut put)?,
            }
            Ok(found)
        })
    }

    #[pyo3(signature = (key, ids, references="KEEPREF"))]
    fn delete(
        &self,
        py: Python<'_>,
        key: &[u8],
        ids: Vec<Pair>,
        references: &str,
    ) -> PyResult<Option<Vec<i8>>> {
        let references = self::references(references)?;
        self.edit(py, key, |stream, _| {
            let done: Vec<i8> = ids.into_iter().map(|id| delete(stream, id_of(id), references)).collect();
            let changed = done.contains(&1);
            (done, changed)
        })
    }

    #[pyo3(signature = (key, *, maxlen=None, minid=None, approx=false, limit=0, references="KEEPREF"))]
    #[allow(clippy::too_many_arguments, reason = "the options of XTRIM, as Python passes them")]
    fn trim(
        &self,
        py: Python<'_>,
        key: &[u8],
        maxlen: Option<u64>,
        minid: Option<Pair>,
        approx: bool,
        limit: u64,
        references: &str,
    ) -> PyResult<Option<u64>> {
        let bound = match minid {
            Some(id) => stream::Bound::MinId(id_of(id)),
            None => stream::Bound::MaxLen(maxlen.unwrap_or(u64::MAX)),
        };
        let trim = Trim { bound, approx, limit, references: self::references(references)? };
        self.edit(py, key, |stream, _| {
            let gone = stream.trim(&trim);
            (gone, gone != 0)
        })
    }

    #[pyo3(signature = (key, last_id, added=None, max_deleted=None))]
    fn set_counters(
        &self,
        py: Python<'_>,
        key: &[u8],
        last_id: Pair,
        added: Option<u64>,
        max_deleted: Option<Pair>,
    ) -> PyResult<Option<()>> {
        self.edit_aside(py, key, |stream, _| {
            stream.set_counters(id_of(last_id), added, max_deleted.map(id_of));
            ((), true)
        })
    }

    fn has_group(&self, py: Python<'_>, key: &[u8], group: &[u8]) -> PyResult<Option<bool>> {
        self.look(py, key, |stream, _| Ok(stream.group(group).is_some()))
    }

    #[pyo3(signature = (key, group, last_id, entries_read=None, make_stream=false))]
    fn create_group(
        &self,
        py: Python<'_>,
        key: &[u8],
        group: &[u8],
        last_id: Option<Pair>,
        entries_read: Option<u64>,
        make_stream: bool,
    ) -> PyResult<Option<bool>> {
        let create = |stream: &mut Stream| {
            let last_id = last_id.map_or(stream.counters().last_id, id_of);
            let made = stream.create_group(group, last_id, entries_read);
            (made, made)
        };
        let made = self.edit_aside(py, key, |stream, _| create(stream))?;
        if made.is_some() || !make_stream {
            return Ok(made);
        }
        self.with(|cx, db| {
            cx.engine.ks.edit_or_create(db, key, create).map(Some).map_err(|WrongType| wrong_type(py))
        })
    }

    fn destroy_group(&self, py: Python<'_>, key: &[u8], group: &[u8]) -> PyResult<Option<bool>> {
        let gone = self.edit_aside(py, key, |stream, _| {
            let gone = stream.destroy_group(group);
            (gone, gone)
        })?;
        if gone == Some(true) {
            // Whoever waits as this group must learn of it.
            self.with(|cx, db| {
                cx.wake(db, key);
                Ok(())
            })?;
        }
        Ok(gone)
    }

    #[pyo3(signature = (key, group, last_id, entries_read=None))]
    fn set_group(
        &self,
        py: Python<'_>,
        key: &[u8],
        group: &[u8],
        last_id: Option<Pair>,
        entries_read: Option<u64>,
    ) -> PyResult<Option<()>> {
        let set = self.edit_aside(py, key, |stream, _| {
            let last_id = last_id.map_or(stream.counters().last_id, id_of);
            let set = stream
                .edit_group(group, |group| (group.last_id, group.entries_read) = (last_id, entries_read));
            (set, set.is_some())
        });
        Ok(set?.flatten())
    }

    fn create_consumer(
        &self,
        py: Python<'_>,
        key: &[u8],
        group: &[u8],
        name: &[u8],
    ) -> PyResult<Option<bool>> {
        let made = self.edit_aside(py, key, |stream, now| {
            let made = stream.edit_group(group, |group| group.consumer_or_new(name, now).1);
            (made, made == Some(true))
        });
        Ok(made?.flatten())
    }

    fn delete_consumer(
        &self,
        py: Python<'_>,
        key: &[u8],
        group: &[u8],
        name: &[u8],
    ) -> PyResult<Option<usize>> {
        let gone = self.edit_aside(py, key, |stream, _| {
            let gone = stream.edit_group(group, |group| group.remove_consumer(name)).flatten();
            (gone, gone.is_some())
        });
        Ok(gone?.flatten())
    }

    fn groups<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Option<Vec<Bound<'py, PyDict>>>> {
        self.look(py, key, |stream, _| {
            let describe = |group: &Group| {
                let found = PyDict::new(py);
                found.set_item("name", PyBytes::new(py, group.name()))?;
                found.set_item("consumers", group.consumers().len())?;
                found.set_item("pending", group.pending().len())?;
                found.set_item("last_id", text(py, group.last_id))?;
                found.set_item("entries_read", group.entries_read)?;
                found.set_item("lag", stream.lag(group))?;
                Ok(found)
            };
            stream.groups().iter().map(|group| describe(group)).collect()
        })
    }

    fn consumers<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        group: &[u8],
    ) -> PyResult<Option<Vec<Bound<'py, PyDict>>>> {
        let found = self.look(py, key, |stream, _| {
            let describe = |consumer: &Consumer| {
                let found = PyDict::new(py);
                found.set_item("name", PyBytes::new(py, consumer.name()))?;
                found.set_item("pending", consumer.pending().len())?;
                found.set_item("seen_at", consumer.seen_at)?;
                found.set_item("active_at", consumer.active_at)?;
                Ok(found)
            };
            let group = stream.group(group);
            group.map(|group| group.consumers().flatten().map(describe).collect()).transpose()
        });
        Ok(found?.flatten())
    }

    #[pyo3(signature = (key, group, start=(0, 0), end=(u64::MAX, u64::MAX), count=None, consumer=None, min_idle=0))]
    #[allow(clippy::too_many_arguments)]
    fn pending<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        group: &[u8],
        start: Pair,
        end: Pair,
        count: Option<usize>,
        consumer: Option<&[u8]>,
        min_idle: i64,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let found = self.look(py, key, |stream, now| {
            let Some(group) = stream.group(group) else { return Ok(None) };
            let (start, end) = (id_of(start), id_of(end));
            let only = consumer.map(|name| group.find_consumer(name));
            let idle = |at: i64| (now - at).max(0);
            let found = PyList::empty(py);
            if start > end || only == Some(None) {
                return Ok(Some(found));
            }
            let put = |id: Id, pending: &stream::Pending| {
                let name = PyBytes::new(py, consumer_name(group, pending.consumer));
                found.append((text(py, id), name, idle(pending.delivered_at), pending.deliveries))
            };
            let inside = |id: Id| id <= end;
            let count = count.unwrap_or(usize::MAX);
            match only.flatten().and_then(|number| group.consumer(number)) {
                Some(consumer) => {
                    let ids = consumer.pending().range(start).map(|(id, ())| id);
                    let of = |id: Id| group.pending().get(id).map(|pending| (id, pending));
                    let mut all = ids.take_while(|id| inside(*id)).filter_map(of);
                    all.by_ref()
                        .filter(|(_, pending)| idle(pending.delivered_at) >= min_idle)
                        .take(count)
                        .try_for_each(|(id, pending)| put(id, pending))?;
                }
                None => {
                    let all = group.pending().range(start).take_while(|(id, _)| inside(*id));
                    all.filter(|(_, pending)| idle(pending.delivered_at) >= min_idle)
                        .take(count)
                        .try_for_each(|(id, pending)| put(id, pending))?;
                }
            }
            Ok(Some(found))
        });
        Ok(found?.flatten())
    }

    fn pending_summary<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        group: &[u8],
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let found = self.look(py, key, |stream, _| {
            let Some(group) = stream.group(group) else { return Ok(None) };
            let pending = group.pending();
            let busy = group.consumers().flatten().filter(|consumer| !consumer.pending().is_empty());
            let names: Vec<_> = busy.map(|one| (PyBytes::new(py, one.name()), one.pending().len())).collect();
            let first = pending.iter().next().map(|(id, _)| text(py, id));
            let last = pending.last().map(|id| text(py, id));
            (pending.len(), first, last, names).into_pyobject(py).map(Some)
        });
        Ok(found?.flatten())
    }

    #[pyo3(signature = (key, group, consumer, ids, *, min_idle, delivered_at, deliveries, keep_count, force))]
    #[allow(clippy::too_many_arguments)]
    fn claim(
        &self,
        py: Python<'_>,
        key: &[u8],
        group: &[u8],
        consumer: &[u8],
        ids: Vec<Pair>,
        min_idle: i64,
        delivered_at: i64,
        deliveries: Option<u64>,
        keep_count: bool,
        force: bool,
    ) -> PyResult<Option<Outcomes>> {
        let claim = Claim { min_idle, delivered_at, deliveries, keep_count, force };
        self.edit_aside(py, key, |stream, now| {
            let one = |id| match stream.claim(group, consumer, id_of(id), &claim, now) {
                Claimed::Taken(pending) => (true, Some((pending.delivered_at, pending.deliveries))),
                Claimed::Gone => (true, None),
                Claimed::Left => (false, None),
            };
            let done: Vec<_> = ids.into_iter().map(one).collect();
            let changed = done.iter().any(|(changed, _)| *changed);
            (done, changed)
        })
    }

    /// Claims what is pending from `start` on: the id to go on from, what was taken, and what was gone.
    #[pyo3(signature = (key, group, consumer, start, *, count, min_idle, keep_count))]
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    fn autoclaim(
        &self,
        py: Python<'_>,
        key: &[u8],
        group: &[u8],
        consumer: &[u8],
        start: Pair,
        count: usize,
        min_idle: i64,
        keep_count: bool,
    ) -> PyResult<Option<(Pair, Vec<(Pair, (i64, u64))>, Vec<Pair>)>> {
        self.edit_aside(py, key, |stream, now| {
            let claim = Claim { min_idle, delivered_at: now, deliveries: None, keep_count, force: false };
            let (mut taken, mut gone) = (Vec::new(), Vec::new());
            let attempts = count.saturating_mul(AUTOCLAIM_ATTEMPTS);
            let pending = stream.group(group).map(Group::pending);
            let ids: Vec<Id> = pending
                .map(|ids| {
                    ids.range(id_of(start)).take(attempts.saturating_add(1)).map(|(id, _)| id).collect()
                })
                .unwrap_or_default();
            let mut looked_at = 0;
            for id in ids.iter().take(attempts) {
                if taken.len() + gone.len() >= count {
                    break;
                }
                looked_at += 1;
                match stream.claim(group, consumer, *id, &claim, now) {
                    Claimed::Taken(pending) => {
                        taken.push(((id.ms, id.seq), (pending.delivered_at, pending.deliveries)));
                    }
                    Claimed::Gone => gone.push((id.ms, id.seq)),
                    Claimed::Left => {}
                }
            }
            let next = ids.get(looked_at).map_or((0, 0), |id| (id.ms, id.seq));
            let changed = !taken.is_empty() || !gone.is_empty();
            ((next, taken, gone), changed)
        })
    }

    fn entries<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        ids: Vec<Pair>,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        self.look(py, key, |stream, _| {
            let found = PyList::empty(py);
            for id in ids.into_iter().map(id_of) {
                if let Some(fields) = stream.get(id) {
                    found.append(entry(py, id, fields)?)?;
                }
            }
            Ok(found)
        })
    }

    #[pyo3(signature = (key, group, ids, references="KEEPREF"))]
    fn acknowledge(
        &self,
        py: Python<'_>,
        key: &[u8],
        group: &[u8],
        ids: Vec<Pair>,
        references: &str,
    ) -> PyResult<Option<Vec<i8>>> {
        let references = self::references(references)?;
        self.edit(py, key, |stream, _| {
            let mut changed = false;
            let one = |id| {
                let id = id_of(id);
                if stream.edit_group(group, |group| group.acknowledge(id)) != Some(true) {
                    return -1;
                }
                changed = true;
                // The entry may have been deleted before: then acknowledging it is all there is to do.
                delete(stream, id, references).max(1)
            };
            let done = ids.into_iter().map(one).collect();
            (done, changed)
        })
    }
}
