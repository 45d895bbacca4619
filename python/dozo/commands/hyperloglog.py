"""The HyperLogLog family: counting distinct elements in at most 12 KB, with a standard error of 0.81 %.

Owns every command of the group "hyperloglog". A counter is a string in Redis's own format, so GET, SET, DUMP and
RESTORE carry it between servers; the format and the arithmetic are the store's (crates/store/src/hyperloglog.rs).
"""

from __future__ import annotations

from typing import Final

from dozo.commands.api import (
    ADMIN,
    DENYOOM,
    FAST,
    MAY_REPLICATE,
    OK,
    READONLY,
    WRITE,
    Database,
    Key,
    Reply,
    Server,
    Simple,
    command,
)
from dozo.commands.arguments import Arg, KeySpec
from dozo.errors import ReplyError

_GROUP: Final = "hyperloglog"
_STRING: Final = "$"
"""The class of the keyspace events."""


@command(
    "PFADD",
    key_flags="RW insert",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="2.8.9",
    complexity="O(1) for each element",
    args=(Arg("key", "key", key_spec=0), Arg("element", optional=True, multiple=True)),
)
def pfadd(db: Database, server: Server, key: Key, *elements: bytes) -> int:
    """Adds elements to a HyperLogLog; returns 1 when its estimate may have changed, else 0."""
    changed = db.hyperloglogs.add(key, elements, server.config.memory.hll_sparse_max_bytes)
    if changed:
        db.notify(_STRING, "pfadd", key)
    return int(changed)


@command(
    "PFCOUNT",
    key_specs=(KeySpec("RW access", last=-1, notes="RW because the estimate is cached within the value"),),
    flags=READONLY | MAY_REPLICATE,
    group=_GROUP,
    since="2.8.9",
    complexity="O(1) for one key, O(N) for N keys",
)
def pfcount(db: Database, *keys: Key) -> int:
    """Estimates how many distinct elements HyperLogLogs have seen, together."""
    return db.hyperloglogs.count(list(keys))


@command(
    "PFMERGE",
    keys=(1, -1, 1),
    arity=-2,
    key_specs=(KeySpec("RW access insert"), KeySpec("RO access", first=2, last=-1)),
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="2.8.9",
    complexity="O(N) for N keys",
    args=(Arg("destkey", "key", key_spec=0), Arg("sourcekey", "key", multiple=True, key_spec=1)),
)
def pfmerge(db: Database, server: Server, *keys: Key) -> Simple:
    """Merges HyperLogLogs into the first one."""
    db.hyperloglogs.merge(list(keys), server.config.memory.hll_sparse_max_bytes)
    db.notify(_STRING, "pfadd", keys[0])
    return OK


@command(
    "PFDEBUG",
    keys=2,
    key_flags="RW access",
    flags=WRITE | DENYOOM | ADMIN,
    group=_GROUP,
    since="2.8.9",
    complexity="N/A",
    args="subcommand key",
    doc_flags=("syscmd",),
)
def pfdebug(db: Database, subcommand: bytes, key: Key) -> Reply:
    """Shows the registers, runs or encoding of a HyperLogLog, or makes it dense; for the tests of clients."""
    counters = db.hyperloglogs
    dense = counters.is_dense(key)
    if dense is None:
        raise ReplyError("ERR The specified key does not exist")
    match subcommand.upper():
        case b"GETREG":
            if not dense:
                counters.make_dense(key)
            return counters.registers(key)
        case b"DECODE":
            if dense:
                raise ReplyError("ERR HLL encoding is not sparse")
            return counters.describe(key)
        case b"ENCODING":
            return Simple("dense" if dense else "sparse")
        case b"TODENSE":
            if not dense:
                counters.make_dense(key)
            return int(not dense)
    raise ReplyError(f"ERR Unknown PFDEBUG subcommand '{subcommand.decode(errors='surrogateescape')}'")


@command(
    "PFSELFTEST",
    flags=ADMIN,
    group=_GROUP,
    since="2.8.9",
    complexity="N/A",
    doc_flags=("syscmd",),
)
def pfselftest(db: Database) -> Simple:
    """Checks the registers and the estimates of HyperLogLogs on random elements."""
    try:
        db.hyperloglogs.self_test(db.now_ms)
    except ValueError as error:
        raise ReplyError(str(error)) from None
    return OK
