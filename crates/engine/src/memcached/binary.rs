//! The binary protocol: the same operations, answered in packets.

use dozo_store::{Access, Item, Mark, Str};
use dozo_wire::memcached::binary::{self, Bad, Head, Op, Request, Status};
use dozo_wire::memcached::{Limits, Parsed, Verb};

use super::VERSION;
use super::driver::{self, Step};
use super::ops::{self, Count, Counted, DB, Expiry, Outcome, Store};
use crate::engine::{Engine, Flow};
use crate::session::Session;

/// The only SASL mechanism there is.
const PLAIN: &[u8] = b"PLAIN";
/// The expiry that says: don't create the counter.
const DONT_CREATE: u32 = u32::MAX;

/// Runs the packet at the start of `buf`.
pub(super) fn step(engine: &mut Engine, session: &mut Session, buf: &[u8], limits: &Limits) -> Step {
    match binary::parse(buf, limits) {
        Parsed::Complete(request, consumed) => run(engine, session, &request, consumed),
        Parsed::Incomplete { .. } => Step::Incomplete,
        Parsed::Bad(bad) => refuse(engine, session, &bad),
    }
}

fn refuse(engine: &mut Engine, session: &mut Session, bad: &Bad<'_>) -> Step {
    if bad.unlink.is_some() && driver::held_back(engine, true) {
        return Step::Hold(Flow::Blocked);
    }
    driver::begin(engine, session);
    session.memcached.swallow = bad.swallow;
    if let Some(head) = bad.head {
        let status = if session.authenticated { bad.status } else { Status::AuthError };
        binary::error(&mut session.out, head, status);
        if session.authenticated && bad.status == Status::TooLarge {
            driver::drop_too_large(engine, bad.unlink);
        }
    }
    if bad.close || !session.authenticated { Step::Close(bad.consumed) } else { Step::Next(bad.consumed) }
}

fn run(engine: &mut Engine, session: &mut Session, request: &Request<'_>, consumed: usize) -> Step {
    if !session.authenticated && !is_open(&request.op) {
        driver::begin(engine, session);
        binary::error(&mut session.out, request.head, Status::AuthError);
        return Step::Close(consumed);
    }
    if driver::held_back(engine, writes(&request.op)) {
        return Step::Hold(Flow::Blocked);
    }
    if matches!(request.op, Op::Stat { .. }) && driver::needs_host(engine) {
        return Step::Hold(Flow::NeedHost);
    }
    if engine.ks.has_tier() && must_fetch(engine, session, &request.op) {
        return Step::Hold(Flow::Fetching);
    }
    driver::begin(engine, session);
    execute(engine, session, request.head, &request.op);
    if request.op == Op::Quit { Step::Close(consumed) } else { Step::Next(consumed) }
}

/// What a client may ask before it has given its password.
fn is_open(op: &Op<'_>) -> bool {
    matches!(op, Op::SaslList | Op::SaslAuth { .. } | Op::SaslStep { .. } | Op::Version)
}

fn writes(op: &Op<'_>) -> bool {
    matches!(
        op,
        Op::Gat { .. }
            | Op::Touch { .. }
            | Op::Store { .. }
            | Op::Concat { .. }
            | Op::Delete { .. }
            | Op::Arith { .. }
            | Op::Flush { .. }
    )
}

/// Whether the value that a request asks for has to come from the disk first.
fn must_fetch(engine: &mut Engine, session: &mut Session, op: &Op<'_>) -> bool {
    match *op {
        Op::Get { key, .. } | Op::Gat { key, .. } | Op::Concat { key, .. } | Op::Arith { key, .. } => {
            engine.must_fetch_keys(session, std::iter::once(key))
        }
        _ => false,
    }
}

/// The protocol's expiry is unsigned, though the parser hands it over as a signed number.
fn expiry(engine: &Engine, exptime: i32) -> Expiry {
    Expiry::new((exptime as u32).into(), engine.ks.now())
}

fn execute(engine: &mut Engine, session: &mut Session, head: Head, op: &Op<'_>) {
    match *op {
        Op::Get { key, with_key } => get(engine, session, head, key, with_key),
        Op::Gat { key, exptime, with_key } => {
            let expiry = expiry(engine, exptime);
            get(engine, session, head, key, with_key);
            ops::touch(engine, key, expiry);
        }
        Op::Touch { key, exptime } => touch(engine, session, head, key, exptime),
        Op::Store { verb, key, flags, exptime, value } => {
            let expiry = expiry(engine, exptime);
            store(
                engine,
                session,
                head,
                Store { verb, key, value, flags, expiry, cas: None, stale_too: false },
            );
        }
        Op::Concat { verb, key, value } => {
            let expiry = Expiry::Never;
            store(
                engine,
                session,
                head,
                Store { verb, key, value, flags: 0, expiry, cas: None, stale_too: false },
            );
        }
        Op::Delete { key } => {
            let outcome = ops::delete(engine, key, (head.cas != 0).then_some(head.cas));
            settle(session, head, outcome, Status::NotFound, 0);
        }
        Op::Arith { key, delta, initial, exptime, decr } => {
            let expiry = Expiry::new(exptime.into(), engine.ks.now());
            let create = (exptime != DONT_CREATE).then_some((initial, expiry));
            let cas = (head.cas != 0).then_some(head.cas);
            count(engine, session, head, &Count { key, delta, decr, cas, create });
        }
        Op::Flush { exptime } => {
            ops::flush_all(engine, (exptime as u32).into());
            settle(session, head, Outcome::Done, Status::NotFound, 0);
        }
        Op::Stat { name } => stat(engine, session, head, name),
        Op::Version => {
            binary::reply(&mut session.out, head, Status::Success, 0, b"", b"", VERSION.as_bytes())
        }
        Op::Noop | Op::Verbosity { .. } | Op::Quit => {
            settle(session, head, Outcome::Done, Status::NotFound, 0)
        }
        Op::SaslList | Op::SaslAuth { .. } | Op::SaslStep { .. } => sasl(engine, session, head, op),
    }
}

/// Answers success (unless that is taken for granted) or the failure; `refused` is what "not stored" means here.
fn settle(session: &mut Session, head: Head, outcome: Outcome, refused: Status, cas: u64) {
    let status = match outcome {
        Outcome::Done if head.quiet => return,
        Outcome::Done => {
            return binary::reply(&mut session.out, head, Status::Success, cas, b"", b"", b"");
        }
        Outcome::NotStored => refused,
        Outcome::Exists => Status::Exists,
        Outcome::NotFound => Status::NotFound,
        Outcome::NoMemory => Status::OutOfMemory,
    };
    binary::error(&mut session.out, head, status);
}

fn get(engine: &mut Engine, session: &mut Session, head: Head, key: &[u8], with_key: bool) {
    engine.stats.memcached.cmd_get += 1;
    let shown_key: &[u8] = if with_key { key } else { b"" };
    let cas = ops::cas_of(engine, key);
    let found = engine.ks.get(DB, key, Access::Read).and_then(|item| Some((item, item.string()?)));
    let Some((item, value)) = found else {
        engine.stats.memcached.get_misses += 1;
        return match (head.quiet, with_key) {
            (true, _) => {}
            (false, true) => binary::reply(&mut session.out, head, Status::NotFound, 0, b"", key, b""),
            (false, false) => binary::error(&mut session.out, head, Status::NotFound),
        };
    };
    engine.stats.memcached.get_hits += 1;
    show(session, head, &item, &value, shown_key, cas);
    if !item.fetched() {
        engine.ks.mark(DB, key, Mark::Fetched(true));
    }
}

fn show(session: &mut Session, head: Head, item: &Item<'_>, value: &Str<'_>, key: &[u8], cas: u64) {
    let (out, extras) = (&mut session.out, item.flags().to_be_bytes());
    match value {
        Str::Shared(shared) => binary::reply_shared(out, head, cas, &extras, key, shared),
        short => {
            let mut buffer = itoa::Buffer::new();
            binary::reply(out, head, Status::Success, cas, &extras, key, short.as_bytes(&mut buffer));
        }
    }
}

fn touch(engine: &mut Engine, session: &mut Session, head: Head, key: &[u8], exptime: i32) {
    let cas = ops::cas_of(engine, key);
    let flags = engine.ks.head(DB, key, Access::Peek).map_or(0, |item| item.flags());
    if ops::touch(engine, key, expiry(engine, exptime)) {
        binary::reply(&mut session.out, head, Status::Success, cas, &flags.to_be_bytes(), b"", b"");
    } else {
        binary::error(&mut session.out, head, Status::NotFound);
    }
}

fn store(engine: &mut Engine, session: &mut Session, head: Head, mut request: Store<'_>) {
    let refused = match request.verb {
        Verb::Add => Status::Exists,
        Verb::Replace => Status::NotFound,
        _ => Status::NotStored,
    };
    if head.cas != 0 {
        request.cas = Some(head.cas);
        if !matches!(request.verb, Verb::Append | Verb::Prepend) {
            request.verb = Verb::Cas;
        }
    }
    let outcome = ops::store(engine, &request);
    let loud = outcome == Outcome::Done && !head.quiet;
    let cas = if loud { ops::cas_of(engine, request.key) } else { 0 };
    settle(session, head, outcome, refused, cas);
}

fn count(engine: &mut Engine, session: &mut Session, head: Head, request: &Count<'_>) {
    let value = match ops::count(engine, request) {
        Counted::Value(_) | Counted::Created(_) if head.quiet => return,
        Counted::Value(value) | Counted::Created(value) => value,
        Counted::NonNumeric => return binary::error(&mut session.out, head, Status::NonNumeric),
        Counted::Refused(outcome) => return settle(session, head, outcome, Status::NotStored, 0),
    };
    let cas = ops::cas_of(engine, request.key);
    binary::reply(&mut session.out, head, Status::Success, cas, b"", b"", &value.to_be_bytes());
}

fn stat(engine: &mut Engine, session: &mut Session, head: Head, name: &[u8]) {
    let figures = if name == b"reset" {
        driver::reset_counters(engine);
        Some(Vec::new())
    } else {
        driver::figures(engine, session, name)
    };
    let Some(figures) = figures else {
        return binary::error(&mut session.out, head, Status::NotFound);
    };
    for (name, value) in figures {
        binary::reply(&mut session.out, head, Status::Success, 0, b"", &name, &value);
    }
    binary::reply(&mut session.out, head, Status::Success, 0, b"", b"", b"");
}

/// SASL exists only where a password is set, as in the original without `-S`.
fn sasl(engine: &mut Engine, session: &mut Session, head: Head, op: &Op<'_>) {
    if engine.settings.requirepass.is_empty() {
        return binary::error(&mut session.out, head, Status::UnknownCommand);
    }
    match *op {
        Op::SaslList => binary::reply(&mut session.out, head, Status::Success, 0, b"", b"", PLAIN),
        Op::SaslAuth { mechanism, data } if mechanism == PLAIN && plain(engine, session, data) => {
            binary::reply(&mut session.out, head, Status::Success, 0, b"", b"", b"Authenticated");
        }
        _ => binary::error(&mut session.out, head, Status::AuthError),
    }
}

/// RFC 4616: identity to act as (unused), NUL, name, NUL, password.
fn plain(engine: &mut Engine, session: &mut Session, data: &[u8]) -> bool {
    let mut parts = data.splitn(3, |byte| *byte == 0).skip(1);
    match (parts.next(), parts.next()) {
        (Some(user), Some(password)) => driver::authenticate(engine, session, user, password),
        _ => false,
    }
}
