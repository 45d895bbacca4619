"""The options that the commands walking over one value share: HSCAN, SSCAN, ZSCAN, and counts of random picks.

Owns their order of checks, which is Redis's: the cursor first, then the key, then the options.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dozo.commands.numbers import integer
from dozo.errors import ReplyError, SyntaxError_

MAX_PICKS: Final = 2**26
"""How many random elements one negative count may ask for, as each is built in memory."""

_CURSOR: Final = re.compile(rb"(?:[-+]?\d{1,20})?\Z")
_DEFAULT_COUNT: Final = 10
_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Walk:
    """A parsed request for the next elements; `flag` is whether one of the command's own flags was given."""

    cursor: int
    count: int
    pattern: bytes | None
    flag: bool


def parse_count(word: bytes) -> int:
    """Return a count of random picks; negative means that an element may come again."""
    count = integer(word)
    if count < -_MAX:
        raise ReplyError(f"ERR value is out of range, value must between {-_MAX} and {_MAX}")
    return count


def parse_walk(
    cursor: bytes, options: Sequence[bytes], exists: Callable[[], bool], flags: Sequence[bytes] = ()
) -> Walk | None:
    """Return what is asked for, or None when the key is missing: then the options are not even looked at."""
    if not _CURSOR.match(cursor) or abs(int(cursor or b"0")) >= 2**64:
        raise ReplyError("ERR invalid cursor")
    if not exists():
        return None
    count, pattern, flag, at = _DEFAULT_COUNT, None, False, 0
    while at < len(options):
        word = options[at].upper()
        if word in flags:
            flag = True
            at += 1
            continue
        if at + 1 == len(options) or word not in (b"COUNT", b"MATCH"):
            raise SyntaxError_
        if word == b"COUNT":
            count = integer(options[at + 1])
            if count < 1:
                raise SyntaxError_
        else:
            pattern = options[at + 1]
        at += 2
    return Walk(int(cursor or b"0") % 2**64, count, pattern, flag)
