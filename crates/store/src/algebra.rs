//! Set algebra: intersection, union and difference of the sets, or the sorted sets and sets, at several keys.
//!
//! Owns the choice of what is walked over and what is looked up. A missing key is an empty set. Only a union takes memory:
//! the others have each member once anyway.

use crate::collections::{Aggregate, Collection, Set, Source, Zset, ZsetOperation, count_common};
use crate::keyspace::Keyspace;
use crate::object::Type;
use crate::objects::WrongType;
use crate::value::{Access, Value};

/// An operation on sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOperation {
    /// What is in all of them.
    Intersection,
    /// What is in any of them.
    Union,
    /// What is in the first of them only.
    Difference,
}

impl Keyspace {
    /// Visits the members of the result, but no more than `limit` of them; returns how many it visited. Any key of another
    /// type is an error.
    pub fn combine_sets(
        &mut self,
        db: usize,
        operation: SetOperation,
        keys: &[&[u8]],
        limit: usize,
        access: Access,
        visit: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, WrongType> {
        for key in keys {
            self.collection::<Set>(db, key, access)?;
        }
        let sets: Vec<Option<&Set>> = keys.iter().map(|key| self.set_at(db, key)).collect();
        match operation {
            SetOperation::Union => {
                let mut seen = Set::new();
                for set in sets.into_iter().flatten() {
                    choose(set, limit - seen.len(), |member| seen.add(member, &self.packing), visit);
                }
                let count = seen.len();
                self.discard(seen.into_object());
                Ok(count)
            }
            SetOperation::Intersection => {
                let Some(mut sets) = sets.into_iter().collect::<Option<Vec<&Set>>>() else {
                    return Ok(0);
                };
                // Walks over the smallest and looks into the others, the smaller first.
                sets.sort_by_key(|set| set.len());
                let Some((smallest, others)) = sets.split_first() else {
                    return Ok(0);
                };
                let in_all = |member: &[u8]| others.iter().all(|set| set.contains(member));
                Ok(choose(smallest, limit, in_all, visit))
            }
            SetOperation::Difference => {
                let Some((Some(first), others)) = sets.split_first() else {
                    return Ok(0);
                };
                let in_none = |member: &[u8]| !others.iter().flatten().any(|set| set.contains(member));
                Ok(choose(first, limit, in_none, visit))
            }
        }
    }

    /// The set at a key that is known to be live, if there is any.
    fn set_at(&self, db: usize, key: &[u8]) -> Option<&Set> {
        match self.source_at(db, key)? {
            Source::Set(set) => Some(set),
            Source::Zset(_) => None,
        }
    }

    fn source_at(&self, db: usize, key: &[u8]) -> Option<Source<'_>> {
        match self.dbs[db].table.find(self.hash(key), key)?.value() {
            Value::Set(set) => Some(Source::Set(set)),
            Value::Zset(zset) => Some(Source::Zset(zset)),
            _ => None,
        }
    }

    /// Whether every key holds a sorted set or a set, or nothing.
    pub fn check_sources(&mut self, db: usize, keys: &[Vec<u8>], access: Access) -> Result<(), WrongType> {
        for key in keys {
            match self.get(db, key, access).map(|item| item.type_of()) {
                None | Some(Type::Set | Type::Zset) => {}
                Some(_) => return Err(WrongType),
            }
        }
        Ok(())
    }

    /// The result of an operation on keys that were checked, each with its weight.
    pub fn combine_sorted_sets(
        &self,
        db: usize,
        operation: ZsetOperation,
        keys: &[Vec<u8>],
        weights: &[f64],
        aggregate: Aggregate,
    ) -> Zset {
        let sources: Vec<_> = keys.iter().map(|key| self.source_at(db, key)).collect();
        Zset::combined(operation, &sources, weights, aggregate, &self.packing)
    }

    /// How many members all keys have, which were checked; counted no further than `limit`.
    pub fn count_common(&self, db: usize, keys: &[Vec<u8>], limit: usize) -> usize {
        let sources: Vec<_> = keys.iter().map(|key| self.source_at(db, key)).collect();
        count_common(&sources, limit)
    }
}

/// Visits the members that are wanted, but no more than `limit`; returns how many.
fn choose(
    set: &Set,
    limit: usize,
    mut wanted: impl FnMut(&[u8]) -> bool,
    visit: &mut dyn FnMut(&[u8]),
) -> usize {
    let mut buffer = itoa::Buffer::new();
    let mut count = 0;
    for member in set.iter() {
        if count == limit {
            break;
        }
        let member = member.as_bytes(&mut buffer);
        if wanted(member) {
            visit(member);
            count += 1;
        }
    }
    count
}
