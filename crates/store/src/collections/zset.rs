//! The type zset; nothing is in it yet.

use super::Collection;
use crate::object::{Object, Type};

/// A zset.
#[derive(Debug, Default)]
pub struct Zset;

impl Collection for Zset {
    const TYPE: Type = Type::Zset;

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
        Zset
    }

    fn into_object(self) -> Object {
        Object::Zset(self)
    }
}
