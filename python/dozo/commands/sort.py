"""SORT and SORT_RO: what their options mean. The sorting is one operation of the store (crates/store/src/sort.rs)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from dozo.commands.api import DENYOOM, READONLY, WRITE, Arg, Database, Key, command
from dozo.commands.arguments import KeySpec, arguments
from dozo.commands.numbers import integer
from dozo.errors import SyntaxError_

_GROUP: Final = "generic"
_COMPLEXITY: Final = "O(N + M*log(M)), N the number of elements, M how many are returned"
_ACL: Final = ("set", "sortedset", "list", "dangerous")
_VALUES: Final = {b"BY": 1, b"GET": 1, b"LIMIT": 2, b"STORE": 1}
"""How many arguments follow an option."""

_SOURCE: Final = KeySpec("RO access")
_PATTERNS: Final = KeySpec(
    "RO access", unknown=True, notes="which keys BY and GET mean depends on the elements"
)
_TARGET: Final = KeySpec("OW update", unknown=True, notes="STORE may stand anywhere after the key")
_GET: Final = Arg(
    "pattern", "pattern", token="GET", optional=True, multiple=True, multiple_token=True, key_spec=1
)
_STORE: Final = Arg("destination", "key", token="STORE", optional=True, key_spec=2)
_ARGS: Final = (
    *arguments("key [BY pattern] [LIMIT offset count]"),
    _GET,
    *arguments("[ASC | DESC] [ALPHA]"),
)


@dataclass(slots=True)
class _Options:
    """What was asked for; of an option that is given twice the last one counts, but every GET does."""

    by: bytes | None = None
    get: list[bytes] = field(default_factory=list)
    offset: int = 0
    count: int = -1
    descending: bool = False
    alpha: bool = False
    store: bytes | None = None

    def asked(self) -> dict[str, Any]:
        """What the store is told."""
        return {name: value for name, value in asdict(self).items() if name != "store"}


def _parse(words: Sequence[bytes], may_store: bool) -> _Options:
    options, at = _Options(), 0
    while at < len(words):
        name = words[at].upper()
        values = words[at + 1 : at + 1 + _VALUES.get(name, 0)]
        at += 1 + len(values)
        if len(values) < _VALUES.get(name, 0):
            raise SyntaxError_
        match name:
            case b"ASC" | b"DESC":
                options.descending = name == b"DESC"
            case b"ALPHA":
                options.alpha = True
            case b"LIMIT":
                options.offset, options.count = integer(values[0]), integer(values[1])
            case b"BY":
                options.by = values[0]
            case b"GET":
                options.get.append(values[0])
            case b"STORE" if may_store:
                options.store = values[0]
            case _:
                raise SyntaxError_
    return options


def _keys(line: Sequence[bytes]) -> list[int]:
    """The key, and the destination that counts: the last one."""
    found, at = [], 2
    while at < len(line):
        name = line[at].upper()
        if name == b"STORE" and at + 1 < len(line):
            found = [at + 1]
        at += 1 + _VALUES.get(name, 0)
    return [1, *found]


@command(
    "SORT",
    keys=_keys,
    key_specs=(_SOURCE, _PATTERNS, _TARGET),
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="1.0.0",
    complexity=_COMPLEXITY,
    args=(*_ARGS, _STORE),
    acl=_ACL,
)
def sort(db: Database, key: Key, *words: bytes) -> list[bytes | None] | int:
    """Returns, or stores, the elements of a list, set or sorted set in the order of numbers or bytes."""
    options = _parse(words, may_store=True)
    if options.store is None:
        return _sorted(db, key, options)
    existed = db.exists(options.store)
    stored = db.sort_store(options.store, key, **options.asked())
    if stored:
        db.notify("l", "sortstore", options.store)
    elif existed:
        db.notify("g", "del", options.store)
    return stored


@command(
    "SORT_RO",
    keys=lambda _: [1],
    key_specs=(_SOURCE, _PATTERNS),
    flags=READONLY,
    group=_GROUP,
    since="7.0.0",
    complexity=_COMPLEXITY,
    args=_ARGS,
    acl=_ACL,
)
def sort_ro(db: Database, key: Key, *words: bytes) -> list[bytes | None]:
    """Returns the elements of a list, set or sorted set in order, and stores nothing."""
    return _sorted(db, key, _parse(words, may_store=False))


def _sorted(db: Database, key: bytes, options: _Options) -> list[bytes | None]:
    return db.sort(key, **options.asked())
