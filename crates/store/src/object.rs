//! A collection on its way into an entry or out of it, and the types that values have.
//!
//! Owns the rule that every collection is a value of at most 16 bytes, so that one place in an entry holds any of them.

use crate::collections::{Collection, Hash, List, Set, Stream, Zset};

/// The room that an entry has for a collection.
pub(crate) const OBJECT_BYTES: usize = 16;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Type {
    /// A string.
    Str = 0,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    Zset,
    /// A hash.
    Hash,
    /// A stream.
    Stream,
}

impl Type {
    const ALL: [Type; 6] = [Type::Str, Type::List, Type::Set, Type::Zset, Type::Hash, Type::Stream];

    /// The name that TYPE answers.
    pub fn name(self) -> &'static str {
        match self {
            Type::Str => "string",
            Type::List => "list",
            Type::Set => "set",
            Type::Zset => "zset",
            Type::Hash => "hash",
            Type::Stream => "stream",
        }
    }

    /// The type that TYPE calls by that name.
    pub fn parse(name: &str) -> Option<Type> {
        Type::ALL.into_iter().find(|of| of.name() == name)
    }

    /// The type of that number; a string's, where there is none.
    #[inline]
    pub fn of_number(number: u8) -> Type {
        Type::ALL.get(usize::from(number)).copied().unwrap_or(Type::Str)
    }
}

/// A collection outside of the keyspace.
pub enum Object {
    /// A list.
    List(List),
    /// A set.
    Set(Set),
    /// A sorted set.
    Zset(Zset),
    /// A hash.
    Hash(Hash),
    /// A stream.
    Stream(Stream),
}

const fn fits<C>() {
    assert!(size_of::<C>() <= OBJECT_BYTES && align_of::<C>() <= 8);
}
const _: () = {
    fits::<List>();
    fits::<Set>();
    fits::<Zset>();
    fits::<Hash>();
    fits::<Stream>();
};

macro_rules! each {
    ($object:expr, $name:ident => $result:expr) => {
        match $object {
            Object::List($name) => $result,
            Object::Set($name) => $result,
            Object::Zset($name) => $result,
            Object::Hash($name) => $result,
            Object::Stream($name) => $result,
        }
    };
}

impl Object {
    /// Its type.
    pub fn type_of(&self) -> Type {
        match self {
            Object::List(_) => Type::List,
            Object::Set(_) => Type::Set,
            Object::Zset(_) => Type::Zset,
            Object::Hash(_) => Type::Hash,
            Object::Stream(_) => Type::Stream,
        }
    }

    /// Whether nothing is in it; streams may be, all others are then no value at all.
    pub fn is_empty(&self) -> bool {
        each!(self, value => value.is_empty())
    }

    /// Bytes that it takes from the allocator.
    pub(crate) fn memory(&self) -> usize {
        each!(self, value => value.memory())
    }

    /// About how many allocations it takes to free it.
    pub(crate) fn weight(&self) -> usize {
        each!(self, value => value.weight())
    }

    /// Frees about `max` of its allocations; true while more are left.
    pub(crate) fn free_some(&mut self, max: usize) -> bool {
        each!(self, value => value.free_some(max))
    }

    /// Moves it into an entry.
    ///
    /// # Safety
    /// The place has [`OBJECT_BYTES`], is aligned for 8 bytes and holds nothing that needs a drop.
    #[inline]
    pub(crate) unsafe fn write_to(self, place: *mut u8) {
        // SAFETY: the caller's promise; `fits` has checked size and alignment.
        each!(self, value => unsafe { write(place, value) });
    }

    /// Moves it out of an entry.
    ///
    /// # Safety
    /// The place holds a collection of that type, which is never read again.
    #[inline]
    pub(crate) unsafe fn read_from(of: Type, place: *mut u8) -> Object {
        // SAFETY: the caller's promise.
        unsafe {
            match of {
                Type::Set => Object::Set(place.cast::<Set>().read()),
                Type::Zset => Object::Zset(place.cast::<Zset>().read()),
                Type::Hash => Object::Hash(place.cast::<Hash>().read()),
                Type::Stream => Object::Stream(place.cast::<Stream>().read()),
                Type::List | Type::Str => Object::List(place.cast::<List>().read()),
            }
        }
    }
}

/// Moves a value to a place of that type.
///
/// # Safety
/// As for [`Object::write_to`].
#[inline]
unsafe fn write<C>(place: *mut u8, value: C) {
    // SAFETY: the caller's promise.
    unsafe { place.cast::<C>().write(value) }
}
