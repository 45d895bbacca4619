"""`FanoutCache`: diskcache's sharded cache, without shards, and the caches, deques and indexes that lie below it.

diskcache shards because writers to one SQLite file wait for each other; writers to one store do not. Owns the
subdirectories. Refuses a number of shards below one, as diskcache would fail on it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from dozo.compat.diskcache.cache import Cache
from dozo.compat.diskcache.deque import Deque
from dozo.compat.diskcache.index import Index
from dozo.compat.diskcache.settings import Disk

T = TypeVar("T")


class FanoutCache(Cache):
    """A cache that never raises Timeout and has named caches, deques and indexes in its directory."""

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        shards: int = 8,
        timeout: float = 0.010,
        disk: type[Disk] = Disk,
        **settings: Any,
    ) -> None:
        if shards < 1:
            raise ValueError("shards is 1 or more")
        self._shards = shards
        self._inner: dict[tuple[str, str], Any] = {}
        self._making = threading.Lock()
        super().__init__(directory, timeout, disk, **settings)

    def __getstate__(self) -> tuple[Any, ...]:
        directory, timeout, disk, settings = super().__getstate__()
        return directory, self._shards, timeout, disk, settings

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        directory, shards, timeout, disk, settings = state
        FanoutCache.__init__(self, directory, shards, timeout, disk, **settings)

    def transact(self, retry: bool = True) -> AbstractContextManager[None]:
        """Keep out other transactions; see `Cache.transact`."""
        return super().transact(retry)

    def cache(self, name: str, timeout: float = 60, disk: type[Disk] | None = None, **settings: Any) -> Cache:
        """Return the cache of this name, which lies in a directory of its own."""
        return self._named(
            "cache", name, lambda directory: Cache(directory, timeout, disk or self.disk, **settings)
        )

    def deque(self, name: str, maxlen: int | None = None) -> Deque:
        """Return the deque of this name, which lies in a directory of its own."""

        def make(directory: str) -> Deque:
            return Deque.fromcache(Cache(directory, disk=self.disk, eviction_policy="none"), maxlen=maxlen)

        return self._named("deque", name, make)

    def index(self, name: str) -> Index:
        """Return the index of this name, which lies in a directory of its own."""

        def make(directory: str) -> Index:
            return Index.fromcache(Cache(directory, disk=self.disk, eviction_policy="none"))

        return self._named("index", name, make)

    def close(self) -> None:
        """Give the stores back; the next call of each opens it again."""
        super().close()
        with self._making:
            inner = list(self._inner.values())
        for each in inner:
            (each if isinstance(each, Cache) else each.cache).close()

    def _named(self, kind: str, name: str, make: Callable[[str], T]) -> T:
        with self._making:
            found: T | None = self._inner.get((kind, name))
            if found is None:
                parts = [part for part in name.split("/") if part]
                if not parts or ".." in parts:
                    raise ValueError(f"no name of a {kind}: {name!r}")
                found = self._inner[kind, name] = make(str(Path(self.directory, kind, *parts)))
            return found
