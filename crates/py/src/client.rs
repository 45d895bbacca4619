//! `Client`, the session whose command runs, and `ClientInfo`, a picture of any session.

use dozo_engine::pubsub::Kind;
use dozo_engine::session::ReplyMode;
use dozo_engine::tracking::Tracker;
use dozo_engine::{Cx, Door, Engine, Session};
use dozo_wire::resp::Proto;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::context;

/// A picture of one connected client.
#[pyclass(frozen, get_all, module = "dozo._kernel")]
pub struct ClientInfo {
    /// Unique and rising.
    pub id: u64,
    addr: String,
    laddr: String,
    fd: i64,
    name: Py<PyBytes>,
    lib_name: Py<PyBytes>,
    lib_ver: Py<PyBytes>,
    db: usize,
    resp: u8,
    door: &'static str,
    unix: bool,
    authenticated: bool,
    created_ms: i64,
    last_active_ms: i64,
    last_command: String,
    commands: u64,
    net_in: u64,
    net_out: u64,
    query_buffer: usize,
    output_buffer: usize,
    output_capacity: usize,
    monitor: bool,
    blocked: bool,
    /// Commands queued since MULTI, -1 without one, and their bytes.
    queued: i64,
    queued_bytes: usize,
    /// Keys watched, and whether one has changed.
    watched: usize,
    touched: bool,
    no_evict: bool,
    no_touch: bool,
    sub: usize,
    psub: usize,
    ssub: usize,
    subscription_memory: usize,
    close_asap: bool,
    tracking: Option<Py<Tracking>>,
}

/// How a client tracks the keys that it caches.
#[pyclass(frozen, get_all, module = "dozo._kernel")]
pub struct Tracking {
    redirect: u64,
    broken: bool,
    bcast: bool,
    optin: bool,
    optout: bool,
    noloop: bool,
    caching: bool,
    prefixes: Vec<Py<PyBytes>>,
}

impl Tracking {
    fn of(py: Python<'_>, engine: &Engine, id: u64) -> PyResult<Option<Py<Self>>> {
        let Some(tracker) = engine.tracking.of(id) else {
            return Ok(None);
        };
        let tracking = Self {
            redirect: tracker.redirect,
            broken: tracker.broken,
            bcast: tracker.bcast,
            optin: tracker.optin,
            optout: tracker.optout,
            noloop: tracker.noloop,
            caching: tracker.caching,
            prefixes: tracker.prefixes.iter().map(|prefix| PyBytes::new(py, prefix).unbind()).collect(),
        };
        Py::new(py, tracking).map(Some)
    }
}

impl ClientInfo {
    /// Takes the picture.
    pub fn of(py: Python<'_>, engine: &Engine, session: &Session) -> PyResult<Self> {
        let bytes = |data: &[u8]| PyBytes::new(py, data).unbind();
        let queued = session.transaction.as_deref();
        let (watched, touched) = engine.watching(session.id);
        Ok(Self {
            id: session.id,
            addr: session.peer.addr.clone(),
            laddr: session.peer.laddr.clone(),
            fd: session.peer.fd,
            name: bytes(&session.name),
            lib_name: bytes(&session.lib_name),
            lib_ver: bytes(&session.lib_ver),
            db: session.db,
            resp: version(session.proto),
            door: match session.peer.door {
                Door::Resp => "resp",
                Door::Memcached => "memcached",
                Door::Ids => "ids",
            },
            unix: session.peer.unix,
            authenticated: session.authenticated,
            created_ms: session.created_ms,
            last_active_ms: session.last_active_ms,
            last_command: session
                .last_command
                .map_or_else(String::new, |row| engine.table.row(row).name.clone()),
            commands: session.commands,
            net_in: session.net_in,
            net_out: session.net_out,
            query_buffer: session.query_buffer,
            output_buffer: session.out.len(),
            output_capacity: session.out.capacity(),
            monitor: session.monitor,
            blocked: session.blocked,
            queued: queued.map_or(-1, |queued| queued.len() as i64),
            queued_bytes: queued.map_or(0, |queued| queued.memory()),
            watched,
            touched,
            no_evict: session.no_evict,
            no_touch: session.no_touch,
            sub: session.subscribed(Kind::Channel),
            psub: session.subscribed(Kind::Pattern),
            ssub: session.subscribed(Kind::Shard),
            subscription_memory: session.subscriptions.as_ref().map_or(0, |own| own.bytes()),
            close_asap: session.close_after_reply,
            tracking: Tracking::of(py, engine, session.id)?,
        })
    }
}

fn version(proto: Proto) -> u8 {
    if proto == Proto::Resp3 { 3 } else { 2 }
}

/// The client whose command runs.
#[pyclass(frozen, module = "dozo._kernel")]
pub struct Client;

/// Reads something of the running session.
fn of<R>(read: impl FnOnce(&Session) -> R) -> PyResult<R> {
    context::with(|cx| Ok(read(cx.session)))
}

/// Changes something of the running session.
fn change(write: impl FnOnce(&mut Cx<'_>)) -> PyResult<()> {
    context::with(|cx| {
        write(cx);
        Ok(())
    })
}

#[pymethods]
impl Client {
    #[getter]
    fn id(&self) -> PyResult<u64> {
        of(|session| session.id)
    }

    #[getter]
    fn addr(&self) -> PyResult<String> {
        of(|session| session.peer.addr.clone())
    }

    #[getter]
    fn laddr(&self) -> PyResult<String> {
        of(|session| session.peer.laddr.clone())
    }

    #[getter]
    fn unix(&self) -> PyResult<bool> {
        of(|session| session.peer.unix)
    }

    #[getter]
    fn name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        of(|session| PyBytes::new(py, &session.name))
    }

    #[setter]
    fn set_name(&self, name: &[u8]) -> PyResult<()> {
        change(|cx| cx.session.name = name.to_vec())
    }

    #[getter]
    fn lib_name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        of(|session| PyBytes::new(py, &session.lib_name))
    }

    #[setter]
    fn set_lib_name(&self, name: &[u8]) -> PyResult<()> {
        change(|cx| cx.session.lib_name = name.to_vec())
    }

    #[getter]
    fn lib_ver<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        of(|session| PyBytes::new(py, &session.lib_ver))
    }

    #[setter]
    fn set_lib_ver(&self, version: &[u8]) -> PyResult<()> {
        change(|cx| cx.session.lib_ver = version.to_vec())
    }

    #[getter]
    fn db(&self) -> PyResult<usize> {
        of(|session| session.db)
    }

    #[setter]
    fn set_db(&self, index: usize) -> PyResult<()> {
        context::with(|cx| {
            if index >= cx.engine.ks.databases() {
                return Err(PyValueError::new_err("there is no database of that index"));
            }
            cx.session.select(index);
            Ok(())
        })
    }

    #[getter]
    fn resp(&self) -> PyResult<u8> {
        of(|session| version(session.proto))
    }

    #[setter]
    fn set_resp(&self, version: u8) -> PyResult<()> {
        let proto = match version {
            2 => Proto::Resp2,
            3 => Proto::Resp3,
            _ => return Err(PyValueError::new_err("RESP is spoken in versions 2 and 3")),
        };
        change(|cx| cx.session.proto = proto)
    }

    #[getter]
    fn authenticated(&self) -> PyResult<bool> {
        of(|session| session.authenticated)
    }

    #[setter]
    fn set_authenticated(&self, yes: bool) -> PyResult<()> {
        change(|cx| cx.session.authenticated = yes)
    }

    #[getter]
    fn no_evict(&self) -> PyResult<bool> {
        of(|session| session.no_evict)
    }

    #[setter]
    fn set_no_evict(&self, yes: bool) -> PyResult<()> {
        change(|cx| cx.session.no_evict = yes)
    }

    #[getter]
    fn no_touch(&self) -> PyResult<bool> {
        of(|session| session.no_touch)
    }

    #[setter]
    fn set_no_touch(&self, yes: bool) -> PyResult<()> {
        change(|cx| cx.session.no_touch = yes)
    }

    #[getter]
    fn reply_mode(&self) -> PyResult<&'static str> {
        of(|session| match session.reply_mode {
            ReplyMode::On => "on",
            ReplyMode::Off => "off",
            ReplyMode::SkipNext | ReplyMode::Skip => "skip",
        })
    }

    #[setter]
    fn set_reply_mode(&self, mode: &str) -> PyResult<()> {
        let mode = match mode {
            "on" => ReplyMode::On,
            "off" => ReplyMode::Off,
            "skip" => ReplyMode::SkipNext,
            _ => return Err(PyValueError::new_err("reply_mode is on, off or skip")),
        };
        change(|cx| cx.session.reply_mode = mode)
    }

    fn info(&self, py: Python<'_>) -> PyResult<ClientInfo> {
        context::with(|cx| ClientInfo::of(py, cx.engine, cx.session))
    }

    #[getter]
    fn may_wait(&self) -> PyResult<bool> {
        context::with(|cx| Ok(cx.may_wait()))
    }

    #[getter]
    fn monitor(&self) -> PyResult<bool> {
        of(|session| session.monitor)
    }

    #[setter]
    fn set_monitor(&self, yes: bool) -> PyResult<()> {
        if !yes {
            return Err(PyValueError::new_err("a monitor ends with RESET or with its connection"));
        }
        change(|cx| cx.start_monitor())
    }

    #[pyo3(signature = (*, redirect=0, bcast=false, optin=false, optout=false, noloop=false, prefixes=vec![]))]
    fn track(
        &self,
        redirect: u64,
        bcast: bool,
        optin: bool,
        optout: bool,
        noloop: bool,
        prefixes: Vec<Vec<u8>>,
    ) -> PyResult<()> {
        let prefixes = prefixes.into_iter().map(Vec::into_boxed_slice).collect();
        let tracker = Tracker { redirect, bcast, optin, optout, noloop, prefixes, ..Tracker::default() };
        change(|cx| cx.track(tracker))
    }

    fn untrack(&self) -> PyResult<()> {
        change(|cx| cx.untrack())
    }

    fn except_next(&self) -> PyResult<()> {
        change(|cx| cx.except_next())
    }

    fn reset(&self) -> PyResult<()> {
        change(|cx| cx.reset_session())
    }

    fn close(&self) -> PyResult<()> {
        change(|cx| cx.session.close_after_reply = true)
    }
}
