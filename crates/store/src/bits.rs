//! Strings as rows of bits: counting, searching, combining, and integers of any width within them.
//!
//! Owns what the bitmap commands do with bytes, and [`Keyspace::edit_string`], by which they and HyperLogLog change a
//! string where it lies. Bit 0 is the highest bit of the first byte. Refuses offsets: the callers bound them.

use crate::entry::{Draft, EntryPtr, Fields, shared_memory};
use crate::keyspace::Keyspace;
use crate::strings::taken;
use crate::value::{Access, Item, Shared, Str};
use std::sync::Arc;

/// How BITOP combines its sources; X is the first one, Y any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// Bits that every source has.
    And,
    /// Bits that any source has.
    Or,
    /// Bits that an odd number of sources has.
    Xor,
    /// Bits that the only source has not.
    Not,
    /// Bits of X that no Y has.
    Diff,
    /// Bits of any Y that X has not.
    Diff1,
    /// Bits of X that any Y has.
    AndOr,
    /// Bits that exactly one source has.
    One,
}

/// What happens to a field that its new value does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The highest bits are lost.
    Wrap,
    /// It takes the nearest value that fits.
    Saturate,
    /// It keeps its value.
    Fail,
}

/// What to do with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Tell its value.
    Get,
    /// Store a value and tell the old one.
    Set(i64, Overflow),
    /// Add to the value and tell the new one.
    Add(i64, Overflow),
}

/// An integer of 1 to 64 bits within a string (unsigned: to 63).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its first bit.
    pub offset: u64,
    /// Its width.
    pub width: u32,
    /// Whether its highest bit is a sign.
    pub signed: bool,
}

/// The bit at an offset; beyond the end all are 0.
#[inline]
pub fn bit(bytes: &[u8], offset: u64) -> bool {
    let byte = usize::try_from(offset / 8).ok().and_then(|at| bytes.get(at));
    byte.is_some_and(|byte| byte >> (7 - offset % 8) & 1 == 1)
}

/// Sets the bit at an offset, after zeros up to it; returns the old bit and whether anything changed.
pub fn set_bit(bytes: &mut Vec<u8>, offset: u64, on: bool) -> (bool, bool) {
    let old = bit(bytes, offset);
    let grown = grow(bytes, offset);
    let mask = 1 << (7 - offset % 8);
    if let Some(byte) = bytes.get_mut((offset / 8) as usize) {
        *byte = if on { *byte | mask } else { *byte & !mask };
    }
    (old, grown || old != on)
}

/// The number of ones from bit `first` to bit `last`, both included and within the bytes.
pub fn count(bytes: &[u8], first: u64, last: u64) -> u64 {
    if first > last {
        return 0;
    }
    let (from, to) = ((first / 8) as usize, (last / 8) as usize);
    let Some(span) = bytes.get(from..=to) else {
        return 0;
    };
    let (words, rest) = span.as_chunks::<8>();
    let whole: u64 = words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    let tail: u64 = rest.iter().map(|byte| u64::from(byte.count_ones())).sum();
    let before = u64::from((bytes[from] & !(0xff >> (first % 8))).count_ones());
    let behind = u64::from((bytes[to] & !(0xff << (7 - last % 8))).count_ones());
    whole + tail - before - behind
}

/// The first bit of that kind from bit `first` to bit `last`, both included and within the bytes.
pub fn position(bytes: &[u8], wanted: bool, first: u64, last: u64) -> Option<u64> {
    let other = if wanted { 0 } else { 0xff };
    let mut at = first;
    while at <= last {
        let byte = *bytes.get((at / 8) as usize)?;
        if at.is_multiple_of(8) && byte == other {
            let rest = bytes.get((at / 8) as usize..)?;
            let same_words = rest.as_chunks::<8>().0.iter().take_while(|word| **word == [other; 8]).count();
            at += if same_words > 0 { 64 * same_words as u64 } else { 8 };
            continue;
        }
        if (byte >> (7 - at % 8) & 1 == 1) == wanted {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// The combination of the sources, as long as the longest; shorter ones end in zeros.
pub fn combine(how: Combine, sources: &[Shared]) -> Vec<u8> {
    let Some((x, others)) = sources.split_first() else {
        return Vec::new();
    };
    let mut result = x.to_vec();
    result.resize(sources.iter().map(|source| source.len()).max().unwrap_or(0), 0);
    match how {
        Combine::Not => result.iter_mut().for_each(|byte| *byte = !*byte),
        Combine::Or => others.iter().for_each(|y| merge(&mut result, y, |a, b| *a |= b)),
        Combine::Xor => others.iter().for_each(|y| merge(&mut result, y, |a, b| *a ^= b)),
        Combine::And => {
            for y in others {
                merge(&mut result, y, |a, b| *a &= b);
                result[y.len()..].fill(0);
            }
        }
        Combine::Diff | Combine::Diff1 | Combine::AndOr => {
            let mut any = vec![0; result.len()];
            others.iter().for_each(|y| merge(&mut any, y, |a, b| *a |= b));
            merge(
                &mut result,
                &any,
                match how {
                    Combine::Diff => |a, b| *a &= !b,
                    Combine::Diff1 => |a, b| *a = !*a & b,
                    _ => |a: &mut u8, b: u8| *a &= b,
                },
            );
        }
        Combine::One => {
            let mut several = vec![0; result.len()];
            for y in others {
                for ((one, two), bit) in result.iter_mut().zip(&mut several).zip(y.iter()) {
                    *two |= *one & bit;
                    *one ^= bit;
                }
            }
            merge(&mut result, &several, |a, b| *a &= !b);
        }
    }
    result
}

fn merge(into: &mut [u8], from: &[u8], join: fn(&mut u8, u8)) {
    into.iter_mut().zip(from).for_each(|(a, b)| join(a, *b));
}

/// Does one thing with one field; `None` stands for an overflow that failed. The second value tells of a change.
///
/// The bytes reach to the end of the field, unless it is only read.
pub fn act(bytes: &mut [u8], field: Field, action: Action) -> (Option<i64>, bool) {
    let old = field.read(bytes);
    let (wanted, overflow) = match action {
        Action::Get => return (Some(old), false),
        // A negative number for an unsigned field is a large one, as in Redis.
        Action::Set(value, overflow) if !field.signed => (i128::from(value as u64), overflow),
        // So far below, Redis's own arithmetic overflows, and its clients see the highest value.
        Action::Set(value, Overflow::Saturate) if value < i64::MIN + field.reach() => {
            (i128::MAX, Overflow::Saturate)
        }
        Action::Set(value, overflow) => (i128::from(value), overflow),
        Action::Add(delta, overflow) => (i128::from(old) + i128::from(delta), overflow),
    };
    let Some(new) = field.fitted(wanted, overflow) else {
        return (None, false);
    };
    field.write(bytes, new);
    (Some(if matches!(action, Action::Add(..)) { new } else { old }), new != old)
}

impl Field {
    /// The value; beyond the end all bits are 0.
    pub fn read(self, bytes: &[u8]) -> i64 {
        let bits = (self.offset..self.offset + u64::from(self.width))
            .fold(0u64, |value, at| value << 1 | u64::from(bit(bytes, at)));
        self.signed_value(bits)
    }

    fn write(self, bytes: &mut [u8], value: i64) {
        for index in 0..self.width {
            let at = self.offset + u64::from(index);
            let mask = 1 << (7 - at % 8);
            let on = value >> (self.width - 1 - index) & 1 == 1;
            if let Some(byte) = bytes.get_mut((at / 8) as usize) {
                *byte = if on { *byte | mask } else { *byte & !mask };
            }
        }
    }

    /// The highest value of a signed field narrower than 64 bits.
    fn reach(self) -> i64 {
        if self.width == 64 { 0 } else { (1 << (self.width - 1)) - 1 }
    }

    /// The value that the lowest bits spell.
    fn signed_value(self, bits: u64) -> i64 {
        let shift = 64 - self.width;
        if self.signed { (bits << shift) as i64 >> shift } else { (bits << shift >> shift) as i64 }
    }

    /// The value that is stored for a wanted one.
    fn fitted(self, wanted: i128, overflow: Overflow) -> Option<i64> {
        let (low, high) = if self.signed {
            (-(1i128 << (self.width - 1)), (1i128 << (self.width - 1)) - 1)
        } else {
            (0, (1i128 << self.width) - 1)
        };
        if (low..=high).contains(&wanted) {
            return Some(wanted as i64);
        }
        match overflow {
            Overflow::Wrap => Some(self.signed_value(wanted as u64)),
            Overflow::Saturate => Some(if wanted < low { low } else { high } as i64),
            Overflow::Fail => None,
        }
    }
}

/// Pads the bytes with zeros so that they hold the bit at `offset`; whether they grew.
pub fn grow(bytes: &mut Vec<u8>, offset: u64) -> bool {
    let needed = (offset / 8) as usize + 1;
    if bytes.len() >= needed {
        return false;
    }
    if bytes.is_empty() {
        *bytes = vec![0; needed];
    } else {
        bytes.resize(needed, 0);
    }
    true
}

impl Keyspace {
    /// Lets `change` work on the bytes of a string; it tells its result and whether it changed them.
    ///
    /// Large values are changed in place. A missing key is created if `change` says so. The value is raw from then on;
    /// expiry and flags stay. The caller has made sure that the key holds a string.
    pub fn edit_string<R>(
        &mut self,
        db: usize,
        key: &[u8],
        change: impl FnOnce(&mut Vec<u8>) -> (R, bool),
    ) -> R {
        let hash = self.hash(key);
        let Some(entry) = self.warm(db, hash, key) else {
            let mut bytes = Vec::new();
            let (result, changed) = change(&mut bytes);
            if changed {
                self.add(db, hash, key, Fields::default(), taken(&mut bytes), true);
            }
            return result;
        };
        self.before_change(db, entry);
        if let Some(shared) = entry.shared_mut() {
            let before = shared_memory(shared);
            let (result, changed) = change(Arc::make_mut(shared));
            self.entry_bytes = self.entry_bytes + shared_memory(shared) - before;
            entry.set_raw();
            if changed {
                self.changed_in_place(db, entry, hash);
            }
            return result;
        }
        self.edit_inline(db, hash, entry, change)
    }

    /// [`Keyspace::edit_string`] for a value of at most a page, which is written back whole.
    fn edit_inline<R>(
        &mut self,
        db: usize,
        hash: u64,
        entry: EntryPtr,
        change: impl FnOnce(&mut Vec<u8>) -> (R, bool),
    ) -> R {
        let mut bytes = entry.string().to_vec();
        let (result, changed) = change(&mut bytes);
        if let Some(place) = entry.inline_mut().filter(|place| place.len() == bytes.len()) {
            place.copy_from_slice(&bytes);
            entry.set_raw();
            if changed {
                self.changed_in_place(db, entry, hash);
            }
            return result;
        }
        self.put_raw_entry(db, hash, entry, bytes, changed);
        result
    }

    fn put_raw_entry(&mut self, db: usize, hash: u64, old: EntryPtr, mut bytes: Vec<u8>, changed: bool) {
        let fields = if changed { self.changed_fields(old) } else { old.fields() };
        let draft = Draft { key: old.key(), fields, payload: taken(&mut bytes), raw: true };
        let new = self.rewrite(db, hash, old, draft);
        if changed {
            self.eviction.on_access(new, hash);
            self.note_change(db, new.key());
        }
    }

    /// Sets a string that stays raw even when it spells an integer; expiry and flags go, as with a plain SET.
    pub fn put_raw(&mut self, db: usize, key: &[u8], mut bytes: Vec<u8>) {
        self.remove(db, key);
        let hash = self.hash(key);
        self.add(db, hash, key, Fields::default(), taken(&mut bytes), true);
    }

    /// The bytes of a string, to be held while the keyspace is used; large ones are not copied. Empty when missing.
    pub fn hold(&mut self, db: usize, key: &[u8], access: Access) -> Shared {
        match self.get(db, key, access).as_ref().and_then(Item::string) {
            Some(Str::Shared(shared)) => Arc::clone(shared),
            Some(small) => Arc::new(small.to_vec()),
            None => Shared::default(),
        }
    }
}
