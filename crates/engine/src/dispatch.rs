//! From a parsed request to an executed command: look up, check, run, account.
//!
//! The checks stand in Redis's order, because clients see which error comes first: unknown command, arity,
//! authentication, memory, pause.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dozo_wire::Mark;
use dozo_wire::resp::{Proto, Span};

use crate::cx::Cx;
use crate::effects::Cause;
use crate::engine::{Engine, Flow};
use crate::flags::Flags;
use crate::host::Level;
use crate::secrets;
use crate::session::{ReplyMode, Session};
use crate::table::{Command, Implementation, Lookup};

/// Commands of at most this many arguments need no allocation.
const ARGS_INLINE: usize = 8;
/// A command that took longer than this makes the batch's time stale.
const REFRESH_TIME_NS: u64 = 1_000_000;
/// Bytes of arguments shown in an unknown-command error, as in Redis.
const ERROR_ARGS_BYTES: usize = 128;

/// What a RESP2 connection that is subscribed may call: its other replies could not be told from messages.
const SUBSCRIBERS_MAY: &str = "(P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET";

/// What became of one request.
pub(crate) enum Verdict {
    /// Answered.
    Done,
    /// Not run; feed it again later.
    Hold(Flow),
}

impl Engine {
    /// Runs a request whose arguments lie in `buf`.
    #[inline]
    pub(crate) fn run_spans(
        &mut self,
        session: &mut Session,
        buf: &[u8],
        spans: &[Span],
        clock: &mut u64,
    ) -> Verdict {
        let bytes = |span: &Span| &buf[span.start as usize..][..span.len as usize];
        if spans.len() > ARGS_INLINE {
            let args: Vec<&[u8]> = spans.iter().map(bytes).collect();
            return self.run(session, &args, clock);
        }
        let mut args: [&[u8]; ARGS_INLINE] = [&[]; ARGS_INLINE];
        for (arg, span) in args.iter_mut().zip(spans) {
            *arg = bytes(span);
        }
        self.run(session, &args[..spans.len()], clock)
    }

    pub(crate) fn run(&mut self, session: &mut Session, args: &[&[u8]], clock: &mut u64) -> Verdict {
        let row = match self.table.find(args) {
            Lookup::Found(row) => row,
            other => {
                if is_http(args) {
                    return self.close_browser(session);
                }
                let text = unknown_text(self, &other, args);
                return self.refuse(session, None, &text);
            }
        };
        let command = self.table.row(row);
        let flags = command.flags;
        if !command.accepts(args.len()) {
            let text = format!("ERR wrong number of arguments for '{}' command", command.name);
            return self.refuse(session, Some(row), text.as_bytes());
        }
        if !session.authenticated && !flags.has(Flags::NO_AUTH) {
            return self.refuse(session, Some(row), b"NOAUTH Authentication required.");
        }
        let Standing { queues, flags, foreign } = standing(session, command);
        if queues && flags.has(Flags::NO_MULTI) {
            return self.refuse(session, Some(row), b"ERR Command not allowed inside a transaction");
        }
        if foreign && !self.attached {
            return Verdict::Hold(Flow::NeedHost);
        }
        if self.pause.is_some() && self.is_held_back(flags) {
            return Verdict::Hold(Flow::Blocked);
        }
        if self.is_loading() && !flags.has(Flags::LOADING) {
            return self.refuse(session, Some(row), b"LOADING Redis is loading the dataset in memory");
        }
        if self.is_busy() {
            if !flags.has(Flags::ALLOW_BUSY) {
                let text = self.busy_text();
                return self.refuse(session, Some(row), text.as_bytes());
            }
        } else if self.ks.over_limit() && !self.make_room() && (queues || flags.has(Flags::DENYOOM)) {
            return self.refuse(
                session,
                Some(row),
                b"OOM command not allowed when used memory > 'maxmemory'.",
            );
        }
        if let Some(text) = self.refusal_of(row, flags) {
            return self.refuse(session, Some(row), text.as_bytes());
        }
        if session.subscriptions.is_some() && session.proto == Proto::Resp2 {
            let name = &self.table.row(row).name;
            if !serves_subscribers(name) {
                let text =
                    format!("ERR Can't execute '{name}': only {SUBSCRIBERS_MAY} are allowed in this context");
                return self.refuse(session, Some(row), text.as_bytes());
            }
        }
        if queues {
            self.queue(session, row, args);
            return Verdict::Done;
        }
        if self.must_fetch(session, row, args) {
            return Verdict::Hold(Flow::Fetching);
        }
        self.execute_and_account(session, row, args, clock);
        Verdict::Done
    }

    /// Why a command can't run while the disk fails; as in Redis a PING tells of it too.
    #[inline]
    fn refusal_of(&self, row: u32, flags: Flags) -> Option<String> {
        let text = self.persistence.refusal.as_ref()?;
        (flags.has(Flags::WRITE) || self.table.row(row).name == "ping").then(|| text.clone())
    }

    fn execute_and_account(&mut self, session: &mut Session, row: u32, args: &[&[u8]], clock: &mut u64) {
        let mark = session.out.mark();
        session.last_command = Some(row);
        session.last_active_ms = self.ks.now();
        session.commands += 1;
        self.stats.commands += 1;
        if session.reply_mode == ReplyMode::SkipNext {
            session.reply_mode = ReplyMode::Skip;
        }
        self.run_accounted(session, row, args, clock);
        if session.wish.is_some() {
            self.begin_waiting(session, args);
        } else {
            silence(session, mark);
        }
        self.put_own_pushes(session, mark);
        self.after_change(Some(session));
        if self.tracking.is_active() {
            self.end_caching(session, Some(row));
        }
    }

    /// Runs a command and counts its call, its time and its error. One that begins to wait is counted when it ends.
    pub(crate) fn run_accounted(&mut self, session: &mut Session, row: u32, args: &[&[u8]], clock: &mut u64) {
        let start_byte = session.out.bytes.len();
        self.execute(session, row, args, 0);
        // As in Redis a command is shown once it has run, and one that waits when it begins to.
        if self.monitors > 0 && !session.retrying {
            self.feed_monitors(session.db, &session.peer.addr, row, args);
        }
        if session.wish.is_some() || session.in_script {
            return;
        }
        let failed = session.out.bytes.get(start_byte) == Some(&b'-');
        if failed {
            self.stats.count_error(&session.out.bytes[start_byte + 1..]);
        }
        let now = self.clock.monotonic_ns();
        let elapsed = now - *clock;
        *clock = now;
        let histogram = self.settings.latency_tracking;
        self.table.row_mut(row).stats.record(elapsed, failed, histogram);
        if elapsed > REFRESH_TIME_NS && self.atomic == 0 {
            self.begin_batch();
        }
        self.note_slow(session, row, args, elapsed);
    }

    /// Puts a command into the transaction that MULTI has begun.
    fn queue(&mut self, session: &mut Session, row: u32, args: &[&[u8]]) {
        let command = self.table.row(row);
        let foreign = matches!(command.implementation, Implementation::Foreign(_));
        if let Some(transaction) = &mut session.transaction {
            transaction.needs_host |= foreign;
            transaction.push(row, command.flags, args);
        }
        session.last_command = Some(row);
        session.last_active_ms = self.ks.now();
        session.commands += 1;
        self.stats.commands += 1;
        let mark = session.out.mark();
        if session.reply_mode == ReplyMode::SkipNext {
            session.reply_mode = ReplyMode::Skip;
        }
        session.reply().simple("QUEUED");
        silence(session, mark);
    }

    /// Slow log and latency monitor.
    #[inline]
    pub(crate) fn note_slow(&mut self, session: &Session, row: u32, args: &[&[u8]], elapsed_ns: u64) {
        let flags = self.table.row(row).flags;
        let threshold = self.settings.slowlog_log_slower_than;
        if threshold >= 0 && elapsed_ns / 1000 >= threshold as u64 && !flags.has(Flags::SKIP_SLOWLOG) {
            let redacted = secrets::redact(&self.table.row(row).name, args);
            let shown = redacted.as_deref().unwrap_or(args);
            let seconds = self.ks.now() / 1000;
            self.slowlog.push(session, shown, seconds, elapsed_ns / 1000, self.settings.slowlog_max_len);
        }
        if self.settings.latency_monitor_threshold != 0 {
            let event = if flags.has(Flags::FAST) { "fast-command" } else { "command" };
            let threshold = self.settings.latency_monitor_threshold;
            self.latency.record(event, elapsed_ns / 1_000_000, self.ks.now() / 1000, threshold);
        }
    }

    /// Runs a command that has passed its checks and makes its effect.
    pub(crate) fn execute(&mut self, session: &mut Session, row: u32, args: &[&[u8]], depth: u32) {
        let command = self.table.row(row);
        let implementation = command.implementation;
        let (dirty, db) = (self.ks.dirty(), session.db);
        let mut grouped = false;
        let mut cx = Cx::new(self, session, depth);
        match implementation {
            Implementation::Hot(run) => run(&mut cx, args),
            Implementation::Foreign(id) => match cx.engine.host() {
                Some(host) => {
                    // A function may make several effects; they are one change.
                    cx.engine.effects.begin_group();
                    host.call(id, &mut cx, args);
                    grouped = true;
                }
                None => cx.error("ERR this command needs Python, and there is none"),
            },
            Implementation::Container => cx.error("ERR this command needs a subcommand"),
        }
        let settled = cx.effect_settled;
        self.record_notices();
        // Also without the write flag: a change that a command forgot to announce must not be lost.
        if self.ks.dirty() != dirty {
            session.wrote = true;
            if !settled {
                self.effects.record(db, args, Cause::Command);
            }
        }
        if grouped {
            self.effects.end_group();
        }
        if self.tracking.is_active() {
            self.track(session, row, args);
        }
    }

    /// A command called by a command: no authentication, pause or accounting, the same checks otherwise.
    pub(crate) fn run_nested(&mut self, session: &mut Session, args: &[&[u8]], depth: u32) {
        let row = match self.table.find(args) {
            Lookup::Found(row) => row,
            other => {
                let text = unknown_text(self, &other, args);
                return session.reply().error_bytes(&text);
            }
        };
        let command = self.table.row(row);
        if !command.accepts(args.len()) {
            let text = format!("ERR wrong number of arguments for '{}' command", command.name);
            return session.reply().error(&text);
        }
        if command.flags.has(Flags::NOSCRIPT) {
            return session.reply().error("ERR This command is not allowed from a command");
        }
        if command.flags.has(Flags::DENYOOM) && !self.make_room() {
            return session.reply().error("OOM command not allowed when used memory > 'maxmemory'.");
        }
        self.execute(session, row, args, depth);
    }

    /// Runs one command for a caller without a socket (a gateway, the library, a test). The reply is appended to
    /// the session's output. Python commands need the interpreter attached.
    pub fn call(&mut self, session: &mut Session, args: &[&[u8]]) {
        self.begin_batch();
        let mut clock = self.clock.monotonic_ns();
        self.with_host(|engine| engine.call_attached(session, args, &mut clock));
        self.end_batch();
    }

    fn call_attached(&mut self, session: &mut Session, args: &[&[u8]], clock: &mut u64) {
        match catch_unwind(AssertUnwindSafe(|| self.run(session, args, clock))) {
            Ok(Verdict::Done) => {}
            Ok(Verdict::Hold(_)) => session.reply().error("BUSY clients are paused"),
            Err(_) => {
                self.abandon_atomic();
                session.reply().error("ERR internal error");
            }
        }
        // Nobody could send it what it would watch.
        self.monitors -= usize::from(std::mem::take(&mut session.monitor));
    }

    /// Closes without an answer: what follows may be commands that a web page had a browser send.
    #[cold]
    fn close_browser(&mut self, session: &mut Session) -> Verdict {
        if let Some(host) = self.host() {
            let addr = &session.peer.addr;
            host.log(
                Level::Warning,
                &format!("Closed client {addr}: it speaks HTTP, a possible attack through a browser"),
            );
        }
        session.close_after_reply = true;
        Verdict::Done
    }

    /// Answers an error for a command that was not run.
    #[cold]
    fn refuse(&mut self, session: &mut Session, row: Option<u32>, text: &[u8]) -> Verdict {
        if let Some(row) = row {
            self.table.row_mut(row).stats.rejected += 1;
        }
        self.stats.commands += 1;
        self.stats.count_error(text);
        if self.tracking.is_active() {
            self.end_caching(session, row);
        }
        let mut aborted = Vec::new();
        let text = if row.is_some_and(|row| self.table.row(row).name == "exec") {
            self.discard_transaction(session);
            aborted.extend_from_slice(b"EXECABORT Transaction discarded because of: ");
            aborted.extend_from_slice(text.strip_prefix(b"ERR ").unwrap_or(text));
            &aborted
        } else {
            text
        };
        if let Some(transaction) = &mut session.transaction {
            transaction.aborted = true;
        }
        match session.reply_mode {
            ReplyMode::Off | ReplyMode::Skip => {}
            ReplyMode::On => session.reply().error_bytes(text),
            ReplyMode::SkipNext => session.reply_mode = ReplyMode::On,
        }
        Verdict::Done
    }
}

/// How a session's transaction changes what is checked before a command.
struct Standing {
    /// It is queued, not run.
    queues: bool,
    /// Its flags; for EXEC with those of all it would run.
    flags: Flags,
    /// To run it takes Python.
    foreign: bool,
}

#[inline]
fn standing(session: &Session, command: &Command) -> Standing {
    let foreign = matches!(command.implementation, Implementation::Foreign(_));
    match &session.transaction {
        None => Standing { queues: false, flags: command.flags, foreign },
        Some(_) if !command.unqueued => Standing { queues: true, flags: command.flags, foreign: false },
        Some(transaction) if command.name == "exec" => Standing {
            queues: false,
            flags: command.flags.with(transaction.flags),
            foreign: transaction.needs_host && !transaction.aborted,
        },
        Some(_) => Standing { queues: false, flags: command.flags, foreign },
    }
}

/// Takes a reply back that CLIENT REPLY has forbidden.
#[inline]
pub(crate) fn silence(session: &mut Session, mark: Mark) {
    let pushed = std::mem::take(&mut session.push_is_reply);
    if !pushed && matches!(session.reply_mode, ReplyMode::Off | ReplyMode::Skip) {
        session.out.rollback(mark);
    }
    if session.reply_mode == ReplyMode::Skip {
        session.reply_mode = ReplyMode::On;
    }
}

/// Whether the command is one of [`SUBSCRIBERS_MAY`].
fn serves_subscribers(name: &str) -> bool {
    name.ends_with("subscribe") || matches!(name, "ping" | "quit" | "reset")
}

/// The words by which Redis, too, tells a browser: its method, or the header that follows a GET.
fn is_http(args: &[&[u8]]) -> bool {
    args.first().is_some_and(|name| name.eq_ignore_ascii_case(b"POST") || name.eq_ignore_ascii_case(b"Host:"))
}

#[cold]
fn unknown_text(engine: &Engine, lookup: &Lookup, args: &[&[u8]]) -> Vec<u8> {
    let name = args.first().map_or(&b""[..], |name| shown(name, ERROR_ARGS_BYTES));
    if let Lookup::UnknownSubcommand(container) = lookup {
        let sub = args.get(1).map_or(&b""[..], |sub| shown(sub, ERROR_ARGS_BYTES));
        let container = engine.table.row(*container).name.to_ascii_uppercase();
        return [b"ERR unknown subcommand '", sub, b"'. Try ", container.as_bytes(), b" HELP."].concat();
    }
    let mut text = [b"ERR unknown command '", name, b"', with args beginning with: "].concat();
    let end = text.len() + ERROR_ARGS_BYTES;
    for arg in &args[1..] {
        if text.len() >= end {
            break;
        }
        let arg = shown(arg, end - text.len());
        text.extend_from_slice(&[b"'", arg, b"' "].concat());
    }
    text
}

/// The part of an argument that an error shows: at most `max` bytes, and nothing from a NUL on, as in Redis.
fn shown(arg: &[u8], max: usize) -> &[u8] {
    let end = arg.iter().position(|byte| *byte == 0).unwrap_or(arg.len());
    &arg[..end.min(max)]
}
