//! Sorted sets: ZADD, ZINCRBY, ZREM, ZSCORE, ZCARD, ZRANK, ZPOPMIN, ZPOPMAX, ZREMRANGEBYSCORE, and all of the ZRANGE family
//! (one parser, one span of ranks).

use dozo_store::{Access, LexBound, Packing, Type, Zset, parse_c_double, parse_double};
use dozo_wire::resp::Proto;
use std::ops::{Bound, Range};

use super::strings::reply_string;
use super::{NOT_INTEGER, SYNTAX, parse_int, wrong_type};
use crate::blocking::{TimeoutReply, Wait, parse_timeout};
use crate::cx::Cx;
use crate::events::Class;
use crate::table::HotFn;

/// The commands of this file.
pub(super) const HOT: &[(&str, HotFn)] = &[
    ("bzpopmax", |cx, args| pop_or_wait(cx, args, true)),
    ("bzpopmin", |cx, args| pop_or_wait(cx, args, false)),
    ("zadd", zadd),
    ("zcard", zcard),
    ("zincrby", zincrby),
    ("zpopmax", |cx, args| pop(cx, args, true)),
    ("zpopmin", |cx, args| pop(cx, args, false)),
    ("zrange", |cx, args| range(cx, args, None, None)),
    ("zrangebylex", |cx, args| range(cx, args, Some(By::Lex), Some(false))),
    ("zrangebyscore", |cx, args| range(cx, args, Some(By::Score), Some(false))),
    ("zrangestore", zrangestore),
    ("zrank", zrank),
    ("zrem", zrem),
    ("zremrangebyscore", zremrangebyscore),
    ("zrevrange", |cx, args| range(cx, args, Some(By::Rank), Some(true))),
    ("zrevrangebylex", |cx, args| range(cx, args, Some(By::Lex), Some(true))),
    ("zrevrangebyscore", |cx, args| range(cx, args, Some(By::Score), Some(true))),
    ("zscore", zscore),
];

const NOT_FLOAT: &str = "ERR value is not a valid float";
const NOT_POSITIVE: &str = "ERR value is out of range, must be positive";
const NAN: &str = "ERR resulting score is not a number (NaN)";
const BAD_SCORES: &str = "ERR min or max is not a float";
const BAD_MEMBERS: &str = "ERR min or max not valid string range item";

/// One end of a range of scores: `(5` leaves 5 out.
pub fn score_bound(text: &[u8]) -> Option<Bound<f64>> {
    let (open, number) = match text {
        [b'(', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let number = parse_c_double(number)?;
    Some(if open { Bound::Excluded(number) } else { Bound::Included(number) })
}

/// One end of a range of members: `-`, `+`, `[member` or `(member`.
pub fn lex_bound(text: &[u8]) -> Option<LexBound<'_>> {
    match text {
        b"-" => Some(LexBound::Min),
        b"+" => Some(LexBound::Max),
        [b'[', member @ ..] => Some(LexBound::Included(member)),
        [b'(', member @ ..] => Some(LexBound::Excluded(member)),
        _ => None,
    }
}

#[derive(Clone, Copy, Default)]
struct Adding {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
    ch: bool,
    incr: bool,
}

#[derive(Default)]
struct Added {
    new: usize,
    changed: usize,
    /// The score that INCR gave.
    score: Option<f64>,
}

impl Adding {
    /// Reads the options; also where the pairs start.
    fn parse(args: &[&[u8]]) -> (Self, usize) {
        let mut options = Adding::default();
        for (at, word) in args.iter().enumerate().skip(2) {
            let option = match word.to_ascii_lowercase().as_slice() {
                b"nx" => &mut options.nx,
                b"xx" => &mut options.xx,
                b"gt" => &mut options.gt,
                b"lt" => &mut options.lt,
                b"ch" => &mut options.ch,
                b"incr" => &mut options.incr,
                _ => return (options, at),
            };
            *option = true;
        }
        (options, args.len())
    }

    /// Redis's objections, in its order.
    fn refusal(self, words: usize) -> Option<&'static str> {
        if words == 0 || !words.is_multiple_of(2) {
            Some(SYNTAX)
        } else if self.nx && self.xx {
            Some("ERR XX and NX options at the same time are not compatible")
        } else if ((self.gt || self.lt) && self.nx) || (self.gt && self.lt) {
            Some("ERR GT, LT, and/or NX options at the same time are not compatible")
        } else if self.incr && words > 2 {
            Some("ERR INCR option supports a single increment-element pair")
        } else {
            None
        }
    }

    /// Adds one pair as the options say; `None` when the sum is no number.
    fn add(
        self,
        zset: &mut Zset,
        member: &[u8],
        score: f64,
        added: &mut Added,
        packing: &Packing,
    ) -> Option<()> {
        let plain = !(self.nx || self.xx || self.gt || self.lt || self.incr);
        if plain {
            let (new, old) = zset.add(member, score, packing);
            added.new += usize::from(new);
            added.changed += usize::from(old.is_some_and(|old| old != score));
            return Some(());
        }
        let old = zset.score(member);
        let score = old.filter(|_| self.incr).map_or(score, |old| old + score);
        if score.is_nan() {
            return None;
        }
        let skipped = match old {
            Some(old) => self.nx || (self.gt && score <= old) || (self.lt && score >= old),
            None => self.xx,
        };
        if skipped {
            return Some(());
        }
        added.score = Some(score);
        added.new += usize::from(old.is_none());
        added.changed += usize::from(old.is_some_and(|old| old != score));
        zset.add(member, score, packing);
        Some(())
    }
}

fn zadd(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let (options, start) = Adding::parse(args);
    if let Some(text) = options.refusal(args.len() - start) {
        return cx.error(text);
    }
    add(cx, args[1], options, &args[start..]);
}

fn zincrby(cx: &mut Cx<'_>, args: &[&[u8]]) {
    add(cx, args[1], Adding { incr: true, ..Adding::default() }, &args[2..]);
}

fn add(cx: &mut Cx<'_>, key: &[u8], options: Adding, pairs: &[&[u8]]) {
    if pairs.iter().step_by(2).any(|score| parse_double(score).is_none()) {
        return cx.error(NOT_FLOAT);
    }
    let (ks, db) = (&mut cx.engine.ks, cx.session.db);
    let packing = ks.packing;
    let mut added = Added::default();
    let done = ks.edit_or_create(db, key, |zset: &mut Zset| {
        let done = pairs
            .chunks_exact(2)
            .try_for_each(|pair| options.add(zset, pair[1], parse_double(pair[0])?, &mut added, &packing));
        (done, added.new + added.changed > 0)
    });
    let Ok(done) = done else { return wrong_type(cx) };
    if added.new + added.changed > 0 {
        cx.notify(Class::Zset, if options.incr { "zincr" } else { "zadd" }, key);
    }
    let mut reply = cx.reply();
    match (done, added.score) {
        (None, _) => reply.error(NAN),
        (_, Some(score)) if options.incr => reply.double(score),
        _ if options.incr => reply.null(),
        _ if options.ch => reply.int((added.new + added.changed) as i64),
        _ => reply.int(added.new as i64),
    }
}

fn zrem(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let key = args[1];
    let removed = cx.engine.ks.edit(cx.session.db, key, |zset: &mut Zset| {
        let removed = args[2..].iter().filter(|member| zset.remove(member)).count();
        ((removed, zset.is_empty()), removed > 0)
    });
    let Ok(removed) = removed else { return wrong_type(cx) };
    let (removed, emptied) = removed.unwrap_or_default();
    taken(cx, key, "zrem", removed, emptied);
    cx.reply().int(removed as i64);
}

/// Announces that members left.
fn taken(cx: &mut Cx<'_>, key: &[u8], event: &str, removed: usize, emptied: bool) {
    if removed > 0 {
        cx.notify(Class::Zset, event, key);
    }
    if emptied {
        cx.notify(Class::Generic, "del", key);
    }
}

fn zcard(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let access = cx.read_access();
    match cx.engine.ks.collection::<Zset>(cx.session.db, args[1], access) {
        Err(_) => wrong_type(cx),
        Ok(zset) => {
            let len = zset.map_or(0, Zset::len);
            cx.reply().int(len as i64);
        }
    }
}

fn zscore(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let access = cx.read_access();
    match cx.engine.ks.collection::<Zset>(cx.session.db, args[1], access) {
        Err(_) => wrong_type(cx),
        Ok(zset) => match zset.and_then(|zset| zset.score(args[2])) {
            Some(score) => cx.reply().double(score),
            None => cx.reply().null(),
        },
    }
}

fn zrank(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let access = cx.read_access();
    match cx.engine.ks.collection::<Zset>(cx.session.db, args[1], access) {
        Err(_) => wrong_type(cx),
        Ok(zset) => match zset.and_then(|zset| zset.rank(args[2])) {
            Some(rank) => cx.reply().int(rank as i64),
            None => cx.reply().null(),
        },
    }
}

fn pop(cx: &mut Cx<'_>, args: &[&[u8]], last: bool) {
    let (key, event) = (args[1], if last { "zpopmax" } else { "zpopmin" });
    let count = match args.get(2).map(|count| parse_int(count).and_then(|n| usize::try_from(n).ok())) {
        _ if args.len() > 3 => return cx.error(SYNTAX),
        Some(None) => return cx.error(NOT_POSITIVE),
        Some(count) => count,
        None => None,
    };
    let db = cx.session.db;
    let mut reply = cx.session.reply();
    // With a count, RESP3 has a pair of each.
    let pairs = reply.proto == Proto::Resp3 && count.is_some();
    let popped = cx.engine.ks.edit(db, key, |zset: &mut Zset| {
        let many = count.unwrap_or(1).min(zset.len());
        reply.array(if pairs { many } else { 2 * many });
        for _ in 0..many {
            zset.pop_with(last, |member, score| {
                if pairs {
                    reply.array(2);
                }
                reply_string(&mut reply, &member);
                reply.double(score);
            });
        }
        ((many, zset.is_empty()), many > 0)
    });
    match popped {
        Err(_) => wrong_type(cx),
        Ok(None) => cx.reply().array(0),
        Ok(Some((many, emptied))) => taken(cx, key, event, many, emptied),
    }
}

fn pop_or_wait(cx: &mut Cx<'_>, args: &[&[u8]], last: bool) {
    let (keys, timeout) = (&args[1..args.len() - 1], args[args.len() - 1]);
    let Some(timeout_ms) = parse_timeout(cx, timeout) else { return };
    let (effect, event) = if last { (b"ZPOPMAX", "zpopmax") } else { (b"ZPOPMIN", "zpopmin") };
    for key in keys {
        let popped = cx.engine.ks.edit(cx.session.db, key, |zset: &mut Zset| {
            let popped = zset.pop_with(last, |member, score| (member.to_vec(), score));
            ((popped, zset.is_empty()), true)
        });
        match popped {
            Err(_) if !cx.is_retry() => return wrong_type(cx),
            Ok(Some((Some((member, score)), emptied))) => {
                let mut reply = cx.reply();
                reply.array(3);
                reply.bulk(key);
                reply.bulk(&member);
                reply.double(score);
                taken(cx, key, event, 1, emptied);
                return cx.effect(&[effect, key]);
            }
            _ => {}
        }
    }
    let on_timeout = TimeoutReply::NullArray;
    cx.wait_for(keys, Wait { of: Type::Zset, gone: false, timeout_ms, on_timeout, retry: None });
}

fn zremrangebyscore(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let (Some(min), Some(max)) = (score_bound(args[2]), score_bound(args[3])) else {
        return cx.error(BAD_SCORES);
    };
    let key = args[1];
    let removed = cx.engine.ks.edit(cx.session.db, key, |zset: &mut Zset| {
        let removed = zset.remove_span(zset.span_by_score(min, max));
        ((removed, zset.is_empty()), removed > 0)
    });
    let Ok(removed) = removed else { return wrong_type(cx) };
    let (removed, emptied) = removed.unwrap_or_default();
    taken(cx, key, "zremrangebyscore", removed, emptied);
    cx.reply().int(removed as i64);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// A question of the ZRANGE family.
struct Query<'a> {
    by: By,
    reverse: bool,
    with_scores: bool,
    offset: i64,
    limit: i64,
    start: &'a [u8],
    stop: &'a [u8],
}

impl<'a> Query<'a> {
    /// Reads the words from `start` on; `by` and `reverse` are given where the command's name says them.
    fn parse(
        args: &[&'a [u8]],
        by: Option<By>,
        reverse: Option<bool>,
        store: bool,
    ) -> Result<Self, &'static str> {
        let (mut found_by, mut found_reverse) = (None, false);
        let mut query = Query {
            by: By::Rank,
            reverse: false,
            with_scores: false,
            offset: 0,
            limit: -1,
            start: args[0],
            stop: args[1],
        };
        let (mut rest, mut limited) = (&args[2..], false);
        while let [word, after @ ..] = rest {
            rest = after;
            match (word.to_ascii_lowercase().as_slice(), after) {
                (b"withscores", _) if !store => query.with_scores = true,
                (b"limit", [offset, limit, after @ ..]) => {
                    let (Some(offset), Some(limit)) = (parse_int(offset), parse_int(limit)) else {
                        return Err(NOT_INTEGER);
                    };
                    (query.offset, query.limit, rest, limited) = (offset, limit, after, true);
                }
                (b"rev", _) if reverse.is_none() && !found_reverse => found_reverse = true,
                (b"bylex", _) if by.or(found_by).is_none() => found_by = Some(By::Lex),
                (b"byscore", _) if by.or(found_by).is_none() => found_by = Some(By::Score),
                _ => return Err(SYNTAX),
            }
        }
        query.by = by.or(found_by).unwrap_or(By::Rank);
        query.reverse = reverse.unwrap_or(found_reverse);
        if limited && query.limit != -1 && query.by == By::Rank {
            return Err(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            );
        }
        if query.with_scores && query.by == By::Lex {
            return Err("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        }
        query.check()?;
        Ok(query)
    }

    fn check(&self) -> Result<(), &'static str> {
        match self.by {
            By::Rank => parse_int(self.start).and(parse_int(self.stop)).map(drop).ok_or(NOT_INTEGER),
            By::Score => score_bound(self.start).and(score_bound(self.stop)).map(drop).ok_or(BAD_SCORES),
            By::Lex => lex_bound(self.start).and(lex_bound(self.stop)).map(drop).ok_or(BAD_MEMBERS),
        }
    }

    /// The ranks that it asks for; `None` only before `check`.
    fn span(&self, zset: &Zset) -> Option<Range<usize>> {
        let (low, high) = if self.reverse { (self.stop, self.start) } else { (self.start, self.stop) };
        let span = match self.by {
            By::Rank => {
                let span = zset.span_by_rank(parse_int(self.start)?, parse_int(self.stop)?);
                let len = zset.len();
                return Some(if self.reverse && !span.is_empty() {
                    len - span.end..len - span.start
                } else {
                    span
                });
            }
            By::Score => zset.span_by_score(score_bound(low)?, score_bound(high)?),
            By::Lex => zset.span_by_lex(lex_bound(low)?, lex_bound(high)?),
        };
        let Ok(offset) = usize::try_from(self.offset) else { return Some(0..0) };
        let left = span.len().saturating_sub(offset);
        let count = usize::try_from(self.limit).map_or(left, |limit| limit.min(left));
        let offset = offset.min(span.len());
        Some(if self.reverse {
            span.end - offset - count..span.end - offset
        } else {
            span.start + offset..span.start + offset + count
        })
    }
}

fn range(cx: &mut Cx<'_>, args: &[&[u8]], by: Option<By>, reverse: Option<bool>) {
    let query = match Query::parse(&args[2..], by, reverse, false) {
        Ok(query) => query,
        Err(text) => return cx.error(text),
    };
    let access = cx.read_access();
    let found = match cx.engine.ks.collection::<Zset>(cx.session.db, args[1], access) {
        Err(_) => return wrong_type(cx),
        Ok(found) => found,
    };
    let mut reply = cx.session.reply();
    let span = found.and_then(|zset| query.span(zset)).unwrap_or(0..0);
    let pairs = query.with_scores && reply.proto == Proto::Resp3;
    let flat = if query.with_scores && !pairs { 2 } else { 1 };
    reply.array(flat * span.len());
    for (member, score) in found.into_iter().flat_map(|zset| zset.slice(span.clone(), query.reverse)) {
        if pairs {
            reply.array(2);
        }
        reply_string(&mut reply, &member);
        if query.with_scores {
            reply.double(score);
        }
    }
}

fn zrangestore(cx: &mut Cx<'_>, args: &[&[u8]]) {
    let query = match Query::parse(&args[3..], None, None, true) {
        Ok(query) => query,
        Err(text) => return cx.error(text),
    };
    let (ks, db, target) = (&mut cx.engine.ks, cx.session.db, args[1]);
    let packing = ks.packing;
    let found = match ks.collection::<Zset>(db, args[2], Access::Read) {
        Err(_) => return wrong_type(cx),
        Ok(found) => found,
    };
    let mut result = Zset::new();
    let mut digits = dozo_store::itoa::Buffer::new();
    if let Some(zset) = found {
        let span = query.span(zset).unwrap_or(0..0);
        for (member, score) in zset.slice(span, query.reverse) {
            result.add(member.as_bytes(&mut digits), score, &packing);
        }
    }
    let len = store(cx, target, result, "zrangestore");
    cx.reply().int(len as i64);
}

/// Puts a result in place of whatever the key held; its length.
pub fn store(cx: &mut Cx<'_>, target: &[u8], result: Zset, event: &str) -> usize {
    let (ks, db, len) = (&mut cx.engine.ks, cx.session.db, result.len());
    if len > 0 {
        ks.put_object(db, target, dozo_store::Object::Zset(result), dozo_store::Ttl::Clear);
        cx.notify(Class::Zset, event, target);
    } else if ks.remove(db, target) {
        cx.notify(Class::Generic, "del", target);
    }
    len
}
