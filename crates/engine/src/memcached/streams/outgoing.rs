//! A value that is sent in chunks, as fast as its peer takes them.

use std::sync::{Arc, Mutex, PoisonError};

use dozo_store::tier::{Parts, Stored};
use dozo_store::{Access, Mark, Str};
use dozo_wire::memcached::text::{Tokens, reply};
use dozo_wire::{Out, Shared};

use super::refuse;
use crate::engine::{Engine, Flow};
use crate::memcached::ops;
use crate::session::Session;

/// Bytes that may wait to be written to a peer before nothing more is read for it.
const AHEAD: usize = 256 << 10;
/// Values that lie on disk and are longer are read in parts; a shorter one comes to memory as for any other command.
const PARTS_FROM: usize = 1 << 20;
/// The same for a `get`, which otherwise would never bring a value to memory that is asked for often.
const GET_PARTS_FROM: usize = 16 << 20;
/// Bytes that a `get` in parts puts into the output at once.
const GET_PART: usize = 64 << 10;

/// A stream on its way out.
pub(super) struct Outgoing {
    key: Box<[u8]>,
    total: usize,
    chunk: usize,
    /// Bytes and chunks that were sent.
    sent: usize,
    index: u64,
    source: Source,
    /// It is the reply of a `get`, without frames of chunks.
    plain: bool,
    /// When it last went on.
    pub moved_ms: i64,
    /// Bytes that its connection had taken when that was looked at last.
    pub written: u64,
}

enum Source {
    /// The value as it was when it was asked for: whoever changes it changes a copy.
    Memory(Shared),
    Disk(Disk),
}

struct Disk {
    parts: Arc<Mutex<Box<dyn Parts>>>,
    /// What was read, and how much of it was sent.
    got: Vec<u8>,
    used: usize,
    /// A part is on its way.
    asked: bool,
    failed: bool,
}

impl Outgoing {
    pub(super) fn deliver(&mut self, bytes: Option<Vec<u8>>) {
        if let Source::Disk(disk) = &mut self.source {
            disk.asked = false;
            match bytes {
                Some(bytes) => (disk.got, disk.used) = (bytes, 0),
                None => disk.failed = true,
            }
        }
    }

    /// Sends chunks until enough waits to be written; what it waits for, `None` at its end.
    fn send(&mut self, out: &mut Out) -> Option<Wait> {
        while self.sent < self.total {
            if out.len() >= AHEAD {
                return Some(Wait::Peer);
            }
            let len = self.chunk.min(self.total - self.sent);
            let bytes = match &mut self.source {
                Source::Memory(value) => value.get(self.sent..self.sent + len),
                Source::Disk(disk) => match disk.got.get(disk.used..disk.used + len) {
                    None if disk.failed => return Some(Wait::Never),
                    None => return Some(Wait::Disk),
                    there => {
                        disk.used += len;
                        there
                    }
                },
            };
            let Some(bytes) = bytes else { return Some(Wait::Never) };
            if self.plain {
                out.put(bytes);
            } else {
                frame(out, &self.key, self.index, bytes);
            }
            self.sent += len;
            self.index += 1;
        }
        None
    }
}

fn frame(out: &mut Out, key: &[u8], index: u64, bytes: &[u8]) {
    let mut digits = itoa::Buffer::new();
    out.put(b"STREAM_DATA ");
    out.put(key);
    out.put(b" ");
    out.put(digits.format(index).as_bytes());
    out.put(b" ");
    out.put(digits.format(bytes.len()).as_bytes());
    out.put(b"\r\n");
    out.put(bytes);
    out.put(b"\r\n");
}

/// What a stream waits for.
enum Wait {
    Peer,
    Disk,
    /// The value can't be had.
    Never,
}

/// Whether a value is sent from where it lies, so that its request need not wait for it to come to memory.
pub(in crate::memcached) fn fits(engine: &mut Engine, key: &[u8]) -> bool {
    is_cold_from(engine, key, PARTS_FROM)
}

/// The key of a `get` of one value that is sent so.
pub(in crate::memcached) fn single<'k>(engine: &mut Engine, mut keys: Tokens<'k>) -> Option<&'k [u8]> {
    if !engine.ks.has_tier() {
        return None;
    }
    let key = keys.next()?;
    (keys.next().is_none() && is_cold_from(engine, key, GET_PARTS_FROM)).then_some(key)
}

fn is_cold_from(engine: &mut Engine, key: &[u8], least: usize) -> bool {
    // Most are not, and the second look is for the others.
    engine.ks.cold_place(ops::DB, key).is_some()
        && engine
            .ks
            .head(ops::DB, key, Access::Peek)
            .is_some_and(|head| head.string_len().is_some_and(|len| len > least))
}

/// `streaming_get`: says what comes; [`pump`] sends it.
pub(in crate::memcached) fn start(engine: &mut Engine, session: &mut Session, key: &[u8], chunk: usize) {
    engine.stats.memcached.cmd_get += 1;
    engine.stats.memcached.cmd_streaming_get += 1;
    let Some((source, total, flags)) = source(engine, key) else {
        engine.stats.memcached.get_misses += 1;
        return refuse(engine, session, "NOT_FOUND");
    };
    engine.stats.memcached.get_hits += 1;
    engine.ks.mark(ops::DB, key, Mark::Fetched(true));
    let mut digits = itoa::Buffer::new();
    let out = &mut session.out;
    out.put(b"STREAM_BEGIN ");
    out.put(key);
    for number in [u64::from(flags), total as u64, total.div_ceil(chunk) as u64] {
        out.put(b" ");
        out.put(digits.format(number).as_bytes());
    }
    out.put(b"\r\n");
    put_on_its_way(engine, session, key, (source, total), chunk, false);
}

/// `get` and `gets` of one huge value; false when it is gone.
pub(in crate::memcached) fn get(
    engine: &mut Engine,
    session: &mut Session,
    key: &[u8],
    with_cas: bool,
) -> bool {
    let cas = with_cas.then(|| ops::cas_of(engine, key));
    let Some((source, total, flags)) = source(engine, key) else { return false };
    engine.stats.memcached.cmd_get += 1;
    engine.stats.memcached.get_hits += 1;
    engine.ks.mark(ops::DB, key, Mark::Fetched(true));
    reply::header(&mut session.out, key, flags, total, cas);
    put_on_its_way(engine, session, key, (source, total), GET_PART, true);
    true
}

fn put_on_its_way(
    engine: &mut Engine,
    session: &mut Session,
    key: &[u8],
    (source, total): (Source, usize),
    chunk: usize,
    plain: bool,
) {
    let stream = Outgoing {
        key: key.into(),
        total,
        chunk,
        sent: 0,
        index: 0,
        source,
        plain,
        moved_ms: engine.ks.now(),
        written: session.net_out,
    };
    engine.memcached.streams.note(session);
    session.memcached.streams.outgoing = Some(Box::new(stream));
}

/// Where the bytes of a value are to be had, its length and its flags.
fn source(engine: &mut Engine, key: &[u8]) -> Option<(Source, usize, u32)> {
    if fits(engine, key) {
        let head = engine.ks.head(ops::DB, key, Access::Read)?;
        let (total, flags) = (head.string_len()?, head.flags());
        let place = engine.ks.cold_place(ops::DB, key)?;
        let parts = Arc::new(Mutex::new(engine.ks.tier_disk()?.parts(place)?));
        engine.ks.note_streamed(ops::DB, key);
        let disk = Disk { parts, got: Vec::new(), used: 0, asked: false, failed: false };
        return Some((Source::Disk(disk), total, flags));
    }
    let item = engine.ks.get(ops::DB, key, Access::Read)?;
    let value = match item.string()? {
        Str::Shared(value) => Arc::clone(value),
        short => Arc::new(short.to_vec()),
    };
    let total = value.len();
    Some((Source::Memory(value), total, item.flags()))
}

/// Sends on; what the session waits for, `None` when the stream is at its end.
pub(in crate::memcached) fn pump(engine: &mut Engine, session: &mut Session) -> Option<Flow> {
    let mut stream = session.memcached.streams.outgoing.take()?;
    stream.moved_ms = engine.ks.now();
    loop {
        match stream.send(&mut session.out) {
            None if stream.plain => session.out.put(b"\r\nEND\r\n"),
            None => {
                session.out.put(b"STREAM_END ");
                session.out.put(&stream.key);
                session.out.put(b"\r\n");
            }
            Some(Wait::Never) if stream.plain => {
                // There is no other way to say that what came is not the value.
                engine.stats.memcached.stream_errors += 1;
                engine.memcached.streams.release(session);
                return Some(Flow::Close);
            }
            Some(Wait::Never) => {
                let same = engine.ks.cold_place(ops::DB, &stream.key).is_some();
                refuse(engine, session, if same { "DAMAGED" } else { "CHANGED" });
            }
            Some(Wait::Peer) => {
                session.memcached.streams.outgoing = Some(stream);
                return Some(Flow::Draining);
            }
            Some(Wait::Disk) => {
                if ask(engine, session, &mut stream) {
                    session.memcached.streams.outgoing = Some(stream);
                    return Some(Flow::Fetching);
                }
                continue;
            }
        }
        engine.memcached.streams.release(session);
        return None;
    }
}

/// Has the next part read; whether the session has to wait for it.
fn ask(engine: &mut Engine, session: &Session, stream: &mut Outgoing) -> bool {
    let Source::Disk(disk) = &mut stream.source else { return false };
    if disk.asked {
        return true;
    }
    // Whole chunks, so that none has to be put together from two parts.
    let bytes = stream.chunk * (AHEAD / stream.chunk).max(1);
    let bytes = bytes.min(stream.total - stream.sent);
    let mut buffer = std::mem::take(&mut disk.got);
    buffer.clear();
    buffer.reserve_exact(bytes);
    let parts = Arc::clone(&disk.parts);
    let job = Box::new(move || {
        parts.lock().unwrap_or_else(PoisonError::into_inner).next(bytes, buffer).map(Stored::string)
    });
    match engine.read_part(session, job) {
        Ok(()) => disk.asked = true,
        Err(job) => stream.deliver(job().map(|part| part.bytes)),
    }
    matches!(&stream.source, Source::Disk(disk) if disk.asked)
}
