"""Pending entries: reading as a group, acknowledging, looking at what is pending, and claiming it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dozo.commands.api import (
    BLOCKING,
    FAST,
    MOVABLEKEYS,
    NULL_ARRAY,
    READONLY,
    WRITE,
    Database,
    Key,
    Reply,
    command,
    hot,
)
from dozo.commands.arguments import KeySpec, typed
from dozo.commands.numbers import integer
from dozo.commands.stream_ids import (
    MAX_ID,
    MIN_ID,
    Id,
    id_text,
    interval,
    no_group,
    start_id,
    strict_id,
)
from dozo.commands.streams import STREAMS, ids_and_references, stream_keys
from dozo.errors import ReplyError, SyntaxError_

_GROUP: Final = "stream"
_TIPS: Final = ("nondeterministic_output",)
_COUNT_MAX: Final = (2**63 - 1) // 16

hot(
    "XREADGROUP",
    arity=-7,
    keys=stream_keys,
    key_specs=(KeySpec("RO access", 4, -1, keyword="STREAMS", limit=2),),
    flags=WRITE | BLOCKING | MOVABLEKEYS,
    group=_GROUP,
    since="5.0.0",
    summary="Returns entries that a group has not seen, or what is pending at a consumer; waits when told.",
    complexity="O(N) for N entries returned",
    args=typed(f"<GROUP group consumer> [COUNT count] [BLOCK milliseconds] [NOACK] {STREAMS}", id="string"),
)
hot(
    "XACK",
    arity=-4,
    keys=1,
    key_flags="RW update",
    flags=WRITE | FAST,
    group=_GROUP,
    since="5.0.0",
    summary="Takes entries out of those pending in a group and returns how many were.",
    complexity="O(1) for each id",
    args=typed("key group id [id ...]", id="string"),
)


@command(
    "XACKDEL",
    arity=-6,
    key_flags="RW delete",
    flags=WRITE | FAST,
    group=_GROUP,
    since="8.2.0",
    complexity="O(1) for each id",
    args=typed(
        "key group [KEEPREF | DELREF | ACKED] <IDS numids id [id ...]>", numids="integer", id="string"
    ),
)
def xackdel(db: Database, key: Key, group: bytes, *words: bytes) -> list[int]:
    """Acknowledges entries and deletes them; for each id 1 deleted, 2 still referenced, -1 not pending."""
    ids, references = ids_and_references(words)
    before = db.streams.info(key)
    if before is None:
        return [-1] * len(ids)
    done = db.streams.acknowledge(key, group, ids, references) or []
    # An entry that was deleted before is acknowledged, but not deleted again.
    if db.streams.info(key) != before:
        db.notify("t", "xdel", key)
    return done


@command(
    "XPENDING",
    arity=-3,
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="5.0.0",
    complexity="O(N) for N entries returned or passed over",
    args=typed(
        "key group [[IDLE min-idle-time] start end count [consumer]]",
        min_idle_time="integer",
        start="string",
        end="string",
    ),
    tips=_TIPS,
    history=(("6.2.0", "The option IDLE and exclusive ends exist."),),
)
def xpending(db: Database, key: Key, group: bytes, *words: bytes) -> Reply:
    """Tells what is pending in a group: how much at whom, or entry by entry."""
    if not words:
        summary = db.streams.pending_summary(key, group)
        if summary is None:
            raise no_group(key, group)
        count, first, last, consumers = summary
        shown = [[name, str(pending)] for name, pending in consumers]
        return [count, first, last, shown if count else NULL_ARRAY]
    if not 3 <= len(words) <= 6:
        raise SyntaxError_
    min_idle = 0
    if words[0].upper() == b"IDLE":
        min_idle = integer(words[1])
        words = words[2:]
        if len(words) < 3:
            raise SyntaxError_
    count = max(integer(words[2]), 0)
    start, end = interval(words[0], words[1])
    consumer = words[3] if len(words) > 3 else None
    found = db.streams.pending(key, group, start, end, count, consumer, min_idle)
    if found is None:
        raise no_group(key, group)
    return found


@dataclass(slots=True)
class _Claim:
    """XCLAIM's options."""

    delivered_at: int | None = None
    deliveries: int | None = None
    force: bool = False
    just_id: bool = False
    last_id: Id = MIN_ID


@command(
    "XCLAIM",
    arity=-6,
    key_flags="RW update",
    flags=WRITE | FAST,
    group=_GROUP,
    since="5.0.0",
    complexity="O(log(N)) for each id, N being the entries pending",
    args=typed(
        "key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count]"
        " [FORCE] [JUSTID] [LASTID lastid]",
        id="string",
        ms="integer",
    ),
    tips=_TIPS,
)
def xclaim(db: Database, key: Key, group: bytes, consumer: bytes, idle: bytes, *words: bytes) -> list[object]:
    """Makes entries that are pending at others pending at a consumer, and returns them."""
    if not db.streams.has_group(key, group):
        raise no_group(key, group)
    min_idle = max(integer(idle, "ERR Invalid min-idle-time argument for XCLAIM"), 0)
    ids, options = _ids_and_options(db, words)
    last_id = _raise_last_id(db, key, group, options.last_id)
    before = len(db.streams.consumers(key, group) or [])
    outcomes = db.streams.claim(
        key,
        group,
        consumer,
        ids,
        min_idle=min_idle,
        delivered_at=db.now_ms if options.delivered_at is None else options.delivered_at,
        deliveries=options.deliveries,
        keep_count=options.just_id,
        force=options.force,
    )
    done = list(zip(ids, outcomes or [], strict=False))
    taken = {at: state for at, (_, state) in done if state is not None}
    gone = [at for at, (changed, state) in done if changed and state is None]
    _claimed(db, key, (group, consumer, before), taken, gone)
    if last_id is not None and not taken and not gone:
        db.effect("XGROUP", "SETID", key, group, id_text(last_id), *_entries_read(db, key, group))
    shown = [at for at, (_, state) in done if state is not None]
    return [id_text(at) for at in shown] if options.just_id else db.streams.entries(key, shown) or []


def _ids_and_options(db: Database, words: tuple[bytes, ...]) -> tuple[list[Id], _Claim]:
    """XCLAIM's ids, up to the first word that is none, and its options."""
    found, ids, at = _Claim(), list[Id](), 0
    while at < len(words):
        try:
            ids.append(strict_id(words[at]))
        except ReplyError:
            break
        at += 1
    rest = list(reversed(words[at:]))
    now = db.now_ms
    while rest:
        word = rest.pop()
        name = word.decode("utf-8", "surrogateescape").upper()
        error = f"ERR Invalid {name} option argument for XCLAIM"
        if name == "FORCE":
            found.force = True
        elif name == "JUSTID":
            found.just_id = True
        elif name == "IDLE" and rest:
            found.delivered_at = now - integer(rest.pop(), error)
        elif name == "TIME" and rest:
            found.delivered_at = integer(rest.pop(), error)
        elif name == "RETRYCOUNT" and rest:
            count = integer(rest.pop(), error)
            found.deliveries = count if count >= 0 else None
        elif name == "LASTID" and rest:
            found.last_id = strict_id(rest.pop())
        else:
            shown = word.decode("utf-8", "surrogateescape")
            raise ReplyError(f"ERR Unrecognized XCLAIM option '{shown}'")
    is_later = found.delivered_at is not None and found.delivered_at > now and not db.is_replaying
    if found.delivered_at is not None and (found.delivered_at < 0 or is_later):
        found.delivered_at = now
    return ids, found


def _raise_last_id(db: Database, key: bytes, group: bytes, last_id: Id) -> Id | None:
    """Lets the group have read up to an id; None when it has."""
    own = next(one for one in db.streams.groups(key) or [] if one["name"] == group)
    if last_id <= strict_id(own["last_id"]):
        return None
    db.streams.set_group(key, group, last_id, own["entries_read"])
    return last_id


def _entries_read(db: Database, key: bytes, group: bytes) -> tuple[str, int]:
    own = next(one for one in db.streams.groups(key) or [] if one["name"] == group)
    return "ENTRIESREAD", -1 if own["entries_read"] is None else own["entries_read"]


def _claimed(
    db: Database,
    key: bytes,
    who: tuple[bytes, bytes, int],
    taken: dict[Id, tuple[int, int]],
    gone: list[Id],
) -> None:
    """Leaves the effects and the event of a claim: each id with its delivery as it is now."""
    group, consumer, before = who
    db.no_effect()
    if len(db.streams.consumers(key, group) or []) > before:
        db.notify("t", "xgroup-createconsumer", key)
        db.effect("XGROUP", "CREATECONSUMER", key, group, consumer)
    for at, (delivered_at, deliveries) in taken.items():
        state = ("TIME", delivered_at, "RETRYCOUNT", deliveries, "FORCE", "JUSTID")
        db.effect("XCLAIM", key, group, consumer, 0, id_text(at), *state)
    for at in gone:
        db.effect("XACK", key, group, id_text(at))


@command(
    "XAUTOCLAIM",
    arity=-6,
    key_flags="RW delete",
    flags=WRITE | FAST,
    group=_GROUP,
    since="6.2.0",
    complexity="O(1) for a small count",
    args=typed("key group consumer min-idle-time start [COUNT count] [JUSTID]", start="string"),
    tips=_TIPS,
    history=(("7.0.0", "The ids whose entries were deleted are returned too."),),
)
def xautoclaim(
    db: Database, key: Key, group: bytes, consumer: bytes, idle: bytes, start: bytes, *words: bytes
) -> list[object]:
    """Claims what has been pending in a group for long; returns where to go on, the entries, and what was gone."""
    min_idle = max(integer(idle, "ERR Invalid min-idle-time argument for XAUTOCLAIM"), 0)
    first, count, just_id = start_id(start), 100, False
    rest = list(reversed(words))
    while rest:
        word = rest.pop().upper()
        if word == b"COUNT" and rest:
            count = integer(rest.pop(), "ERR COUNT must be > 0")
            if not 1 <= count <= _COUNT_MAX:
                raise ReplyError("ERR COUNT must be > 0")
        elif word == b"JUSTID":
            just_id = True
        else:
            raise SyntaxError_
    if not db.streams.has_group(key, group):
        raise no_group(key, group)
    before = len(db.streams.consumers(key, group) or [])
    found = db.streams.autoclaim(
        key, group, consumer, first, count=count, min_idle=min_idle, keep_count=just_id
    )
    following, taken, gone = found or (MAX_ID, [], [])
    _claimed(db, key, (group, consumer, before), dict(taken), gone)
    ids = [at for at, _ in taken]
    shown = [id_text(at) for at in ids] if just_id else db.streams.entries(key, ids) or []
    return [id_text(following), shown, [id_text(at) for at in gone]]
