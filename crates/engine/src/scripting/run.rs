//! One run of a script: its coroutine, the commands it calls, and what becomes of its result.

use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::time::{Duration, Instant};

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};
use dozo_wire::resp::Proto;
use mlua::{Table, Value};

use super::convert;
use super::shebang::Declared;
use super::vm::{Ask, Exchange, Unlimited, Vm, text_of};
use crate::cx::{Cx, MAX_CALL_REPLY, whole};
use crate::engine::Engine;
use crate::flags::Flags;
use crate::host::Level;
use crate::session::{ReplyMode, Session};
use crate::table::Lookup;

/// What a killed script's caller hears.
pub(super) const KILLED: &str = "Script killed by user with SCRIPT KILL...";
/// Longest that a library may take to load.
const LOAD_TIMEOUT: Duration = Duration::from_millis(500);
const OOM: &str = "OOM command not allowed when used memory > 'maxmemory'.";
/// Bytes of a script's stack; the system gives memory to what is touched only.
pub(super) const STACK_BYTES: usize = 2 << 20;
/// Commands of at most this many arguments need no allocation.
const ARGS_INLINE: usize = 8;

type Outcome = mlua::Result<(bool, Value)>;

/// How a script is to be run.
pub(super) struct Job {
    pub vm: Rc<Vm>,
    pub function: mlua::Function,
    /// Given as arguments (a function of a library) or as globals (a script).
    pub keys: Option<(Table, Table)>,
    /// As errors name it.
    pub name: String,
    pub declared: Declared,
    /// EVAL_RO and its like.
    pub read_only: bool,
}

/// A script that has begun.
pub(super) struct Running {
    /// Dropped unfinished it would be unwound through Lua's frames: then it is rather left in memory.
    routine: ManuallyDrop<Coroutine<(), Ask, Outcome, DefaultStack>>,
    pub exchange: Rc<Exchange>,
    pub rules: Rules,
    pub name: String,
    /// A function of a library, not a script.
    pub function: bool,
    /// Database of the client that called it.
    db: usize,
    /// It may be left standing when its time is up, so that others are served.
    pub may_pause: bool,
}

/// What its commands may do.
pub(super) struct Rules {
    read_only: bool,
    /// Memory was short when it began, and it may not take more.
    starved: bool,
    /// It has called a command that writes: it can't be killed any more.
    pub wrote: bool,
}

/// Runs a script and writes its one reply, or leaves it standing and writes none yet.
pub(super) fn run(cx: &mut Cx<'_>, job: Job, args: &[&[u8]]) {
    let starved = cx.engine.ks.over_limit();
    if let Some(text) = refusal(&job, starved) {
        return cx.error(text);
    }
    let mut running = match begin(cx, job, starved) {
        Ok(running) => running,
        Err(error) => return cx.error(&format!("ERR no stack for a script: {error}")),
    };
    cx.engine.scripting.entered = true;
    cx.engine.begin_atomic();
    cx.effect_settled = true;
    match drive(cx, &mut running) {
        Some(outcome) => end(cx, running, outcome),
        None => cx.engine.suspend(cx.session, running, args),
    }
}

fn begin(cx: &mut Cx<'_>, job: Job, starved: bool) -> std::io::Result<Running> {
    let stack = cx.engine.scripting.take_stack()?;
    let Job { vm, function, keys, name, declared, read_only } = job;
    let exchange = Rc::clone(&vm.exchange);
    exchange.resp3.set(false);
    exchange.killed.set(false);
    let limit = cx.engine.settings.busy_reply_threshold;
    exchange.deadline.set((limit > 0).then(|| Instant::now() + Duration::from_millis(limit as u64)));
    let shared = Rc::clone(&exchange);
    let is_function = keys.is_some();
    let routine = Coroutine::with_stack(stack, move |yielder, ()| {
        shared.yielder.set(std::ptr::from_ref(yielder));
        let outcome = match keys {
            Some((keys, args)) => vm.run.call((function, keys, args)),
            None => vm.run.call(function),
        };
        shared.yielder.set(std::ptr::null());
        outcome
    });
    let rules = Rules {
        read_only: read_only || declared.no_writes,
        starved: starved && !declared.allow_oom,
        wrote: false,
    };
    // Within a transaction there is nobody who could go on with its other commands later.
    let may_pause = cx.depth == 0
        && cx.engine.atomic == 0
        && cx.session.id != 0
        && cx.session.reply_mode == ReplyMode::On;
    let (routine, db) = (ManuallyDrop::new(routine), cx.session.db);
    Ok(Running { routine, exchange, rules, name, function: is_function, db, may_pause })
}

/// Answers a script that has ended and gives back what it used.
pub(super) fn end(cx: &mut Cx<'_>, running: Running, outcome: Outcome) {
    let Running { routine, exchange, name, db, .. } = running;
    cx.engine.end_atomic();
    cx.session.db = db;
    cx.engine.scripting.give_stack(ManuallyDrop::into_inner(routine).into_stack());
    cx.engine.scripting.entered = false;
    let vm = cx.engine.script_vm().ok();
    let unlimited = vm.as_ref().and_then(|vm| Unlimited::begin(&vm.lua, 0));
    finish(cx, outcome, &name, exchange.resp3.get());
    drop(unlimited);
    cx.engine.scripting.collect(cx.engine.settings.lua_memory_limit);
}

/// Runs the code of a library that is being loaded; it calls no commands.
pub(super) fn load(engine: &mut Engine, vm: &Rc<Vm>, chunk: mlua::Function) -> Result<(), String> {
    let stack = engine.scripting.take_stack().map_err(|error| format!("ERR no stack: {error}"))?;
    let (exchange, shared, vm) = (Rc::clone(&vm.exchange), Rc::clone(&vm.exchange), Rc::clone(vm));
    exchange.killed.set(false);
    exchange.loading.set(true);
    exchange.deadline.set(Some(Instant::now() + LOAD_TIMEOUT));
    engine.scripting.entered = true;
    let mut routine = ManuallyDrop::new(Coroutine::with_stack(stack, move |yielder, ()| {
        shared.yielder.set(std::ptr::from_ref(yielder));
        let outcome: Outcome = vm.run.call(chunk);
        shared.yielder.set(std::ptr::null());
        outcome
    }));
    let outcome = loop {
        match routine.resume(()) {
            CoroutineResult::Return(outcome) => break outcome,
            CoroutineResult::Yield(_) => exchange.killed.set(true),
        }
    };
    exchange.loading.set(false);
    write_log(engine, &exchange);
    engine.scripting.give_stack(ManuallyDrop::into_inner(routine).into_stack());
    engine.scripting.entered = false;
    let text = match outcome {
        Ok((true, _)) => return Ok(()),
        _ if exchange.killed.get() => "FUNCTION LOAD timeout".to_owned(),
        Ok((false, Value::Table(error))) => match error.raw_get("err") {
            Ok(Value::String(text)) => text.to_string_lossy(),
            _ => "ERR unknown error".to_owned(),
        },
        Ok(_) => "ERR execution failure".to_owned(),
        Err(error) => text_of(&error),
    };
    Err(format!("ERR Error registering functions: {text}"))
}

/// Why a script may not begin.
fn refusal(job: &Job, starved: bool) -> Option<&'static str> {
    let declared = job.declared;
    if declared.legacy {
        return None;
    }
    if starved && !declared.allow_oom && !declared.no_writes {
        return Some(
            "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
        );
    }
    (job.read_only && !declared.no_writes)
        .then_some("ERR Can not execute a script with write flag using *_ro command.")
}

/// Serves the script until it ends; `None` when its time is up and it is left standing.
pub(super) fn drive(cx: &mut Cx<'_>, running: &mut Running) -> Option<Outcome> {
    loop {
        let step = running.routine.resume(());
        write_log(cx.engine, &running.exchange);
        match step {
            CoroutineResult::Return(outcome) => return Some(outcome),
            CoroutineResult::Yield(Ask::Command) => command(cx, running),
            CoroutineResult::Yield(Ask::Known) => known(cx, running),
            CoroutineResult::Yield(Ask::Late) if running.may_pause => return None,
            CoroutineResult::Yield(Ask::Late) => late(running),
        }
    }
}

/// A script that can't be left standing is stopped, unless it has written: that would leave half of its changes.
fn late(running: &Running) {
    running.exchange.deadline.set(None);
    running.exchange.killed.set(!running.rules.wrote);
}

fn write_log(engine: &Engine, exchange: &Exchange) {
    let mut lines = exchange.lines.borrow_mut();
    if lines.is_empty() {
        return;
    }
    for (level, text) in lines.drain(..) {
        let level = match level {
            0 => Level::Debug,
            1 | 2 => Level::Info,
            _ => Level::Warning,
        };
        if let Some(host) = engine.host() {
            host.log(level, &String::from_utf8_lossy(&text));
        }
    }
}

/// Says in `reply` whether the command exists.
fn known(cx: &Cx<'_>, running: &Running) {
    let words = running.exchange.args.borrow();
    let args: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let mut reply = running.exchange.reply.borrow_mut();
    reply.clear();
    if let Lookup::Found(row) = cx.engine.table.find(&args)
        && cx.engine.table.row(row).accepts(args.len())
    {
        reply.push(b'+');
    }
}

/// Runs the command that the script asks for.
fn command(cx: &mut Cx<'_>, running: &mut Running) {
    let words = running.exchange.args.borrow();
    let outer_out = std::mem::take(&mut cx.session.out);
    let proto = if running.exchange.resp3.get() { Proto::Resp3 } else { Proto::Resp2 };
    let outer_proto = std::mem::replace(&mut cx.session.proto, proto);
    let depth = cx.depth + 1;
    if words.len() > ARGS_INLINE {
        let args: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        cx.engine.run_scripted(cx.session, &args, depth, &mut running.rules);
    } else {
        let mut args: [&[u8]; ARGS_INLINE] = [&[]; ARGS_INLINE];
        args.iter_mut().zip(words.iter()).for_each(|(arg, word)| *arg = word);
        cx.engine.run_scripted(cx.session, &args[..words.len()], depth, &mut running.rules);
    }
    cx.session.proto = outer_proto;
    let out = whole(std::mem::replace(&mut cx.session.out, outer_out));
    let mut reply = running.exchange.reply.borrow_mut();
    reply.clear();
    out.for_each_part(|part| reply.extend_from_slice(part));
    cx.engine.scripting.give_out(out);
}

impl Engine {
    /// A command called by a script: Redis's rules for scripts, and the accounting of any command.
    fn run_scripted(&mut self, session: &mut Session, args: &[&[u8]], depth: u32, rules: &mut Rules) {
        std::mem::swap(&mut session.out, &mut self.scripting.out);
        session.out.set_limit(MAX_CALL_REPLY);
        let start = self.clock.monotonic_ns();
        let row = match self.scripted_row(args, rules) {
            Ok(row) => row,
            Err(text) => {
                self.stats.count_error(text.as_bytes());
                return session.reply().error(text);
            }
        };
        self.stats.commands += 1;
        self.execute(session, row, args, depth);
        if self.monitors > 0 {
            self.feed_monitors(session.db, "lua", row, args);
        }
        let failed = session.out.bytes.first() == Some(&b'-');
        if failed {
            self.stats.count_error(&session.out.bytes[1..]);
        }
        let elapsed = self.clock.monotonic_ns() - start;
        let histogram = self.settings.latency_tracking;
        self.table.row_mut(row).stats.record(elapsed, failed, histogram);
    }

    /// The row of a command that a script may run now.
    fn scripted_row(&mut self, args: &[&[u8]], rules: &mut Rules) -> Result<u32, &'static str> {
        let Lookup::Found(row) = self.table.find(args) else {
            return Err("ERR Unknown Redis command called from script");
        };
        let command = self.table.row(row);
        let flags = command.flags;
        if !command.accepts(args.len()) {
            return Err("ERR Wrong number of args calling Redis command from script");
        }
        if flags.has(Flags::NOSCRIPT) {
            return Err("ERR This Redis command is not allowed from script");
        }
        if flags.has(Flags::WRITE.with(Flags::MAY_REPLICATE)) && rules.read_only {
            return Err("ERR Write commands are not allowed from read-only scripts.");
        }
        if rules.starved && !rules.wrote && flags.has(Flags::DENYOOM) {
            return Err(OOM);
        }
        rules.wrote |= flags.has(Flags::WRITE);
        Ok(row)
    }
}

/// Writes the reply of a script that has ended.
fn finish(cx: &mut Cx<'_>, outcome: Outcome, name: &str, resp3: bool) {
    let mark = cx.session.out.mark();
    let written = match outcome {
        Ok((true, value)) => convert::write(&value, &mut cx.reply(), resp3, 0),
        Ok((false, Value::Table(error))) => fail(cx, &error, name),
        // Lua raises this text itself when it has not even the memory for an error of ours.
        Ok((false, Value::String(text))) => Err(mlua::Error::RuntimeError(text.to_string_lossy())),
        Ok((false, _)) => Err(mlua::Error::RuntimeError("execution failure".to_owned())),
        Err(error) => Err(error),
    };
    if let Err(error) = written {
        cx.session.out.rollback(mark);
        cx.error(&format!("ERR Error running script {name}, {}", text_of(&error)));
    }
}

/// Answers an error that the script did not catch.
fn fail(cx: &mut Cx<'_>, error: &Table, name: &str) -> mlua::Result<()> {
    let mut text = match error.raw_get("err")? {
        Value::String(text) => convert::to_nul(&text.as_bytes()).to_vec(),
        _ => b"ERR unknown error".to_vec(),
    };
    if let (Value::String(source), Some(line)) =
        (error.raw_get("source")?, error.raw_get::<Option<i64>>("line")?)
    {
        text.extend_from_slice(
            format!(" script: {name}, on {}:{line}.", source.to_string_lossy()).as_bytes(),
        );
    }
    if error.raw_get::<bool>("ignore_error_stats_update")? {
        cx.engine.stats.counted_already(&text);
    }
    cx.reply().error_bytes(&text);
    Ok(())
}
