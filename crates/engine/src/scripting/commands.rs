//! EVAL and its like, and SCRIPT: the cache of scripts by their SHA-1.

use std::collections::HashMap;
use std::rc::Rc;

use corosensei::stack::DefaultStack;
use dozo_wire::Out;

use super::api::sha1_hex;
use super::functions::{self, Libraries};
use super::run::{self, Job, STACK_BYTES};
use super::shebang::{self, Declared};
use super::vm::Vm;
use crate::cx::Cx;
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
    ("function|delete", functions::delete),
    ("function|flush", functions::flush),
    ("function|kill", kill),
    ("function|list", functions::list),
    ("function|load", functions::load),
    ("function|stats", functions::stats),
    ("script|exists", exists),
    ("script|flush", flush),
    ("script|kill", kill),
    ("script|load", load),
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
    /// Bytes of the cached scripts' sources.
    pub script_bytes: usize,
    pub(super) next_slot: usize,
    /// Bytes that were in use after the last whole collection.
    kept: usize,
    pub(super) libraries: Libraries,
    /// Lent to the commands of scripts, so that they need no allocation each.
    pub(super) out: Out,
}

/// What is used by one thread at a time only.
#[derive(Default)]
struct OnExecutor<T>(T);

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

    pub(super) fn take_stack(&mut self) -> std::io::Result<DefaultStack> {
        self.stack.take().map_or_else(|| DefaultStack::new(STACK_BYTES), Ok)
    }

    pub(super) fn give_stack(&mut self, stack: DefaultStack) {
        self.stack = Some(stack);
    }

    pub(super) fn give_out(&mut self, mut out: Out) {
        out.clear();
        self.out = out;
    }

    /// Lets Lua forget everything; libraries are compiled again from their sources.
    fn restart(&mut self) {
        self.vm.0 = None;
        self.scripts.clear();
        (self.script_bytes, self.next_slot, self.kept) = (0, 0, 0);
    }
}

/// Compiles a script and keeps it in the cache, if there is room.
fn compile(cx: &mut Cx<'_>, vm: &Vm, sha: &str, body: &[u8]) -> Result<(mlua::Function, Declared), String> {
    let (declared, code) = shebang::script(body)?;
    let function = vm
        .compile(code, "@user_script", &vm.globals)
        .map_err(|text| format!("ERR Error compiling script (new function): {text}"))?;
    let room = cx.engine.settings.script_cache_max_memory;
    let scripting = &mut cx.engine.scripting;
    if scripting.script_bytes + body.len() <= room {
        let slot = scripting.next_slot + 1;
        vm.functions.raw_set(slot, &function).map_err(|error| format!("ERR {error}"))?;
        scripting.next_slot = slot;
        scripting.script_bytes += body.len();
        scripting.scripts.insert(sha.to_owned(), Script { slot, declared });
    }
    Ok((function, declared))
}

/// A cached script.
fn cached(cx: &Cx<'_>, vm: &Vm, sha: &str) -> Option<(mlua::Function, Declared)> {
    let script = cx.engine.scripting.scripts.get(sha)?;
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
    let sha = sha1_hex(args[1]);
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
    let (function, declared) = match (cached(cx, &vm, &sha), body) {
        (Some(found), _) => found,
        (None, Some(body)) => compile(cx, &vm, &sha, body)?,
        (None, None) => return Err(NO_SCRIPT.to_owned()),
    };
    cx.show_monitors(args);
    let set = || -> mlua::Result<()> {
        vm.base.raw_set(&vm.keys_name, vm.list(keys)?)?;
        vm.base.raw_set(&vm.argv_name, vm.list(argv)?)
    };
    set().map_err(|error| format!("ERR {}", super::vm::text_of(&error)))?;
    run::run(cx, Job { vm, function, keys: None, name: sha, declared, read_only });
    Ok(())
}

impl crate::engine::Engine {
    /// The Lua state, made if there is none.
    pub(super) fn script_vm(&mut self) -> Result<Rc<Vm>, String> {
        let limit = self.settings.lua_memory_limit;
        self.scripting.vm(limit)
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

fn load(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let sha = sha1_hex(args[2]);
    let vm = match cx.engine.script_vm() {
        Ok(vm) => vm,
        Err(text) => return cx.error(&text),
    };
    if cached(cx, &vm, &sha).is_none() {
        if let Err(text) = compile(cx, &vm, &sha, args[2]) {
            return cx.error(&text);
        }
        if cached(cx, &vm, &sha).is_none() {
            return cx.error("ERR The cache of scripts is full (script-cache-max-memory): use SCRIPT FLUSH");
        }
    }
    cx.reply().bulk(sha.as_bytes());
}

fn kill(cx: &mut Cx<'_>, _: &[&[u8]]) {
    cx.error("NOTBUSY No scripts in execution right now.");
}

fn exists(cx: &mut Cx<'_>, args: &[&[u8]]) {
    cx.reply().array(args.len() - 2);
    for sha in &args[2..] {
        let sha = String::from_utf8_lossy(sha).to_ascii_lowercase();
        let found = cx.engine.scripting.scripts.contains_key(&sha);
        cx.reply().int(i64::from(found));
    }
}

fn flush(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let known =
        args.get(2).is_none_or(|how| how.eq_ignore_ascii_case(b"sync") || how.eq_ignore_ascii_case(b"async"));
    if !known || args.len() > 3 {
        return cx.error("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
    }
    cx.engine.scripting.restart();
    functions::reload(cx);
    cx.reply().ok();
}
