"""Watching keys through an upstream: which of them changed, and what each holds now.

Owns a connection on which CLIENT TRACKING (Redis 6) reports changes as RESP3 pushes, and the keys that were reported
but not read yet. Refuses to know what is read of a key: whoever watches names the command.

Of a named key the server reports one change after the connection asked for the key, so it asks anew before each
reading. Prefixes are tracked in broadcasting mode. Either way a key that changes often while its watcher is busy takes
one place in `_changed`, so that a slow watcher hears of the last state instead of piling up the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Final

import hiredis

from dozo.errors import ReplyError
from dozo.gateway.connection import Connection, Reply, UpstreamError, Word
from dozo.gateway.upstream import Caller, Denied, Upstream

__all__ = ["Changed", "Read", "TooSlow", "watch"]

Read = Callable[[bytes], Sequence[Word]]
"""The command that reads a key."""

_AT_ONCE: Final = 8
"""Keys that are read in one round trip; a watcher holds so many values at most."""

_MOST_CHANGED: Final = 100_000
"""Keys that may have changed without having been read."""


class TooSlow(UpstreamError):
    """Too many keys changed while the watcher was busy."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A key that changed and what reading it answered, perhaps a ReplyError; without a key, all may be gone."""

    key: bytes | None
    reply: Reply = None


@asynccontextmanager
async def watch(
    upstream: Upstream,
    caller: Caller,
    database: int,
    *,
    keys: Sequence[bytes] = (),
    prefixes: Sequence[bytes] = (),
    initial: bool = False,
    read: Read,
) -> AsyncIterator[AsyncIterator[Changed]]:
    """Hear of changes from the moment this is entered: of keys, or of all that begin with one of the prefixes.

    initial: begin with each of `keys`. The iterator ends by an UpstreamError only.
    """
    async with upstream.lease(caller) as connection:
        watcher = _Watcher(connection, keys, read)
        try:
            await watcher.begin(database, prefixes, initial)
            yield watcher.changes()
        finally:
            await watcher.end()


class _Watcher:
    """What two tasks share: one hears (reports and replies), so that nothing waits in the server; the other reads."""

    def __init__(self, connection: Connection, tracked: Sequence[bytes], read: Read) -> None:
        self._connection = connection
        self._tracked = frozenset(tracked)
        self._read = read
        self._changed: dict[bytes, None] = {}
        self._flushed = False
        self._replies: deque[Reply] = deque()
        self._news = asyncio.Event()
        self._hearing = asyncio.create_task(self._hear())
        self._hearing.add_done_callback(lambda task: self._news.set())

    async def begin(self, database: int, prefixes: Sequence[bytes], initial: bool) -> None:
        """Ask for the reports; ReplyError when the upstream does not make them."""
        broadcast: list[Word] = [word for prefix in prefixes for word in (b"PREFIX", prefix)]
        tracking = ["CLIENT", "TRACKING", "ON", *(["BCAST", *broadcast] if prefixes else [])]
        for reply in await self._ask(
            [("HELLO", 3), ("SELECT", database), tracking, *self._asking(self._tracked)]
        ):
            if isinstance(reply, ReplyError):
                raise Denied(reply.text) if reply.code == "NOAUTH" else reply
        if initial:
            self._changed |= dict.fromkeys(self._tracked)

    async def changes(self) -> AsyncIterator[Changed]:
        """Whatever changes from now on."""
        while True:
            while not (self._flushed or self._changed):
                await self._wait()
            if self._flushed:
                self._flushed = False
                yield Changed(None)
            keys = list(islice(self._changed, _AT_ONCE))
            for key in keys:
                # Removed before it is read: a report that comes meanwhile has it read once more.
                del self._changed[key]
            asking = self._asking(keys)
            replies = await self._ask([*asking, *map(self._read, keys)])
            for key, reply in zip(keys, replies[len(asking) :], strict=True):
                yield Changed(key, reply)

    async def end(self) -> None:
        """Hear no more."""
        self._hearing.cancel()
        await asyncio.gather(self._hearing, return_exceptions=True)

    async def _hear(self) -> None:
        """Sort what arrives until the connection fails."""
        while True:
            heard = await self._connection.next_message()
            if isinstance(heard, hiredis.PushNotification):
                self._note(heard)
            else:
                self._replies.append(heard)
            self._news.set()

    def _asking(self, keys: Collection[bytes]) -> list[Sequence[Word]]:
        """The command that asks to hear of named keys; prefixes are asked for once and for all."""
        return [("EXISTS", *keys)] if self._tracked else []

    async def _ask(self, commands: Sequence[Sequence[Word]]) -> list[Reply]:
        await self._connection.listen(commands)
        while len(self._replies) < len(commands):
            await self._wait()
        return [self._replies.popleft() for _ in commands]

    async def _wait(self) -> None:
        if self._hearing.done():
            await self._hearing
        self._news.clear()
        await self._news.wait()

    def _note(self, report: list[Reply]) -> None:
        if report[0] != b"invalidate":
            return
        if report[1] is not None:
            self._changed |= dict.fromkeys(report[1])
        elif self._tracked:
            self._changed |= dict.fromkeys(self._tracked)
        else:
            self._changed.clear()
            self._flushed = True
        if len(self._changed) > _MOST_CHANGED:
            raise TooSlow(f"more than {_MOST_CHANGED} keys changed while the watcher was busy")
