//! The Lua state: built once, on the first script, and kept. Owns what a script and the executor exchange.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use corosensei::Yielder;
use mlua::chunk::{Chunk, ChunkMode};
use mlua::{Function, HookTriggers, Lua, LuaOptions, LuaString, MultiValue, StdLib, Table, Value, VmState};

use super::{api, bits, cjson, cmsgpack, structs};

/// Instructions between two looks at the clock.
const HOOK_INSTRUCTIONS: u32 = 20_000;
/// State of math.random in a new server, as in Redis.
const RANDOM_START: u64 = 0x1234_ABCD_330E;
/// What may be put into Lua without asking whether it has room.
pub(super) const UNLIMITED_BYTES: usize = 64 * 1024;
/// Longest pattern of string.find and its like, bytes.
const PATTERN_MAX: i64 = 4096;

/// What a script asks of the executor's stack.
pub(super) enum Ask {
    /// Run the command in `Exchange::args`.
    Command,
    /// Whether the command in `Exchange::args` exists: the reply stays empty if not.
    Known,
    /// Time is up; decide whether it goes on.
    Late,
}

/// What a script and the executor hand each other. All of it is used by one of them at a time.
pub(super) struct Exchange {
    /// The command to run, name first.
    pub args: RefCell<Vec<Vec<u8>>>,
    /// Its reply, in the script's version of RESP.
    pub reply: RefCell<Vec<u8>>,
    /// redis.setresp.
    pub resp3: Cell<bool>,
    /// redis.log lines to be written: level and text.
    pub lines: RefCell<Vec<(i64, Vec<u8>)>>,
    /// When the executor wants to be asked again.
    pub deadline: Cell<Option<Instant>>,
    /// SCRIPT KILL has been accepted: nothing runs any more.
    pub killed: Cell<bool>,
    /// State of math.random, 48 bits.
    pub random: Cell<u64>,
    /// Functions registered while a library loads.
    pub registered: RefCell<Vec<super::api::Registered>>,
    /// A library is being loaded.
    pub loading: Cell<bool>,
    /// The running coroutine's own door out; null while none runs.
    pub(super) yielder: Cell<*const Yielder<(), Ask>>,
}

impl Exchange {
    /// Leaves the script's stack until the executor resumes it.
    pub fn ask(&self, what: Ask) {
        let yielder = self.yielder.get();
        if !yielder.is_null() {
            // SAFETY: set by the coroutine's body (`run.rs`) to its own yielder, which lives as long as that body
            // runs, and cleared when it ends; Lua only runs inside of that body.
            unsafe { &*yielder }.suspend(what);
        }
    }

    /// math.randomseed.
    pub fn seed(&self, seed: u32) {
        self.random.set((u64::from(seed) << 16) | 0x330E);
    }
}

/// The state with the handles that every run needs.
pub(super) struct Vm {
    pub lua: Lua,
    pub exchange: Rc<Exchange>,
    /// The table in which KEYS and ARGV are set.
    pub base: Table,
    pub globals: Table,
    /// `run(f, [keys, args])`: true and the result, or false and the error as a table.
    pub run: Function,
    /// The globals of libraries; true: while one is loaded.
    pub environment: Function,
    /// Compiled functions by slot.
    pub functions: Table,
    pub keys_name: LuaString,
    pub argv_name: LuaString,
}

impl Vm {
    pub fn new(memory_limit: usize) -> mlua::Result<Self> {
        let libs = StdLib::TABLE | StdLib::STRING | StdLib::MATH;
        let lua = Lua::new_with(libs, LuaOptions::new())?;
        lua.set_memory_limit(memory_limit)?;
        let exchange = Rc::new(Exchange {
            args: RefCell::default(),
            reply: RefCell::default(),
            resp3: Cell::new(false),
            lines: RefCell::default(),
            deadline: Cell::new(None),
            killed: Cell::new(false),
            random: Cell::new(RANDOM_START),
            registered: RefCell::default(),
            loading: Cell::new(false),
            yielder: Cell::new(std::ptr::null()),
        });
        hook(&lua, &exchange)?;
        let host = lua.create_table()?;
        host.set("pattern_max", PATTERN_MAX)?;
        host.set("killed_text", super::run::KILLED)?;
        api::install(&lua, &host, &exchange)?;
        host.set("bit", bits::library(&lua)?)?;
        host.set("cjson", cjson::library(&lua)?)?;
        host.set("cmsgpack", cmsgpack::library(&lua)?)?;
        host.set("struct", structs::library(&lua)?)?;
        let sandbox = lua.load(include_str!("sandbox.lua")).set_name("=dozo");
        let (globals, base, run, environment) = sandbox.call::<(Table, Table, Function, Function)>(&host)?;
        lua.set_named_registry_value("globals", &globals)?;
        Ok(Self {
            functions: lua.create_table()?,
            keys_name: lua.create_string("KEYS")?,
            argv_name: lua.create_string("ARGV")?,
            exchange,
            base,
            globals,
            run,
            environment,
            lua,
        })
    }

    /// Compiles a script; `Err` is Lua's text.
    pub fn compile(&self, code: &[u8], name: &str, env: &Table) -> Result<Function, String> {
        let chunk: Chunk<'_> = self.lua.load(code);
        let chunk = chunk.set_name(name).set_mode(ChunkMode::Text).set_environment(env.clone());
        chunk.into_function().map_err(|error| text_of(&error))
    }

    /// A table of byte strings.
    pub fn list(&self, items: &[&[u8]]) -> mlua::Result<Table> {
        let list = self.lua.create_table_with_capacity(items.len(), 0)?;
        for (at, item) in items.iter().enumerate() {
            list.raw_set(at + 1, self.lua.create_string(item)?)?;
        }
        Ok(list)
    }
}

/// While it lives, Lua may allocate beyond the limit. Under a limit mlua makes each of its steps a protected call, at
/// twice the price of a short script; so what is known to take little is done without.
pub(super) struct Unlimited<'a> {
    lua: &'a Lua,
    limit: usize,
}

impl<'a> Unlimited<'a> {
    /// Lifts the limit, for work on that many bytes of a client's; `None` if they are many.
    pub fn begin(lua: &'a Lua, bytes: usize) -> Option<Self> {
        let limit = (bytes <= UNLIMITED_BYTES).then(|| lua.set_memory_limit(0).ok())??;
        Some(Self { lua, limit })
    }
}

impl Drop for Unlimited<'_> {
    fn drop(&mut self) {
        // It fails only where there is no allocator of mlua's, and then it has failed before.
        let _ = self.lua.set_memory_limit(self.limit);
    }
}

/// Lua's own words for an error, without what mlua adds.
pub(super) fn text_of(error: &mlua::Error) -> String {
    match error {
        mlua::Error::SyntaxError { message, .. } => message.clone(),
        mlua::Error::RuntimeError(text) => text.clone(),
        mlua::Error::MemoryError(_) => "not enough memory".to_owned(),
        other => other.to_string(),
    }
}

/// Has every running function look at the clock now and then. What no hook interrupts: one call of a C function
/// (string.rep, string.find, table.concat, table.sort's own loop); the memory limit bounds what they work on.
fn hook(lua: &Lua, exchange: &Rc<Exchange>) -> mlua::Result<()> {
    let exchange = Rc::clone(exchange);
    let triggers = HookTriggers::new().every_nth_instruction(HOOK_INSTRUCTIONS);
    lua.set_global_hook(triggers, move |_, _| {
        if exchange.deadline.get().is_some_and(|deadline| Instant::now() >= deadline) {
            exchange.ask(Ask::Late);
        }
        if exchange.killed.get() {
            return Err(mlua::Error::RuntimeError(super::run::KILLED.to_owned()));
        }
        Ok(VmState::Continue)
    })
}

/// An error on its way to the script; `plain` in sandbox.lua turns it into what Redis raises.
#[derive(Debug)]
pub(super) enum Raised {
    /// A text, with the place that raised it.
    Text(Vec<u8>),
    /// A table with `err`; the flag says that the error has been counted.
    Table(Vec<u8>, bool),
}

impl std::fmt::Display for Raised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Raised::Text(text) | Raised::Table(text, _)) = self;
        f.write_str(&String::from_utf8_lossy(text))
    }
}

impl std::error::Error for Raised {}

/// Raises a text in the script, where it called the function.
pub(super) fn failure<T>(lua: &Lua, text: impl AsRef<[u8]>) -> mlua::Result<T> {
    let place = lua.inspect_stack(1, |frame| {
        let source = frame.source().short_src.map(|source| source.into_owned());
        source.zip(frame.current_line())
    });
    let place = place.flatten().map_or_else(String::new, |(source, line)| format!("{source}:{line}: "));
    Err(mlua::Error::external(Raised::Text([place.as_bytes(), text.as_ref()].concat())))
}

/// One value as a function's result.
pub(super) fn one(value: Value) -> mlua::Result<MultiValue> {
    Ok(MultiValue::from_vec(vec![value]))
}
