"""`Cache`: diskcache's cache, over a store that its directory has in common with every other cache there.

Owns the translation: diskcache's keys, tags, expiry and extra results. Values, eviction, files and other processes are
the store's. Refuses what a store can't answer truly: the order of insertion (`Index` keeps one). A transaction keeps
out other transactions, and not single calls.
"""

from __future__ import annotations

import functools
import io
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import IO, Any, Final, ParamSpec, Self, TypeVar

from dozo.cache import Store
from dozo.compat import shared
from dozo.compat.diskcache import keys as keys_
from dozo.compat.diskcache.settings import COUNTED, DEFAULT_SETTINGS, EVICTION_POLICY, Disk, check

P = ParamSpec("P")
R = TypeVar("R")


class _Nothing:
    """What stands for no value where None is one."""

    def __repr__(self) -> str:
        return "ENOVAL"

    def __reduce__(self) -> str:
        return "ENOVAL"


ENOVAL: Final = _Nothing()
#: Number of the first item of a queue, as diskcache counts.
_FIRST = 500_000_000_000_000
#: Database of the store for what is kept about keys, so that nobody takes it for one of them.
BOOKS = 14
#: A transaction whose process died is over after this.
_TRANSACTION_S = 60.0


class Timeout(Exception):
    """A transaction of somebody else lasted longer than the cache's timeout."""


class EmptyDirWarning(UserWarning):
    """Of diskcache's `check`; here nothing has to be warned of."""


class UnknownFileWarning(UserWarning):
    """Of diskcache's `check`; here nothing has to be warned of."""


class Cache:
    """A cache in a directory; its methods are those of diskcache's documentation, the guide tells what differs."""

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        timeout: float = 60,
        disk: type[Disk] = Disk,
        **settings: Any,
    ) -> None:
        if not (isinstance(disk, type) and issubclass(disk, Disk)):
            raise TypeError("disk is Disk, JSONDisk or PickleDisk of dozo.compat.diskcache")
        check(settings)
        if directory is None:
            directory = tempfile.mkdtemp(prefix="dozo-cache-")
        self._directory = os.path.expandvars(os.path.expanduser(os.fspath(directory)))
        self._timeout = timeout
        self._disk = disk
        self._settings = DEFAULT_SETTINGS | settings
        self._given = settings
        self._pickled = disk.serializer == "pickle"
        self._counts = [0, 0]
        self._transaction = threading.local()
        self._opening = threading.Lock()
        self._store: Store | None = None
        self._books: Store | None = None
        #: The store's own get, while it is open and nobody counts: most calls need nothing else.
        self._quick_get: Callable[[str, Any], Any] | None = None
        self.store  # noqa: B018 - a directory that can't be used is an error now

    @property
    def store(self) -> Store:
        """The store underneath; opened again if the cache was closed."""
        store = self._store
        if store is not None:
            return store
        with self._opening:
            if self._store is None:
                self._store = self._open()
                self._choose_get()
            return self._store

    def _choose_get(self) -> None:
        counts = self._store is None or self._settings["statistics"]
        self._quick_get = None if counts else self.store.get

    @property
    def books(self) -> Store:
        """The database beside the keys, for what is kept about them."""
        store = self.store
        books = self._books
        if books is None:
            books = self._books = store.database(BOOKS)
        return books

    def _open(self) -> Store:
        limits = {
            "maxmemory": 0 if self._settings["eviction_policy"] == "none" else self._settings["size_limit"],
            "policy": EVICTION_POLICY[self._settings["eviction_policy"]],
        }
        place = shared.place_of(self._directory)
        store = shared.borrow(place, self._disk.serializer, limits, self)
        if not {"size_limit", "eviction_policy"}.isdisjoint(self._given):
            # Another cache, here or in another process, may have opened it with other limits.
            _limit(store, limits)
        return store

    def forget(self) -> None:
        """Drop the store of the process that this one was forked from."""
        self._opening = threading.Lock()
        self._transaction = threading.local()
        self._store = self._books = self._quick_get = None

    def close(self) -> None:
        """Give the store back; the next call opens it again."""
        with self._opening:
            store, self._store = self._store, None
            self._books = self._quick_get = None
        if store is not None:
            shared.give_back(shared.place_of(self._directory), store)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> tuple[Any, ...]:
        return self._directory, self._timeout, self._disk, self._given

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        directory, timeout, disk, settings = state
        Cache.__init__(self, directory, timeout, disk, **settings)

    @property
    def directory(self) -> str:
        """Where the data are."""
        return self._directory

    @property
    def timeout(self) -> float:
        """Seconds that a transaction waits for another one."""
        return self._timeout

    @property
    def disk(self) -> type[Disk]:
        """How values become bytes."""
        return self._disk

    # Writing.

    def set(
        self,
        key: Any,
        value: Any,
        expire: float | None = None,
        read: bool = False,
        tag: Any = None,
        retry: bool = False,
    ) -> bool:
        """Store a value; with `read` it is a binary file whose bytes are stored."""
        name = key if type(key) is str else keys_.encode(key, self._pickled)
        if read:
            value = value.read()
        store = self._store if self._store is not None else self.store
        if expire is None and tag is None:
            store.set(name, value)
        elif expire is not None and expire <= 0:
            store.delete(name)
        else:
            store.set(name, value, expire, keys_.tags_of(tag))
        return True

    def __setitem__(self, key: Any, value: Any) -> None:
        self.set(key, value)

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
        name = keys_.encode(key, self._pickled)
        if read:
            value = value.read()
        if expire is not None and expire <= 0:
            return name not in self.store
        return self.store.add(name, value, ttl=expire, tags=keys_.tags_of(tag))

    def touch(self, key: Any, expire: float | None = None, retry: bool = False) -> bool:
        """Change when a key expires, or that it does; whether there is one."""
        name = keys_.encode(key, self._pickled)
        if expire is not None and expire <= 0:
            return self.store.delete(name)
        return self.store.touch(name, expire)

    def incr(self, key: Any, delta: int = 1, default: int | None = 0, retry: bool = False) -> int:
        """Add to a number; a missing one starts as `default`, and is a KeyError if that is None."""
        try:
            return self.store.incr(keys_.encode(key, self._pickled), delta, default)
        except KeyError:
            raise KeyError(key) from None

    def decr(self, key: Any, delta: int = 1, default: int | None = 0, retry: bool = False) -> int:
        """Subtract from a number; negative results are kept."""
        return self.incr(key, -delta, default, retry)

    # Reading.

    def get(
        self,
        key: Any,
        default: Any = None,
        read: bool = False,
        expire_time: bool = False,
        tag: bool = False,
        retry: bool = False,
    ) -> Any:
        """Return the value, with `read` as a binary file; with `expire_time` and `tag` a tuple of it and these."""
        quick = self._quick_get
        if quick is not None and type(key) is str and not (read or expire_time or tag):
            return quick(key, default)
        name = keys_.encode(key, self._pickled)
        value = self.store.get(name, ENOVAL)
        if self._settings["statistics"]:
            self._counts[value is ENOVAL] += 1
        if value is ENOVAL:
            return _with(default, (None,) * (expire_time + tag))
        if not (read or expire_time or tag):
            return value
        return _with(_file(value) if read else value, self._extra(name, expire_time, tag))

    def _extra(self, name: str | bytes, expire_time: bool, tag: bool) -> tuple[Any, ...]:
        found: tuple[Any, ...] = ()
        try:
            if expire_time:
                ttl = self.store.ttl(name)
                found += (None if ttl is None else time.time() + ttl,)
            if tag:
                found += (keys_.tag_of(self.store.tags(name)),)
        except KeyError:  # it is gone since, or was never there
            return (None,) * (expire_time + tag)
        return found

    def __getitem__(self, key: Any) -> Any:
        value = self.get(key, ENOVAL)
        if value is ENOVAL:
            raise KeyError(key)
        return value

    def read(self, key: Any, retry: bool = False) -> IO[bytes]:
        """Return the value as a binary file."""
        found: IO[bytes] | _Nothing = self.get(key, ENOVAL, read=True)
        if isinstance(found, _Nothing):
            raise KeyError(key)
        return found

    def __contains__(self, key: Any) -> bool:
        return keys_.encode(key, self._pickled) in self.store

    # Removing.

    def pop(
        self,
        key: Any,
        default: Any = None,
        expire_time: bool = False,
        tag: bool = False,
        retry: bool = False,
    ) -> Any:
        """Remove a key and return what `get` would have."""
        name = keys_.encode(key, self._pickled)
        extra = self._extra(name, expire_time, tag)
        value = self.store.pop(name, ENOVAL)
        if value is ENOVAL:
            return _with(default, (None,) * len(extra))
        return _with(value, extra)

    def delete(self, key: Any, retry: bool = False) -> bool:
        """Remove a key; whether there was one."""
        return self.store.delete(keys_.encode(key, self._pickled))

    def __delitem__(self, key: Any) -> None:
        if not self.delete(key):
            raise KeyError(key)

    def evict(self, tag: Any, retry: bool = False) -> int:
        """Remove every key with this tag and return how many there were."""
        return sum(self.store.evict(each) for each in keys_.tags_of(tag))

    def expire(self, retry: bool = False) -> int:
        """Remove now what has expired and return how much; nobody sees it before either."""
        return self.store.expire()

    def cull(self, retry: bool = False) -> int:
        """Remove what has expired: the store evicts by itself whenever it is full."""
        return self.expire()

    def clear(self, retry: bool = False) -> int:
        """Remove everything and return how many keys there were."""
        removed = self.store.clear()
        self.books.clear()
        return removed

    # Queues: the items are ordinary keys, in an order that is kept beside them.

    def push(
        self,
        value: Any,
        prefix: str | None = None,
        side: str = "back",
        expire: float | None = None,
        read: bool = False,
        tag: Any = None,
        retry: bool = False,
    ) -> Any:
        """Append a value to the queue of this prefix and return its key: a number, or `prefix-number`."""
        queue = _queue(prefix)
        if _is_back(side):
            number = _FIRST - 1 + self.books.execute("INCR", f"back:{queue}")
        else:
            number = _FIRST - self.books.execute("INCR", f"front:{queue}")
        key = number if prefix is None else f"{prefix}-{number:015}"
        self.set(key, value, expire, read, tag)
        # Last, so that whoever finds the number finds the value.
        self.books.execute("ZADD", queue, number, str(number))
        return key

    def pull(
        self,
        prefix: str | None = None,
        default: Any = (None, None),
        side: str = "front",
        expire_time: bool = False,
        tag: bool = False,
        retry: bool = False,
    ) -> Any:
        """Remove the item at a side of the queue and return its key and value; `default` if there is none."""
        pop = "ZPOPMAX" if _is_back(side) else "ZPOPMIN"
        while found := self.books.execute(pop, _queue(prefix)):
            key = _item(prefix, found[0])
            extra = self._extra(keys_.encode(key), expire_time, tag)
            value = self.pop(key, ENOVAL)
            if value is not ENOVAL:
                return _with((key, value), extra)
        return _with(default, (None,) * (expire_time + tag))

    def peek(
        self,
        prefix: str | None = None,
        default: Any = (None, None),
        side: str = "front",
        expire_time: bool = False,
        tag: bool = False,
        retry: bool = False,
    ) -> Any:
        """Return key and value of the item at a side of the queue and leave it there."""
        end = "-1" if _is_back(side) else "0"
        while found := self.books.execute("ZRANGE", _queue(prefix), end, end):
            key = _item(prefix, found[0])
            name = keys_.encode(key)
            value = self.store.get(name, ENOVAL)
            if value is not ENOVAL:
                return _with((key, value), self._extra(name, expire_time, tag))
            # It expired, or was removed as a key.
            self.books.execute("ZREM", _queue(prefix), found[0])
        return _with(default, (None,) * (expire_time + tag))

    # All of it.

    def __len__(self) -> int:
        return len(self.store)

    def __iter__(self) -> Iterator[Any]:
        for raw in self.store:
            yield keys_.decode(raw, self._pickled)

    #: Keys have no order to reverse.
    __reversed__ = None

    def iterkeys(self, reverse: bool = False) -> Iterator[Any]:
        """Return the keys in their order: numbers, str, bytes, others."""
        names = {*self.store}  # a walk may meet a key twice
        return iter(
            sorted((keys_.decode(name, self._pickled) for name in names), key=keys_.order, reverse=reverse)
        )

    def volume(self) -> int:
        """Return the bytes that keys and values take."""
        info = self.store.execute("INFO", "memory")
        found = re.search(
            r"^used_memory:(\d+)", info if isinstance(info, str) else info.decode(), re.MULTILINE
        )
        assert found is not None
        return int(found[1])

    def stats(self, enable: bool = True, reset: bool = False) -> tuple[int, int]:
        """Return hits and misses of this object since counting was enabled."""
        hits, misses = self._counts
        if reset:
            self._counts = [0, 0]
        self._settings["statistics"] = int(enable)
        self._choose_get()
        return hits, misses

    def check(self, fix: bool = False, retry: bool = False) -> list[Any]:
        """Return no warnings: the store checks its files by checksum when it opens them."""
        self.store  # noqa: B018 - opens the files
        return []

    def create_tag_index(self) -> None:
        """Note the wish: tags are always indexed."""
        self._settings["tag_index"] = 1

    def drop_tag_index(self) -> None:
        """Note the wish: tags are always indexed."""
        self._settings["tag_index"] = 0

    def reset(self, key: str, value: Any = ENOVAL, update: bool = True) -> Any:
        """Change a setting, unless no value is given, and return what it is now."""
        if key in COUNTED:
            return {"count": len, "size": Cache.volume, "hits": _hits, "misses": _misses}[key](self)
        if value is ENOVAL:
            check({key: DEFAULT_SETTINGS.get(key)})
            return self._settings[key]
        check({key: value})
        self._settings[key] = value
        self._choose_get()
        self._given = self._given | {key: value}
        if update and key in ("size_limit", "eviction_policy"):
            policy = self._settings["eviction_policy"]
            memory = 0 if policy == "none" else self._settings["size_limit"]
            _limit(self.store, {"maxmemory": memory, "policy": EVICTION_POLICY[policy]})
        return value

    def __getattr__(self, name: str) -> Any:
        """Return a setting: each is an attribute, too."""
        if name in DEFAULT_SETTINGS:
            return self._settings[name]
        if name in COUNTED:
            return self.reset(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def transact(self, retry: bool = False) -> AbstractContextManager[None]:
        """Keep out other transactions of this cache, in all threads and processes; single calls go on between."""
        return self._transacting(retry)

    @contextmanager
    def _transacting(self, retry: bool) -> Iterator[None]:
        inside: bool = getattr(self._transaction, "inside", False)
        if inside:
            yield
            return
        lock = self.store.lock("transaction", ttl=_TRANSACTION_S)
        while not lock.acquire(timeout=self._timeout):
            if not retry:
                raise Timeout(f"another transaction lasts longer than {self._timeout} s")
        self._transaction.inside = True
        try:
            yield
        finally:
            self._transaction.inside = False
            lock.release()

    def memoize(
        self,
        name: str | None = None,
        typed: bool = False,
        expire: float | None = None,
        tag: Any = None,
        ignore: Iterable[int | str] = (),
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Return a decorator that keeps results by the arguments of the call."""
        if callable(name):
            raise TypeError("name cannot be callable")

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            base = (name if name is not None else full_name(function),)

            def cache_key(*args: P.args, **kwargs: P.kwargs) -> tuple[Any, ...]:
                return keys_.of_call(base, args, kwargs, typed, ignore)

            @functools.wraps(function)
            def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
                key = cache_key(*args, **kwargs)
                result: R | _Nothing = self.get(key, ENOVAL)
                if isinstance(result, _Nothing):
                    result = function(*args, **kwargs)
                    if expire is None or expire > 0:
                        self.set(key, result, expire, tag=tag)
                return result

            wrapper.__cache_key__ = cache_key  # type: ignore[attr-defined]
            return wrapper

        return decorate


def full_name(function: Callable[..., Any]) -> str:
    """Return the name by which a function's results are kept."""
    return f"{function.__module__}.{function.__qualname__}"


def _hits(cache: Cache) -> int:
    return cache.stats(bool(cache.statistics))[0]


def _misses(cache: Cache) -> int:
    return cache.stats(bool(cache.statistics))[1]


def _limit(store: Store, limits: dict[str, Any]) -> None:
    store.execute("CONFIG", "SET", "maxmemory", limits["maxmemory"], "maxmemory-policy", limits["policy"])


def _with(value: Any, extra: tuple[Any, ...]) -> Any:
    return (value, *extra) if extra else value


def _file(value: Any) -> IO[bytes]:
    if isinstance(value, bytes):
        return io.BytesIO(value)
    raise TypeError(f"a {type(value).__name__} can't be read as a file")


def _is_back(side: str) -> bool:
    if side not in ("front", "back"):
        raise ValueError("side is 'front' or 'back'")
    return side == "back"


def _queue(prefix: str | None) -> str:
    return "queue" if prefix is None else f"queue={prefix}"


def _item(prefix: str | None, number: bytes) -> Any:
    return int(number) if prefix is None else f"{prefix}-{number.decode():0>15}"
