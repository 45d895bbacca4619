"""Numbers as Redis reads them, for commands whose errors come in an order that a signature can't tell.

Owns the parsers; refuses options and replies.
"""

from __future__ import annotations

import math
import re
from typing import Final

from dozo._kernel import parse_float
from dozo.errors import NotFloat, NotInteger, ReplyError

__all__ = ["floating", "integer", "timeout_ms"]

_INTEGER: Final = re.compile(rb"0|-?[1-9][0-9]{0,18}")


def integer(
    word: bytes, error: str = NotInteger.default, *, low: int = -(2**63), high: int = 2**63 - 1
) -> int:
    """A canonical decimal within bounds; ReplyError with that text for anything else."""
    if _INTEGER.fullmatch(word) and low <= (value := int(word)) <= high:
        return value
    raise ReplyError(error)


def floating(word: bytes, error: str = NotFloat.default) -> float:
    """A number as C's strtod reads it, but not NaN, not beyond a double, and without blanks."""
    value = parse_float(word)
    if value is None:
        raise ReplyError(error)
    return value


def timeout_ms(seconds: bytes) -> int | None:
    """The milliseconds of a blocking command's timeout in seconds with a fraction; None means for ever.

    As in Redis 7.0 what is beyond 64 bits counts as negative.
    """
    amount = parse_float(seconds, bounded=False)
    if amount is None:
        raise ReplyError("ERR timeout is not a float or out of range")
    if not -1 < amount * 1000 < 2**63:
        raise ReplyError("ERR timeout is negative")
    return math.ceil(amount * 1000) or None
