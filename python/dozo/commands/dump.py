"""DUMP and RESTORE: a value as the bytes of an RDB file, with version and checksum after it.

Owns what the two commands mean. The bytes themselves are read and written by the kernel (crates/log).
"""

from __future__ import annotations

from typing import Annotated, Final

from dozo.commands.api import DENYOOM, READONLY, WRITE, Database, Flag, Key, Range, command
from dozo.commands.arguments import KeySpec
from dozo.commands.numbers import integer
from dozo.errors import ReplyError
from dozo.replies import OK, Simple

_RDB_VERSION: Final = 10
"""What `Database.dump` writes. Replicas of Redis 7.0 refuse anything newer."""
_AT_LEAST_0: Final = "ERR Invalid {} value, must be >= 0"


@command(
    "DUMP",
    key_flags="RO access",
    flags=READONLY,
    group="generic",
    since="2.6.0",
    complexity="O(N) for a value of N bytes",
    tips=("nondeterministic_output",),
)
def dump(db: Database, key: Key) -> bytes | None:
    """Returns the value of a key in the form that RESTORE reads, null for a missing key."""
    return db.dump(key)


@command(
    "RESTORE",
    key_specs=(KeySpec("OW update"),),
    flags=WRITE | DENYOOM,
    group="generic",
    since="2.6.0",
    complexity="O(N) for a value of N bytes",
    args="key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
    acl=("keyspace", "dangerous"),
    history=(
        ("3.0.0", "The REPLACE option exists."),
        ("5.0.0", "The ABSTTL option exists."),
        ("5.0.0", "The IDLETIME and FREQ options exist."),
    ),
)
def restore(
    db: Database,
    key: Key,
    ttl: bytes,
    payload: bytes,
    *,
    replace: Flag = False,
    absttl: Flag = False,
    idletime: Annotated[int | None, Range(0, error=_AT_LEAST_0.format("IDLETIME"))] = None,
    freq: Annotated[int | None, Range(0, 255, "ERR Invalid FREQ value, must be >= 0 and <= 255")] = None,
) -> Simple:
    """Creates a key from what DUMP returned; ttl counts milliseconds, 0 means that it never expires."""
    existed = db.exists(key)
    if existed and not replace:
        raise ReplyError("BUSYKEY Target key name already exists.")
    time = integer(ttl)
    at = None if time == 0 else time if absttl else time + db.now_ms
    if time < 0 or (at or 0) >= 2**63:
        raise ReplyError(_AT_LEAST_0.format("TTL"))
    if not db.restore(key, payload, at):
        if existed:
            db.effect("DEL", key)
            db.notify("g", "del", key)
        return OK
    if idletime is not None:
        db.set_idle_seconds(key, idletime)
    if freq is not None:
        db.set_freq(key, freq)
    told = payload if int.from_bytes(payload[-10:-8], "little") <= _RDB_VERSION else db.dump(key)
    db.effect("RESTORE", key, at or 0, told or payload, "REPLACE", "ABSTTL")
    db.notify("g", "restore", key)
    return OK
