"""The sorted set family. Owns every command of the group "sorted-set": ranges and the most used ones are hot.

Ranges by rank, score or member are one operation of the store (`db.sorted_sets`), asked for by name. Unions,
intersections and differences take sets too, whose members count with score 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

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
from dozo.commands.arguments import Arg, KeySpec, arguments, typed
from dozo.commands.numbers import floating, integer
from dozo.commands.pops import counted_keys, declare_pops
from dozo.commands.walk import MAX_PICKS, parse_count, parse_walk
from dozo.errors import ReplyError, SyntaxError_

_GROUP: Final = "sorted-set"
_ACL: Final = ("sortedset",)
_TAKES: Final = "RW access delete"
_UNLIMITED: Final = 2**63 - 1
_BAD_WEIGHT: Final = "ERR weight value is not a float"
_LOG: Final = "O(log(N)+M) for N members in the set, M of them in the range"


def _hot(name: str, arity: int, summary: str, args: str | Sequence[Arg], since: str, **about: Any) -> None:
    """Declare a hot command of this family."""
    about.setdefault("keys", 1)
    hot(name, arity=arity, summary=summary, args=args, since=since, group=_GROUP, acl=_ACL, **about)


def _scored(usage: str) -> tuple[Arg, ...]:
    """Arguments of which min and max are scores."""
    return typed(usage, min="double", max="double")


_hot(
    "ZADD",
    -4,
    "Gives members their scores, new or not as the options allow; returns how many are new.",
    typed("key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]", score="double"),
    "1.2.0",
    key_flags="RW update",
    flags=WRITE | DENYOOM | FAST,
    complexity="O(log(N)) for each member",
    history=(
        ("2.4.0", "Several members are accepted."),
        ("3.0.2", "The XX, NX, CH and INCR options exist."),
        ("6.2.0", "The GT and LT options exist."),
    ),
)
_hot(
    "ZINCRBY",
    4,
    "Adds to the score of a member, 0 if it is new, and returns the sum.",
    "key increment member",
    "1.2.0",
    key_flags="RW access update",
    flags=WRITE | DENYOOM | FAST,
    complexity="O(log(N))",
)
_hot(
    "ZREM",
    -3,
    "Removes members; returns how many there were.",
    "key member [member ...]",
    "1.2.0",
    key_flags="RW delete",
    flags=WRITE | FAST,
    complexity="O(M*log(N)) for M members",
    history=(("2.4.0", "Several members are accepted."),),
)
_hot("ZCARD", 2, "Returns how many members there are.", "key", "1.2.0", key_flags="RO", flags=READONLY | FAST)
_hot("ZSCORE", 3, "Returns the score of a member.", "key member", "1.2.0", flags=READONLY | FAST)
_hot(
    "ZRANK",
    3,
    "Returns how many members have a lower score, or the same one and stand before this member.",
    "key member",
    "2.0.0",
    flags=READONLY | FAST,
    complexity="O(log(N))",
)
for _name, _which in (("ZPOPMIN", "lowest"), ("ZPOPMAX", "highest")):
    _hot(
        _name,
        -2,
        f"Takes the members with the {_which} scores, one or up to a count.",
        "key [count]",
        "5.0.0",
        key_flags=_TAKES,
        flags=WRITE | FAST,
        complexity="O(M*log(N)) for M members taken",
    )
    _hot(
        f"B{_name}",
        -3,
        f"Takes the member with the {_which} score of the first set that has one, and waits where none has.",
        typed("key [key ...] timeout", timeout="double"),
        "5.0.0",
        keys=(1, -2, 1),
        key_flags=_TAKES,
        flags=WRITE | NOSCRIPT | BLOCKING | FAST,
        complexity="O(log(N))",
        history=(("6.0.0", "The timeout may have a fraction."),),
    )
_hot(
    "ZREMRANGEBYSCORE",
    4,
    "Removes the members with scores between two bounds; returns how many.",
    _scored("key min max"),
    "1.2.0",
    key_flags="RW delete",
    flags=WRITE,
    complexity="O(M*log(N)) for M members removed",
)
_hot(
    "ZRANGE",
    -4,
    "Returns the members between two ranks, scores or members, in either direction.",
    typed(
        "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
        start="string",
        stop="string",
    ),
    "1.2.0",
    flags=READONLY,
    complexity=_LOG,
    history=(("6.2.0", "The REV, BYSCORE, BYLEX and LIMIT options exist."),),
)
_hot(
    "ZRANGESTORE",
    -5,
    "Stores the members between two ranks, scores or members under another key.",
    (
        Arg("dst", "key", key_spec=0),
        Arg("src", "key", key_spec=1),
        *arguments("min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]"),
    ),
    "6.2.0",
    keys=(1, 2, 1),
    key_specs=(KeySpec("OW update"), KeySpec("RO access", 2)),
    flags=WRITE | DENYOOM,
    complexity=_LOG,
)
for _name, _usage, _since, _summary, _instead in (
    (
        "ZREVRANGE",
        "key start stop [WITHSCORES]",
        "1.2.0",
        "between two ranks, counted from the highest score",
        "REV",
    ),
    (
        "ZRANGEBYSCORE",
        "key min max [WITHSCORES] [LIMIT offset count]",
        "1.0.5",
        "with scores between two bounds",
        "BYSCORE",
    ),
    (
        "ZREVRANGEBYSCORE",
        "key max min [WITHSCORES] [LIMIT offset count]",
        "2.2.0",
        "with scores between two bounds, the highest first",
        "REV and BYSCORE",
    ),
    ("ZRANGEBYLEX", "key min max [LIMIT offset count]", "2.8.9", "between two members", "BYLEX"),
    (
        "ZREVRANGEBYLEX",
        "key max min [LIMIT offset count]",
        "2.8.9",
        "between two members, the last first",
        "REV and BYLEX",
    ),
):
    _hot(
        _name,
        -4,
        f"Returns the members {_summary}.",
        typed(_usage, stop="integer", min="double", max="double") if "LEX" not in _name else _usage,
        _since,
        flags=READONLY,
        complexity=_LOG,
        doc_flags=("deprecated",),
        deprecated_since="6.2.0",
        replaced_by=f"ZRANGE with {_instead}",
    )


@command("ZREVRANK", flags=READONLY | FAST, group=_GROUP, acl=_ACL, since="2.0.0", complexity="O(log(N))")
def zrevrank(db: Database, key: Key, member: bytes) -> int | None:
    """Returns the rank of a member, counted from the highest score."""
    return db.sorted_sets.reverse_rank(key, member)


@command(
    "ZMSCORE", flags=READONLY | FAST, group=_GROUP, acl=_ACL, since="6.2.0", args="key member [member ...]"
)
def zmscore(db: Database, key: Key, first: bytes, *member: bytes) -> Reply:
    """Returns the scores of members, null for each that is missing."""
    return db.sorted_sets.scores(key, [first, *member])


@command(
    "ZCOUNT",
    flags=READONLY | FAST,
    group=_GROUP,
    acl=_ACL,
    since="2.0.0",
    args=_scored("key min max"),
    complexity="O(log(N))",
)
def zcount(db: Database, key: Key, min: bytes, max: bytes) -> int:
    """Returns how many members have scores between two bounds."""
    return db.sorted_sets.count(key, "score", min, max)


@command("ZLEXCOUNT", flags=READONLY | FAST, group=_GROUP, acl=_ACL, since="2.8.9", complexity="O(log(N))")
def zlexcount(db: Database, key: Key, min: bytes, max: bytes) -> int:
    """Returns how many members stand between two members, in a set of equal scores."""
    return db.sorted_sets.count(key, "lex", min, max)


@command(
    "ZREMRANGEBYRANK",
    key_flags="RW delete",
    flags=WRITE,
    group=_GROUP,
    acl=_ACL,
    since="2.0.0",
    args=tuple(Arg(arg.name, "integer") if arg.name != "key" else arg for arg in arguments("key start stop")),
)
def zremrangebyrank(db: Database, key: Key, start: bytes, stop: bytes) -> int:
    """Removes the members between two ranks; returns how many."""
    return _remove(db, key, "rank", start, stop)


@command("ZREMRANGEBYLEX", key_flags="RW delete", flags=WRITE, group=_GROUP, acl=_ACL, since="2.8.9")
def zremrangebylex(db: Database, key: Key, min: bytes, max: bytes) -> int:
    """Removes the members between two members, in a set of equal scores; returns how many."""
    return _remove(db, key, "lex", min, max)


def _remove(db: Database, key: bytes, by: str, low: bytes, high: bytes) -> int:
    removed = db.sorted_sets.remove_range(key, by, low, high)
    if removed:
        db.notify("z", f"zremrangeby{by}", key)
        _notify_gone(db, key)
    return removed


def _notify_gone(db: Database, key: bytes) -> None:
    if not db.exists(key):
        db.notify("g", "del", key)


_COUNTED: Final = (KeySpec("RO access", counted=True),)
_STORES: Final = (KeySpec("OW update"), KeySpec("RO access", 2, counted=True))
_WEIGHTS: Final = (
    Arg("weight", "integer", token="WEIGHTS", optional=True, multiple=True),
    *arguments("[AGGREGATE <SUM | MIN | MAX>]"),
)


def _operands(db: Database, name: str, words: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """The keys that are counted in front, each a sorted set or a set, and the words after them."""
    count = integer(words[0])
    if count < 1:
        raise ReplyError(f"ERR at least 1 input key is needed for '{name}' command")
    if count > len(words) - 1:
        raise SyntaxError_
    keys = list(words[1 : count + 1])
    db.sorted_sets.check(keys)
    return keys, list(words[count + 1 :])


def _algebra(
    db: Database, name: str, words: Sequence[bytes], store: bool
) -> tuple[list[bytes], list[float], str, bool]:
    """What ZUNION and its relatives are asked for: keys, weights, aggregate, whether with scores."""
    keys, rest = _operands(db, name, words)
    weights: list[float] = []
    aggregate, scores, weighted = "sum", False, "diff" not in name
    while rest:
        option = rest.pop(0).upper()
        if option == b"WEIGHTS" and weighted and len(rest) >= len(keys):
            weights = [floating(word, _BAD_WEIGHT) for word in rest[: len(keys)]]
            del rest[: len(keys)]
        elif option == b"AGGREGATE" and weighted and rest and rest[0].upper() in (b"SUM", b"MIN", b"MAX"):
            aggregate = rest.pop(0).decode().lower()
        elif option == b"WITHSCORES" and not store:
            scores = True
        else:
            raise SyntaxError_
    return keys, weights, aggregate, scores


def _declare_algebra(operation: str, what: str, options: tuple[Arg, ...]) -> None:
    """Declare ZUNION, ZINTER or ZDIFF, and the command that stores its result."""
    name = f"z{operation}"

    def reading(db: Database, *words: bytes) -> Reply:
        keys, weights, aggregate, scores = _algebra(db, name, words, False)
        return db.sorted_sets.combine(operation, keys, weights, aggregate, scores)

    def storing(db: Database, destination: Key, *words: bytes) -> int:
        keys, weights, aggregate, _ = _algebra(db, f"{name}store", words, True)
        return db.sorted_sets.combine_into(destination, operation, keys, weights, aggregate)

    command(
        name,
        arity=-3,
        keys=counted_keys(1),
        key_specs=_COUNTED,
        summary=f"Returns {what}.",
        flags=READONLY,
        group=_GROUP,
        acl=_ACL,
        since="6.2.0",
        args=arguments("numkeys key [key ...]") + options + arguments("[WITHSCORES]"),
    )(reading)
    command(
        f"{name}store",
        arity=-4,
        keys=lambda args: [1, *counted_keys(2)(args)],
        key_specs=_STORES,
        summary=f"Stores {what}; returns how many members there are.",
        flags=WRITE | DENYOOM,
        group=_GROUP,
        acl=_ACL,
        since="6.2.0" if operation == "diff" else "2.0.0",
        args=arguments("destination numkeys key [key ...]") + options,
    )(storing)


_declare_algebra("union", "all members of several sorted sets", _WEIGHTS)
_declare_algebra("inter", "the members that all of several sorted sets have", _WEIGHTS)
_declare_algebra("diff", "the members of the first sorted set that no other one has", ())


@command(
    "ZINTERCARD",
    arity=-3,
    keys=counted_keys(1),
    key_specs=_COUNTED,
    flags=READONLY,
    group=_GROUP,
    acl=_ACL,
    since="7.0.0",
    args=typed("numkeys key [key ...] [LIMIT limit]", limit="integer"),
)
def zintercard(db: Database, *words: bytes) -> int:
    """Returns how many members all of several sorted sets have."""
    keys, rest = _operands(db, "zintercard", words)
    limit = 0
    while rest:
        if rest[0].upper() != b"LIMIT" or len(rest) < 2:
            raise SyntaxError_
        limit = integer(rest[1], "ERR LIMIT can't be negative", low=0)
        rest = rest[2:]
    return db.sorted_sets.count_common(keys, limit or _UNLIMITED)


@command(
    "ZRANDMEMBER",
    arity=-2,
    flags=READONLY,
    group=_GROUP,
    acl=_ACL,
    since="6.2.0",
    args="key [count [WITHSCORES]]",
    tips=("nondeterministic_output",),
)
def zrandmember(db: Database, key: Key, *options: bytes) -> Reply:
    """Returns members by chance: one, or with a count different ones, or with a negative count any."""
    if not options:
        found = db.sorted_sets.random(key, 1, True, False)
        return found[0] if found else None
    count = parse_count(options[0])
    if len(options) > 2 or (len(options) == 2 and options[1].upper() != b"WITHSCORES"):
        raise SyntaxError_
    if count < -MAX_PICKS:
        raise ReplyError("ERR value is out of range")
    return db.sorted_sets.random(key, abs(count), count > 0, len(options) == 2) or []


@command(
    "ZSCAN",
    arity=-3,
    flags=READONLY,
    group=_GROUP,
    acl=_ACL,
    since="2.8.0",
    args="key cursor [MATCH pattern] [COUNT count]",
    tips=("nondeterministic_output",),
)
def zscan(db: Database, key: Key, cursor: bytes, *options: bytes) -> Reply:
    """Returns some members with their scores, and the cursor to go on from, 0 at the end."""
    walk = parse_walk(cursor, options, lambda: db.sorted_sets.len(key) is not None)
    if walk is None:
        return [b"0", []]
    following, found = db.sorted_sets.scan(key, walk.cursor, walk.count, walk.pattern)
    return [str(following), found]


declare_pops(
    "ZMPOP",
    ("MIN", "MAX"),
    of="zset",
    plain=("ZPOPMIN", "ZPOPMAX"),
    take=lambda db, key, pop: db.sorted_sets.pop(key, pop.last, pop.count),
    summary="Takes members from one end of the first sorted set that there is: its key, and pairs of member and score.",
    waiting="Does what ZMPOP does, and waits where there is no sorted set.",
    group=_GROUP,
    acl=_ACL,
)
