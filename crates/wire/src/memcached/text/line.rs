//! Owns the meaning of one command line: which request it is, or memcached's reply to what is wrong with it.

use super::reply::{ERROR, TOO_LARGE};
use super::{CHUNK_MOST, CHUNK_USUAL, Request, Store, Stream, Tokens};
use crate::memcached::meta::{self, BAD_FORMAT, LONG_OPAQUE, Meta, SentKey};
use crate::memcached::token::{Words, int32, number_of_bytes, uint32, uint64};
use crate::memcached::{KEY_MAX, Limits, Verb, item_fits};

/// What a line says.
pub(super) enum Line<'a> {
    /// All of a request.
    Request(Request<'a>),
    /// A storage command and the length of its data block.
    Store(Store<'a>, usize),
    /// `ms` and the length of its data block.
    MetaSet(Meta<'a>, usize),
    /// A refused line; the reply is empty when none is wanted.
    Refused(&'static [u8]),
    /// A refused line whose data block is to be skipped.
    RefusedData { reply: &'static [u8], len: usize, unlink: Option<SentKey<'a>> },
    /// Not memcached at all: close without a word.
    Close,
}

/// Words after the name of a classic command: as many as `cas` takes.
const MAX_WORDS: usize = 6;

/// Words of a meta command, its name included.
const MAX_META_WORDS: usize = 19;

const DELETE_USAGE: &[u8] = b"CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n";
const BAD_EXPTIME: &[u8] = b"CLIENT_ERROR invalid exptime argument\r\n";
const BAD_DELTA: &[u8] = b"CLIENT_ERROR invalid numeric delta argument\r\n";
const BAD_CHUNK: &[u8] = b"CLIENT_ERROR chunk size must be between 1 and 1048576\r\n";
const LONG_FLAGS: &[u8] = b"CLIENT_ERROR options flags too long\r\n";

/// Parse `line`, which has no line end.
#[inline]
pub(super) fn parse<'a>(line: &'a [u8], limits: &Limits) -> Line<'a> {
    // By far the most frequent command.
    if let Some(keys) = line.strip_prefix(b"get ") {
        return get(keys, false);
    }
    let mut words = Tokens::new(line);
    let Some(name) = words.next() else {
        return Line::Refused(ERROR);
    };
    let rest = words.rest();
    match name {
        b"set" => store(Verb::Set, rest, limits),
        b"mg" | b"ms" | b"md" | b"ma" | b"me" => meta_command(name[1], words, limits),
        b"mn" => Line::Request(Request::MetaNoop),
        b"get" | b"bget" => get(rest, false),
        b"gets" => get(rest, true),
        b"gat" => gat(words, false),
        b"gats" => gat(words, true),
        b"add" => store(Verb::Add, rest, limits),
        b"replace" => store(Verb::Replace, rest, limits),
        b"append" => store(Verb::Append, rest, limits),
        b"prepend" => store(Verb::Prepend, rest, limits),
        b"cas" => store(Verb::Cas, rest, limits),
        b"incr" | b"decr" => arith(rest, name == b"decr"),
        b"delete" => delete(rest),
        b"touch" => touch(rest),
        _ => administrative(name, words),
    }
}

/// The commands that no client sends often.
#[cold]
fn administrative<'a>(name: &'a [u8], args: Tokens<'a>) -> Line<'a> {
    let rest = args.rest();
    match name {
        b"flush_all" => flush_all(rest),
        b"verbosity" => verbosity(rest),
        b"cache_memlimit" => mem_limit(rest),
        b"stats" => Line::Request(Request::Stats { args }),
        b"shutdown" => Line::Request(Request::Shutdown { args }),
        b"version" => Line::Request(Request::Version),
        b"quit" => Line::Request(Request::Quit),
        b"streaming_get" | b"sget" => stream_get(rest),
        b"set_begin" => stream_begin(rest),
        b"set_data" => stream_data(rest),
        b"set_end" => stream_end(rest),
        b"refresh_certs" => Line::Request(Request::RefreshCerts),
        b"lru" | b"extstore" if args.clone().next().is_none() => Line::Refused(ERROR),
        b"slabs" | b"lru" | b"lru_crawler" | b"watch" | b"extstore" => {
            Line::Request(Request::Machinery { name, args })
        }
        // A browser was tricked into talking to us: what follows may hold anything, so don't read on.
        _ if args.last().is_some_and(|word| word.starts_with(b"HTTP/")) => Line::Close,
        _ => Line::Refused(ERROR),
    }
}

#[inline]
fn get(keys: &[u8], cas: bool) -> Line<'_> {
    if keys.len() > KEY_MAX && long_key(keys) {
        return Line::Refused(BAD_FORMAT);
    }
    if keys.iter().all(|byte| *byte == b' ') {
        return Line::Refused(ERROR);
    }
    let keys = Tokens::new(keys);
    Line::Request(Request::Get { keys, cas })
}

fn gat(mut words: Tokens<'_>, cas: bool) -> Line<'_> {
    let Some(exptime) = words.next() else {
        return Line::Refused(ERROR);
    };
    let Some(exptime) = int32(exptime) else {
        return Line::Refused(BAD_EXPTIME);
    };
    if long_key(words.rest()) {
        return Line::Refused(BAD_FORMAT);
    }
    Line::Request(Request::Gat { exptime, keys: words, cas })
}

fn long_key(keys: &[u8]) -> bool {
    Tokens::new(keys).any(|key| key.len() > KEY_MAX)
}

/// Split `rest`, what follows a command's name; `None` when it has fewer than `min` or more than `max` words.
#[inline]
fn split(rest: &[u8], min: usize, max: usize) -> Option<Words<'_, MAX_WORDS>> {
    Words::split(rest).filter(|words| (min..=max).contains(&words.len()))
}

/// A refusal that respects a wish for no reply.
fn refuse<'a>(reply: &'static [u8], noreply: bool) -> Line<'a> {
    Line::Refused(if noreply { b"" } else { reply })
}

fn store<'a>(verb: Verb, rest: &'a [u8], limits: &Limits) -> Line<'a> {
    let extra = usize::from(verb == Verb::Cas);
    let Some(words) = split(rest, 4 + extra, 5 + extra) else {
        return Line::Refused(ERROR);
    };
    let noreply = words.noreply();
    let Some((store, len)) = store_of(verb, &words, noreply) else {
        return refuse(BAD_FORMAT, noreply);
    };
    if item_fits(store.key.len(), store.flags, len, limits) {
        return Line::Store(store, len);
    }
    Line::RefusedData {
        reply: if noreply { b"" } else { TOO_LARGE },
        len,
        // Better no value than the old one, which the client believes replaced.
        unlink: (verb == Verb::Set).then_some(SentKey { raw: store.key, base64: false }),
    }
}

#[inline]
fn store_of<'a>(verb: Verb, words: &Words<'a, MAX_WORDS>, noreply: bool) -> Option<(Store<'a>, usize)> {
    let key = short_key(words.at(0))?;
    let flags = uint32(words.at(1))?;
    let exptime = int32(words.at(2))?;
    let len = number_of_bytes(words.at(3))?;
    let cas = match verb {
        Verb::Cas => uint64(words.at(4))?,
        _ => 0,
    };
    let store = Store { verb, key, flags, exptime, cas, data: b"", noreply };
    Some((store, len))
}

#[inline]
fn short_key(key: &[u8]) -> Option<&[u8]> {
    (key.len() <= KEY_MAX).then_some(key)
}

fn delete(rest: &[u8]) -> Line<'_> {
    let Some(words) = split(rest, 1, 3) else {
        return Line::Refused(ERROR);
    };
    let noreply = words.len() > 1 && words.noreply();
    let zero = words.at(1) == b"0";
    let valid = match words.len() {
        1 => true,
        2 => zero || noreply,
        _ => zero && noreply,
    };
    if !valid {
        return refuse(DELETE_USAGE, noreply);
    }
    match short_key(words.at(0)) {
        Some(key) => Line::Request(Request::Delete { key, noreply }),
        None => refuse(BAD_FORMAT, noreply),
    }
}

fn arith(rest: &[u8], decr: bool) -> Line<'_> {
    let Some(words) = split(rest, 2, 3) else {
        return Line::Refused(ERROR);
    };
    let noreply = words.noreply();
    let Some(key) = short_key(words.at(0)) else {
        return refuse(BAD_FORMAT, noreply);
    };
    match uint64(words.at(1)) {
        Some(delta) => Line::Request(Request::Arith { key, delta, decr, noreply }),
        None => refuse(BAD_DELTA, noreply),
    }
}

fn touch(rest: &[u8]) -> Line<'_> {
    let Some(words) = split(rest, 2, 3) else {
        return Line::Refused(ERROR);
    };
    let noreply = words.noreply();
    let Some(key) = short_key(words.at(0)) else {
        return refuse(BAD_FORMAT, noreply);
    };
    match int32(words.at(1)) {
        Some(exptime) => Line::Request(Request::Touch { key, exptime, noreply }),
        None => refuse(BAD_EXPTIME, noreply),
    }
}

fn flush_all(rest: &[u8]) -> Line<'_> {
    let Some(words) = split(rest, 0, 2) else {
        return Line::Refused(ERROR);
    };
    let noreply = words.noreply();
    let delay = if words.len() == usize::from(noreply) {
        None
    } else {
        match int32(words.at(0)) {
            Some(delay) => Some(delay),
            None => return refuse(BAD_EXPTIME, noreply),
        }
    };
    Line::Request(Request::FlushAll { delay, noreply })
}

fn verbosity(rest: &[u8]) -> Line<'_> {
    let Some(words) = split(rest, 1, 2) else {
        return Line::Refused(ERROR);
    };
    let noreply = words.noreply();
    match uint32(words.at(0)) {
        Some(level) => Line::Request(Request::Verbosity { level, noreply }),
        None => refuse(BAD_FORMAT, noreply),
    }
}

fn mem_limit(rest: &[u8]) -> Line<'_> {
    let Some(words) = split(rest, 1, 2) else {
        return Line::Refused(ERROR);
    };
    let noreply = words.noreply();
    match uint32(words.at(0)) {
        Some(megabytes) => Line::Request(Request::MemLimit { megabytes, noreply }),
        None => refuse(ERROR, noreply),
    }
}

fn stream_get(rest: &[u8]) -> Line<'_> {
    let Some(words) = split(rest, 1, 2) else {
        return Line::Refused(ERROR);
    };
    let chunk = if words.len() == 1 { Some(CHUNK_USUAL as u64) } else { uint64(words.at(1)) };
    let chunk = chunk.and_then(|chunk| usize::try_from(chunk).ok());
    match (short_key(words.at(0)), chunk) {
        (Some(key), Some(chunk @ 1..=CHUNK_MOST)) => Line::Request(Request::StreamGet { key, chunk }),
        (Some(_), _) => Line::Refused(BAD_CHUNK),
        (None, _) => Line::Refused(BAD_FORMAT),
    }
}

fn stream_begin(rest: &[u8]) -> Line<'_> {
    let Some(words) = split(rest, 5, 5) else {
        return Line::Refused(ERROR);
    };
    let stream = || {
        Some(Stream {
            key: short_key(words.at(0))?,
            total: uint64(words.at(1))?,
            chunks: uint64(words.at(2))?,
            flags: uint32(words.at(3))?,
            exptime: int32(words.at(4))?,
        })
    };
    stream().map_or(Line::Refused(BAD_FORMAT), |stream| Line::Request(Request::StreamBegin(stream)))
}

fn stream_data(rest: &[u8]) -> Line<'_> {
    let Some(words) = split(rest, 3, 3) else {
        return Line::Refused(ERROR);
    };
    match (short_key(words.at(0)), uint64(words.at(1)), number_of_bytes(words.at(2))) {
        (Some(key), Some(index), Some(len)) => Line::Request(Request::StreamData { key, index, len }),
        _ => Line::Refused(BAD_FORMAT),
    }
}

fn stream_end(rest: &[u8]) -> Line<'_> {
    match split(rest, 1, 1).map(|words| words.at(0)) {
        None => Line::Refused(ERROR),
        Some(key) if key.len() > KEY_MAX => Line::Refused(BAD_FORMAT),
        Some(key) => Line::Request(Request::StreamEnd { key }),
    }
}

/// `mg`, `ms`, `md`, `ma`, `me`, told apart by their second letter.
fn meta_command<'a>(letter: u8, mut words: Tokens<'a>, limits: &Limits) -> Line<'a> {
    let Some(key) = words.next() else {
        return Line::Refused(if letter == b'e' { BAD_FORMAT } else { ERROR });
    };
    if key.len() > KEY_MAX {
        return Line::Refused(BAD_FORMAT);
    }
    match letter {
        b'e' => meta_debug(key, words.rest()),
        b's' => meta_set(key, words, limits),
        _ => meta_line(letter, key, words.rest()),
    }
}

/// Whether `flags` has more words than `max`.
fn too_many(flags: &[u8], max: usize) -> bool {
    flags.len() > max && Tokens::new(flags).nth(max).is_some()
}

/// `mg`, `md`, `ma`: all that matters is on the line.
fn meta_line<'a>(letter: u8, key: &'a [u8], flags: &'a [u8]) -> Line<'a> {
    let get = letter == b'g';
    if too_many(flags, MAX_META_WORDS - 2) {
        return Line::Refused(if get { b"CLIENT_ERROR options flags are too long\r\n" } else { LONG_FLAGS });
    }
    let checked = match meta::check(key, flags) {
        Ok(checked) => checked,
        Err(reply) if get => return Line::Refused(reply),
        Err(_) => return Line::Refused(b"CLIENT_ERROR invalid or duplicate flag\r\n"),
    };
    let meta = checked.meta;
    if letter == b'a' && !matches!(meta.numbers.mode, 0 | b'I' | b'D' | b'+' | b'-') {
        return Line::Refused(b"CLIENT_ERROR invalid mode for ma M token\r\n");
    }
    if checked.long_opaque {
        return Line::Refused(LONG_OPAQUE);
    }
    Line::Request(match letter {
        b'g' => Request::MetaGet(meta),
        b'd' => Request::MetaDelete(meta),
        _ => Request::MetaArith(meta),
    })
}

fn meta_set<'a>(key: &'a [u8], mut words: Tokens<'a>, limits: &Limits) -> Line<'a> {
    let Some(len) = words.next() else {
        return Line::Refused(BAD_FORMAT);
    };
    let flags = words.rest();
    if too_many(flags, MAX_META_WORDS - 3) {
        return Line::Refused(LONG_FLAGS);
    }
    let Some(len) = number_of_bytes(len) else {
        return Line::Refused(BAD_FORMAT);
    };
    let refuse = |reply| Line::RefusedData { reply, len, unlink: None };
    let checked = match meta::check(key, flags) {
        Ok(checked) => checked,
        Err(reply) => return refuse(reply),
    };
    let meta = checked.meta;
    if !matches!(meta.numbers.mode, 0 | b'E' | b'A' | b'P' | b'R' | b'S') {
        return refuse(b"CLIENT_ERROR invalid mode for ms M token\r\n");
    }
    if checked.long_opaque {
        return refuse(LONG_OPAQUE);
    }
    let key_len = meta.key(&mut [0; KEY_MAX]).len();
    if item_fits(key_len, meta.numbers.client_flags, len, limits) {
        return Line::MetaSet(meta, len);
    }
    Line::RefusedData { reply: TOO_LARGE, len, unlink: Some(meta.sent) }
}

/// `me` looks at one flag only, and only as the first.
fn meta_debug<'a>(key: &'a [u8], flags: &'a [u8]) -> Line<'a> {
    let only = match Tokens::new(flags).next() {
        Some(b"b") => b"b".as_slice(),
        _ => b"",
    };
    match meta::check(key, only) {
        Ok(checked) => Line::Request(Request::MetaDebug(checked.meta)),
        Err(_) => Line::Refused(BAD_FORMAT),
    }
}
