"""How a gateway reaches data: connections to one RESP server, lent to one call at a time and kept for each caller.

Owns the connections: their number, who is authenticated on them, when they are too old to be used again. Refuses HTTP
and gRPC, and every command that is about a connection rather than about data, as callers share connections.

    upstream = Upstream(Address.parse("redis://127.0.0.1:6379"), "http")
    await upstream.call(Caller(password="secret"), "GET", b"key", database=3)      # a reply, or ReplyError raised
    await upstream.batch(NOBODY, [("INCR", "a"), ("GET", "b")], atomic=True)       # replies, errors among them
    async with upstream.session(NOBODY) as session:                                # several calls on one connection
        await session.call("GET", "a")
    async with upstream.subscription(NOBODY, patterns=["news.*"]) as messages:
        async for message in messages: ...

Replies have the shapes of RESP2. Everything belongs to the event loop in which it is used first.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from dozo import __version__
from dozo.errors import ReplyError
from dozo.gateway.address import Address
from dozo.gateway.connection import Connection, Reply, ReplyTooLarge, Unavailable, UpstreamError, Word
from dozo.gateway.refused import refuse

__all__ = [
    "NOBODY",
    "Aborted",
    "Busy",
    "Caller",
    "Denied",
    "Message",
    "Reply",
    "ReplyTooLarge",
    "Session",
    "Unavailable",
    "Upstream",
    "UpstreamError",
    "Word",
]

_CONNECT_S: Final = 5.0
_SWEEP_S: Final = 1.0
_LIFETIME_S: Final = 10.0
"""How long a connection is used again. The upstream asks for a password only once a connection, so this is also how
long a password that was changed there is still good for (`forget` makes it good for nothing at once)."""


class Busy(UpstreamError):
    """All connections were in use for too long."""


class Denied(ReplyError):
    """The caller's password is missing or wrong; the text is the upstream's."""


class Aborted(ReplyError):
    """A transaction did not begin; the text is the error reply of the command that was to blame."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: without a password as nobody in particular, without a name as Redis's default user."""

    password: str | None = None
    username: str | None = None


NOBODY: Final = Caller()


@dataclass(frozen=True, slots=True)
class Message:
    """What a subscription hears; `pattern` is None for a channel subscribed by its name."""

    channel: bytes
    data: bytes
    pattern: bytes | None = None


class Session:
    """A connection lent to one caller."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def call(self, *args: Word) -> Reply:
        """Run one command; its reply, or its ReplyError raised."""
        (reply,) = await self.batch([args])
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    async def batch(self, commands: Sequence[Sequence[Word]], *, atomic: bool = False) -> list[Reply]:
        """Run commands in order, sent at once; error replies are among the replies.

        atomic: as one transaction. Aborted tells what keeps it from running at all.
        """
        for command in commands:
            refuse(command)
        if not atomic:
            return _checked(await self._connection.exchange(commands))
        replies = _checked(await self._connection.exchange([("MULTI",), *commands, ("EXEC",)]))
        for reply in replies:
            if isinstance(reply, ReplyError):
                raise Aborted(reply.text)
        done: list[Reply] = replies[-1]
        return done


class Upstream:
    """One RESP server as seen by one door.

    `connections` bounds how many are open at once, `wait_s` how long a call waits for a free one.
    """

    def __init__(
        self,
        address: Address,
        door: str,
        *,
        connections: int = 64,
        wait_s: float = 5.0,
        max_reply_bytes: int = 64 << 20,
    ) -> None:
        self.address = address
        self._door = door
        self._limit = connections
        self._wait_s = wait_s
        self._max_reply_bytes = max_reply_bytes
        self._slots = asyncio.Semaphore(connections)
        self._free: dict[Caller, list[Connection]] = {}
        self._open: set[Connection] = set()
        self._forgotten_at = 0.0
        self._swept_at = 0.0

    async def call(self, caller: Caller, *args: Word, database: int = 0) -> Reply:
        """Run one command; its reply, or its ReplyError raised."""
        async with self.session(caller, database) as session:
            return await session.call(*args)

    async def batch(
        self, caller: Caller, commands: Sequence[Sequence[Word]], *, database: int = 0, atomic: bool = False
    ) -> list[Reply]:
        """Run commands in order, sent at once; error replies are among the replies (`Session.batch`)."""
        async with self.session(caller, database) as session:
            return await session.batch(commands, atomic=atomic)

    @asynccontextmanager
    async def session(self, caller: Caller, database: int = 0) -> AsyncIterator[Session]:
        """Lend a connection on that database; Denied, Unavailable or Busy when there is none."""
        async with self._connection(caller) as connection:
            if connection.database != database:
                (reply,) = _checked(await connection.exchange([("SELECT", database)]))
                if isinstance(reply, ReplyError):
                    raise reply
                connection.database = database
            yield Session(connection)

    @asynccontextmanager
    async def subscription(
        self, caller: Caller, *, channels: Sequence[Word] = (), patterns: Sequence[Word] = ()
    ) -> AsyncIterator[AsyncIterator[Message]]:
        """Subscribe, and hear from the moment this is entered; the iterator ends by Unavailable only."""
        async with self.lease(caller) as connection:
            yield await _listen(connection, channels, patterns)

    @asynccontextmanager
    async def lease(self, caller: Caller) -> AsyncIterator[Connection]:
        """Hand out a connection that nobody gets afterwards, for what leaves something behind in it."""
        async with self._connection(caller) as connection:
            try:
                yield connection
            finally:
                connection.close()

    async def ping(self) -> None:
        """Return when the upstream serves; one that asks for a password serves whoever has it."""
        own = self._itself()
        try:
            async with self._lent(own) as connection:
                for reply in _checked(await connection.exchange([("PING",)])):
                    if isinstance(reply, ReplyError):
                        raise reply
        except Denied:
            if own.password is not None:
                raise

    def forget(self) -> None:
        """Trust no connection that is open now with another call: who may call has changed."""
        self._forgotten_at = asyncio.get_running_loop().time()

    async def close(self) -> None:
        """Close all connections; calls that wait for a reply hear Unavailable."""
        for connection in list(self._open):
            connection.close()
        self._open.clear()
        self._free.clear()

    @asynccontextmanager
    async def _connection(self, caller: Caller) -> AsyncIterator[Connection]:
        async with self._lent(self._known(caller)) as connection:
            yield connection

    @asynccontextmanager
    async def _lent(self, known: Caller) -> AsyncIterator[Connection]:
        """Lend a connection on which the upstream knows that caller."""
        try:
            async with asyncio.timeout(self._wait_s):
                await self._slots.acquire()
        except TimeoutError:
            raise Busy(f"all {self._limit} connections to the upstream are in use") from None
        try:
            connection = self._take(known) or await self._connect(known)
            try:
                yield connection
            finally:
                self._give_back(known, connection)
        finally:
            self._slots.release()

    def _known(self, caller: Caller) -> Caller:
        """As whom the upstream shall know a caller."""
        demanded = self.address.requirepass
        if not demanded:
            return caller
        if caller.password is None:
            raise Denied("NOAUTH Authentication required.")
        if not hmac.compare_digest(_bytes(caller.password), _bytes(demanded)):
            raise Denied("WRONGPASS invalid username-password pair or user is disabled.")
        return self._itself()

    def _itself(self) -> Caller:
        """The gateway, as whom the address's credentials name."""
        own = self.address
        return Caller(own.password or None, own.username or None)

    def _take(self, caller: Caller) -> Connection | None:
        """A free connection of the caller's that may be used again; those that may not are closed on the way."""
        self._sweep()
        free = self._free.get(caller, [])
        while free:
            connection = free.pop()
            if self._is_usable(connection):
                return connection
            self._drop(connection)
        return None

    def _give_back(self, caller: Caller, connection: Connection) -> None:
        if connection.is_idle and self._is_usable(connection):
            self._free.setdefault(caller, []).append(connection)
        else:
            self._drop(connection)

    def _sweep(self) -> None:
        """Close what nobody may use again, of all callers, now and then."""
        now = asyncio.get_running_loop().time()
        if now - self._swept_at < _SWEEP_S:
            return
        self._swept_at = now
        for caller, free in list(self._free.items()):
            kept = [connection for connection in free if self._is_usable(connection)]
            for connection in set(free).difference(kept):
                self._drop(connection)
            self._free[caller] = kept
            if not kept:
                del self._free[caller]

    def _is_usable(self, connection: Connection) -> bool:
        now = asyncio.get_running_loop().time()
        return (
            connection.is_open
            and connection.created_at > self._forgotten_at
            and now - connection.created_at < _LIFETIME_S
        )

    def _drop(self, connection: Connection) -> None:
        connection.close()
        self._open.discard(connection)

    async def _connect(self, caller: Caller) -> Connection:
        self._make_room()
        try:
            async with asyncio.timeout(_CONNECT_S):
                connection = await Connection.open(self.address, self._max_reply_bytes)
                try:
                    await self._greet(connection, caller)
                except BaseException:
                    connection.close()
                    raise
        except TimeoutError:
            raise Unavailable(f"no answer from {self.address} within {_CONNECT_S:g} s") from None
        self._open.add(connection)
        return connection

    def _make_room(self) -> None:
        """Close free connections of other callers where the limit would be passed."""
        for free in self._free.values():
            while free and len(self._open) >= self._limit:
                self._drop(free.pop(0))

    async def _greet(self, connection: Connection, caller: Caller) -> None:
        """Authenticate, and tell CLIENT LIST which door this is; a server without SETINFO may say so."""
        greeting: list[Sequence[Word]] = []
        if caller.password is not None:
            who = [] if caller.username is None else [_bytes(caller.username)]
            greeting.append(("AUTH", *who, _bytes(caller.password)))
        greeting += [
            ("CLIENT", "SETNAME", f"dozo-{self._door}"),
            ("CLIENT", "SETINFO", "LIB-NAME", f"dozo-{self._door}"),
            ("CLIENT", "SETINFO", "LIB-VER", __version__),
        ]
        replies = await connection.exchange(greeting)
        if caller.password is not None and isinstance(replies[0], ReplyError):
            raise Denied(replies[0].text)
        _checked(replies)


def _bytes(text: str) -> bytes:
    """A password or a name as it goes out: bytes that are no UTF-8 came in as lone surrogates."""
    return text.encode("utf-8", "surrogateescape")


def _checked(replies: list[Reply]) -> list[Reply]:
    """The replies, unless one says that the caller may not ask at all."""
    for reply in replies:
        if isinstance(reply, ReplyError) and reply.code == "NOAUTH":
            raise Denied(reply.text)
    return replies


async def _listen(
    connection: Connection, channels: Sequence[Word], patterns: Sequence[Word]
) -> AsyncIterator[Message]:
    """Subscribe, wait until that is confirmed, and return what comes."""
    commands: list[Sequence[Word]] = []
    if channels:
        commands.append(("SUBSCRIBE", *channels))
    if patterns:
        commands.append(("PSUBSCRIBE", *patterns))
    await connection.listen(commands)
    early: list[Message] = []
    confirmed = 0
    while confirmed < len(channels) + len(patterns):
        heard = await connection.next_message()
        if isinstance(heard, ReplyError):
            _checked([heard])
            raise heard
        if heard[0] in (b"subscribe", b"psubscribe"):
            confirmed += 1
        else:
            early.append(_message(heard))
    return _messages(connection, early)


async def _messages(connection: Connection, early: list[Message]) -> AsyncIterator[Message]:
    for message in early:
        yield message
    while True:
        heard = await connection.next_message()
        if not isinstance(heard, ReplyError) and heard[0] in (b"message", b"pmessage"):
            yield _message(heard)


def _message(heard: list[bytes]) -> Message:
    if heard[0] == b"pmessage":
        return Message(heard[2], heard[3], heard[1])
    return Message(heard[1], heard[2])
