"""`Store`: what a program sees of dozo in its own process, wherever the data are.

Owns the mapping's face and everything that is made of its few operations: many keys at once, counting down, functions
whose results are kept, locks. Refuses to know where the data are: `embedded.py` has them in this process.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from dozo.store.codec import readable
from dozo.store.lock import Lock
from dozo.store.memo import memoized, stampede_memoized

if TYPE_CHECKING:
    import redis
    from redis.asyncio import Redis as AsyncRedis

__all__ = ["Key", "Store"]

Key = str | bytes
"""A key; a str is its UTF-8."""
_Function = TypeVar("_Function", bound=Callable[..., Any])

_SCAN: Final = 512
"""Keys looked at in one step of a walk, between which other threads have their turn."""
_COMPACTION_PAUSE_S: Final = 0.0005
"""What is left to other threads after each step of a compaction."""
_LOCKS: Final = 15
"""The database of the locks, so that they are no keys among the program's."""
_MISSING: Final = object()


class Store(ABC):
    """A cache with the face of a mapping, safe to be used by many threads and from coroutines.

    Values are bytes, str, int, or whatever the serializer takes. Times to live (`ttl`) are seconds, with a fraction;
    None is for ever, and what is not above 0 is over at once.

    With `disk=True` a value goes to the disk tier at once and out of memory, as far as the disk takes it (ValueError
    where there is no tier); with False it stays in memory until that is short, whatever its size; None leaves it to the
    tier's strategy. With `compress` its bytes are kept as LZ4, in memory too, where that makes them shorter.
    """

    # What a store is made of

    @abstractmethod
    def get(self, key: Key, default: Any = None) -> Any:
        """The value, or the default. WrongType where another client keeps no string at the key."""

    @abstractmethod
    def set(
        self,
        key: Key,
        value: Any,
        ttl: float | None = None,
        tags: Iterable[str] = (),
        *,
        disk: bool | None = None,
        compress: bool = False,
    ) -> None:
        """Store a value in place of the old one, its time to live and its tags. OutOfMemory where nothing may leave."""

    @abstractmethod
    def add(
        self,
        key: Key,
        value: Any,
        ttl: float | None = None,
        tags: Iterable[str] = (),
        *,
        disk: bool | None = None,
        compress: bool = False,
    ) -> bool:
        """Store a value where there is none; whether it was stored."""

    @abstractmethod
    def gets(self, key: Key, default: Any = None) -> tuple[Any, int | None]:
        """The value and its version, for `cas`; the default and None where it is missing.

        The version is a number that changes with every change of the key: memcached's clients see the same one.
        """

    @abstractmethod
    def cas(
        self,
        key: Key,
        value: Any,
        version: int,
        ttl: float | None = None,
        tags: Iterable[str] = (),
        *,
        disk: bool | None = None,
        compress: bool = False,
    ) -> bool | None:
        """Store a value where the key has that version still; False where it has another, None where it is gone."""

    @abstractmethod
    def incr(self, key: Key, by: int = 1, default: int | None = 0) -> int:
        """Add to an integer of 64 bits, which begins at the default; the sum. Its time to live stays.

        With None as the default a missing key is a KeyError. NotInteger where something else is stored.
        """

    @abstractmethod
    def touch(self, key: Key, ttl: float | None) -> bool:
        """Have a key be kept so long from now on; whether it is there."""

    @abstractmethod
    def ttl(self, key: Key) -> float | None:
        """How long a key is still kept; None for ever. KeyError where it is missing."""

    @abstractmethod
    def delete(self, key: Key) -> bool:
        """Remove a key; whether it was there."""

    @abstractmethod
    def pop(self, key: Key, default: Any = None) -> Any:
        """Remove a key; the value that it had, or the default."""

    @abstractmethod
    def expire(self) -> int:
        """Remove everything whose time is over, which otherwise happens by and by; how many those were."""

    @abstractmethod
    def clear(self) -> int:
        """Remove everything; how many keys there were."""

    @abstractmethod
    def evict(self, tag: str) -> int:
        """Remove everything that bears the tag; how many keys those were."""

    @abstractmethod
    def __contains__(self, key: Key) -> bool: ...

    @abstractmethod
    def __len__(self) -> int:
        """How many keys there are, with those whose time is over and that were not removed yet."""

    @abstractmethod
    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """About so many keys from a cursor on (0 begins), and where to go on (0: it is over)."""

    @abstractmethod
    def tags(self, key: Key) -> tuple[str, ...]:
        """The tags that a key bears, sorted. KeyError where it is missing."""

    @abstractmethod
    def encode(self, value: Any) -> tuple[bytes, int]:
        """A value as it is stored: its bytes, and the flags that tell of its kind."""

    @abstractmethod
    def decode(self, data: bytes, flags: int) -> Any:
        """The value that such bytes are."""

    @abstractmethod
    def database(self, index: int) -> Store:
        """Another database of the same store, from 0 (this one) to 15 (which has the locks). It ends with the store."""

    @abstractmethod
    def compact_some(self) -> int | None:
        """Work on a compaction for a moment, or begin one; the bytes that it freed once it is over, None before."""

    @abstractmethod
    def stats(self) -> dict[str, Any]:
        """Figures: keys, hits, misses, evicted, expired, memory, maxmemory (bytes), policy."""

    @abstractmethod
    def execute(self, *words: bytes | int | str) -> Any:
        """Run any command, such as "ZADD"; its reply, or its ReplyError raised. It never waits for anybody."""

    @abstractmethod
    def redis(self, **options: Any) -> redis.Redis:
        """A redis.Redis over this store, with the options of that class."""

    @abstractmethod
    def aredis(self, **options: Any) -> AsyncRedis:
        """A redis.asyncio.Redis over this store, with the options of that class."""

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Whether it was closed."""

    @abstractmethod
    def close(self) -> None:
        """End it. What is kept on disk is there then; whoever uses the store later gets a ClosedError."""

    # What is made of that

    def decr(self, key: Key, by: int = 1, default: int | None = 0) -> int:
        """Subtract from an integer, which may get negative; the difference."""
        return self.incr(key, -by, default)

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Any]:
        """The values of those keys that are there."""
        found = ((key, self.get(key, _MISSING)) for key in keys)
        return {key: value for key, value in found if value is not _MISSING}

    def set_many(
        self,
        mapping: Mapping[Key, Any],
        ttl: float | None = None,
        tags: Iterable[str] = (),
        *,
        disk: bool | None = None,
        compress: bool = False,
    ) -> None:
        """Store many values, one after the other."""
        tags = tuple(tags) if not isinstance(tags, str) else tags
        for key, value in mapping.items():
            self.set(key, value, ttl, tags, disk=disk, compress=compress)

    def compact(self) -> int:
        """Write what is kept on disk anew without what is needed no more; how many bytes that freed, 0 without a disk.

        All databases and both, journal and disk tier. Others are served meanwhile. StoreError where the disk fails.
        """
        for index in range(_LOCKS + 1):
            self.database(index).expire()
        while (freed := self.compact_some()) is None:
            time.sleep(_COMPACTION_PAUSE_S)
        return freed

    def delete_many(self, keys: Iterable[Key]) -> int:
        """Remove keys; how many of them were there."""
        return sum(self.delete(key) for key in keys)

    def __getitem__(self, key: Key) -> Any:
        value = self.get(key, _MISSING)
        if value is _MISSING:
            raise KeyError(key)
        return value

    def __setitem__(self, key: Key, value: Any) -> None:
        self.set(key, value)

    def __delitem__(self, key: Key) -> None:
        if not self.delete(key):
            raise KeyError(key)

    def __iter__(self) -> Iterator[Key]:
        """The keys, as str where they are UTF-8. Those that are there all the time come at least once."""
        cursor, more = 0, True
        while more:
            cursor, keys = self.scan(cursor, _SCAN)
            yield from map(readable, keys)
            more = cursor != 0

    def keys(self) -> Iterator[Key]:
        """The keys, as `iter` gives them."""
        return iter(self)

    def memoize(
        self, ttl: float | None = None, tags: Iterable[str] = (), name: str | None = None
    ) -> Callable[[_Function], _Function]:
        """A decorator: the function's results are kept by its arguments.

        The arguments must be of the kinds that msgpack has. `function.key(...)` is where a call's result is kept.
        """
        return memoized(self, ttl, tags, name)

    def memoize_stampede(
        self, ttl: float, beta: float = 1.0, tags: Iterable[str] = (), name: str | None = None
    ) -> Callable[[_Function], _Function]:
        """`memoize` for slow functions: one caller at a time computes, and it may do so before the time is over.

        The nearer the end and the slower the function, the likelier a call computes anew while the others still get the
        old result; a greater beta makes that earlier.
        """
        return stampede_memoized(self, ttl, beta, tags, name)

    def lock(self, name: str, ttl: float | None = 60.0) -> Lock:
        """A lock that all users of this store share; whoever holds it longer than the ttl has lost it."""
        return Lock(self.database(_LOCKS), name, ttl)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
