//! The binary dialect: GET, VERSION and STAT.

use dozo_wire::memcached::binary::{HEADER, Head, Status, error, reply};
use dozo_wire::memcached::ids::{Op, Packet, parse_packet};

use super::door::{Step, begin};
use super::{Collected, VERSION};
use crate::engine::Engine;
use crate::session::Session;

/// The client flags of an ID.
const FLAGS: [u8; 4] = [0; 4];

/// Runs the packet at the start of `buf`. Its body means nothing, so it runs as soon as its header is there.
pub(super) fn step(engine: &mut Engine, session: &mut Session, buf: &[u8]) -> Step {
    let (head, op, body) = match parse_packet(buf) {
        Packet::Request { head, op, body } => (head, op, body),
        Packet::Incomplete => return Step::Incomplete,
        Packet::Malformed => return Step::Close,
    };
    if session.ids.collecting.is_none() {
        begin(engine, session);
    }
    match op {
        Op::Get => match session.ids.collect(engine, || 1) {
            Collected::Later => return Step::Wait,
            Collected::Refused => error(&mut session.out, head, Status::TemporaryFailure),
            Collected::All => {
                let Session { out, ids, .. } = session;
                for id in ids.drain() {
                    reply(
                        out,
                        head,
                        Status::Success,
                        0,
                        &FLAGS,
                        b"",
                        itoa::Buffer::new().format(id).as_bytes(),
                    );
                }
            }
        },
        Op::Version => reply(&mut session.out, head, Status::Success, 0, b"", b"", VERSION.as_bytes()),
        Op::Stat => stat(engine, session, head),
        Op::Unknown => reply(&mut session.out, head, Status::UnknownCommand, 0, b"", b"", b""),
    }
    session.ids.skip = body;
    Step::Next(HEADER)
}

fn stat(engine: &Engine, session: &mut Session, head: Head) {
    for (name, value) in engine.id_figures() {
        reply(&mut session.out, head, Status::Success, 0, b"", name.as_bytes(), value.as_bytes());
    }
    reply(&mut session.out, head, Status::Success, 0, b"", b"", b"");
}
