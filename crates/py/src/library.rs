//! `Library`: an engine in the caller's process and thread.
//!
//! Owns the way from Python values to items and back, in one call each, and the work that a server's loop would do
//! between requests: it is done in the calls. Refuses to decide what a value of another kind looks like as bytes: that
//! is the codec's, a Python object.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dozo_engine::items::{self, Condition, Keep, NewItem, Refused};
use dozo_engine::{Engine, Session, SessionId};
use dozo_log::lz4;
use dozo_store::{Str, itoa};
use pyo3::exceptions::{PyConnectionError, PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString, PyTuple};

use crate::database::{reply_error, words};
use crate::kernel::Kernel;
use crate::reply::{self, Classes};
use crate::wire::Wire;
use crate::wires::Wires;

/// Kinds of values that need no codec; the lower byte of an item's flags is its kind.
const BYTES: u32 = 0;
const STR: u32 = 1;
const INT: u32 = 2;
const KIND: u32 = 0xff;
/// The bit of an item whose bytes are compressed.
const PACKED: u32 = 1 << 31;
/// The bits between them name a combination of tags; 0 is none.
const TAG_SHIFT: u32 = 8;
/// How long a wait lasts before Python's signal handlers get their turn.
pub(crate) const SIGNAL_POLL: Duration = Duration::from_millis(50);
/// The longest time to live, in seconds; beyond it a double can't name milliseconds.
const LONGEST_TTL: f64 = 1e12;

/// An engine without a thread and without a socket.
#[pyclass(frozen, subclass, module = "dozo._kernel")]
pub struct Library {
    pub(crate) kernel: Py<Kernel>,
    /// encode(value), decode(kind, bytes), tag(tags) and the number `kind` of what encode makes.
    codec: Py<PyAny>,
    kind: u32,
    /// The database of the items.
    db: usize,
    pub(crate) turns: Arc<Turns>,
}

/// What a server's loop would know, for all who use one kernel.
#[derive(Default)]
pub struct Turns {
    pub(crate) wires: Wires,
    next_tick_ms: AtomicI64,
    /// The millisecond in which a running save was walked on last: it gets a slice of each.
    saved_ms: AtomicI64,
}

/// What is left to do once the engine is free.
#[derive(Default)]
pub(crate) struct After {
    /// Functions that want to hear of news.
    told: Vec<Py<PyAny>>,
    /// Where the journal must have come before anybody hears that something was changed.
    awaited: Option<u64>,
}

/// How a value is kept, where that is not left to the store.
#[derive(Clone, Copy, Default)]
struct Way {
    disk: Option<bool>,
    compress: bool,
}

/// A value on its way into the store.
enum Encoded<'py> {
    Bytes(Bound<'py, PyBytes>, u32),
    Text(Bound<'py, PyString>),
    Number(Bound<'py, PyInt>),
}

/// A value on its way out.
enum Found<'py> {
    Done(Bound<'py, PyAny>),
    Encoded(u32, Bound<'py, PyBytes>),
}

#[inline]
fn key_of<'a>(key: &'a Bound<'_, PyAny>) -> PyResult<&'a [u8]> {
    if let Ok(text) = key.cast::<PyString>() {
        Ok(text.to_str()?.as_bytes())
    } else if let Ok(bytes) = key.cast::<PyBytes>() {
        Ok(bytes.as_bytes())
    } else {
        Err(PyTypeError::new_err(format!("a key is bytes or str, not {}", key.get_type().name()?)))
    }
}

fn keep_of(ttl: Option<&Bound<'_, PyAny>>) -> PyResult<Keep> {
    let Some(ttl) = ttl.filter(|ttl| !ttl.is_none()) else {
        return Ok(Keep::Forever);
    };
    let seconds: f64 =
        ttl.extract().map_err(|_| PyTypeError::new_err("ttl is a number of seconds, or None"))?;
    if !(-LONGEST_TTL..=LONGEST_TTL).contains(&seconds) {
        return Err(PyValueError::new_err("ttl is out of range"));
    }
    Ok(Keep::For((seconds * 1000.0).ceil() as i64))
}

/// The number of the combination of tags that flags bear.
#[inline]
fn tag_of(flags: u32) -> u32 {
    (flags & !PACKED) >> TAG_SHIFT
}

/// The digits of an integer, whatever its class makes of them.
fn digits<'py>(number: &Bound<'py, PyInt>) -> PyResult<Bound<'py, PyString>> {
    number.py().get_type::<PyInt>().call_method1("__repr__", (number,))?.cast_into().map_err(PyErr::from)
}

#[cold]
fn refusal(py: Python<'_>, refused: Refused) -> PyErr {
    match refused {
        Refused::Missing => PyKeyError::new_err(()),
        Refused::WrongType => match Classes::get(py) {
            Ok(classes) => classes.wrong_type(py),
            Err(error) => error,
        },
        Refused::NotInteger => error_named(py, "NotInteger"),
        Refused::NoMemory => error_named(py, "OutOfMemory"),
        Refused::NoDisk => {
            PyValueError::new_err("disk=True needs a store with a disk tier: dozo.open(disk=...) makes one")
        }
        Refused::Overflow => reply_error(py, "ERR increment or decrement would overflow"),
        Refused::Closed(text) => reply_error(py, &text),
    }
}

/// An exception of dozo.errors.
#[cold]
fn error_named(py: Python<'_>, name: &str) -> PyErr {
    let made = py.import("dozo.errors").and_then(|errors| errors.call_method0(name));
    made.map_or_else(|error| error, PyErr::from_value)
}

#[cold]
fn damaged(py: Python<'_>) -> PyErr {
    let text = "LZ4 can't read a value: it was damaged, or changed by another client";
    let made = py.import("dozo.errors").and_then(|errors| errors.call_method1("SerializerError", (text,)));
    made.map_or_else(|error| error, PyErr::from_value)
}

#[cold]
fn missing(key: &Bound<'_, PyAny>) -> PyErr {
    PyKeyError::new_err(key.clone().unbind())
}

#[cold]
fn closed(py: Python<'_>) -> PyErr {
    error_named(py, "ClosedError")
}

impl Library {
    /// What a command answers, in RESP3.
    fn reply_to(&self, py: Python<'_>, words: &Bound<'_, PyTuple>) -> PyResult<Vec<u8>> {
        let words = self::words(words)?;
        self.work(py, |engine| {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let mut session = Session::internal(engine.ks.now());
            session.select(self.db);
            session.proto = dozo_wire::resp::Proto::Resp3;
            engine.call(&mut session, &words);
            Ok(reply::flatten(&session.out))
        })
    }

    /// Does something with the engine, and what a server's loop would do around it.
    #[inline]
    fn work<R>(&self, py: Python<'_>, work: impl FnOnce(&mut Engine) -> Result<R, Refused>) -> PyResult<R> {
        let done = self.kernel.get().on_idle(py, |engine| {
            engine.begin_batch();
            let before = engine.ks.dirty();
            let result = work(engine);
            (result, self.settle(py, engine, before, None))
        })?;
        let Some((result, after)) = done else { return Err(closed(py)) };
        self.follow(py, after)?;
        result.map_err(|refused| refusal(py, refused))
    }

    /// Ends a batch; `before` is how much had changed when it began, `own` the connection that it is for.
    #[inline]
    pub(crate) fn settle(
        &self,
        py: Python<'_>,
        engine: &mut Engine,
        before: u64,
        own: Option<SessionId>,
    ) -> After {
        engine.end_batch();
        let now = engine.ks.now();
        let due = self.turns.next_tick_ms.load(Ordering::Relaxed);
        // Should the clock jump back, it is due too.
        if now >= due || due - now > 2000 {
            let pause = engine.tick().as_millis();
            self.turns
                .next_tick_ms
                .store(now + i64::try_from(pause).unwrap_or(1000).max(1), Ordering::Relaxed);
        }
        if engine.ks.is_saving() && self.turns.saved_ms.swap(now, Ordering::Relaxed) != now {
            engine.background(true);
        }
        engine.commit();
        let awaited = engine.awaited().filter(|_| engine.ks.dirty() != before);
        let told =
            if self.turns.wires.is_empty() { Vec::new() } else { self.turns.wires.deliver(py, engine, own) };
        After { told, awaited }
    }

    /// Does what could not be done while the engine was held.
    #[inline]
    pub(crate) fn follow(&self, py: Python<'_>, after: After) -> PyResult<()> {
        for function in after.told {
            function.call0(py)?;
        }
        after.awaited.map_or(Ok(()), |place| self.wait_for_medium(py, place))
    }

    /// Waits until the journal has come to that place. Where the disk fails it goes on trying, and so does this.
    #[cold]
    fn wait_for_medium(&self, py: Python<'_>, place: u64) -> PyResult<()> {
        loop {
            let seen = self.turns.wires.news();
            let durable = self.kernel.get().on_idle(py, |engine| engine.durable())?;
            if durable.is_none_or(|durable| durable >= place) {
                return Ok(());
            }
            py.detach(|| self.turns.wires.wait(seen, SIGNAL_POLL));
            py.check_signals()?;
            // What is to be done about a disk that fails is the work of a tick.
            self.kernel.get().on_idle(py, |engine| {
                engine.begin_batch();
                let before = engine.ks.dirty();
                self.settle(py, engine, before, None)
            })?;
        }
    }

    #[inline]
    fn encode<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Encoded<'py>> {
        if let Ok(bytes) = value.cast::<PyBytes>() {
            Ok(Encoded::Bytes(bytes.clone(), BYTES))
        } else if let Ok(text) = value.cast::<PyString>() {
            Ok(Encoded::Text(text.clone()))
        } else if let Ok(number) = value.cast::<PyInt>()
            && !value.is_instance_of::<PyBool>()
        {
            Ok(Encoded::Number(number.clone()))
        } else {
            let py = value.py();
            let bytes = self.codec.bind(py).call_method1("encode", (value,))?;
            Ok(Encoded::Bytes(bytes.cast_into::<PyBytes>()?, self.kind))
        }
    }

    /// The bits of the flags that name these tags.
    fn tag_bits(&self, tags: Option<&Bound<'_, PyAny>>) -> PyResult<u32> {
        match tags {
            Some(tags) if tags.is_truthy()? => {
                let id: u32 = self.codec.bind(tags.py()).call_method1("tag", (tags,))?.extract()?;
                Ok(id << TAG_SHIFT)
            }
            _ => Ok(0),
        }
    }

    #[inline]
    fn put(
        &self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Option<&Bound<'_, PyAny>>,
        tags: Option<&Bound<'_, PyAny>>,
        condition: Condition,
        way: Way,
    ) -> PyResult<Option<bool>> {
        let py = key.py();
        let (name, keep, tag) = (key_of(key)?, keep_of(ttl)?, self.tag_bits(tags)?);
        let put = |value: &[u8], kind: u32| {
            let packed = if way.compress { lz4::pack_sized(value) } else { None };
            let (value, kind) = packed.as_deref().map_or((value, kind), |packed| (packed, kind | PACKED));
            let new = NewItem { value, keep, flags: kind | tag, disk: way.disk };
            self.work(py, |engine| engine.put_item(self.db, name, &new, condition))
        };
        match self.encode(value)? {
            Encoded::Bytes(bytes, kind) => put(bytes.as_bytes(), kind),
            Encoded::Text(text) => put(text.to_str()?.as_bytes(), STR),
            Encoded::Number(number) => match number.extract::<i64>() {
                Ok(small) => put(itoa::Buffer::new().format(small).as_bytes(), INT),
                Err(_) => put(digits(&number)?.to_str()?.as_bytes(), INT),
            },
        }
    }

    fn put_bytes(
        &self,
        key: &Bound<'_, PyAny>,
        value: &[u8],
        flags: u32,
        ttl: Option<&Bound<'_, PyAny>>,
        condition: Condition,
        disk: Option<bool>,
    ) -> PyResult<Option<bool>> {
        let (name, keep) = (key_of(key)?, keep_of(ttl)?);
        let new = NewItem { value, keep, flags, disk };
        self.work(key.py(), |engine| engine.put_item(self.db, name, &new, condition))
    }

    #[inline]
    fn found<'py>(&self, py: Python<'py>, value: Str<'_>, flags: u32) -> PyResult<Found<'py>> {
        let mut digits = itoa::Buffer::new();
        let done = match (flags & (KIND | PACKED), value) {
            (BYTES, value) => PyBytes::new(py, value.as_bytes(&mut digits)).into_any(),
            (INT, Str::Int(number)) => number.into_pyobject(py)?.into_any(),
            (STR, value) => PyString::from_bytes(py, value.as_bytes(&mut digits))?.into_any(),
            (packed, value) if packed & PACKED != 0 => return self.found_packed(py, value, flags),
            (kind, value) => return Ok(Found::Encoded(kind, PyBytes::new(py, value.as_bytes(&mut digits)))),
        };
        Ok(Found::Done(done))
    }

    #[cold]
    fn found_packed<'py>(&self, py: Python<'py>, value: Str<'_>, flags: u32) -> PyResult<Found<'py>> {
        let mut digits = itoa::Buffer::new();
        let plain = lz4::unpack_sized(value.as_bytes(&mut digits)).ok_or_else(|| damaged(py))?;
        self.found(py, Str::Inline(&plain), flags & !PACKED)
    }

    fn decode<'py>(&self, found: Found<'py>) -> PyResult<Bound<'py, PyAny>> {
        match found {
            Found::Done(value) => Ok(value),
            Found::Encoded(INT, digits) => digits.py().get_type::<PyInt>().call1((digits,)),
            Found::Encoded(kind, bytes) => self.codec.bind(bytes.py()).call_method1("decode", (kind, &bytes)),
        }
    }

    /// The value at `key`, which is removed with it if `take`.
    #[inline]
    fn read<'py>(&self, key: &Bound<'py, PyAny>, take: bool) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = key.py();
        let name = key_of(key)?;
        let found = self.work(py, |engine| {
            let found = engine.read_item(self.db, name, |value, flags| self.found(py, value, flags))?;
            if take && found.is_some() {
                engine.remove_item(self.db, name)?;
            }
            Ok(found)
        })?;
        found.transpose()?.map(|found| self.decode(found)).transpose()
    }
}

#[pymethods]
impl Library {
    #[new]
    #[pyo3(signature = (kernel, codec, db=0))]
    fn new(py: Python<'_>, kernel: Py<Kernel>, codec: Py<PyAny>, db: usize) -> PyResult<Self> {
        let kind = codec.bind(py).getattr("kind")?.extract()?;
        let turns = Arc::clone(&kernel.get().turns);
        let waker = Arc::clone(&turns);
        let databases = kernel.get().on_idle(py, |engine| {
            // The journal's thread tells when something is on the medium.
            engine.set_waker(Arc::new(move || waker.wires.wake()));
            engine.ks.databases()
        })?;
        if databases.is_none_or(|databases| db >= databases) {
            return Err(PyValueError::new_err("there is no database of that index"));
        }
        Ok(Self { kernel, codec, kind, db, turns })
    }

    #[pyo3(signature = (key, default=None))]
    fn get<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.read(key, false)?.or(default))
    }

    #[pyo3(signature = (key, default=None))]
    fn pop<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.read(key, true)?.or(default))
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.read(key, false)?.ok_or_else(|| missing(key))
    }

    #[pyo3(signature = (key, value, ttl=None, tags=None, *, disk=None, compress=false))]
    fn set(
        &self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Option<&Bound<'_, PyAny>>,
        tags: Option<&Bound<'_, PyAny>>,
        disk: Option<bool>,
        compress: bool,
    ) -> PyResult<()> {
        self.put(key, value, ttl, tags, Condition::None, Way { disk, compress }).map(drop)
    }

    fn __setitem__(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.put(key, value, None, None, Condition::None, Way::default()).map(drop)
    }

    #[pyo3(signature = (key, value, ttl=None, tags=None, *, disk=None, compress=false))]
    fn add(
        &self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Option<&Bound<'_, PyAny>>,
        tags: Option<&Bound<'_, PyAny>>,
        disk: Option<bool>,
        compress: bool,
    ) -> PyResult<bool> {
        let way = Way { disk, compress };
        Ok(self.put(key, value, ttl, tags, Condition::Missing, way)? == Some(true))
    }

    /// The value and its version, for `cas`; the default and `None` without the key.
    #[pyo3(signature = (key, default=None))]
    fn gets<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<(Option<Bound<'py, PyAny>>, Option<u64>)> {
        let (py, name) = (key.py(), key_of(key)?);
        let found = self.work(py, |engine| {
            let found = engine.read_item(self.db, name, |value, flags| self.found(py, value, flags))?;
            Ok(found.map(|found| (found, items::tell_cas(engine, self.db, name))))
        })?;
        match found {
            None => Ok((default, None)),
            Some((found, version)) => Ok((Some(self.decode(found?)?), Some(version))),
        }
    }

    /// Stores a value where the key has that version still; whether it was. `None` without the key.
    #[pyo3(signature = (key, value, version, ttl=None, tags=None, *, disk=None, compress=false))]
    #[allow(clippy::too_many_arguments)]
    fn cas(
        &self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        version: u64,
        ttl: Option<&Bound<'_, PyAny>>,
        tags: Option<&Bound<'_, PyAny>>,
        disk: Option<bool>,
        compress: bool,
    ) -> PyResult<Option<bool>> {
        self.put(key, value, ttl, tags, Condition::Version(version), Way { disk, compress })
    }

    #[pyo3(signature = (key, by=1, default=Some(0)), text_signature = "($self, key, by=1, default=0)")]
    fn incr(&self, key: &Bound<'_, PyAny>, by: i64, default: Option<i64>) -> PyResult<i64> {
        let name = key_of(key)?;
        match self.work(key.py(), |engine| Ok(engine.count_item(self.db, name, by, default, INT)))? {
            Err(Refused::Missing) => Err(missing(key)),
            counted => counted.map_err(|refused| refusal(key.py(), refused)),
        }
    }

    fn delete(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let name = key_of(key)?;
        self.work(key.py(), |engine| engine.remove_item(self.db, name))
    }

    fn __delitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.delete(key)? { Ok(()) } else { Err(missing(key)) }
    }

    fn touch(&self, key: &Bound<'_, PyAny>, ttl: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let (name, keep) = (key_of(key)?, keep_of(ttl)?);
        self.work(key.py(), |engine| engine.touch_item(self.db, name, keep))
    }

    /// The seconds that a key is kept; `None` for ever. KeyError without the key.
    fn ttl<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyFloat>>> {
        let name = key_of(key)?;
        let found = self.work(key.py(), |engine| {
            engine.check_open()?;
            let (now, peek) = (engine.ks.now(), dozo_store::Access::Peek);
            Ok(engine.ks.head(self.db, name, peek).map(|item| item.expire_at().map(|at| at - now)))
        })?;
        let left = found.ok_or_else(|| missing(key))?;
        Ok(left.map(|ms| PyFloat::new(key.py(), ms as f64 / 1000.0)))
    }

    /// The flags of a key: kind and tags; `None` without the key.
    fn flags(&self, key: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
        let name = key_of(key)?;
        self.work(key.py(), |engine| {
            engine.check_open()?;
            Ok(engine.ks.head(self.db, name, dozo_store::Access::Peek).map(|item| item.flags()))
        })
    }

    /// The bytes and flags at `key`, which is removed with them if `take`.
    #[pyo3(signature = (key, take=false))]
    fn get_item<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        take: bool,
    ) -> PyResult<Option<(Bound<'py, PyBytes>, u32)>> {
        let (py, name) = (key.py(), key_of(key)?);
        self.work(py, |engine| {
            let found = engine.read_item(self.db, name, |value, flags| {
                (PyBytes::new(py, value.as_bytes(&mut itoa::Buffer::new())), flags)
            })?;
            if take && found.is_some() {
                engine.remove_item(self.db, name)?;
            }
            Ok(found)
        })
    }

    /// Bytes, flags and version of a key.
    fn gets_item<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<(Bound<'py, PyBytes>, u32, u64)>> {
        let (py, name) = (key.py(), key_of(key)?);
        self.work(py, |engine| {
            let found = engine.read_item(self.db, name, |value, flags| {
                (PyBytes::new(py, value.as_bytes(&mut itoa::Buffer::new())), flags)
            })?;
            Ok(found.map(|(data, flags)| (data, flags, items::tell_cas(engine, self.db, name))))
        })
    }

    /// Stores bytes with flags; with `only_new` only where the key is missing. Whether they were stored.
    #[pyo3(signature = (key, data, flags, ttl=None, only_new=false, disk=None))]
    fn set_item(
        &self,
        key: &Bound<'_, PyAny>,
        data: &[u8],
        flags: u32,
        ttl: Option<&Bound<'_, PyAny>>,
        only_new: bool,
        disk: Option<bool>,
    ) -> PyResult<bool> {
        let condition = if only_new { Condition::Missing } else { Condition::None };
        Ok(self.put_bytes(key, data, flags, ttl, condition, disk)? == Some(true))
    }

    /// Stores bytes with flags where the key has that version still; whether they were. `None` without the key.
    #[pyo3(signature = (key, data, flags, version, ttl=None, disk=None))]
    fn cas_item(
        &self,
        key: &Bound<'_, PyAny>,
        data: &[u8],
        flags: u32,
        version: u64,
        ttl: Option<&Bound<'_, PyAny>>,
        disk: Option<bool>,
    ) -> PyResult<Option<bool>> {
        self.put_bytes(key, data, flags, ttl, Condition::Version(version), disk)
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let name = key_of(key)?;
        self.work(key.py(), |engine| {
            engine.check_open()?;
            Ok(engine.ks.head(self.db, name, dozo_store::Access::Peek).is_some())
        })
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.work(py, |engine| Ok(engine.ks.len(self.db)))
    }

    fn clear(&self, py: Python<'_>) -> PyResult<usize> {
        self.work(py, |engine| engine.clear_items(self.db))
    }

    fn expire(&self, py: Python<'_>) -> PyResult<usize> {
        self.work(py, |engine| engine.expire_items(self.db))
    }

    fn scan(&self, py: Python<'_>, cursor: u64, count: usize) -> PyResult<(u64, Vec<Py<PyBytes>>)> {
        self.work(py, |engine| {
            engine.check_open()?;
            let mut keys = Vec::new();
            let next = engine.ks.scan(self.db, cursor, count, &mut |item| {
                keys.push(PyBytes::new(py, item.key()).unbind());
            });
            Ok((next, keys))
        })
    }

    fn evict_some(
        &self,
        py: Python<'_>,
        cursor: u64,
        count: usize,
        mut spared: Vec<u32>,
    ) -> PyResult<(u64, usize)> {
        spared.sort_unstable();
        self.work(py, |engine| {
            engine.remove_items(self.db, cursor, count, |flags| {
                let tag = tag_of(flags);
                tag != 0 && spared.binary_search(&tag).is_err()
            })
        })
    }

    fn tags_in_use(&self, py: Python<'_>, cursor: u64, count: usize) -> PyResult<(u64, Vec<u32>)> {
        self.work(py, |engine| {
            engine.check_open()?;
            let mut tags = Vec::new();
            let next = engine.ks.scan(self.db, cursor, count, &mut |item| tags.push(tag_of(item.flags())));
            tags.sort_unstable();
            tags.dedup();
            Ok((next, tags))
        })
    }

    #[pyo3(signature = (*words))]
    fn execute<'py>(&self, py: Python<'py>, words: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        reply::decode(py, &self.reply_to(py, words)?)
    }

    /// What `execute` decodes.
    #[pyo3(signature = (*words))]
    fn reply<'py>(&self, py: Python<'py>, words: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.reply_to(py, words)?))
    }

    /// Opens a connection that calls itself so.
    fn connect(slf: &Bound<'_, Self>, name: &str) -> PyResult<Wire> {
        let py = slf.py();
        let this = slf.get();
        let sid = this.work(py, |engine| Ok(this.turns.wires.open(engine, name)))?;
        let sid =
            sid.map_err(|text| PyConnectionError::new_err(String::from_utf8_lossy(text).into_owned()))?;
        Ok(Wire::new(slf.clone().unbind(), sid))
    }

    /// Does what is due.
    fn tick(&self, py: Python<'_>) -> PyResult<()> {
        self.work(py, |engine| {
            engine.end_overdue_waits();
            Ok(())
        })
    }

    /// Leaves the engine alone for good: it is another process's, of which this one is a fork.
    fn forsake(&self) {
        self.kernel.get().forsake();
    }

    /// Ends the engine; whatever is kept on disk is there then.
    fn end(&self, py: Python<'_>) -> PyResult<()> {
        self.kernel.get().end_idle(py)?;
        self.turns.wires.clear();
        Ok(())
    }
}

/// The value of a reply in RESP3, or its ReplyError raised.
#[pyfunction]
pub fn decode_reply<'py>(py: Python<'py>, reply: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    reply::decode(py, reply)
}
