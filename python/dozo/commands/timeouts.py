"""Timeouts of blocking commands, with Redis's errors."""

from __future__ import annotations

import math
import re
from typing import Final

from dozo.errors import ReplyError

__all__ = ["timeout_from_ms", "timeout_ms"]

_FLOAT: Final = re.compile(
    rb"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf(inity)?)\Z", re.IGNORECASE
)
_INTEGER: Final = re.compile(rb"(0|-?[1-9]\d{0,18})\Z")
_LONGEST_MS: Final = 2**63 - 2**42
"""What can be added to today's time within 64 bits."""


def timeout_ms(seconds: bytes) -> int | None:
    """Return the milliseconds of a timeout in seconds with a fraction; None means for ever."""
    if not _FLOAT.match(seconds):
        raise ReplyError("ERR timeout is not a float or out of range")
    amount = float(seconds) * 1000
    if math.isinf(amount):
        raise ReplyError("ERR timeout is out of range" if amount > 0 else "ERR timeout is negative")
    return _checked(math.ceil(amount))


def timeout_from_ms(milliseconds: bytes) -> int | None:
    """Return the timeout given in whole milliseconds (XREAD BLOCK); None means for ever."""
    if not _INTEGER.match(milliseconds) or not -(2**63) <= int(milliseconds) < 2**63:
        raise ReplyError("ERR timeout is not an integer or out of range")
    return _checked(int(milliseconds))


def _checked(amount: int) -> int | None:
    if amount < 0:
        raise ReplyError("ERR timeout is negative")
    if amount > _LONGEST_MS:
        raise ReplyError("ERR timeout is out of range")
    return amount or None
