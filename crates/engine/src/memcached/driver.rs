//! Steps through the bytes of a memcached session: chooses the dialect, swallows what was refused, and runs request
//! after request until the bytes, the pause of CLIENT PAUSE or the need for Python end it.

use dozo_wire::memcached::{Limits, binary as packets};

use super::{Counters, Dialect, State, binary, ops, streams, text};
use crate::cx::Cx;
use crate::engine::{Engine, FEED_BYTES, Flow};
use crate::flags::Flags;
use crate::session::Session;

/// A client that has not given its password yet may not make the server buffer more than this, bytes.
const MAX_VALUE_UNAUTHENTICATED: usize = 1024;
/// The only user there is.
const USER: &[u8] = b"default";

/// What became of the bytes at the start of the buffer.
pub(super) enum Step {
    /// So many of them are used up.
    Next(usize),
    /// They are the start of a request.
    Incomplete,
    /// Not run; feed them again later.
    Hold(Flow),
    /// So many of them are used up, and the connection is to be closed.
    Close(usize),
}

/// Runs the whole requests in `buf`.
pub(crate) fn feed(engine: &mut Engine, session: &mut Session, buf: &[u8]) -> (usize, Flow) {
    ops::flush_if_due(engine);
    let mut at = 0;
    let most = session.out.len() + FEED_BYTES;
    loop {
        if session.memcached.streams.sends()
            && let Some(flow) = streams::pump(engine, session)
        {
            return (at, flow);
        }
        at += swallow(&mut session.memcached, buf.len() - at);
        let rest = &buf[at..];
        let Some(&first) = rest.first() else {
            return (at, Flow::Continue);
        };
        let limits = limits(engine, session);
        let step = match *session.memcached.dialect.get_or_insert(dialect(first)) {
            Dialect::Text if session.memcached.streams.receives() => streams::receive(engine, session, rest),
            Dialect::Text => text::step(engine, session, rest, &limits),
            Dialect::Binary => binary::step(engine, session, rest, &limits),
        };
        engine.after_change(Some(session));
        match step {
            Step::Next(consumed) => at += consumed,
            Step::Incomplete => return (at, Flow::Continue),
            Step::Hold(flow) => return (at, flow),
            Step::Close(consumed) => return (at + consumed, Flow::Close),
        }
        if session.out.len() > most {
            return (at, Flow::Yield);
        }
    }
}

/// Runs a delayed flush that no request has run.
pub(crate) fn tick(engine: &mut Engine, now_ms: i64) {
    ops::flush_if_due(engine);
    streams::tick(engine, now_ms);
}

fn swallow(state: &mut State, available: usize) -> usize {
    let taken = usize::try_from(state.swallow).unwrap_or(usize::MAX).min(available);
    state.swallow -= taken as u64;
    taken
}

fn dialect(first: u8) -> Dialect {
    if first == packets::REQUEST_MAGIC { Dialect::Binary } else { Dialect::Text }
}

#[inline]
fn limits(engine: &Engine, session: &Session) -> Limits {
    let mut limits = Limits { max_value: engine.settings.memcached_max_item_size, ..Limits::default() };
    if !session.authenticated {
        limits.max_value = limits.max_value.min(MAX_VALUE_UNAUTHENTICATED);
    }
    limits
}

/// Whether CLIENT PAUSE, a script past its time, or the loading of data holds such a request back.
#[inline]
pub(super) fn held_back(engine: &Engine, writes: bool) -> bool {
    engine.is_busy()
        || engine.is_loading()
        || engine.pause.is_some() && engine.is_held_back(if writes { Flags::WRITE } else { Flags::READONLY })
}

/// Accounts for a request that is about to run.
#[inline]
pub(super) fn begin(engine: &mut Engine, session: &mut Session) {
    engine.stats.commands += 1;
    session.commands += 1;
    session.last_active_ms = engine.ks.now();
}

/// Drops the value whose replacement was too large: a client must not read what it believes to be overwritten.
pub(super) fn drop_too_large(engine: &mut Engine, key: Option<&[u8]>) {
    engine.stats.memcached.store_too_large += 1;
    if let Some(key) = key {
        ops::remove(engine, key);
    }
}

/// Checks a name and a password, and lets the session in when they are right.
pub(super) fn authenticate(engine: &mut Engine, session: &mut Session, user: &[u8], password: &[u8]) -> bool {
    engine.stats.memcached.auth_cmds += 1;
    let right = user == USER && same_secret(&engine.settings.requirepass, password);
    if right {
        session.authenticated = true;
    } else {
        engine.stats.memcached.auth_errors += 1;
        engine.stats.acl_denied_auth += 1;
    }
    right
}

/// Compares in a time that depends on the lengths only.
fn same_secret(secret: &[u8], given: &[u8]) -> bool {
    let differences = secret.iter().zip(given).fold(0, |found, (a, b)| found | (a ^ b));
    secret.len() == given.len() && differences == 0
}

/// Whether `stats` has to wait for the interpreter.
pub(super) fn needs_host(engine: &Engine) -> bool {
    !engine.attached && engine.host().is_some()
}

/// The figures of a section of `stats`, `None` when there is no such section.
pub(super) fn figures(
    engine: &mut Engine,
    session: &mut Session,
    section: &[u8],
) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    if let Some(host) = engine.host() {
        return host.memcached_stats(&mut Cx::new(engine, session, 0), section);
    }
    let named = engine.stats.memcached.named();
    section
        .is_empty()
        .then(|| named.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.to_string().into())).collect())
}

/// `stats reset`.
pub(super) fn reset_counters(engine: &mut Engine) {
    engine.stats.memcached = Counters::default();
}
