//! The type hash: fields and values, each with an expiry of its own if wanted.
//!
//! Owns the choice between the small form (one allocation) and the large one. A hash turns large when it has too many
//! fields, a long string, or a field that expires; it doesn't turn back.

use super::packed::{Encoded, Packed};
use super::record::Record;
use super::records::{Records, sampled, shuffled};
use super::{Collection, Packing};
use crate::hashing::Random;
use crate::object::{Object, Type};
use crate::tagged::Keyed;
use crate::value::Str;

/// A hash.
pub struct Hash(Form);

enum Form {
    /// Field, value, field, value ...
    Small(Packed),
    Large(Box<Records>),
}

impl Default for Hash {
    fn default() -> Self {
        Hash(Form::Small(Packed::new()))
    }
}

impl Hash {
    /// An empty hash.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of fields, those included whose time is over and that were not removed yet.
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "`Collection` has it")]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.len() / 2,
            Form::Large(records) => records.len(),
        }
    }

    /// Number of fields whose time is not over: what [`Hash::iter`] gives.
    pub fn visible_len(&self) -> usize {
        match &self.0 {
            Form::Large(records) if records.has_hidden() => records.iter().count(),
            _ => self.len(),
        }
    }

    /// The value of a field.
    #[inline]
    pub fn get(&self, field: &[u8]) -> Option<Str<'_>> {
        match &self.0 {
            Form::Small(packed) => {
                let at = packed.find(&Encoded::new(field), 2)?;
                packed.get(packed.skip(at, 1)).map(|(value, _)| value)
            }
            Form::Large(records) => records.get(field).map(|record| Str::Inline(record.value())),
        }
    }

    /// Whether there is such a field.
    #[inline]
    pub fn contains(&self, field: &[u8]) -> bool {
        match &self.0 {
            Form::Small(packed) => packed.find(&Encoded::new(field), 2).is_some(),
            Form::Large(records) => records.get(field).is_some(),
        }
    }

    /// Sets a field, which then doesn't expire; true when it is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], packing: &Packing) -> bool {
        self.make_room(field, value, packing);
        match &mut self.0 {
            Form::Large(records) => records.set(field, value),
            Form::Small(packed) => {
                let found = packed.find(&Encoded::new(field), 2);
                match found {
                    Some(at) => packed.replace(packed.skip(at, 1), value),
                    None => packed.push([field, value]),
                }
                let new = found.is_none();
                if packed.len() / 2 > packing.hash_max_entries as usize {
                    self.enlarge();
                }
                new
            }
        }
    }

    /// Sets a field and leaves its expiry; true when it is new.
    pub fn set_keeping_expiry(&mut self, field: &[u8], value: &[u8], packing: &Packing) -> bool {
        match &mut self.0 {
            Form::Large(records) => records.set_keeping(field, value),
            Form::Small(_) => self.set(field, value, packing),
        }
    }

    /// Removes a field.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Form::Large(records) => records.remove(field),
            Form::Small(packed) => {
                let found = packed.find(&Encoded::new(field), 2);
                if let Some(at) = found {
                    packed.remove(at, 2);
                }
                found.is_some()
            }
        }
    }

    /// When a field expires, as unix time in milliseconds.
    pub fn expiry(&self, field: &[u8]) -> Option<i64> {
        match &self.0 {
            Form::Small(_) => None,
            Form::Large(records) => records.get(field)?.expiry(),
        }
    }

    /// Sets or clears when a field expires; false when the field is missing.
    pub fn set_expiry(&mut self, field: &[u8], expiry: Option<i64>) -> bool {
        if expiry.is_some() && self.contains(field) {
            self.enlarge();
        }
        match &mut self.0 {
            Form::Small(_) => self.contains(field),
            Form::Large(records) => records.set_expiry(field, expiry),
        }
    }

    /// Whether every field's time is over.
    pub fn is_over(&self, now: i64) -> bool {
        matches!(&self.0, Form::Large(records) if records.is_over(now))
    }

    /// Tells the time, by which fields that have expired are hidden; said before every access.
    #[inline]
    pub fn set_now(&mut self, now: i64) {
        if let Form::Large(records) = &mut self.0 {
            records.set_now(now);
        }
    }

    /// Removes fields whose time is over, no more than `max`, and returns them.
    pub fn take_due(&mut self, max: usize) -> Vec<Box<[u8]>> {
        match &mut self.0 {
            Form::Small(_) => Vec::new(),
            Form::Large(records) => records.take_due(max),
        }
    }

    /// Fields and values.
    pub fn iter(&self) -> Box<dyn Iterator<Item = (Str<'_>, Str<'_>)> + '_> {
        match &self.0 {
            Form::Small(packed) => {
                let mut strings = packed.iter();
                Box::new(std::iter::from_fn(move || Some((strings.next()?, strings.next()?))))
            }
            Form::Large(records) => Box::new(records.iter().map(pair)),
        }
    }

    /// Fields, values, and when they expire.
    pub fn iter_with_expiry(&self) -> Box<dyn Iterator<Item = (Str<'_>, Str<'_>, Option<i64>)> + '_> {
        match &self.0 {
            Form::Small(_) => Box::new(self.iter().map(|(field, value)| (field, value, None))),
            Form::Large(records) => Box::new(records.iter().map(|record| {
                let (field, value) = pair(record);
                (field, value, record.expiry())
            })),
        }
    }

    /// Visits about `count` fields from `cursor` on and returns the next cursor; a small hash is visited whole.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(Str<'_>, Str<'_>)) -> u64 {
        match &self.0 {
            Form::Small(_) => {
                self.iter().for_each(|(field, value)| visit(field, value));
                0
            }
            Form::Large(records) => records.scan(cursor, count, &mut |record| {
                let (field, value) = pair(record);
                visit(field, value);
            }),
        }
    }

    /// A random field and its value.
    pub fn random(&self, random: &mut Random) -> Option<(Str<'_>, Str<'_>)> {
        match &self.0 {
            Form::Large(records) => records.random(random).map(pair),
            Form::Small(packed) if packed.is_empty() => None,
            Form::Small(packed) => {
                let (field, next) = packed.get(packed.skip(0, 2 * random.below(packed.len() / 2)))?;
                Some((field, packed.get(next)?.0))
            }
        }
    }

    /// `count` different random fields and their values; all when there are fewer.
    pub fn random_distinct(&self, count: usize, random: &mut Random) -> Vec<(Str<'_>, Str<'_>)> {
        match &self.0 {
            Form::Large(records) if count < records.len() / 3 => {
                sampled(records, count, random).into_iter().map(pair).collect()
            }
            _ if count >= self.len() => self.iter().collect(),
            _ => shuffled(self.iter().collect(), count, random),
        }
    }

    /// Turns large before a string goes in that is too long for the small form.
    #[inline]
    fn make_room(&mut self, field: &[u8], value: &[u8], packing: &Packing) {
        if matches!(self.0, Form::Small(_)) && field.len().max(value.len()) > packing.hash_max_value as usize
        {
            self.enlarge();
        }
    }

    fn enlarge(&mut self) {
        if let Form::Small(packed) = &self.0 {
            let mut records = Box::new(Records::new());
            let mut strings = packed.iter();
            let (mut first, mut second) = (itoa::Buffer::new(), itoa::Buffer::new());
            while let (Some(field), Some(value)) = (strings.next(), strings.next()) {
                records.set(field.as_bytes(&mut first), value.as_bytes(&mut second));
            }
            self.0 = Form::Large(records);
        }
    }
}

fn pair<'a>(record: Record) -> (Str<'a>, Str<'a>) {
    (Str::Inline(record.key()), Str::Inline(record.value()))
}

impl Collection for Hash {
    const TYPE: Type = Type::Hash;

    #[inline]
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn memory(&self) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.memory(),
            Form::Large(records) => records.memory(),
        }
    }

    fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Small(_) => "listpack",
            Form::Large(_) => "hashtable",
        }
    }

    fn weight(&self) -> usize {
        match &self.0 {
            Form::Small(_) => 1,
            Form::Large(records) => records.weight(),
        }
    }

    fn free_some(&mut self, max: usize) -> bool {
        match &mut self.0 {
            Form::Small(packed) => {
                *packed = Packed::new();
                false
            }
            Form::Large(records) => records.free_some(max),
        }
    }

    fn duplicate(&self) -> Self {
        Hash(match &self.0 {
            Form::Small(packed) => Form::Small(packed.clone()),
            Form::Large(records) => Form::Large(records.clone()),
        })
    }

    fn into_object(self) -> Object {
        Object::Hash(self)
    }

    #[inline]
    fn next_due(&self) -> Option<i64> {
        match &self.0 {
            Form::Small(_) => None,
            Form::Large(records) => records.next_due(),
        }
    }
}
