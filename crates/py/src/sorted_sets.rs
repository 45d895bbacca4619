//! `SortedSets`: the sorted set operations that Python commands build on.

use dozo_engine::Cx;
use dozo_engine::hot::{lex_bound, score_bound, store_sorted_set};
use dozo_store::{Aggregate, Random, Str, WrongType, Zset, ZsetOperation, itoa};
use dozo_wire::resp::Proto;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use std::ops::Range;

use crate::context;
use crate::reply::Classes;
use crate::text::glob;

/// Members with their scores.
type Scored = Vec<(Py<PyBytes>, f64)>;

/// The sorted sets of one database, during a command.
#[pyclass(frozen, module = "dozo._kernel")]
pub struct SortedSets {
    /// `None` is the database that the client has selected.
    pub index: Option<usize>,
}

/// Why an operation could not be done.
enum Refused {
    Type,
    Text(&'static str),
}

impl From<WrongType> for Refused {
    fn from(_: WrongType) -> Self {
        Refused::Type
    }
}

impl SortedSets {
    fn with<R>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Cx<'_>, usize) -> Result<R, Refused>,
    ) -> PyResult<R> {
        let done = context::with(|cx| {
            let db = self.index.unwrap_or(cx.session.db);
            Ok(work(cx, db))
        })?;
        done.or_else(|refused| {
            let classes = Classes::get(py)?;
            Err(match refused {
                Refused::Type => classes.wrong_type(py),
                Refused::Text(text) => classes.error(py, text),
            })
        })
    }
}

/// The ranks between two bounds, which are read as the range is asked for: by "rank", "score" or "lex".
fn span(zset: Option<&Zset>, by: &str, min: &[u8], max: &[u8]) -> Result<Range<usize>, Refused> {
    match by {
        "score" => {
            let bounds = score_bound(min).zip(score_bound(max));
            let (min, max) = bounds.ok_or(Refused::Text("ERR min or max is not a float"))?;
            Ok(zset.map_or(0..0, |zset| zset.span_by_score(min, max)))
        }
        "lex" => {
            let bounds = lex_bound(min).zip(lex_bound(max));
            let (min, max) = bounds.ok_or(Refused::Text("ERR min or max not valid string range item"))?;
            Ok(zset.map_or(0..0, |zset| zset.span_by_lex(min, max)))
        }
        _ => {
            let bounds = Str::Inline(min).to_i64().zip(Str::Inline(max).to_i64());
            let (start, stop) = bounds.ok_or(Refused::Text("ERR value is not an integer or out of range"))?;
            Ok(zset.map_or(0..0, |zset| zset.span_by_rank(start, stop)))
        }
    }
}

/// The result of an operation on keys that were checked.
fn combined(
    cx: &Cx<'_>,
    db: usize,
    operation: &str,
    keys: &[Vec<u8>],
    weights: &[f64],
    aggregate: &str,
) -> Zset {
    let operation = match operation {
        "union" => ZsetOperation::Union,
        "inter" => ZsetOperation::Intersection,
        _ => ZsetOperation::Difference,
    };
    let aggregate = match aggregate {
        "min" => Aggregate::Min,
        "max" => Aggregate::Max,
        _ => Aggregate::Sum,
    };
    cx.engine.ks.combine_sorted_sets(db, operation, keys, weights, aggregate)
}

fn bytes<'py>(py: Python<'py>, value: &Str<'_>) -> Bound<'py, PyBytes> {
    PyBytes::new(py, value.as_bytes(&mut itoa::Buffer::new()))
}

/// Members, with their scores if wanted: in pairs in RESP3, one after the other in RESP2.
fn listed<'py, 'a>(
    py: Python<'py>,
    proto: Proto,
    pairs: impl Iterator<Item = (Str<'a>, f64)>,
    scores: bool,
) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for (member, score) in pairs {
        match proto {
            Proto::Resp3 if scores => list.append((bytes(py, &member), score))?,
            _ => list.append(bytes(py, &member))?,
        }
        if scores && proto == Proto::Resp2 {
            list.append(score)?;
        }
    }
    Ok(list)
}

#[pymethods]
impl SortedSets {
    fn len(&self, py: Python<'_>, key: &[u8]) -> PyResult<Option<usize>> {
        self.with(py, |cx, db| Ok(cx.engine.ks.collection::<Zset>(db, key, cx.read_access())?.map(Zset::len)))
    }

    fn scores(&self, py: Python<'_>, key: &[u8], members: Vec<Vec<u8>>) -> PyResult<Vec<Option<f64>>> {
        self.with(py, |cx, db| {
            let zset = cx.engine.ks.collection::<Zset>(db, key, cx.read_access())?;
            Ok(members.iter().map(|member| zset.and_then(|zset| zset.score(member))).collect())
        })
    }

    fn reverse_rank(&self, py: Python<'_>, key: &[u8], member: &[u8]) -> PyResult<Option<usize>> {
        self.with(py, |cx, db| {
            let zset = cx.engine.ks.collection::<Zset>(db, key, cx.read_access())?;
            Ok(zset.and_then(|zset| Some(zset.len() - 1 - zset.rank(member)?)))
        })
    }

    fn count(&self, py: Python<'_>, key: &[u8], by: &str, min: &[u8], max: &[u8]) -> PyResult<usize> {
        self.with(py, |cx, db| {
            span(None, by, min, max)?;
            let access = cx.read_access();
            Ok(span(cx.engine.ks.collection(db, key, access)?, by, min, max)?.len())
        })
    }

    fn remove_range(&self, py: Python<'_>, key: &[u8], by: &str, min: &[u8], max: &[u8]) -> PyResult<usize> {
        self.with(py, |cx, db| {
            span(None, by, min, max)?;
            let removed = cx.engine.ks.edit(db, key, |zset: &mut Zset| {
                let removed = span(Some(zset), by, min, max).map_or(0, |span| zset.remove_span(span));
                (removed, removed > 0)
            })?;
            Ok(removed.unwrap_or(0))
        })
    }

    fn pop(&self, py: Python<'_>, key: &[u8], last: bool, count: usize) -> PyResult<Option<Scored>> {
        self.with(py, |cx, db| {
            Ok(cx.engine.ks.edit(db, key, |zset: &mut Zset| {
                let many = count.min(zset.len());
                let pop = |_| zset.pop_with(last, |member, score| (bytes(py, &member).unbind(), score));
                ((0..many).filter_map(pop).collect(), many > 0)
            })?)
        })
    }

    fn check(&self, py: Python<'_>, keys: Vec<Vec<u8>>) -> PyResult<()> {
        self.with(py, |cx, db| Ok(cx.engine.ks.check_sources(db, &keys, cx.read_access())?))
    }

    fn count_common(&self, py: Python<'_>, keys: Vec<Vec<u8>>, limit: usize) -> PyResult<usize> {
        self.with(py, |cx, db| Ok(cx.engine.ks.count_common(db, &keys, limit)))
    }

    fn combine<'py>(
        &self,
        py: Python<'py>,
        operation: &str,
        keys: Vec<Vec<u8>>,
        weights: Vec<f64>,
        aggregate: &str,
        scores: bool,
    ) -> PyResult<Bound<'py, PyList>> {
        let (result, proto) = self.with(py, |cx, db| {
            Ok((combined(cx, db, operation, &keys, &weights, aggregate), cx.session.proto))
        })?;
        listed(py, proto, result.iter(), scores)
    }

    fn combine_into(
        &self,
        py: Python<'_>,
        target: &[u8],
        operation: &str,
        keys: Vec<Vec<u8>>,
        weights: Vec<f64>,
        aggregate: &str,
    ) -> PyResult<usize> {
        self.with(py, |cx, db| {
            let result = combined(cx, db, operation, &keys, &weights, aggregate);
            let result = result.packed(&cx.engine.ks.packing);
            Ok(store_sorted_set(cx, target, result, &format!("z{operation}store")))
        })
    }

    fn random<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        count: usize,
        distinct: bool,
        scores: bool,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let list = self.with(py, |cx, db| {
            let mut random = Random::new(cx.engine.ks.random_seed());
            let (proto, access) = (cx.session.proto, cx.read_access());
            let Some(zset) = cx.engine.ks.collection::<Zset>(db, key, access)? else { return Ok(None) };
            let len = zset.len();
            let ranks = if !distinct {
                (0..count).map(|_| random.below(len)).collect()
            } else {
                chosen(&mut random, len, count.min(len))
            };
            Ok(Some(listed(py, proto, ranks.into_iter().filter_map(|rank| zset.at(rank)), scores)))
        })?;
        list.transpose()
    }

    fn scan<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        cursor: u64,
        count: usize,
        pattern: Option<&[u8]>,
    ) -> PyResult<(u64, Bound<'py, PyList>)> {
        let list = PyList::empty(py);
        let mut outcome = Ok(());
        let next = self.with(py, |cx, db| {
            let Some(zset) = cx.engine.ks.collection::<Zset>(db, key, cx.read_access())? else {
                return Ok(0);
            };
            let small = matches!(zset, Zset::Small(_));
            Ok(zset.scan(cursor, count, &mut |member, score| {
                let member = bytes(py, &member);
                if outcome.is_ok() && pattern.is_none_or(|pattern| glob(pattern, member.as_bytes())) {
                    let text = scanned(score, small);
                    outcome = list.append(member).and_then(|()| list.append(PyBytes::new(py, &text)));
                }
            }))
        })?;
        outcome.map(|()| (next, list))
    }
}

/// A score as ZSCAN shows it: a small set keeps whole numbers as integers, in Redis too.
fn scanned(score: f64, small: bool) -> Vec<u8> {
    let whole = score.fract() == 0.0 && score.abs() <= (1_i64 << 62) as f64;
    if small && whole {
        return itoa::Buffer::new().format(score as i64).as_bytes().to_vec();
    }
    let mut text = Vec::new();
    dozo_wire::resp::format_double(score, &mut text);
    text
}

/// `count` different ranks below `len`, in no particular order (Floyd's way: as many draws as ranks).
fn chosen(random: &mut Random, len: usize, count: usize) -> Vec<usize> {
    let mut seen = std::collections::HashSet::with_capacity(count);
    let mut ranks = Vec::with_capacity(count);
    for top in len - count..len {
        let drawn = random.below(top + 1);
        let rank = if seen.insert(drawn) { drawn } else { top };
        seen.insert(rank);
        ranks.push(rank);
    }
    ranks
}
