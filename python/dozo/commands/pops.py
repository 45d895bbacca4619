"""LMPOP, ZMPOP and their blocking forms: one grammar and one way of taking, for lists and sorted sets alike.

Owns both, and the declarations; refuses to know which end of what is meant: the families say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from dozo.commands.api import BLOCKING, WRITE, Database, Reply, command
from dozo.commands.arguments import KeySpec, typed
from dozo.commands.numbers import integer, timeout_ms
from dozo.errors import SyntaxError_, WrongType
from dozo.replies import NULL_ARRAY, Block

__all__ = ["Pop", "counted_keys", "declare_pops", "parse_pop"]

_TAKES: Final = "RW access delete"
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


def declare_pops(
    name: str,
    ends: tuple[str, str],
    *,
    of: Literal["list", "zset"],
    plain: tuple[str, str],
    take: Callable[[Database, bytes, Pop], list[Any] | None],
    summary: str,
    waiting: str,
    **about: Any,
) -> None:
    """Declare the command and its blocking form.

    `plain` are the commands that take from the first and from the last end, which stand in the effects and events.
    """
    words = (ends[0].encode(), ends[1].encode())
    usage = f"numkeys key [key ...] <{ends[0]} | {ends[1]}> [COUNT count]"

    def at_once(db: Database, *args: bytes) -> Reply:
        pop = parse_pop(args, words)
        return _take_first(db, pop, take, plain[pop.last]) or NULL_ARRAY

    def blocking(db: Database, timeout: bytes, *args: bytes) -> Reply:
        pop, wait_ms = parse_pop(args, words), timeout_ms(timeout)
        taken = _take_first(db, pop, take, plain[pop.last])
        return taken or Block(pop.keys, of=of, timeout_ms=wait_ms, on_timeout=NULL_ARRAY)

    about |= {"since": "7.0.0"}
    command(
        name,
        arity=-4,
        keys=counted_keys(1),
        key_specs=(KeySpec(_TAKES, counted=True),),
        flags=WRITE,
        args=usage,
        summary=summary,
        **about,
    )(at_once)
    command(
        f"B{name}",
        arity=-5,
        keys=counted_keys(2),
        key_specs=(KeySpec(_TAKES, 2, counted=True),),
        flags=WRITE | BLOCKING,
        args=typed(f"timeout {usage}", timeout="double"),
        summary=waiting,
        **about,
    )(blocking)


def _take_first(
    db: Database, pop: Pop, take: Callable[[Database, bytes, Pop], list[Any] | None], name: str
) -> list[Any] | None:
    """The first key at which something is taken, with that; `name` is the plain command that does the same."""
    for key in pop.keys:
        try:
            taken = take(db, key, pop)
        except WrongType:
            if not db.is_retry:
                raise
            continue
        if taken:
            db.effect(name, key, len(taken))
            db.notify("z" if name.startswith("Z") else "l", name.lower(), key)
            if not db.exists(key):
                db.notify("g", "del", key)
            return [key, taken]
    return None
