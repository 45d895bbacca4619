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

/// Runs the line at the start of `buf`, if there is a whole one.
pub(super) fn step(engine: &mut Engine, session: &mut Session, buf: &[u8]) -> Step {
    let from = session.ids.scanned.min(buf.len());
    let Some(end) = memchr::memchr(b'\n', &buf[from..]).map(|at| from + at) else {
        session.ids.scanned = buf.len();
        return if buf.len() > MAX_LINE { refuse_long(session) } else { Step::Incomplete };
    };
    if end > MAX_LINE {
        return refuse_long(session);
    }
    // Should the line have to wait it is found at once when it comes again.
    session.ids.scanned = end;
    let step = run(engine, session, &buf[..end]);
    if let Step::Wait = step {
        return step;
    }
    session.ids.scanned = 0;
    if let Step::Close = step { step } else { Step::Next(end + 1) }
}

fn refuse_long(session: &mut Session) -> Step {
    session.out.put(ERROR);
    Step::Close
}

/// Runs one line; how many bytes it has is not looked at in the answer.
fn run(engine: &mut Engine, session: &mut Session, line: &[u8]) -> Step {
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
        Line::Quit => return Step::Close,
        Line::Refused(answer) => session.out.put(answer),
    }
    Step::Next(0)
}

fn get(engine: &mut Engine, session: &mut Session, keys: &[u8]) -> Step {
    match session.ids.collect(engine, || words(keys).count()) {
        Collected::Later => return Step::Wait,
        Collected::Refused => session.out.put(ERROR),
        Collected::All => {
            let mut digits = itoa::Buffer::new();
            let start = session.out.mark();
            let Session { out, ids, .. } = session;
            for (key, id) in words(keys).zip(ids.drain()) {
                reply::value(out, key, 0, digits.format(id).as_bytes(), None);
            }
            // Without a key there is nothing to answer with.
            out.put(if out.mark() == start { ERROR } else { END });
        }
    }
    Step::Next(0)
}

fn meta_get(engine: &mut Engine, session: &mut Session, meta: &Meta<'_>) -> Step {
    match session.ids.collect(engine, || 1) {
        Collected::Later => return Step::Wait,
        Collected::Refused => session.out.put(ERROR),
        Collected::All => {
            let Session { out, ids, .. } = session;
            for id in ids.drain() {
                show(out, meta, id);
            }
        }
    }
    Step::Next(0)
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
