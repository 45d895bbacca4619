"""The commands that a gateway hands to no upstream: they are about a connection, and callers share connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dozo.errors import ReplyError

__all__ = ["REFUSED", "refuse"]

_STATE: Final = ("ASKING", "AUTH", "HELLO", "QUIT", "READONLY", "READWRITE", "RESET", "SELECT")
_TRANSACTIONS: Final = ("DISCARD", "EXEC", "MULTI", "UNWATCH", "WATCH")
_STREAMS: Final = ("MONITOR", "PSYNC", "REPLCONF", "SYNC")
_SUBSCRIPTIONS: Final = (
    *("PSUBSCRIBE", "SSUBSCRIBE", "SUBSCRIBE"),
    *("PUNSUBSCRIBE", "SUNSUBSCRIBE", "UNSUBSCRIBE"),
)
REFUSED: Final = frozenset((*_STATE, *_TRANSACTIONS, *_STREAMS, *_SUBSCRIPTIONS))
_REFUSED_OF_CLIENT: Final = frozenset(
    ("CACHING", "NO-EVICT", "NO-TOUCH", "REPLY", "SETINFO", "SETNAME", "TRACKING")
)


def refuse(command: Sequence[bytes | str | int]) -> None:
    """Raise ReplyError for an empty command and for one that is about a connection."""
    if not command:
        raise ReplyError("ERR a command has at least a name")
    name = _word(command[0])
    refused = name in REFUSED
    if name == "CLIENT" and len(command) > 1:
        name = f"CLIENT {_word(command[1])}"
        refused = name.removeprefix("CLIENT ") in _REFUSED_OF_CLIENT
    if refused:
        raise ReplyError(f"ERR {name} is about a connection, which a gateway shares between callers")


def _word(word: bytes | str | int) -> str:
    text = word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)
    return text.upper()
