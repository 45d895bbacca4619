"""A store whose engine is in this process: every call runs in the thread that makes it.

Owns the life of such an engine. What the engine does itself (values in and out) is the kernel's `Library`, which this
class is made of too, so that a call of `get` is one call.
"""

from __future__ import annotations

import contextlib
import logging
import os
import weakref
from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Protocol

from dozo._kernel import Library
from dozo.assembly import build
from dozo.commands.api import load_families
from dozo.config import Config
from dozo.errors import ClosedError
from dozo.log import Level
from dozo.persistence import Compaction, Persistence
from dozo.store.api import Key, Store
from dozo.store.codec import Codec, Serializer, Tags, tag_number
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


class Door(Protocol):
    """Where other processes come in."""

    def serve(self, engine: Engine) -> None:
        """Begin to answer those who have come."""

    def close(self) -> None:
        """Let nobody in any more."""

    def forsake(self) -> None:
        """Close this process's ends of everything, and nothing else."""


class Engine:
    """An engine that one store or several, over different databases of it, use."""

    def __init__(
        self,
        config: Config,
        serializer: Serializer,
        role: str = "store",
        open_door: Callable[[Path], Door] | None = None,
        scratch: TemporaryDirectory[str] | None = None,
    ) -> None:
        self.persistence = Persistence(config, log)
        self.persistence.may_end = False
        self.persistence.tier.bound = None
        self.persistence.tier.is_lasting = scratch is None
        data = self.persistence.data
        data.role = role
        # Before anything is looked at: only who holds the lock of the directory may.
        self.persistence.prepare()
        with contextlib.ExitStack() as undo:
            undo.callback(self.persistence.unlock)
            # Before the data are loaded, so that others know whom to wait for.
            door = open_door(data.path) if open_door else None
            if door:
                undo.callback(door.close)
            is_kept = config.persistence.persistence != "none"
            self.codec = Codec(serializer, KeptTags(data.path) if is_kept else Tags())
            undo.callback(self.codec.tags.close)
            self.kernel = build(load_families(), config, log, self.persistence)
            self.kernel.run(self.persistence.begin_now)
            undo.pop_all()
        self._compaction = Compaction(self.persistence)
        self._databases: dict[int, Embedded] = {}
        self.codec.tags.in_use = _finder(weakref.ref(self))
        self._door = door
        self._library = Library(self.kernel, self.codec)
        self._end = weakref.finalize(self, _end, self._library, self.persistence, self.codec, door, scratch)
        _RUNNING.add(self)
        if door:
            door.serve(self)

    @property
    def store(self) -> Embedded:
        """The first database."""
        return self.database(0)

    def database(self, index: int) -> Embedded:
        """A store of that database."""
        found = self._databases.get(index)
        return found or self._databases.setdefault(index, Embedded(self, index))

    def opened(self) -> list[Embedded]:
        """The databases that anybody has asked for."""
        return list(self._databases.values())

    def compact_some(self) -> int | None:
        """Work on a compaction for a moment; the bytes that it freed once it is over."""
        if self.is_closed:
            raise ClosedError
        self._library.tick()
        return self.kernel.run(self._compaction.step)

    @property
    def is_closed(self) -> bool:
        """Whether it has ended."""
        return not self._end.alive

    def close(self) -> None:
        """End it, once."""
        self._end()

    def forsake(self) -> None:
        """Leave everything to the process that this one was forked from."""
        self._end.detach()
        self._library.forsake()
        if self._door:
            self._door.forsake()
        self.codec.tags.close()
        self.persistence.unlock()


_RUNNING: Final[weakref.WeakSet[Engine]] = weakref.WeakSet()


def _forsake_all() -> None:
    """In a fork: files, sockets and threads are the other process's. What is only in memory is here too."""
    for engine in list(_RUNNING):
        has_files = engine.persistence.settings.persistence != "none" or engine.persistence.tier.is_open
        if has_files and not engine.is_closed:
            engine.forsake()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forsake_all)


def _finder(reference: weakref.ref[Engine]) -> Callable[[], Collection[int]]:
    """Finds the numbers of the combinations of tags that keys bear."""

    def find() -> Collection[int]:
        found: set[int] = set()
        engine = reference()
        for database in engine.opened() if engine else ():
            cursor, used = database.tags_in_use(0, _EVICT)
            found.update(used)
            while cursor:
                cursor, used = database.tags_in_use(cursor, _EVICT)
                found.update(used)
        return found

    return find


def _end(
    library: Library,
    persistence: Persistence,
    codec: Codec,
    door: Door | None,
    scratch: TemporaryDirectory[str] | None,
) -> None:
    """What closing is, and what becomes of a store that nobody closes, at the latest when the process ends."""
    try:
        if door:
            door.close()
        library.end()
    finally:
        codec.tags.close()
        persistence.unlock()
        if scratch:
            scratch.cleanup()


class Embedded(Library, Store):
    """A database of an engine in this process."""

    engine: Engine
    index: int

    def __new__(cls, engine: Engine, db: int = 0) -> Embedded:
        """Make a store of that database."""
        made = super().__new__(cls, engine.kernel, engine.codec, db)
        made.engine, made.index = engine, db
        return made

    def database(self, index: int) -> Store:
        """Another database of the same store, from 0 to 15 (which has the locks). It ends with the store."""
        return self.engine.database(index)

    def tags(self, key: Key) -> tuple[str, ...]:
        """The tags that a key bears, sorted. KeyError where it is missing."""
        flags = self.flags(key)
        if flags is None:
            raise KeyError(key)
        return self.engine.codec.tags.names(tag_number(flags))

    def encode(self, value: Any) -> tuple[bytes, int]:
        """A value as it is stored: its bytes, and the flags that tell of its kind."""
        return self.engine.codec.pack(value)

    def decode(self, data: bytes, flags: int) -> Any:
        """The value that such bytes are."""
        return self.engine.codec.unpack(data, flags)

    def evict(self, tag: str) -> int:
        """Remove everything that bears the tag, by a walk over all keys; how many those were."""
        spared = self.engine.codec.tags.spared(tag)
        cursor, removed, more = 0, 0, True
        while more:
            cursor, some = self.evict_some(cursor, _EVICT, spared)
            removed += some
            more = cursor != 0
        return removed

    def compact_some(self) -> int | None:
        """Work on a compaction for a moment, or begin one; the bytes that it freed once it is over, None before."""
        return self.engine.compact_some()

    def stats(self) -> dict[str, Any]:
        """Figures: keys, hits, misses, evicted, expired, memory, maxmemory (bytes), policy."""
        keys = len(self)
        figures = self.engine.kernel.stats()
        return {"keys": keys} | {name: figures[source] for name, source in _FIGURES.items()}

    def redis(self, **options: Any) -> redis.Redis:
        """A redis.Redis over this store, with the options of that class."""
        from dozo.store import wires

        return wires.client(self, {"db": self.index} | options)

    def aredis(self, **options: Any) -> AsyncRedis:
        """A redis.asyncio.Redis over this store, with the options of that class."""
        from dozo.store import wires

        return wires.async_client(self, {"db": self.index} | options)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self.engine.is_closed

    def close(self) -> None:
        """End it. What is kept on disk is there then; whoever uses the store later gets a ClosedError."""
        self.engine.close()
