"""The hash family: fields and values under one key.

Owns every command of the group "hash" except those about the expiry of fields (hash_expiry.py). What session stores and
object mappers send most is Rust's (crates/engine/src/hot/hashes.rs).
"""

from __future__ import annotations

from typing import Final

from dozo.commands.api import DENYOOM, FAST, READONLY, WRITE, Client, Database, Key, command, hot
from dozo.commands.arguments import Arg
from dozo.commands.walk import MAX_PICKS, parse_count, parse_walk
from dozo.errors import NotFloat, ReplyError, SyntaxError_

_GROUP: Final = "hash"

hot(
    "HSET",
    arity=-4,
    keys=1,
    key_flags="RW update",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="2.0.0",
    summary="Sets fields of a hash and returns how many of them are new.",
    complexity="O(N) for N fields",
    args="key field value [field value ...]",
    history=(("4.0.0", "Several fields are accepted."),),
)
hot(
    "HMSET",
    arity=-4,
    keys=1,
    key_flags="RW update",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="2.0.0",
    summary="Sets fields of a hash.",
    complexity="O(N) for N fields",
    args="key field value [field value ...]",
    doc_flags=("deprecated",),
    deprecated_since="4.0.0",
    replaced_by="HSET with several fields",
)
hot(
    "HSETNX",
    arity=4,
    keys=1,
    key_flags="RW insert",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="2.0.0",
    summary="Sets a field of a hash that does not exist yet.",
    complexity="O(1)",
    args="key field value",
)
hot(
    "HGET",
    arity=3,
    keys=1,
    key_flags="RO access",
    flags=READONLY | FAST,
    group=_GROUP,
    since="2.0.0",
    summary="Returns the value of a field of a hash.",
    complexity="O(1)",
    args="key field",
)
hot(
    "HMGET",
    arity=-3,
    keys=1,
    key_flags="RO access",
    flags=READONLY | FAST,
    group=_GROUP,
    since="2.0.0",
    summary="Returns the values of fields of a hash, null for each that is missing.",
    complexity="O(N) for N fields",
    args="key field [field ...]",
)
hot(
    "HGETALL",
    arity=2,
    keys=1,
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="2.0.0",
    summary="Returns every field of a hash with its value.",
    complexity="O(N) for N fields",
    args="key",
    tips=("nondeterministic_output_order",),
)
hot(
    "HDEL",
    arity=-3,
    keys=1,
    key_flags="RW delete",
    flags=WRITE | FAST,
    group=_GROUP,
    since="2.0.0",
    summary="Deletes fields of a hash and returns how many there were.",
    complexity="O(N) for N fields",
    args="key field [field ...]",
    history=(("2.4.0", "Several fields are accepted."),),
)
hot(
    "HEXISTS",
    arity=3,
    keys=1,
    key_flags="RO",
    flags=READONLY | FAST,
    group=_GROUP,
    since="2.0.0",
    summary="Tells whether a hash has a field.",
    complexity="O(1)",
    args="key field",
)
hot(
    "HINCRBY",
    arity=4,
    keys=1,
    key_flags="RW access update",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="2.0.0",
    summary="Adds an integer to the number in a field of a hash; a missing field counts as 0.",
    complexity="O(1)",
    args="key field increment",
)
hot(
    "HLEN",
    arity=2,
    keys=1,
    key_flags="RO",
    flags=READONLY | FAST,
    group=_GROUP,
    since="2.0.0",
    summary="Returns the number of fields of a hash; expired ones may count until they are removed.",
    complexity="O(1)",
    args="key",
)


@command(
    "HKEYS",
    flags=READONLY,
    group=_GROUP,
    since="2.0.0",
    complexity="O(N) for N fields",
    tips=("nondeterministic_output_order",),
)
def hkeys(db: Database, key: Key) -> list[bytes]:
    """Returns every field of a hash."""
    return db.hashes.fields(key)


@command(
    "HVALS",
    flags=READONLY,
    group=_GROUP,
    since="2.0.0",
    complexity="O(N) for N fields",
    tips=("nondeterministic_output_order",),
)
def hvals(db: Database, key: Key) -> list[bytes]:
    """Returns the value of every field of a hash."""
    return db.hashes.values(key)


@command("HSTRLEN", key_flags="RO", flags=READONLY | FAST, group=_GROUP, since="3.2.0", complexity="O(1)")
def hstrlen(db: Database, key: Key, field: bytes) -> int:
    """Returns the length of the value of a field of a hash."""
    return len(db.hashes.get(key, field) or b"")


@command(
    "HINCRBYFLOAT",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="2.6.0",
    complexity="O(1)",
    args=(Arg("key", "key", key_spec=0), Arg("field"), Arg("increment", "double")),
)
def hincrbyfloat(db: Database, key: Key, field: bytes, increment: bytes) -> bytes:
    """Adds a floating-point number to the number in a field of a hash; a missing field counts as 0."""
    from dozo.commands import extended

    right = extended.parse(increment)
    if right is None:
        raise NotFloat
    if isinstance(right, str):
        raise ReplyError("ERR value is NaN or Infinity")
    current = db.hashes.get(key, field) if db.exists(key) else None
    left = extended.parse(b"0" if current is None else current) if current != b"" else None
    if left is None:
        raise ReplyError("ERR hash value is not a float")
    total = extended.add(left, right)
    if total is None:
        raise ReplyError("ERR increment would produce NaN or Infinity")
    value = extended.text(total)
    db.hashes.set(key, [(field, value)], keep_ttl=True)
    db.notify("h", "hincrbyfloat", key)
    if db.hashes.expiries(key, [field]) == [-1]:
        db.effect("HSET", key, field, value)
    else:
        db.effect("HSETEX", key, "KEEPTTL", "FIELDS", 1, field, value)
    return value


@command(
    "HRANDFIELD",
    arity=-2,
    flags=READONLY,
    group=_GROUP,
    since="6.2.0",
    complexity="O(N) for N fields returned",
    args="key [count [WITHVALUES]]",
    tips=("nondeterministic_output",),
)
def hrandfield(db: Database, client: Client, key: Key, *options: bytes) -> object:
    """Returns random fields of a hash: different ones, or with a negative count any, perhaps with their values."""
    if not options:
        return next((field for field, _ in db.hashes.random(key, 1, False)), None)
    count = parse_count(options[0])
    if len(options) > 2 or (len(options) == 2 and options[1].upper() != b"WITHVALUES"):
        raise SyntaxError_
    if len(options) == 2 and abs(count) > 2**62 - 1:
        raise ReplyError("ERR value is out of range")
    if count < -MAX_PICKS and db.hashes.exists(key):
        raise ReplyError("ERR value is out of range")
    found = db.hashes.random(key, abs(count), count >= 0)
    if len(options) == 1:
        return [field for field, _ in found]
    return found if client.resp == 3 else [part for pair in found for part in pair]


@command(
    "HSCAN",
    arity=-3,
    flags=READONLY,
    group=_GROUP,
    since="2.8.0",
    complexity="O(1) a call, O(N) for all N fields",
    args="key cursor [MATCH pattern] [COUNT count]",
    tips=("nondeterministic_output",),
    history=(("7.4.0", "The NOVALUES option exists."),),
)
def hscan(db: Database, key: Key, cursor: bytes, *options: bytes) -> list[object]:
    """Returns some fields, with their values unless NOVALUES is said, and the cursor for the next call; 0 ends."""
    walk = parse_walk(cursor, options, lambda: db.hashes.exists(key), flags=(b"NOVALUES",))
    if walk is None:
        return [b"0", []]
    following, found = db.hashes.scan(key, walk.cursor, walk.count, walk.pattern)
    if walk.flag:
        return [b"%d" % following, [field for field, _ in found]]
    return [b"%d" % following, [part for pair in found for part in pair]]
