//! `Kernel`: a server from the outside. It is built, bound, started, called and stopped from any Python thread.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use dozo_engine::key_places::KeyPlaces;
use dozo_engine::settings::SettingValue;
use dozo_engine::table::Kind;
use dozo_engine::{CommandSpec, CommandTable, Cx, Door, Engine, Host, Level, Session, Settings, SystemClock};
use dozo_net::{Address, Endpoint, Handle, Limits};
use dozo_store::StoreConfig;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyDict, PyTuple};

use crate::context;
use crate::database::words;
use crate::host::PyHost;
use crate::ids;
use crate::library::Turns;
use crate::reply;
use crate::server;

/// How long a wait lasts before Python's signal handlers get their turn.
const SIGNAL_POLL: Duration = Duration::from_millis(50);

/// Where the executor thread is.
#[derive(Default)]
struct Life {
    ended: Mutex<Option<Result<(), String>>>,
    changed: Condvar,
    /// The time of the last ID, once it has ended.
    last_id_ms: AtomicI64,
}

enum Phase {
    /// Not started: the engine is here, and the listeners once they are open.
    Idle(Box<Engine>, Option<dozo_net::Server>),
    Started(Handle),
}

/// A server: the engine, its executor thread and its sockets.
#[pyclass(frozen, weakref, module = "dozo._kernel")]
pub struct Kernel {
    phase: Mutex<Option<Phase>>,
    /// The thread that holds the phase, by [`this_thread`]; 0 is none.
    holder: AtomicUsize,
    life: Arc<Life>,
    limits: Arc<Limits>,
    host: Arc<PyHost>,
    /// This process is a fork of the one that the engine and its threads belong to.
    forsaken: AtomicBool,
    /// The work between the calls of those who use the engine without starting it.
    pub turns: Arc<Turns>,
}

/// The phase, held by this thread.
struct Held<'a> {
    phase: MutexGuard<'a, Option<Phase>>,
    holder: &'a AtomicUsize,
}

impl Deref for Held<'_> {
    type Target = Option<Phase>;

    fn deref(&self) -> &Self::Target {
        &self.phase
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.phase
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.holder.store(0, Ordering::Relaxed);
    }
}

/// A number of the calling thread that no other living thread has.
fn this_thread() -> usize {
    thread_local! {
        static PLACE: u8 = const { 0 };
    }
    PLACE.with(|place| ptr::from_ref(place) as usize)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[pymethods]
impl Kernel {
    #[new]
    #[pyo3(signature = (commands, settings, *, config=None, log=None, memcached_stats=None, persistence=None))]
    fn new(
        py: Python<'_>,
        commands: Vec<Bound<'_, PyAny>>,
        settings: &Bound<'_, PyDict>,
        config: Option<Py<PyAny>>,
        log: Option<Py<PyAny>>,
        memcached_stats: Option<Py<PyAny>>,
        persistence: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let specs = commands.iter().map(declaration).collect::<PyResult<Vec<_>>>()?;
        let table = CommandTable::build(&specs, &dozo_engine::hot::all().collect::<Vec<_>>())
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let config = config.unwrap_or_else(|| py.None());
        let host = Arc::new(PyHost::new(py, &commands, config, log, memcached_stats, persistence)?);
        let number = |name: &str| -> PyResult<Option<u64>> {
            settings.get_item(name)?.map(|value| value.extract()).transpose()
        };
        let store = StoreConfig {
            databases: number("databases")?.map_or(16, |n| n as usize),
            hash_seed: number("hash-seed")?.unwrap_or_else(|| RandomState::new().build_hasher().finish()),
            ..StoreConfig::default()
        };
        let clock = Box::new(SystemClock::new());
        let foreign: Arc<dyn Host> = host.clone();
        let mut engine = Engine::new(store, Settings::default(), table, clock, Some(foreign));
        let limits = Arc::new(Limits::default());
        for (name, value) in settings.iter() {
            let (name, value): (String, _) = (name.extract()?, server::setting(&value)?);
            if !matches!(name.as_str(), "databases" | "hash-seed") && !limit(&limits, &name, &value) {
                server::configure(&mut engine, &name, &value)?;
            }
        }
        host.startup.used_memory.store(engine.ks.used_memory(), Ordering::Relaxed);
        let phase = Mutex::new(Some(Phase::Idle(Box::new(engine), None)));
        Ok(Self {
            phase,
            holder: AtomicUsize::new(0),
            life: Arc::default(),
            limits,
            host,
            forsaken: AtomicBool::new(false),
            turns: Arc::default(),
        })
    }

    #[pyo3(signature = (endpoints, *, backlog=511, io_threads=0, grace_seconds=10.0))]
    fn bind(
        &self,
        py: Python<'_>,
        endpoints: Vec<(String, String, u16, bool)>,
        backlog: i32,
        io_threads: usize,
        grace_seconds: f64,
    ) -> PyResult<Vec<String>> {
        let mut phase = self.phase(py)?;
        let Some(Phase::Idle(_, server)) = phase.as_mut() else {
            return Err(PyRuntimeError::new_err("the server has been started"));
        };
        let host = Arc::clone(&self.host);
        let settings = dozo_net::Settings {
            endpoints: endpoints.into_iter().map(endpoint).collect::<PyResult<_>>()?,
            backlog,
            io_threads,
            grace: Duration::try_from_secs_f64(grace_seconds).unwrap_or(Duration::MAX),
            limits: Arc::clone(&self.limits),
            log: Arc::new(move |level, text| host.log(level, text)),
            ..dozo_net::Settings::default()
        };
        let opened =
            dozo_net::Server::bind(settings).map_err(|error| PyOSError::new_err(error.to_string()))?;
        let places = opened.places();
        *server = Some(opened);
        Ok(places)
    }

    fn start(&self, py: Python<'_>) -> PyResult<()> {
        let mut phase = self.phase(py)?;
        let (engine, server) = match phase.take() {
            Some(Phase::Idle(engine, Some(server))) => (engine, server),
            other => {
                *phase = other;
                return Err(PyRuntimeError::new_err("the server is not bound, or has been started"));
            }
        };
        let (handle, life) = (server.handle(), Arc::clone(&self.life));
        let host = Arc::clone(&self.host);
        let run = move || execute(server, engine, &life, &host);
        thread::Builder::new().name("dozo-executor".into()).spawn(run).map_err(PyErr::from)?;
        *phase = Some(Phase::Started(handle));
        Ok(())
    }

    #[pyo3(signature = (graceful=true))]
    fn stop(&self, py: Python<'_>, graceful: bool) -> PyResult<()> {
        if let Some(Phase::Started(handle)) = &*self.phase(py)? {
            handle.stop(graceful);
        }
        Ok(())
    }

    #[pyo3(signature = (timeout=None))]
    fn join(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let deadline =
            timeout.and_then(|s| Duration::try_from_secs_f64(s).ok()).map(|time| Instant::now() + time);
        loop {
            py.check_signals()?;
            let left = deadline.map_or(SIGNAL_POLL, |at| at.saturating_duration_since(Instant::now()));
            if let Some(result) = py.detach(|| self.life.wait(left.min(SIGNAL_POLL))) {
                return result.map(|()| true).map_err(PyOSError::new_err);
            }
            if left.is_zero() {
                return Ok(false);
            }
        }
    }

    fn configure(&self, py: Python<'_>, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = server::setting(value)?;
        if limit(&self.limits, name, &value) {
            return Ok(());
        }
        if context::is_set() {
            return context::with(|cx| server::configure(cx.engine, name, &value));
        }
        let name = name.to_owned();
        self.on_executor(py, move |engine| server::configure(engine, &name, &value))?
    }

    #[pyo3(signature = (*args))]
    fn call<'py>(&self, py: Python<'py>, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        if context::is_set() {
            return Err(PyRuntimeError::new_err("a running command calls others through db.call"));
        }
        let words = words(args)?;
        let bytes = self.on_executor(py, move |engine| {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let mut session = Session::internal(engine.ks.now());
            session.proto = dozo_wire::resp::Proto::Resp3;
            engine.call(&mut session, &words);
            reply::flatten(&session.out)
        })?;
        reply::decode(py, &bytes)
    }

    fn run(&self, py: Python<'_>, function: Py<PyAny>) -> PyResult<Py<PyAny>> {
        if context::is_set() {
            return Err(PyRuntimeError::new_err("a running command is on the executor already"));
        }
        let host = Arc::clone(&self.host);
        self.on_executor(py, move |engine| {
            Python::attach(|py| {
                engine.set_attached(true);
                let mut session = Session::internal(engine.ks.now());
                let result =
                    host.run_function(py, &mut Cx::internal(engine, &mut session), function.bind(py));
                engine.set_attached(false);
                result
            })
        })?
    }

    fn id_figures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let figures = self.on_executor(py, |engine| ids::Figures::of(engine))?;
        figures.to_dict(py)
    }

    fn permit_ids(
        &self,
        py: Python<'_>,
        worker: u16,
        floor_ms: i64,
        until_ms: i64,
        mark_ms: i64,
    ) -> PyResult<()> {
        let permit = ids::permit(worker, until_ms, mark_ms)?;
        self.on_executor(py, move |engine| engine.permit_ids(permit, floor_ms))
    }

    fn refuse_ids(&self, py: Python<'_>, why: String) -> PyResult<i64> {
        match self.on_executor(py, move |engine| engine.refuse_ids(why)) {
            // It issues none any more, and has left word of its last.
            Err(_) if self.life.has_ended() => Ok(self.life.last_id_ms.load(Ordering::Acquire)),
            answer => answer,
        }
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        if context::is_set() {
            return context::with(|cx| server::stats(py, cx.engine, &self.host.startup));
        }
        let startup = Arc::clone(&self.host.startup);
        let stats = self.on_executor(py, move |engine| {
            Python::attach(|py| server::stats(py, engine, &startup).map(Bound::unbind))
        })??;
        Ok(stats.into_bound(py))
    }
}

impl Kernel {
    /// Waits without the interpreter, which whoever holds the lock may need. RuntimeError within its own work: what runs
    /// there (a command in Python, a finalizer in its midst) would wait for itself.
    fn phase(&self, py: Python<'_>) -> PyResult<Held<'_>> {
        if self.forsaken.load(Ordering::Relaxed) {
            // The lock may be held for ever by a thread that this process doesn't have.
            return Err(PyRuntimeError::new_err(
                "the data belong to the process that this one was forked from",
            ));
        }
        if self.is_held_here() {
            return Err(PyRuntimeError::new_err("the data are in use by this very thread"));
        }
        let phase = self.phase.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        self.holder.store(this_thread(), Ordering::Relaxed);
        Ok(Held { phase, holder: &self.holder })
    }

    /// Whether this thread is in the midst of work on the engine.
    #[inline]
    pub fn is_held_here(&self) -> bool {
        self.holder.load(Ordering::Relaxed) == this_thread()
    }

    /// Runs `work` on an engine that has not been started, in this thread; `None` where there is no such engine.
    #[inline]
    pub fn on_idle<R>(&self, py: Python<'_>, work: impl FnOnce(&mut Engine) -> R) -> PyResult<Option<R>> {
        if self.forsaken.load(Ordering::Relaxed) {
            // The lock may be held for ever by a thread that this process doesn't have.
            return Ok(None);
        }
        match &mut *self.phase(py)? {
            Some(Phase::Idle(engine, _)) => Ok(Some(work(engine))),
            _ => Ok(None),
        }
    }

    /// Leaves the engine alone for good, with its memory: its threads are another process's.
    pub fn forsake(&self) {
        self.forsaken.store(true, Ordering::Relaxed);
    }

    /// Ends an engine that has not been started: what is kept on disk is brought to its end there.
    pub fn end_idle(&self, py: Python<'_>) -> PyResult<()> {
        let mut phase = self.phase(py)?;
        match phase.take() {
            Some(Phase::Idle(mut engine, _)) => {
                finish(&mut engine, &self.host, true);
                Ok(())
            }
            other => {
                *phase = other;
                Ok(())
            }
        }
    }

    /// Runs `work` on the engine: here before the start, on the executor after it.
    fn on_executor<R: Send + 'static>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Engine) -> R + Send + 'static,
    ) -> PyResult<R> {
        let handle = match &mut *self.phase(py)? {
            Some(Phase::Idle(engine, _)) => return Ok(work(engine)),
            Some(Phase::Started(handle)) => handle.clone(),
            None => return Err(stopped()),
        };
        let (sender, receiver) = sync_channel(1);
        let job = Box::new(move |engine: &mut Engine| {
            // The caller may have been interrupted; then nobody waits for the answer.
            let _ = sender.send(work(engine));
        });
        handle
            .submit(job)
            .map_err(|refused| PyRuntimeError::new_err(format!("the server takes no call: {refused:?}")))?;
        let mut receiver = receiver;
        loop {
            let (received, back) = py.detach(move || (receiver.recv_timeout(SIGNAL_POLL), receiver));
            receiver = back;
            match received {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) => py.check_signals()?,
                Err(RecvTimeoutError::Disconnected) => return Err(stopped()),
            }
        }
    }
}

impl Life {
    fn has_ended(&self) -> bool {
        lock(&self.ended).is_some()
    }

    /// Waits for the end; how it ended.
    fn wait(&self, time: Duration) -> Option<Result<(), String>> {
        let ended = lock(&self.ended);
        let waited = self.changed.wait_timeout_while(ended, time, |ended| ended.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

/// The executor thread. It is attached once and detached for good, so that Python keeps its state of the thread: to
/// attach for a batch then costs no more than taking the lock.
fn execute(server: dozo_net::Server, mut engine: Box<Engine>, life: &Life, host: &PyHost) {
    let run = || Python::attach(|py| py.detach(|| server.run(&mut engine)));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    let outcome = outcome.unwrap_or_else(|_| Err(io::Error::other("the executor panicked")));
    finish(&mut engine, host, outcome.is_ok());
    life.last_id_ms.store(engine.id_service.generator.last_ms(), Ordering::Release);
    *lock(&life.ended) = Some(outcome.map_err(|error| error.to_string()));
    life.changed.notify_all();
    // Whoever waits may end the process now; freeing all the data first would only delay that.
    drop(engine);
}

/// Brings what is kept on disk to its end; with a last save only if the data are `sound`.
fn finish(engine: &mut Engine, host: &PyHost, sound: bool) {
    if sound {
        let mut session = Session::internal(engine.ks.now());
        engine.set_attached(true);
        host.tell_persistence("end", &mut Cx::internal(engine, &mut session));
    }
    // What is acknowledged is on the medium before anybody may think that it has ended.
    if let Err(error) = engine.close_journal() {
        host.log(Level::Error, &format!("The journal's end could not be written: {error}"));
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        let phase = self.phase.get_mut().unwrap_or_else(PoisonError::into_inner);
        if *self.forsaken.get_mut() {
            // To end it would be to wait for its threads.
            std::mem::forget(phase.take());
        } else if let Some(Phase::Started(handle)) = phase {
            handle.stop(false);
        }
    }
}

#[cold]
fn stopped() -> PyErr {
    PyRuntimeError::new_err("the server has stopped")
}

/// Sets one of net's limits; false where it is none of net's.
fn limit(limits: &Limits, name: &str, value: &SettingValue) -> bool {
    match value {
        SettingValue::Int(number) => limits.set(name, u64::try_from(*number).unwrap_or(0)),
        _ => false,
    }
}

fn endpoint((door, host, port, optional): (String, String, u16, bool)) -> PyResult<Endpoint> {
    let door = match door.as_str() {
        "resp" => Door::Resp,
        "memcached" => Door::Memcached,
        "ids" => Door::Ids,
        _ => return Err(PyValueError::new_err("a door is resp, memcached or ids")),
    };
    let address = match host.strip_prefix("unix:") {
        Some(path) => Address::Unix { path: path.into(), mode: (port != 0).then_some(port.into()) },
        None => Address::Tcp { host, port, optional },
    };
    Ok(Endpoint { address, door })
}

/// What the engine must know of a declared command.
fn declaration(command: &Bound<'_, PyAny>) -> PyResult<CommandSpec> {
    let name: String = command.getattr("full_name")?.extract()?;
    let mut flags = dozo_engine::flags::Flags::NONE;
    for flag in command.getattr("flags")?.getattr("names")?.try_iter()? {
        let flag: String = flag?.extract()?;
        let known = dozo_engine::flags::Flags::parse(&flag);
        flags = flags
            .with(known.ok_or_else(|| PyValueError::new_err(format!("command {name}: no flag {flag}")))?);
    }
    let kind = if command.getattr("is_container")?.extract()? {
        Kind::Container
    } else if command.getattr("is_hot")?.extract()? {
        Kind::Hot
    } else {
        Kind::Foreign
    };
    let (arity, keys) = (command.getattr("arity")?.extract()?, command.getattr("keys")?.extract()?);
    let places = command.getattr("fetched")?;
    let fetched = places.try_iter()?.map(|spec| key_places(&spec?)).collect::<PyResult<_>>()?;
    Ok(CommandSpec { name, arity, flags, kind, keys, fetched })
}

/// One of the places where a declared command has keys.
fn key_places(spec: &Bound<'_, PyAny>) -> PyResult<KeyPlaces> {
    let number = |name: &str| spec.getattr(name)?.extract::<usize>();
    let (first, step) = (number("first")?, number("step")?.max(1));
    if spec.getattr("counted")?.extract()? {
        return Ok(KeyPlaces::Counted { at: first, step });
    }
    if let Some(word) = spec.getattr("keyword")?.extract::<Option<String>>()? {
        return Ok(KeyPlaces::Behind { word, from: first, part: number("limit")?.max(1) });
    }
    Ok(KeyPlaces::Range { first, last: spec.getattr("last")?.extract()?, step })
}
