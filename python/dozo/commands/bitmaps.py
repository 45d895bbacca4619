"""The bitmap family: strings as rows of bits, bit 0 being the highest bit of the first byte.

Owns every command of the group "bitmap", Redis 8.2's operations of BITOP among them. Arguments are parsed by hand where
Redis looks at the key before it looks at them. The work on bits is the store's (crates/store/src/bits.rs).
"""

from __future__ import annotations

from typing import Annotated, Final

from dozo.commands.api import DENYOOM, FAST, READONLY, WRITE, Database, Key, Range, command
from dozo.commands.arguments import Arg, KeySpec, block, oneof, token
from dozo.commands.numbers import integer
from dozo.errors import ReplyError, SyntaxError_

_GROUP: Final = "bitmap"
_BAD_OFFSET: Final = "ERR bit offset is not an integer or out of range"
_BAD_BIT: Final = "ERR bit is not an integer or out of range"
_BAD_TYPE: Final = (
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
)
_STRING: Final = "$"
"""The class of the keyspace events."""

_Step = tuple[int, int, bool, str, int, str]


def _offset(db: Database, word: bytes, width: int = 0) -> int:
    """The offset of a bit; of a field of `width` bits also as a multiple of the width, with a # before it."""
    times = width if width and len(word) > 1 and word.startswith(b"#") else 1
    offset = integer(word[1:] if times > 1 or (width and word[:1] == b"#") else word, _BAD_OFFSET) * times
    if offset < 0 or offset // 8 >= db.max_value_len:
        raise ReplyError(_BAD_OFFSET)
    return offset


@command(
    "SETBIT",
    key_flags="RW access update",
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="2.2.0",
    complexity="O(1)",
    args=(Arg("key", "key", key_spec=0), Arg("offset", "integer"), Arg("value", "integer")),
)
def setbit(db: Database, key: Key, offset: bytes, value: bytes) -> int:
    """Sets the bit at an offset, after zeros where the string is shorter, and returns the bit that was there."""
    at = _offset(db, offset)
    on = integer(value, _BAD_BIT, low=0, high=1)
    old, changed = db.bits.set(key, at, bool(on))
    if changed:
        db.notify(_STRING, "setbit", key)
    return old


@command(
    "GETBIT",
    key_flags="RO access",
    flags=READONLY | FAST,
    group=_GROUP,
    since="2.2.0",
    complexity="O(1)",
    args=(Arg("key", "key", key_spec=0), Arg("offset", "integer")),
)
def getbit(db: Database, key: Key, offset: bytes) -> int:
    """Returns the bit at an offset; beyond the end all bits are 0."""
    return db.bits.get(key, _offset(db, offset))


def _unit(word: bytes) -> int:
    """How many bits a unit of start and end has."""
    unit = {b"BIT": 1, b"BYTE": 8}.get(word.upper())
    if unit is None:
        raise SyntaxError_
    return unit


def _bounds(start: int, end: int, unit: int, length: int) -> tuple[int, int]:
    """The first and last bit of a range of a string of `length` bytes; an empty range ends before it starts."""
    total = length * 8 // unit
    first = max(start + total if start < 0 else start, 0)
    last = min(max(end + total if end < 0 else end, 0), total - 1)
    return first * unit, last * unit + unit - 1


@command(
    "BITCOUNT",
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="2.6.0",
    complexity="O(N), N the bytes looked at",
    args="key [start end [BYTE | BIT]]",
    history=(("7.0.0", "The range can be told in bits."),),
)
def bitcount(db: Database, key: Key, *words: bytes) -> int:
    """Counts the ones of a string, or of a range of its bytes or bits."""
    if not _is_string(db, key):
        return 0
    length = db.strlen(key)
    if not words:
        return db.bits.count(key, 0, length * 8 - 1) if length else 0
    if len(words) not in (2, 3):
        raise SyntaxError_
    start, end = integer(words[0]), integer(words[1])
    unit = _unit(words[2]) if len(words) == 3 else 8
    if start < 0 and end < 0 and start > end:
        return 0
    first, last = _bounds(start, end, unit, length)
    return db.bits.count(key, first, last) if first <= last else 0


def _is_string(db: Database, key: bytes) -> bool:
    """Whether the key exists; WRONGTYPE where it holds something else, which counts as a look at it."""
    db.strlen(key)
    return db.exists(key)


@command(
    "BITPOS",
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="2.8.7",
    complexity="O(N), N the bytes looked at",
    args=(
        Arg("key", "key", key_spec=0),
        Arg("bit", "integer"),
        block(
            "range",
            Arg("start", "integer"),
            block(
                "end-unit",
                Arg("end", "integer"),
                oneof("unit", token("BYTE"), token("BIT"), optional=True),
                optional=True,
            ),
            optional=True,
        ),
    ),
    history=(("7.0.0", "The range can be told in bits."),),
)
def bitpos(
    db: Database,
    key: Key,
    bit: Annotated[int, Range(0, 1, "ERR The bit argument must be 1 or 0.")],
    *words: bytes,
) -> int:
    """Returns the offset of the first bit that is 1, or 0, in a string or in a range of it; -1 without one."""
    if not _is_string(db, key):
        return -1 if bit else 0
    if len(words) > 3:
        raise SyntaxError_
    length = db.strlen(key)
    start = integer(words[0]) if words else 0
    unit = _unit(words[2]) if len(words) == 3 else 8
    end = integer(words[1]) if len(words) > 1 else -1
    first, last = _bounds(start, end, unit, length)
    if first > last:
        return -1
    found = db.bits.position(key, bool(bit), first, last)
    if found is not None:
        return found
    # A string without an end goes on in zeros.
    return length * 8 if not bit and len(words) < 2 else -1


_SEVERAL: Final = ("DIFF", "DIFF1", "ANDOR")
_OPERATIONS: Final = ("AND", "OR", "XOR", "NOT", "ONE", *_SEVERAL)


@command(
    "BITOP",
    keys=(2, -1, 1),
    arity=-4,
    key_specs=(KeySpec("OW update", first=2), KeySpec("RO access", first=3, last=-1)),
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="2.6.0",
    complexity="O(N), N the bytes of all sources",
    args=(Arg("operation"), Arg("destkey", "key", key_spec=0), Arg("key", "key", multiple=True, key_spec=1)),
    history=(("8.2.0", "DIFF, DIFF1, ANDOR and ONE exist."),),
)
def bitop(db: Database, operation: bytes, target: Key, *sources: Key) -> int:
    """Stores the bitwise AND, OR, XOR, NOT, DIFF, DIFF1, ANDOR or ONE of strings; returns its length."""
    name = operation.decode("latin-1").upper()
    if name not in _OPERATIONS:
        raise SyntaxError_
    if name == "NOT" and len(sources) != 1:
        raise ReplyError("ERR BITOP NOT must be called with a single source key.")
    if name in _SEVERAL and len(sources) < 2:
        raise ReplyError(f"ERR BITOP {name} must be called with at least two source keys.")
    length = db.bits.combine(name, target, list(sources))
    if length:
        db.notify(_STRING, "set", target)
    elif db.delete(target):
        db.notify("g", "del", target)
    return length


_ENCODING: Final = (Arg("encoding"), Arg("offset", "integer"))
_FIELD_ARGS: Final = (
    Arg("key", "key", key_spec=0),
    oneof(
        "operation",
        Arg("get", "block", token="GET", children=_ENCODING),
        block(
            "write",
            Arg(
                "overflow",
                "oneof",
                token="OVERFLOW",
                optional=True,
                children=(token("WRAP"), token("SAT"), token("FAIL")),
            ),
            oneof(
                "change",
                Arg("set", "block", token="SET", children=(*_ENCODING, Arg("value", "integer"))),
                Arg("incrby", "block", token="INCRBY", children=(*_ENCODING, Arg("increment", "integer"))),
            ),
        ),
        optional=True,
        multiple=True,
    ),
)


@command(
    "BITFIELD",
    key_specs=(KeySpec("RW access update variable_flags", notes="reads and changes the key"),),
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="3.2.0",
    complexity="O(1) for each operation",
    args=_FIELD_ARGS,
)
def bitfield(db: Database, key: Key, *words: bytes) -> list[int | None]:
    """Reads, sets and increments integers of any width within a string."""
    return _fields(db, key, _steps(db, words))


@command(
    "BITFIELD_RO",
    key_flags="RO access",
    flags=READONLY | FAST,
    group=_GROUP,
    since="6.0.0",
    complexity="O(1) for each operation",
    args=(
        Arg("key", "key", key_spec=0),
        Arg(
            "get", "block", token="GET", optional=True, multiple=True, multiple_token=True, children=_ENCODING
        ),
    ),
)
def bitfield_ro(db: Database, key: Key, *words: bytes) -> list[int | None]:
    """Reads integers of any width within a string."""
    steps = _steps(db, words)
    if any(step[3] != "get" for step in steps):
        raise ReplyError("ERR BITFIELD_RO only supports the GET subcommand")
    return _fields(db, key, steps)


def _fields(db: Database, key: bytes, steps: list[_Step]) -> list[int | None]:
    values, changed = db.bits.fields(key, steps)
    if changed:
        db.notify(_STRING, "setbit", key)
    return values


_KINDS: Final = {b"GET": ("get", 2), b"SET": ("set", 3), b"INCRBY": ("add", 3)}


def _steps(db: Database, words: tuple[bytes, ...]) -> list[_Step]:
    """The operations that BITFIELD's words ask for."""
    steps: list[_Step] = []
    overflow, at = "wrap", 0
    while at < len(words):
        word, left = words[at].upper(), len(words) - at - 1
        kind, needed = _KINDS.get(word, ("", 1))
        if left < needed or (not kind and word != b"OVERFLOW"):
            raise SyntaxError_
        if not kind:
            overflow = words[at + 1].decode("latin-1").lower()
            if overflow not in ("wrap", "sat", "fail"):
                raise ReplyError("ERR Invalid OVERFLOW type specified")
        else:
            signed, width = _encoding(words[at + 1])
            offset = _offset(db, words[at + 2], width)
            value = integer(words[at + 3]) if needed == 3 else 0
            steps.append((offset, width, signed, kind, value, overflow))
        at += 1 + needed
    return steps


def _encoding(word: bytes) -> tuple[bool, int]:
    """Whether a type such as i16 or u8 is signed, and its width."""
    signed = word.startswith(b"i")
    if not signed and not word.startswith(b"u"):
        raise ReplyError(_BAD_TYPE)
    return signed, integer(word[1:], _BAD_TYPE, low=1, high=64 if signed else 63)
