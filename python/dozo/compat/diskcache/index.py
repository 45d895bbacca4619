"""`Index`: diskcache's ordered mapping; keys lie in the store as any cache's, their order in a sorted set beside them.

Owns that order: a key's score is a number that rises with each new key. A key and its place change together in one
script, so that no other thread, process or crash leaves one without the other.

Refuses to evict: its store has no limit of memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, Self, TypeVar

from dozo.compat.diskcache import keys as keys_
from dozo.compat.diskcache.cache import BOOKS, ENOVAL, Cache

P = ParamSpec("P")
R = TypeVar("R")

#: Keys read at a time.
_PIECE = 1000

# The order is the sorted set `index`, in the database of the books; the scripts begin and end in that of the keys.
_BEGIN = f"""
local function books(...)
  redis.call('SELECT', {BOOKS})
  local reply = redis.call(...)
  redis.call('SELECT', 0)
  return reply
end
"""

# KEYS: the key. ARGV: value, flags, and NX where an existing value stays.
_SET = f"""{_BEGIN}
if ARGV[3] and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('ITEM.SET', KEYS[1], ARGV[1], 'FLAGS', ARGV[2])
if not books('ZSCORE', 'index', KEYS[1]) then
  books('ZADD', 'index', books('INCR', 'index:last'), KEYS[1])
end
return 1
"""

# Removes a key with its place and returns length, flags, version, expiry and value, or nothing.
_POP = f"""{_BEGIN}
local found = redis.call('ITEM.GET', KEYS[1])
books('ZREM', 'index', KEYS[1])
redis.call('DEL', KEYS[1])
return found
"""

# The key at an end of the order, and what is returned for it above. ARGV: the rank, and POP where it is removed.
_END = f"""{_BEGIN}
while true do
  local key = books('ZRANGE', 'index', ARGV[1], ARGV[1])[1]
  if not key then return false end
  local found = redis.call('ITEM.GET', key)
  if not found or ARGV[2] then
    books('ZREM', 'index', key)
    redis.call('DEL', key)
  end
  if found then return {{key, found}} end
end
"""

# Names in order and, unless they are the last ones, the score of the last. ARGV: command, where from and to, how many.
_NAMES = f"""{_BEGIN}
local names = books(ARGV[1], 'index', ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
return {{names, #names == tonumber(ARGV[4]) and books('ZSCORE', 'index', names[#names])}}
"""


class OrderedCache(Cache):
    """A cache that keeps the order in which its keys came; what an index stands on."""

    def _on(self, key: Any, script: str, *words: str | bytes | int) -> Any:
        return self.store.execute("EVAL", script, 1, keys_.encode(key, self._pickled), *words)

    def _run(self, script: str, *words: str | bytes | int) -> Any:
        return self.store.execute("EVAL", script, 0, *words)

    def _put(self, key: Any, value: Any, *how: str) -> bool:
        return bool(self._on(key, _SET, *self.store.encode(value), *how))

    def _value(self, found: list[Any]) -> Any:
        return self.store.decode(found[-1], found[1])

    def set(
        self,
        key: Any,
        value: Any,
        expire: float | None = None,
        read: bool = False,
        tag: Any = None,
        retry: bool = False,
    ) -> bool:
        """Store a value; a new key comes last."""
        _refuse(expire, tag)
        return self._put(key, value.read() if read else value)

    def add(
        self,
        key: Any,
        value: Any,
        expire: float | None = None,
        read: bool = False,
        tag: Any = None,
        retry: bool = False,
    ) -> bool:
        """Store a value unless the key has one; whether it was stored."""
        _refuse(expire, tag)
        return self._put(key, value.read() if read else value, "NX")

    def incr(self, key: Any, delta: int = 1, default: int | None = 0, retry: bool = False) -> int:
        """Add to a number; see `Cache.incr`."""
        if default is not None:
            self.add(key, default)
        return super().incr(key, delta, default, retry)

    def pop(
        self,
        key: Any,
        default: Any = None,
        expire_time: bool = False,
        tag: bool = False,
        retry: bool = False,
    ) -> Any:
        """Remove a key and return its value; items have neither expiry nor tag, so None stands for these."""
        found = self._on(key, _POP)
        value = default if found is None else self._value(found)
        return (value, *(None,) * (expire_time + tag)) if expire_time or tag else value

    def delete(self, key: Any, retry: bool = False) -> bool:
        """Remove a key; whether there was one."""
        return self._on(key, _POP) is not None

    def end(self, last: bool, *how: str) -> tuple[Any, Any]:
        """Return key and value of the item that came last or first, and with POP remove it."""
        found = self._run(_END, -1 if last else 0, *how)
        if found is None:
            raise KeyError("mapping is empty")
        key, item = found
        return keys_.decode(key, self._pickled), self._value(item)

    def __len__(self) -> int:
        length: int = self.books.execute("ZCARD", "index")
        return length

    def names(self, forward: bool = True) -> Iterator[Any]:
        """Keys in order; those that come or go meanwhile don't disturb it."""
        command, begin, end = ("ZRANGEBYSCORE", b"-inf", b"+inf")
        if not forward:
            command, begin, end = ("ZREVRANGEBYSCORE", b"+inf", b"-inf")
        while begin:
            # Resumed by score and not by rank, as ranks shift with each key that goes.
            names, last = self._run(_NAMES, command, begin, end, _PIECE)
            for name in names:
                yield keys_.decode(name, self._pickled)
            begin = last and b"(" + last

    def __iter__(self) -> Iterator[Any]:
        return self.names()


def _refuse(expire: float | None, tag: Any) -> None:
    if expire is not None or tag is not None:
        raise TypeError("items of an index have neither expiry nor tag")


class Index(MutableMapping[Any, Any]):
    """A mapping that keeps the order in which keys came; arguments are a directory, and then those of `dict`."""

    #: Two mappings of equal items are equal, so they change what they are equal to.
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        directory: str | os.PathLike[str] | None = None
        if args and (args[0] is None or isinstance(args[0], str | os.PathLike)):
            directory, args = args[0], args[1:]
        self._cache = OrderedCache(directory, eviction_policy="none")
        self.update(*args, **kwargs)

    @classmethod
    def fromcache(cls, cache: Cache, *args: Any, **kwargs: Any) -> Self:
        """Return the index in the directory of this cache; keys that were set past it have no place in it."""
        index = cls.__new__(cls)
        if not isinstance(cache, OrderedCache):
            cache = OrderedCache(cache.directory, cache.timeout, cache.disk)
        index._cache = cache
        index.update(*args, **kwargs)
        return index

    @property
    def cache(self) -> OrderedCache:
        """The cache that holds the items."""
        return self._cache

    @property
    def directory(self) -> str:
        """Where the items are."""
        return self._cache.directory

    def __getstate__(self) -> OrderedCache:
        return self._cache

    def __setstate__(self, cache: OrderedCache) -> None:
        self._cache = cache

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.directory!r})"

    # One key.

    def __getitem__(self, key: Any) -> Any:
        return self._cache[key]

    def __contains__(self, key: object) -> bool:
        return key in self._cache

    def __setitem__(self, key: Any, value: Any) -> None:
        self._cache.set(key, value)

    def __delitem__(self, key: Any) -> None:
        del self._cache[key]

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the value of a key, after setting it to the default if there was none."""
        while (value := self._cache.get(key, ENOVAL)) is ENOVAL:
            self._cache.add(key, default)
        return value

    def pop(self, key: Any, default: Any = ENOVAL) -> Any:
        """Remove a key and return its value."""
        value = self._cache.pop(key, default)
        if value is ENOVAL:
            raise KeyError(key)
        return value

    # The ends.

    def peekitem(self, last: bool = True) -> tuple[Any, Any]:
        """Return key and value of the item that came last, or first."""
        return self._cache.end(last)

    def popitem(self, last: bool = True) -> tuple[Any, Any]:
        """Remove and return key and value of the item that came last, or first."""
        return self._cache.end(last, "POP")

    def push(self, value: Any, prefix: str | None = None, side: str = "back") -> Any:
        """Append a value to the queue of this prefix and return its key; see `Cache.push`."""
        return self._cache.push(value, prefix, side)

    def pull(self, prefix: str | None = None, default: Any = (None, None), side: str = "front") -> Any:
        """Remove the item at a side of the queue and return its key and value; see `Cache.pull`."""
        return self._cache.pull(prefix, default, side)

    # All of it.

    def __len__(self) -> int:
        return len(self._cache)

    def __iter__(self) -> Iterator[Any]:
        return self._cache.names()

    def __reversed__(self) -> Iterator[Any]:
        return self._cache.names(forward=False)

    def clear(self) -> None:
        """Remove everything."""
        self._cache.clear()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Index):
            return list(self.items()) == list(other.items())
        if isinstance(other, dict | MutableMapping):
            return dict(self.items()) == dict(other.items())
        return NotImplemented

    def memoize(
        self, name: str | None = None, typed: bool = False, ignore: Iterable[int | str] = ()
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Return a decorator that keeps results by the arguments of the call; see `Cache.memoize`."""
        return self._cache.memoize(name, typed, ignore=ignore)

    def transact(self) -> AbstractContextManager[None]:
        """Keep out other transactions; see `Cache.transact`."""
        return self._cache.transact()
