//! Lua scripts and functions: EVAL, SCRIPT, FUNCTION, FCALL.
//!
//! A script runs on a stack of its own (a coroutine) and never sees the engine: each command it calls is handed to
//! the executor's stack, run there like any nested command, and its reply handed back. That is why a script can be
//! left standing in the middle when it exceeds its time, while the server goes on serving others.

mod api;
mod bits;
mod cjson;
mod cmsgpack;
mod commands;
mod convert;
mod functions;
mod number;
mod run;
mod shebang;
mod structs;
mod suspend;
mod vm;

pub use commands::ScriptFigures;
pub(crate) use commands::{HOT, Scripting};
pub use functions::{Function, Library};
pub use suspend::Late;
