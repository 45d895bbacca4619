"""The known differences from redis-server 7.0: each is wanted, and stands in docs/reference/differences.md too.

`normal` maps a reply of either server to what both must agree on.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from .raw import Reply


def _sorted(reply: Reply) -> Reply:
    """Key order within KEYS and SCAN is nobody's promise."""
    if not isinstance(reply.value, list):
        return reply
    if len(reply.value) == 2 and isinstance(reply.value[1].value, list):
        return Reply(reply.kind, [reply.value[0], _sorted(reply.value[1])])
    return Reply(reply.kind, sorted(reply.value, key=lambda item: item.value))


def _unordered(reply: Reply) -> Reply:
    """Sets within the description of a command come in no order."""
    if isinstance(reply.value, list):
        return Reply(reply.kind, sorted((_unordered(item) for item in reply.value), key=repr))
    return reply


def _near(reply: Reply) -> Reply:
    """Times that were set relative to each server's own clock agree within some seconds."""
    if reply.kind == ":" and int(reply.value) > 10:
        number = int(reply.value)
        return Reply(":", (number + 30_000) // 60_000 if number > 10**12 else (number + 30) // 60)
    return reply


def _shape(reply: Reply) -> Reply:
    """Only the type of the reply is the same: its content names the server, or its id."""
    return Reply(reply.kind, len(reply.value) if reply.kind in "%*" and reply.value else None)


def _kind(reply: Reply) -> Reply:
    """dozo's help texts and lists of its own subcommands are its own."""
    return Reply(reply.kind, None)


def _small(reply: Reply) -> Reply:
    """A small list is a listpack since Redis 7.2; 7.0 knows quicklists only."""
    return Reply(reply.kind, b"listpack") if reply.value == b"quicklist" else reply


def _pairs(reply: Reply) -> Reply:
    """Fields and values in turn, in the order of the fields."""
    if not isinstance(reply.value, list):
        return reply
    if len(reply.value) == 2 and isinstance(reply.value[1].value, list):
        return Reply(reply.kind, [reply.value[0], _pairs(reply.value[1])])
    pairs = zip(reply.value[::2], reply.value[1::2], strict=False)
    return Reply(reply.kind, sorted((list(pair) for pair in pairs), key=repr))


def _picked(reply: Reply) -> Reply:
    """Random elements: how many, of what kind."""
    return Reply(reply.kind, len(reply.value) if isinstance(reply.value, list) else reply.value is None)


#: What streams tell of clocks, and of the shape of Redis's own tree.
_STREAM_CLOCKS = {b"idle", b"seen-time", b"radix-tree-keys", b"radix-tree-nodes"}


def _pending(reply: Reply) -> Reply:
    """A pending entry's idle time or time of delivery depends on when it is asked."""
    if not isinstance(reply.value, list):
        return reply
    items = [_pending(item) for item in reply.value]
    for at, (name, item) in enumerate(pairwise(items), 1):
        if item.kind == ":" and (
            name.value in _STREAM_CLOCKS or int(item.value) > 10**12 or (at == 2 and len(items) == 4)
        ):
            items[at] = Reply(":", 0)
    return Reply(reply.kind, items)


def _numbers(reply: Reply) -> Reply:
    """A double of RESP3 is written with the digits that it needs, where Redis writes 17 decimals."""
    if isinstance(reply.value, list):
        return Reply(reply.kind, [_numbers(item) for item in reply.value])
    return Reply(",", f"{float(reply.value):.17f}") if reply.kind == "," else reply


def _queued(reply: Reply) -> Reply:
    """Among the replies of a transaction: dumps of functions, and lists of libraries, which have no order."""
    if not isinstance(reply.value, list):
        return reply
    items = []
    for item in reply.value:
        if isinstance(item.value, bytes) and item.value.startswith(b"\xf5"):
            items.append(_kind(item))
        else:
            items.append(_unordered(item) if b"library_name" in repr(item).encode() else item)
    return Reply(reply.kind, items)


#: By the first word, or the first two, in upper case.
NORMAL: dict[str, Callable[[Reply], Reply]] = {
    "KEYS": _sorted,
    "SCAN": _sorted,
    "XPENDING": _pending,
    "XINFO CONSUMERS": _pending,
    "XINFO STREAM": _pending,
    "HGETALL": _pairs,
    "HSCAN": _pairs,
    "ZSCAN": _pairs,
    "HKEYS": _sorted,
    "HVALS": _sorted,
    "HRANDFIELD": _picked,
    "SMEMBERS": _sorted,
    "SINTER": _sorted,
    "SUNION": _sorted,
    "SDIFF": _sorted,
    "SPOP": _sorted,
    "SSCAN": _sorted,
    "SRANDMEMBER": _picked,
    "COMMAND INFO": _unordered,
    "RANDOMKEY": _picked,
    # Its offset is that of the effects.
    "ROLE": _shape,
    "TTL": _near,
    "PTTL": _near,
    "EXPIRETIME": _near,
    "PEXPIRETIME": _near,
    # Redis shares small integers: their idle time is that of whichever key was last asked for.
    "OBJECT IDLETIME": _kind,
    # Redis compresses what is longer than 20 bytes; each reads what the other writes.
    "DUMP": _kind,
    "FUNCTION DUMP": _kind,
    "EXEC": _queued,
    "FUNCTION LIST": _unordered,
    "HELLO": _shape,
    "GEOPOS": _numbers,
    "GEOSEARCH": _numbers,
    "GEORADIUS": _numbers,
    "CLIENT HELP": _kind,
    "OBJECT HELP": _kind,
    "SLOWLOG HELP": _kind,
    "LATENCY HELP": _kind,
    "MEMORY HELP": _kind,
    # Small shared integers count INT_MAX references in Redis.
    "OBJECT ENCODING": _small,
    "OBJECT REFCOUNT": _kind,
}


def normal(command: tuple[bytes, ...], reply: Reply) -> Reply:
    """Return the part of the reply on which both servers must agree."""
    if reply.kind == "-" and b"one of the following:" in reply.value:
        # dozo has more policies, so its error lists more names.
        return Reply("-", reply.value.partition(b":")[0])
    words = [word.decode("latin-1").upper() for word in command[:2]]
    for name in (" ".join(words), words[0]):
        if name in NORMAL and reply.kind != "-":
            return NORMAL[name](reply)
    return reply
