"""EVAL and SCRIPT: Lua scripts.

Owns what SCRIPT means; scripts are compiled, cached and run by the kernel (crates/engine/src/scripting).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dozo.commands.api import (
    ALLOW_BUSY,
    MAY_REPLICATE,
    NO_MANDATORY_KEYS,
    NOSCRIPT,
    READONLY,
    SKIP_MONITOR,
    STALE,
    Database,
    Flags,
    KeySpec,
    Simple,
    command,
    container,
    hot,
)
from dozo.commands.help import declare_help
from dozo.errors import ReplyError
from dozo.replies import OK

__all__ = ["RUN_FLAGS", "counted_keys", "declare_run", "is_flush_mode"]

_GROUP: Final = "scripting"
RUN_FLAGS: Final = NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS
_NOTES: Final = "We cannot tell how the keys will be used so we assume the worst, {}"
_ALL: Final = ("request_policy:all_nodes", "response_policy:all_succeeded")


def counted_keys(args: Sequence[bytes]) -> list[int]:
    """The keys of a script's call follow their number, which stands after the script."""
    try:
        count = int(args[2])
    except ValueError:
        return []
    return list(range(3, 3 + count)) if 0 <= count <= len(args) - 3 else []


def declare_run(name: str, what: str, since: str, summary: str, *, notes: bool, read_only: bool) -> None:
    """Declare a command that runs a script or a function; `what` names it in the usage."""
    access = "RO access" if read_only else "RW access update"
    note = _NOTES.format("RO and ACCESS" if read_only else "RW and UPDATE") if notes else None
    flags: Flags = RUN_FLAGS | (READONLY if read_only else MAY_REPLICATE)
    hot(
        name,
        arity=-3,
        summary=summary,
        keys=counted_keys,
        key_specs=(KeySpec(access, 2, counted=True, notes=note),),
        flags=flags,
        group=_GROUP,
        since=since,
        complexity="Depends on what is run.",
        args=f"{what} numkeys [key ...] [arg ...]",
        acl=("scripting",),
    )


declare_run("EVAL", "script", "2.6.0", "Runs a Lua script.", notes=True, read_only=False)
declare_run("EVALSHA", "sha1", "2.6.0", "Runs a cached Lua script.", notes=False, read_only=False)
declare_run("EVAL_RO", "script", "7.0.0", "Runs a Lua script that only reads.", notes=True, read_only=True)
declare_run(
    "EVALSHA_RO", "sha1", "7.0.0", "Runs a cached Lua script that only reads.", notes=False, read_only=True
)

container(
    "SCRIPT",
    group=_GROUP,
    since="2.6.0",
    summary="Manages the cache of Lua scripts.",
    complexity="Depends on the subcommand.",
)
declare_help("SCRIPT", group=_GROUP, since="5.0.0", acl=("scripting",))


@command(
    "SCRIPT EXISTS",
    flags=NOSCRIPT,
    group=_GROUP,
    since="2.6.0",
    complexity="O(N) for N digests",
    args="sha1 [sha1 ...]",
    acl=("scripting",),
    tips=("request_policy:all_shards", "response_policy:agg_logical_and"),
)
def exists(db: Database, sha1: bytes, *more: bytes) -> list[int]:
    """Tells of each SHA-1 whether its script is cached."""
    return [int(db.scripts.exists(one.decode("latin-1").lower())) for one in (sha1, *more)]


@command(
    "SCRIPT FLUSH",
    flags=NOSCRIPT,
    group=_GROUP,
    since="2.6.0",
    complexity="O(N) for N cached scripts",
    args="[ASYNC | SYNC]",
    acl=("scripting",),
    tips=_ALL,
)
def flush(db: Database, *how: str) -> Simple:
    """Forgets all cached scripts."""
    if not is_flush_mode(how):
        raise ReplyError("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
    db.scripts.flush()
    return OK


def is_flush_mode(words: Sequence[str]) -> bool:
    """Whether these words may follow FLUSH; ASYNC is not told from SYNC."""
    return not words or (len(words) == 1 and words[0].upper() in ("SYNC", "ASYNC"))


@command(
    "SCRIPT LOAD",
    flags=NOSCRIPT | STALE,
    group=_GROUP,
    since="2.6.0",
    complexity="O(N) for the N bytes of the script",
    args="script",
    acl=("scripting",),
    tips=_ALL,
)
def load(db: Database, script: bytes) -> str:
    """Compiles a Lua script and caches it without running it; returns its SHA-1."""
    return db.scripts.load(script)


@command(
    "SCRIPT KILL",
    flags=NOSCRIPT | ALLOW_BUSY,
    group=_GROUP,
    since="2.6.0",
    complexity="O(1)",
    acl=("scripting",),
    tips=("request_policy:all_shards", "response_policy:one_succeeded"),
)
def kill(db: Database) -> Simple:
    """Stops the script that is past its time, if it has not written anything."""
    db.scripts.kill(function=False)
    return OK


@command(
    "SCRIPT DEBUG",
    flags=NOSCRIPT,
    group=_GROUP,
    since="3.2.0",
    complexity="O(1)",
    args="<YES | SYNC | NO>",
    acl=("scripting",),
)
def debug(mode: str) -> Simple:
    """Accepts NO only: dozo has no debugger of Lua scripts."""
    if mode.upper() == "NO":
        return OK
    if mode.upper() in ("YES", "SYNC"):
        raise ReplyError("ERR dozo has no debugger of Lua scripts")
    raise ReplyError("ERR Use SCRIPT DEBUG YES/SYNC/NO")
