"""Expiry: when keys end.

Owns the commands of the group "generic" that set, drop or tell the time to live of a key. Relative times leave an
absolute effect (PEXPIREAT), a moment in the past leaves DEL.
"""

from __future__ import annotations

from typing import Final

from dozo.commands.api import FAST, READONLY, WRITE, Database, Key, command, hot

_GROUP: Final = "generic"
_CONDITION: Final = "[NX | XX | GT | LT]"
_HISTORY: Final = (("7.0.0", "The NX, XX, GT and LT options exist."),)

hot(
    "EXPIRE",
    arity=-3,
    keys=1,
    key_flags="RW update",
    flags=WRITE | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Sets the time to live of a key in seconds.",
    complexity="O(1)",
    args=f"key seconds {_CONDITION}",
    history=_HISTORY,
)
hot(
    "PEXPIRE",
    arity=-3,
    keys=1,
    key_flags="RW update",
    flags=WRITE | FAST,
    group=_GROUP,
    since="2.6.0",
    summary="Sets the time to live of a key in milliseconds.",
    complexity="O(1)",
    args=f"key milliseconds {_CONDITION}",
    history=_HISTORY,
)
hot(
    "TTL",
    arity=2,
    keys=1,
    key_flags="RO access",
    flags=READONLY | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Returns the time to live of a key in seconds; -1 when it never expires, -2 when it is missing.",
    complexity="O(1)",
    args="key",
    tips=("nondeterministic_output",),
    history=(("2.8.0", "A missing key is answered with -2."),),
)
hot(
    "PTTL",
    arity=2,
    keys=1,
    key_flags="RO access",
    flags=READONLY | FAST,
    group=_GROUP,
    since="2.6.0",
    summary="Returns the time to live of a key in milliseconds; -1 when it never expires, -2 when it is missing.",
    complexity="O(1)",
    args="key",
    tips=("nondeterministic_output",),
    history=(("2.8.0", "A missing key is answered with -2."),),
)
hot(
    "EXPIREAT",
    arity=-3,
    keys=1,
    key_flags="RW update",
    flags=WRITE | FAST,
    group=_GROUP,
    since="1.2.0",
    summary="Sets the moment at which a key expires, in unix seconds.",
    complexity="O(1)",
    args=f"key unix-time-seconds {_CONDITION}",
    history=_HISTORY,
)
hot(
    "PEXPIREAT",
    arity=-3,
    keys=1,
    key_flags="RW update",
    flags=WRITE | FAST,
    group=_GROUP,
    since="2.6.0",
    summary="Sets the moment at which a key expires, in unix milliseconds.",
    complexity="O(1)",
    args=f"key unix-time-milliseconds {_CONDITION}",
    history=_HISTORY,
)


@command(
    "EXPIRETIME",
    key_flags="RO access",
    flags=READONLY | FAST,
    group=_GROUP,
    since="7.0.0",
    complexity="O(1)",
)
def expiretime(db: Database, key: Key) -> int:
    """Returns when a key expires in unix seconds; -1 when it never does, -2 when it is missing."""
    at = pexpiretime(db, key)
    return (at + 500) // 1000 if at >= 0 else at


@command(
    "PEXPIRETIME",
    key_flags="RO access",
    flags=READONLY | FAST,
    group=_GROUP,
    since="7.0.0",
    complexity="O(1)",
)
def pexpiretime(db: Database, key: Key) -> int:
    """Returns when a key expires in unix milliseconds; -1 when it never does, -2 when it is missing."""
    at = db.expire_at(key)
    return -2 if at is None else at


@command(
    "PERSIST",
    key_flags="RW update",
    flags=WRITE | FAST,
    group=_GROUP,
    since="2.2.0",
    complexity="O(1)",
)
def persist(db: Database, key: Key) -> int:
    """Drops the time to live of a key; returns 1, or 0 when it has none."""
    if db.expire_at(key) in (None, -1):
        return 0
    db.set_expire(key, None)
    db.notify("g", "persist", key)
    return 1
