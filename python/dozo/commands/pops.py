"""LMPOP, ZMPOP and their blocking forms: one grammar and one way of taking, for lists and sorted sets alike.

Owns both; refuses to know which end of what is meant: the families say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dozo.commands.api import Database
from dozo.commands.numbers import integer
from dozo.errors import SyntaxError_, WrongType

__all__ = ["Pop", "counted_keys", "parse_pop", "take_first"]

_NUMKEYS_ERROR: Final = "ERR numkeys should be greater than 0"
_COUNT_ERROR: Final = "ERR count should be greater than 0"


@dataclass(frozen=True, slots=True)
class Pop:
    """What is asked for: up to `count` elements from the first of the keys that has any, from its last end or first."""

    keys: list[bytes]
    last: bool
    count: int


def counted_keys(at: int) -> Callable[[Sequence[bytes]], list[int]]:
    """Finds the keys of a command line that are counted at position `at`."""

    def find(args: Sequence[bytes]) -> list[int]:
        count = int(args[at]) if args[at].isdigit() else 0
        return list(range(at + 1, min(at + 1 + count, len(args))))

    return find


def parse_pop(words: Sequence[bytes], ends: tuple[bytes, bytes]) -> Pop:
    """Reads `numkeys key [key ...] <first end | last end> [COUNT count]`, in Redis's order of complaints."""
    numkeys = integer(words[0], _NUMKEYS_ERROR, low=1)
    end, *options = words[numkeys + 1 :] or (b"",)
    if end.upper() not in ends:
        raise SyntaxError_
    count = 1
    if options:
        if options[0].upper() != b"COUNT" or len(options) == 1:
            raise SyntaxError_
        count = integer(options[1], _COUNT_ERROR, low=1)
        if len(options) > 2:
            raise SyntaxError_
    return Pop(list(words[1 : numkeys + 1]), end.upper() == ends[1], count)


def take_first(
    db: Database,
    keys: Sequence[bytes],
    take: Callable[[bytes], list[Any] | None],
    name: str,
    event_class: str,
) -> list[Any] | None:
    """The first key at which `take` finds something, with that; `name` is the plain command that does the same."""
    for key in keys:
        try:
            taken = take(key)
        except WrongType:
            if not db.is_retry:
                raise
            continue
        if taken:
            db.effect(name, key, len(taken))
            db.notify(event_class, name.lower(), key)
            if not db.exists(key):
                db.notify("g", "del", key)
            return [key, taken]
    return None
