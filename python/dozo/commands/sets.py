"""The set family: members without order.

Owns every command of the group "set". What tag lists and queues send most is Rust's (crates/engine/src/hot/sets.rs);
set algebra is one operation of the store, whatever the number of members.
"""

from __future__ import annotations

from typing import Annotated, Final

from dozo.commands.api import (
    DENYOOM,
    FAST,
    READONLY,
    WRITE,
    Counted,
    Database,
    Error,
    Key,
    Range,
    command,
    hot,
)
from dozo.commands.arguments import Arg, KeySpec
from dozo.commands.walk import MAX_PICKS, parse_count, parse_walk
from dozo.errors import ReplyError, SyntaxError_

_GROUP: Final = "set"
_LIMIT: Final = "ERR LIMIT can't be negative"
_TOO_MANY: Final = "ERR Number of keys can't be greater than number of args"
_STORED: Final = (KeySpec("OW update"), KeySpec("RO access", 2, -1))
_UNORDERED: Final = ("nondeterministic_output_order",)

hot(
    "SADD",
    arity=-3,
    keys=1,
    key_flags="RW insert",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Adds members to a set and returns how many of them are new.",
    complexity="O(N) for N members",
    args="key member [member ...]",
    history=(("2.4.0", "Several members are accepted."),),
)
hot(
    "SREM",
    arity=-3,
    keys=1,
    key_flags="RW delete",
    flags=WRITE | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Removes members from a set and returns how many there were.",
    complexity="O(N) for N members",
    args="key member [member ...]",
    history=(("2.4.0", "Several members are accepted."),),
)
hot(
    "SISMEMBER",
    arity=3,
    keys=1,
    key_flags="RO",
    flags=READONLY | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Tells whether a set has a member.",
    complexity="O(1)",
    args="key member",
)
hot(
    "SCARD",
    arity=2,
    keys=1,
    key_flags="RO",
    flags=READONLY | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Returns the number of members of a set.",
    complexity="O(1)",
    args="key",
)
hot(
    "SMEMBERS",
    arity=2,
    keys=1,
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="1.0.0",
    summary="Returns every member of a set.",
    complexity="O(N) for N members",
    args="key",
    tips=_UNORDERED,
)
hot(
    "SPOP",
    arity=-2,
    keys=1,
    key_flags="RW access delete",
    flags=WRITE | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Removes a random member of a set, or several, and returns them.",
    complexity="O(N) for N members returned",
    args="key [count]",
    tips=("nondeterministic_output",),
    history=(("3.2.0", "The count argument exists."),),
)


@command(
    "SMISMEMBER",
    arity=-3,
    flags=READONLY | FAST,
    group=_GROUP,
    since="6.2.0",
    complexity="O(N) for N members",
    args="key member [member ...]",
)
def smismember(db: Database, key: Key, *members: bytes) -> list[int]:
    """Tells of each given member whether a set has it."""
    return [int(found) for found in db.sets.contains(key, members)]


@command(
    "SMOVE",
    key_specs=(KeySpec("RW access delete"), KeySpec("RW insert", 2)),
    flags=WRITE | FAST,
    group=_GROUP,
    since="1.0.0",
    complexity="O(1)",
)
def smove(db: Database, source: Key, destination: Key, member: bytes) -> int:
    """Moves a member from one set to another; returns 1, or 0 when the first set lacks it."""
    sets = db.sets
    if not db.exists(source):
        return 0
    for key in (source, destination):
        if db.exists(key):
            sets.len(key)  # A look at its type.
    if source == destination:
        return int(sets.contains(source, [member])[0])
    if not sets.remove(source, member):
        return 0
    db.notify("s", "srem", source)
    if not db.exists(source):
        db.notify("g", "del", source)
    if sets.add(destination, member):
        db.notify("s", "sadd", destination)
    return 1


@command("SINTER", flags=READONLY, group=_GROUP, since="1.0.0", complexity="O(N*M)", tips=_UNORDERED)
def sinter(db: Database, *keys: Key) -> set[bytes]:
    """Returns the members that all the sets have."""
    return db.sets.combine("inter", keys)


@command("SUNION", flags=READONLY, group=_GROUP, since="1.0.0", complexity="O(N)", tips=_UNORDERED)
def sunion(db: Database, *keys: Key) -> set[bytes]:
    """Returns the members that any of the sets has."""
    return db.sets.combine("union", keys)


@command("SDIFF", flags=READONLY, group=_GROUP, since="1.0.0", complexity="O(N)", tips=_UNORDERED)
def sdiff(db: Database, *keys: Key) -> set[bytes]:
    """Returns the members that the first set has and none of the others."""
    return db.sets.combine("diff", keys)


@command(
    "SINTERCARD",
    key_specs=(KeySpec("RO access", counted=True),),
    flags=READONLY,
    group=_GROUP,
    since="7.0.0",
    complexity="O(N*M)",
    args=(
        Arg("numkeys", "integer"),
        Arg("key", "key", multiple=True, key_spec=0),
        Arg("limit", "integer", token="LIMIT", optional=True),
    ),
)
def sintercard(
    db: Database,
    *keys: Annotated[Key, Counted(missing=_TOO_MANY)],
    limit: Annotated[int, Range(0, error=_LIMIT), Error(_LIMIT)] = 0,
) -> int:
    """Returns how many members all the sets have, counting no further than LIMIT."""
    return db.sets.combine_len("inter", keys, limit or 2**63 - 1)


def _store(db: Database, operation: str, event: str, destination: bytes, keys: tuple[bytes, ...]) -> int:
    """Put the result at `destination`, in place of whatever it holds; an empty one removes it."""
    existed = db.exists(destination)
    stored = db.sets.store(operation, destination, keys)
    if stored:
        db.notify("s", event, destination)
    elif existed:
        db.notify("g", "del", destination)
    return stored


@command(
    "SINTERSTORE",
    key_specs=(KeySpec("RW update"), KeySpec("RO access", 2, -1)),
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="1.0.0",
    complexity="O(N*M)",
)
def sinterstore(db: Database, destination: Key, *keys: Key) -> int:
    """Stores the members that all the sets have, and returns how many."""
    return _store(db, "inter", "sinterstore", destination, keys)


@command(
    "SUNIONSTORE", key_specs=_STORED, flags=WRITE | DENYOOM, group=_GROUP, since="1.0.0", complexity="O(N)"
)
def sunionstore(db: Database, destination: Key, *keys: Key) -> int:
    """Stores the members that any of the sets has, and returns how many."""
    return _store(db, "union", "sunionstore", destination, keys)


@command(
    "SDIFFSTORE", key_specs=_STORED, flags=WRITE | DENYOOM, group=_GROUP, since="1.0.0", complexity="O(N)"
)
def sdiffstore(db: Database, destination: Key, *keys: Key) -> int:
    """Stores the members that the first set has and none of the others, and returns how many."""
    return _store(db, "diff", "sdiffstore", destination, keys)


@command(
    "SRANDMEMBER",
    arity=-2,
    flags=READONLY,
    group=_GROUP,
    since="1.0.0",
    complexity="O(N) for N members returned",
    args="key [count]",
    tips=("nondeterministic_output",),
    history=(("2.6.0", "The count argument exists."),),
)
def srandmember(db: Database, key: Key, *options: bytes) -> object:
    """Returns random members of a set: different ones, or with a negative count any."""
    if not options:
        return next(iter(db.sets.random(key, 1, False)), None)
    if len(options) > 1:
        raise SyntaxError_
    count = parse_count(options[0])
    if count < -MAX_PICKS and db.sets.len(key) is not None:
        raise ReplyError("ERR value is out of range")
    return db.sets.random(key, abs(count), count >= 0)


@command(
    "SSCAN",
    arity=-3,
    flags=READONLY,
    group=_GROUP,
    since="2.8.0",
    complexity="O(1) a call, O(N) for all N members",
    args="key cursor [MATCH pattern] [COUNT count]",
    tips=("nondeterministic_output",),
)
def sscan(db: Database, key: Key, cursor: bytes, *options: bytes) -> list[object]:
    """Returns some members and the cursor for the next call; after the last ones it is 0."""
    walk = parse_walk(cursor, options, lambda: db.sets.len(key) is not None)
    if walk is None:
        return [b"0", []]
    following, found = db.sets.scan(key, walk.cursor, walk.count, walk.pattern)
    return [b"%d" % following, found]
