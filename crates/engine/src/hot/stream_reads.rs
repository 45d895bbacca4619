//! XREAD and XREADGROUP.

use dozo_store::collections::stream::{Id, Stream};
use dozo_store::{Type, WrongType};
use dozo_wire::Out;
use dozo_wire::resp::{Proto, Reply};

use super::streams::{BAD_ID, reply_entry, reply_id};
use super::{NOT_INTEGER, SYNTAX, parse_int, wrong_type};
use crate::blocking::{TimeoutReply, Wait};
use crate::cx::Cx;
use crate::events::Class;

const UNBALANCED: &str =
    "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.";
const DOLLAR: &str = "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this \
                      consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just \
                      return an empty result set.";
const GREATER: &str = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> \
                       option.";

/// The words of the command.
struct Request<'a> {
    /// The group and the consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    count: usize,
    /// `Some` when it may wait; the inner `None` is for ever.
    block: Option<Option<i64>>,
    no_ack: bool,
    keys: &'a [&'a [u8]],
    ids: &'a [&'a [u8]],
}

/// From where a stream is read.
#[derive(Clone, Copy, PartialEq)]
enum From {
    After(Id),
    /// What the group has not seen.
    New,
}

pub(super) fn xread(cx: &mut Cx<'_>, args: &[&[u8]]) {
    read(cx, args, "xread");
}

pub(super) fn xreadgroup(cx: &mut Cx<'_>, args: &[&[u8]]) {
    read(cx, args, "xreadgroup");
}

/// BLOCK's milliseconds, of which 0 is for ever; `None` when an error was answered.
fn timeout(cx: &mut Cx<'_>, text: &[u8]) -> Option<Option<i64>> {
    let refused = match parse_int(text) {
        None => "ERR timeout is not an integer or out of range",
        Some(ms) if ms < 0 => "ERR timeout is negative",
        Some(ms) => return Some((ms != 0).then_some(ms)),
    };
    cx.error(refused);
    None
}

/// `None` when an error was answered.
fn request<'a>(cx: &mut Cx<'_>, args: &'a [&'a [u8]], name: &str) -> Option<Request<'a>> {
    let as_group = name == "xreadgroup";
    let mut found =
        Request { group: None, count: usize::MAX, block: None, no_ack: false, keys: &[], ids: &[] };
    let mut at = 1;
    let refuse = |cx: &mut Cx<'_>, text: &str| {
        cx.error(text);
        None
    };
    while at < args.len() && found.keys.is_empty() {
        let (word, rest) = (args[at], &args[at + 1..]);
        let is = |token: &[u8]| word.eq_ignore_ascii_case(token);
        if is(b"block") && !rest.is_empty() {
            found.block = Some(timeout(cx, rest[0])?);
            at += 2;
        } else if is(b"count") && !rest.is_empty() {
            let Some(count) = parse_int(rest[0]) else { return refuse(cx, NOT_INTEGER) };
            found.count = if count <= 0 { usize::MAX } else { count as usize };
            at += 2;
        } else if is(b"streams") && !rest.is_empty() {
            if rest.len() % 2 != 0 {
                return refuse(cx, UNBALANCED);
            }
            (found.keys, found.ids) = rest.split_at(rest.len() / 2);
        } else if is(b"group") && rest.len() >= 2 {
            if !as_group {
                let text = "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.";
                return refuse(cx, text);
            }
            found.group = Some((rest[0], rest[1]));
            at += 3;
        } else if is(b"noack") {
            if !as_group {
                let text = "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.";
                return refuse(cx, text);
            }
            found.no_ack = true;
            at += 1;
        } else {
            return refuse(cx, SYNTAX);
        }
    }
    if found.keys.is_empty() {
        return refuse(cx, SYNTAX);
    }
    if as_group && found.group.is_none() {
        return refuse(cx, "ERR Missing GROUP option for XREADGROUP");
    }
    Some(found)
}

/// The group that is to be read is not there.
fn no_group(cx: &mut Cx<'_>, key: &[u8], group: &[u8], has_key: bool) {
    let text = match (cx.is_retry(), has_key) {
        (true, false) => b"UNBLOCKED the stream key no longer exists".to_vec(),
        (true, true) => b"NOGROUP the consumer group this client was blocked on no longer exists".to_vec(),
        (false, _) => {
            let (start, middle) = (&b"NOGROUP No such key '"[..], &b"' or consumer group '"[..]);
            [start, key, middle, group, b"' in XREADGROUP with GROUP option"].concat()
        }
    };
    cx.reply().error_bytes(&text);
}

/// From where each stream is read; `None` when an error was answered.
fn starts(cx: &mut Cx<'_>, request: &Request<'_>) -> Option<Vec<From>> {
    let mut found = Vec::with_capacity(request.keys.len());
    let (access, waited) = (cx.read_access(), cx.is_retry());
    for (key, text) in request.keys.iter().zip(request.ids) {
        let stream = match cx.engine.ks.collection::<Stream>(cx.session.db, key, access) {
            Ok(stream) => stream,
            // The stream has made way for another type while the client waited.
            Err(WrongType) if waited => None,
            Err(WrongType) => {
                match request.group {
                    Some((group, _)) if cx.is_retry() => no_group(cx, key, group, false),
                    _ => wrong_type(cx),
                }
                return None;
            }
        };
        if let Some((group, _)) = request.group
            && stream.is_none_or(|stream| stream.group(group).is_none())
        {
            let has_key = stream.is_some();
            no_group(cx, key, group, has_key);
            return None;
        }
        let start = match (*text, request.group.is_some()) {
            (b"$", true) => Err(DOLLAR),
            (b">", false) => Err(GREATER),
            (b">", true) => Ok(From::New),
            (b"$", false) => Ok(From::After(stream.map_or(Id::MIN, |stream| stream.counters().last_id))),
            (b"+", false) => {
                let last = stream.and_then(|stream| stream.range_back(Id::MIN, Id::MAX).next());
                Ok(From::After(last.and_then(|(id, _)| id.previous()).unwrap_or(Id::MIN)))
            }
            (text, grouped) => match Id::parse(text, 0) {
                Some(Id::MAX) if grouped => Ok(From::New),
                Some(id) => Ok(From::After(id)),
                None => Err(BAD_ID),
            },
        };
        match start {
            Ok(start) => found.push(start),
            Err(text) => {
                cx.error(text);
                return None;
            }
        }
    }
    Some(found)
}

fn read(cx: &mut Cx<'_>, args: &[&[u8]], name: &str) {
    let Some(request) = request(cx, args, name) else { return };
    let Some(starts) = starts(cx, &request) else { return };
    cx.no_effect();
    let proto = cx.session.proto;
    let mut body = Out::new();
    let mut served = 0;
    for (key, start) in request.keys.iter().zip(&starts) {
        let mut entries = Out::new();
        let count = match request.group {
            None => read_plain(cx, key, *start, request.count, &mut Reply::new(&mut entries, proto)),
            Some(group) => {
                read_group(cx, key, (group, *start), &request, &mut Reply::new(&mut entries, proto))
            }
        };
        let Some(count) = count else { continue };
        let mut reply = Reply::new(&mut body, proto);
        if matches!(proto, Proto::Resp2) {
            reply.array(2);
        }
        reply.bulk(key);
        reply.array(count);
        body.put(&entries.bytes);
        served += 1;
    }
    if served == 0 {
        return wait(cx, args, &request, &starts);
    }
    match proto {
        Proto::Resp2 => cx.reply().array(served),
        Proto::Resp3 => cx.reply().map(served),
    }
    cx.session.out.put(&body.bytes);
}

fn wait(cx: &mut Cx<'_>, args: &[&[u8]], request: &Request<'_>, starts: &[From]) {
    let Some(timeout_ms) = request.block else { return cx.reply().null_array() };
    // Waiting is for what comes after now, so $ is settled once.
    let mut retry: Vec<Vec<u8>> = args.iter().map(|word| word.to_vec()).collect();
    let first = args.len() - starts.len();
    for (word, start) in retry[first..].iter_mut().zip(starts) {
        if let From::After(id) = start {
            word.clear();
            id.write(word);
        }
    }
    let gone = request.group.is_some();
    let on_timeout = TimeoutReply::NullArray;
    cx.wait_for(request.keys, Wait { of: Type::Stream, gone, timeout_ms, on_timeout, retry: Some(retry) });
}

/// Writes the entries after `start`; `None` when there are none.
fn read_plain(
    cx: &mut Cx<'_>,
    key: &[u8],
    start: From,
    count: usize,
    reply: &mut Reply<'_>,
) -> Option<usize> {
    let From::After(after) = start else { return None };
    let access = cx.read_access();
    let stream = cx.engine.ks.collection::<Stream>(cx.session.db, key, access).ok()??;
    let mut found = 0;
    for (id, fields) in stream.range(after.next()?, Id::MAX).take(count) {
        reply_entry(reply, id, fields);
        found += 1;
    }
    (found != 0).then_some(found)
}

/// What a group's read did, for its effects.
#[derive(Default)]
struct Read {
    served: Option<usize>,
    new_consumer: bool,
    delivered: Vec<Id>,
    last_id: Id,
    entries_read: Option<u64>,
}

/// Writes what the consumer gets; `None` when there is nothing new.
fn read_group(
    cx: &mut Cx<'_>,
    key: &[u8],
    ((group, consumer), start): ((&[u8], &[u8]), From),
    request: &Request<'_>,
    reply: &mut Reply<'_>,
) -> Option<usize> {
    let now = cx.now();
    let edited = cx.engine.ks.edit_aside(cx.session.db, key, |stream: &mut Stream| {
        let mut read = Read::default();
        let last_id = stream.group(group).map_or(Id::MAX, |group| group.last_id);
        let has_new = last_id.next().is_some_and(|id| stream.range(id, Id::MAX).next().is_some());
        if start == From::New && !has_new {
            return (read, false);
        }
        let made = stream.edit_group(group, |group| {
            let (number, made) = group.consumer_or_new(consumer, now);
            if let Some(consumer) = group.consumer_mut(number) {
                consumer.seen_at = now;
                if start == From::New {
                    consumer.active_at = now;
                }
            }
            (number, made)
        });
        let Some((number, made)) = made else { return (read, false) };
        read.new_consumer = made;
        let who = (number, now);
        read.served = Some(match start {
            From::New => stream.read_new(group, who, request.count, request.no_ack, |id, fields| {
                reply_entry(reply, id, fields);
                read.delivered.push(id);
            }),
            From::After(id) => match id.next() {
                None => 0,
                Some(from) => {
                    stream.read_pending(group, who, from, request.count, |id, fields| match fields {
                        Some(fields) => reply_entry(reply, id, fields),
                        None => {
                            reply.array(2);
                            reply_id(reply, id);
                            reply.null_array();
                        }
                    })
                }
            },
        });
        if let Some(group) = stream.group(group) {
            (read.last_id, read.entries_read) = (group.last_id, group.entries_read);
        }
        (read, true)
    });
    let read = edited.ok()??;
    if read.new_consumer {
        cx.notify(Class::Stream, "xgroup-createconsumer", key);
    }
    group_effects(cx, key, (group, consumer), &read, request.no_ack);
    read.served
}

/// Deliveries as claims of what was delivered, so that whoever replays them needs neither time nor order.
fn group_effects(cx: &mut Cx<'_>, key: &[u8], (group, consumer): (&[u8], &[u8]), read: &Read, no_ack: bool) {
    let text = |id: Id| {
        let mut text = Vec::with_capacity(24);
        id.write(&mut text);
        text
    };
    let last = text(read.last_id);
    if read.new_consumer && (no_ack || read.delivered.is_empty()) {
        cx.effect(&[b"XGROUP", b"CREATECONSUMER", key, group, consumer]);
    }
    if read.delivered.is_empty() {
        return;
    }
    let mut digits = itoa::Buffer::new();
    let now = digits.format(cx.now()).as_bytes().to_vec();
    for id in read.delivered.iter().filter(|_| !no_ack) {
        let id = text(*id);
        cx.effect(&[
            b"XCLAIM",
            key,
            group,
            consumer,
            b"0",
            &id,
            b"TIME",
            &now,
            b"RETRYCOUNT",
            b"1",
            b"FORCE",
            b"JUSTID",
            b"LASTID",
            &last,
        ]);
    }
    let count = read.entries_read.map_or(-1, |read| read as i64);
    let count = digits.format(count).as_bytes();
    cx.effect(&[b"XGROUP", b"SETID", key, group, &last, b"ENTRIESREAD", count]);
}
