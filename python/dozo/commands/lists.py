"""The list family. Owns every command of the group "list"; those of queues are hot, the others stand below.

LMPOP and BLMPOP share their grammar with those of sorted sets (pops.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from dozo.commands.api import (
    BLOCKING,
    DENYOOM,
    FAST,
    NOSCRIPT,
    READONLY,
    WRITE,
    Database,
    Key,
    Reply,
    command,
    hot,
)
from dozo.commands.arguments import Arg, KeySpec, typed
from dozo.commands.numbers import integer
from dozo.commands.pops import declare_pops
from dozo.errors import NoSuchKey, OutOfRange, ReplyError, SyntaxError_
from dozo.replies import OK, Simple

_GROUP: Final = "list"
_TAKES: Final = "RW access delete"
_BETWEEN: Final = (KeySpec(_TAKES), KeySpec("RW insert", 2))
_UNLIMITED: Final = 2**63 - 1


def _write(
    name: str, arity: int, summary: str, args: str | Sequence[Arg], since: str = "1.0.0", **about: Any
) -> None:
    """Declare a hot command that changes a list."""
    about.setdefault("keys", 1)
    hot(name, arity=arity, summary=summary, args=args, since=since, group=_GROUP, **about)


for _push, _pop, _wait, _end in (("LPUSH", "LPOP", "BLPOP", "head"), ("RPUSH", "RPOP", "BRPOP", "tail")):
    _write(
        _push,
        -3,
        f"Adds elements at the {_end} of a list, one after the other; returns the new length.",
        "key element [element ...]",
        key_flags="RW insert",
        flags=WRITE | DENYOOM | FAST,
        complexity="O(N) for N elements",
        history=(("2.4.0", "Several elements are accepted."),),
    )
    _write(
        _pop,
        -2,
        f"Takes one element, or with a count up to so many, from the {_end} of a list.",
        "key [count]",
        key_flags=_TAKES,
        flags=WRITE | FAST,
        complexity="O(N) for N elements taken",
        history=(("6.2.0", "The count is accepted."),),
    )
    _write(
        _wait,
        -3,
        f"Takes an element from the {_end} of the first list that has one, and waits where none has.",
        typed("key [key ...] timeout", timeout="double"),
        "2.0.0",
        keys=(1, -2, 1),
        key_flags=_TAKES,
        flags=WRITE | NOSCRIPT | BLOCKING,
        complexity="O(N) for N keys",
        history=(("6.0.0", "The timeout may have a fraction."),),
    )
_write(
    "LRANGE",
    4,
    "Returns the elements between two indexes, both included.",
    typed("key start stop", stop="integer"),
    flags=READONLY,
    complexity="O(S+N) for N elements, S blocks passed over to the first one",
)
_write(
    "LLEN",
    2,
    "Returns how many elements a list has.",
    "key",
    key_flags="RO",
    flags=READONLY | FAST,
    complexity="O(1)",
)
_write(
    "LINDEX",
    3,
    "Returns the element at an index, null beyond the ends.",
    "key index",
    flags=READONLY,
    complexity="O(S), S blocks passed over from the nearer end",
)
_write(
    "LREM",
    4,
    "Removes elements that equal a value, a number of them from either end or all; returns how many.",
    "key count element",
    key_flags="RW delete",
    flags=WRITE,
    complexity="O(N), N the length of the list",
)
_write(
    "LTRIM",
    4,
    "Drops all elements but those between two indexes.",
    typed("key start stop", stop="integer"),
    key_flags="RW delete",
    flags=WRITE,
    complexity="O(N) for N elements dropped",
)
_write(
    "LMOVE",
    5,
    "Takes an element from one end of a list and adds it at an end of the same or another one.",
    "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
    "6.2.0",
    keys=(1, 2, 1),
    key_specs=_BETWEEN,
    flags=WRITE | DENYOOM,
    complexity="O(1)",
)
_write(
    "RPOPLPUSH",
    3,
    "Takes the last element of a list and adds it at the head of the same or another one.",
    "source destination",
    "1.2.0",
    keys=(1, 2, 1),
    key_specs=_BETWEEN,
    flags=WRITE | DENYOOM,
    complexity="O(1)",
    doc_flags=("deprecated",),
    deprecated_since="6.2.0",
    replaced_by="LMOVE with RIGHT and LEFT",
)
_write(
    "BLMOVE",
    6,
    "Does what LMOVE does, and waits where there is nothing to take.",
    typed("source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout", timeout="double"),
    "6.2.0",
    keys=(1, 2, 1),
    key_specs=_BETWEEN,
    flags=WRITE | DENYOOM | NOSCRIPT | BLOCKING,
    complexity="O(1)",
)
_write(
    "BRPOPLPUSH",
    4,
    "Does what RPOPLPUSH does, and waits where there is nothing to take.",
    typed("source destination timeout", timeout="double"),
    "2.2.0",
    keys=(1, 2, 1),
    key_specs=_BETWEEN,
    flags=WRITE | DENYOOM | NOSCRIPT | BLOCKING,
    complexity="O(1)",
    history=(("6.0.0", "The timeout may have a fraction."),),
    doc_flags=("deprecated",),
    deprecated_since="6.2.0",
    replaced_by="BLMOVE with RIGHT and LEFT",
)


@command(
    "LPUSHX",
    key_flags="RW insert",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="2.2.0",
    args="key element [element ...]",
    history=(("4.0.0", "Several elements are accepted."),),
)
def lpushx(db: Database, key: Key, first: bytes, *element: bytes) -> int:
    """Adds elements at the head of a list that exists; returns the new length, 0 without a list."""
    return _push_existing(db, key, [first, *element], True)


@command(
    "RPUSHX",
    key_flags="RW insert",
    flags=WRITE | DENYOOM | FAST,
    group=_GROUP,
    since="2.2.0",
    args="key element [element ...]",
    history=(("4.0.0", "Several elements are accepted."),),
)
def rpushx(db: Database, key: Key, first: bytes, *element: bytes) -> int:
    """Adds elements at the tail of a list that exists; returns the new length, 0 without a list."""
    return _push_existing(db, key, [first, *element], False)


def _push_existing(db: Database, key: bytes, elements: list[bytes], front: bool) -> int:
    length = db.lists.push_existing(key, elements, front)
    if length:
        db.notify("l", "lpush" if front else "rpush", key)
    return length


@command(
    "LSET",
    key_flags="RW update",
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="1.0.0",
    args="key index element",
    complexity="O(S), S blocks passed over from the nearer end",
)
def lset(db: Database, key: Key, index: bytes, element: bytes) -> Simple:
    """Replaces the element at an index."""
    if db.lists.len(key) is None:
        raise NoSuchKey
    if not db.lists.set(key, integer(index), element):
        raise OutOfRange
    db.notify("l", "lset", key)
    return OK


@command(
    "LINSERT",
    key_flags="RW insert",
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="2.2.0",
    args="key <BEFORE | AFTER> pivot element",
    complexity="O(N) for N elements before the pivot",
)
def linsert(db: Database, key: Key, where: Literal["BEFORE", "AFTER"], pivot: bytes, element: bytes) -> int:
    """Adds an element beside the first one that equals the pivot: the length, -1 without pivot, 0 without list."""
    length = db.lists.insert(key, where == "BEFORE", pivot, element)
    if length is None:
        return 0
    if length:
        db.notify("l", "linsert", key)
    return length or -1


@command(
    "LPOS",
    arity=-3,
    flags=READONLY,
    group=_GROUP,
    since="6.0.6",
    args=typed(
        "key element [RANK rank] [COUNT num-matches] [MAXLEN len]", rank="integer", num_matches="integer"
    ),
    complexity="O(N) for N elements looked at",
)
def lpos(db: Database, key: Key, element: bytes, *options: bytes) -> Reply:
    """Returns where an element stands: the first index, or with COUNT a list of them."""
    rank, count, maxlen = 1, -1, 0
    for at in range(0, len(options), 2):
        name = options[at].upper()
        if name not in (b"RANK", b"COUNT", b"MAXLEN") or at + 1 == len(options):
            raise SyntaxError_
        if name == b"RANK":
            rank = _rank(options[at + 1])
        elif name == b"COUNT":
            count = integer(options[at + 1], "ERR COUNT can't be negative", low=0)
        else:
            maxlen = integer(options[at + 1], "ERR MAXLEN can't be negative", low=0)
    wanted = 1 if count < 0 else count or _UNLIMITED
    found = db.lists.positions(key, element, rank, wanted, maxlen or _UNLIMITED)
    if count >= 0:
        return found or []
    return found[0] if found else None


def _rank(word: bytes) -> int:
    """Which match LPOS begins with."""
    rank = integer(word)
    if rank == -(2**63):
        raise ReplyError(f"ERR value is out of range, value must between {-_UNLIMITED} and {_UNLIMITED}")
    if rank == 0:
        raise ReplyError(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to "
            "start from the end of the list"
        )
    return rank


declare_pops(
    "LMPOP",
    ("LEFT", "RIGHT"),
    of="list",
    plain=("LPOP", "RPOP"),
    take=lambda db, key, pop: db.lists.pop(key, not pop.last, pop.count),
    summary="Takes elements from one end of the first list that there is: its key and the elements.",
    waiting="Does what LMPOP does, and waits where there is no list.",
    group=_GROUP,
    complexity="O(N+M) for N keys and M elements taken",
)
