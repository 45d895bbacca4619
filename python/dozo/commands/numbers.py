"""Numbers as Redis reads them, for commands whose errors come in an order that a signature can't tell.

Owns the parsers; refuses options and replies.
"""

from __future__ import annotations

import math
import re
from typing import Final

from dozo.errors import NotFloat, NotInteger, ReplyError

__all__ = ["floating", "integer", "timeout_ms"]

_INTEGER: Final = re.compile(rb"0|-?[1-9][0-9]{0,18}")
_FLOAT: Final = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?inf(?:inity)?", re.I)
_HEX: Final = re.compile(rb"[+-]?0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?", re.I)


def integer(
    word: bytes, error: str = NotInteger.default, *, low: int = -(2**63), high: int = 2**63 - 1
) -> int:
    """A canonical decimal within bounds; ReplyError with that text for anything else."""
    if _INTEGER.fullmatch(word) and low <= (value := int(word)) <= high:
        return value
    raise ReplyError(error)


def floating(word: bytes, error: str = NotFloat.default) -> float:
    """A number as C's strtod reads it, but not NaN and without blanks."""
    if _FLOAT.fullmatch(word):
        return float(word)
    if _HEX.fullmatch(word):
        return float.fromhex(word.decode())
    raise ReplyError(error)


def timeout_ms(seconds: bytes) -> int | None:
    """The milliseconds of a blocking command's timeout in seconds with a fraction; None means for ever.

    As in Redis 7.0 what is beyond 64 bits counts as negative.
    """
    amount = floating(seconds, "ERR timeout is not a float or out of range") * 1000
    if not -1 < amount < 2**63:
        raise ReplyError("ERR timeout is negative")
    return math.ceil(amount) or None
