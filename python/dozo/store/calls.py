"""The calls of a store, as another process makes them: names, arguments and answers as msgpack in frames.

A connection that begins with the byte `GREETING` speaks this, any other RESP. A frame is its length in four bytes,
highest first, and an array: (database, name, arguments) one way, (true, answer) or (false, name of the exception, its
text) the other way. Values are bytes and flags: it is the caller's serializer that knows them.

Owns the names. Refuses to know what lies between the two sides.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from dozo import errors
from dozo.store.codec import TAG_SHIFT
from dozo.store.embedded import Embedded, Engine

__all__ = ["GREETING", "SAFE_TWICE", "Frames", "answer", "frame", "perform", "unpack_answer"]

GREETING: Final = b"\x00"
_FRAME_MAX: Final = 1 << 30
"""Bytes of a frame; a longer one is no frame."""
_LENGTH: Final = struct.Struct(">I")
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder().decode


def _flags(store: Embedded, kind: int, tags: list[str]) -> int:
    return kind | (store.engine.codec.tags.id(tags) << TAG_SHIFT if tags else 0)


def _set(
    store: Embedded,
    key: bytes,
    data: bytes,
    kind: int,
    ttl: float | None,
    tags: list[str],
    only_new: bool,
    disk: bool | None,
) -> bool:
    return store.set_item(key, data, _flags(store, kind, tags), ttl, only_new, disk)


def _cas(
    store: Embedded,
    key: bytes,
    data: bytes,
    kind: int,
    ttl: float | None,
    tags: list[str],
    version: int,
    disk: bool | None,
) -> bool | None:
    return store.cas_item(key, data, _flags(store, kind, tags), version, ttl, disk)


_OPERATIONS: Final[dict[str, Callable[..., Any]]] = {
    "get": Embedded.get_item,
    "set": _set,
    "gets": Embedded.gets_item,
    "cas": _cas,
    "incr": Embedded.incr,
    "touch": Embedded.touch,
    "ttl": Embedded.ttl,
    "delete": Embedded.delete,
    "expire": Embedded.expire,
    "clear": Embedded.clear,
    "evict": Embedded.evict,
    "contains": Embedded.__contains__,
    "len": Embedded.__len__,
    "scan": Embedded.scan,
    "tags": Embedded.tags,
    "compact_some": Embedded.compact_some,
    "stats": Embedded.stats,
    "reply": Embedded.reply,
}
SAFE_TWICE: Final = frozenset(
    {
        "gets",
        "touch",
        "ttl",
        "expire",
        "clear",
        "evict",
        "contains",
        "len",
        "scan",
        "tags",
        "compact_some",
        "stats",
    }
)
"""Calls that may be made again where nobody knows whether they were; so may "get" and "set" that don't take or add."""

_EXCEPTIONS: Final[dict[str, Callable[[str], Exception]]] = {
    "KeyError": KeyError,
    "ValueError": ValueError,
    "TypeError": TypeError,
    "OverflowError": OverflowError,
    **{name: getattr(errors, name) for name in errors.__all__ if name != "WrongArity"},
}


def perform(engine: Engine, database: int, name: str, arguments: list[Any]) -> Any:
    """Make a call on the engine."""
    operation = _OPERATIONS.get(name)
    if operation is None:
        raise errors.StoreError(f"this version of dozo knows no call {name!r}")
    return operation(engine.database(database), *arguments)


def answer(engine: Engine, request: bytes) -> bytes:
    """The frame that answers one."""
    try:
        database, name, arguments = _DECODE(request)
        return frame((True, perform(engine, database, name, arguments)))
    except Exception as error:
        # Whatever it is, it is the caller's to know.
        text = (
            error.text if isinstance(error, errors.ReplyError) else str(error.args[0] if error.args else "")
        )
        return frame((False, type(error).__name__, text))


def unpack_answer(data: bytes) -> Any:
    """What a call has answered, or its exception raised."""
    succeeded, *rest = _DECODE(data)
    if succeeded:
        return rest[0]
    name, text = rest
    raise _EXCEPTIONS.get(name, errors.StoreError)(text)


def frame(content: Any) -> bytes:
    """A frame of anything that msgpack has."""
    data = _ENCODE(content)
    return _LENGTH.pack(len(data)) + data


class Frames:
    """Finds the frames in what arrives piece by piece."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that are whole now. StoreError where one is too long."""
        self._data += data
        while len(self._data) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data)
            if length > _FRAME_MAX:
                raise errors.StoreError("a frame is too long")
            end = _LENGTH.size + length
            if len(self._data) < end:
                return
            content = bytes(self._data[_LENGTH.size : end])
            del self._data[:end]
            yield content
