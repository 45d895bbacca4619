"""The generic family: keys of whatever kind of value.

Owns the commands of the group "generic" except the expiry ones (expiry.py), DUMP and RESTORE (dump.py) and OBJECT
(object.py).
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from dozo.commands.api import (
    DENYOOM,
    FAST,
    NOSCRIPT,
    READONLY,
    WRITE,
    Database,
    Error,
    Flag,
    Key,
    Range,
    Simple,
    command,
    hot,
)
from dozo.commands.arguments import KeySpec
from dozo.errors import NoSuchKey, ReplyError, SyntaxError_
from dozo.replies import OK

_GROUP: Final = "generic"
_SAME_OBJECT: Final = "ERR source and destination objects are the same"
_NO_SUCH_DB: Final = "ERR DB index is out of range"
_DEFAULT_COUNT: Final = 10
_CURSOR: Final = re.compile(rb"-?\d{1,20}\Z")
_INT32 = Range(
    -(2**31), 2**31 - 1, "ERR value is out of range, value must between -2147483648 and 2147483647"
)

hot(
    "DEL",
    arity=-2,
    keys=(1, -1, 1),
    key_flags="RM delete",
    flags=WRITE,
    group=_GROUP,
    since="1.0.0",
    summary="Deletes keys and returns how many there were.",
    complexity="O(N) for N keys",
    args="key [key ...]",
    tips=("request_policy:multi_shard", "response_policy:agg_sum"),
)
hot(
    "UNLINK",
    arity=-2,
    keys=(1, -1, 1),
    key_flags="RM delete",
    flags=WRITE | FAST,
    group=_GROUP,
    since="4.0.0",
    summary="Deletes keys; like DEL it frees large values later and in slices.",
    complexity="O(N) for N keys",
    args="key [key ...]",
    tips=("request_policy:multi_shard", "response_policy:agg_sum"),
)
hot(
    "EXISTS",
    arity=-2,
    keys=(1, -1, 1),
    key_flags="RO",
    flags=READONLY | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Returns how many of the keys exist; one that is named twice counts twice.",
    complexity="O(N) for N keys",
    args="key [key ...]",
    tips=("request_policy:multi_shard", "response_policy:agg_sum"),
    history=(("3.0.3", "Several keys are accepted."),),
)


@command(
    "TOUCH",
    key_flags="RO",
    flags=READONLY | FAST,
    group=_GROUP,
    since="3.2.1",
    complexity="O(N) for N keys",
    args="key [key ...]",
    tips=("request_policy:multi_shard", "response_policy:agg_sum"),
)
def touch(db: Database, *keys: Key) -> int:
    """Marks keys as just used, and returns how many of them exist."""
    return sum(db.touch(key) for key in keys)


@command("TYPE", key_flags="RO", flags=READONLY | FAST, group=_GROUP, since="1.0.0", complexity="O(1)")
def type_(db: Database, key: Key) -> Simple:
    """Returns what kind of value a key holds, "none" for a missing key."""
    return Simple(db.type(key) or "none")


@command(
    "RENAME",
    key_specs=(KeySpec("RW access delete"), KeySpec("OW update", 2)),
    flags=WRITE,
    group=_GROUP,
    since="1.0.0",
    complexity="O(1)",
)
def rename(db: Database, key: Key, newkey: Key) -> Simple:
    """Gives a key another name; what was stored under that name is replaced."""
    if not db.exists(key):
        raise NoSuchKey
    if key != newkey:
        db.rename(key, newkey)
        _renamed(db, key, newkey)
    return OK


@command(
    "RENAMENX",
    key_specs=(KeySpec("RW access delete"), KeySpec("OW insert", 2)),
    flags=WRITE | FAST,
    group=_GROUP,
    since="1.0.0",
    complexity="O(1)",
    history=(("3.2.0", "Equal names are no error any more."),),
)
def renamenx(db: Database, key: Key, newkey: Key) -> int:
    """Gives a key another name unless that name is taken; returns 1 or 0."""
    if not db.exists(key):
        raise NoSuchKey
    if key == newkey or db.exists(newkey):
        return 0
    db.rename(key, newkey)
    _renamed(db, key, newkey)
    return 1


def _renamed(db: Database, key: bytes, newkey: bytes) -> None:
    """Tells of both ends of a renaming."""
    db.notify("g", "rename_from", key)
    db.notify("g", "rename_to", newkey)


@command(
    "COPY",
    key_specs=(KeySpec("RO access"), KeySpec("OW update", 2)),
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="6.2.0",
    complexity="O(N) for a value of N bytes",
    args="source destination [DB destination-db] [REPLACE]",
)
def copy(
    db: Database,
    source: Key,
    destination: Key,
    *,
    db_: Annotated[int | None, _INT32] = None,
    replace: Flag = False,
) -> int:
    """Copies a value with its expiry to another key, in another database when told; returns 1 or 0."""
    index = db.index if db_ is None else db_
    if not 0 <= index < db.databases:
        raise ReplyError(_NO_SUCH_DB)
    if index == db.index and source == destination:
        raise ReplyError(_SAME_OBJECT)
    target = db if index == db.index else db.select(index)
    if not db.touch(source) or (target.exists(destination) and not replace):
        return 0
    if not db.copy(source, destination, index):
        return 0
    target.notify("g", "copy_to", destination)
    return 1


@command(
    "MOVE",
    key_flags="RW access update",
    flags=WRITE | FAST,
    group=_GROUP,
    since="1.0.0",
    complexity="O(1)",
    args="key db",
)
def move(db: Database, key: Key, index: Annotated[int, _INT32]) -> int:
    """Moves a key to another database unless it exists there; returns 1 or 0."""
    if not 0 <= index < db.databases:
        raise ReplyError(_NO_SUCH_DB)
    if index == db.index:
        raise ReplyError(_SAME_OBJECT)
    if not db.move(key, index):
        return 0
    db.notify("g", "move_from", key)
    db.select(index).notify("g", "move_to", key)
    return 1


@command(
    "KEYS",
    flags=READONLY,
    group=_GROUP,
    since="1.0.0",
    complexity="O(N) for N keys in the database",
    args="pattern",
    tips=("request_policy:all_shards", "nondeterministic_output_order"),
    acl=("keyspace", "dangerous"),
)
def keys(db: Database, pattern: bytes) -> list[bytes]:
    """Returns every key that matches a glob pattern; SCAN does it without holding the server up."""
    return db.keys(pattern)


@command(
    "SCAN",
    flags=READONLY,
    group=_GROUP,
    since="2.8.0",
    complexity="O(1) a call, O(N) for all N keys",
    args="cursor [MATCH pattern] [COUNT count] [TYPE type]",
    tips=("nondeterministic_output", "request_policy:special"),
    history=(("6.0.0", "The TYPE option exists."),),
)
def scan(
    db: Database,
    cursor: bytes,
    *,
    match: bytes | None = None,
    count: int = _DEFAULT_COUNT,
    type: str | None = None,
) -> list[object]:
    """Returns some keys and the cursor for the next call; after the last ones the cursor is 0."""
    if not _CURSOR.match(cursor) or abs(int(cursor)) >= 2**64:
        raise ReplyError("ERR invalid cursor")
    if count < 1:
        raise SyntaxError_
    following, found = db.scan(int(cursor) % 2**64, count, match, type.lower() if type else None)
    return [b"%d" % following, found]


@command(
    "RANDOMKEY",
    flags=READONLY,
    group=_GROUP,
    since="1.0.0",
    complexity="O(1)",
    tips=("request_policy:all_shards", "nondeterministic_output"),
)
def randomkey(db: Database) -> bytes | None:
    """Returns any key of the database, null when it is empty."""
    return db.random_key()


@command(
    "WAIT",
    flags=NOSCRIPT,
    group=_GROUP,
    since="3.0.0",
    complexity="O(1)",
    tips=("request_policy:all_shards", "response_policy:agg_min"),
    acl=("connection",),
)
def wait(
    numreplicas: int, timeout: Annotated[int, Error("ERR timeout is not an integer or out of range")]
) -> int:
    """Returns how many replicas have the writes of this connection: none, and at once, as there are no replicas."""
    if timeout < 0:
        raise ReplyError("ERR timeout is negative")
    return 0
