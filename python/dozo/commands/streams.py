"""Streams: adding, reading, trimming and deleting entries.

Owns the commands on entries; those on groups are in stream_groups.py, on pending entries in stream_pending.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dozo.commands.api import (
    BLOCKING,
    DENYOOM,
    FAST,
    MOVABLEKEYS,
    NULL_ARRAY,
    OK,
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
from dozo.commands.stream_ids import NO_REFERENCES, Id, id_text, interval, strict_id
from dozo.errors import NoSuchKey, ReplyError, SyntaxError_

_GROUP: Final = "stream"
_TRIM: Final = "<MAXLEN | MINID> [= | ~] threshold [LIMIT count]"
STREAMS: Final = "<STREAMS key [key ...] id [id ...]>"
_REFERENCES: Final = ("KEEPREF", "DELREF", "ACKED")
_NONDETERMINISTIC: Final = ("nondeterministic_output",)


def stream_keys(args: Sequence[bytes]) -> list[int]:
    """The positions of the keys of XREAD and XREADGROUP: the first half of what follows STREAMS."""
    for at, word in enumerate(args):
        if at and word.upper() == b"STREAMS":
            rest = len(args) - at - 1
            return [] if rest % 2 else list(range(at + 1, at + 1 + rest // 2))
    return []


hot(
    "XADD",
    arity=-5,
    keys=1,
    key_specs=(KeySpec("RW update", notes="an update rather than an insert, as it may trim"),),
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="5.0.0",
    summary="Appends an entry to a stream, and trims the stream when told.",
    complexity="O(1), and O(N) for N entries trimmed",
    args=typed(
        f"key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [{_TRIM}] <* | id> field value [field value ...]",
        id="string",
    ),
    tips=_NONDETERMINISTIC,
    history=(
        ("6.2.0", "The options NOMKSTREAM, MINID and LIMIT exist."),
        ("7.0.0", "An id may be given as ms-*."),
        ("8.2.0", "The options KEEPREF, DELREF and ACKED exist."),
    ),
)
hot(
    "XLEN",
    arity=2,
    keys=1,
    key_flags="RO",
    flags=READONLY | FAST,
    group=_GROUP,
    since="5.0.0",
    summary="Returns the number of entries of a stream.",
    complexity="O(1)",
    args="key",
)
hot(
    "XREAD",
    arity=-4,
    keys=stream_keys,
    key_specs=(KeySpec("RO access", 1, -1, keyword="STREAMS", limit=2),),
    flags=READONLY | BLOCKING | MOVABLEKEYS,
    group=_GROUP,
    since="5.0.0",
    summary="Returns the entries of several streams after given ids; waits for some when told.",
    complexity="O(N) for N entries returned",
    args=typed(f"[COUNT count] [BLOCK milliseconds] {STREAMS}", id="string"),
)


@command(
    "XRANGE",
    arity=-4,
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="5.0.0",
    complexity="O(log(N)+M) for M entries returned",
    args="key start-id end-id [COUNT count]",
    history=(("6.2.0", "An end may be exclusive."),),
)
def xrange(db: Database, key: Key, start: bytes, end: bytes, *options: bytes) -> Reply:
    """Returns the entries of a stream between two ids."""
    return _range(db, key, interval(start, end), options, reverse=False)


@command(
    "XREVRANGE",
    arity=-4,
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="5.0.0",
    complexity="O(log(N)+M) for M entries returned",
    args="key end-id start-id [COUNT count]",
    history=(("6.2.0", "An end may be exclusive."),),
)
def xrevrange(db: Database, key: Key, end: bytes, start: bytes, *options: bytes) -> Reply:
    """Returns the entries of a stream between two ids, the last one first."""
    return _range(db, key, interval(start, end), options, reverse=True)


def _range(db: Database, key: bytes, ids: tuple[Id, Id], options: tuple[bytes, ...], reverse: bool) -> Reply:
    count = -1
    words = list(options)
    while words:
        if words[0].upper() != b"COUNT" or len(words) < 2:
            raise SyntaxError_
        count = max(integer(words[1]), 0)
        del words[:2]
    found = db.streams.range(key, *ids, count=None if count < 0 else count, reverse=reverse)
    if found is None:
        return []
    return found if count else NULL_ARRAY


@command(
    "XDEL",
    arity=-3,
    key_flags="RW delete",
    flags=WRITE | FAST,
    group=_GROUP,
    since="5.0.0",
    complexity="O(1) for each id",
    args="key entry-id [entry-id ...]",
)
def xdel(db: Database, key: Key, *ids: bytes) -> int:
    """Deletes entries and returns how many there were."""
    if db.streams.info(key) is None:
        return 0
    deleted = (db.streams.delete(key, [strict_id(text) for text in ids]) or []).count(1)
    if deleted:
        db.notify("t", "xdel", key)
    return deleted


@command(
    "XDELEX",
    arity=-5,
    key_flags="RW delete",
    flags=WRITE | FAST,
    group=_GROUP,
    since="8.2.0",
    complexity="O(1) for each id",
    args=typed("key [KEEPREF | DELREF | ACKED] <IDS numids id [id ...]>", numids="integer", id="string"),
)
def xdelex(db: Database, key: Key, *words: bytes) -> list[int]:
    """Deletes entries as far as groups' references allow; for each id 1 deleted, 2 still referenced, -1 missing."""
    ids, references = ids_and_references(words)
    done = db.streams.delete(key, ids, references)
    if done is not None and 1 in done:
        db.notify("t", "xdel", key)
    return [-1] * len(ids) if done is None else done


def ids_and_references(words: Sequence[bytes]) -> tuple[list[Id], str]:
    """Reads `[KEEPREF | DELREF | ACKED] IDS numids id [id ...]`, whose two parts may come in any order."""
    references, ids = NO_REFERENCES, None
    at = 0
    while at < len(words):
        word = words[at].decode("latin-1").upper()
        at += 1
        if word in _REFERENCES:
            references = word
        elif word == "IDS" and ids is None and at < len(words):
            count = integer(words[at], "ERR Number of IDs must be a positive integer")
            if count < 1:
                raise ReplyError("ERR Number of IDs must be a positive integer")
            if count > len(words) - at - 1:
                raise ReplyError("ERR The `numids` parameter must match the number of arguments")
            ids = [strict_id(text) for text in words[at + 1 : at + 1 + count]]
            at += 1 + count
        else:
            raise SyntaxError_
    if ids is None:
        raise SyntaxError_
    return ids, references


@command(
    "XTRIM",
    arity=-4,
    key_flags="RW delete",
    flags=WRITE,
    group=_GROUP,
    since="5.0.0",
    complexity="O(N) for N entries deleted",
    args=f"key <{_TRIM}> [KEEPREF | DELREF | ACKED]",
    tips=_NONDETERMINISTIC,
    history=(
        ("6.2.0", "The options MINID and LIMIT exist."),
        ("8.2.0", "The options KEEPREF, DELREF and ACKED exist."),
    ),
)
def xtrim(db: Database, key: Key, *words: bytes) -> int:
    """Deletes the oldest entries beyond a length or below an id, and returns how many those were."""
    options = _trim_options(db, words)
    deleted = db.streams.trim(key, **options) or 0
    if deleted:
        left = db.streams.info(key) or {"length": 0}
        references = () if options["references"] == NO_REFERENCES else (options["references"],)
        db.effect("XTRIM", key, "MAXLEN", "=", left["length"], *references)
        db.notify("t", "xtrim", key)
    return deleted


def _trim_options(db: Database, words: Sequence[bytes]) -> dict[str, Any]:
    """Reads XTRIM's words, with Redis's complaints in Redis's order."""
    found: dict[str, Any] = {"references": NO_REFERENCES}
    limit: int | None = None
    rest = list(reversed(words))
    while rest:
        word = rest.pop().decode("latin-1").upper()
        if word in ("MAXLEN", "MINID") and rest:
            if "approx" in found:
                raise ReplyError(
                    "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
                )
            found["approx"] = len(rest) > 1 and rest[-1] == b"~"
            if len(rest) > 1 and rest[-1] in (b"~", b"="):
                rest.pop()
            text = rest.pop()
            found[word.lower()] = strict_id(text) if word == "MINID" else _threshold(text, word)
        elif word == "LIMIT" and rest:
            limit = _threshold(rest.pop(), word)
        elif word in _REFERENCES:
            found["references"] = word
        else:
            raise SyntaxError_
    if "approx" not in found:
        if limit:
            raise ReplyError("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy")
        raise ReplyError("ERR syntax error, XTRIM must be called with a trimming strategy")
    if limit is not None and not found["approx"]:
        raise ReplyError("ERR syntax error, LIMIT cannot be used without the special ~ option")
    found["limit"] = limit if limit is not None else db.streams.default_limit if found["approx"] else 0
    return found


def _threshold(text: bytes, name: str) -> int:
    value = integer(text)
    if value < 0:
        raise ReplyError(f"ERR The {name} argument must be >= 0.")
    return value


@command(
    "XSETID",
    arity=-3,
    key_flags="RW update",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="5.0.0",
    complexity="O(1)",
    args=typed(
        "key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]", entries_added="integer"
    ),
    history=(("7.0.0", "The options ENTRIESADDED and MAXDELETEDID exist."),),
)
def xsetid(db: Database, key: Key, last_id: bytes, *words: bytes) -> str:
    """Sets the last id of a stream and its counters; for replicas and restored data."""
    last, added, deleted = strict_id(last_id), None, (0, 0)
    rest = list(reversed(words))
    while rest:
        word = rest.pop().upper()
        if word == b"ENTRIESADDED" and rest:
            added = integer(rest.pop())
            if added < 0:
                raise ReplyError("ERR entries_added must be positive")
        elif word == b"MAXDELETEDID" and rest:
            deleted = strict_id(rest.pop())
            if last < deleted:
                raise _small("provided max_deleted_entry_id")
        else:
            raise SyntaxError_
    found = db.streams.info(key)
    if found is None:
        raise NoSuchKey
    if found["length"]:
        if last < found["newest_id"]:
            raise _small("target stream top item")
        if added is not None and found["length"] > added:
            raise ReplyError(
                "ERR The entries_added specified in XSETID is smaller than the target stream length"
            )
    db.streams.set_counters(key, last, added, deleted if deleted != (0, 0) else None)
    db.notify("t", "xsetid", key)
    return OK


def _small(than: str) -> ReplyError:
    return ReplyError(f"ERR The ID specified in XSETID is smaller than the {than}")


def entry_or_none(db: Database, key: bytes, at: Id | None) -> list[Any] | None:
    """One entry for XINFO."""
    found = [] if at is None else db.streams.entries(key, [at]) or []
    return found[0] if found else None


def first_id_text(counters: dict[str, Any]) -> bytes:
    """The recorded first id for XINFO."""
    return id_text(counters["first_id"])
