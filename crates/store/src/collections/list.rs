//! The type list; nothing is in it yet.

use super::Collection;
use crate::object::{Object, Type};

/// A list.
#[derive(Debug, Default)]
pub struct List;

impl Collection for List {
    const TYPE: Type = Type::List;

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
        List
    }

    fn into_object(self) -> Object {
        Object::List(self)
    }
}
