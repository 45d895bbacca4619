//! `Wire`: a connection to a library's engine, without a socket.
//!
//! Owns how a caller hands bytes over, takes what it is owed and waits for more. Refuses to know what the bytes mean: the
//! session behind it does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dozo_engine::{Engine, SessionId};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::library::{Library, SIGNAL_POLL};
use crate::wires::{Taken, Wires};

/// A connection without a socket.
#[pyclass(frozen, module = "dozo._kernel")]
pub struct Wire {
    library: Py<Library>,
    sid: SessionId,
}

impl Wire {
    pub(crate) fn new(library: Py<Library>, sid: SessionId) -> Self {
        Self { library, sid }
    }

    /// Does something with the engine, and then takes what the connection is owed.
    fn turn(&self, py: Python<'_>, work: impl FnOnce(&mut Engine, &Wires)) -> PyResult<Taken> {
        let library = self.library.get();
        let done = library.kernel.get().on_idle(py, |engine| {
            engine.begin_batch();
            let before = engine.ks.dirty();
            engine.end_overdue_waits();
            work(engine, &library.turns.wires);
            let after = library.settle(py, engine, before, Some(self.sid));
            (library.turns.wires.take(engine, self.sid), after)
        })?;
        let Some((taken, after)) = done else { return Ok(Taken::End) };
        library.follow(py, after)?;
        Ok(taken)
    }
}

/// (bytes, None) of what was taken, (b"", None) at the end, (None, milliseconds or None) when there is nothing yet.
type Turned<'py> = (Option<Bound<'py, PyBytes>>, Option<u64>);

fn turned(py: Python<'_>, taken: Taken) -> Turned<'_> {
    match taken {
        Taken::Bytes(bytes) => (Some(PyBytes::new(py, &bytes)), None),
        Taken::Nothing(due) => (None, due),
        Taken::End => (Some(PyBytes::new(py, b"")), None),
    }
}

#[pymethods]
impl Wire {
    /// Hands bytes over, and takes what there is then.
    fn exchange<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Turned<'py>> {
        Ok(turned(py, self.turn(py, |engine, wires| wires.feed(engine, self.sid, data))?))
    }

    /// Takes what there is.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Turned<'py>> {
        Ok(turned(py, self.turn(py, |_, _| {})?))
    }

    /// Waits until there is something and takes it; `None` when the time, in seconds, is up.
    #[pyo3(signature = (timeout=None))]
    fn wait<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let deadline = timeout
            .and_then(|s| Duration::try_from_secs_f64(s.max(0.0)).ok())
            .map(|time| Instant::now() + time);
        let turns = Arc::clone(&self.library.get().turns);
        loop {
            // Known before the look, so that news which come after it end the wait at once.
            let seen = turns.wires.news();
            let due = match turned(py, self.turn(py, |_, _| {})?) {
                (Some(bytes), _) => return Ok(Some(bytes)),
                (None, due) => due.map_or(SIGNAL_POLL, Duration::from_millis),
            };
            let left = deadline.map_or(SIGNAL_POLL, |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(None);
            }
            // Not less than a moment, lest a deadline of this very millisecond be asked for again and again.
            let pause = due.max(Duration::from_micros(200)).min(left).min(SIGNAL_POLL);
            py.detach(|| turns.wires.wait(seen, pause));
            py.check_signals()?;
        }
    }

    /// Has a function called, in whichever thread, when something came that no call of this connection has taken.
    fn on_ready(&self, py: Python<'_>, function: Option<Py<PyAny>>) -> PyResult<()> {
        let library = self.library.get();
        let on_ready = |_: &mut Engine| library.turns.wires.on_ready(self.sid, function);
        library.kernel.get().on_idle(py, on_ready).map(drop)
    }

    /// Ends the connection.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let library = self.library.get();
        library.turns.wires.bury(self.sid);
        if library.kernel.get().is_held_here() {
            // The work that this interrupts will see to it.
            return Ok(());
        }
        let closed = library.kernel.get().on_idle(py, |engine| {
            engine.begin_batch();
            let before = engine.ks.dirty();
            library.settle(py, engine, before, None)
        })?;
        closed.map_or(Ok(()), |after| library.follow(py, after))
    }
}
