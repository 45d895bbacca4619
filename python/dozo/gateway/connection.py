"""One RESP connection of a gateway: sends commands, hands back their replies, or everything a subscription hears.

Owns the socket, the order of replies and the limit on their size. Refuses to know who calls and what commands mean
(upstream.py). hiredis reads and writes RESP; redis-py's own connections are not used because they turn some error
replies into lost connections and drop the codes of others, while a gateway has to hand on what the server said.

One exchange runs at a time. Whoever gives up waiting for a reply closes the connection, as the reply would otherwise be
taken for that of the next command.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import hiredis

from dozo.errors import DozoError, ReplyError
from dozo.gateway.address import Address

__all__ = ["Connection", "Reply", "ReplyTooLarge", "Unavailable", "UpstreamError", "Word"]

Word = bytes | str | int
"""A part of a command."""

Reply = Any
"""bytes, int, None, a list of replies, or inside of lists a ReplyError: the shapes of RESP2."""

_NOTHING: Final = object()
_packed = cast(
    Callable[[tuple[Word, ...]], bytes], hiredis.pack_command
)  # Its stub allows for one word only.
_QUEUE: Final = 256
"""Messages that a subscription holds until it is read no further; the server then applies its output limit."""


class UpstreamError(DozoError):
    """The upstream gave no reply."""


class Unavailable(UpstreamError):
    """It can't be reached, or the connection broke; whether the command ran is then unknown."""


class ReplyTooLarge(UpstreamError):
    """The replies were larger than the gateway holds in memory."""


class Connection(asyncio.Protocol):
    """An open connection; `open` makes it."""

    def __init__(self, max_reply_bytes: int) -> None:
        self.created_at = asyncio.get_running_loop().time()
        self.database = 0
        self._max_reply_bytes = max_reply_bytes
        self._reader = hiredis.Reader(replyError=ReplyError, notEnoughData=_NOTHING)
        self._transport: asyncio.Transport | None = None
        self._error: UpstreamError | None = None
        self._replies: deque[Reply] = deque()
        self._wanted = 0
        self._received_bytes = 0
        self._ready: asyncio.Future[None] | None = None
        self._listening = False

    @classmethod
    async def open(cls, address: Address, max_reply_bytes: int) -> Connection:
        """Connect; Unavailable says why that failed."""
        loop = asyncio.get_running_loop()
        try:
            if address.path:
                _, connection = await loop.create_unix_connection(lambda: cls(max_reply_bytes), address.path)
            else:
                context = ssl.create_default_context() if address.tls else None
                _, connection = await loop.create_connection(
                    lambda: cls(max_reply_bytes), address.host, address.port, ssl=context
                )
        except OSError as error:
            raise Unavailable(f"can't connect to {address}: {error.strerror or error}") from None
        return connection

    @property
    def is_open(self) -> bool:
        """Whether it may still be used."""
        return self._error is None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is on its way, so that another caller may have it."""
        return self.is_open and not self._wanted and not self._replies and not self._listening

    async def exchange(self, commands: Sequence[Sequence[Word]]) -> list[Reply]:
        """Send commands at once and return their replies in order; error replies are among them."""
        if self._wanted or self._listening:
            raise RuntimeError("the connection is busy")
        self._wanted, self._received_bytes = len(commands), 0
        self._send(commands)
        try:
            while len(self._replies) < self._wanted:
                await self._wait()
        except BaseException:
            self.close()
            raise
        replies = [self._replies.popleft() for _ in commands]
        self._wanted = 0
        return replies

    async def listen(self, commands: Sequence[Sequence[Word]]) -> None:
        """Send commands and let `next_message` return whatever comes, from now on until the connection closes."""
        self._listening = True
        self._send(commands)

    async def next_message(self) -> Reply:
        """The next thing that a listening connection hears."""
        while not self._replies:
            await self._wait()
        self._received_bytes = 0
        reply = self._replies.popleft()
        if self._transport is not None and len(self._replies) < _QUEUE // 2:
            self._transport.resume_reading()
        return reply

    def close(self) -> None:
        """Close at once; who waits hears Unavailable."""
        self._fail(Unavailable("the connection to the upstream was closed"))

    def _send(self, commands: Sequence[Sequence[Word]]) -> None:
        if self._error is not None or self._transport is None:
            raise self._error or Unavailable("the connection to the upstream was closed")
        self._transport.writelines([_packed(tuple(command)) for command in commands])

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        self._ready = asyncio.get_running_loop().create_future()
        await self._ready

    def _fail(self, error: UpstreamError) -> None:
        if self._error is None:
            self._error = error
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    def _wake(self) -> None:
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport (asyncio calls this)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits (asyncio calls this)."""
        last = self._replies[-1] if self._replies else None
        reason = f": {last.text}" if isinstance(last, ReplyError) else ""
        self._fail(Unavailable(f"the upstream closed the connection{reason}"))

    def data_received(self, data: bytes) -> None:
        """Read replies (asyncio calls this)."""
        self._received_bytes += len(data)
        if self._received_bytes > self._max_reply_bytes:
            self._fail(ReplyTooLarge(f"the reply is larger than {self._max_reply_bytes} bytes"))
            return
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _NOTHING:
                self._replies.append(reply)
        except hiredis.ProtocolError as error:
            self._fail(Unavailable(f"the upstream does not speak RESP: {error}"))
            return
        if self._listening and self._transport is not None and len(self._replies) > _QUEUE:
            self._transport.pause_reading()
        if len(self._replies) >= max(self._wanted, 1):
            self._wake()
