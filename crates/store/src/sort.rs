//! SORT: the elements of a list, set or sorted set, ordered by themselves or by what other keys hold.
//!
//! Owns the order and the look-ups behind BY and GET; refuses to parse options and to store results.

use crate::double::{c_number, parse_double};
use crate::keyspace::Keyspace;
use crate::objects::WrongType;
use crate::value::{Access, Str, Value};
use std::cmp::Ordering;

/// What SORT was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sort<'a> {
    /// A pattern of keys whose values decide; one without `*` means that nothing is sorted.
    pub by: Option<&'a [u8]>,
    /// Patterns of what is returned for each element; none stands for the element itself.
    pub get: &'a [&'a [u8]],
    /// By bytes instead of by number.
    pub alpha: bool,
    /// The largest first.
    pub descending: bool,
    /// How many are left out in front; a negative number is 0.
    pub offset: i64,
    /// How many are returned; a negative number is all.
    pub count: i64,
    /// The result is kept, so that even a set must come in an order that does not depend on chance.
    pub stored: bool,
}

/// Why nothing was sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortError {
    /// The key holds neither list nor set nor sorted set.
    WrongType,
    /// What should be compared as numbers is none.
    NotNumber,
}

impl From<WrongType> for SortError {
    fn from(_: WrongType) -> Self {
        SortError::WrongType
    }
}

type Element = Box<[u8]>;

/// An element and what it is ordered by.
struct Row {
    element: Element,
    weight: Weight,
}

enum Weight {
    Number(f64),
    /// `None` where the key of the BY pattern is missing; such elements come first.
    Text(Option<Box<[u8]>>),
    /// The element itself, as bytes.
    Own,
}

impl Keyspace {
    /// The elements at `key` in the order asked for, or what GET finds for them; `None` where it finds nothing.
    pub fn sort(
        &mut self,
        db: usize,
        key: &[u8],
        sort: &Sort<'_>,
        access: Access,
    ) -> Result<Vec<Option<Vec<u8>>>, SortError> {
        let unsorted = sort.by.is_some_and(|by| !by.contains(&b'*'));
        let (elements, is_set) = self.elements(db, key, unsorted && sort.descending, access)?;
        let rows = if unsorted && !(is_set && sort.stored) {
            elements
        } else {
            let by = sort.by.filter(|_| !unsorted);
            let sort = Sort { by, alpha: sort.alpha || unsorted, ..*sort };
            self.sorted(db, elements, &sort, access)?
        };
        let skipped = usize::try_from(sort.offset).unwrap_or(0).min(rows.len());
        let count = usize::try_from(sort.count).unwrap_or(usize::MAX);
        let chosen = rows.into_iter().skip(skipped).take(count);
        if sort.get.is_empty() {
            return Ok(chosen.map(|element| Some(element.into_vec())).collect());
        }
        let mut found = Vec::new();
        for element in chosen {
            for pattern in sort.get {
                found.push(self.look_up(db, pattern, &element, access));
            }
        }
        Ok(found)
    }

    /// The elements in the order in which their type has them, or in reverse (sets have none), and whether it is a set.
    fn elements(
        &mut self,
        db: usize,
        key: &[u8],
        reverse: bool,
        access: Access,
    ) -> Result<(Vec<Element>, bool), SortError> {
        let Some(item) = self.get(db, key, access) else {
            return Ok((Vec::new(), false));
        };
        let own = |text: Str<'_>| -> Element { text.as_bytes(&mut itoa::Buffer::new()).into() };
        let mut elements: Vec<Element> = match item.value() {
            Value::List(list) => list.iter().map(own).collect(),
            Value::Set(set) => return Ok((set.iter().map(own).collect(), true)),
            Value::Zset(zset) => zset.iter().map(|(member, _)| own(member)).collect(),
            _ => return Err(SortError::WrongType),
        };
        if reverse {
            elements.reverse();
        }
        Ok((elements, false))
    }

    fn sorted(
        &mut self,
        db: usize,
        elements: Vec<Element>,
        sort: &Sort<'_>,
        access: Access,
    ) -> Result<Vec<Element>, SortError> {
        let mut rows = Vec::with_capacity(elements.len());
        for element in elements {
            let weight = self.weight(db, &element, sort, access)?;
            rows.push(Row { element, weight });
        }
        rows.sort_by(|a, b| {
            let order = compare(a, b);
            if sort.descending { order.reverse() } else { order }
        });
        Ok(rows.into_iter().map(|row| row.element).collect())
    }

    fn weight(
        &mut self,
        db: usize,
        element: &[u8],
        sort: &Sort<'_>,
        access: Access,
    ) -> Result<Weight, SortError> {
        let other = sort.by.map(|pattern| self.look_up(db, pattern, element, access));
        if sort.alpha {
            return Ok(other.map_or(Weight::Own, |text| Weight::Text(text.map(Vec::into_boxed_slice))));
        }
        let text = match &other {
            Some(None) => return Ok(Weight::Number(0.0)),
            Some(Some(text)) => text,
            None => element,
        };
        number(text).map(Weight::Number).ok_or(SortError::NotNumber)
    }

    /// What a BY or GET pattern stands for: `#` the element; `w_*` the string at that key; `h_*->f` a field of that hash.
    fn look_up(&mut self, db: usize, pattern: &[u8], element: &[u8], access: Access) -> Option<Vec<u8>> {
        if pattern == b"#" {
            return Some(element.to_vec());
        }
        let star = pattern.iter().position(|byte| *byte == b'*')?;
        let (before, after) = (&pattern[..star], &pattern[star + 1..]);
        let arrow = after.windows(2).position(|two| two == b"->").filter(|at| at + 2 < after.len());
        let (after, field) = match arrow {
            Some(at) => (&after[..at], Some(&after[at + 2..])),
            None => (after, None),
        };
        let key = [before, element, after].concat();
        let item = self.get(db, &key, access)?;
        match (item.value(), field) {
            (Value::Str(string), None) => Some(string.to_vec()),
            (Value::Hash(hash), Some(field)) => hash.get(field).map(|value| value.to_vec()),
            _ => None,
        }
    }
}

/// Equal numbers are told apart by their elements, so that the order is never left to chance.
fn compare(a: &Row, b: &Row) -> Ordering {
    match (&a.weight, &b.weight) {
        (Weight::Number(x), Weight::Number(y)) => {
            x.partial_cmp(y).unwrap_or(Ordering::Equal).then_with(|| a.element.cmp(&b.element))
        }
        (Weight::Text(x), Weight::Text(y)) => x.cmp(y),
        _ => a.element.cmp(&b.element),
    }
}

/// A number as C reads it, unless it is too large for a double or too small for a normal one.
fn number(text: &[u8]) -> Option<f64> {
    parse_double(c_number(text)?).filter(|value| !value.is_subnormal())
}
