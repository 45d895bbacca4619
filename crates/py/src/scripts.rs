//! `Scripts`: the cache of Lua scripts and the libraries of functions, as a running command sees them.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::context;
use crate::database::reply_error;

/// Lua scripts and libraries.
#[pyclass(frozen, module = "dozo._kernel")]
pub struct Scripts;

/// Name, description and flags of a function.
type Function<'py> = (Bound<'py, PyBytes>, Option<Bound<'py, PyBytes>>, Vec<String>);
/// Name, source and functions of a library.
type Library<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, Vec<Function<'py>>);
/// SHA-1 or name, the command that called it, and milliseconds since.
type Running<'py> = (String, Vec<Bound<'py, PyBytes>>, u64);

#[pymethods]
impl Scripts {
    fn load(&self, py: Python<'_>, body: &[u8]) -> PyResult<String> {
        context::with(|cx| cx.engine.load_script(body).map_err(|text| reply_error(py, &text)))
    }

    fn exists(&self, sha1: &str) -> PyResult<bool> {
        context::with(|cx| Ok(cx.engine.has_script(sha1)))
    }

    fn flush(&self) -> PyResult<()> {
        context::with(|cx| {
            cx.engine.flush_scripts();
            Ok(())
        })
    }

    fn kill(&self, py: Python<'_>, function: bool) -> PyResult<()> {
        context::with(|cx| cx.engine.kill_script(function).map_err(|text| reply_error(py, text)))
    }

    fn running<'py>(&self, py: Python<'py>) -> PyResult<Option<Running<'py>>> {
        context::with(|cx| {
            Ok(cx.engine.late_script().map(|late| {
                let args = late.args.iter().map(|arg| PyBytes::new(py, arg)).collect();
                (late.name.to_owned(), args, u64::try_from(late.elapsed.as_millis()).unwrap_or(u64::MAX))
            }))
        })
    }

    fn load_library<'py>(
        &self,
        py: Python<'py>,
        source: &[u8],
        replace: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        context::with(|cx| {
            let name = cx.engine.load_library(source, replace).map_err(|text| reply_error(py, &text))?;
            Ok(PyBytes::new(py, &name))
        })
    }

    fn delete_library(&self, name: &[u8]) -> PyResult<bool> {
        context::with(|cx| Ok(cx.engine.remove_library(name)))
    }

    fn libraries<'py>(&self, py: Python<'py>) -> PyResult<Vec<Library<'py>>> {
        let bytes = |data: &[u8]| PyBytes::new(py, data);
        context::with(|cx| {
            let libraries = cx.engine.libraries().map(|(name, library)| {
                let functions = library.functions.iter().map(|function| {
                    let flags = function.flags.iter().map(|flag| String::from_utf8_lossy(flag).into());
                    (bytes(&function.name), function.description.as_deref().map(bytes), flags.collect())
                });
                (bytes(name), bytes(&library.source), functions.collect())
            });
            Ok(libraries.collect())
        })
    }
}
