//! The running command's context, for as long as its Python function runs.
//!
//! The host sets the pointer before it calls a function and restores the previous one after. Whoever uses it takes it
//! out meanwhile, so that two borrows can't exist at once: a use from within a use finds nothing and is a RuntimeError.

use std::cell::Cell;
use std::ptr;

use dozo_engine::Cx;
use dozo_store::{Collection, WrongType};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::reply::Classes;

thread_local! {
    static CURRENT: Cell<*mut Cx<'static>> = const { Cell::new(ptr::null_mut()) };
}

/// Puts a pointer back when it goes out of scope, however that happens.
struct Restore(*mut Cx<'static>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Runs `work` with `cx` as this thread's context.
pub fn enter<R>(cx: &mut Cx<'_>, work: impl FnOnce() -> R) -> R {
    let pointer = ptr::from_mut(cx).cast::<Cx<'static>>();
    let _restore = Restore(CURRENT.replace(pointer));
    work()
}

/// Runs `work` on this thread's context; a RuntimeError where no command runs.
#[inline]
pub fn with<R>(work: impl FnOnce(&mut Cx<'_>) -> PyResult<R>) -> PyResult<R> {
    let pointer = CURRENT.replace(ptr::null_mut());
    if pointer.is_null() {
        return Err(outside());
    }
    let _restore = Restore(pointer);
    // SAFETY: `enter` stored the pointer from a live `&mut Cx` that it keeps borrowed until it restores the previous
    // pointer. This thread took it out of the cell, so it is the only borrow until `_restore` puts it back. `work` is
    // generic over the lifetime and can't keep the reference.
    work(unsafe { &mut *pointer })
}

/// [`with`], for the database of that index; `None` is the one that the client has selected.
#[inline]
pub fn with_db<R>(index: Option<usize>, work: impl FnOnce(&mut Cx<'_>, usize) -> PyResult<R>) -> PyResult<R> {
    with(|cx| {
        let db = index.unwrap_or(cx.session.db);
        work(cx, db)
    })
}

/// What `look` says of the collection at `key`; the exception WrongType where it holds another type.
pub fn look<C: Collection, R>(
    py: Python<'_>,
    index: Option<usize>,
    key: &[u8],
    look: impl FnOnce(Option<&C>) -> R,
) -> PyResult<R> {
    with_db(index, |cx, db| {
        let access = cx.read_access();
        checked(py, cx.engine.ks.collection(db, key, access)).map(look)
    })
}

/// The result, or the exception WrongType.
pub fn checked<T>(py: Python<'_>, result: Result<T, WrongType>) -> PyResult<T> {
    match result {
        Ok(value) => Ok(value),
        Err(WrongType) => Err(Classes::get(py)?.wrong_type(py)),
    }
}

/// Whether a command runs in this thread.
pub fn is_set() -> bool {
    !CURRENT.get().is_null()
}

#[cold]
fn outside() -> PyErr {
    PyRuntimeError::new_err("the data can only be used while a command runs, from the thread that runs it")
}
