//! A value that comes in chunks, and appears whole at its end or not at all.

use std::sync::Arc;

use dozo_store::tier::{Growing, Growth, Refusal};
use dozo_store::{Put, Ttl};
use dozo_wire::memcached::text::Stream;

use super::refuse;
use crate::engine::{Engine, Flow};
use crate::items;
use crate::memcached::driver::Step;
use crate::memcached::ops::{self, Expiry};
use crate::session::Session;

/// Bytes of one stream that may wait to be written to the disk before nothing more is taken from its peer.
const BEHIND: usize = 1 << 20;
/// How long a stream may wait for room on the disk before it is refused, milliseconds.
const ROOM_MS: i64 = 10_000;

/// A stream on its way in.
pub(super) struct Incoming {
    key: Box<[u8]>,
    total: u64,
    chunks: u64,
    flags: u32,
    expiry: Expiry,
    /// Bytes and chunks that have been announced.
    announced: u64,
    index: u64,
    target: Target,
    /// When it last went on.
    pub moved_ms: i64,
}

enum Target {
    /// The bytes so far, and how many of them the limit of memory counts.
    Memory(Vec<u8>),
    /// A record on disk of that number; it is being closed.
    Disk { id: u32, sealed: bool },
    /// What was wrong.
    Failed(&'static str),
}

impl Incoming {
    /// Gives up; what came is thrown away.
    pub(super) fn fail(&mut self, engine: &mut Engine, reason: &'static str) {
        match std::mem::replace(&mut self.target, Target::Failed(reason)) {
            Target::Memory(bytes) => engine.ks.drop_stream_bytes(bytes.len()),
            Target::Disk { id, .. } => {
                if let Some(disk) = engine.ks.tier_disk() {
                    disk.abandon(id);
                }
            }
            Target::Failed(first) => self.target = Target::Failed(first),
        }
    }

    /// Takes a piece of a chunk.
    fn take(&mut self, engine: &mut Engine, piece: &[u8]) {
        self.moved_ms = engine.ks.now();
        match &mut self.target {
            Target::Memory(bytes) => {
                bytes.extend_from_slice(piece);
                engine.ks.add_stream_bytes(piece.len());
                if !engine.make_room() {
                    self.fail(engine, "NO_MEMORY");
                }
            }
            Target::Disk { id, .. } => {
                if let Some(disk) = engine.ks.tier_disk() {
                    disk.extend(*id, piece.to_vec());
                }
            }
            Target::Failed(_) => {}
        }
    }

    /// Whether the disk is behind.
    fn must_wait(&mut self, engine: &mut Engine) -> bool {
        let Target::Disk { id, .. } = self.target else { return false };
        match engine.ks.tier_disk().map(|disk| disk.growth(id)) {
            Some(Growth::Open { waiting }) => waiting > BEHIND,
            Some(Growth::Sealed) => false,
            Some(Growth::Failed) | None => {
                self.fail(engine, "DISK");
                false
            }
        }
    }

    /// What is wrong with a `set_data` of that key, number and length.
    fn fault(&self, key: &[u8], index: u64, len: usize) -> Option<&'static str> {
        match self {
            _ if *key != *self.key => Some("OTHER_KEY"),
            _ if index != self.index || index >= self.chunks => Some("BAD_INDEX"),
            _ if self.announced + len as u64 > self.total => Some("TOO_LONG"),
            _ => None,
        }
    }
}

/// `set_begin`.
pub(in crate::memcached) fn begin(
    engine: &mut Engine,
    session: &mut Session,
    line: &Stream<'_>,
    consumed: usize,
) -> Step {
    let now = engine.ks.now();
    let since = *session.memcached.room_since.get_or_insert(now);
    let target = match target(engine, session, line) {
        Err(Refusal::Full) if now - since < ROOM_MS => {
            engine.memcached.streams.rooms.push((session.sid, session.id));
            return Step::Hold(Flow::Fetching);
        }
        Err(Refusal::Full) => Err("FULL"),
        Err(Refusal::Behind) => Err("DISK"),
        Err(Refusal::TooLarge) => Err("TOO_LARGE"),
        Ok(target) => target,
    };
    session.memcached.room_since = None;
    engine.stats.memcached.cmd_set_begin += 1;
    match target {
        Err(reason) => refuse(engine, session, reason),
        Ok(target) => {
            engine.memcached.streams.note(session);
            session.memcached.streams.incoming = Some(Box::new(Incoming {
                key: line.key.into(),
                total: line.total,
                chunks: line.chunks,
                flags: line.flags,
                expiry: Expiry::new(line.exptime.into(), now),
                announced: 0,
                index: 0,
                target,
                moved_ms: now,
            }));
            session.out.put(b"STREAM_READY\r\n");
        }
    }
    Step::Next(consumed)
}

/// Where a value goes that begins, or why it may not; the outer error is one that the disk has.
fn target(
    engine: &mut Engine,
    session: &Session,
    line: &Stream<'_>,
) -> Result<Result<Target, &'static str>, Refusal> {
    if session.memcached.streams.incoming.is_some() {
        return Ok(Err("IN_PROGRESS"));
    }
    if engine.refuses_writes() {
        return Ok(Err("READ_ONLY"));
    }
    if line.total > engine.settings.memcached_max_stream_size as u64 {
        return Err(Refusal::TooLarge);
    }
    if goes_to_disk(engine, line.total) {
        let expiry = Expiry::new(line.exptime.into(), engine.ks.now());
        let new = Growing { key: line.key, flags: line.flags, expire_at: expiry.deadline(), len: line.total };
        return engine.ks.grow(ops::DB, &new).map(|id| Ok(Target::Disk { id, sealed: false }));
    }
    let limit = engine.ks.maxmemory();
    if limit != 0 && line.total > limit || !engine.make_room() {
        engine.stats.memcached.store_no_memory += 1;
        return Ok(Err("NO_MEMORY"));
    }
    let Ok(total) = usize::try_from(line.total) else { return Err(Refusal::TooLarge) };
    let mut bytes = Vec::new();
    // Nothing of it is touched before it comes.
    Ok(bytes.try_reserve_exact(total).map(|()| Target::Memory(bytes)).map_err(|_| "NO_MEMORY"))
}

/// A long value is written to the disk as it comes, unless somebody has to be told of all of it: a journal.
fn goes_to_disk(engine: &Engine, total: u64) -> bool {
    !engine.effects.is_read() && engine.ks.streams_to_disk(total)
}

/// `set_data`: its block follows.
pub(in crate::memcached) fn chunk(
    engine: &mut Engine,
    session: &mut Session,
    key: &[u8],
    index: u64,
    len: usize,
) {
    let streams = &mut session.memcached.streams;
    (streams.block, streams.line_end) = (len, true);
    let Some(stream) = &mut streams.incoming else { return };
    if let Some(fault) = stream.fault(key, index, len) {
        stream.fail(engine, fault);
    } else {
        stream.index += 1;
        stream.announced += len as u64;
    }
}

/// Takes what has come of a block.
pub(in crate::memcached) fn receive(engine: &mut Engine, session: &mut Session, buf: &[u8]) -> Step {
    let streams = &mut session.memcached.streams;
    if let Some(stream) = &mut streams.incoming
        && stream.must_wait(engine)
    {
        engine.memcached.streams.held.push((session.sid, session.id));
        return Step::Hold(Flow::Fetching);
    }
    if streams.block > 0 {
        let piece = &buf[..streams.block.min(buf.len())];
        streams.block -= piece.len();
        if let Some(stream) = &mut streams.incoming {
            stream.take(engine, piece);
        }
        return Step::Next(piece.len());
    }
    let Some(end) = buf.get(..2) else { return Step::Incomplete };
    streams.line_end = false;
    if end == b"\r\n" {
        return Step::Next(2);
    }
    if let Some(stream) = &mut streams.incoming {
        stream.fail(engine, "BAD_DATA");
    }
    session.out.put(b"CLIENT_ERROR bad data chunk\r\n");
    Step::Next(2)
}

/// `set_end`: the value appears.
pub(in crate::memcached) fn end(
    engine: &mut Engine,
    session: &mut Session,
    key: &[u8],
    consumed: usize,
) -> Step {
    let Some(mut stream) = session.memcached.streams.incoming.take() else {
        refuse(engine, session, "NOT_BEGUN");
        return Step::Next(consumed);
    };
    if *key != *stream.key {
        session.memcached.streams.incoming = Some(stream);
        refuse(engine, session, "OTHER_KEY");
        return Step::Next(consumed);
    }
    if stream.announced != stream.total || stream.index != stream.chunks {
        stream.fail(engine, "INCOMPLETE");
    }
    if engine.refuses_writes() {
        stream.fail(engine, "READ_ONLY");
    }
    if is_being_written(engine, &mut stream) {
        session.memcached.streams.incoming = Some(stream);
        engine.memcached.streams.held.push((session.sid, session.id));
        return Step::Hold(Flow::Fetching);
    }
    engine.stats.memcached.cmd_set += 1;
    match store(engine, *stream) {
        Ok(()) => session.out.put(b"STORED\r\n"),
        Err(reason) => refuse(engine, session, reason),
    }
    engine.memcached.streams.release(session);
    Step::Next(consumed)
}

/// Whether the record is not whole on disk yet.
fn is_being_written(engine: &mut Engine, stream: &mut Incoming) -> bool {
    let Target::Disk { id, sealed } = &mut stream.target else { return false };
    let Some(disk) = engine.ks.tier_disk() else { return false };
    if !std::mem::replace(sealed, true) {
        disk.seal(*id);
    }
    match disk.growth(*id) {
        Growth::Open { .. } => true,
        Growth::Sealed => false,
        Growth::Failed => {
            stream.fail(engine, "DISK");
            false
        }
    }
}

/// Puts the value in its place.
fn store(engine: &mut Engine, mut stream: Incoming) -> Result<(), &'static str> {
    let past = matches!(stream.expiry, Expiry::Past)
        || stream.expiry.deadline().is_some_and(|at| at <= engine.ks.now());
    if past && !matches!(stream.target, Target::Failed(_)) {
        // Stored and expired in the same moment: nothing of it can be seen.
        stream.fail(engine, "GONE");
        ops::remove(engine, &stream.key);
        return Ok(());
    }
    let ttl = stream.expiry.deadline().map_or(Ttl::Clear, Ttl::At);
    match std::mem::replace(&mut stream.target, Target::Failed("GONE")) {
        Target::Failed(reason) => return Err(reason),
        Target::Memory(bytes) => {
            engine.ks.drop_stream_bytes(bytes.len());
            items::write_shared(engine, ops::DB, &stream.key, Arc::new(bytes), ttl, stream.flags);
        }
        Target::Disk { id, .. } => {
            let put = Put { ttl, flags: Some(stream.flags), ..Put::plain(b"") };
            if !engine.ks.put_grown(ops::DB, &stream.key, put, id, stream.total) {
                return Err("DISK");
            }
            items::tell_written(engine, ops::DB, &stream.key, ttl);
            engine.effects.pass(stream.key.len() as u64 + stream.total);
        }
    }
    Ok(())
}
