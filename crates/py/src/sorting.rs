//! SORT's arguments and errors on their way between Python and the store.

use dozo_engine::Cx;
use dozo_store::{Sort, SortError};
use pyo3::prelude::*;

use crate::reply::Classes;

/// The elements, or what GET found for them.
pub type Sorted = Vec<Option<Vec<u8>>>;

/// What `Database.sort` was given.
pub struct Asked {
    pub by: Option<Vec<u8>>,
    pub get: Vec<Vec<u8>>,
    pub alpha: bool,
    pub descending: bool,
    pub offset: i64,
    pub count: i64,
}

impl Asked {
    /// Sorts; the result is kept when `stored`.
    pub fn run(
        &self,
        py: Python<'_>,
        cx: &mut Cx<'_>,
        db: usize,
        key: &[u8],
        stored: bool,
    ) -> PyResult<Sorted> {
        let get: Vec<&[u8]> = self.get.iter().map(Vec::as_slice).collect();
        let Asked { alpha, descending, offset, count, .. } = *self;
        let sort = Sort { by: self.by.as_deref(), get: &get, alpha, descending, offset, count, stored };
        let access = cx.read_access();
        cx.engine.ks.sort(db, key, &sort, access).map_err(|error| raised(py, error))
    }
}

fn raised(py: Python<'_>, error: SortError) -> PyErr {
    Classes::get(py).map_or_else(
        |error| error,
        |classes| match error {
            SortError::WrongType => classes.wrong_type(py),
            SortError::NotNumber => {
                classes.error(py, "ERR One or more scores can't be converted into double")
            }
        },
    )
}
