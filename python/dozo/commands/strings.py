"""The string family: values that are bytes or integers.

Owns every command of the group "string" except LCS (lcs.py). The arithmetic of INCRBYFLOAT is in extended.py.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from dozo import _kernel
from dozo.commands.api import (
    DENYOOM,
    FAST,
    READONLY,
    WRITE,
    Counted,
    Database,
    Flag,
    Key,
    Range,
    command,
    hot,
)
from dozo.commands.arguments import Arg, KeySpec
from dozo.errors import NotFloat, ReplyError, SyntaxError_

_GROUP: Final = "string"
_TOO_LONG: Final = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
_EXPIRATION: Final = (
    "[EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | {}]"
)

hot(
    "GET",
    arity=2,
    keys=1,
    key_flags="RO access",
    flags=READONLY | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Returns the value of a key.",
    complexity="O(1)",
    args="key",
)
hot(
    "SET",
    arity=-3,
    keys=1,
    key_specs=(KeySpec("RW access update variable_flags", notes="the value is read too when GET is given"),),
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="1.0.0",
    summary="Sets the value of a key, whatever it held, and drops its expiry unless told to keep it.",
    complexity="O(1)",
    args=f"key value [NX | XX | IFEQ comparison] [GET] {_EXPIRATION.format('KEEPTTL')}",
    history=(
        ("2.6.12", "The EX, PX, NX and XX options exist."),
        ("6.0.0", "The KEEPTTL option exists."),
        ("6.2.0", "The GET, EXAT and PXAT options exist."),
        ("7.0.0", "NX and GET work together."),
        ("8.1.0", "The IFEQ option exists (Valkey's numbering)."),
    ),
)
hot(
    "SETNX",
    arity=3,
    keys=1,
    key_flags="OW insert",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Sets the value of a key that does not exist yet.",
    complexity="O(1)",
    args="key value",
)
hot(
    "SETEX",
    arity=4,
    keys=1,
    key_flags="OW update",
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="2.0.0",
    summary="Sets the value of a key and its time to live in seconds.",
    complexity="O(1)",
    args="key seconds value",
)
hot(
    "PSETEX",
    arity=4,
    keys=1,
    key_flags="OW update",
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="2.6.0",
    summary="Sets the value of a key and its time to live in milliseconds.",
    complexity="O(1)",
    args="key milliseconds value",
)
hot(
    "GETSET",
    arity=3,
    keys=1,
    key_flags="RW access update",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Sets the value of a key and returns the one it replaces.",
    complexity="O(1)",
    args="key value",
    doc_flags=("deprecated",),
    deprecated_since="6.2.0",
    replaced_by="SET with its GET option",
)
hot(
    "GETDEL",
    arity=2,
    keys=1,
    key_flags="RW access delete",
    flags=WRITE | FAST,
    group=_GROUP,
    since="6.2.0",
    summary="Returns the value of a key and deletes the key.",
    complexity="O(1)",
    args="key",
)
hot(
    "GETEX",
    arity=-2,
    keys=1,
    key_specs=(KeySpec("RW access update", notes="the time to live counts as an update"),),
    flags=WRITE | FAST,
    group=_GROUP,
    since="6.2.0",
    summary="Returns the value of a key, and sets or drops its time to live when told.",
    complexity="O(1)",
    args=f"key {_EXPIRATION.format('PERSIST')}",
)
hot(
    "MGET",
    arity=-2,
    keys=(1, -1, 1),
    key_flags="RO access",
    flags=READONLY | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Returns the values of several keys, null for each that has none.",
    complexity="O(N) for N keys",
    args="key [key ...]",
    tips=("request_policy:multi_shard",),
)
hot(
    "MSET",
    arity=-3,
    keys=(1, -1, 2),
    key_flags="OW update",
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="1.0.1",
    summary="Sets the values of several keys at once.",
    complexity="O(N) for N keys",
    args="key value [key value ...]",
    tips=("request_policy:multi_shard", "response_policy:all_succeeded"),
)
hot(
    "MSETNX",
    arity=-3,
    keys=(1, -1, 2),
    key_flags="OW insert",
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="1.0.1",
    summary="Sets the values of several keys at once, or of none when one of them exists.",
    complexity="O(N) for N keys",
    args="key value [key value ...]",
    tips=("request_policy:multi_shard", "response_policy:agg_min"),
)
hot(
    "INCR",
    arity=2,
    keys=1,
    key_flags="RW access update",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Adds one to the integer of a key; a missing key counts as 0.",
    complexity="O(1)",
    args="key",
)
hot(
    "DECR",
    arity=2,
    keys=1,
    key_flags="RW access update",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Takes one from the integer of a key; a missing key counts as 0.",
    complexity="O(1)",
    args="key",
)
hot(
    "INCRBY",
    arity=3,
    keys=1,
    key_flags="RW access update",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Adds a number to the integer of a key; a missing key counts as 0.",
    complexity="O(1)",
    args="key increment",
)
hot(
    "DECRBY",
    arity=3,
    keys=1,
    key_flags="RW access update",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Takes a number from the integer of a key; a missing key counts as 0.",
    complexity="O(1)",
    args="key decrement",
)
hot(
    "APPEND",
    arity=3,
    keys=1,
    key_flags="RW insert",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="2.0.0",
    summary="Adds bytes to the end of a string and returns its length; creates a missing key.",
    complexity="O(1) amortised",
    args="key value",
)
hot(
    "STRLEN",
    arity=2,
    keys=1,
    key_flags="RO",
    flags=READONLY | FAST,
    group=_GROUP,
    since="2.2.0",
    summary="Returns the length of a string, 0 for a missing key.",
    complexity="O(1)",
    args="key",
)


@command(
    "GETRANGE",
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="2.4.0",
    complexity="O(N) for N bytes returned",
)
def getrange(db: Database, key: Key, start: int, end: int) -> bytes:
    """Returns the bytes of a string from start to end, both included; negative positions count from the end."""
    return db.get_range(key, start, end)


@command(
    "SUBSTR",
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="1.0.0",
    complexity="O(N) for N bytes returned",
    doc_flags=("deprecated",),
    deprecated_since="2.0.0",
    replaced_by="GETRANGE",
)
def substr(db: Database, key: Key, start: int, end: int) -> bytes:
    """Returns the bytes of a string from start to end: the old name of GETRANGE."""
    return db.get_range(key, start, end)


@command(
    "SETRANGE",
    key_flags="RW update",
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="2.2.0",
    complexity="O(N) for N bytes moved, mostly O(1)",
)
def setrange(
    db: Database, key: Key, offset: Annotated[int, Range(0, error="ERR offset is out of range")], value: bytes
) -> int:
    """Overwrites a string from offset on, padding it with zero bytes when it is shorter; returns its length."""
    if not value:
        return db.strlen(key)
    if offset + len(value) > db.max_value_len:
        raise ReplyError(_TOO_LONG)
    length = db.set_range(key, offset, value)
    db.notify("$", "setrange", key)
    return length


@command(
    "INCRBYFLOAT",
    key_flags="RW access update",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="2.6.0",
    complexity="O(1)",
    args=(Arg("key", "key", key_spec=0), Arg("increment", "double")),
)
def incrbyfloat(db: Database, key: Key, increment: bytes) -> bytes:
    """Adds a floating-point number to the number of a key; a missing key counts as 0."""
    # Exact fractions take 2 MB and 10 ms to import, which a server that never sees this command need not spend.
    from dozo.commands import extended

    current = db.get(key)
    left, right = extended.parse(current or b"0") if current != b"" else None, extended.parse(increment)
    if left is None or right is None:
        raise NotFloat
    total = extended.add(left, right)
    if total is None:
        raise ReplyError("ERR increment would produce NaN or Infinity")
    value = extended.text(total)
    db.set(key, value, keep_ttl=True)
    db.notify("$", "incrbyfloat", key)
    db.effect("SET", key, value, "KEEPTTL")
    return value


@command(
    "MSETEX",
    key_specs=(KeySpec("OW update", step=2, counted=True),),
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="8.4.0",
    complexity="O(N) for N keys",
    args=f"numkeys key value [key value ...] [NX | XX] {_EXPIRATION.format('KEEPTTL')}",
    exclusive=(("nx", "xx"), ("ex", "px", "exat", "pxat", "keepttl")),
    tips=("request_policy:multi_shard", "response_policy:agg_min"),
)
def msetex(
    db: Database,
    *pairs: Annotated[
        tuple[Key, bytes], Counted("ERR invalid numkeys value", "ERR wrong number of key-value pairs")
    ],
    nx: Flag = False,
    xx: Flag = False,
    ex: int | None = None,
    px: int | None = None,
    exat: int | None = None,
    pxat: int | None = None,
    keepttl: Flag = False,
) -> int:
    """Sets several keys with one time to live, or none of them when NX or XX fails for one; returns 1 or 0."""
    at = _deadline(db, "msetex", ex=ex, px=px, exat=exat, pxat=pxat)
    if (nx and any(db.exists(key) for key, _ in pairs)) or (
        xx and not all(db.exists(key) for key, _ in pairs)
    ):
        return 0
    words: list[bytes | str | int] = ["MSETEX", len(pairs)]
    for key, value in pairs:
        db.set(key, value, expire_at_ms=at, keep_ttl=keepttl)
        db.notify("$", "set", key)
        if at is not None:
            db.notify("g", "expire", key)
        words += (key, value)
    words += ["PXAT", at] if at is not None else ["KEEPTTL"] if keepttl else []
    db.effect(*words)
    return 1


def _deadline(
    db: Database, name: str, *, ex: int | None, px: int | None, exat: int | None, pxat: int | None
) -> int | None:
    """The moment of expiry in unix milliseconds, from whichever option was given."""
    for given, unit, start in ((ex, 1000, db.now_ms), (px, 1, db.now_ms), (exat, 1000, 0), (pxat, 1, 0)):
        if given is None:
            continue
        at = given * unit + start
        if given <= 0 or at >= 2**63:
            raise ReplyError(f"ERR invalid expire time in '{name}' command")
        return at
    return None


@command(
    "DELIFEQ",
    key_flags="RW access delete",
    flags=WRITE | FAST,
    group=_GROUP,
    since="9.0.0",
    complexity="O(1)",
)
def delifeq(db: Database, key: Key, value: bytes) -> int:
    """Deletes a key when its value equals the given one; returns 1 or 0 (Valkey 9)."""
    if db.get(key) != value:
        return 0
    db.effect("DEL", key)
    db.delete(key)
    db.notify("g", "del", key)
    return 1


@command(
    "DELEX",
    key_flags="RW access delete",
    flags=WRITE | FAST,
    group=_GROUP,
    since="8.4.0",
    complexity="O(1), O(N) for a digest of N bytes",
    args="key [IFEQ comparison | IFNE comparison | IFDEQ digest | IFDNE digest]",
    surplus="arity",
)
def delex(
    db: Database,
    key: Key,
    condition: Literal["IFEQ", "IFNE", "IFDEQ", "IFDNE"] | None = None,
    comparison: bytes | None = None,
) -> int:
    """Deletes a key, or only when its value or the value's digest is, or is not, the given one (Redis 8.4)."""
    if (condition is not None and not _holds(db, key, condition, comparison)) or not db.delete(key):
        return 0
    db.effect("DEL", key)
    db.notify("g", "del", key)
    return 1


def _holds(db: Database, key: bytes, condition: str, comparison: bytes | None) -> bool:
    """Whether DELEX's condition is true; a missing key meets none."""
    if comparison is None:
        raise SyntaxError_
    by_digest = condition.startswith("IFD")
    if by_digest and len(comparison) != 16:
        raise ReplyError("ERR digest must be exactly 16 hexadecimal characters")
    value = db.get(key)
    if value is None:
        return False
    equal = _digest(value) == comparison.lower() if by_digest else value == comparison
    return equal == condition.endswith("EQ")


@command(
    "DIGEST",
    key_flags="RO access",
    flags=READONLY | FAST,
    group=_GROUP,
    since="8.4.0",
    complexity="O(N) for N bytes",
)
def digest(db: Database, key: Key) -> bytes | None:
    """Returns the XXH3 digest of a string as 16 hexadecimal characters, null for a missing key (Redis 8.4)."""
    value = db.get(key)
    return None if value is None else _digest(value)


def _digest(value: bytes) -> bytes:
    return b"%016x" % _kernel.xxh3_64(value)
