"""A store whose engine is in this process: every call runs in the thread that makes it.

Owns the life of such an engine. What the engine does itself (values in and out) is the kernel's `Library`, which this
class is made of too, so that a call of `get` is one call.
"""

from __future__ import annotations

import contextlib
import logging
import weakref
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final

from dozo._kernel import Library
from dozo.assembly import build
from dozo.commands.api import load_families
from dozo.config import Config
from dozo.log import Level
from dozo.persistence import Persistence
from dozo.store.api import Key, Store
from dozo.store.codec import TAG_SHIFT, Codec, Serializer, Tags
from dozo.store.tagfile import KeptTags

if TYPE_CHECKING:
    import redis
    from redis.asyncio import Redis as AsyncRedis

__all__ = ["Embedded", "Engine"]

_EVICT: Final = 4096
"""Keys looked at in one step of an eviction by tag."""
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_FIGURES: Final = {
    "hits": "keyspace_hits",
    "misses": "keyspace_misses",
    "evicted": "evicted_keys",
    "expired": "expired_keys",
    "memory": "used_memory",
    "maxmemory": "maxmemory",
    "policy": "maxmemory_policy",
}


def log(level: Level, message: str) -> None:
    """What a server would write to its log goes to the program's own, by the name of dozo."""
    logging.getLogger("dozo").log(_LEVELS[level], message)


class Engine:
    """An engine that one store or several, over different databases of it, use."""

    def __init__(self, config: Config, serializer: Serializer) -> None:
        self.config = config
        self.persistence = Persistence(config, log)
        # Before anything is looked at: only who holds the lock of the directory may.
        self.persistence.prepare()
        with contextlib.ExitStack() as undo:
            undo.callback(self.persistence.data.unlock)
            is_kept = config.persistence.persistence != "none"
            tags = KeptTags(self.persistence.data.path) if is_kept else Tags()
            undo.callback(tags.close)
            self.codec = Codec(serializer, tags)
            self.kernel = build(load_families(), config, log, self.persistence)
            self.kernel.run(self.persistence.begin_now)
            undo.pop_all()
        self.databases: dict[int, Embedded] = {}
        self.codec.tags.in_use = _finder(weakref.ref(self))
        self._end = weakref.finalize(
            self, _end, Library(self.kernel, self.codec), self.persistence, self.codec
        )

    @property
    def is_closed(self) -> bool:
        """Whether it has ended."""
        return not self._end.alive

    def close(self) -> None:
        """End it, once."""
        self._end()


def _finder(reference: weakref.ref[Engine]) -> Callable[[], Collection[int]]:
    """Finds the numbers of the combinations of tags that keys bear."""

    def find() -> Collection[int]:
        found: set[int] = set()
        engine = reference()
        for database in list(engine.databases.values()) if engine else ():
            cursor, used = database.tags_in_use(0, _EVICT)
            found.update(used)
            while cursor:
                cursor, used = database.tags_in_use(cursor, _EVICT)
                found.update(used)
        return found

    return find


def _end(library: Library, persistence: Persistence, codec: Codec) -> None:
    """What closing is, and what becomes of a store that nobody closes, at the latest when the process ends."""
    try:
        library.end()
    finally:
        codec.tags.close()
        persistence.data.unlock()


class Embedded(Library, Store):
    """A database of an engine in this process."""

    _engine: Engine

    def __new__(cls, engine: Engine, db: int = 0) -> Embedded:
        """Make a store of that database."""
        made = super().__new__(cls, engine.kernel, engine.codec, db)
        made._engine = engine
        if db == 0:
            engine.databases[0] = made
        return made

    def database(self, index: int) -> Store:
        """Another database of the same store, from 0 to 15 (which has the locks). It ends with the store."""
        found = self._engine.databases.get(index)
        return found or self._engine.databases.setdefault(index, Embedded(self._engine, index))

    def tags(self, key: Key) -> tuple[str, ...]:
        """The tags that a key bears, sorted. KeyError where it is missing."""
        flags = self.flags(key)
        if flags is None:
            raise KeyError(key)
        return self._engine.codec.tags.names(flags >> TAG_SHIFT)

    def encode(self, value: Any) -> tuple[bytes, int]:
        """A value as it is stored: its bytes, and the flags that tell of its kind."""
        return self.encode_value(value)

    def decode(self, data: bytes, flags: int) -> Any:
        """The value that such bytes are."""
        return self.decode_value(data, flags)

    def evict(self, tag: str) -> int:
        """Remove everything that bears the tag, by a walk over all keys; how many those were."""
        spared = self._engine.codec.tags.spared(tag)
        cursor, removed, more = 0, 0, True
        while more:
            cursor, some = self.evict_some(cursor, _EVICT, spared)
            removed += some
            more = cursor != 0
        return removed

    def stats(self) -> dict[str, Any]:
        """Figures: keys, hits, misses, evicted, expired, memory, maxmemory (bytes), policy."""
        keys = len(self)
        figures = self._engine.kernel.stats()
        return {"keys": keys} | {name: figures[source] for name, source in _FIGURES.items()}

    def redis(self, **options: Any) -> redis.Redis:
        """A redis.Redis over this store, with the options of that class."""
        from dozo.store import wires

        return wires.client(self, **options)

    def aredis(self, **options: Any) -> AsyncRedis:
        """A redis.asyncio.Redis over this store, with the options of that class."""
        from dozo.store import wires

        return wires.async_client(self, **options)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._engine.is_closed

    def close(self) -> None:
        """End it. What is kept on disk is there then; whoever uses the store later gets a ClosedError."""
        self._engine.close()
