//! The library `struct`: values packed into bytes by a format, as Roberto Ierusalimschy's struct defines it.

use mlua::{Lua, MultiValue, Table, Value};

use super::bits::bad_argument;
use super::vm::{failure, one};

/// Largest integer and largest alignment, bytes.
const INT_MAX: usize = 32;
const PADDING_MAX: usize = 1 << 20;

/// Makes the library.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    type Body = fn(&Lua, &[u8], &MultiValue) -> mlua::Result<Result<MultiValue, String>>;
    let functions: [(&str, Body); 3] = [("pack", pack), ("unpack", unpack), ("size", size)];
    for (name, body) in functions {
        library.set(
            name,
            lua.create_function(move |lua, args: MultiValue| {
                let Some(Value::String(format)) = args.front() else {
                    return failure(lua, bad_argument(&args, 0, name, "string"));
                };
                match body(lua, &format.as_bytes(), &args)? {
                    Ok(values) => Ok(values),
                    Err(text) => failure(lua, text),
                }
            })?,
        )?;
    }
    Ok(library)
}

/// One item of a format, and the padding that aligns it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Item {
    Int { size: usize, signed: bool },
    Float,
    Double,
    Pad,
    Zero,
    Chars(Option<usize>),
}

/// Reads a format; numbers are little endian, unaligned, until it says otherwise.
struct Format<'a> {
    rest: &'a [u8],
    big: bool,
    align: usize,
    /// The function that reads it, for errors.
    by: &'static str,
}

impl Format<'_> {
    fn number(&mut self) -> Result<Option<usize>, String> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Ok(None);
        }
        let text = std::str::from_utf8(&self.rest[..digits]).unwrap_or_default();
        self.rest = &self.rest[digits..];
        match text.parse::<usize>() {
            Ok(number) if number <= i32::MAX as usize => Ok(Some(number)),
            _ => Err("integral size overflow".to_owned()),
        }
    }

    fn int_size(&mut self, default: usize) -> Result<usize, String> {
        match self.number()?.unwrap_or(default) {
            size @ 1..=INT_MAX => Ok(size),
            size => Err(format!("integral size {size} is larger than limit of {INT_MAX}")),
        }
    }

    fn next(&mut self) -> Result<Option<Item>, String> {
        loop {
            let Some((letter, rest)) = self.rest.split_first() else { return Ok(None) };
            self.rest = rest;
            let int = |size, signed| Ok(Some(Item::Int { size, signed }));
            return match letter {
                b'>' | b'<' => {
                    self.big = *letter == b'>';
                    continue;
                }
                b'!' => {
                    self.align = self.number()?.unwrap_or(8);
                    if !self.align.is_power_of_two() {
                        return Err("alignment is not a power of 2".to_owned());
                    }
                    continue;
                }
                b' ' => continue,
                b'b' | b'B' => int(1, *letter == b'b'),
                b'h' | b'H' => int(2, *letter == b'h'),
                b'l' | b'L' => int(8, *letter == b'l'),
                b'T' => int(8, false),
                b'i' | b'I' => int(self.int_size(4)?, *letter == b'i'),
                b'f' => Ok(Some(Item::Float)),
                b'd' => Ok(Some(Item::Double)),
                b'x' => Ok(Some(Item::Pad)),
                b's' => Ok(Some(Item::Zero)),
                b'c' => Ok(Some(Item::Chars(match self.number()?.unwrap_or(1) {
                    0 => None,
                    len => Some(len),
                }))),
                other => {
                    let (by, other) = (self.by, char::from(*other));
                    Err(format!("bad argument #1 to '{by}' (invalid format option '{other}')"))
                }
            };
        }
    }

    /// Bytes that align an item at position `at`.
    fn padding(&self, item: Item, at: usize) -> usize {
        let size = match item {
            Item::Int { size, .. } => size,
            Item::Float => 4,
            Item::Double => 8,
            _ => return 0,
        };
        // Redis computes it so for sizes that are no power of 2, too.
        let align = size.min(self.align);
        (align - (at & (align - 1))) & (align - 1)
    }
}

fn format<'a>(text: &'a [u8], by: &'static str) -> Format<'a> {
    Format { rest: text, big: false, align: 1, by }
}

/// Appends little-endian `bytes` in the format's order.
fn put(bytes: &[u8], big: bool, to: &mut Vec<u8>) {
    let start = to.len();
    to.extend_from_slice(bytes);
    if big {
        to[start..].reverse();
    }
}

fn pack(lua: &Lua, text: &[u8], args: &MultiValue) -> mlua::Result<Result<MultiValue, String>> {
    let mut format = format(text, "pack");
    let (mut to, mut at) = (Vec::new(), 1);
    loop {
        let item = match format.next() {
            Ok(Some(item)) => item,
            Ok(None) => break,
            Err(text) => return Ok(Err(text)),
        };
        to.resize(to.len() + format.padding(item, to.len()), 0);
        if item == Item::Pad {
            to.push(0);
            continue;
        }
        let arg = args.get(at).cloned().unwrap_or(Value::Nil);
        let wanted = if matches!(item, Item::Zero | Item::Chars(_)) { "string" } else { "number" };
        let number = lua.coerce_number(arg.clone()).ok().flatten();
        let string = lua.coerce_string(arg).ok().flatten();
        let done = match (item, number, string) {
            (Item::Int { size, .. }, Some(number), _) => {
                put(&int_bytes(number, size), format.big, &mut to);
                true
            }
            (Item::Float, Some(number), _) => {
                put(&(number as f32).to_le_bytes(), format.big, &mut to);
                true
            }
            (Item::Double, Some(number), _) => {
                put(&number.to_le_bytes(), format.big, &mut to);
                true
            }
            (Item::Zero, _, Some(text)) => {
                to.extend_from_slice(&text.as_bytes());
                to.push(0);
                true
            }
            (Item::Chars(len), _, Some(text)) => {
                let text = text.as_bytes();
                let Some(part) = text.get(..len.unwrap_or(text.len())) else {
                    return Ok(Err(format!("bad argument #{} to 'pack' (string too short)", at + 2)));
                };
                to.extend_from_slice(part);
                true
            }
            _ => false,
        };
        if !done {
            return Ok(Err(bad_argument(args, at, "pack", wanted).replace("no value", "nil")));
        }
        at += 1;
    }
    Ok(Ok(one(Value::String(lua.create_string(to)?))?))
}

/// Little-endian bytes of a number, sign-extended.
fn int_bytes(number: f64, size: usize) -> Vec<u8> {
    // What fits in no 64 bits is what C makes of it on x86-64.
    let bits = match number {
        _ if number.is_nan() || number < -9_223_372_036_854_775_808.0 => i64::MIN,
        _ if number < 0.0 => number as i64,
        _ if number < 18_446_744_073_709_551_616.0 => number as u64 as i64,
        _ => 0,
    };
    let extension = if number < 0.0 { 0xFF } else { 0 };
    let mut bytes = bits.to_le_bytes().to_vec();
    bytes.resize(size, extension);
    bytes
}

fn unpack(lua: &Lua, text: &[u8], args: &MultiValue) -> mlua::Result<Result<MultiValue, String>> {
    let Some(Value::String(data)) = args.get(1) else {
        return Ok(Err(bad_argument(args, 1, "unpack", "string")));
    };
    let data = data.as_bytes();
    let start = args.get(2).and_then(|value| lua.coerce_integer(value.clone()).ok().flatten()).unwrap_or(1);
    let Some(mut at) = usize::try_from(start - 1).ok() else {
        return Ok(Err("bad argument #3 to 'unpack' (offset must be 1 or greater)".to_owned()));
    };
    let mut format = format(text, "unpack");
    let mut values: Vec<Value> = Vec::new();
    loop {
        let item = match format.next() {
            Ok(Some(item)) => item,
            Ok(None) => break,
            Err(text) => return Ok(Err(text)),
        };
        at += format.padding(item, at);
        let size = match item {
            Item::Int { size, .. } => size,
            Item::Float => 4,
            Item::Double => 8,
            Item::Pad => 1,
            Item::Zero => {
                data.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == 0)).unwrap_or(usize::MAX)
            }
            Item::Chars(Some(len)) => len,
            Item::Chars(None) => match lua.coerce_number(values.pop().unwrap_or(Value::Nil))? {
                // What is no size is longer than any string.
                Some(len) if len > -1.0 => len as usize,
                Some(_) => usize::MAX,
                None => return Ok(Err("format 'c0' needs a previous size".to_owned())),
            },
        };
        let Some(bytes) = at.checked_add(size).and_then(|end| data.get(at..end)) else {
            let text = if item == Item::Zero { "unfinished string in data" } else { "data string too short" };
            return Ok(Err(if item == Item::Zero {
                text.to_owned()
            } else {
                format!("bad argument #2 to 'unpack' ({text})")
            }));
        };
        at += size + usize::from(item == Item::Zero);
        let mut bytes = bytes.to_vec();
        if format.big && wanted_order(item) {
            bytes.reverse();
        }
        match item {
            Item::Pad => {}
            Item::Int { signed, .. } => values.push(Value::Number(int_of(&bytes, signed))),
            Item::Float => values.push(Value::Number(f64::from(f32::from_le_bytes(array(&bytes))))),
            Item::Double => values.push(Value::Number(f64::from_le_bytes(array(&bytes)))),
            Item::Zero | Item::Chars(_) => values.push(Value::String(lua.create_string(bytes)?)),
        }
    }
    values.push(Value::Number((at + 1) as f64));
    Ok(Ok(MultiValue::from_vec(values)))
}

/// Whether the order of bytes matters.
fn wanted_order(item: Item) -> bool {
    matches!(item, Item::Int { .. } | Item::Float | Item::Double)
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut all = [0; N];
    all.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    all
}

fn int_of(bytes: &[u8], signed: bool) -> f64 {
    let number = u64::from_le_bytes(array(bytes));
    if !signed {
        return number as f64;
    }
    let unused = 64 - 8 * bytes.len().min(8) as u32;
    ((number << unused) as i64 >> unused) as f64
}

fn size(_: &Lua, text: &[u8], _: &MultiValue) -> mlua::Result<Result<MultiValue, String>> {
    let mut format = format(text, "size");
    let mut total = 0_usize;
    loop {
        let item = match format.next() {
            Ok(Some(item)) => item,
            Ok(None) => break,
            Err(text) => return Ok(Err(text)),
        };
        total = total.saturating_add(format.padding(item, total));
        total = total.saturating_add(match item {
            Item::Int { size, .. } => size,
            Item::Float => 4,
            Item::Double => 8,
            Item::Pad => 1,
            Item::Chars(Some(len)) => len,
            Item::Zero => {
                return Ok(Err("bad argument #1 to 'size' (option 's' has no fixed size)".to_owned()));
            }
            Item::Chars(None) => {
                return Ok(Err("bad argument #1 to 'size' (option 'c0' has no fixed size)".to_owned()));
            }
        });
        if total > i32::MAX as usize - PADDING_MAX {
            return Ok(Err("format result too large".to_owned()));
        }
    }
    Ok(Ok(one(Value::Number(total as f64))?))
}
