"""The body of a request, read as far as it is needed; and whether the client is still there.

Owns the patience with a client that sends nothing, and the end of what nobody waits for any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final, TypeVar

from starlette.requests import ClientDisconnect, Request

from dozo.http.problems import Problem

__all__ = ["Body", "while_connected"]

T = TypeVar("T")

_PATIENCE_S: Final = 30
"""How long a client may send nothing in the middle of a body."""
_SOON_S: Final = 0.05
"""Most replies have come by then, and it is not worth while to look whether the client is still there."""


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of some work, which ends when the client goes: a command may wait for ever."""
    doing = asyncio.ensure_future(work)
    gone: asyncio.Future[None] | None = None
    try:
        await asyncio.wait((doing,), timeout=_SOON_S)
        if not doing.done():
            gone = asyncio.ensure_future(_until_gone(request))
            await asyncio.wait((doing, gone), return_when="FIRST_COMPLETED")
            if not doing.done():
                raise ClientDisconnect
        return doing.result()
    finally:
        doing.cancel()
        if gone is not None:
            gone.cancel()


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Body:
    """What a client sends; `length` is None where it did not tell."""

    def __init__(self, request: Request) -> None:
        self._stream = request.stream()
        self._read = bytearray()
        self._ended = False
        length = request.headers.get("content-length")
        self.length = None if length is None else int(length)

    async def is_within(self, most: int) -> bool:
        """Read until it is clear whether the body is no longer than that."""
        if self.length is not None and self.length > most:
            return False
        await self._fill(most + 1)
        return len(self._read) <= most

    def whole(self) -> bytes:
        """A body that is within a limit."""
        return bytes(self._read)

    async def pieces(self, size: int) -> AsyncIterator[bytes]:
        """The whole body in pieces of one size, the last one shorter."""
        while True:
            await self._fill(size)
            piece = bytes(self._read[:size])
            if not piece:
                return
            del self._read[:size]
            yield piece

    async def _fill(self, wanted: int) -> None:
        while not self._ended and len(self._read) < wanted:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    self._read += await anext(self._stream)
            except StopAsyncIteration:
                self._ended = True
            except TimeoutError:
                raise Problem(
                    408, f"nothing came for {_PATIENCE_S} seconds", {"Connection": "close"}
                ) from None
