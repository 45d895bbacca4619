//! The library `cmsgpack`: MessagePack as Redis's scripts know it.

use mlua::{Lua, MultiValue, Table, Value};

use super::bits::bad_argument;
use super::vm::{failure, one};

/// Deeper tables become nil, as in Redis.
const DEPTH_MAX: usize = 16;
/// How deep packed bytes may nest.
const UNPACK_DEPTH: usize = 128;

/// Makes the library.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    library.set("_NAME", "cmsgpack")?;
    library.set("_VERSION", "lua-cmsgpack 0.4.0")?;
    library.set(
        "pack",
        lua.create_function(move |lua, args: MultiValue| {
            if args.is_empty() {
                return failure(lua, "bad argument #0 to 'pack' (MessagePack pack needs input.)");
            }
            let mut to = Vec::new();
            args.iter().try_for_each(|value| pack(value, 0, &mut to))?;
            one(Value::String(lua.create_string(to)?))
        })?,
    )?;
    for (name, kind) in [("unpack", Kind::All), ("unpack_one", Kind::One), ("unpack_limit", Kind::Limit)] {
        library
            .set(name, lua.create_function(move |lua, args: MultiValue| unpack(lua, &args, name, kind))?)?;
    }
    Ok(library)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    All,
    One,
    Limit,
}

fn unpack(lua: &Lua, args: &MultiValue, name: &str, kind: Kind) -> mlua::Result<MultiValue> {
    let Some(Value::String(text)) = args.front() else {
        return failure(lua, bad_argument(args, 0, name, "string"));
    };
    let text = text.as_bytes();
    let number = |at: usize| args.get(at).and_then(|value| lua.coerce_integer(value.clone()).ok().flatten());
    let (limit, offset) = match kind {
        Kind::All => (0, 0),
        Kind::One => (1, number(1).unwrap_or(0)),
        Kind::Limit => match number(1) {
            Some(limit) => (limit, number(2).unwrap_or(0)),
            None => return failure(lua, bad_argument(args, 1, name, "number")),
        },
    };
    let (Ok(limit), Ok(offset)) = (usize::try_from(limit), usize::try_from(offset)) else {
        return failure(
            lua,
            format!("Invalid request to unpack with offset of {offset} and limit of {}.", text.len()),
        );
    };
    let Some(rest) = text.get(offset..) else {
        return failure(lua, format!("Start offset {offset} greater than input length {}.", text.len()));
    };
    let mut reader = Reader { lua, rest };
    let mut values = Vec::new();
    while !reader.rest.is_empty() && (limit == 0 || values.len() < limit) {
        match reader.value(0) {
            Ok(value) => values.push(value),
            Err(Bad::Missing) => return failure(lua, "Missing bytes in input."),
            Err(Bad::Format) => return failure(lua, "Bad data format in input."),
            Err(Bad::Lua(error)) => return Err(error),
        }
    }
    if kind != Kind::All {
        let left = if reader.rest.is_empty() { -1 } else { (text.len() - reader.rest.len()) as i64 };
        values.insert(0, Value::Integer(left));
    }
    Ok(MultiValue::from_vec(values))
}

fn pack(value: &Value, depth: usize, to: &mut Vec<u8>) -> mlua::Result<()> {
    match value {
        Value::Boolean(flag) => to.push(if *flag { 0xC3 } else { 0xC2 }),
        Value::Integer(number) => pack_int(*number, to),
        Value::Number(number) if number.trunc() == *number && number.abs() < 9.2e18 => {
            pack_int(*number as i64, to)
        }
        Value::Number(number) => pack_double(*number, to),
        Value::String(text) => {
            let text = text.as_bytes();
            head(text.len(), (0xA0, 32), Some(0xD9), (0xDA, 0xDB), to);
            to.extend_from_slice(&text);
        }
        Value::Table(table) if depth < DEPTH_MAX => pack_table(table, depth, to)?,
        _ => to.push(0xC0),
    }
    Ok(())
}

/// A length: in the tag while below the limit, else in one byte (strings only), two or four.
fn head(len: usize, fixed: (u8, usize), one: Option<u8>, more: (u8, u8), to: &mut Vec<u8>) {
    match (len, one) {
        (len, _) if len < fixed.1 => to.push(fixed.0 | len as u8),
        (0..=0xFF, Some(tag)) => to.extend_from_slice(&[tag, len as u8]),
        (0..=0xFFFF, _) => {
            to.push(more.0);
            to.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            to.push(more.1);
            to.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
}

fn pack_double(number: f64, to: &mut Vec<u8>) {
    let short = number as f32;
    if f64::from(short) == number {
        to.push(0xCA);
        to.extend_from_slice(&short.to_be_bytes());
    } else {
        to.push(0xCB);
        to.extend_from_slice(&number.to_be_bytes());
    }
}

fn pack_int(number: i64, to: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    let (tag, len) = match number {
        -32..=127 => return to.push(number as u8),
        128..=0xFF => (0xCC, 1),
        0x100..=0xFFFF => (0xCD, 2),
        0x1_0000..=0xFFFF_FFFF => (0xCE, 4),
        0x1_0000_0000.. => (0xCF, 8),
        -128.. => (0xD0, 1),
        -0x8000.. => (0xD1, 2),
        -0x8000_0000.. => (0xD2, 4),
        _ => (0xD3, 8),
    };
    to.push(tag);
    to.extend_from_slice(&bytes[8 - len..]);
}

fn pack_table(table: &Table, depth: usize, to: &mut Vec<u8>) -> mlua::Result<()> {
    let pairs = table.pairs::<Value, Value>().collect::<mlua::Result<Vec<_>>>()?;
    let is_array = |max: i64| max == pairs.len() as i64;
    let max = pairs.iter().try_fold(0_i64, |max, (key, _)| match key {
        Value::Integer(key) if *key > 0 => Some(max.max(*key)),
        _ => None,
    });
    if max.is_some_and(is_array) && !pairs.is_empty() {
        head(pairs.len(), (0x90, 16), None, (0xDC, 0xDD), to);
        return (1..=pairs.len()).try_for_each(|at| pack(&table.raw_get(at)?, depth + 1, to));
    }
    if pairs.is_empty() {
        to.push(0x90);
        return Ok(());
    }
    head(pairs.len(), (0x80, 16), None, (0xDE, 0xDF), to);
    pairs.iter().try_for_each(|(key, value)| {
        pack(key, depth + 1, to)?;
        pack(value, depth + 1, to)
    })
}

enum Bad {
    Missing,
    Format,
    Lua(mlua::Error),
}

impl From<mlua::Error> for Bad {
    fn from(error: mlua::Error) -> Self {
        Bad::Lua(error)
    }
}

struct Reader<'a> {
    lua: &'a Lua,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Bad> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Bad::Missing)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A big-endian number of up to eight bytes.
    fn number(&mut self, len: usize) -> Result<u64, Bad> {
        Ok(self.take(len)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn signed(&mut self, len: usize) -> Result<Value, Bad> {
        let unused = 64 - 8 * len as u32;
        let number = (self.number(len)? << unused) as i64 >> unused;
        Ok(Value::Number(number as f64))
    }

    fn value(&mut self, depth: usize) -> Result<Value, Bad> {
        if depth > UNPACK_DEPTH {
            return Err(Bad::Format);
        }
        let tag = self.take(1)?[0];
        match tag {
            0..=0x7F => Ok(Value::Number(f64::from(tag))),
            0xE0..=0xFF => Ok(Value::Number(f64::from(tag as i8))),
            0xC0 => Ok(Value::Nil),
            0xC2 | 0xC3 => Ok(Value::Boolean(tag == 0xC3)),
            0xCA => Ok(Value::Number(f64::from(f32::from_bits(self.number(4)? as u32)))),
            0xCB => Ok(Value::Number(f64::from_bits(self.number(8)?))),
            0xCC..=0xCF => Ok(Value::Number(self.number(1 << (tag - 0xCC))? as f64)),
            0xD0..=0xD3 => self.signed(1 << (tag - 0xD0)),
            0xA0..=0xBF => self.text(usize::from(tag & 31)),
            0xC4..=0xC6 => self.text_after(1 << (tag - 0xC4)),
            0xD9..=0xDB => self.text_after(1 << (tag - 0xD9)),
            0x90..=0x9F => self.array(u64::from(tag & 15), depth),
            0xDC | 0xDD => {
                let len = self.number(2 << (tag - 0xDC))?;
                self.array(len, depth)
            }
            0x80..=0x8F => self.map(u64::from(tag & 15), depth),
            0xDE | 0xDF => {
                let len = self.number(2 << (tag - 0xDE))?;
                self.map(len, depth)
            }
            _ => Err(Bad::Format),
        }
    }

    fn text(&mut self, len: usize) -> Result<Value, Bad> {
        let text = self.take(len)?;
        Ok(Value::String(self.lua.create_string(text)?))
    }

    fn text_after(&mut self, bytes: usize) -> Result<Value, Bad> {
        let len = self.number(bytes)?;
        self.text(usize::try_from(len).map_err(|_| Bad::Missing)?)
    }

    fn array(&mut self, len: u64, depth: usize) -> Result<Value, Bad> {
        let table = self.lua.create_table()?;
        for at in 1..=len {
            table.raw_set(at, self.value(depth + 1)?)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, len: u64, depth: usize) -> Result<Value, Bad> {
        let table = self.lua.create_table()?;
        for _ in 0..len {
            let key = self.value(depth + 1)?;
            let value = self.value(depth + 1)?;
            table.raw_set(key, value)?;
        }
        Ok(Value::Table(table))
    }
}
