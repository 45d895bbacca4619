//! The type hash; nothing is in it yet.

use super::Collection;
use crate::object::{Object, Type};

/// A hash.
#[derive(Debug, Default)]
pub struct Hash;

impl Collection for Hash {
    const TYPE: Type = Type::Hash;

    fn is_empty(&self) -> bool {
        true
    }

    fn memory(&self) -> usize {
        0
    }

    fn encoding(&self) -> &'static str {
        "listpack"
    }

    fn weight(&self) -> usize {
        0
    }

    fn free_some(&mut self, _max: usize) -> bool {
        false
    }

    fn duplicate(&self) -> Self {
        Hash
    }

    fn into_object(self) -> Object {
        Object::Hash(self)
    }
}
