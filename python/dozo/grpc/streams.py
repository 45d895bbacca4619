"""The streams that are open: how many there may be, and their end when the door closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from grpc import StatusCode

from dozo.grpc.calls import Refused

__all__ = ["Streams"]


class Streams:
    """Calls that would go on for as long as their client likes; `setting` is the name of the limit on them."""

    def __init__(self, most: int, setting: str) -> None:
        self._most = most
        self._setting = setting
        self._open: set[asyncio.Timeout] = set()
        self._ended = False

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Be one of them until the block ends or is ended; Refused: there are enough, or the door has closed."""
        if len(self._open) >= self._most:
            raise Refused(StatusCode.RESOURCE_EXHAUSTED, f"{self._most} streams are open ({self._setting})")
        # A timeout without a time is a way to cancel this block, and nothing else, from outside.
        end = asyncio.timeout(0 if self._ended else None)
        try:
            async with end:
                self._open.add(end)
                try:
                    yield
                finally:
                    self._open.discard(end)
        except TimeoutError:
            if not end.expired():
                raise
            raise Refused(StatusCode.UNAVAILABLE, "the server is stopping") from None

    def end(self) -> None:
        """End those that are open, and each that begins from now on."""
        self._ended = True
        now = asyncio.get_running_loop().time()
        for end in self._open:
            end.reschedule(now)
