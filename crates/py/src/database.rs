//! `Database`: the keyspace as a running command sees it.

use dozo_engine::events::Class;
use dozo_engine::{Cx, glob};
use dozo_log::value::{self, Restored};
use dozo_store::{Access, End, Head, Item, List, NewValue, Object, Put, Str, Ttl, itoa};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyList, PyString, PyTuple};

use crate::bits::Bits;
use crate::context;
use crate::geo::Geo;
use crate::hashes::Hashes;
use crate::hyperloglogs::HyperLogLogs;
use crate::lists::Lists;
use crate::reply::{self, Classes};
use crate::scripts::Scripts;
use crate::sets::Sets;
use crate::sorted_sets::SortedSets;
use crate::sorting::Asked;
use crate::streams::Streams;

const BAD_INDEX: &str = "ERR DB index is out of range";
const BAD_FORMAT: &str = "ERR Bad data format";
const BAD_PAYLOAD: &str = "ERR DUMP payload version or checksum are wrong";
const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
const OVERFLOW: &str = "ERR increment or decrement would overflow";

/// One database, during a command.
#[pyclass(frozen, module = "dozo._kernel")]
pub struct Database {
    /// `None` is the one that the client has selected.
    index: Option<usize>,
}

impl Database {
    /// The database that the calling client has selected, whichever that is at the time of use.
    pub fn current() -> Self {
        Self { index: None }
    }

    #[inline]
    fn with<R>(&self, work: impl FnOnce(&mut Cx<'_>, usize) -> PyResult<R>) -> PyResult<R> {
        context::with_db(self.index, work)
    }

    fn read<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        access: Option<Access>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.with(|cx, db| {
            let access = access.unwrap_or_else(|| cx.read_access());
            let Some(item) = cx.engine.ks.get(db, key, access) else {
                return Ok(None);
            };
            Ok(Some(PyBytes::new(py, string(py, &item)?.as_bytes(&mut itoa::Buffer::new()))))
        })
    }

    /// What `look` says of the item, without a trace in the statistics.
    fn peek_at<R>(&self, key: &[u8], look: impl FnOnce(Head<'_>, i64) -> R) -> PyResult<Option<R>> {
        self.with(|cx, db| {
            let now = cx.now();
            Ok(cx.engine.ks.head(db, key, Access::Peek).map(|head| look(head, now)))
        })
    }
}

/// The string in the item, or WRONGTYPE.
pub fn string<'a>(py: Python<'_>, item: &Item<'a>) -> PyResult<Str<'a>> {
    item.string().map_or_else(|| Err(Classes::get(py)?.wrong_type(py)), Ok)
}

pub fn reply_error(py: Python<'_>, text: &str) -> PyErr {
    Classes::get(py).map_or_else(|error| error, |classes| classes.error(py, text))
}

/// A database index that exists.
fn checked(py: Python<'_>, cx: &Cx<'_>, index: i64) -> PyResult<usize> {
    let found = usize::try_from(index).ok().filter(|index| *index < cx.engine.ks.databases());
    found.ok_or_else(|| reply_error(py, BAD_INDEX))
}

/// The words of a command, given as bytes, text or integers.
pub fn words(args: &Bound<'_, PyTuple>) -> PyResult<Vec<Vec<u8>>> {
    if args.is_empty() {
        return Err(PyValueError::new_err("a command has at least a name"));
    }
    args.iter().map(|arg| word(&arg)).collect()
}

fn word(arg: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(bytes) = arg.cast::<PyBytes>() {
        Ok(bytes.as_bytes().to_vec())
    } else if let Ok(text) = arg.cast::<PyString>() {
        Ok(text.to_str()?.as_bytes().to_vec())
    } else if let Ok(int) = arg.cast::<PyInt>() {
        Ok(int.str()?.to_str()?.as_bytes().to_vec())
    } else {
        let name = arg.get_type().name()?;
        Err(PyTypeError::new_err(format!("a word of a command is bytes, str or int, not {name}")))
    }
}

#[pymethods]
impl Database {
    #[getter]
    fn bits(&self) -> Bits {
        Bits { index: self.index }
    }

    #[getter]
    fn scripts(&self) -> Scripts {
        Scripts
    }

    #[getter]
    fn geo(&self) -> Geo {
        Geo { index: self.index }
    }

    #[getter]
    fn hyperloglogs(&self) -> HyperLogLogs {
        HyperLogLogs { index: self.index }
    }

    #[getter]
    fn index(&self) -> PyResult<usize> {
        self.with(|_, db| Ok(db))
    }

    #[getter]
    fn is_retry(&self) -> PyResult<bool> {
        self.with(|cx, _| Ok(cx.is_retry()))
    }

    #[getter]
    fn lists(&self) -> Lists {
        Lists { index: self.index }
    }

    #[getter]
    fn sorted_sets(&self) -> SortedSets {
        SortedSets { index: self.index }
    }

    #[getter]
    fn databases(&self) -> PyResult<usize> {
        self.with(|cx, _| Ok(cx.engine.ks.databases()))
    }

    #[getter]
    fn hashes(&self) -> Hashes {
        Hashes { index: self.index }
    }

    #[getter]
    fn sets(&self) -> Sets {
        Sets { index: self.index }
    }

    #[getter]
    fn now_ms(&self) -> PyResult<i64> {
        self.with(|cx, _| Ok(cx.now()))
    }

    #[getter]
    fn is_replaying(&self) -> PyResult<bool> {
        self.with(|cx, _| Ok(cx.engine.ks.is_frozen()))
    }

    #[getter]
    fn max_value_len(&self) -> PyResult<usize> {
        self.with(|cx, _| Ok(cx.engine.settings.proto_max_bulk_len))
    }

    #[getter]
    fn streams(&self) -> Streams {
        Streams::of(self.index)
    }

    fn get<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.read(py, key, None)
    }

    fn peek<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.read(py, key, Some(Access::Peek))
    }

    #[pyo3(signature = (key, value, expire_at_ms=None, keep_ttl=false))]
    fn set(
        &self,
        key: &[u8],
        value: &Bound<'_, PyAny>,
        expire_at_ms: Option<i64>,
        keep_ttl: bool,
    ) -> PyResult<bool> {
        let ttl = match expire_at_ms {
            Some(at) => Ttl::At(at),
            None if keep_ttl => Ttl::Keep,
            None => Ttl::Clear,
        };
        let value = match value.cast::<PyBytes>() {
            Ok(bytes) => NewValue::Bytes(bytes.as_bytes()),
            Err(_) => NewValue::Int(value.extract()?),
        };
        self.with(|cx, db| Ok(cx.engine.ks.put(db, key, Put { value, ttl, flags: None }).replaced))
    }

    fn delete(&self, key: &[u8]) -> PyResult<bool> {
        self.with(|cx, db| Ok(cx.engine.ks.remove(db, key)))
    }

    fn exists(&self, key: &[u8]) -> PyResult<bool> {
        Ok(self.peek_at(key, |_, _| ())?.is_some())
    }

    fn touch(&self, key: &[u8]) -> PyResult<bool> {
        self.with(|cx, db| Ok(cx.engine.ks.head(db, key, Access::Read).is_some()))
    }

    fn r#type(&self, key: &[u8]) -> PyResult<Option<&'static str>> {
        self.with(|cx, db| {
            Ok(cx.engine.ks.head(db, key, Access::Untouched).map(|head| head.type_of().name()))
        })
    }

    fn expire_at(&self, key: &[u8]) -> PyResult<Option<i64>> {
        self.peek_at(key, |item, _| item.expire_at().unwrap_or(-1))
    }

    fn set_expire(&self, key: &[u8], at_ms: Option<i64>) -> PyResult<bool> {
        self.with(|cx, db| {
            let now = cx.now();
            let ks = &mut cx.engine.ks;
            Ok(match at_ms {
                Some(at) if at <= now => ks.remove(db, key),
                at => ks.set_expire(db, key, at),
            })
        })
    }

    fn strlen(&self, py: Python<'_>, key: &[u8]) -> PyResult<usize> {
        self.with(|cx, db| {
            let access = cx.read_access();
            let item = cx.engine.ks.get(db, key, access);
            item.map_or(Ok(0), |item| Ok(string(py, &item)?.len()))
        })
    }

    fn get_range<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        start: i64,
        end: i64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.with(|cx, db| {
            let access = cx.read_access();
            let Some(item) = cx.engine.ks.get(db, key, access) else {
                return Ok(PyBytes::new(py, b""));
            };
            let mut digits = itoa::Buffer::new();
            let string = string(py, &item)?;
            let data = string.as_bytes(&mut digits);
            let len = i64::try_from(data.len()).unwrap_or(i64::MAX);
            let from_end = |at: i64| {
                if at < 0 { at.saturating_add(len).max(0) } else { at }
            };
            if start < 0 && end < 0 && start > end {
                return Ok(PyBytes::new(py, b""));
            }
            let (start, end) = (from_end(start), from_end(end).min(len - 1));
            if start > end {
                return Ok(PyBytes::new(py, b""));
            }
            Ok(PyBytes::new(py, &data[start as usize..=end as usize]))
        })
    }

    fn append(&self, py: Python<'_>, key: &[u8], data: &[u8]) -> PyResult<usize> {
        self.with(|cx, db| {
            if let Some(item) = cx.engine.ks.get(db, key, Access::Write) {
                string(py, &item)?;
            }
            Ok(cx.engine.ks.append(db, key, data))
        })
    }

    fn set_range(&self, py: Python<'_>, key: &[u8], offset: usize, data: &[u8]) -> PyResult<usize> {
        self.with(|cx, db| {
            let max = cx.engine.settings.proto_max_bulk_len;
            let item = cx.engine.ks.get(db, key, Access::Write);
            let len = item.map_or(Ok(0), |item| Ok::<_, PyErr>(string(py, &item)?.len()))?;
            if data.is_empty() {
                return Ok(len);
            }
            if offset.checked_add(data.len()).is_none_or(|end| end > max) {
                return Err(PyValueError::new_err("the string would exceed proto-max-bulk-len"));
            }
            Ok(cx.engine.ks.set_range(db, key, offset, data))
        })
    }

    fn incr(&self, py: Python<'_>, key: &[u8], delta: i64) -> PyResult<i64> {
        self.with(|cx, db| {
            let item = cx.engine.ks.get(db, key, Access::Write);
            let old = item.map_or(Ok(Some(0)), |item| Ok::<_, PyErr>(string(py, &item)?.to_i64()))?;
            let old = old.ok_or_else(|| reply_error(py, NOT_INTEGER))?;
            let new = old.checked_add(delta).ok_or_else(|| reply_error(py, OVERFLOW))?;
            cx.engine.ks.set_int(db, key, new);
            Ok(new)
        })
    }

    fn rename(&self, source: &[u8], target: &[u8]) -> PyResult<bool> {
        self.with(|cx, db| Ok(cx.engine.ks.rename(db, source, target)))
    }

    fn r#move(&self, py: Python<'_>, key: &[u8], index: i64) -> PyResult<bool> {
        self.with(|cx, db| {
            let to = checked(py, cx, index)?;
            Ok(to != db && cx.engine.ks.move_key(db, key, to))
        })
    }

    #[pyo3(signature = (source, target, index=None))]
    fn copy(&self, py: Python<'_>, source: &[u8], target: &[u8], index: Option<i64>) -> PyResult<bool> {
        self.with(|cx, db| {
            let to = index.map_or(Ok(db), |index| checked(py, cx, index))?;
            Ok((to != db || source != target) && cx.engine.ks.copy(db, source, to, target))
        })
    }

    fn dump<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.with(|cx, db| {
            let access = cx.read_access();
            let item = cx.engine.ks.get(db, key, access);
            Ok(item.map(|item| PyBytes::new(py, &value::dump(item.value()))))
        })
    }

    #[pyo3(signature = (key, payload, expire_at_ms=None))]
    fn restore(
        &self,
        py: Python<'_>,
        key: &[u8],
        payload: &[u8],
        expire_at_ms: Option<i64>,
    ) -> PyResult<bool> {
        self.with(|cx, db| {
            let now = cx.now();
            let ks = &mut cx.engine.ks;
            let restored = value::restore(payload, &ks.packing).map_err(|refused| {
                let wrong_footer = matches!(refused, value::Refused::Footer);
                reply_error(py, if wrong_footer { BAD_PAYLOAD } else { BAD_FORMAT })
            })?;
            if expire_at_ms.is_some_and(|at| at <= now) {
                ks.remove(db, key);
                return Ok(false);
            }
            let ttl = expire_at_ms.map_or(Ttl::Clear, Ttl::At);
            match restored {
                Restored::Str(value) => {
                    ks.put(db, key, Put { value: NewValue::Bytes(&value), ttl, flags: None });
                }
                Restored::Object(object) => ks.put_object(db, key, object, ttl),
            }
            Ok(true)
        })
    }

    #[pyo3(signature = (key, *, by=None, get=vec![], alpha=false, descending=false, offset=0, count=-1))]
    #[expect(clippy::too_many_arguments, reason = "each is an option of SORT")]
    fn sort<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        by: Option<Vec<u8>>,
        get: Vec<Vec<u8>>,
        alpha: bool,
        descending: bool,
        offset: i64,
        count: i64,
    ) -> PyResult<Bound<'py, PyList>> {
        let asked = Asked { by, get, alpha, descending, offset, count };
        let found = self.with(|cx, db| asked.run(py, cx, db, key, false))?;
        PyList::new(py, found.into_iter().map(|text| text.map(|text| PyBytes::new(py, &text))))
    }

    #[pyo3(signature = (target, key, *, by=None, get=vec![], alpha=false, descending=false, offset=0, count=-1))]
    #[expect(clippy::too_many_arguments, reason = "each is an option of SORT")]
    fn sort_store(
        &self,
        py: Python<'_>,
        target: &[u8],
        key: &[u8],
        by: Option<Vec<u8>>,
        get: Vec<Vec<u8>>,
        alpha: bool,
        descending: bool,
        offset: i64,
        count: i64,
    ) -> PyResult<usize> {
        let asked = Asked { by, get, alpha, descending, offset, count };
        self.with(|cx, db| {
            let found = asked.run(py, cx, db, key, true)?;
            let ks = &mut cx.engine.ks;
            let (mut list, packing) = (List::new(), ks.packing);
            for element in &found {
                list.push(End::Back, element.as_deref().unwrap_or_default(), &packing);
            }
            ks.put_object(db, target, Object::List(list), Ttl::Clear);
            Ok(found.len())
        })
    }

    fn keys<'py>(&self, py: Python<'py>, pattern: &[u8]) -> PyResult<Bound<'py, PyList>> {
        self.with(|cx, db| {
            let found = PyList::empty(py);
            let mut outcome = Ok(());
            cx.engine.ks.expire_cold_fields();
            cx.engine.ks.for_each(db, &mut |item| {
                if outcome.is_ok() && (pattern == b"*" || glob(pattern, item.key())) {
                    outcome = found.append(PyBytes::new(py, item.key()));
                }
            });
            outcome.map(|()| found)
        })
    }

    #[pyo3(signature = (cursor, count, pattern=None, r#type=None))]
    fn scan<'py>(
        &self,
        py: Python<'py>,
        cursor: u64,
        count: usize,
        pattern: Option<&[u8]>,
        r#type: Option<&str>,
    ) -> PyResult<(u64, Bound<'py, PyList>)> {
        self.with(|cx, db| {
            let found = PyList::empty(py);
            let mut outcome = Ok(());
            let next = cx.engine.ks.scan(db, cursor, count, &mut |item| {
                let wanted = pattern.is_none_or(|pattern| glob(pattern, item.key()))
                    && r#type.is_none_or(|name| item.type_of().name() == name);
                if outcome.is_ok() && wanted {
                    outcome = found.append(PyBytes::new(py, item.key()));
                }
            });
            outcome.map(|()| (next, found))
        })
    }

    fn random_key<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.with(|cx, db| Ok(cx.engine.ks.random_key(db).map(|key| PyBytes::new(py, &key))))
    }

    fn __len__(&self) -> PyResult<usize> {
        self.with(|cx, db| Ok(cx.engine.ks.len(db)))
    }

    #[getter]
    fn volatile_len(&self) -> PyResult<usize> {
        self.with(|cx, db| Ok(cx.engine.ks.volatile_len(db)))
    }

    #[getter]
    fn avg_ttl_ms(&self) -> PyResult<i64> {
        self.with(|cx, db| Ok(cx.engine.ks.avg_ttl_ms(db)))
    }

    fn flush(&self) -> PyResult<usize> {
        self.with(|cx, db| Ok(cx.engine.ks.flush(db)))
    }

    fn flush_all(&self) -> PyResult<usize> {
        self.with(|cx, _| Ok(cx.engine.ks.flush_all()))
    }

    fn swap(&self, py: Python<'_>, first: i64, second: i64) -> PyResult<()> {
        self.with(|cx, _| {
            let (first, second) = (checked(py, cx, first)?, checked(py, cx, second)?);
            cx.engine.ks.swap(first, second);
            Ok(())
        })
    }

    fn encoding(&self, key: &[u8]) -> PyResult<Option<&'static str>> {
        self.peek_at(key, |item, _| item.encoding())
    }

    fn idle_seconds(&self, key: &[u8]) -> PyResult<Option<u32>> {
        self.peek_at(key, |item, now| item.clock_idle_secs(now))
    }

    fn set_idle_seconds(&self, key: &[u8], seconds: u32) -> PyResult<()> {
        self.with(|cx, db| {
            cx.engine.ks.set_clock_idle(db, key, seconds);
            Ok(())
        })
    }

    fn freq(&self, key: &[u8]) -> PyResult<Option<u8>> {
        self.with(|cx, db| Ok(cx.engine.ks.frequency(db, key)))
    }

    fn set_freq(&self, key: &[u8], frequency: u8) -> PyResult<()> {
        self.with(|cx, db| {
            cx.engine.ks.set_freq(db, key, frequency);
            Ok(())
        })
    }

    fn memory_usage(&self, key: &[u8]) -> PyResult<Option<usize>> {
        self.with(|cx, db| Ok(cx.engine.ks.memory_usage(db, key)))
    }

    fn flags(&self, key: &[u8]) -> PyResult<Option<u32>> {
        self.peek_at(key, |item, _| item.flags())
    }

    fn set_flags(&self, key: &[u8], flags: u32) -> PyResult<()> {
        self.with(|cx, db| {
            cx.engine.ks.set_flags(db, key, flags);
            Ok(())
        })
    }

    fn cas(&self, key: &[u8]) -> PyResult<Option<u64>> {
        self.with(|cx, db| {
            let exists = cx.engine.ks.cas(db, key).is_some();
            Ok(exists.then(|| dozo_engine::items::tell_cas(cx.engine, db, key)))
        })
    }

    fn notify(&self, class: &str, event: &str, key: &[u8]) -> PyResult<()> {
        let unknown = || PyValueError::new_err(format!("'{class}' is no class of keyspace events"));
        let class = Class::parse(class).ok_or_else(unknown)?;
        self.with(|cx, db| {
            cx.notify_in(db, class, event, key);
            Ok(())
        })
    }

    #[pyo3(signature = (*args))]
    fn effect(&self, args: &Bound<'_, PyTuple>) -> PyResult<()> {
        let words = words(args)?;
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        self.with(|cx, db| {
            cx.effect_in(db, &words);
            Ok(())
        })
    }

    fn no_effect(&self) -> PyResult<()> {
        self.with(|cx, _| {
            cx.no_effect();
            Ok(())
        })
    }

    #[pyo3(signature = (*args))]
    fn call<'py>(&self, py: Python<'py>, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let words = words(args)?;
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let bytes = self.with(|cx, db| {
            let selected = std::mem::replace(&mut cx.session.db, db);
            let selections = cx.session.selections;
            let out = cx.call(&words);
            // What the called command has selected for the client stays selected.
            if cx.session.selections == selections {
                cx.session.db = selected;
            }
            Ok(reply::flatten(&out))
        })?;
        reply::decode(py, &bytes)
    }

    fn select(&self, py: Python<'_>, index: i64) -> PyResult<Database> {
        self.with(|cx, _| Ok(Database { index: Some(checked(py, cx, index)?) }))
    }
}
