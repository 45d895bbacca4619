//! `redis.*` (also `server.*`), and what replaces the functions of Lua that would reach outside of the sandbox.

use std::rc::Rc;
use std::time::Instant;

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, MultiValue, Table, Value};
use sha1::{Digest, Sha1};

use super::convert;
use super::number::general;
use super::shebang::{Declared, NAME_RULE, is_name, set_flag};
use super::vm::{Ask, Exchange, Raised, UNLIMITED_BYTES, Unlimited, failure, one, text_of};

/// What scripts are told the server is.
const VERSION: &str = "7.0.15";
const VERSION_NUMBER: i64 = 0x0007_000F;
/// redis.REPL_ALL; the other values are parts of it.
const REPL_ALL: i64 = 3;
/// Most arguments of a command called by a script.
const MAX_ARGS: usize = 1024 * 1024;

/// What a library said with register_function.
pub(super) struct Registered {
    pub name: Vec<u8>,
    pub function: Function,
    pub description: Option<Vec<u8>>,
    pub flags: Vec<Vec<u8>>,
}

type Many = mlua::Result<MultiValue>;

/// Puts everything into `host`, for sandbox.lua.
pub(super) fn install(lua: &Lua, host: &Table, exchange: &Rc<Exchange>) -> mlua::Result<()> {
    host.set("plain", lua.create_function(plain)?)?;
    host.set("where", lua.create_function(|lua, ()| Ok(place(lua)))?)?;
    let shared = Rc::clone(exchange);
    host.set("killed", lua.create_function(move |_, ()| Ok(shared.killed.get()))?)?;
    let start = Instant::now();
    host.set("clock", lua.create_function(move |_, ()| Ok(start.elapsed().as_secs_f64()))?)?;
    host.set("loadstring", lua.create_function(loadstring)?)?;
    let shared = Rc::clone(exchange);
    host.set("random", lua.create_function(move |lua, args: MultiValue| random(lua, &shared, &args))?)?;
    let shared = Rc::clone(exchange);
    host.set(
        "randomseed",
        lua.create_function(move |_, seed: f64| {
            shared.seed(seed as i64 as u32);
            Ok(())
        })?,
    )?;
    let shared = Rc::clone(exchange);
    host.set("register", lua.create_function(move |lua, args: MultiValue| register(lua, &shared, &args))?)?;
    host.set("api", api(lua, exchange)?)
}

/// The table `redis`.
fn api(lua: &Lua, exchange: &Rc<Exchange>) -> mlua::Result<Table> {
    let api = lua.create_table()?;
    for (name, value) in [
        ("LOG_DEBUG", 0),
        ("LOG_VERBOSE", 1),
        ("LOG_NOTICE", 2),
        ("LOG_WARNING", 3),
        ("REPL_NONE", 0),
        ("REPL_AOF", 1),
        ("REPL_SLAVE", 2),
        ("REPL_REPLICA", 2),
        ("REPL_ALL", REPL_ALL),
        ("REDIS_VERSION_NUM", VERSION_NUMBER),
        ("SERVER_VERSION_NUM", VERSION_NUMBER),
    ] {
        api.set(name, value)?;
    }
    api.set("REDIS_VERSION", VERSION)?;
    api.set("SERVER_VERSION", VERSION)?;
    api.set("SERVER_NAME", "dozo")?;
    for (name, catches) in [("call", false), ("pcall", true)] {
        let shared = Rc::clone(exchange);
        api.set(
            name,
            lua.create_function(move |lua, args: MultiValue| command(lua, &shared, &args, catches))?,
        )?;
    }
    type Body = fn(&Lua, &Exchange, &MultiValue) -> Many;
    let functions: [(&str, Body); 9] = [
        ("log", log),
        ("sha1hex", sha1hex),
        ("error_reply", error_reply),
        ("status_reply", status_reply),
        ("setresp", setresp),
        ("set_repl", set_repl),
        ("replicate_commands", |_, _, _| one(Value::Boolean(true))),
        ("breakpoint", |_, _, _| one(Value::Boolean(false))),
        ("debug", |_, _, _| Ok(MultiValue::new())),
    ];
    for (name, body) in functions {
        let shared = Rc::clone(exchange);
        api.set(name, lua.create_function(move |lua, args: MultiValue| body(lua, &shared, &args))?)?;
    }
    let shared = Rc::clone(exchange);
    let check = lua.create_function(move |lua, args: MultiValue| acl_check(lua, &shared, args))?;
    api.set("acl_check_cmd", check)?;
    Ok(api)
}

/// An error as scripts see it: a table with `err`.
fn error_table(lua: &Lua, text: &[u8], counted: bool) -> mlua::Result<Value> {
    let table = lua.create_table_with_capacity(0, 4)?;
    table.raw_set("err", lua.create_string(text)?)?;
    if counted {
        table.raw_set("ignore_error_stats_update", true)?;
    }
    Ok(Value::Table(table))
}

/// Raises a table, as Redis's own errors are.
fn raise<T>(text: impl Into<Vec<u8>>) -> mlua::Result<T> {
    Err(mlua::Error::external(Raised::Table(text.into(), false)))
}

/// What the script sees of an error that Rust raised; other errors are as they were.
fn plain(lua: &Lua, error: Value) -> mlua::Result<Value> {
    let Value::Error(inner) = &error else { return Ok(error) };
    match inner.downcast_ref::<Raised>() {
        Some(Raised::Text(text)) => Ok(Value::String(lua.create_string(text)?)),
        Some(Raised::Table(text, counted)) => error_table(lua, text, *counted),
        None => Ok(Value::String(lua.create_string(text_of(inner))?)),
    }
}

/// redis.call, and redis.pcall, which returns what the other raises.
fn command(lua: &Lua, exchange: &Exchange, args: &MultiValue, catches: bool) -> mlua::Result<Value> {
    let unlimited = Unlimited::begin(lua, 0);
    if let Err(text) = take_args(exchange, args) {
        return if catches { error_table(lua, text.as_bytes(), false) } else { raise(text) };
    }
    exchange.ask(Ask::Command);
    let reply = exchange.reply.borrow();
    // A long reply may find no room.
    let _unlimited = unlimited.filter(|_| reply.len() <= UNLIMITED_BYTES);
    let Some(line) = reply.strip_prefix(b"-") else {
        return convert::to_lua(lua, &reply);
    };
    let line = line.strip_suffix(b"\r\n").unwrap_or(line);
    if catches {
        return error_table(lua, line, true);
    }
    Err(mlua::Error::external(Raised::Table(line.to_vec(), true)))
}

/// Takes the arguments over, reusing the last command's memory.
fn take_args(exchange: &Exchange, args: &MultiValue) -> Result<(), &'static str> {
    if args.is_empty() {
        return Err("ERR Please specify at least one argument for this redis lib call");
    }
    if args.len() > MAX_ARGS {
        return Err("ERR Too many arguments for this redis lib call");
    }
    let mut words = exchange.args.borrow_mut();
    words.resize_with(args.len(), Vec::new);
    for (word, arg) in words.iter_mut().zip(args) {
        word.clear();
        match arg {
            Value::String(text) => word.extend_from_slice(&text.as_bytes()),
            Value::Integer(number) => general(*number as f64, 17, word),
            Value::Number(number) => general(*number, 17, word),
            _ => return Err("ERR Lua redis lib command arguments must be strings or integers"),
        }
    }
    Ok(())
}

/// Everybody may run every known command.
fn acl_check(_: &Lua, exchange: &Exchange, args: MultiValue) -> Many {
    if args.is_empty() {
        return raise("ERR Please specify at least one argument for this redis lib call");
    }
    if let Err(text) = take_args(exchange, &args) {
        return raise(text);
    }
    exchange.ask(Ask::Known);
    if exchange.reply.borrow().is_empty() {
        return raise("ERR Invalid command passed to redis.acl_check_cmd()");
    }
    one(Value::Boolean(true))
}

/// Source and line of the script's function that runs; nil where none does.
fn place(lua: &Lua) -> (Option<String>, Option<usize>) {
    for level in 1..16 {
        let found = lua.inspect_stack(level, |frame| {
            let source = frame.source();
            let source = source.source.as_deref().filter(|_| source.what != "C").map(str::to_owned);
            (source, frame.current_line())
        });
        match found {
            None => break,
            Some((Some(source), line)) if source != "=dozo" && source != "=(tail call)" => {
                return (Some(source), line);
            }
            Some(_) => {}
        }
    }
    (None, None)
}

/// Compiles text only: bytecode could break the interpreter.
fn loadstring(lua: &Lua, (code, name): (mlua::LuaString, Option<mlua::LuaString>)) -> Many {
    let code = code.as_bytes().to_vec();
    let name =
        name.map_or_else(|| String::from_utf8_lossy(&code).into_owned(), |name| name.to_string_lossy());
    let globals: Table = lua.named_registry_value("globals")?;
    let chunk = lua.load(code).set_name(name.replace('\0', " ")).set_mode(ChunkMode::Text);
    match chunk.set_environment(globals).into_function() {
        Ok(function) => one(Value::Function(function)),
        Err(error) => {
            let text = lua.create_string(text_of(&error))?;
            Ok(MultiValue::from_vec(vec![Value::Nil, Value::String(text)]))
        }
    }
}

/// math.random over the generator that Redis uses, so that scripts draw the same numbers.
fn random(lua: &Lua, exchange: &Exchange, args: &MultiValue) -> Many {
    let state = exchange.random.get().wrapping_mul(0x5_DEEC_E66D).wrapping_add(0xB) & 0xFFFF_FFFF_FFFF;
    exchange.random.set(state);
    const MAX: u64 = (1 << 31) - 1;
    let fraction = ((state >> 17) % MAX) as f64 / MAX as f64;
    let bound = |at: usize| args.get(at).and_then(|value| lua.coerce_number(value.clone()).ok().flatten());
    let (low, high) = match args.len() {
        0 => return one(Value::Number(fraction)),
        1 => (Some(1.0), bound(0)),
        2 => (bound(0), bound(1)),
        _ => return failure(lua, "wrong number of arguments"),
    };
    let (Some(low), Some(high)) = (low, high) else {
        return failure(lua, "bad argument #1 to 'random' (number expected)");
    };
    let (low, high) = (low.trunc(), high.trunc());
    if low > high {
        let at = args.len();
        return failure(lua, format!("bad argument #{at} to 'random' (interval is empty)"));
    }
    one(Value::Number((fraction * (high - low + 1.0)).floor() + low))
}

fn text_arg(args: &MultiValue, at: usize) -> Option<Vec<u8>> {
    match args.get(at) {
        Some(Value::String(text)) => Some(text.as_bytes().to_vec()),
        Some(Value::Integer(number)) => Some(number.to_string().into_bytes()),
        Some(Value::Number(number)) => {
            let mut text = Vec::new();
            general(*number, 14, &mut text);
            Some(text)
        }
        _ => None,
    }
}

fn log(_: &Lua, exchange: &Exchange, args: &MultiValue) -> Many {
    if args.len() < 2 {
        return raise("ERR redis.log() requires two arguments or more.");
    }
    let level = match args.front() {
        Some(Value::Integer(level)) => *level,
        Some(Value::Number(level)) => *level as i64,
        _ => return raise("ERR First argument must be a number (log level)."),
    };
    if !(0..=3).contains(&level) {
        return raise("ERR Invalid debug level.");
    }
    let words: Vec<Vec<u8>> = (1..args.len()).filter_map(|at| text_arg(args, at)).collect();
    exchange.lines.borrow_mut().push((level, words.join(&b' ')));
    Ok(MultiValue::new())
}

/// Lower-case hexadecimal SHA-1.
pub(super) fn sha1_hex(data: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble & 15)]);
    Sha1::digest(data).iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

fn sha1hex(lua: &Lua, _: &Exchange, args: &MultiValue) -> Many {
    if args.len() != 1 {
        return raise("ERR wrong number of arguments");
    }
    let text = text_arg(args, 0).unwrap_or_default();
    one(Value::String(lua.create_string(sha1_hex(&text))?))
}

fn reply_text(args: &MultiValue) -> Option<Vec<u8>> {
    match args.front() {
        Some(Value::String(text)) if args.len() == 1 => Some(text.as_bytes().to_vec()),
        _ => None,
    }
}

fn error_reply(lua: &Lua, _: &Exchange, args: &MultiValue) -> Many {
    let Some(text) = reply_text(args) else {
        return one(error_table(lua, b"ERR wrong number or type of arguments", false)?);
    };
    let text = text.strip_prefix(b"-").unwrap_or(&text);
    let text = text.strip_suffix(b"\r\n").unwrap_or(text);
    let coded = if text.contains(&b' ') { text.to_vec() } else { [b"ERR ", text].concat() };
    one(error_table(lua, &coded, false)?)
}

fn status_reply(lua: &Lua, _: &Exchange, args: &MultiValue) -> Many {
    let Some(text) = reply_text(args) else {
        return one(error_table(lua, b"ERR wrong number or type of arguments", false)?);
    };
    let table = lua.create_table_with_capacity(0, 1)?;
    table.raw_set("ok", lua.create_string(text)?)?;
    one(Value::Table(table))
}

fn setresp(lua: &Lua, exchange: &Exchange, args: &MultiValue) -> Many {
    if args.len() != 1 {
        return raise("ERR redis.setresp() requires one argument.");
    }
    match args.front().and_then(|value| lua.coerce_number(value.clone()).ok().flatten()) {
        Some(2.0) => exchange.resp3.set(false),
        Some(3.0) => exchange.resp3.set(true),
        _ => return raise("ERR RESP version must be 2 or 3."),
    }
    Ok(MultiValue::new())
}

/// Checked, and without an effect: what a script changes always reaches the stream of effects.
fn set_repl(lua: &Lua, _: &Exchange, args: &MultiValue) -> Many {
    if args.len() != 1 {
        return raise("ERR redis.set_repl() requires two arguments.");
    }
    match args.front().and_then(|value| lua.coerce_number(value.clone()).ok().flatten()) {
        Some(flags) if (flags as i64) & !REPL_ALL == 0 => Ok(MultiValue::new()),
        _ => raise("ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE."),
    }
}

/// redis.register_function(name, callback) or with one table of named arguments.
fn register(_: &Lua, exchange: &Exchange, args: &MultiValue) -> Many {
    let made = match (args.len(), args.front(), args.get(1)) {
        (1, Some(Value::Table(named)), _) => from_named(named)?,
        (1, ..) => Err(
            "ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
        ),
        (2, Some(Value::String(name)), Some(Value::Function(function))) => Ok(Registered {
            name: name.as_bytes().to_vec(),
            function: function.clone(),
            description: None,
            flags: Vec::new(),
        }),
        (2, Some(Value::String(_)), _) => {
            Err("ERR second argument to redis.register_function must be a function")
        }
        (2, ..) => Err("ERR first argument to redis.register_function must be a string"),
        _ => Err("ERR wrong number of arguments to redis.register_function"),
    };
    if !exchange.loading.get() {
        return raise("ERR redis.register_function can only be called on FUNCTION LOAD command");
    }
    match made {
        Ok(made) if !made.flags.iter().all(|flag| set_flag(&mut Declared::default(), flag)) => {
            return raise("ERR unknown flag given");
        }
        Ok(made) if !is_name(&made.name) => return raise(NAME_RULE),
        Ok(made) if exchange.registered.borrow().iter().any(|other| same_name(&other.name, &made.name)) => {
            return raise("ERR Function already exists in the library");
        }
        Ok(made) => exchange.registered.borrow_mut().push(made),
        Err(text) => return raise(text),
    }
    Ok(MultiValue::new())
}

/// Names of functions differ in more than their case.
fn same_name(one: &[u8], other: &[u8]) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn from_named(named: &Table) -> mlua::Result<Result<Registered, &'static str>> {
    let (mut name, mut function, mut description, mut flags) = (None, None, None, Vec::new());
    for pair in named.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let Value::String(key) = key else {
            return Ok(Err("ERR named argument key given to redis.register_function is not a string"));
        };
        match (&*key.as_bytes(), value) {
            (b"function_name", Value::String(text)) => name = Some(text.as_bytes().to_vec()),
            (b"function_name", _) => {
                return Ok(Err(
                    "ERR function_name argument given to redis.register_function must be a string",
                ));
            }
            (b"description", Value::String(text)) => description = Some(text.as_bytes().to_vec()),
            (b"description", _) => {
                return Ok(Err("ERR description argument given to redis.register_function must be a string"));
            }
            (b"callback", Value::Function(callback)) => function = Some(callback),
            (b"callback", _) => {
                return Ok(Err("ERR callback argument given to redis.register_function must be a function"));
            }
            (b"flags", Value::Table(list)) => {
                for flag in list.sequence_values::<mlua::LuaString>() {
                    match flag {
                        Ok(flag) => flags.push(flag.as_bytes().to_vec()),
                        Err(_) => return Ok(Err("ERR unknown flag given")),
                    }
                }
            }
            (b"flags", _) => {
                return Ok(Err(
                    "ERR flags argument to redis.register_function must be a table representing function flags",
                ));
            }
            _ => return Ok(Err("ERR unknown argument given to redis.register_function")),
        }
    }
    Ok(match (name, function) {
        (None, _) => Err("ERR redis.register_function must get a function name argument"),
        (_, None) => Err("ERR redis.register_function must get a callback argument"),
        (Some(name), Some(function)) => Ok(Registered { name, function, description, flags }),
    })
}
