"""Values that a command returns when a plain Python value would not say which reply is meant.

Plain values: ``int``, ``bytes`` and ``str`` (bulk strings), ``None`` (null), ``list`` and ``tuple`` (arrays), ``dict``
(map), ``set`` and ``frozenset``, ``bool``, ``float``; the keys of a dict are a set whose order is kept. In RESP2, maps
and sets become arrays, booleans 0 and 1, doubles bulk strings. A ``ReplyError`` inside a list is an error element.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

__all__ = ["NO_REPLY", "NULL", "NULL_ARRAY", "OK", "Block", "Marker", "Reply", "Simple", "Verbatim"]


class Simple(str):
    """A status line such as ``+OK``; it must not hold line breaks."""

    __slots__ = ()


class Verbatim(str):
    """A text for people (INFO, CLIENT LIST): verbatim ``txt:`` in RESP3, a bulk string in RESP2."""

    __slots__ = ()


class Marker:
    """A reply that has no Python value; compared by identity."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


NULL_ARRAY: Final = Marker("NULL_ARRAY")
"""``*-1`` in RESP2, null in RESP3."""

NULL: Final = None
"""A null: what ``None`` is answered as."""

NO_REPLY: Final = Marker("NO_REPLY")
"""Nothing is sent: the command has answered, or will answer, by other means."""

OK: Final = Simple("OK")


class Block:
    """The client waits: the command found nothing, and is run again when one of its keys has changed.

    It runs again only when a key holds a value of type `of` (or, with `gone`, was deleted too), with `retry` as its
    words if given. Nobody who came later is served before. After `timeout_ms` (None: never) the client is answered
    `on_timeout`, NULL or NULL_ARRAY; so it is at once where it can't wait: in MULTI, in scripts, under `db.call`.
    """

    __slots__ = ("gone", "keys", "of", "on_timeout", "retry", "timeout_ms")

    def __init__(
        self,
        keys: Sequence[bytes],
        of: str,
        timeout_ms: int | None = None,
        on_timeout: Marker | None = NULL,
        gone: bool = False,
        retry: Sequence[bytes] | None = None,
    ) -> None:
        self.keys = list(keys)
        self.of = of
        self.timeout_ms = timeout_ms
        self.on_timeout = on_timeout
        self.gone = gone
        self.retry = retry


Reply = Any
"""What a command returns; the table above tells how each type is encoded."""
