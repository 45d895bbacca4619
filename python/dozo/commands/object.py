"""OBJECT: how the server keeps one key."""

from __future__ import annotations

from typing import Final

from dozo.commands.api import READONLY, Database, Key, Server, command, container
from dozo.commands.help import declare_help
from dozo.errors import ReplyError

_GROUP: Final = "generic"
_WHEN_SWITCHING: Final = (
    "Please note that when switching between policies at runtime"
    " LRU and LFU data will take some time to adjust."
)
_NO_LFU: Final = (
    f"ERR An LFU maxmemory policy is not selected, access frequency not tracked. {_WHEN_SWITCHING}"
)
_NO_LRU: Final = f"ERR An LFU maxmemory policy is selected, idle time not tracked. {_WHEN_SWITCHING}"
_TIPS: Final = ("nondeterministic_output",)

container(
    "OBJECT",
    group=_GROUP,
    since="2.2.3",
    summary="Tells how the server keeps a key.",
    complexity="Depends on the subcommand.",
)
declare_help("OBJECT", group=_GROUP, since="6.2.0", acl=("keyspace",))


@command(
    "OBJECT ENCODING",
    key_flags="RO",
    flags=READONLY,
    group=_GROUP,
    since="2.2.3",
    complexity="O(1)",
    tips=_TIPS,
)
def encoding(db: Database, key: Key) -> str | None:
    """Returns how the value is stored: int, embstr (up to 44 bytes) or raw; null for a missing key."""
    return db.encoding(key)


@command(
    "OBJECT FREQ", key_flags="RO", flags=READONLY, group=_GROUP, since="4.0.0", complexity="O(1)", tips=_TIPS
)
def freq(db: Database, server: Server, key: Key) -> int | None:
    """Returns the logarithmic access counter of a key under an LFU policy."""
    if not db.exists(key):
        return None
    if not _counts_frequency(server):
        raise ReplyError(_NO_LFU)
    return db.freq(key)


@command(
    "OBJECT IDLETIME",
    key_flags="RO",
    flags=READONLY,
    group=_GROUP,
    since="2.2.3",
    complexity="O(1)",
    tips=_TIPS,
)
def idletime(db: Database, server: Server, key: Key) -> int | None:
    """Returns the seconds since a key was used, unless an LFU policy keeps its counter instead."""
    if not db.exists(key):
        return None
    if _counts_frequency(server):
        raise ReplyError(_NO_LRU)
    return db.idle_seconds(key)


@command(
    "OBJECT REFCOUNT",
    key_flags="RO",
    flags=READONLY,
    group=_GROUP,
    since="2.2.3",
    complexity="O(1)",
    tips=_TIPS,
)
def refcount(db: Database, key: Key) -> int | None:
    """Returns 1, as dozo shares no values between keys; null for a missing key."""
    return 1 if db.exists(key) else None


def _counts_frequency(server: Server) -> bool:
    return str(server.config.memory.maxmemory_policy).endswith("-lfu")
