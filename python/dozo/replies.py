"""Values that a command returns when a plain Python value would not say which reply is meant.

Plain values: ``int``, ``bytes`` and ``str`` (bulk strings), ``None`` (null), ``list`` and ``tuple`` (arrays), ``dict``
(map), ``set`` and ``frozenset``, ``bool``, ``float``; the keys of a dict are a set whose order is kept. In RESP2, maps
and sets become arrays, booleans 0 and 1, doubles bulk strings. A ``ReplyError`` inside a list is an error element.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["NO_REPLY", "NULL_ARRAY", "OK", "Marker", "Reply", "Simple", "Verbatim"]


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

NO_REPLY: Final = Marker("NO_REPLY")
"""Nothing is sent: the command has answered, or will answer, by other means."""

OK: Final = Simple("OK")

Reply = Any
"""What a command returns; the table above tells how each type is encoded."""
