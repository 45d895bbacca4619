//! The type set; nothing is in it yet.

use super::Collection;
use crate::object::{Object, Type};

/// A set.
#[derive(Debug, Default)]
pub struct Set;

impl Collection for Set {
    const TYPE: Type = Type::Set;

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
        Set
    }

    fn into_object(self) -> Object {
        Object::Set(self)
    }
}
