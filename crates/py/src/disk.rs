//! `Disk`: saving, journal and loading, as the functions see them that decide when each of these happens.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dozo_engine::Engine;
use dozo_engine::loading::LoadFile;
use dozo_engine::tier::TierPlan;
use dozo_log::journal::Fsync;
use dozo_log::tier::Warmth;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::context;

unsafe extern "C" {
    /// Of mimalloc, which `dozo_py` allocates with: gives back to the system what the calling thread has freed.
    fn mi_collect(force: bool);
}

/// What is kept on disk, during a command.
#[pyclass(frozen, module = "dozo._kernel")]
pub struct Disk;

/// Whether the walk goes on, keys seen, bytes written, and how it ended: an empty text, or why not.
type SaveState = (bool, u64, u64, Option<String>);
/// Bytes handed over, written and durable, the file's length, and what is wrong.
type JournalState = (u64, u64, u64, u64, Option<String>);
/// A file that can't be loaded: path, offset, what is wrong, whether it is only cut off, and where it is still good.
type Fault = (PathBuf, u64, String, bool, u64);
/// Bytes read and in all, keys stored and dropped, commands run and failed, libraries, and whether it is over.
type LoadState = (u64, u64, u64, u64, u64, u64, u64, bool);

/// Keys of an earlier run that are there, that had expired, and segments that were made good or given up.
type Revived = (u64, u64, u64, u64);

fn with<R>(work: impl FnOnce(&mut Engine) -> PyResult<R>) -> PyResult<R> {
    context::with(|cx| work(cx.engine))
}

fn failed(text: String) -> PyErr {
    PyOSError::new_err(text)
}

fn fsync(name: &str) -> PyResult<Fsync> {
    Fsync::parse(name).ok_or_else(|| PyValueError::new_err("always, everysec or no"))
}

#[pymethods]
impl Disk {
    fn begin_save(&self, path: PathBuf, aux: HashMap<String, String>) -> PyResult<()> {
        let mut aux: Vec<_> = aux.into_iter().collect();
        aux.sort();
        with(|engine| engine.begin_save(&path, aux).map_err(failed))
    }

    #[getter]
    fn dirty(&self) -> PyResult<u64> {
        with(|engine| Ok(engine.ks.dirty()))
    }

    #[getter]
    fn is_atomic(&self) -> PyResult<bool> {
        with(|engine| Ok(engine.is_atomic()))
    }

    fn finish_save(&self) -> PyResult<()> {
        with(|engine| engine.finish_save().map_err(failed))
    }

    fn abort_save(&self) -> PyResult<()> {
        with(|engine| {
            engine.abort_save();
            Ok(())
        })
    }

    fn save_state(&self) -> PyResult<Option<SaveState>> {
        with(|engine| {
            Ok(engine.persistence.save.as_ref().map(|progress| {
                let outcome = progress.outcome().map(|outcome| outcome.err().unwrap_or_default());
                let (keys, bytes) = (&progress.keys, &progress.bytes);
                let (keys, bytes) = (keys.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed));
                (engine.ks.is_saving(), keys, bytes, outcome)
            }))
        })
    }

    fn open_journal(&self, path: PathBuf, policy: &str) -> PyResult<()> {
        let policy = fsync(policy)?;
        with(|engine| engine.open_journal(&path, policy).map_err(failed))
    }

    fn close_journal(&self) -> PyResult<()> {
        with(|engine| engine.close_journal().map_err(failed))
    }

    fn rotate_journal(&self, path: PathBuf) -> PyResult<()> {
        with(|engine| {
            engine.rotate_journal(path);
            Ok(())
        })
    }

    fn set_fsync(&self, policy: &str) -> PyResult<()> {
        let policy = fsync(policy)?;
        with(|engine| {
            if let Some(journal) = &mut engine.persistence.journal {
                journal.set_fsync(policy);
            }
            Ok(())
        })
    }

    fn journal_state(&self) -> PyResult<Option<JournalState>> {
        with(|engine| {
            Ok(engine.persistence.journal.as_ref().map(|journal| {
                let state = journal.state();
                (state.appended, state.written, state.durable, state.file_bytes, state.error)
            }))
        })
    }

    fn refuse_writes(&self, text: Option<String>) -> PyResult<()> {
        with(|engine| {
            engine.persistence.refusal = text;
            Ok(())
        })
    }

    fn begin_loading(&self, files: Vec<(PathBuf, bool)>) -> PyResult<()> {
        let files = files.into_iter().map(|(path, keep_expired)| LoadFile { path, keep_expired });
        with(|engine| {
            engine.begin_loading(files.collect());
            Ok(())
        })
    }

    fn load_some(&self, milliseconds: u64) -> PyResult<bool> {
        with(|engine| Ok(engine.load_for(milliseconds.saturating_mul(1_000_000))))
    }

    fn load_state(&self) -> PyResult<Option<LoadState>> {
        with(|engine| {
            Ok(engine.persistence.loading.as_ref().map(|loading| {
                (
                    loading.done(),
                    loading.total,
                    loading.keys,
                    loading.expired,
                    loading.commands,
                    loading.failed,
                    loading.libraries,
                    loading.outcome.is_some(),
                )
            }))
        })
    }

    fn load_fault(&self) -> PyResult<Option<Fault>> {
        with(|engine| {
            let outcome = engine.persistence.loading.as_ref().and_then(|loading| loading.outcome.clone());
            Ok(match outcome {
                Some(Err((path, fault, good))) => Some((path, fault.at, fault.what, fault.torn, good)),
                _ => None,
            })
        })
    }

    fn end_loading(&self) -> PyResult<()> {
        with(|engine| {
            engine.end_loading();
            Ok(())
        })
    }

    #[pyo3(signature = (path, limit, buffer, compression_threshold, syncs, threads, revive=None))]
    #[allow(clippy::too_many_arguments)]
    fn open_tier(
        &self,
        path: PathBuf,
        limit: u64,
        buffer: usize,
        compression_threshold: usize,
        syncs: bool,
        threads: usize,
        revive: Option<(&[u8], u64)>,
    ) -> PyResult<Revived> {
        let revive = revive.map(|(places, bytes)| Warmth::new(places, bytes));
        let plan = TierPlan { dir: path, limit, buffer, compression_threshold, syncs, threads, revive };
        with(|engine| {
            let found = engine.open_tier(plan).map_err(failed)?;
            Ok((found.keys, found.expired, found.mended, found.given_up))
        })
    }

    fn settle_tier(&self, milliseconds: u64) -> PyResult<(usize, usize)> {
        let patience = Duration::from_millis(milliseconds);
        with(|engine| engine.settle_tier(patience).map_err(failed))
    }

    fn compact_tier(&self) -> PyResult<bool> {
        with(|engine| Ok(engine.compact_tier()))
    }

    fn compact_tier_some(&self) -> PyResult<bool> {
        with(|engine| Ok(engine.compact_tier_some()))
    }

    fn find_heat(&self, db: usize, cursor: u64, count: usize, most: usize) -> PyResult<u64> {
        with(|engine| Ok(engine.find_heat(db, cursor, count, most)))
    }

    fn take_heat<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Bound<'py, PyBytes>> {
        with(|engine| Ok(PyBytes::new(py, &engine.take_heat(most))))
    }

    fn warm_up_to(&self, bytes: u64) -> PyResult<()> {
        with(|engine| {
            engine.warm_up_to(bytes);
            Ok(())
        })
    }

    fn set_tier_rule(&self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = crate::server::setting(value)?;
        with(|engine| {
            if engine.set_tier_rule(name, &value) {
                return Ok(());
            }
            Err(PyValueError::new_err(format!("the tier has no rule {name} of that value")))
        })
    }

    fn watch_memory(&self, step: u64) -> PyResult<()> {
        with(|engine| {
            engine.watch_memory(step);
            Ok(())
        })
    }

    #[getter]
    fn counted_memory(&self) -> PyResult<u64> {
        with(|engine| Ok(engine.ks.counted_memory()))
    }

    fn reserve_memory(&self, bytes: u64) -> PyResult<()> {
        with(|engine| {
            engine.reserve_memory(bytes);
            Ok(())
        })
    }

    fn trim_memory(&self) {
        // SAFETY: the function has no condition but that mimalloc is initialised, and everything here is allocated by it.
        unsafe { mi_collect(true) }
    }

    fn cool_all(&self) -> PyResult<()> {
        with(|engine| {
            engine.ks.cool_all();
            Ok(())
        })
    }

    fn tier_state<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        with(|engine| {
            let Some((figures, stats, cold, copied)) = engine.ks.tier_state() else {
                return Ok(None);
            };
            let state = PyDict::new(py);
            let (warmed, left) = engine.warming_state();
            let numbers = [
                ("bytes", figures.bytes),
                ("limit", figures.limit),
                ("live_bytes", figures.live_bytes),
                ("segments", figures.segments),
                ("taken_bytes", figures.taken_bytes),
                ("written_bytes", figures.written_bytes),
                ("saved_bytes", figures.saved_bytes),
                ("damaged", figures.damaged),
                ("hits", stats.hits),
                ("blocking_hits", stats.blocking_hits),
                ("read_bytes", stats.read_bytes),
                ("promoted", stats.promoted),
                ("demoted", stats.demoted),
                ("unwritten", stats.unwritten),
                ("refused", stats.refused),
                ("dropped", stats.dropped),
                ("lost", stats.lost),
                ("cold", cold as u64),
                ("copied", copied as u64),
                ("warmed", warmed),
                ("warming_left", left as u64),
            ];
            for (name, number) in numbers {
                state.set_item(name, number)?;
            }
            state.set_item("error", figures.error)?;
            Ok(Some(state))
        })
    }

    fn raise_cas(&self, cas: u64) -> PyResult<()> {
        with(|engine| {
            engine.ks.raise_cas(cas);
            Ok(())
        })
    }
}
