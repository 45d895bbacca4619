//! The library `cjson`: JSON with the defaults and errors of Lua CJSON as Redis ships it.

use std::cell::Cell;
use std::rc::Rc;

use mlua::{Lua, MultiValue, Table, Value};

use super::bits::bad_argument;
use super::number::general;
use super::vm::{failure, one};

/// What encode_sparse_array and its like set.
struct Config {
    sparse_convert: Cell<bool>,
    sparse_ratio: Cell<i64>,
    sparse_safe: Cell<i64>,
    encode_depth: Cell<usize>,
    decode_depth: Cell<usize>,
    precision: Cell<usize>,
    encode_invalid: Cell<bool>,
    decode_invalid: Cell<bool>,
}

/// The stack of a script bounds how deep these may go.
const DEPTH_MAX: usize = 1000;
const LARGEST_ARRAY: usize = 1 << 26;

/// Makes the library.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let config = Rc::new(Config {
        sparse_convert: Cell::new(false),
        sparse_ratio: Cell::new(2),
        sparse_safe: Cell::new(10),
        encode_depth: Cell::new(DEPTH_MAX),
        decode_depth: Cell::new(DEPTH_MAX),
        precision: Cell::new(14),
        encode_invalid: Cell::new(false),
        decode_invalid: Cell::new(true),
    });
    let library = lua.create_table()?;
    library.set("_NAME", "cjson")?;
    library.set("_VERSION", "2.1.0")?;
    library.set("null", Value::NULL)?;
    let shared = Rc::clone(&config);
    library.set(
        "encode",
        lua.create_function(move |lua, args: MultiValue| {
            if args.len() != 1 {
                return failure(lua, "bad argument #1 to 'encode' (expected 1 argument)");
            }
            let mut to = Vec::new();
            match encode(&args[0], &shared, 1, &mut to)? {
                Ok(()) => one(Value::String(lua.create_string(to)?)),
                Err(text) => failure(lua, text),
            }
        })?,
    )?;
    let shared = Rc::clone(&config);
    library.set(
        "decode",
        lua.create_function(move |lua, args: MultiValue| {
            let text = match args.front() {
                _ if args.len() != 1 => {
                    return failure(lua, "bad argument #1 to 'decode' (expected 1 argument)");
                }
                Some(value @ (Value::String(_) | Value::Integer(_) | Value::Number(_))) => {
                    lua.coerce_string(value.clone())?
                }
                _ => None,
            };
            let Some(text) = text else {
                return failure(lua, bad_argument(&args, 0, "decode", "string"));
            };
            match decode(lua, &text.as_bytes(), &shared)? {
                Ok(value) => one(value),
                Err(text) => failure(lua, text),
            }
        })?,
    )?;
    settings(lua, &library, &config)?;
    Ok(library)
}

/// The functions that change the configuration answer what is in force. Redis shares one configuration, too.
fn settings(lua: &Lua, library: &Table, config: &Rc<Config>) -> mlua::Result<()> {
    let depth = |of: fn(&Config) -> &Cell<usize>, most: usize| {
        let config = Rc::clone(config);
        lua.create_function(move |_, value: Option<usize>| {
            if let Some(value) = value {
                of(&config).set(value.clamp(1, most));
            }
            Ok(of(&config).get())
        })
    };
    library.set("encode_max_depth", depth(|config| &config.encode_depth, DEPTH_MAX)?)?;
    library.set("decode_max_depth", depth(|config| &config.decode_depth, DEPTH_MAX)?)?;
    library.set("encode_number_precision", depth(|config| &config.precision, 16)?)?;
    let flag = |of: fn(&Config) -> &Cell<bool>| {
        let config = Rc::clone(config);
        lua.create_function(move |_, value: Option<Value>| {
            match value {
                Some(Value::Boolean(flag)) => of(&config).set(flag),
                Some(Value::String(text)) => of(&config).set(&*text.as_bytes() == b"on"),
                _ => {}
            }
            Ok(of(&config).get())
        })
    };
    library.set("encode_invalid_numbers", flag(|config| &config.encode_invalid)?)?;
    library.set("decode_invalid_numbers", flag(|config| &config.decode_invalid)?)?;
    library.set("encode_keep_buffer", lua.create_function(|_, _: MultiValue| Ok(true))?)?;
    let shared = Rc::clone(config);
    let sparse = move |_: &Lua, (convert, ratio, safe): (Option<bool>, Option<i64>, Option<i64>)| {
        shared.sparse_convert.set(convert.unwrap_or(shared.sparse_convert.get()));
        shared.sparse_ratio.set(ratio.unwrap_or(shared.sparse_ratio.get()));
        shared.sparse_safe.set(safe.unwrap_or(shared.sparse_safe.get()));
        Ok((shared.sparse_convert.get(), shared.sparse_ratio.get(), shared.sparse_safe.get()))
    };
    library.set("encode_sparse_array", lua.create_function(sparse)?)
}

type Told<T> = mlua::Result<Result<T, String>>;

fn encode(value: &Value, config: &Config, depth: usize, to: &mut Vec<u8>) -> Told<()> {
    match value {
        Value::Nil => to.extend_from_slice(b"null"),
        Value::LightUserData(pointer) if pointer.0.is_null() => to.extend_from_slice(b"null"),
        Value::Boolean(flag) => to.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Integer(number) => general(*number as f64, config.precision.get(), to),
        Value::Number(number) if !number.is_finite() && !config.encode_invalid.get() => {
            return Ok(Err("Cannot serialise number: must not be NaN or Inf".to_owned()));
        }
        Value::Number(number) => general(*number, config.precision.get(), to),
        Value::String(text) => quote(&text.as_bytes(), to),
        Value::Table(table) => return encode_table(table, config, depth, to),
        other => return Ok(Err(format!("Cannot serialise {}: type not supported", other.type_name()))),
    }
    Ok(Ok(()))
}

fn encode_table(table: &Table, config: &Config, depth: usize, to: &mut Vec<u8>) -> Told<()> {
    if depth > config.encode_depth.get() {
        return Ok(Err(format!("Cannot serialise, excessive nesting ({depth})")));
    }
    match array_len(table, config)? {
        Err(text) => Ok(Err(text)),
        Ok(Some(len)) => encode_array(table, len, config, depth, to),
        Ok(None) => encode_object(table, config, depth, to),
    }
}

/// The length of a table whose keys are positive integers and dense enough; an empty one is an object.
fn array_len(table: &Table, config: &Config) -> Told<Option<usize>> {
    let (mut largest, mut items) = (0_i64, 0_i64);
    for pair in table.pairs::<Value, Value>() {
        match pair?.0 {
            Value::Integer(key) if key > 0 => largest = largest.max(key),
            _ => return Ok(Ok(None)),
        }
        items += 1;
    }
    let ratio = config.sparse_ratio.get();
    let sparse = ratio > 0 && largest > items.saturating_mul(ratio) && largest > config.sparse_safe.get();
    if sparse && !config.sparse_convert.get() {
        return Ok(Err("Cannot serialise table: excessively sparse array".to_owned()));
    }
    let len = usize::try_from(largest).unwrap_or(0);
    Ok(Ok((len > 0 && !sparse && len <= LARGEST_ARRAY).then_some(len)))
}

fn encode_array(table: &Table, len: usize, config: &Config, depth: usize, to: &mut Vec<u8>) -> Told<()> {
    to.push(b'[');
    for at in 1..=len {
        if at > 1 {
            to.push(b',');
        }
        if let Err(text) = encode(&table.raw_get(at)?, config, depth + 1, to)? {
            return Ok(Err(text));
        }
    }
    to.push(b']');
    Ok(Ok(()))
}

fn encode_object(table: &Table, config: &Config, depth: usize, to: &mut Vec<u8>) -> Told<()> {
    to.push(b'{');
    let start = to.len();
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        if to.len() > start {
            to.push(b',');
        }
        match key {
            Value::String(text) => quote(&text.as_bytes(), to),
            Value::Integer(number) => quoted_number(number as f64, config, to),
            Value::Number(number) => quoted_number(number, config, to),
            _ => return Ok(Err("Cannot serialise table: table key must be a number or string".to_owned())),
        }
        to.push(b':');
        if let Err(text) = encode(&value, config, depth + 1, to)? {
            return Ok(Err(text));
        }
    }
    to.push(b'}');
    Ok(Ok(()))
}

fn quoted_number(number: f64, config: &Config, to: &mut Vec<u8>) {
    to.push(b'"');
    general(number, config.precision.get(), to);
    to.push(b'"');
}

fn quote(text: &[u8], to: &mut Vec<u8>) {
    to.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' | b'/' => to.extend_from_slice(&[b'\\', byte]),
            8 => to.extend_from_slice(b"\\b"),
            9 => to.extend_from_slice(b"\\t"),
            10 => to.extend_from_slice(b"\\n"),
            12 => to.extend_from_slice(b"\\f"),
            13 => to.extend_from_slice(b"\\r"),
            0..=31 | 127 => to.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => to.push(byte),
        }
    }
    to.push(b'"');
}

fn decode(lua: &Lua, text: &[u8], config: &Config) -> Told<Value> {
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Ok(Err("JSON parser does not support UTF-16 or UTF-32".to_owned()));
    }
    let mut decoder = Decoder { lua, text, at: 0, start: 0, config };
    let first = decoder.token();
    let value = match decoder.value(first, 1)? {
        Ok(value) => value,
        Err(text) => return Ok(Err(text)),
    };
    Ok(match decoder.token() {
        Token::End => Ok(value),
        other => Err(decoder.expected("the end", &other)),
    })
}

enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Text(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Text(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(text) => text,
        }
    }
}

struct Decoder<'a> {
    lua: &'a Lua,
    text: &'a [u8],
    at: usize,
    /// Where the last token began.
    start: usize,
    config: &'a Config,
}

impl Decoder<'_> {
    fn expected(&self, what: &str, found: &Token) -> String {
        format!("Expected {what} but found {} at character {}", found.name(), self.start + 1)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn token(&mut self) -> Token {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.start = self.at;
        let Some(byte) = self.peek() else { return Token::End };
        let single = match byte {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            b'"' => return self.string(),
            _ => return self.word(),
        };
        self.at += 1;
        single
    }

    fn word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        for (word, token) in
            [("true", Token::Boolean(true)), ("false", Token::Boolean(false)), ("null", Token::Null)]
        {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return token;
            }
        }
        self.number(rest)
    }

    fn number(&mut self, rest: &[u8]) -> Token {
        let len =
            rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
        let numeric = rest[..len].iter().take_while(|byte| b"0123456789+-.eE".contains(byte)).count();
        let text = |len: usize| std::str::from_utf8(&rest[..len]).ok();
        let word = text(len).map(str::to_ascii_lowercase).unwrap_or_default();
        if matches!(word.trim_start_matches('-'), "nan" | "inf" | "infinity") {
            if !self.config.decode_invalid.get() {
                return Token::Error("invalid number");
            }
            self.at += len;
            return word.parse().map_or(Token::Error("invalid token"), Token::Number);
        }
        if let Some((number, len)) = hexadecimal(&rest[..len]) {
            self.at += len;
            return Token::Number(number);
        }
        // The longest start that is a number, as strtod takes it.
        for len in (1..=numeric.min(400)).rev() {
            let Some(Ok(number)) = text(len).map(str::parse) else {
                continue;
            };
            self.at += len;
            return Token::Number(number);
        }
        let begins_one = rest.first().is_some_and(|byte| byte.is_ascii_digit() || b"+-".contains(byte));
        Token::Error(if begins_one { "invalid number" } else { "invalid token" })
    }

    fn string(&mut self) -> Token {
        let mut to = Vec::new();
        self.at += 1;
        loop {
            let Some(byte) = self.peek() else { return self.broken("unexpected end of string") };
            let escape = self.at;
            self.at += 1;
            match byte {
                b'"' => return Token::Text(to),
                b'\\' => {
                    if !self.escape(&mut to) {
                        let unicode = self.text.get(escape + 1) == Some(&b'u');
                        self.at = escape;
                        return self.broken(if unicode {
                            "invalid unicode escape code"
                        } else {
                            "invalid escape code"
                        });
                    }
                }
                _ => to.push(byte),
            }
        }
    }

    /// An error stands where it was met, not where the string began.
    fn broken(&mut self, text: &'static str) -> Token {
        self.start = self.at;
        Token::Error(text)
    }

    fn escape(&mut self, to: &mut Vec<u8>) -> bool {
        let Some(byte) = self.peek() else { return false };
        self.at += 1;
        to.push(match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unicode(to),
            _ => return false,
        });
        true
    }

    fn unicode(&mut self, to: &mut Vec<u8>) -> bool {
        let Some(mut code) = self.four_digits() else { return false };
        if (0xD800..0xDC00).contains(&code) {
            if !self.text[self.at..].starts_with(b"\\u") {
                return false;
            }
            self.at += 2;
            match self.four_digits() {
                Some(low @ 0xDC00..0xE000) => code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00),
                _ => return false,
            }
        }
        let Some(letter) = char::from_u32(code) else { return false };
        to.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        true
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = std::str::from_utf8(self.text.get(self.at..self.at + 4)?).ok()?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    fn value(&mut self, token: Token, depth: usize) -> Told<Value> {
        Ok(Ok(match token {
            Token::Text(text) => Value::String(self.lua.create_string(text)?),
            Token::Number(number) => Value::Number(number),
            Token::Boolean(flag) => Value::Boolean(flag),
            Token::Null => Value::NULL,
            Token::ObjectBegin | Token::ArrayBegin if depth > self.config.decode_depth.get() => {
                return Ok(Err(format!(
                    "Found too many nested data structures ({depth}) at character {}",
                    self.start + 1
                )));
            }
            Token::ObjectBegin => return self.object(depth),
            Token::ArrayBegin => return self.array(depth),
            other => return Ok(Err(self.expected("value", &other))),
        }))
    }

    fn array(&mut self, depth: usize) -> Told<Value> {
        let table = self.lua.create_table()?;
        let mut token = self.token();
        if matches!(token, Token::ArrayEnd) {
            return Ok(Ok(Value::Table(table)));
        }
        for at in 1.. {
            match self.value(token, depth + 1)? {
                Ok(value) => table.raw_set(at, value)?,
                Err(text) => return Ok(Err(text)),
            }
            match self.token() {
                Token::ArrayEnd => break,
                Token::Comma => token = self.token(),
                other => return Ok(Err(self.expected("comma or array end", &other))),
            }
        }
        Ok(Ok(Value::Table(table)))
    }

    fn object(&mut self, depth: usize) -> Told<Value> {
        let table = self.lua.create_table()?;
        let mut token = self.token();
        if matches!(token, Token::ObjectEnd) {
            return Ok(Ok(Value::Table(table)));
        }
        loop {
            let Token::Text(key) = token else {
                return Ok(Err(self.expected("object key string", &token)));
            };
            match self.token() {
                Token::Colon => {}
                other => return Ok(Err(self.expected("colon", &other))),
            }
            let next = self.token();
            match self.value(next, depth + 1)? {
                Ok(value) => table.raw_set(self.lua.create_string(key)?, value)?,
                Err(text) => return Ok(Err(text)),
            }
            match self.token() {
                Token::ObjectEnd => return Ok(Ok(Value::Table(table))),
                Token::Comma => token = self.token(),
                other => return Ok(Err(self.expected("comma or object end", &other))),
            }
        }
    }
}

/// A number such as -0x1F at the start of `text`, as strtod takes it, and its length.
fn hexadecimal(text: &[u8]) -> Option<(f64, usize)> {
    let (sign, unsigned) = text.strip_prefix(b"-").map_or((1.0, text), |rest| (-1.0, rest));
    let digits = unsigned.strip_prefix(b"0x").or_else(|| unsigned.strip_prefix(b"0X"))?;
    let values = digits.iter().map_while(|digit| char::from(*digit).to_digit(16));
    let (number, count) =
        values.fold((0.0, 0), |(number, count), digit| (number * 16.0 + f64::from(digit), count + 1));
    (count > 0).then(|| (sign * number, text.len() - digits.len() + count))
}
