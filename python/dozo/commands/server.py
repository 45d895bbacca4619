"""The server family: the data set as a whole, the clock, the end of the server.

Owns the commands of the group "server" that are neither INFO (info.py) nor containers (config.py, command.py,
slowlog.py, latency.py, memory.py) nor DEBUG (debug.py).
"""

from __future__ import annotations

import re
import time
from typing import Any, Final, Literal

from dozo import __version__
from dozo.commands.api import (
    ADMIN,
    ALLOW_BUSY,
    FAST,
    LOADING,
    NO_MULTI,
    NOSCRIPT,
    READONLY,
    STALE,
    WRITE,
    Client,
    Database,
    Flag,
    Server,
    Simple,
    Verbatim,
    command,
)
from dozo.errors import ReplyError, SyntaxError_
from dozo.replies import NO_REPLY, OK

_GROUP: Final = "server"
_BUSY: Final = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
_FLUSH_HISTORY: Final = (("4.0.0", "ASYNC may be asked for."), ("6.2.0", "SYNC may be asked for."))
_EVERYWHERE: Final = ("request_policy:all_shards", "response_policy:all_succeeded")
_INDEX: Final = re.compile(rb"-?\d{1,10}\Z")
_STOREHOUSE: Final = r"""
          _______________
        _/_______________\_
       /___________________\
        | xxxxxxxxxxxxxxx |
        | xxxx  ___  xxxx |
        |      | o |      |
        |______|___|______|
"""


@command(
    "DBSIZE",
    flags=READONLY | FAST,
    group=_GROUP,
    since="1.0.0",
    complexity="O(1)",
    acl=("keyspace",),
    tips=("request_policy:all_shards", "response_policy:agg_sum"),
)
def dbsize(db: Database) -> int:
    """Returns how many keys the database holds."""
    return len(db)


@command(
    "FLUSHDB",
    flags=WRITE,
    group=_GROUP,
    since="1.0.0",
    complexity="O(1), the memory is freed in slices later",
    args="[ASYNC | SYNC]",
    acl=("keyspace", "dangerous"),
    tips=_EVERYWHERE,
    history=_FLUSH_HISTORY,
)
def flushdb(db: Database, mode: Literal["ASYNC", "SYNC"] | None = None) -> Simple:
    """Removes every key of the database; ASYNC and SYNC do the same here."""
    db.flush()
    return OK


@command(
    "FLUSHALL",
    flags=WRITE,
    group=_GROUP,
    since="1.0.0",
    complexity="O(1), the memory is freed in slices later",
    args="[ASYNC | SYNC]",
    acl=("keyspace", "dangerous"),
    tips=_EVERYWHERE,
    history=_FLUSH_HISTORY,
)
def flushall(db: Database, mode: Literal["ASYNC", "SYNC"] | None = None) -> Simple:
    """Removes every key of every database; ASYNC and SYNC do the same here."""
    db.flush_all()
    return OK


@command(
    "SWAPDB",
    flags=WRITE | FAST,
    group=_GROUP,
    since="4.0.0",
    complexity="O(1)",
    args="index1 index2",
    acl=("keyspace", "dangerous"),
)
def swapdb(db: Database, first: bytes, second: bytes) -> Simple:
    """Exchanges the contents of two databases; connections see it at once."""
    one, other = _index(first, "first"), _index(second, "second")
    if not (0 <= one < db.databases and 0 <= other < db.databases):
        raise ReplyError("ERR DB index is out of range")
    db.swap(one, other)
    return OK


def _index(word: bytes, which: str) -> int:
    if not _INDEX.match(word) or not -(2**31) <= int(word) < 2**31:
        raise ReplyError(f"ERR invalid {which} DB index")
    return int(word)


@command(
    "TIME",
    flags=LOADING | STALE | FAST,
    group=_GROUP,
    since="2.6.0",
    complexity="O(1)",
    tips=("nondeterministic_output",),
)
def time_() -> list[bytes]:
    """Returns the time of the server: unix seconds, and microseconds within the second."""
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    return [b"%d" % seconds, b"%d" % (nanoseconds // 1000)]


@command(
    "ROLE",
    flags=NOSCRIPT | LOADING | STALE | FAST,
    group=_GROUP,
    since="2.8.12",
    complexity="O(1)",
    acl=("admin", "dangerous"),
)
def role(server: Server) -> list[Any]:
    """Returns the part the server plays in replication: master, its offset, and its replicas."""
    return ["master", server.stats()["master_repl_offset"], []]


@command(
    "MONITOR",
    flags=ADMIN | NOSCRIPT | LOADING | STALE,
    group=_GROUP,
    since="1.0.0",
)
def monitor(client: Client) -> Simple:
    """Makes the connection receive every command that the server runs, until RESET or QUIT."""
    if not client.may_wait:
        raise ReplyError("ERR MONITOR isn't allowed for DENY BLOCKING client")
    client.monitor = True
    return OK


@command(
    "SHUTDOWN",
    flags=ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI | ALLOW_BUSY,
    group=_GROUP,
    since="1.0.0",
    complexity="O(1)",
    args="[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
    exclusive=(("nosave", "save"),),
    history=(("7.0.0", "NOW, FORCE and ABORT may be given."),),
)
def shutdown(
    db: Database,
    server: Server,
    *,
    nosave: Flag = False,
    save: Flag = False,
    now: Flag = False,
    force: Flag = False,
    abort: Flag = False,
) -> Any:
    """Stops the server once the commands in flight are answered, and after a snapshot where save points are set."""
    if abort:
        if nosave or save or now or force:
            raise SyntaxError_
        raise ReplyError("ERR No shutdown in progress.")
    if db.scripts.running() and not nosave:
        raise ReplyError(_BUSY)
    if server.persistence is not None:
        server.persistence.shut_down(server, save=save, nosave=nosave, force=force)
    server.shutdown()
    return NO_REPLY


@command(
    "LOLWUT",
    flags=READONLY | FAST,
    group=_GROUP,
    since="5.0.0",
    args="[VERSION version]",
)
def lolwut(*, version: int | None = None) -> Verbatim:
    """Draws a storehouse."""
    return Verbatim(f"{_STOREHOUSE}\ndozo ver. {__version__}\n")
