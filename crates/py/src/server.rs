//! `Server`: the whole server as a running command sees it, and the figures behind INFO.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dozo_engine::blocking::Unblock;
use dozo_engine::pubsub::Kind;
use dozo_engine::settings::SettingValue;
use dozo_engine::{Cx, Engine, Session, glob};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyList};

use crate::client::ClientInfo;
use crate::context;
use crate::disk::Disk;
use crate::ids::Figures;

/// What is fixed when the server starts.
pub struct Startup {
    /// Forty hexadecimal digits, new with each start.
    pub run_id: String,
    /// Memory of the empty keyspace.
    pub used_memory: AtomicU64,
}

/// The whole server, during a command.
#[pyclass(frozen, module = "dozo._kernel")]
pub struct Server {
    /// The object that the kernel was given.
    #[pyo3(get)]
    pub config: Py<PyAny>,
    /// Who decides what is kept on disk.
    #[pyo3(get)]
    pub persistence: Option<Py<PyAny>>,
    /// What was fixed at the start.
    pub startup: Arc<Startup>,
    /// Where log lines go.
    pub log: Option<Py<PyAny>>,
}

unsafe extern "C" {
    /// Gives unused memory back to the system. The allocator's crate links it without declaring it.
    fn mi_collect(force: bool);
}

/// A value on its way into the engine.
pub fn setting(value: &Bound<'_, PyAny>) -> PyResult<SettingValue> {
    if let Ok(flag) = value.cast::<PyBool>() {
        Ok(SettingValue::Bool(flag.is_true()))
    } else if let Ok(bytes) = value.cast::<PyBytes>() {
        Ok(SettingValue::Text(bytes.as_bytes().to_vec()))
    } else if let Ok(text) = value.extract::<String>() {
        Ok(SettingValue::Text(text.into_bytes()))
    } else {
        Ok(SettingValue::Int(value.extract()?))
    }
}

/// Hands a setting to the engine; ValueError where it has none of that name, or can't take the value.
pub fn configure(engine: &mut Engine, name: &str, value: &SettingValue) -> PyResult<()> {
    if engine.configure(name, value) {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("the engine has no setting '{name}' that can be {value:?}")))
}

/// Every figure the engine keeps, by INFO's names where INFO has it.
pub fn stats<'py>(py: Python<'py>, engine: &Engine, startup: &Startup) -> PyResult<Bound<'py, PyDict>> {
    let figures = PyDict::new(py);
    for (name, value) in traffic(engine).into_iter().chain(memory(engine)) {
        figures.set_item(name, value)?;
    }
    let kbps = |bytes: u64| bytes as f64 / 1024.0;
    figures.set_item("instantaneous_input_kbps", kbps(engine.stats.net_in_per_second.value()))?;
    figures.set_item("instantaneous_output_kbps", kbps(engine.stats.net_out_per_second.value()))?;
    figures.set_item("used_memory_startup", startup.used_memory.load(Ordering::Relaxed))?;
    figures.set_item("run_id", &startup.run_id)?;
    figures.set_item("maxmemory_policy", engine.ks.policy().name())?;
    figures.set_item("errors", engine.stats.error_codes.clone())?;
    let memcached: HashMap<&str, u64> = engine.stats.memcached.named().into_iter().collect();
    figures.set_item("memcached", memcached)?;
    let keyspace = PyList::empty(py);
    for db in 0..engine.ks.databases() {
        let (keys, volatile) = (engine.ks.len(db), engine.ks.volatile_len(db));
        if keys > 0 {
            keyspace.append((db, keys, volatile, engine.ks.avg_ttl_ms(db)))?;
        }
    }
    figures.set_item("keyspace", keyspace)?;
    Ok(figures)
}

fn traffic(engine: &Engine) -> [(&'static str, i64); 31] {
    let stats = &engine.stats;
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let sessions = |is: fn(&Session) -> bool| engine.sessions().filter(|session| is(session)).count() as i64;
    [
        ("now_ms", engine.ks.now()),
        ("start_ms", stats.started_ms),
        ("connected_clients", engine.session_count() as i64),
        ("streaming_clients", engine.streaming_clients() as i64),
        ("blocked_clients", sessions(|session| session.blocked)),
        ("monitors", sessions(|session| session.monitor)),
        ("maxclients", engine.settings.maxclients as i64),
        ("pause_until_ms", engine.pause().map_or(0, |pause| pause.until_ms)),
        ("total_connections_received", number(stats.connections)),
        ("rejected_connections", number(stats.rejected_connections)),
        ("total_commands_processed", number(stats.commands)),
        ("instantaneous_ops_per_sec", number(stats.ops_per_second.value())),
        ("total_net_input_bytes", number(stats.net_in)),
        ("total_net_output_bytes", number(stats.net_out)),
        ("total_reads_processed", number(stats.reads)),
        ("total_writes_processed", number(stats.writes)),
        ("total_error_replies", number(stats.errors)),
        ("client_output_buffer_limit_disconnections", number(stats.output_buffer_closed)),
        ("client_query_buffer_limit_disconnections", number(stats.query_buffer_closed)),
        ("acl_access_denied_auth", number(stats.acl_denied_auth)),
        ("pubsub_channels", engine.pubsub.len(Kind::Channel) as i64),
        ("pubsub_patterns", engine.pubsub.len(Kind::Pattern) as i64),
        ("pubsubshard_channels", engine.pubsub.len(Kind::Shard) as i64),
        ("pubsub_clients", engine.pubsub.clients() as i64),
        ("tracking_clients", engine.tracking.clients() as i64),
        ("tracking_total_keys", engine.tracking.keys() as i64),
        ("tracking_total_items", engine.tracking.items() as i64),
        ("tracking_total_prefixes", engine.tracking.prefixes() as i64),
        ("effects", number(engine.effects.count())),
        ("master_repl_offset", number(engine.effects.offset())),
        ("slowlog_len", engine.slowlog.len() as i64),
    ]
}

fn memory(engine: &Engine) -> [(&'static str, i64); 22] {
    let scripts = engine.script_figures();
    let (ks, overhead) = (&engine.ks, engine.ks.overhead());
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let buffers: usize = engine.sessions().map(|session| session.out.capacity() + session.query_buffer).sum();
    [
        ("databases", ks.databases() as i64),
        ("keyspace_hits", number(ks.stats.hits)),
        ("keyspace_misses", number(ks.stats.misses)),
        ("expired_keys", number(ks.stats.expired)),
        ("expired_time_cap_reached_count", number(ks.stats.expired_time_cap_reached)),
        ("evicted_keys", number(ks.stats.evicted)),
        ("used_memory", number(ks.used_memory())),
        ("used_memory_peak", number(engine.stats.peak_memory.max(ks.used_memory()))),
        ("used_memory_overhead", number(overhead.tables + overhead.policy)),
        ("used_memory_tables", number(overhead.tables)),
        ("used_memory_policy", number(overhead.policy)),
        ("mem_clients_normal", buffers as i64),
        ("maxmemory", number(ks.maxmemory())),
        ("lru_clock", (ks.now() / 1000) & 0x00ff_ffff),
        ("lazyfree_pending_objects", ks.pending_free() as i64),
        ("cached_scripts", scripts.cached as i64),
        ("lua_memory", scripts.lua_memory as i64),
        ("script_bytes", scripts.source_bytes as i64),
        ("functions", scripts.functions as i64),
        ("libraries", scripts.libraries as i64),
        ("dirty", number(ks.dirty())),
        ("active_expire", i64::from(engine.settings.active_expire)),
    ]
}

/// Calls, nanoseconds, rejected, failed and the histogram of a command.
type Calls = (u64, u64, u64, u64, Vec<u64>);
/// Id, unix seconds, microseconds, arguments, address and name of the client.
type Slow = (u64, i64, u64, Vec<Py<PyBytes>>, String, Py<PyBytes>);
/// Worst milliseconds, and the samples.
type Spikes = (u64, Vec<(i64, u64)>);

fn change(write: impl FnOnce(&mut Cx<'_>)) -> PyResult<()> {
    context::with(|cx| {
        write(cx);
        Ok(())
    })
}

#[pymethods]
impl Server {
    #[getter]
    fn disk(&self) -> Disk {
        Disk
    }

    #[getter]
    fn run_id(&self) -> &str {
        &self.startup.run_id
    }

    #[getter]
    fn start_ms(&self) -> PyResult<i64> {
        context::with(|cx| Ok(cx.engine.stats.started_ms))
    }

    #[getter]
    fn databases(&self) -> PyResult<usize> {
        context::with(|cx| Ok(cx.engine.ks.databases()))
    }

    fn clients(&self, py: Python<'_>) -> PyResult<Vec<ClientInfo>> {
        context::with(|cx| {
            let pictures = cx.sessions().map(|session| ClientInfo::of(py, cx.engine, session));
            let mut clients = pictures.collect::<PyResult<Vec<_>>>()?;
            clients.sort_unstable_by_key(|client| client.id);
            Ok(clients)
        })
    }

    #[pyo3(signature = (pattern=None, shard=false))]
    fn channels<'py>(
        &self,
        py: Python<'py>,
        pattern: Option<&[u8]>,
        shard: bool,
    ) -> PyResult<Bound<'py, PyList>> {
        context::with(|cx| {
            let names = cx.engine.pubsub.names(if shard { Kind::Shard } else { Kind::Channel });
            let wanted = names.filter(|name| pattern.is_none_or(|pattern| glob(pattern, name)));
            let names: Vec<_> = wanted.map(|name| PyBytes::new(py, name)).collect();
            PyList::new(py, names)
        })
    }

    #[pyo3(signature = (channel, shard=false))]
    fn subscribers(&self, channel: &[u8], shard: bool) -> PyResult<usize> {
        let kind = if shard { Kind::Shard } else { Kind::Channel };
        context::with(|cx| Ok(cx.engine.pubsub.subscribers(kind, channel)))
    }

    fn is_connected(&self, id: u64) -> PyResult<bool> {
        context::with(|cx| Ok(cx.engine.is_connected(id)))
    }

    fn kill(&self, id: u64) -> PyResult<bool> {
        context::with(|cx| Ok(cx.kill(id)))
    }

    #[pyo3(signature = (id, error=false))]
    fn unblock(&self, id: u64, error: bool) -> PyResult<bool> {
        let how = if error { Unblock::Error } else { Unblock::Timeout };
        context::with(|cx| Ok(cx.engine.unblock(id, how)))
    }

    fn pause(&self, until_ms: i64, writes_only: bool) -> PyResult<()> {
        change(|cx| cx.engine.pause_clients(until_ms, writes_only))
    }

    fn unpause(&self) -> PyResult<()> {
        change(|cx| cx.engine.unpause_clients())
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        context::with(|cx| stats(py, cx.engine, &self.startup))
    }

    fn id_figures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        context::with(|cx| Figures::of(cx.engine).to_dict(py))
    }

    fn command_stats(&self) -> PyResult<HashMap<String, Calls>> {
        context::with(|cx| {
            let called = cx.engine.table.rows().iter().filter(|row| row.stats.calls + row.stats.rejected > 0);
            Ok(called
                .map(|row| {
                    let stats = &row.stats;
                    let histogram =
                        stats.histogram.as_ref().map_or_else(Vec::new, |buckets| buckets.to_vec());
                    (
                        row.name.clone(),
                        (stats.calls, stats.nanoseconds, stats.rejected, stats.failed, histogram),
                    )
                })
                .collect())
        })
    }

    fn reset_stats(&self) -> PyResult<()> {
        change(|cx| {
            cx.engine.stats.reset();
            cx.engine.table.reset_stats();
            cx.engine.ks.reset_stats();
        })
    }

    fn configure(&self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = setting(value)?;
        context::with(|cx| configure(cx.engine, name, &value))
    }

    fn slowlog(&self, py: Python<'_>) -> PyResult<Vec<Slow>> {
        let bytes = |data: &[u8]| PyBytes::new(py, data).unbind();
        context::with(|cx| {
            let entries = cx.engine.slowlog.iter();
            Ok(entries
                .map(|entry| {
                    let args = entry.args.iter().map(|arg| bytes(arg)).collect();
                    let client = bytes(&entry.client);
                    (entry.id, entry.time, entry.microseconds, args, entry.addr.clone(), client)
                })
                .collect())
        })
    }

    fn slowlog_reset(&self) -> PyResult<()> {
        change(|cx| cx.engine.slowlog.clear())
    }

    fn latency(&self) -> PyResult<HashMap<&'static str, Spikes>> {
        context::with(|cx| {
            let events = cx.engine.latency.events();
            Ok(events
                .map(|(name, event)| (name, (event.max_ms, event.samples.iter().copied().collect())))
                .collect())
        })
    }

    #[pyo3(signature = (*events))]
    fn latency_reset(&self, events: Vec<String>) -> PyResult<usize> {
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        context::with(|cx| Ok(cx.engine.latency.reset(&events)))
    }

    fn log(&self, py: Python<'_>, level: &str, message: &str) -> PyResult<()> {
        self.log.as_ref().map_or(Ok(()), |log| log.call1(py, (level, message)).map(drop))
    }

    fn purge(&self) {
        // SAFETY: it takes no pointer and may be called from any thread at any time; it looks at this thread's heap.
        unsafe { mi_collect(true) }
    }

    fn shutdown(&self) -> PyResult<()> {
        change(|cx| cx.engine.request_shutdown())
    }

    fn sleep(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        context::with(|_| Ok(()))?;
        let time =
            Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(error.to_string()))?;
        py.detach(|| std::thread::sleep(time));
        Ok(())
    }
}
