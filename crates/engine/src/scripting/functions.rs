//! Libraries of functions: FUNCTION and FCALL.
//!
//! A library's source is what is kept, dumped and listed; its functions are compiled when it is loaded.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use mlua::Table;

use super::commands::keys_and_args;
use super::run::{self, Job};
use super::shebang::{self, Declared, set_flag};
use super::vm::{Vm, text_of};
use crate::cx::Cx;

/// Most bytes of all libraries' sources.
const SOURCES_MAX: usize = 64 << 20;

/// One function of a library.
struct Function {
    name: Vec<u8>,
    slot: usize,
    declared: Declared,
    flags: Vec<Vec<u8>>,
    description: Option<Vec<u8>>,
}

struct Library {
    source: Vec<u8>,
    functions: Vec<Function>,
}

/// Every loaded library.
#[derive(Default)]
pub(super) struct Libraries {
    by_name: BTreeMap<Vec<u8>, Library>,
    /// The library of each function and its place there.
    functions: HashMap<Vec<u8>, (Vec<u8>, usize)>,
    bytes: usize,
}

impl Libraries {
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    pub fn function_count(&self) -> usize {
        self.functions.len()
    }

    fn remove(&mut self, name: &[u8]) -> Option<Library> {
        let library = self.by_name.remove(name)?;
        self.bytes -= library.source.len();
        self.functions.retain(|_, (owner, _)| owner != name);
        Some(library)
    }

    fn insert(&mut self, name: Vec<u8>, library: Library) {
        self.bytes += library.source.len();
        for (at, function) in library.functions.iter().enumerate() {
            self.functions.insert(function.name.to_ascii_lowercase(), (name.clone(), at));
        }
        self.by_name.insert(name, library);
    }

    /// All sources, in the order of their names.
    pub(super) fn sources(&self) -> Vec<Vec<u8>> {
        self.by_name.values().map(|library| library.source.clone()).collect()
    }
}

/// FCALL and FCALL_RO.
pub(super) fn fcall(cx: &mut Cx<'_>, args: &[&[u8]], read_only: bool) {
    if let Err(text) = try_fcall(cx, args, read_only) {
        cx.error(&text);
    }
}

fn try_fcall(cx: &mut Cx<'_>, args: &[&[u8]], read_only: bool) -> Result<(), String> {
    let libraries = &cx.engine.scripting.libraries;
    let found = libraries
        .functions
        .get(&args[1].to_ascii_lowercase())
        .and_then(|(library, at)| libraries.by_name.get(library)?.functions.get(*at));
    let Some(Function { name, slot, declared, .. }) = found else {
        return Err("ERR Function not found".to_owned());
    };
    let (slot, declared, name) = (*slot, *declared, String::from_utf8_lossy(name).into_owned());
    let (keys, argv) = keys_and_args(args)?;
    let vm = cx.engine.script_vm()?;
    cx.show_monitors(args);
    let given = || -> mlua::Result<_> {
        Ok((vm.functions.raw_get::<mlua::Function>(slot)?, vm.list(keys)?, vm.list(argv)?))
    };
    let (function, keys, argv) = given().map_err(|error| told(&error))?;
    run::run(cx, Job { vm, function, keys: Some((keys, argv)), name, declared, read_only });
    Ok(())
}

/// FUNCTION LOAD [REPLACE] source.
pub(super) fn load(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let mut replace = false;
    for word in &args[2..args.len() - 1] {
        if !word.eq_ignore_ascii_case(b"replace") {
            return cx.error(&format!("ERR Unknown option given: {}", String::from_utf8_lossy(word)));
        }
        replace = true;
    }
    match load_source(cx, args[args.len() - 1], replace) {
        Ok(name) => {
            cx.reply().bulk(&name);
            cx.effect(args);
        }
        Err(text) => cx.error(&text),
    }
}

/// Compiles a library and puts it in; returns its name.
fn load_source(cx: &mut Cx<'_>, source: &[u8], replace: bool) -> Result<Vec<u8>, String> {
    let (name, code) = shebang::library(source)?;
    let shown = String::from_utf8_lossy(&name).into_owned();
    let libraries = &cx.engine.scripting.libraries;
    if libraries.by_name.contains_key(&name) && !replace {
        return Err(format!("ERR Library '{shown}' already exists"));
    }
    if libraries.bytes + source.len() > SOURCES_MAX {
        return Err("ERR Too much source code in libraries".to_owned());
    }
    let vm = cx.engine.script_vm()?;
    let functions = register(cx, &vm, code)?;
    let libraries = &mut cx.engine.scripting.libraries;
    for function in &functions {
        if libraries
            .functions
            .get(&function.name.to_ascii_lowercase())
            .is_some_and(|(owner, _)| *owner != name)
        {
            let function = String::from_utf8_lossy(&function.name);
            return Err(format!("ERR Function {function} already exists"));
        }
    }
    libraries.remove(&name);
    libraries.insert(name.clone(), Library { source: source.to_vec(), functions });
    Ok(name)
}

/// Runs a library's code, which registers its functions.
fn register(cx: &mut Cx<'_>, vm: &Rc<Vm>, code: &[u8]) -> Result<Vec<Function>, String> {
    let env: Table = vm.environment.call(true).map_err(|error| told(&error))?;
    let compiled = vm.compile(code, "@user_function", &env);
    vm.exchange.registered.borrow_mut().clear();
    let loaded = compiled
        .map_err(|text| format!("ERR Error compiling function: {text}"))
        .and_then(|chunk| run::load(cx, vm, chunk));
    vm.environment.call::<Table>(false).map_err(|error| told(&error))?;
    loaded?;
    let registered = std::mem::take(&mut *vm.exchange.registered.borrow_mut());
    if registered.is_empty() {
        return Err("ERR No functions registered".to_owned());
    }
    let mut functions = Vec::with_capacity(registered.len());
    for made in registered {
        let mut declared = Declared::default();
        made.flags.iter().for_each(|flag| {
            set_flag(&mut declared, flag);
        });
        let slot = cx.engine.scripting.next_slot + 1;
        vm.functions.raw_set(slot, made.function).map_err(|error| told(&error))?;
        cx.engine.scripting.next_slot = slot;
        let (name, flags, description) = (made.name, made.flags, made.description);
        functions.push(Function { name, slot, declared, flags, description });
    }
    Ok(functions)
}

fn told(error: &mlua::Error) -> String {
    format!("ERR {}", text_of(error))
}

/// FUNCTION DELETE library.
pub(super) fn delete(cx: &mut Cx<'_>, args: &[&[u8]]) {
    if cx.engine.scripting.libraries.remove(args[2]).is_none() {
        return cx.error("ERR Library not found");
    }
    cx.reply().ok();
    cx.effect(args);
}

/// FUNCTION FLUSH [ASYNC | SYNC].
pub(super) fn flush(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let known =
        args.get(2).is_none_or(|how| how.eq_ignore_ascii_case(b"sync") || how.eq_ignore_ascii_case(b"async"));
    if !known || args.len() > 3 {
        return cx.error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
    }
    cx.engine.scripting.libraries = Libraries::default();
    cx.reply().ok();
    cx.effect(args);
}

/// FUNCTION LIST [LIBRARYNAME pattern] [WITHCODE].
pub(super) fn list(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let (mut pattern, mut code, mut at) = (None, false, 2);
    while at < args.len() {
        let word = args[at];
        if word.eq_ignore_ascii_case(b"withcode") && !code {
            code = true;
        } else if word.eq_ignore_ascii_case(b"libraryname") && pattern.is_none() {
            at += 1;
            let Some(given) = args.get(at) else {
                return cx.error("ERR library name argument was not given");
            };
            pattern = Some(*given);
        } else {
            return cx.error(&format!("ERR Unknown argument {}", String::from_utf8_lossy(word)));
        }
        at += 1;
    }
    let libraries = std::mem::take(&mut cx.engine.scripting.libraries);
    let wanted = |name: &&Vec<u8>| pattern.is_none_or(|pattern| crate::glob::glob(pattern, name));
    let names: Vec<&Vec<u8>> = libraries.by_name.keys().filter(wanted).collect();
    cx.reply().array(names.len());
    for name in names {
        write_library(cx, name, &libraries.by_name[name], code);
    }
    cx.engine.scripting.libraries = libraries;
}

fn write_library(cx: &mut Cx<'_>, name: &[u8], library: &Library, code: bool) {
    let mut reply = cx.reply();
    reply.map(3 + usize::from(code));
    reply.bulk(b"library_name");
    reply.bulk(name);
    reply.bulk(b"engine");
    reply.bulk(b"LUA");
    reply.bulk(b"functions");
    reply.array(library.functions.len());
    for function in &library.functions {
        reply.map(3);
        reply.bulk(b"name");
        reply.bulk(&function.name);
        reply.bulk(b"description");
        match &function.description {
            Some(text) => reply.bulk(text),
            None => reply.null(),
        }
        reply.bulk(b"flags");
        reply.set(function.flags.len());
        function.flags.iter().for_each(|flag| reply.simple_bytes(flag));
    }
    if code {
        reply.bulk(b"library_code");
        reply.bulk(&library.source);
    }
}

/// FUNCTION STATS: what runs, and how much there is.
pub(super) fn stats(cx: &mut Cx<'_>, _: &[&[u8]]) {
    let libraries = &cx.engine.scripting.libraries;
    let counts = (libraries.len(), libraries.function_count());
    let mut reply = cx.reply();
    reply.map(2);
    reply.bulk(b"running_script");
    reply.null();
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.int(counts.0 as i64);
    reply.bulk(b"functions_count");
    reply.int(counts.1 as i64);
}

/// Compiles every library again, after the Lua state was made anew.
pub(super) fn reload(cx: &mut Cx<'_>) {
    for source in cx.engine.scripting.libraries.sources() {
        // It compiled before.
        let _ = load_source(cx, &source, true);
    }
}
