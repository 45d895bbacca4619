//! Replies into Lua values, and Lua values into replies, as Redis 7.0 converts them.

use dozo_wire::resp::Reply;
use mlua::{Lua, Table, Value};

/// How deep a reply may be nested in either direction.
const MAX_DEPTH: usize = 128;

/// The value of one reply. An error inside of it becomes a table with `err`.
pub(super) fn to_lua(lua: &Lua, reply: &[u8]) -> mlua::Result<Value> {
    Parser { lua, rest: reply }.value(0)
}

struct Parser<'a> {
    lua: &'a Lua,
    rest: &'a [u8],
}

fn malformed() -> mlua::Error {
    mlua::Error::RuntimeError("malformed reply".to_owned())
}

impl<'a> Parser<'a> {
    fn line(&mut self) -> mlua::Result<&'a [u8]> {
        let end = self.rest.windows(2).position(|pair| pair == b"\r\n").ok_or_else(malformed)?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 2..];
        Ok(line)
    }

    fn number(text: &[u8]) -> mlua::Result<i64> {
        std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(malformed)
    }

    fn bytes(&mut self, len: i64) -> mlua::Result<&'a [u8]> {
        let len = usize::try_from(len).map_err(|_| malformed())?;
        let bytes = self.rest.get(..len).ok_or_else(malformed)?;
        self.rest = self.rest.get(len + 2..).ok_or_else(malformed)?;
        Ok(bytes)
    }

    fn string(&self, bytes: &[u8]) -> mlua::Result<Value> {
        Ok(Value::String(self.lua.create_string(bytes)?))
    }

    /// A table with one field, the way all replies are told that Lua has no type for.
    fn tagged(&self, name: &str, value: Value) -> mlua::Result<Value> {
        let table = self.lua.create_table_with_capacity(0, 1)?;
        table.raw_set(name, value)?;
        Ok(Value::Table(table))
    }

    fn value(&mut self, depth: usize) -> mlua::Result<Value> {
        let kind = *self.rest.first().ok_or_else(malformed)?;
        self.rest = &self.rest[1..];
        let line = self.line()?;
        if depth > MAX_DEPTH {
            return Err(malformed());
        }
        match kind {
            b':' => Ok(Value::Number(Self::number(line)? as f64)),
            b'$' if line == b"-1" => Ok(Value::Boolean(false)),
            b'$' => {
                let bytes = self.bytes(Self::number(line)?)?;
                self.string(bytes)
            }
            b'+' => self.tagged("ok", self.string(line)?),
            b'-' => self.tagged("err", self.string(line)?),
            b'*' | b'>' if line == b"-1" => Ok(Value::Boolean(false)),
            b'*' | b'>' => self.array(line, depth),
            b'_' => Ok(Value::Nil),
            b'#' => Ok(Value::Boolean(line == b"t")),
            b',' => {
                let text = std::str::from_utf8(line).map_err(|_| malformed())?;
                self.tagged("double", Value::Number(text.parse().map_err(|_| malformed())?))
            }
            b'(' => self.tagged("big_number", self.string(line)?),
            b'=' => self.verbatim(line),
            b'%' => self.map(line, depth),
            b'~' => self.set(line, depth),
            _ => Err(malformed()),
        }
    }

    fn array(&mut self, line: &[u8], depth: usize) -> mlua::Result<Value> {
        let len = Self::number(line)?;
        let table = self.lua.create_table_with_capacity(usize::try_from(len).unwrap_or(0).min(1 << 20), 0)?;
        for at in 1..=len {
            table.raw_set(at, self.value(depth + 1)?)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, line: &[u8], depth: usize) -> mlua::Result<Value> {
        let table = self.lua.create_table()?;
        for _ in 0..Self::number(line)? {
            let key = self.value(depth + 1)?;
            let value = self.value(depth + 1)?;
            if !key.is_nil() {
                table.raw_set(key, value)?;
            }
        }
        self.tagged("map", Value::Table(table))
    }

    fn set(&mut self, line: &[u8], depth: usize) -> mlua::Result<Value> {
        let table = self.lua.create_table()?;
        for _ in 0..Self::number(line)? {
            let key = self.value(depth + 1)?;
            if !key.is_nil() {
                table.raw_set(key, true)?;
            }
        }
        self.tagged("set", Value::Table(table))
    }

    fn verbatim(&mut self, line: &[u8]) -> mlua::Result<Value> {
        let bytes = self.bytes(Self::number(line)?)?;
        let (format, text) = bytes.split_at_checked(4).ok_or_else(malformed)?;
        let table = self.lua.create_table()?;
        table.raw_set("format", self.string(&format[..3])?)?;
        table.raw_set("string", self.string(text)?)?;
        self.tagged("verbatim_string", Value::Table(table))
    }
}

/// Writes a script's result. `resp3` is what the script chose with redis.setresp: it decides what booleans become.
pub(super) fn write(value: &Value, reply: &mut Reply<'_>, resp3: bool, depth: usize) -> mlua::Result<()> {
    if depth > MAX_DEPTH {
        reply.error("ERR reached lua stack limit");
        return Ok(());
    }
    match value {
        Value::String(text) => reply.bulk(&text.as_bytes()),
        Value::Integer(number) => reply.int(*number),
        Value::Number(number) => reply.int(truncated(*number)),
        Value::Boolean(flag) if resp3 => reply.boolean(*flag),
        Value::Boolean(true) => reply.int(1),
        Value::Table(table) => return write_table(table, reply, resp3, depth),
        _ => reply.null(),
    }
    Ok(())
}

/// As C's cast on x86-64: what doesn't fit is the smallest integer.
fn truncated(number: f64) -> i64 {
    let fits = number > -9.3e18 && number < 9_223_372_036_854_775_808.0;
    if fits { number as i64 } else { i64::MIN }
}

fn write_table(table: &Table, reply: &mut Reply<'_>, resp3: bool, depth: usize) -> mlua::Result<()> {
    if write_tagged(table, reply)? {
        return Ok(());
    }
    if let Value::Table(map) = table.raw_get("map")? {
        return write_map(&map, reply, resp3, depth);
    }
    if let Value::Table(set) = table.raw_get("set")? {
        return write_set(&set, reply, resp3, depth);
    }
    if write_special(table, reply)? {
        return Ok(());
    }
    write_array(table, reply, resp3, depth)
}

/// The text as C sees it.
pub(super) fn to_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Errors, statuses and doubles; whether it was one.
fn write_tagged(table: &Table, reply: &mut Reply<'_>) -> mlua::Result<bool> {
    if let Value::String(text) = table.raw_get("err")? {
        // Line ends within become blanks, those at the end go.
        let text = text.as_bytes();
        let text = to_nul(&text);
        let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        reply.error_bytes(&text[..end]);
        return Ok(true);
    }
    if let Value::String(text) = table.raw_get("ok")? {
        reply.simple_bytes(to_nul(&text.as_bytes()));
        return Ok(true);
    }
    match table.raw_get("double")? {
        Value::Integer(number) => reply.double(number as f64),
        Value::Number(number) => reply.double(number),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Big numbers and verbatim strings; whether it was one.
fn write_special(table: &Table, reply: &mut Reply<'_>) -> mlua::Result<bool> {
    if let Value::String(digits) = table.raw_get("big_number")? {
        let one_line = |byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte };
        reply.big_number(&digits.as_bytes().iter().map(one_line).collect::<Vec<_>>());
        return Ok(true);
    }
    if let Value::Table(verbatim) = table.raw_get("verbatim_string")?
        && let (Value::String(format), Value::String(text)) =
            (verbatim.raw_get("format")?, verbatim.raw_get("string")?)
    {
        let format: String = format.to_string_lossy().chars().chain("   ".chars()).take(3).collect();
        reply.verbatim(&format, &text.as_bytes());
        return Ok(true);
    }
    Ok(false)
}

/// Writes the elements up to the first nil.
fn write_array(table: &Table, reply: &mut Reply<'_>, resp3: bool, depth: usize) -> mlua::Result<()> {
    let mut items = Vec::new();
    loop {
        let item: Value = table.raw_get(items.len() + 1)?;
        if item.is_nil() {
            break;
        }
        items.push(item);
    }
    reply.array(items.len());
    items.iter().try_for_each(|item| write(item, reply, resp3, depth + 1))
}

fn write_map(map: &Table, reply: &mut Reply<'_>, resp3: bool, depth: usize) -> mlua::Result<()> {
    let pairs = map.pairs::<Value, Value>().collect::<mlua::Result<Vec<_>>>()?;
    reply.map(pairs.len());
    for (key, value) in &pairs {
        write(key, reply, resp3, depth + 1)?;
        write(value, reply, resp3, depth + 1)?;
    }
    Ok(())
}

fn write_set(set: &Table, reply: &mut Reply<'_>, resp3: bool, depth: usize) -> mlua::Result<()> {
    let items = set.pairs::<Value, Value>().collect::<mlua::Result<Vec<_>>>()?;
    reply.set(items.len());
    items.iter().try_for_each(|(item, _)| write(item, reply, resp3, depth + 1))
}
