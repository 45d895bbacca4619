"""Values as bytes: what a kind of value looks like in the store, and which tags it bears.

Every item has 32 bits of flags, as memcached's items do. The lowest eight are the kind of its value: bytes, text and
integers are stored as any client writes them; other values by a serializer, which has a number. The highest bit says
that the bytes are compressed: their length in four bytes, the lowest first, and a block of LZ4. The 23 bits between
name a combination of tags.

Owns the numbers. Refuses to guess: a value of a serializer that the store was not opened with is an error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, NamedTuple

from dozo._kernel import lz4_pack, lz4_unpack
from dozo.errors import SerializerError, StoreError

__all__ = [
    "PACKED",
    "SERIALIZERS",
    "TAG_SHIFT",
    "Codec",
    "Serializer",
    "Tags",
    "readable",
    "serializer",
    "tag_number",
]

_BYTES: Final = 0
_STR: Final = 1
_INT: Final = 2
_KIND: Final = 0xFF
TAG_SHIFT: Final = 8
"""Bits of an item's flags that are its kind."""
PACKED: Final = 1 << 31
"""The bit of an item whose bytes are compressed."""
_OWN_KINDS: Final = range(16, 256)
"""The numbers that serializers from elsewhere choose from."""
_TAG_SETS_MAX: Final = 1 << 20
"""Combinations of tags in use at the same time; 23 bits have room for more, this process's memory may not."""


class Serializer(NamedTuple):
    """How values become bytes, under a number that no other serializer of the same data has."""

    kind: int
    name: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


def _msgpack() -> Serializer:
    import msgspec

    return Serializer(3, "msgpack", msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode)


def _json() -> Serializer:
    import msgspec

    return Serializer(4, "json", msgspec.json.Encoder().encode, msgspec.json.Decoder().decode)


def _pickle() -> Serializer:
    import pickle

    def encode(value: Any) -> bytes:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

    return Serializer(5, "pickle", encode, pickle.loads)


SERIALIZERS: Final[dict[str, Callable[[], Serializer]]] = {
    "msgpack": _msgpack,
    "json": _json,
    "pickle": _pickle,
}
_LAST_ID: Final = (1 << 23) - 1
_NAMES: Final = {3: "msgpack", 4: "json", 5: "pickle"}


def serializer(choice: str | Serializer) -> Serializer:
    """The serializer of that name, or the given one; ValueError where there is none."""
    if isinstance(choice, Serializer):
        if choice.kind not in _OWN_KINDS:
            raise ValueError(f"a serializer of your own has a number from 16 to 255, not {choice.kind}")
        return choice
    make = SERIALIZERS.get(choice)
    if make is None:
        raise ValueError(f"no serializer is named {choice!r}; there are {', '.join(SERIALIZERS)}")
    return make()


class Tags:
    """Combinations of tags and their numbers.

    A number that is not known here is taken to bear every tag: to lose a value is a miss, to keep one that was to go is
    a wrong answer.
    """

    def __init__(self) -> None:
        self._ids: dict[tuple[str, ...], int] = {}
        self._names: dict[int, tuple[str, ...]] = {}
        self._lock = threading.Lock()
        self._last = 0
        self._strange: Collection[int] | None = None
        """Numbers that items bore when the first new one was wanted: nobody may know whose they are."""
        self.in_use: Callable[[], Collection[int]] = tuple
        """Finds the numbers that items bear."""

    def id(self, tags: Iterable[str]) -> int:
        """The number of these tags, in whichever order; a new one where they were not combined before."""
        combined = (tags,) if isinstance(tags, str) else tuple(sorted(set(tags)))
        found = self._ids.get(combined)
        return self._add(combined) if found is None else found

    def _add(self, combined: tuple[str, ...]) -> int:
        if not all(isinstance(tag, str) for tag in combined):
            raise TypeError("a tag is a str")
        if len(self._ids) >= _TAG_SETS_MAX:
            self._forget_unused()
        strange = self._strange
        if strange is None:
            strange = self._strange = frozenset(self.in_use())
        with self._lock:
            found = self._ids.get(combined)
            if found is not None:
                return found
            number = self._last
            while number in self._names or number in strange or number == self._last:
                number = number % _LAST_ID + 1
            self.keep(number, combined)
            self._last = number
            self._learn(number, combined)
            return number

    def _learn(self, number: int, combined: tuple[str, ...]) -> None:
        self._ids[combined] = number
        self._names[number] = combined

    def keep(self, number: int, combined: tuple[str, ...]) -> None:
        """Note a new number somewhere else too, before any item bears it."""

    def dropped(self) -> None:
        """Note somewhere else too that only the known numbers are left."""

    def close(self) -> None:
        """Note nothing more."""

    def spared(self, tag: str) -> list[int]:
        """The numbers of all combinations that the tag is not in."""
        with self._lock:
            return [number for number, combined in self._names.items() if tag not in combined]

    def names(self, number: int) -> tuple[str, ...]:
        """The tags of a number; none where it is not known."""
        return self._names.get(number, ())

    def _forget_unused(self) -> None:
        used = frozenset(self.in_use())
        with self._lock:
            self._names = {number: tags for number, tags in self._names.items() if number in used}
            self._ids = {tags: number for number, tags in self._names.items()}
            self.dropped()
            if len(self._ids) >= _TAG_SETS_MAX:
                raise StoreError(f"{_TAG_SETS_MAX} combinations of tags are in use")


class Codec:
    """What the engine asks for everything that is not bytes, text or an integer."""

    def __init__(self, chosen: Serializer, tags: Tags) -> None:
        self.serializer = chosen
        self.kind = chosen.kind
        self.tags = tags

    def encode(self, value: Any) -> bytes:
        """The value as bytes."""
        try:
            return self.serializer.encode(value)
        except Exception as error:
            text = f"{self.serializer.name} can't write a value of type {type(value).__name__}: {error}"
            raise SerializerError(text) from error

    def decode(self, kind: int, data: bytes) -> Any:
        """The value that these bytes of that kind are."""
        if kind != self.kind:
            name = _NAMES.get(kind, f"number {kind}")
            raise SerializerError(
                f"the value was written by the serializer {name}; this store uses {self.serializer.name}"
            )
        try:
            return self.serializer.decode(data)
        except Exception as error:
            raise SerializerError(f"{self.serializer.name} can't read a value: {error}") from error

    def tag(self, tags: Iterable[str]) -> int:
        """The number of these tags."""
        return self.tags.id(tags)

    def pack(self, value: Any, compress: bool = False) -> tuple[bytes, int]:
        """Any value as bytes, and the flags of its kind; what the engine does by itself."""
        data, kind = self._plain(value)
        packed = lz4_pack(data) if compress else None
        return (data, kind) if packed is None else (packed, kind | PACKED)

    def _plain(self, value: Any) -> tuple[bytes, int]:
        if isinstance(value, bytes):
            return bytes(value), _BYTES
        if isinstance(value, str):
            return str.encode(value), _STR
        if isinstance(value, int) and not isinstance(value, bool):
            return int.__repr__(value).encode(), _INT
        return self.encode(value), self.kind

    def unpack(self, data: bytes, flags: int) -> Any:
        """The value that such bytes are."""
        kind = flags & _KIND
        if flags & PACKED:
            data = _unpacked(data)
        if kind == _BYTES:
            return data
        if kind == _STR:
            return data.decode()
        return int(data) if kind == _INT else self.decode(kind, data)


def _unpacked(data: bytes) -> bytes:
    try:
        return lz4_unpack(data)
    except ValueError:
        text = "LZ4 can't read a value: it was damaged, or changed by another client"
        raise SerializerError(text) from None


def tag_number(flags: int) -> int:
    """The number of the combination of tags that flags bear."""
    return (flags & ~PACKED) >> TAG_SHIFT


def readable(key: bytes) -> str | bytes:
    """A key as its writer knows it: text where it is UTF-8."""
    try:
        return key.decode()
    except UnicodeDecodeError:
        return key
