//! The ID generator for Python: what it tells of itself, and the permit that it is handed.

use dozo_engine::Engine;
use dozo_engine::ids::{Permit, WORKERS};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What there is to know at one moment.
pub struct Figures {
    permit: Option<Permit>,
    clocks: (i64, i64),
    last_ms: i64,
    why_not: String,
    counted: [(&'static str, String); 9],
}

impl Figures {
    pub fn of(engine: &Engine) -> Self {
        let service = &engine.id_service;
        Self {
            permit: service.generator.permit(),
            clocks: engine.id_clocks(),
            last_ms: service.generator.last_ms(),
            why_not: service.why_not.clone(),
            counted: engine.id_figures(),
        }
    }

    pub fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let figures = PyDict::new(py);
        figures.set_item("worker", self.permit.map(|permit| permit.worker))?;
        figures.set_item("until_ms", self.permit.map(|permit| permit.until_ms))?;
        figures.set_item("now_ms", self.clocks.0)?;
        figures.set_item("time_ms", self.clocks.1)?;
        figures.set_item("last_ms", self.last_ms)?;
        figures.set_item("why_not", &self.why_not)?;
        let counted = PyDict::new(py);
        for (name, value) in &self.counted {
            counted.set_item(name, value)?;
        }
        figures.set_item("stats", counted)?;
        Ok(figures)
    }
}

/// A permit, if there is such a worker.
pub fn permit(worker: u16, until_ms: i64, mark_ms: i64) -> PyResult<Permit> {
    if worker >= WORKERS {
        return Err(PyValueError::new_err(format!("a worker ID is below {WORKERS}")));
    }
    Ok(Permit { worker, until_ms, mark_ms })
}
