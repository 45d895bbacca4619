"""One store for several processes: the first that opens a path has the engine, the others make their calls there.

Who comes to a path tries its lock. With the lock it is the owner; else it connects to the owner's socket, and where
that breaks off, because the owner has closed the store or died, it tries again: one of those who are left becomes the
owner. A call that was sent and not answered is made again if that does no harm, else it is an InterruptedCall.

Owns who is the owner. `host.py` is the owner's side of a connection, `Link` the other one.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dozo._kernel import decode_reply
from dozo.config import Config
from dozo.errors import ClosedError, InterruptedCall
from dozo.persistence.files import InUseError
from dozo.store.api import Key, Store
from dozo.store.calls import GREETING, SAFE_TWICE, Frames, frame, perform, unpack_answer
from dozo.store.codec import Codec, Serializer, Tags
from dozo.store.embedded import Engine
from dozo.store.host import Host, address

if TYPE_CHECKING:
    import redis
    from redis.asyncio import Redis as AsyncRedis

__all__ = ["Guest", "open_shared"]

_READ: Final = 1 << 18
_PAUSE_S: Final = 0.005
_PATIENCE_S: Final = 30.0
"""How long a path may have an owner that doesn't answer at its socket, which it does while it begins and ends."""
LIBRARY: Final = "library"
"""The role of an owner that lets others in."""


class Link:
    """A connection to the owner, for one call at a time."""

    def __init__(self, path: str) -> None:
        self._sock = socket.socket(socket.AF_UNIX)
        self._frames = Frames()
        try:
            self._sock.connect(path)
            self._sock.sendall(GREETING)
        except OSError:
            self._sock.close()
            raise

    def is_good(self) -> bool:
        """Whether the other side is there, as far as one can know without asking."""
        return not select.select([self._sock], [], [], 0)[0]

    def call(self, request: bytes) -> Any:
        """Send a request and return its answer. OSError where the connection breaks off."""
        self._sock.sendall(request)
        while True:
            data = self._sock.recv(_READ)
            if not data:
                raise ConnectionResetError("the owner has gone")
            for content in self._frames.feed(data):
                return unpack_answer(content)

    def close(self) -> None:
        """End it."""
        self._sock.close()


class Access:
    """A process's access to a path: its own engine, or connections to whoever has it."""

    def __init__(self, folder: Path, make_engine: Callable[[], Engine]) -> None:
        self._folder, self._make_engine = folder, make_engine
        self._address = ""
        self._lock = threading.Lock()
        self.engine: Engine | None = None
        self._free: list[Link] = []
        self._process = os.getpid()
        self.is_closed = False

    def settle(self) -> None:
        """Become the owner, or find it."""
        with self._lock:
            deadline = time.monotonic() + _PATIENCE_S
            while not self._try(deadline):
                time.sleep(_PAUSE_S)

    def _try(self, deadline: float) -> bool:
        if self.is_closed:
            raise ClosedError
        if self.engine is not None and not self.engine.is_closed:
            return True
        try:
            self.engine = self._make_engine()
            return True
        except InUseError as error:
            if error.role != LIBRARY or time.monotonic() > deadline:
                raise
        try:
            self._address = self._address or address(self._folder)
            self._free.append(Link(self._address))
        except OSError:
            return False
        return True

    @contextlib.contextmanager
    def _link(self) -> Iterator[Link]:
        if self._process != os.getpid():
            # Connections of the process that this one was forked from; both would hear the answers.
            self._free, self._process = [], os.getpid()
        try:
            link = self._free.pop()
        except IndexError:
            link = Link(self._address)
        try:
            yield link
        except OSError:
            link.close()
            raise
        except BaseException:
            # What a call raises was answered; an interruption leaves an answer that nobody waits for.
            self._give_back(link)
            raise
        self._give_back(link)

    def _give_back(self, link: Link) -> None:
        if self.is_closed or not link.is_good():
            link.close()
        else:
            self._free.append(link)

    def call(self, database: int, name: str, *arguments: Any) -> Any:
        """Make a call, wherever the data are by then."""
        is_safe = (
            name in SAFE_TWICE or (name == "get" and not arguments[1]) or (name == "set" and not arguments[5])
        )
        request = b""
        while True:
            if self.is_closed:
                raise ClosedError
            engine = self.engine
            if engine is not None and not engine.is_closed:
                return perform(engine, database, name, list(arguments))
            request = request or frame((database, name, arguments))
            was_sent = False
            try:
                with self._link() as link:
                    if not link.is_good():
                        raise ConnectionResetError
                    was_sent = True
                    return link.call(request)
            except ClosedError:
                # The owner is about to close, and has not done it.
                time.sleep(_PAUSE_S)
            except OSError:
                if was_sent and not is_safe:
                    raise InterruptedCall(name) from None
            self.settle()

    def place(self) -> str:
        """The socket of whoever is the owner."""
        self._address = self._address or address(self._folder)
        return self._address

    def close(self) -> None:
        """Leave; as the owner, for all others to see."""
        with self._lock:
            self.is_closed = True
            if self.engine is not None:
                self.engine.close()
            while self._free:
                self._free.pop().close()


class Guest(Store):
    """A database of a store whose engine is, or was when it was opened, in another process."""

    def __init__(self, access: Access, codec: Codec, index: int = 0) -> None:
        self._access, self._codec, self._index = access, codec, index

    def _call(self, name: str, *arguments: Any) -> Any:
        return self._access.call(self._index, name, *arguments)

    def _call_of(self, name: str, key: Key, *arguments: Any) -> Any:
        try:
            return self._call(name, _name(key), *arguments)
        except KeyError:
            raise KeyError(key) from None

    def get(self, key: Key, default: Any = None) -> Any:
        """The value, or the default. WrongType where another client keeps no string at the key."""
        found = self._call("get", _name(key), False)
        return default if found is None else self._codec.unpack(*found)

    def pop(self, key: Key, default: Any = None) -> Any:
        """Remove a key; the value that it had, or the default."""
        found = self._call("get", _name(key), True)
        return default if found is None else self._codec.unpack(*found)

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
        data, kind = self._codec.pack(value, compress)
        self._call("set", _name(key), data, kind, ttl, _list(tags), False, disk)

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
        data, kind = self._codec.pack(value, compress)
        return bool(self._call("set", _name(key), data, kind, ttl, _list(tags), True, disk))

    def gets(self, key: Key, default: Any = None) -> tuple[Any, int | None]:
        """The value and its version, for `cas`; the default and None where it is missing."""
        found = self._call("gets", _name(key))
        if found is None:
            return default, None
        data, flags, version = found
        return self._codec.unpack(data, flags), version

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
        data, kind = self._codec.pack(value, compress)
        stored: bool | None = self._call("cas", _name(key), data, kind, ttl, _list(tags), version, disk)
        return stored

    def incr(self, key: Key, by: int = 1, default: int | None = 0) -> int:
        """Add to an integer of 64 bits, which begins at the default; the sum. Its time to live stays."""
        total: int = self._call_of("incr", key, by, default)
        return total

    def touch(self, key: Key, ttl: float | None) -> bool:
        """Have a key be kept so long from now on; whether it is there."""
        return bool(self._call("touch", _name(key), ttl))

    def ttl(self, key: Key) -> float | None:
        """How long a key is still kept; None for ever. KeyError where it is missing."""
        left: float | None = self._call_of("ttl", key)
        return left

    def delete(self, key: Key) -> bool:
        """Remove a key; whether it was there."""
        return bool(self._call("delete", _name(key)))

    def expire(self) -> int:
        """Remove everything whose time is over, which otherwise happens by and by; how many those were."""
        return int(self._call("expire"))

    def clear(self) -> int:
        """Remove everything; how many keys there were."""
        return int(self._call("clear"))

    def evict(self, tag: str) -> int:
        """Remove everything that bears the tag; how many keys those were."""
        return int(self._call("evict", tag))

    def __contains__(self, key: Key) -> bool:
        return bool(self._call("contains", _name(key)))

    def __len__(self) -> int:
        return int(self._call("len"))

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """About so many keys from a cursor on (0 begins), and where to go on (0: it is over)."""
        following, keys = self._call("scan", cursor, count)
        return following, keys

    def tags(self, key: Key) -> tuple[str, ...]:
        """The tags that a key bears, sorted. KeyError where it is missing."""
        return tuple(self._call_of("tags", key))

    def encode(self, value: Any) -> tuple[bytes, int]:
        """A value as it is stored: its bytes, and the flags that tell of its kind."""
        return self._codec.pack(value)

    def decode(self, data: bytes, flags: int) -> Any:
        """The value that such bytes are."""
        return self._codec.unpack(data, flags)

    def database(self, index: int) -> Store:
        """Another database of the same store, from 0 to 15 (which has the locks). It ends with the store."""
        return Guest(self._access, self._codec, index)

    def compact_some(self) -> int | None:
        """Work on a compaction for a moment, or begin one; the bytes that it freed once it is over, None before."""
        freed: int | None = self._call("compact_some")
        return freed

    def stats(self) -> dict[str, Any]:
        """Figures: keys, hits, misses, evicted, expired, memory, maxmemory (bytes), policy."""
        figures: dict[str, Any] = self._call("stats")
        return figures

    def execute(self, *words: bytes | int | str) -> Any:
        """Run any command, such as "ZADD"; its reply, or its ReplyError raised. It never waits for anybody."""
        # msgpack has integers of 64 bits only.
        texts = (str(word) if isinstance(word, int) else word for word in words)
        return decode_reply(self._call("reply", *texts))

    def redis(self, **options: Any) -> redis.Redis:
        """A redis.Redis over this store, with the options of that class."""
        from dozo.store import wires

        return wires.distant_client(self._access.place(), {"db": self._index} | options)

    def aredis(self, **options: Any) -> AsyncRedis:
        """A redis.asyncio.Redis over this store, with the options of that class."""
        from dozo.store import wires

        return wires.distant_async_client(self._access.place(), {"db": self._index} | options)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._access.is_closed

    def close(self) -> None:
        """End it. What is kept on disk is there then; whoever uses the store later gets a ClosedError."""
        self._access.close()


def _name(key: Key) -> bytes:
    if isinstance(key, str):
        return key.encode()
    if isinstance(key, bytes):
        return key
    raise TypeError(f"a key is bytes or str, not {type(key).__name__}")


def _list(tags: Iterable[str]) -> list[str]:
    return [tags] if isinstance(tags, str) else list(tags)


def open_shared(config: Config, serializer: Serializer) -> Store:
    """The store of a path: the engine itself for the first, a `Guest` for the others."""
    # Without such sockets a path is its first process's alone.
    role, door = (LIBRARY, Host) if hasattr(socket, "AF_UNIX") else ("process", None)
    folder = Path(config.persistence.data_dir).absolute()
    access = Access(folder, lambda: Engine(config, serializer, role, door))
    access.settle()
    if access.engine is not None:
        return access.engine.store
    return Guest(access, Codec(serializer, Tags()))
