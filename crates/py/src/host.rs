//! Runs Python commands for the engine, and carries its log lines to Python.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use dozo_engine::{Cx, Host, Level};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::client::Client;
use crate::context;
use crate::database::Database;
use crate::reply::{self, Classes};
use crate::server::{Server, Startup};
use crate::spec::{Refused, Spec};

/// A command as the host runs it; hot ones and containers have no spec.
struct Runnable {
    name: String,
    spec: Option<Spec>,
    /// Tells the positions of keys that have no fixed ones.
    key_positions: Option<Py<PyAny>>,
}

/// The engine's door to Python.
pub struct PyHost {
    commands: Vec<Runnable>,
    server: Py<Server>,
    /// What is fixed when the server starts.
    pub startup: Arc<Startup>,
    log: Option<Py<PyAny>>,
    memcached_stats: Option<Py<PyAny>>,
}

impl PyHost {
    /// Compiles the declarations, in the order that gives them their ids.
    pub fn new(
        py: Python<'_>,
        commands: &[Bound<'_, PyAny>],
        config: Py<PyAny>,
        log: Option<Py<PyAny>>,
        memcached_stats: Option<Py<PyAny>>,
        persistence: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        Classes::get(py)?;
        let database = Py::new(py, Database::current())?;
        let client = Py::new(py, Client)?;
        let startup = Arc::new(Startup { run_id: run_id(py)?, used_memory: AtomicU64::new(0) });
        let server = Py::new(
            py,
            Server {
                config,
                persistence,
                startup: Arc::clone(&startup),
                log: log.as_ref().map(|log| log.clone_ref(py)),
            },
        )?;
        let inject = |name: &str| match name {
            "client" => client.clone_ref(py).into_any(),
            "server" => server.clone_ref(py).into_any(),
            _ => database.clone_ref(py).into_any(),
        };
        let compile = |command: &Bound<'_, PyAny>| {
            let name: String = command.getattr("full_name")?.extract()?;
            let is_python = !command.getattr("function")?.is_none();
            let spec = is_python.then(|| Spec::compile(command, &name, &inject)).transpose()?;
            let moves = command.getattr("flags")?.getattr("names")?.contains("movablekeys")?;
            let key_positions =
                moves.then(|| command.getattr("key_positions")).transpose()?.map(Bound::unbind);
            Ok(Runnable { name, spec, key_positions })
        };
        let commands = commands.iter().map(compile).collect::<PyResult<_>>()?;
        Ok(Self { commands, server, startup, log, memcached_stats })
    }

    /// Calls a function with the server, as a command would be.
    pub fn run_function(
        &self,
        py: Python<'_>,
        cx: &mut Cx<'_>,
        function: &Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let server = self.server.clone_ref(py);
        context::enter(cx, || function.call1((server,))).map(Bound::unbind)
    }

    /// Calls a method of whoever decides what is kept on disk.
    pub fn tell_persistence(&self, method: &str, cx: &mut Cx<'_>) {
        let Some(persistence) = &self.server.get().persistence else { return };
        Python::attach(|py| {
            let function = persistence.bind(py).getattr(method);
            if let Err(error) = function.and_then(|function| self.run_function(py, cx, &function)) {
                self.log(Level::Error, &format!("internal error in '{method}'\n{}", traceback(py, &error)));
            }
        });
    }

    /// Calls the function and writes what it returned.
    fn run(&self, py: Python<'_>, spec: &Spec, cx: &mut Cx<'_>, args: &[&[u8]]) -> Result<(), Refused> {
        let value = context::enter(cx, || spec.call(py, args))?;
        if let Some((keys, wait)) =
            Classes::get(py).and_then(|classes| classes.wait(&value)).map_err(Refused::Python)?
        {
            let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
            cx.wait_for(&keys, wait);
            return Ok(());
        }
        let mark = cx.session.out.mark();
        if let Err(error) = reply::encode(&mut cx.reply(), &value) {
            cx.session.out.rollback(mark);
            return Err(Refused::Python(error));
        }
        Ok(())
    }

    #[cold]
    fn refuse(&self, py: Python<'_>, name: &str, cx: &mut Cx<'_>, refused: Refused) {
        let error = match refused {
            Refused::Reply(text) => return cx.error(&text),
            Refused::Python(error) => error,
        };
        let value = error.value(py).clone().into_any();
        match Classes::get(py).and_then(|classes| classes.error_text(&value)) {
            Ok(Some(text)) => cx.reply().error_bytes(&text),
            _ => {
                self.log(Level::Error, &format!("internal error in '{name}'\n{}", traceback(py, &error)));
                cx.error(&format!("ERR internal error in '{name}'"));
            }
        }
    }
}

fn run_id(py: Python<'_>) -> PyResult<String> {
    py.import("os")?.call_method1("urandom", (20,))?.call_method0("hex")?.extract()
}

/// The traceback as Python prints it.
fn traceback(py: Python<'_>, error: &PyErr) -> String {
    let format = || -> PyResult<String> {
        let parts = (error.get_type(py), error.value(py), error.traceback(py));
        let lines = py.import("traceback")?.call_method1("format_exception", parts)?;
        Ok(PyString::new(py, "").call_method1("join", (lines,))?.extract::<String>()?.trim_end().to_owned())
    };
    format().unwrap_or_else(|_| error.to_string())
}

impl Host for PyHost {
    fn scope(&self, work: &mut dyn FnMut()) {
        Python::attach(|_| work());
    }

    fn call(&self, id: u32, cx: &mut Cx<'_>, args: &[&[u8]]) {
        let Some(Runnable { name, spec: Some(spec), .. }) = self.commands.get(id as usize) else {
            return cx.error("ERR this command has no implementation");
        };
        let mark = cx.session.out.mark();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            Python::attach(|py| {
                if let Err(refused) = self.run(py, spec, cx, args) {
                    self.refuse(py, name, cx, refused);
                }
            });
        }));
        if outcome.is_err() {
            cx.session.out.rollback(mark);
            self.log(Level::Error, &format!("a panic in '{name}'"));
            cx.error(&format!("ERR internal error in '{name}'"));
        }
    }

    fn key_positions(&self, id: u32, args: &[&[u8]]) -> Vec<usize> {
        let Some(Runnable { name, key_positions: Some(find), .. }) = self.commands.get(id as usize) else {
            return Vec::new();
        };
        Python::attach(|py| {
            let line: Vec<_> = args.iter().map(|arg| PyBytes::new(py, arg)).collect();
            let found = find.call1(py, (line,)).and_then(|found| found.extract(py));
            found.unwrap_or_else(|error: PyErr| {
                let trace = traceback(py, &error);
                self.log(Level::Error, &format!("internal error in '{name}': its keys\n{trace}"));
                Vec::new()
            })
        })
    }

    fn memcached_stats(&self, cx: &mut Cx<'_>, section: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        let function = self.memcached_stats.as_ref()?;
        Python::attach(|py| {
            let section = String::from_utf8_lossy(section);
            let rows = context::enter(cx, || function.bind(py).call1((&self.server, section)));
            let rows = rows.and_then(|rows| rows.extract::<Option<Vec<(String, String)>>>());
            let rows = rows.unwrap_or_else(|error| {
                self.log(Level::Error, &format!("internal error in 'stats'\n{}", traceback(py, &error)));
                None
            })?;
            Some(rows.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes())).collect())
        })
    }

    fn has_chores(&self) -> bool {
        self.server.get().persistence.is_some()
    }

    fn chores(&self, cx: &mut Cx<'_>) {
        self.tell_persistence("chores", cx);
    }

    fn watch_memory(&self, cx: &mut Cx<'_>) {
        self.tell_persistence("watch_memory", cx);
    }

    fn log(&self, level: Level, message: &str) {
        let Some(log) = &self.log else { return };
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        // None: the interpreter is going down, and with it whoever would read the log.
        Python::try_attach(|py| {
            if let Err(error) = log.bind(py).call1((level, message)) {
                error.write_unraisable(py, None);
            }
        });
    }
}
