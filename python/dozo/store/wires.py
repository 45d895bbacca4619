"""redis-py's connections to a store in this process: what they write goes into the engine, what it answers is read.

`Pipe` stands in a socket's place for the synchronous client, `Mouth` in the place of asyncio's writer. Owns the
waiting: a synchronous reader waits in the engine's own way, which other threads' calls and deadlines end; a coroutine
waits for its event loop, which is called from there, or calls at the deadline. Refuses to know what is said.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import weakref
from collections.abc import Iterable
from typing import Any, Final

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from dozo._kernel import Library, Wire

__all__ = ["async_client", "client", "distant_async_client", "distant_client"]

_NUMBERS: Final = itertools.count(1)
_PLACE: Final = "store"
"""What the clients take for the path of a socket."""


class Pipe:
    """A socket's part that redis-py uses, over a connection to the engine."""

    def __init__(self, wire: Wire, timeout: float | None) -> None:
        self._wire = wire
        self._timeout = timeout
        self._unread = b""

    def settimeout(self, timeout: float | None) -> None:
        """How long `recv` waits."""
        self._timeout = timeout

    def sendall(self, data: bytes) -> None:
        """Run the commands in the data; what they answer is kept for `recv`."""
        received, _ = self._wire.exchange(data)
        if received:
            self._unread += received

    def readable(self, timeout: float | None) -> bool:
        """Whether something can be read within that time. ConnectionError at the end."""
        if not self._unread:
            received = self._wire.wait(timeout)
            if received == b"":
                raise redis.ConnectionError("the store has closed the connection")
            self._unread = received or b""
        return bool(self._unread)

    def recv(self, most: int) -> bytes:
        """What came, at most so many bytes, once something did; nothing at the end."""
        data = self._unread
        if not data:
            received = self._wire.wait(self._timeout)
            if received is None:
                raise (
                    BlockingIOError(11, "nothing to be read")
                    if self._timeout == 0
                    else TimeoutError("timed out")
                )
            data = received
        self._unread = data[most:]
        return data[:most]

    def recv_into(self, buffer: bytearray) -> int:
        """The same, into a buffer; how many bytes."""
        data = self.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def shutdown(self, how: int) -> None:
        """Nothing: `close` ends both directions."""

    def close(self) -> None:
        """End the connection."""
        self._wire.close()


class _Connection(redis.UnixDomainSocketConnection):
    """A connection of the synchronous client; a subclass knows its store."""

    library: Library

    def _connect(self) -> socket.socket:
        try:
            wire = self.library.connect(f"{_PLACE}-{next(_NUMBERS)}")
        except Exception as error:
            raise redis.ConnectionError(str(error)) from error
        pipe: Any = Pipe(wire, self.socket_timeout)
        return pipe  # type: ignore[no-any-return]

    def can_read(self, timeout: float = 0) -> bool:
        """Whether there is something to read, without a socket that could be asked."""
        if not self._sock:
            self.connect()  # type: ignore[no-untyped-call]
        pipe: Any = self._sock
        reader = getattr(self._parser, "_reader", None)
        if reader is None:
            return bool(self._parser.can_read(timeout))
        return bool(reader.has_data() or pipe.readable(timeout))


class Mouth:
    """The part of asyncio's StreamWriter that redis-py uses."""

    def __init__(self, wire: Wire, ear: asyncio.StreamReader) -> None:
        self._wire, self._ear = wire, ear
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        # Weakly: a client that nobody closes must not live as long as its store.
        call = weakref.WeakMethod(self._call)
        wire.on_ready(lambda: (heard := call()) and heard())

    def _call(self) -> None:
        # From whichever thread made the news. A loop that has ended has nobody who would read.
        try:
            self._loop.call_soon_threadsafe(self._hear)
        except RuntimeError:
            self._wire.on_ready(None)

    def _hear(self) -> None:
        if not self._is_closed:
            self._pass_on(self._wire.take())

    def _pass_on(self, turned: tuple[bytes | None, int | None]) -> None:
        received, due_ms = turned
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if received == b"":
            self._is_closed = True
            self._ear.feed_eof()
        elif received is not None:
            self._ear.feed_data(received)
        elif due_ms is not None:
            # A moment later, so that the deadline has passed in milliseconds too.
            self._timer = self._loop.call_later(due_ms / 1000 + 0.0005, self._hear)

    def write(self, data: bytes) -> None:
        """Run the commands in the data; the reader gets what they answer."""
        if self._is_closed:
            raise ConnectionResetError("the store has closed the connection")
        self._pass_on(self._wire.exchange(data))

    def writelines(self, lines: Iterable[bytes]) -> None:
        """The same, of several pieces."""
        self.write(b"".join(lines))

    async def drain(self) -> None:
        """Nothing is ever left over."""

    def close(self) -> None:
        """End the connection."""
        self._is_closed = True
        if self._timer:
            self._timer.cancel()
        self._wire.on_ready(None)
        self._wire.close()

    def is_closing(self) -> bool:
        """Whether it has ended."""
        return self._is_closed

    async def wait_closed(self) -> None:
        """It ends at once."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """There is no socket that could tell anything."""
        return default


class _AsyncConnection(redis.asyncio.UnixDomainSocketConnection):
    """A connection of the asyncio client; a subclass knows its store."""

    library: Library

    async def _connect(self) -> None:
        try:
            wire = self.library.connect(f"{_PLACE}-{next(_NUMBERS)}")
        except Exception as error:
            raise redis.ConnectionError(str(error)) from error
        ear = asyncio.StreamReader()
        mouth: Any = Mouth(wire, ear)
        self._reader, self._writer = ear, mouth
        await self.on_connect()


def _options(given: dict[str, Any], retry: Any) -> dict[str, Any]:
    # A call that blocks does so until its own time is up: nothing gets lost on the way that a timeout would reveal. A
    # connection that was killed is opened again at once; a store that was closed doesn't come back.
    return {"unix_socket_path": _PLACE, "socket_timeout": None, "retry": retry} | given


def _single(client: Any) -> Any:
    """A client that keeps one connection, which it closes with itself as its pool is its own."""
    one = client.client()
    client.auto_close_connection_pool, one.auto_close_connection_pool = False, True
    return one


def client(library: Library, options: dict[str, Any]) -> redis.Redis:
    """A redis.Redis over the engine."""
    single = options.pop("single_connection_client", False)
    made = redis.Redis(**_options(options, Retry(NoBackoff(), 1)))
    made.connection_pool.connection_class = type("StoreConnection", (_Connection,), {"library": library})
    return _single(made) if single else made


def async_client(library: Library, options: dict[str, Any]) -> redis.asyncio.Redis:
    """A redis.asyncio.Redis over the engine."""
    single = options.pop("single_connection_client", False)
    made = redis.asyncio.Redis(**_options(options, AsyncRetry(NoBackoff(), 1)))
    kind = type("StoreConnection", (_AsyncConnection,), {"library": library})
    made.connection_pool.connection_class = kind
    return _single(made) if single else made


def distant_client(path: str, options: dict[str, Any]) -> redis.Redis:
    """A redis.Redis over the engine of another process."""
    return redis.Redis(**{"unix_socket_path": path, "socket_timeout": None} | options)


def distant_async_client(path: str, options: dict[str, Any]) -> redis.asyncio.Redis:
    """A redis.asyncio.Redis over the engine of another process."""
    return redis.asyncio.Redis(**{"unix_socket_path": path, "socket_timeout": None} | options)
