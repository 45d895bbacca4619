//! The type set: members without order.
//!
//! Owns the choice between three forms, by Redis 7.2's rules: sorted integers, a few short strings, or a table. A set
//! doesn't turn back into a smaller form.

use super::ints::Ints;
use super::packed::{Encoded, Packed};
use super::records::{Records, sampled, shuffled};
use super::{Collection, Packing};
use crate::hashing::Random;
use crate::object::{Object, Type};
use crate::tagged::Keyed;
use crate::value::{Str, parse_canonical};

/// A set.
pub struct Set(Form);

enum Form {
    Ints(Ints),
    Small(Packed),
    Large(Box<Records>),
}

impl Default for Set {
    fn default() -> Self {
        Set(Form::Ints(Ints::default()))
    }
}

impl Set {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of members.
    #[inline]
    #[allow(clippy::len_without_is_empty, reason = "`Collection` has it")]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Ints(ints) => ints.len(),
            Form::Small(packed) => packed.len(),
            Form::Large(records) => records.len(),
        }
    }

    /// Whether there is such a member.
    #[inline]
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Form::Ints(ints) => parse_canonical(member).is_some_and(|n| ints.search(n).is_ok()),
            Form::Small(packed) => packed.find(&Encoded::new(member), 1).is_some(),
            Form::Large(records) => records.get(member).is_some(),
        }
    }

    /// Adds a member; false when it is there already.
    pub fn add(&mut self, member: &[u8], packing: &Packing) -> bool {
        match &mut self.0 {
            Form::Large(records) => records.add_key(member),
            Form::Ints(ints) => match parse_canonical(member) {
                Some(n) => {
                    let new = ints.add(n);
                    if new && ints.len() > packing.set_max_intset as usize {
                        self.enlarge();
                    }
                    new
                }
                None => {
                    self.leave_ints(member, packing);
                    self.add(member, packing)
                }
            },
            Form::Small(packed) => {
                if packed.find(&Encoded::new(member), 1).is_some() {
                    return false;
                }
                let full = packed.len() >= packing.set_max_entries as usize;
                if full || member.len() > packing.set_max_value as usize {
                    self.enlarge();
                    return self.add(member, packing);
                }
                packed.push([member]);
                true
            }
        }
    }

    /// Removes a member.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Form::Ints(ints) => parse_canonical(member).is_some_and(|n| ints.remove(n)),
            Form::Large(records) => records.remove(member),
            Form::Small(packed) => {
                let found = packed.find(&Encoded::new(member), 1);
                if let Some(at) = found {
                    packed.remove(at, 1);
                }
                found.is_some()
            }
        }
    }

    /// The members.
    pub fn iter(&self) -> Box<dyn Iterator<Item = Str<'_>> + '_> {
        match &self.0 {
            Form::Ints(ints) => Box::new(ints.iter().map(Str::Int)),
            Form::Small(packed) => Box::new(packed.iter()),
            Form::Large(records) => Box::new(records.iter().map(|record| Str::Inline(record.key()))),
        }
    }

    /// Visits about `count` members from `cursor` on and returns the next cursor; a small set is visited whole.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(Str<'_>)) -> u64 {
        match &self.0 {
            Form::Large(records) => {
                records.scan(cursor, count, &mut |record| visit(Str::Inline(record.key())))
            }
            _ => {
                self.iter().for_each(visit);
                0
            }
        }
    }

    /// A random member.
    pub fn random(&self, random: &mut Random) -> Option<Str<'_>> {
        if self.len() == 0 {
            return None;
        }
        match &self.0 {
            Form::Ints(ints) => ints.get(random.below(ints.len())).map(Str::Int),
            Form::Small(packed) => {
                packed.get(packed.skip(0, random.below(packed.len()))).map(|(member, _)| member)
            }
            Form::Large(records) => records.random(random).map(|record| Str::Inline(record.key())),
        }
    }

    /// `count` different random members; all when there are fewer.
    pub fn random_distinct(&self, count: usize, random: &mut Random) -> Vec<Str<'_>> {
        match &self.0 {
            Form::Large(records) if count < records.len() / 3 => {
                sampled(records, count, random).into_iter().map(|record| Str::Inline(record.key())).collect()
            }
            _ if count >= self.len() => self.iter().collect(),
            _ => shuffled(self.iter().collect(), count, random),
        }
    }

    /// Removes a random member and returns it.
    pub fn pop_random(&mut self, random: &mut Random) -> Option<Vec<u8>> {
        let member = self.random(random)?.to_vec();
        self.remove(&member);
        Some(member)
    }

    /// The form of strings, for a member that is no integer.
    fn leave_ints(&mut self, member: &[u8], packing: &Packing) {
        let Form::Ints(ints) = &self.0 else {
            return;
        };
        let fits = ints.len() < packing.set_max_entries as usize
            && member.len() <= packing.set_max_value as usize
            && (ints.len() == 0 || packing.set_max_value >= 20);
        if !fits {
            return self.enlarge();
        }
        let mut packed = Packed::new();
        for n in ints.iter() {
            packed.push([itoa::Buffer::new().format(n).as_bytes()]);
        }
        self.0 = Form::Small(packed);
    }

    fn enlarge(&mut self) {
        if matches!(self.0, Form::Large(_)) {
            return;
        }
        let mut records = Box::new(Records::new());
        for member in self.iter() {
            records.add_key(member.as_bytes(&mut itoa::Buffer::new()));
        }
        self.0 = Form::Large(records);
    }
}

impl Collection for Set {
    const TYPE: Type = Type::Set;

    #[inline]
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn memory(&self) -> usize {
        match &self.0 {
            Form::Ints(ints) => ints.memory(),
            Form::Small(packed) => packed.memory(),
            Form::Large(records) => records.memory(),
        }
    }

    fn encoding(&self) -> &'static str {
        match &self.0 {
            Form::Ints(_) => "intset",
            Form::Small(_) => "listpack",
            Form::Large(_) => "hashtable",
        }
    }

    fn weight(&self) -> usize {
        match &self.0 {
            Form::Large(records) => records.weight(),
            _ => 1,
        }
    }

    fn free_some(&mut self, max: usize) -> bool {
        if let Form::Large(records) = &mut self.0 {
            return records.free_some(max);
        }
        *self = Set::new();
        false
    }

    fn duplicate(&self) -> Self {
        Set(match &self.0 {
            Form::Ints(ints) => Form::Ints(ints.clone()),
            Form::Small(packed) => Form::Small(packed.clone()),
            Form::Large(records) => Form::Large(records.clone()),
        })
    }

    fn into_object(self) -> Object {
        Object::Set(self)
    }
}
