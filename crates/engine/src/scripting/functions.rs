//! Libraries of functions. Python says what FUNCTION does with them; FCALL is here.
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
use crate::engine::Engine;
use crate::hot::NOT_INTEGER;

/// FCALL's error for a number of keys that is none.
const BAD_COUNT: &str = "ERR Bad number of keys provided";
/// Most bytes of all libraries' sources.
const SOURCES_MAX: usize = 64 << 20;

/// One function of a library.
pub struct Function {
    /// As it was registered.
    pub name: Vec<u8>,
    /// What it declares, as it wrote it.
    pub flags: Vec<Vec<u8>>,
    /// What it says of itself.
    pub description: Option<Vec<u8>>,
    slot: usize,
    declared: Declared,
}

/// Functions that were loaded together.
pub struct Library {
    /// What FUNCTION LOAD was given.
    pub source: Vec<u8>,
    /// In the order in which they were registered.
    pub functions: Vec<Function>,
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

impl Engine {
    /// The sources of all function libraries, for a snapshot.
    pub fn function_sources(&self) -> Vec<Vec<u8>> {
        self.scripting.libraries.sources()
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
    let (keys, argv) =
        keys_and_args(args).map_err(|text| if text == NOT_INTEGER { BAD_COUNT } else { text })?;
    let vm = cx.engine.script_vm()?;
    cx.show_monitors(args);
    let given = || -> mlua::Result<_> {
        Ok((vm.functions.raw_get::<mlua::Function>(slot)?, vm.list(keys)?, vm.list(argv)?))
    };
    let (function, keys, argv) = given().map_err(|error| told(&error))?;
    run::run(cx, Job { vm, function, keys: Some((keys, argv)), name, declared, read_only }, args);
    Ok(())
}

/// A function with what Lua compiled, before it has a slot.
type Made = (Function, mlua::Function);

impl Engine {
    /// Compiles a library and puts it in; returns its name, or the error's text.
    pub fn load_library(&mut self, source: &[u8], replace: bool) -> Result<Vec<u8>, String> {
        let (name, code) = shebang::library(source)?;
        let shown = String::from_utf8_lossy(&name).into_owned();
        let libraries = &self.scripting.libraries;
        if libraries.by_name.contains_key(&name) && !replace {
            return Err(format!("ERR Library '{shown}' already exists"));
        }
        if libraries.bytes + source.len() > SOURCES_MAX {
            return Err("ERR Too much source code in libraries".to_owned());
        }
        let vm = self.script_vm()?;
        let made = self.register(&vm, code)?;
        let libraries = &self.scripting.libraries;
        for (function, _) in &made {
            let known = libraries.functions.get(&function.name.to_ascii_lowercase());
            if known.is_some_and(|(owner, _)| *owner != name) {
                let function = String::from_utf8_lossy(&function.name);
                return Err(format!("ERR Function {function} already exists"));
            }
        }
        self.remove_library(&name);
        let mut functions = Vec::with_capacity(made.len());
        for (mut function, compiled) in made {
            function.slot = self.scripting.keep(&vm, compiled).map_err(|error| told(&error))?;
            functions.push(function);
        }
        self.scripting.libraries.insert(name.clone(), Library { source: source.to_vec(), functions });
        Ok(name)
    }

    /// Runs a library's code, which registers its functions.
    fn register(&mut self, vm: &Rc<Vm>, code: &[u8]) -> Result<Vec<Made>, String> {
        let env: Table = vm.environment.call(true).map_err(|error| told(&error))?;
        let compiled = vm.compile(code, "@user_function", &env);
        vm.exchange.registered.borrow_mut().clear();
        let loaded = compiled
            .map_err(|text| format!("ERR Error compiling function: {text}"))
            .and_then(|chunk| run::load(self, vm, chunk));
        let registered = std::mem::take(&mut *vm.exchange.registered.borrow_mut());
        vm.environment.call::<Table>(false).map_err(|error| told(&error))?;
        loaded?;
        if registered.is_empty() {
            return Err("ERR No functions registered".to_owned());
        }
        let made = registered.into_iter().map(|made| {
            let mut declared = Declared::default();
            made.flags.iter().for_each(|flag| {
                set_flag(&mut declared, flag);
            });
            let (name, flags, description) = (made.name, made.flags, made.description);
            (Function { name, slot: 0, declared, flags, description }, made.function)
        });
        Ok(made.collect())
    }

    /// Forgets a library and what was compiled of it; whether it was there.
    pub fn remove_library(&mut self, name: &[u8]) -> bool {
        let Some(library) = self.scripting.libraries.remove(name) else { return false };
        for function in &library.functions {
            self.scripting.forget(function.slot);
        }
        true
    }

    /// All libraries, by their names.
    pub fn libraries(&self) -> impl Iterator<Item = (&[u8], &Library)> {
        self.scripting.libraries.by_name.iter().map(|(name, library)| (&**name, library))
    }

    /// Compiles every library again, after the Lua state was made anew.
    pub(super) fn reload_libraries(&mut self) {
        for source in self.scripting.libraries.sources() {
            // It compiled before.
            let _ = self.load_library(&source, true);
        }
    }
}

fn told(error: &mlua::Error) -> String {
    format!("ERR {}", text_of(error))
}
