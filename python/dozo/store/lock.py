"""Locks by name, which all users of a store share.

A lock is a key `lock:NAME` with a token that only its holder knows, and a time to live, so that it doesn't outlive a
holder that has died. Owns taking and giving back. Refuses to be taken twice by the same holder.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from dozo.errors import StoreError

if TYPE_CHECKING:
    from dozo.store.api import Store

__all__ = ["Lock"]

_FIRST_PAUSE_S: Final = 0.0005
_LONGEST_PAUSE_S: Final = 0.05


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE_S
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE_S)


class Lock:
    """A lock; `with` and `async with` take it and give it back."""

    def __init__(self, store: Store, name: str, ttl: float | None) -> None:
        self._store, self._key, self._ttl = store, f"lock:{name}", ttl
        self._token = ""

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take the lock, waiting for it so many seconds at most (None: for ever); whether it was taken."""
        deadline = None if timeout is None else time.monotonic() + timeout
        for pause in _pauses():
            if self._try():
                return True
            if not blocking or (deadline is not None and time.monotonic() >= deadline):
                return False
            time.sleep(pause)
        raise AssertionError  # The pauses never end.

    async def acquire_async(self) -> None:
        """Take the lock, waiting for it as coroutines do."""
        for pause in _pauses():
            if self._try():
                return
            await asyncio.sleep(pause)

    def _try(self) -> bool:
        if self._token:
            raise StoreError(f"{self._key} is held by this very object")
        token = secrets.token_hex(16)
        if not self._store.add(self._key, token, self._ttl):
            return False
        self._token = token
        return True

    def release(self) -> None:
        """Give the lock back; StoreError where it was not held, or is another's by now."""
        token, self._token = self._token, ""
        if not token or not self._store.execute("DELIFEQ", self._key, token):
            raise StoreError(f"{self._key} is not held")

    def locked(self) -> bool:
        """Whether anybody holds it."""
        return self._key in self._store

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    async def __aenter__(self) -> Self:
        await self.acquire_async()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
