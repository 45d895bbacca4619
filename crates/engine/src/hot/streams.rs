//! XADD, XLEN and XACK, and the words that stream commands share. XREAD and XREADGROUP are in stream_reads.rs.

use dozo_store::collections::stream::{Bound, Fields, Id, References, Stream, Trim, number};
use dozo_store::{Access, Packing, WrongType};
use dozo_wire::resp::Reply;

use super::{NOT_INTEGER, parse_int, stream_reads, wrong_arity, wrong_type};
use crate::cx::Cx;
use crate::events::Class;
use crate::table::HotFn;

pub(super) const HOT: &[(&str, HotFn)] = &[
    ("xack", xack),
    ("xadd", xadd),
    ("xlen", xlen),
    ("xread", stream_reads::xread),
    ("xreadgroup", stream_reads::xreadgroup),
];

pub(super) const BAD_ID: &str = "ERR Invalid stream ID specified as stream command argument";
const ZERO_ID: &str = "ERR The ID specified in XADD must be greater than 0-0";
const SMALL_ID: &str = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
const LAST_ID: &str = "ERR The stream has exhausted the last possible ID, unable to add more items";
const TWO_BOUNDS: &str = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";
const NO_BOUND: &str = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
const EXACT_LIMIT: &str = "ERR syntax error, LIMIT cannot be used without the special ~ option";

/// The id that XADD asks for.
#[derive(Clone, Copy)]
enum Wanted {
    Next,
    NextOf(u64),
    Exactly(Id),
}

/// The words of XADD between the key and the fields.
struct Options {
    create: bool,
    bound: Option<Bound>,
    approx: bool,
    limit: Option<u64>,
    references: References,
    wanted: Wanted,
    /// Where the fields begin.
    fields: usize,
}

/// A trimming threshold that must not be negative.
fn count(text: &[u8], name: &str) -> Result<u64, String> {
    let value = parse_int(text).ok_or(NOT_INTEGER)?;
    u64::try_from(value).map_err(|_| format!("ERR The {name} argument must be >= 0."))
}

pub(super) fn references(word: &[u8]) -> Option<References> {
    Some(match () {
        () if word.eq_ignore_ascii_case(b"keepref") => References::Keep,
        () if word.eq_ignore_ascii_case(b"delref") => References::Delete,
        () if word.eq_ignore_ascii_case(b"acked") => References::Acked,
        () => return None,
    })
}

fn wanted(word: &[u8]) -> Result<Wanted, String> {
    if let Some(ms) = word.strip_suffix(b"-*") {
        return number(ms).map(Wanted::NextOf).ok_or_else(|| BAD_ID.into());
    }
    Id::parse(word, 0).map(Wanted::Exactly).ok_or_else(|| BAD_ID.into())
}

fn options(args: &[&[u8]]) -> Result<Options, String> {
    let mut found = Options {
        create: true,
        bound: None,
        approx: false,
        limit: None,
        references: References::Keep,
        wanted: Wanted::Next,
        fields: args.len() + 1,
    };
    let mut at = 2;
    while at < args.len() {
        let (word, more) = (args[at], args.len() - at - 1);
        at += 1;
        if word == b"*" {
            found.fields = at;
            break;
        }
        let max_len = word.eq_ignore_ascii_case(b"maxlen");
        if more > 0 && (max_len || word.eq_ignore_ascii_case(b"minid")) {
            if found.bound.is_some() {
                return Err(TWO_BOUNDS.into());
            }
            found.approx = more >= 2 && args[at] == b"~";
            at += usize::from(found.approx || (more >= 2 && args[at] == b"="));
            let text = args[at];
            at += 1;
            found.bound = Some(match max_len {
                true => Bound::MaxLen(count(text, "MAXLEN")?),
                false => Bound::MinId(Id::parse(text, 0).ok_or(BAD_ID)?),
            });
        } else if more > 0 && word.eq_ignore_ascii_case(b"limit") {
            found.limit = Some(count(args[at], "LIMIT")?);
            at += 1;
        } else if word.eq_ignore_ascii_case(b"nomkstream") {
            found.create = false;
        } else if let Some(references) = references(word) {
            found.references = references;
        } else {
            found.wanted = wanted(word)?;
            found.fields = at;
            break;
        }
    }
    if found.limit.is_some_and(|limit| limit != 0) && found.bound.is_none() {
        return Err(NO_BOUND.into());
    }
    if found.limit.is_some() && !found.approx {
        return Err(EXACT_LIMIT.into());
    }
    Ok(found)
}

impl Options {
    fn trim(&self, packing: &Packing) -> Option<Trim> {
        let limit = match self.approx {
            true => self.limit.unwrap_or_else(|| packing.stream_trim_limit()),
            false => 0,
        };
        let (approx, references) = (self.approx, self.references);
        self.bound.map(|bound| Trim { bound, approx, limit, references })
    }
}

fn next_id(stream: &Stream, wanted: Wanted, now: i64) -> Result<Id, &'static str> {
    let last = stream.counters().last_id;
    let id = match wanted {
        _ if last == Id::MAX => return Err(LAST_ID),
        Wanted::Exactly(id) => id,
        Wanted::NextOf(ms) if ms == last.ms => Id::new(ms, last.seq.checked_add(1).ok_or(SMALL_ID)?),
        Wanted::NextOf(ms) => Id::new(ms, 0),
        Wanted::Next => stream.next_id(now).ok_or(LAST_ID)?,
    };
    if id <= last { Err(SMALL_ID) } else { Ok(id) }
}

fn xadd(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let options = match options(args) {
        Ok(options) => options,
        Err(text) => return cx.error(&text),
    };
    let Some(pairs) = args.get(options.fields..).filter(|pairs| pairs.len() >= 2 && pairs.len() % 2 == 0)
    else {
        return wrong_arity(cx, "xadd");
    };
    if matches!(options.wanted, Wanted::Exactly(Id::MIN)) {
        return cx.error(ZERO_ID);
    }
    let (db, key, now) = (cx.session.db, args[1], cx.now());
    let packing = cx.engine.ks.packing;
    let trim = options.trim(&packing);
    let add = |stream: &mut Stream| match next_id(stream, options.wanted, now) {
        Err(text) => (Err(text), false),
        Ok(id) => {
            stream.append(id, pairs, &packing);
            let trimmed = trim.as_ref().is_some_and(|trim| stream.trim(trim) != 0);
            (Ok((id, trimmed.then(|| stream.len()))), true)
        }
    };
    let added = match options.create {
        true => cx.engine.ks.edit_or_create(db, key, add).map(Some),
        false => cx.engine.ks.edit(db, key, add),
    };
    match added {
        Err(WrongType) => wrong_type(cx),
        Ok(None) => cx.reply().null(),
        Ok(Some(Err(text))) => cx.error(text),
        Ok(Some(Ok((id, trimmed_to)))) => {
            reply_id(&mut cx.reply(), id);
            added_effect(cx, key, (id, pairs), &options, trimmed_to);
            cx.notify(Class::Stream, "xadd", key);
            if trimmed_to.is_some() {
                cx.notify(Class::Stream, "xtrim", key);
            }
        }
    }
}

/// The entry by its id; what was trimmed by the length that remained, as blocks may lie otherwise elsewhere.
fn added_effect(
    cx: &mut Cx<'_>,
    key: &[u8],
    (id, pairs): (Id, &[&[u8]]),
    options: &Options,
    trimmed_to: Option<u64>,
) {
    let mut id_text = Vec::with_capacity(24);
    id.write(&mut id_text);
    let mut digits = itoa::Buffer::new();
    let mut effect: Vec<&[u8]> = Vec::with_capacity(pairs.len() + 7);
    effect.extend([&b"XADD"[..], key]);
    if let Some(len) = trimmed_to {
        effect.extend([&b"MAXLEN"[..], b"=", digits.format(len).as_bytes()]);
        match options.references {
            References::Keep => {}
            References::Delete => effect.push(b"DELREF"),
            References::Acked => effect.push(b"ACKED"),
        }
    }
    effect.push(&id_text);
    effect.extend(pairs);
    cx.effect(&effect);
}

fn xlen(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let access = cx.read_access();
    match cx.engine.ks.collection::<Stream>(cx.session.db, args[1], access) {
        Ok(found) => {
            let len = found.map_or(0, Stream::len);
            cx.reply().int(len as i64);
        }
        Err(WrongType) => wrong_type(cx),
    }
}

fn xack(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let (db, key, group) = (cx.session.db, args[1], args[2]);
    match cx.engine.ks.collection::<Stream>(db, key, Access::Write) {
        Err(WrongType) => return wrong_type(cx),
        Ok(Some(stream)) if stream.group(group).is_some() => {}
        Ok(_) => return cx.reply().int(0),
    }
    let ids: Option<Vec<Id>> = args[3..].iter().map(|text| Id::parse(text, 0)).collect();
    let Some(ids) = ids else { return cx.error(BAD_ID) };
    let acknowledged = cx.engine.ks.edit_aside(db, key, |stream: &mut Stream| {
        let each = |group: &mut dozo_store::collections::stream::Group| {
            ids.iter().filter(|id| group.acknowledge(**id)).count()
        };
        let count = stream.edit_group(group, each).unwrap_or(0);
        (count, count != 0)
    });
    cx.reply().int(acknowledged.ok().flatten().unwrap_or(0) as i64);
}

pub(super) fn reply_id(reply: &mut Reply<'_>, id: Id) {
    let mut text = [0u8; 41];
    let mut digits = itoa::Buffer::new();
    let mut len = 0;
    let mut put = |bytes: &[u8]| {
        text[len..len + bytes.len()].copy_from_slice(bytes);
        len += bytes.len();
    };
    put(digits.format(id.ms).as_bytes());
    put(b"-");
    put(digits.format(id.seq).as_bytes());
    reply.bulk(&text[..len]);
}

/// An entry as XRANGE and XREAD answer it.
pub(super) fn reply_entry(reply: &mut Reply<'_>, id: Id, fields: Fields<'_>) {
    reply.array(2);
    reply_id(reply, id);
    reply.array(fields.len() * 2);
    for (field, value) in fields {
        reply.bulk(field);
        reply.bulk(value);
    }
}
