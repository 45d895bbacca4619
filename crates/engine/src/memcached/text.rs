//! The classic text commands. Meta commands share their lines and are answered in `meta`.

use dozo_store::{Access, Mark, Str};
use dozo_wire::Out;
use dozo_wire::memcached::text::reply::{
    DELETED, END, ERROR, EXISTS, MN, NO_MEMORY, NON_NUMERIC, NOT_FOUND, NOT_STORED, OK, RESET, STORED,
    TOO_LARGE, TOUCHED, UNAUTHENTICATED,
};
use dozo_wire::memcached::text::{self as lines, Bad, Request, Store, Tokens};
use dozo_wire::memcached::{KEY_MAX, Limits, Parsed, Verb};

use super::driver::{self, Step};
use super::ops::{self, Counted, Expiry, Outcome};
use super::{VERSION, meta, streams};
use crate::engine::{Engine, Flow};
use crate::session::Session;

/// No memory for a counter or for the stub of a vivifying get.
pub(super) const NO_MEMORY_COUNTING: &[u8] = b"SERVER_ERROR out of memory\r\n";

/// Runs the request at the start of `buf`.
pub(super) fn step(engine: &mut Engine, session: &mut Session, buf: &[u8], limits: &Limits) -> Step {
    match session.memcached.parser.parse(buf, limits) {
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
    if !session.authenticated {
        session.out.put(UNAUTHENTICATED);
    } else {
        session.out.put(bad.reply);
        if bad.unlink.is_some() || bad.reply == TOO_LARGE {
            let mut scratch = [0; KEY_MAX];
            let key = bad.unlink.as_ref().map(|sent| sent.bytes(&mut scratch));
            driver::drop_too_large(engine, key);
        }
    }
    if bad.close { Step::Close(bad.consumed) } else { Step::Next(bad.consumed) }
}

fn run(engine: &mut Engine, session: &mut Session, request: &Request<'_>, consumed: usize) -> Step {
    if !session.authenticated {
        driver::begin(engine, session);
        if let Request::StreamData { len, .. } = request {
            session.memcached.swallow = *len as u64 + 2;
            return Step::Next(consumed);
        }
        let answer = log_in(engine, session, request);
        session.out.put(answer);
        return Step::Next(consumed);
    }
    if driver::held_back(engine, writes(request)) {
        return Step::Hold(Flow::Blocked);
    }
    if matches!(request, Request::Stats { .. }) && driver::needs_host(engine) {
        return Step::Hold(Flow::NeedHost);
    }
    if engine.ks.has_tier() && must_fetch(engine, session, request) {
        return Step::Hold(Flow::Fetching);
    }
    driver::begin(engine, session);
    match request {
        Request::StreamBegin(line) => return streams::begin(engine, session, line, consumed),
        Request::StreamEnd { key } => return streams::end(engine, session, key, consumed),
        Request::Quit => return Step::Close(consumed),
        Request::Shutdown { .. } if engine.settings.memcached_shutdown => {
            engine.request_shutdown();
            return Step::Close(consumed);
        }
        _ => execute(engine, session, request),
    }
    Step::Next(consumed)
}

/// What CLIENT PAUSE WRITE holds back. A meta get may vivify, so it counts when it asks for that or for a new expiry.
fn writes(request: &Request<'_>) -> bool {
    match request {
        Request::MetaGet(meta) => meta.has(b'N') || meta.has(b'T'),
        Request::Gat { .. } | Request::Store(_) | Request::Delete { .. } | Request::Arith { .. } => true,
        Request::Touch { .. } | Request::FlushAll { .. } => true,
        Request::StreamBegin(_) | Request::StreamEnd { .. } => true,
        Request::MetaSet(..) | Request::MetaDelete(_) | Request::MetaArith(_) => true,
        _ => false,
    }
}

/// Whether the values that a request asks for have to come from the disk first.
fn must_fetch(engine: &mut Engine, session: &mut Session, request: &Request<'_>) -> bool {
    let mut scratch = [0; KEY_MAX];
    match *request {
        Request::Get { keys, .. } if streams::single(engine, keys).is_some() => false,
        Request::Get { keys, .. } | Request::Gat { keys, .. } => engine.must_fetch_keys(session, keys),
        Request::StreamGet { key, .. } if streams::fits(engine, key) => false,
        Request::StreamGet { key, .. } | Request::Arith { key, .. } => {
            engine.must_fetch_keys(session, std::iter::once(key))
        }
        Request::Store(Store { verb: Verb::Append | Verb::Prepend, key, .. }) => {
            engine.must_fetch_keys(session, std::iter::once(key))
        }
        Request::MetaGet(ref line) | Request::MetaArith(ref line) => {
            let key = line.key(&mut scratch);
            engine.must_fetch_keys(session, std::iter::once(key))
        }
        _ => false,
    }
}

/// Before the password is given every request fails but a `set` whose value is `user password`.
fn log_in(engine: &mut Engine, session: &mut Session, request: &Request<'_>) -> &'static [u8] {
    let Request::Store(Store { verb: Verb::Set, data, .. }) = request else {
        return UNAUTHENTICATED;
    };
    let mut words = Tokens::new(data);
    match (words.next(), words.next()) {
        (Some(user), Some(password)) if driver::authenticate(engine, session, user, password) => STORED,
        (Some(_), Some(_)) => b"CLIENT_ERROR authentication failure\r\n",
        _ => b"CLIENT_ERROR bad authentication token format\r\n",
    }
}

fn execute(engine: &mut Engine, session: &mut Session, request: &Request<'_>) {
    match *request {
        Request::Get { keys, cas } => match streams::single(engine, keys) {
            Some(key) if streams::get(engine, session, key, cas) => {}
            _ => get(engine, session, keys, cas, None),
        },
        Request::Gat { exptime, keys, cas } => get(engine, session, keys, cas, Some(exptime)),
        Request::Store(ref store) => answer(session, store.noreply, stored(engine, store)),
        Request::Delete { key, noreply } => answer(session, noreply, deleted(engine, key)),
        Request::Arith { key, delta, decr, noreply } => arith(engine, session, (key, delta, decr), noreply),
        Request::Touch { key, exptime, noreply } => answer(session, noreply, touched(engine, key, exptime)),
        Request::FlushAll { delay, noreply } => {
            ops::flush_all(engine, delay.unwrap_or(0).into());
            answer(session, noreply, OK);
        }
        Request::Stats { args } => stats(engine, session, args),
        Request::Version => {
            session.out.put(b"VERSION ");
            lines::line(&mut session.out, VERSION.as_bytes());
        }
        // Python owns the log level and the memory limit; slabs, segments and watchers are not there to be steered.
        Request::Verbosity { noreply, .. } => answer(session, noreply, OK),
        Request::MemLimit { noreply, .. } => {
            answer(session, noreply, b"SERVER_ERROR cache_memlimit is not supported, set maxmemory\r\n");
        }
        Request::Machinery { .. } | Request::RefreshCerts => session.out.put(ERROR),
        Request::Shutdown { .. } => session.out.put(b"ERROR: shutdown not enabled\r\n"),
        Request::MetaGet(ref line) => meta::get(engine, session, line),
        Request::MetaSet(ref line, data) => meta::set(engine, session, line, data),
        Request::MetaDelete(ref line) => meta::delete(engine, session, line),
        Request::MetaArith(ref line) => meta::arith(engine, session, line),
        Request::MetaDebug(ref line) => meta::debug(engine, session, line),
        Request::MetaNoop => session.out.put(MN),
        Request::StreamGet { key, chunk } => streams::start(engine, session, key, chunk),
        Request::StreamData { key, index, len } => streams::chunk(engine, session, key, index, len),
        Request::StreamBegin(_) | Request::StreamEnd { .. } | Request::Quit => {}
    }
}

#[inline]
fn answer(session: &mut Session, noreply: bool, line: &[u8]) {
    if !noreply {
        session.out.put(line);
    }
}

fn get(engine: &mut Engine, session: &mut Session, keys: Tokens<'_>, cas: bool, exptime: Option<i32>) {
    for key in keys {
        let found = value(engine, &mut session.out, key, cas);
        if let Some(exptime) = exptime {
            retime(engine, key, exptime, found);
        }
    }
    session.out.put(END);
}

/// Appends the value of one key, if it has one; returns whether.
#[inline]
fn value(engine: &mut Engine, out: &mut Out, key: &[u8], with_cas: bool) -> bool {
    engine.stats.memcached.cmd_get += 1;
    let cas = with_cas.then(|| ops::cas_of(engine, key));
    let found = engine.ks.get(ops::DB, key, Access::Read).and_then(|item| Some((item, item.string()?)));
    let Some((item, value)) = found else {
        engine.stats.memcached.get_misses += 1;
        return false;
    };
    engine.stats.memcached.get_hits += 1;
    match value {
        Str::Shared(data) => lines::value_shared(out, key, item.flags(), data, cas),
        short => {
            let mut digits = itoa::Buffer::new();
            lines::value(out, key, item.flags(), short.as_bytes(&mut digits), cas);
        }
    }
    if !item.fetched() {
        engine.ks.mark(ops::DB, key, Mark::Fetched(true));
    }
    true
}

fn retime(engine: &mut Engine, key: &[u8], exptime: i32, found: bool) {
    if found {
        ops::touch(engine, key, Expiry::new(exptime.into(), engine.ks.now()));
    } else {
        engine.stats.memcached.cmd_touch += 1;
        engine.stats.memcached.touch_misses += 1;
    }
}

fn stored(engine: &mut Engine, store: &Store<'_>) -> &'static [u8] {
    let expiry = Expiry::new(store.exptime.into(), engine.ks.now());
    let cas = (store.verb == Verb::Cas).then_some(store.cas);
    let (verb, key, value, flags) = (store.verb, store.key, store.data, store.flags);
    match ops::store(engine, &ops::Store { verb, key, value, flags, expiry, cas, stale_too: false }) {
        Outcome::Done => STORED,
        Outcome::NotStored => NOT_STORED,
        Outcome::Exists => EXISTS,
        Outcome::NotFound => NOT_FOUND,
        Outcome::NoMemory => NO_MEMORY,
    }
}

fn deleted(engine: &mut Engine, key: &[u8]) -> &'static [u8] {
    match ops::delete(engine, key, None) {
        Outcome::Done => DELETED,
        _ => NOT_FOUND,
    }
}

fn touched(engine: &mut Engine, key: &[u8], exptime: i32) -> &'static [u8] {
    let expiry = Expiry::new(exptime.into(), engine.ks.now());
    if ops::touch(engine, key, expiry) { TOUCHED } else { NOT_FOUND }
}

fn arith(engine: &mut Engine, session: &mut Session, change: (&[u8], u64, bool), noreply: bool) {
    let (key, delta, decr) = change;
    let request = ops::Count { key, delta, decr, cas: None, create: None };
    let line = match ops::count(engine, &request) {
        Counted::Value(_) | Counted::Created(_) if noreply => return,
        Counted::Value(value) | Counted::Created(value) => {
            return lines::number(&mut session.out, value);
        }
        Counted::NonNumeric => NON_NUMERIC,
        Counted::Refused(Outcome::NoMemory) => NO_MEMORY_COUNTING,
        Counted::Refused(_) => NOT_FOUND,
    };
    answer(session, noreply, line);
}

fn stats(engine: &mut Engine, session: &mut Session, mut args: Tokens<'_>) {
    let section = args.next().unwrap_or(b"");
    let line: &[u8] = match (section, args.next()) {
        (b"reset", _) => {
            driver::reset_counters(engine);
            RESET
        }
        (b"detail", Some(b"on" | b"off")) => OK,
        (b"detail", Some(b"dump")) | (b"cachedump", Some(_)) => END,
        (b"detail", _) => b"CLIENT_ERROR usage: stats detail on|off|dump\r\n",
        _ => match driver::figures(engine, session, section) {
            None => ERROR,
            Some(figures) => {
                for (name, value) in figures {
                    lines::stat(&mut session.out, &name, &value);
                }
                END
            }
        },
    };
    session.out.put(line);
}
