//! `Geo`: places in sorted sets, as a running command sees them.

use dozo_engine::Cx;
use dozo_store::collections::Zset;
use dozo_store::geo::{self, Found, Place, Shape};
use dozo_store::{Access, Collection, Ttl};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::context;
use crate::reply::Classes;

/// The places of one database.
#[pyclass(frozen, module = "dozo._kernel")]
pub struct Geo {
    /// `None` is the database that the client has selected.
    pub index: Option<usize>,
}

/// Longitude, latitude, and the radius, or width and height, in meters.
type Area = (f64, f64, f64, Option<f64>);
/// Most results, whether any will do, and whether sorted from near to far or the other way round.
type Choice = (usize, bool, Option<bool>);
/// A member, meters, score, longitude and latitude.
type Row<'py> = (Bound<'py, PyBytes>, f64, u64, f64, f64);

impl Geo {
    /// What `look` says of the sorted set; `None` for a missing key.
    fn read<R>(&self, py: Python<'_>, key: &[u8], look: impl FnOnce(&Zset) -> R) -> PyResult<Option<R>> {
        context::with_db(self.index, |cx, db| {
            let access = cx.read_access();
            find(py, cx, db, key, access, look)
        })
    }
}

fn find<R>(
    py: Python<'_>,
    cx: &mut Cx<'_>,
    db: usize,
    key: &[u8],
    access: Access,
    look: impl FnOnce(&Zset) -> R,
) -> PyResult<Option<R>> {
    match cx.engine.ks.collection::<Zset>(db, key, access) {
        Ok(zset) => Ok(zset.map(look)),
        Err(_) => Err(Classes::get(py)?.wrong_type(py)),
    }
}

/// Searches and sorts.
fn chosen(zset: &Zset, (lon, lat, width, height): Area, (count, any, ascending): Choice) -> Vec<Found> {
    let shape = height.map_or(Shape::Circle(width), |height| Shape::Box(width, height));
    let mut found = geo::search(zset, (lon, lat), shape, if any { count } else { 0 });
    match ascending {
        Some(true) => found.sort_by(|a, b| a.distance.total_cmp(&b.distance)),
        Some(false) => found.sort_by(|a, b| b.distance.total_cmp(&a.distance)),
        None => {}
    }
    if count > 0 {
        found.truncate(count);
    }
    found
}

#[pymethods]
impl Geo {
    fn places(&self, py: Python<'_>, key: &[u8], members: Vec<Vec<u8>>) -> PyResult<Vec<Option<Place>>> {
        let place = |zset: &Zset, member: &[u8]| zset.score(member).map(geo::decode);
        let found = self.read(py, key, |zset| members.iter().map(|member| place(zset, member)).collect())?;
        Ok(found.unwrap_or_else(|| vec![None; members.len()]))
    }

    fn hashes(&self, py: Python<'_>, key: &[u8], members: Vec<Vec<u8>>) -> PyResult<Vec<Option<String>>> {
        let hash = |score: f64| String::from_utf8_lossy(&geo::geohash(score)).into_owned();
        let found =
            self.read(py, key, |zset| members.iter().map(|member| zset.score(member).map(hash)).collect())?;
        Ok(found.unwrap_or_else(|| vec![None; members.len()]))
    }

    fn exists(&self, py: Python<'_>, key: &[u8]) -> PyResult<bool> {
        Ok(self.read(py, key, |_| ())?.is_some())
    }

    #[staticmethod]
    fn distance(a: Place, b: Place) -> f64 {
        geo::distance(a, b)
    }

    #[staticmethod]
    fn score(place: Place) -> u64 {
        geo::encode(place) as u64
    }

    #[staticmethod]
    fn is_valid(place: Place) -> bool {
        geo::is_valid(place)
    }

    fn search<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        area: Area,
        choice: Choice,
    ) -> PyResult<Vec<Row<'py>>> {
        let found = self.read(py, key, |zset| chosen(zset, area, choice))?.unwrap_or_default();
        let row = |found: Found| {
            let (lon, lat) = geo::decode(found.score);
            (PyBytes::new(py, &found.member), found.distance, found.score as u64, lon, lat)
        };
        Ok(found.into_iter().map(row).collect())
    }

    /// Puts what is found into another sorted set, with the scores or the distances in a unit of so many meters.
    fn search_store(
        &self,
        py: Python<'_>,
        target: &[u8],
        key: &[u8],
        area: Area,
        choice: Choice,
        unit: Option<f64>,
    ) -> PyResult<usize> {
        let found = self.read(py, key, |zset| chosen(zset, area, choice))?.unwrap_or_default();
        context::with_db(self.index, |cx, db| {
            let mut stored = Zset::new();
            for place in &found {
                let score = unit.map_or(place.score, |meters| place.distance / meters);
                stored.add(&place.member, score, &cx.engine.ks.packing);
            }
            let len = stored.len();
            if len > 0 {
                cx.engine.ks.put_object(db, target, stored.into_object(), Ttl::Clear);
            }
            Ok(len)
        })
    }
}
