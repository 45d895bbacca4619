//! The type stream; nothing is in it yet.

use super::Collection;
use crate::object::{Object, Type};

/// A stream.
#[derive(Debug, Default)]
pub struct Stream;

impl Collection for Stream {
    const TYPE: Type = Type::Stream;

    fn is_empty(&self) -> bool {
        true
    }

    fn memory(&self) -> usize {
        0
    }

    fn encoding(&self) -> &'static str {
        "stream"
    }

    fn weight(&self) -> usize {
        0
    }

    fn free_some(&mut self, _max: usize) -> bool {
        false
    }

    fn duplicate(&self) -> Self {
        Stream
    }

    fn into_object(self) -> Object {
        Object::Stream(self)
    }
}
