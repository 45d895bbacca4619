//! The text dialect, with the meta commands `mg` and `mn`.

use dozo_wire::Out;
use dozo_wire::memcached::ids::{Line, MAX_LINE, parse_line, words};
use dozo_wire::memcached::meta::{self as lines, Meta};
use dozo_wire::memcached::text as reply;
use dozo_wire::memcached::text::reply::{END, ERROR, MN};

use super::door::{Step, begin};
use super::{Collected, VERSION};
use crate::engine::Engine;
use crate::session::Session;

/// What became of a line.
enum Ran {
    Answered,
    /// It has to come again.
    Waits,
    Quits,
}

/// Runs the line at the start of `buf`, if there is a whole one.
pub(super) fn step(engine: &mut Engine, session: &mut Session, buf: &[u8]) -> Step {
    let from = session.ids.scanned.min(buf.len());
    let end = memchr::memchr(b'\n', &buf[from..]).map(|at| from + at);
    if end.unwrap_or(buf.len()) > MAX_LINE {
        session.out.put(ERROR);
        return Step::Close;
    }
    // Should the line have to wait, its end is found at once when it comes again.
    session.ids.scanned = end.unwrap_or(buf.len());
    let Some(end) = end else {
        return Step::Incomplete;
    };
    match run(engine, session, &buf[..end]) {
        Ran::Waits => Step::Wait,
        Ran::Quits => Step::Close,
        Ran::Answered => {
            session.ids.scanned = 0;
            Step::Next(end + 1)
        }
    }
}

fn run(engine: &mut Engine, session: &mut Session, line: &[u8]) -> Ran {
    let line = parse_line(line);
    if session.ids.collecting.is_none() {
        begin(engine, session);
    }
    match line {
        Line::Get(keys) => return get(engine, session, keys),
        Line::MetaGet(meta) => return meta_get(engine, session, &meta),
        Line::MetaNoop => session.out.put(MN),
        Line::Stats => stats(engine, session),
        Line::Version => {
            session.out.put(b"VERSION ");
            reply::line(&mut session.out, VERSION.as_bytes());
        }
        Line::Quit => return Ran::Quits,
        Line::Refused(answer) => session.out.put(answer),
    }
    Ran::Answered
}

fn get(engine: &mut Engine, session: &mut Session, keys: &[u8]) -> Ran {
    match session.ids.collect(engine, || words(keys).count()) {
        Collected::Later => return Ran::Waits,
        Collected::Refused => session.out.put(ERROR),
        // No key was given: that counts as a request, and is an error.
        Collected::All if session.ids.ranges.is_empty() => session.out.put(ERROR),
        Collected::All => {
            let mut digits = itoa::Buffer::new();
            let Session { out, ids, .. } = session;
            for (key, id) in words(keys).zip(ids.drain()) {
                reply::value(out, key, 0, digits.format(id).as_bytes(), None);
            }
            out.put(END);
        }
    }
    Ran::Answered
}

fn meta_get(engine: &mut Engine, session: &mut Session, meta: &Meta<'_>) -> Ran {
    match session.ids.collect(engine, || 1) {
        Collected::Later => return Ran::Waits,
        Collected::Refused => session.out.put(ERROR),
        Collected::All => {
            let Session { out, ids, .. } = session;
            for id in ids.drain() {
                show(out, meta, id);
            }
        }
    }
    Ran::Answered
}

/// An ID as `mg` shows an item that was made this moment and never leaves.
fn show(out: &mut Out, meta: &Meta<'_>, id: u64) {
    let mut digits = itoa::Buffer::new();
    let value = digits.format(id).as_bytes();
    if meta.has(b'v') {
        lines::value_code(out, value.len());
    } else {
        lines::code(out, b"HD");
    }
    for (letter, token) in meta.flags {
        match letter {
            b's' => lines::flag_number(out, b's', value.len()),
            b't' => lines::flag_number(out, b't', -1),
            b'c' | b'f' | b'h' | b'l' => lines::flag_number(out, letter, 0),
            b'O' => lines::echo(out, b'O', token),
            b'k' => lines::key(out, meta.sent),
            _ => {}
        }
    }
    lines::end(out);
    if meta.has(b'v') {
        lines::data(out, value);
    }
}

fn stats(engine: &Engine, session: &mut Session) {
    for (name, value) in engine.id_figures() {
        reply::stat(&mut session.out, name.as_bytes(), value.as_bytes());
    }
    session.out.put(END);
}
