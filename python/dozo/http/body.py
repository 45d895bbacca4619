"""The body of a request, read as far as it is needed and no faster than it is used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request

from dozo.http.problems import Problem

__all__ = ["Body"]

_PATIENCE_S: Final = 30
"""How long a client may send nothing in the middle of a body."""


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
