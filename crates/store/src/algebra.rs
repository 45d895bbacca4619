//! Set algebra: intersection, union and difference of the sets at several keys.
//!
//! Owns the choice of what is walked over and what is looked up. A missing key is an empty set.

use crate::collections::{Packing, Set};
use crate::keyspace::Keyspace;
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
    /// The result as a set of its own, of no more than `limit` members. Any key of another type is an error.
    pub fn combine_sets(
        &mut self,
        db: usize,
        operation: SetOperation,
        keys: &[&[u8]],
        limit: usize,
        access: Access,
    ) -> Result<Set, WrongType> {
        for key in keys {
            self.collection::<Set>(db, key, access)?;
        }
        let sets: Vec<Option<&Set>> = keys.iter().map(|key| self.set_at(db, key)).collect();
        let mut result = Set::new();
        match operation {
            SetOperation::Union => {
                sets.iter().flatten().for_each(|set| add_all(&mut result, set, &self.packing))
            }
            SetOperation::Intersection => {
                if let Some(sets) = sets.into_iter().collect::<Option<Vec<&Set>>>() {
                    intersect(&mut result, sets, limit, &self.packing);
                }
            }
            SetOperation::Difference => {
                if let Some((Some(first), others)) = sets.split_first() {
                    subtract(&mut result, first, others, &self.packing);
                }
            }
        }
        Ok(result)
    }

    /// The set at a key that is known to be live, if there is any.
    fn set_at(&self, db: usize, key: &[u8]) -> Option<&Set> {
        match self.dbs[db].table.find(self.hash(key), key)?.value() {
            Value::Set(set) => Some(set),
            _ => None,
        }
    }
}

fn add_all(result: &mut Set, set: &Set, packing: &Packing) {
    for member in set.iter() {
        result.add(member.as_bytes(&mut itoa::Buffer::new()), packing);
    }
}

/// Walks over the smallest and looks into the others, the smaller first.
fn intersect(result: &mut Set, mut sets: Vec<&Set>, limit: usize, packing: &Packing) {
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else {
        return;
    };
    for member in smallest.iter() {
        if result.len() >= limit {
            return;
        }
        let mut buffer = itoa::Buffer::new();
        let member = member.as_bytes(&mut buffer);
        if others.iter().all(|set| set.contains(member)) {
            result.add(member, packing);
        }
    }
}

/// Walks over the first and looks into the others.
fn subtract(result: &mut Set, first: &Set, others: &[Option<&Set>], packing: &Packing) {
    for member in first.iter() {
        let mut buffer = itoa::Buffer::new();
        let member = member.as_bytes(&mut buffer);
        if !others.iter().flatten().any(|set| set.contains(member)) {
            result.add(member, packing);
        }
    }
}
