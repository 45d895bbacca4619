"""The final state of a server: every key of every database with its content, in a form that two servers can share.

Owns what counts as the same content: order where the type has one, none where it has none, no clock times. What a
family's commands can put into a key must show here, or a wrong write that answers rightly would go unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .raw import Reply, Wire

#: Expiries are told in minutes, as the two servers never run at the same millisecond.
Row = tuple[int, bytes, str, Any, int]

_DATABASES = 16
_PENDING_MAX = b"1000"
#: What XINFO STREAM tells of a stream besides its entries and the shape of Redis's own tree.
_STREAM_FIGURES = (
    b"length",
    b"last-generated-id",
    b"max-deleted-entry-id",
    b"entries-added",
    b"recorded-first-entry-id",
)


def state(wire: Wire) -> list[Row]:
    """Return every key of every database; the connection speaks RESP2 and is left on the last database."""
    rows: list[Row] = []
    for db in range(_DATABASES):
        wire.call(b"SELECT", b"%d" % db)
        keys = sorted(item.value for item in wire.call(b"KEYS", b"*").value)
        for key in keys:
            kind, expiry = wire.pipeline([(b"TYPE", key), (b"PEXPIRETIME", key)])
            name = kind.value.decode()
            rows.append((db, key, name, content(wire, name, key), int(expiry.value) // 60_000))
    return rows


def same(ours: list[Row], theirs: list[Row]) -> bool:
    """Tell whether the keys and contents are equal and the expiries are within a minute."""
    return [row[:4] for row in ours] == [row[:4] for row in theirs] and all(
        abs(a[4] - b[4]) <= 1 for a, b in zip(ours, theirs, strict=True)
    )


def content(wire: Wire, kind: str, key: bytes) -> Any:
    """Return what a key of that type holds."""
    return _READERS[kind](wire, key)


def _plain(reply: Reply) -> Any:
    """A reply without its RESP types; two integers in different forms are still the same content."""
    if isinstance(reply.value, list):
        return [_plain(item) for item in reply.value]
    return reply.value


def _pairs(flat: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _string(wire: Wire, key: bytes) -> Any:
    return _plain(wire.call(b"GET", key))


def _list(wire: Wire, key: bytes) -> Any:
    return _plain(wire.call(b"LRANGE", key, b"0", b"-1"))


def _set(wire: Wire, key: bytes) -> Any:
    return sorted(_plain(wire.call(b"SMEMBERS", key)))


def _zset(wire: Wire, key: bytes) -> Any:
    return _pairs(_plain(wire.call(b"ZRANGE", key, b"0", b"-1", b"WITHSCORES")))


def _hash(wire: Wire, key: bytes) -> Any:
    return sorted(_pairs(_plain(wire.call(b"HGETALL", key))))


def _stream(wire: Wire, key: bytes) -> Any:
    figures = dict(_pairs(_plain(wire.call(b"XINFO", b"STREAM", key))))
    groups = [dict(_pairs(group)) for group in _plain(wire.call(b"XINFO", b"GROUPS", key))]
    return {
        "figures": [figures[name] for name in _STREAM_FIGURES],
        "entries": _plain(wire.call(b"XRANGE", key, b"-", b"+")),
        "groups": [(group, *_group(wire, key, group[b"name"])) for group in groups],
    }


def _group(wire: Wire, key: bytes, group: bytes) -> tuple[Any, Any]:
    """The consumers with how much each has pending, and the pending entries without their ages."""
    consumers = [dict(_pairs(each)) for each in _plain(wire.call(b"XINFO", b"CONSUMERS", key, group))]
    pending = _plain(wire.call(b"XPENDING", key, group, b"-", b"+", _PENDING_MAX))
    return (
        [(each[b"name"], each[b"pending"]) for each in consumers],
        [(identity, consumer, count) for identity, consumer, _, count in pending],
    )


_READERS: dict[str, Callable[[Wire, bytes], Any]] = {
    "string": _string,
    "list": _list,
    "set": _set,
    "zset": _zset,
    "hash": _hash,
    "stream": _stream,
}
