"""`Deque`: diskcache's double-ended queue, kept as one list of the store.

Owns the list, in the database of its directory's store that holds what is no key. Each element is one byte of what
memcached calls flags, which tell its kind, and the value's bytes. What reads and writes at once is a script, so that no
other process comes between.

Refuses to evict: its store has no limit of memory.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Self, SupportsIndex

from dozo.compat.diskcache.cache import Cache
from dozo.compat.diskcache.settings import Disk

_LIST = "deque"
_TURNED = "deque:turned"
#: Elements read at a time.
_PIECE = 1000
#: Values pushed by one command.
_BATCH = 500

# Appends and shortens at the other end. ARGV: RPUSH or LPUSH, the most that stay, the elements.
_APPEND = """
for i = 3, #ARGV do redis.call(ARGV[1], KEYS[1], ARGV[i]) end
local most = tonumber(ARGV[2])
if most == 0 then
  redis.call('DEL', KEYS[1])
elseif ARGV[1] == 'RPUSH' then
  redis.call('LTRIM', KEYS[1], -most, -1)
else
  redis.call('LTRIM', KEYS[1], 0, most - 1)
end
"""

# Turns the list by so many places, the shorter way round: a positive number moves the last to the front.
_ROTATE = """
local length = redis.call('LLEN', KEYS[1])
if length < 2 then return 0 end
local steps = tonumber(ARGV[1]) % length
local from, to = 'RIGHT', 'LEFT'
if steps > length / 2 then steps, from, to = length - steps, 'LEFT', 'RIGHT' end
for _ = 1, steps do redis.call('LMOVE', KEYS[1], KEYS[1], from, to) end
return steps
"""

_REVERSE = """
local length = redis.call('LLEN', KEYS[1])
for i = 1, length do redis.call('RPUSH', KEYS[2], redis.call('RPOP', KEYS[1])) end
if length > 0 then redis.call('RENAME', KEYS[2], KEYS[1]) end
return length
"""

_REPLACE = """
if not redis.call('LINDEX', KEYS[1], ARGV[1]) then return 0 end
redis.call('LSET', KEYS[1], ARGV[1], ARGV[2])
return 1
"""

# Removes the element at an index: no element is empty, so the empty one is the one to remove.
_DELETE = """
if not redis.call('LINDEX', KEYS[1], ARGV[1]) then return 0 end
redis.call('LSET', KEYS[1], ARGV[1], '')
return redis.call('LREM', KEYS[1], 1, '')
"""


class Deque(Sequence[Any]):
    """A list that grows and shrinks at both ends, in a directory; see `collections.deque` for what each method does."""

    #: Two deques of equal elements are equal, so they change what they are equal to.
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        iterable: Iterable[Any] = (),
        directory: str | os.PathLike[str] | None = None,
        maxlen: int | None = None,
        disk: type[Disk] = Disk,
    ) -> None:
        self._use(Cache(directory, disk=disk, eviction_policy="none"), maxlen)
        self.extend(iterable)

    @classmethod
    def fromcache(cls, cache: Cache, iterable: Iterable[Any] = (), maxlen: int | None = None) -> Self:
        """Return the deque that lies beside the keys of this cache."""
        deque = cls.__new__(cls)
        deque._use(cache, maxlen)
        deque.extend(iterable)
        return deque

    def _use(self, cache: Cache, maxlen: int | None) -> None:
        self._cache = cache
        self._maxlen: int | None = None
        self.maxlen = maxlen

    @property
    def cache(self) -> Cache:
        """The cache whose store holds the elements."""
        return self._cache

    @property
    def directory(self) -> str:
        """Where the elements are."""
        return self._cache.directory

    @property
    def maxlen(self) -> int | None:
        """The most elements that stay, or None."""
        return self._maxlen

    @maxlen.setter
    def maxlen(self, most: int | None) -> None:
        if most is not None and most < 0:
            raise ValueError("maxlen must be non-negative")
        self._maxlen = most
        if most is not None:
            self._append("RPUSH", [])

    def __getstate__(self) -> tuple[Any, ...]:
        return self._cache, self._maxlen

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._use(*state)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(directory={self.directory!r})"

    # Elements as bytes.

    def _pack(self, value: Any) -> bytes:
        data, flags = self._cache.store.encode(value)
        return b"%c%b" % (flags, data)

    def _unpack(self, element: bytes) -> Any:
        return self._cache.store.decode(element[1:], element[0])

    def _call(self, *words: str | bytes | int) -> Any:
        return self._cache.books.execute(*words)

    def _run(self, script: str, *words: str | bytes | int) -> Any:
        return self._call("EVAL", script, 2, _LIST, _TURNED, *words)

    def _append(self, command: str, values: Iterable[Any]) -> None:
        batch = [self._pack(value) for value in values]
        if self._maxlen is None:
            if batch:
                self._call(command, _LIST, *batch)
        else:
            self._run(_APPEND, command, self._maxlen, *batch)

    def _extend(self, command: str, values: Iterable[Any]) -> None:
        batch: list[Any] = []
        for value in values:
            batch.append(value)
            if len(batch) == _BATCH:
                self._append(command, batch)
                batch = []
        if batch:
            self._append(command, batch)

    # The ends.

    def append(self, value: Any) -> None:
        """Add a value at the back."""
        self._append("RPUSH", [value])

    def appendleft(self, value: Any) -> None:
        """Add a value at the front."""
        self._append("LPUSH", [value])

    def extend(self, iterable: Iterable[Any]) -> None:
        """Add each value at the back."""
        self._extend("RPUSH", list(iterable) if iterable is self else iterable)

    def extendleft(self, iterable: Iterable[Any]) -> None:
        """Add each value at the front, so that the last is first."""
        self._extend("LPUSH", list(iterable) if iterable is self else iterable)

    def __iadd__(self, iterable: Iterable[Any]) -> Self:
        self.extend(iterable)
        return self

    def _end(self, *words: str | bytes | int) -> Any:
        element = self._call(*words)
        if element is None:
            raise IndexError(
                "pop from an empty deque" if "POP" in str(words[0]) else "peek from an empty deque"
            )
        return self._unpack(element)

    def pop(self) -> Any:
        """Remove and return the value at the back."""
        return self._end("RPOP", _LIST)

    def popleft(self) -> Any:
        """Remove and return the value at the front."""
        return self._end("LPOP", _LIST)

    def peek(self) -> Any:
        """Return the value at the back."""
        return self._end("LINDEX", _LIST, -1)

    def peekleft(self) -> Any:
        """Return the value at the front."""
        return self._end("LINDEX", _LIST, 0)

    # Positions.

    def __len__(self) -> int:
        length: int = self._call("LLEN", _LIST)
        return length

    def __getitem__(self, index: Any) -> Any:
        """Return the value at an index; slices are refused as by `collections.deque`."""
        element = self._call("LINDEX", _LIST, _place(index))
        if element is None:
            raise IndexError("deque index out of range")
        return self._unpack(element)

    def __setitem__(self, index: SupportsIndex, value: Any) -> None:
        place = _place(index)
        element = self._pack(value)
        if not self._run(_REPLACE, place, element):
            raise IndexError("deque index out of range")

    def __delitem__(self, index: SupportsIndex) -> None:
        if not self._run(_DELETE, _place(index)):
            raise IndexError("deque index out of range")

    def _elements(self, forward: bool = True) -> Iterator[bytes]:
        seen = 0
        while True:
            first, last = (seen, seen + _PIECE - 1) if forward else (-seen - _PIECE, -seen - 1)
            piece: list[bytes] = self._call("LRANGE", _LIST, first, last)
            yield from piece if forward else reversed(piece)
            if len(piece) < _PIECE:
                return
            seen += _PIECE

    def __iter__(self) -> Iterator[Any]:
        return map(self._unpack, self._elements())

    def __reversed__(self) -> Iterator[Any]:
        return map(self._unpack, self._elements(forward=False))

    def __contains__(self, value: object) -> bool:
        return any(value == each for each in self)

    def count(self, value: Any) -> int:
        """Return how many elements equal the value."""
        return sum(value == each for each in self)

    def remove(self, value: Any) -> None:
        """Remove the first element that equals the value."""
        for element in self._elements():
            # Somebody else may have removed it since it was read; then the next one counts.
            if value == self._unpack(element) and self._call("LREM", _LIST, 1, element):
                return
        raise ValueError("deque.remove(value): value not in deque")

    def clear(self) -> None:
        """Remove every element."""
        self._call("DEL", _LIST)

    def copy(self) -> Self:
        """Return another deque over the same directory, as diskcache's copy does."""
        return self.fromcache(self._cache, maxlen=self._maxlen)

    def reverse(self) -> None:
        """Turn the order round."""
        self._run(_REVERSE)

    def rotate(self, steps: int = 1) -> None:
        """Move elements from the back to the front, or with negative steps the other way."""
        if not isinstance(steps, int):
            raise TypeError(f"type {type(steps).__name__!r} cannot be interpreted as an integer")
        self._run(_ROTATE, steps)

    def transact(self) -> AbstractContextManager[None]:
        """Keep out other transactions; see `Cache.transact`."""
        return self._cache.transact()

    # Comparisons, with any sequence.

    def _compare(self, other: object, holds: Callable[[Any, Any], bool]) -> bool:
        return holds(list(self), list(other)) if isinstance(other, Sequence) else NotImplemented

    def __eq__(self, other: object) -> bool:
        return self._compare(other, operator.eq)

    def __ne__(self, other: object) -> bool:
        return self._compare(other, operator.ne)

    def __lt__(self, other: object) -> bool:
        return self._compare(other, operator.lt)

    def __le__(self, other: object) -> bool:
        return self._compare(other, operator.le)

    def __gt__(self, other: object) -> bool:
        return self._compare(other, operator.gt)

    def __ge__(self, other: object) -> bool:
        return self._compare(other, operator.ge)


def _place(index: SupportsIndex) -> int:
    # A slice has no __index__, so it is a TypeError as with `collections.deque`.
    return operator.index(index)
