//! The values of all types but streams, in every form in which a Redis or a Valkey has written them.
//!
//! Owns which number means which form. What is found goes to a closure, element by element, so nothing is held twice;
//! a closure that answers false has seen the element before, which makes the value malformed.

use crate::reader::{Malformed, Reader, Text};
use crate::{intset, listpack, ziplist, zipmap};
use dozo_store::itoa::Buffer;

/// From this version on a file is Valkey's, and 22 is another type there than in Redis.
const VALKEY: u32 = 80;

const EMPTY: &str = "an empty collection";
const DOUBLE: &str = "an element that stands there twice";
const NO_SCORE: &str = "a score that is no number";
const NO_TIME: &str = "a time that no field can have";

/// Numbers that say in which form a value follows.
pub mod form {
    /// A string.
    pub const STRING: u8 = 0;
    /// A list, element by element.
    pub const LIST: u8 = 1;
    /// A set, member by member.
    pub const SET: u8 = 2;
    /// A sorted set with scores in decimals.
    pub const ZSET_TEXT: u8 = 3;
    /// A hash, field by field.
    pub const HASH: u8 = 4;
    /// A sorted set with binary scores.
    pub const ZSET: u8 = 5;
    /// A hash in a zipmap.
    pub const HASH_ZIPMAP: u8 = 9;
    /// A list in a ziplist.
    pub const LIST_ZIPLIST: u8 = 10;
    /// A set of integers.
    pub const SET_INTSET: u8 = 11;
    /// A sorted set in a ziplist.
    pub const ZSET_ZIPLIST: u8 = 12;
    /// A hash in a ziplist.
    pub const HASH_ZIPLIST: u8 = 13;
    /// A list of ziplists.
    pub const QUICKLIST: u8 = 14;
    /// A stream of Redis 5.
    pub const STREAM_1: u8 = 15;
    /// A hash in a listpack.
    pub const HASH_LISTPACK: u8 = 16;
    /// A sorted set in a listpack.
    pub const ZSET_LISTPACK: u8 = 17;
    /// A list of listpacks and single large elements.
    pub const QUICKLIST_2: u8 = 18;
    /// A stream of Redis 7.0.
    pub const STREAM_2: u8 = 19;
    /// A set in a listpack.
    pub const SET_LISTPACK: u8 = 20;
    /// A stream of Redis 7.2.
    pub const STREAM_3: u8 = 21;
    /// Redis before 7.4's release: a hash with absolute times. Valkey 9: a hash with a time after each value.
    pub const HASH_TIMED_22: u8 = 22;
    /// Redis before 7.4's release: a listpack of fields, values and times.
    pub const HASH_TIMED_23: u8 = 23;
    /// Redis 7.4: a hash with times counted from the earliest.
    pub const HASH_TIMED: u8 = 24;
    /// Redis 7.4: the earliest time and a listpack of fields, values and times.
    pub const HASH_TIMED_LISTPACK: u8 = 25;
}

type Boxed<'a> = Box<dyn Iterator<Item = Result<Text<'a>, Malformed>> + 'a>;

/// How elements are packed into one string.
#[derive(Clone, Copy)]
enum Pack {
    Listpack,
    Ziplist,
    Zipmap,
    Intset,
}

impl Pack {
    fn entries<'a>(self, data: &'a [u8], base: usize) -> Result<Boxed<'a>, Malformed> {
        Ok(match self {
            Pack::Listpack => Box::new(listpack::Entries::new(data, base)?),
            Pack::Ziplist => Box::new(ziplist::Entries::new(data, base)?),
            Pack::Zipmap => Box::new(zipmap::Entries::new(data, base)?),
            Pack::Intset => Box::new(intset::entries(data, base)?),
        })
    }
}

/// What takes the entries of a pack, some at a time, with the place of the pack.
type Each<'f, const N: usize> = dyn FnMut([Text<'_>; N], &Reader<'_>) -> Result<(), Malformed> + 'f;

/// Reads the next string as a pack and gives its entries, `N` at a time, to `each`, with the place of the pack.
fn unpack<const N: usize>(
    r: &mut Reader<'_>,
    pack: Pack,
    each: &mut Each<'_, N>,
) -> Result<usize, Malformed> {
    let start = r.clone();
    let packed = r.string()?;
    let mut digits = Buffer::new();
    let data = packed.as_bytes(&mut digits);
    let mut entries = pack.entries(data, r.offset() - data.len().min(r.offset()))?;
    let mut groups = 0;
    loop {
        let mut group = [const { Text::Int(0) }; N];
        for (at, text) in group.iter_mut().enumerate() {
            *text = match entries.next() {
                Some(entry) => entry?,
                None if at == 0 => return Ok(groups),
                None => return Err(start.fail("a pack with a part of an element")),
            };
        }
        each(group, &start)?;
        groups += 1;
    }
}

fn unknown(r: &Reader<'_>) -> Malformed {
    r.fail("a value of an unknown type")
}

fn filled(r: &Reader<'_>, count: u64) -> Result<(), Malformed> {
    if count == 0 { Err(r.fail(EMPTY)) } else { Ok(()) }
}

/// A list.
pub fn list(form: u8, r: &mut Reader<'_>, push: &mut dyn FnMut(&[u8])) -> Result<(), Malformed> {
    let start = r.clone();
    let mut one = |text: Text<'_>| push(text.as_bytes(&mut Buffer::new()));
    let mut found = 0;
    match form {
        form::LIST => {
            found = r.length()?;
            for _ in 0..found {
                one(r.string()?);
            }
        }
        form::LIST_ZIPLIST => {
            found += unpack(r, Pack::Ziplist, &mut |[text], _| {
                one(text);
                Ok(())
            })? as u64;
        }
        form::QUICKLIST | form::QUICKLIST_2 => {
            for _ in 0..r.length()? {
                found += node(form, r, &mut one)?;
            }
        }
        _ => return Err(unknown(r)),
    }
    filled(&start, found)
}

/// One node of a quicklist, and how many elements it had.
fn node(form: u8, r: &mut Reader<'_>, one: &mut dyn FnMut(Text<'_>)) -> Result<u64, Malformed> {
    let start = r.clone();
    let pack = match form {
        form::QUICKLIST => Pack::Ziplist,
        _ => match r.length()? {
            1 => {
                one(r.string()?);
                return Ok(1);
            }
            2 => Pack::Listpack,
            _ => return Err(start.fail("a quicklist with an unknown kind of node")),
        },
    };
    let count = unpack(r, pack, &mut |[text], _| {
        one(text);
        Ok(())
    })?;
    Ok(count as u64)
}

/// A set.
pub fn set(form: u8, r: &mut Reader<'_>, add: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Malformed> {
    let start = r.clone();
    let mut one = |text: Text<'_>, at: &Reader<'_>| {
        if add(text.as_bytes(&mut Buffer::new())) { Ok(()) } else { Err(at.fail(DOUBLE)) }
    };
    let pack = match form {
        form::SET => {
            let count = r.length()?;
            for _ in 0..count {
                one(r.string()?, r)?;
            }
            return filled(&start, count);
        }
        form::SET_INTSET => Pack::Intset,
        form::SET_LISTPACK => Pack::Listpack,
        _ => return Err(unknown(r)),
    };
    let count = unpack(r, pack, &mut |[text], at| one(text, at))?;
    filled(&start, count as u64)
}

/// A sorted set.
pub fn zset(form: u8, r: &mut Reader<'_>, add: &mut dyn FnMut(&[u8], f64) -> bool) -> Result<(), Malformed> {
    let start = r.clone();
    let mut one = |text: Text<'_>, score: f64, at: &Reader<'_>| {
        if score.is_nan() {
            Err(at.fail(NO_SCORE))
        } else if add(text.as_bytes(&mut Buffer::new()), score) {
            Ok(())
        } else {
            Err(at.fail(DOUBLE))
        }
    };
    let pack = match form {
        form::ZSET | form::ZSET_TEXT => {
            let count = r.length()?;
            for _ in 0..count {
                let member = r.string()?;
                let score = if form == form::ZSET { r.double()? } else { text_score(r)? };
                one(member, score, r)?;
            }
            return filled(&start, count);
        }
        form::ZSET_ZIPLIST => Pack::Ziplist,
        form::ZSET_LISTPACK => Pack::Listpack,
        _ => return Err(unknown(r)),
    };
    let count = unpack(r, pack, &mut |[member, score], at| one(member, packed_score(&score, at)?, at))?;
    filled(&start, count as u64)
}

/// A score of RDB before version 8: its length and its decimals, or a length that means a special value.
fn text_score(r: &mut Reader<'_>) -> Result<f64, Malformed> {
    let start = r.clone();
    match r.byte()? {
        255 => Ok(f64::NEG_INFINITY),
        254 => Ok(f64::INFINITY),
        253 => Ok(f64::NAN),
        size => decimal(r.take(usize::from(size))?).ok_or_else(|| start.fail(NO_SCORE)),
    }
}

fn packed_score(score: &Text<'_>, at: &Reader<'_>) -> Result<f64, Malformed> {
    match score {
        Text::Int(n) => Ok(*n as f64),
        text => decimal(text.as_bytes(&mut Buffer::new())).ok_or_else(|| at.fail(NO_SCORE)),
    }
}

fn decimal(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// What takes the fields of a hash: name, value, and when the field expires.
pub type AddField<'f> = dyn FnMut(&[u8], &[u8], Option<i64>) -> bool + 'f;

/// A hash, as a file or payload of that RDB version has it.
pub fn hash(form: u8, version: u32, r: &mut Reader<'_>, add: &mut AddField<'_>) -> Result<(), Malformed> {
    let start = r.clone();
    let mut one = |name: &Text<'_>, value: &Text<'_>, expiry: Option<i64>, at: &Reader<'_>| {
        let (mut first, mut second) = (Buffer::new(), Buffer::new());
        let new = add(name.as_bytes(&mut first), value.as_bytes(&mut second), expiry);
        if new { Ok(()) } else { Err(at.fail(DOUBLE)) }
    };
    let pack = match form {
        form::HASH | form::HASH_TIMED | form::HASH_TIMED_22 => {
            let earliest = if form == form::HASH_TIMED { Some(r.millis()?) } else { None };
            let count = r.length()?;
            for _ in 0..count {
                let (name, value, expiry) = field(form, version, earliest, r)?;
                one(&name, &value, expiry, r)?;
            }
            return filled(&start, count);
        }
        form::HASH_TIMED_LISTPACK | form::HASH_TIMED_23 => {
            if form == form::HASH_TIMED_LISTPACK {
                r.millis()?;
            }
            let count = unpack(r, Pack::Listpack, &mut |[name, value, time], at| {
                let Text::Int(time) = time else { return Err(at.fail(NO_TIME)) };
                one(&name, &value, absolute(time, at)?, at)
            })?;
            return filled(&start, count as u64);
        }
        form::HASH_ZIPMAP => Pack::Zipmap,
        form::HASH_ZIPLIST => Pack::Ziplist,
        form::HASH_LISTPACK => Pack::Listpack,
        _ => return Err(unknown(r)),
    };
    let count = unpack(r, pack, &mut |[name, value], at| one(&name, &value, None, at))?;
    filled(&start, count as u64)
}

type Field<'a> = (Text<'a>, Text<'a>, Option<i64>);

/// One field of a hash that is not packed.
fn field<'a>(
    form: u8,
    version: u32,
    earliest: Option<i64>,
    r: &mut Reader<'a>,
) -> Result<Field<'a>, Malformed> {
    if form == form::HASH {
        return Ok((r.string()?, r.string()?, None));
    }
    let start = r.clone();
    if form == form::HASH_TIMED_22 && version >= VALKEY {
        let (name, value) = (r.string()?, r.string()?);
        let expiry = match r.millis()? {
            -1 => None,
            at => Some(checked(at, &start)?),
        };
        return Ok((name, value, expiry));
    }
    let time = i64::try_from(r.length()?).map_err(|_| start.fail(NO_TIME))?;
    let expiry = match (time, earliest) {
        (0, _) => None,
        (time, Some(earliest)) => Some(
            earliest
                .checked_add(time - 1)
                .ok_or_else(|| start.fail(NO_TIME))
                .and_then(|at| checked(at, &start))?,
        ),
        (time, None) => absolute(time, &start)?,
    };
    Ok((r.string()?, r.string()?, expiry))
}

/// A time as it stands; 0 means none.
fn absolute(time: i64, at: &Reader<'_>) -> Result<Option<i64>, Malformed> {
    if time == 0 { Ok(None) } else { checked(time, at).map(Some) }
}

/// Redis keeps the times of fields in 46 bits, and calls anything larger corrupt; a negative one is no time either.
fn checked(time: i64, at: &Reader<'_>) -> Result<i64, Malformed> {
    if (0..1 << 48).contains(&time) { Ok(time) } else { Err(at.fail(NO_TIME)) }
}
