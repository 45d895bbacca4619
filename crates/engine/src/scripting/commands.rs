//! EVAL and its like, and the cache of scripts by their SHA-1. Python says what SCRIPT does with it.

use std::collections::HashMap;
use std::rc::Rc;

use corosensei::stack::DefaultStack;
use dozo_wire::Out;

use super::api::sha1_hex;
use super::functions::{self, Libraries};
use super::run::{self, Job, STACK_BYTES};
use super::shebang::{self, Declared};
use super::suspend::Suspended;
use super::vm::{Unlimited, Vm, text_of};
use crate::cx::Cx;
use crate::engine::Engine;
use crate::hot::{NOT_INTEGER, parse_int};
use crate::table::HotFn;

/// Lower-case names and their implementations.
pub(crate) const HOT: &[(&str, HotFn)] = &[
    ("eval", |cx, args| eval(cx, args, false)),
    ("eval_ro", |cx, args| eval(cx, args, true)),
    ("evalsha", |cx, args| evalsha(cx, args, false)),
    ("evalsha_ro", |cx, args| evalsha(cx, args, true)),
    ("fcall", |cx, args| functions::fcall(cx, args, false)),
    ("fcall_ro", |cx, args| functions::fcall(cx, args, true)),
];

/// What INFO tells of scripts.
pub struct ScriptFigures {
    /// Scripts in the cache.
    pub cached: usize,
    /// Bytes that Lua holds.
    pub lua_memory: usize,
    /// Bytes of the cached scripts' sources.
    pub source_bytes: usize,
    /// Functions of all libraries.
    pub functions: usize,
    /// Libraries.
    pub libraries: usize,
}

/// Bytes that a cached script takes beside its source, about.
const SCRIPT_OVERHEAD: usize = 1024;
/// Longest script that is remembered as the last one.
const RECENT_BYTES: usize = 4096;
/// What an unknown SHA-1 is answered with.
const NO_SCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";

/// A compiled script.
struct Script {
    slot: usize,
    declared: Declared,
}

/// Everything scripts need between two runs. The Lua state is made on the first.
#[derive(Default)]
pub(crate) struct Scripting {
    vm: OnExecutor<Option<Rc<Vm>>>,
    stack: Option<DefaultStack>,
    scripts: HashMap<String, Script>,
    /// The last script that came with EVAL, if it was short, and its SHA-1.
    recent: Option<(Box<[u8]>, String)>,
    /// Bytes of the cached scripts' sources.
    pub script_bytes: usize,
    pub(super) next_slot: usize,
    /// Bytes that were in use after the last whole collection.
    kept: usize,
    pub(super) libraries: Libraries,
    /// A script has begun and not ended.
    pub(super) entered: bool,
    /// The script that is past its time.
    pub(super) suspended: OnExecutor<Option<Box<Suspended>>>,
    /// Lent to the commands of scripts, so that they need no allocation each.
    pub(super) out: Out,
}

/// What is used by one thread at a time only.
#[derive(Default)]
pub(super) struct OnExecutor<T>(pub T);

// SAFETY: an engine is built on one thread and moved once, whole, to its executor. Every handle to the Lua state is
// inside of the engine and so moves with it; neither Lua nor mlua binds a state to a thread.
unsafe impl<T> Send for OnExecutor<T> {}

impl Scripting {
    /// The Lua state.
    pub(super) fn vm(&mut self, memory_limit: usize) -> Result<Rc<Vm>, String> {
        if let Some(vm) = &self.vm.0 {
            return Ok(Rc::clone(vm));
        }
        let vm = Vm::new(memory_limit).map_err(|error| format!("ERR Lua can't start: {error}"))?;
        Ok(Rc::clone(self.vm.0.insert(Rc::new(vm))))
    }

    /// Collects garbage when so much has gathered that the next script could find no room. Lua's own collector
    /// waits for twice of what is in use, whatever the limit is.
    pub(super) fn collect(&mut self, limit: usize) {
        let Some(vm) = &self.vm.0 else { return };
        if vm.lua.used_memory() > (limit / 2).max(self.kept + limit / 8) {
            // A failure leaves what it can't free.
            let _ = vm.lua.gc_collect();
            self.kept = vm.lua.used_memory();
        }
    }

    /// The SHA-1 of a script. Clients send one script many times in a row, which is told sooner than it is summed.
    fn sha_of(&mut self, body: &[u8]) -> String {
        if let Some((last, sha)) = &self.recent
            && **last == *body
        {
            return sha.clone();
        }
        let sha = sha1_hex(body);
        if body.len() <= RECENT_BYTES {
            self.recent = Some((body.into(), sha.clone()));
        }
        sha
    }

    pub(super) fn take_stack(&mut self) -> std::io::Result<DefaultStack> {
        self.stack.take().map_or_else(|| DefaultStack::new(STACK_BYTES), Ok)
    }

    pub(super) fn give_stack(&mut self, stack: DefaultStack) {
        self.stack = Some(stack);
    }

    /// Keeps a compiled function; returns its slot.
    pub(super) fn keep(&mut self, vm: &Vm, function: mlua::Function) -> mlua::Result<usize> {
        vm.functions.raw_set(self.next_slot + 1, function)?;
        self.next_slot += 1;
        Ok(self.next_slot)
    }

    /// Lets go of a compiled function.
    pub(super) fn forget(&mut self, slot: usize) {
        if let Some(vm) = &self.vm.0 {
            // Only a table's growth can fail.
            let _ = vm.functions.raw_set(slot, mlua::Value::Nil);
        }
    }

    pub(super) fn give_out(&mut self, mut out: Out) {
        out.clear();
        self.out = out;
    }

    /// Lets Lua forget everything; libraries are compiled again from their sources.
    fn restart(&mut self) {
        self.vm.0 = None;
        self.entered = false;
        self.scripts.clear();
        (self.script_bytes, self.next_slot, self.kept) = (0, 0, 0);
    }
}

type Compiled = (mlua::Function, Declared);

/// Compiles a script and keeps it in the cache, if there is room.
fn compile(engine: &mut Engine, vm: &Vm, sha: &str, body: &[u8]) -> Result<Compiled, String> {
    let (declared, code) = shebang::script(body)?;
    let function = vm
        .compile(code, "@user_script", &vm.globals)
        .map_err(|text| format!("ERR Error compiling script (new function): {text}"))?;
    let room = engine.settings.script_cache_max_memory;
    let scripting = &mut engine.scripting;
    if scripting.script_bytes + body.len() + SCRIPT_OVERHEAD <= room {
        let slot =
            scripting.keep(vm, function.clone()).map_err(|error| format!("ERR {}", text_of(&error)))?;
        scripting.script_bytes += body.len() + SCRIPT_OVERHEAD;
        scripting.scripts.insert(sha.to_owned(), Script { slot, declared });
    }
    Ok((function, declared))
}

/// A cached script.
fn cached(engine: &Engine, vm: &Vm, sha: &str) -> Option<Compiled> {
    let script = engine.scripting.scripts.get(sha)?;
    Some((vm.functions.raw_get(script.slot).ok()?, script.declared))
}

type Words<'a> = &'a [&'a [u8]];

/// The words after the script: keys and arguments.
pub(super) fn keys_and_args<'a>(args: Words<'a>) -> Result<(Words<'a>, Words<'a>), &'static str> {
    let count = parse_int(args[2]).ok_or(NOT_INTEGER)?;
    if count > args.len() as i64 - 3 {
        return Err("ERR Number of keys can't be greater than number of args");
    }
    let count = usize::try_from(count).map_err(|_| "ERR Number of keys can't be negative")?;
    Ok(args[3..].split_at(count))
}

fn eval(cx: &mut Cx<'_>, args: &[&[u8]], read_only: bool) {
    let sha = cx.engine.scripting.sha_of(args[1]);
    start(cx, args, sha, Some(args[1]), read_only);
}

fn evalsha(cx: &mut Cx<'_>, args: &[&[u8]], read_only: bool) {
    if args[1].len() != 40 {
        return cx.error(NO_SCRIPT);
    }
    let sha = String::from_utf8_lossy(args[1]).to_ascii_lowercase();
    start(cx, args, sha, None, read_only);
}

fn start(cx: &mut Cx<'_>, args: &[&[u8]], sha: String, body: Option<&[u8]>, read_only: bool) {
    if let Err(text) = try_start(cx, args, sha, body, read_only) {
        cx.error(&text);
    }
}

fn try_start(
    cx: &mut Cx<'_>,
    args: &[&[u8]],
    sha: String,
    body: Option<&[u8]>,
    read_only: bool,
) -> Result<(), String> {
    let (keys, argv) = keys_and_args(args)?;
    let vm = cx.engine.script_vm()?;
    let (function, declared) = match (cached(cx.engine, &vm, &sha), body) {
        (Some(found), _) => found,
        (None, Some(body)) => compile(cx.engine, &vm, &sha, body)?,
        (None, None) => return Err(NO_SCRIPT.to_owned()),
    };
    cx.show_monitors(args);
    let unlimited = Unlimited::begin(&vm.lua, args.iter().map(|arg| arg.len()).sum());
    let set = || -> mlua::Result<()> {
        vm.base.raw_set(&vm.keys_name, vm.list(keys)?)?;
        vm.base.raw_set(&vm.argv_name, vm.list(argv)?)
    };
    set().map_err(|error| format!("ERR {}", text_of(&error)))?;
    drop(unlimited);
    run::run(cx, Job { vm, function, keys: None, name: sha, declared, read_only }, args);
    Ok(())
}

impl Engine {
    /// The Lua state, made if there is none.
    pub(super) fn script_vm(&mut self) -> Result<Rc<Vm>, String> {
        if self.scripting.entered {
            // A panic left a script in the middle of its run: that state may be used no more.
            self.flush_scripts();
        }
        let limit = self.settings.lua_memory_limit;
        self.scripting.vm(limit)
    }

    /// Compiles a script and caches it; returns its SHA-1, or the error's text.
    pub fn load_script(&mut self, body: &[u8]) -> Result<String, String> {
        let sha = sha1_hex(body);
        let vm = self.script_vm()?;
        if cached(self, &vm, &sha).is_none() {
            compile(self, &vm, &sha, body)?;
        }
        if !self.has_script(&sha) {
            return Err("ERR The cache of scripts is full (script-cache-max-memory): use SCRIPT FLUSH".into());
        }
        Ok(sha)
    }

    /// Whether a script is cached; the SHA-1 in lower case.
    pub fn has_script(&self, sha: &str) -> bool {
        self.scripting.scripts.contains_key(sha)
    }

    /// Lets Lua forget everything but the libraries, which are compiled again.
    pub fn flush_scripts(&mut self) {
        self.scripting.restart();
        self.reload_libraries();
    }

    /// What INFO tells of scripts.
    pub fn script_figures(&self) -> ScriptFigures {
        let scripting = &self.scripting;
        ScriptFigures {
            cached: scripting.scripts.len(),
            lua_memory: scripting.vm.0.as_ref().map_or(0, |vm| vm.lua.used_memory()),
            source_bytes: scripting.script_bytes,
            functions: scripting.libraries.function_count(),
            libraries: scripting.libraries.len(),
        }
    }
}
