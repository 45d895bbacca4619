"""The doors of a process: one thread with an event loop in which the HTTP and the gRPC door live.

Owns that thread: it opens all doors or none, closes them in time, and tells when that is done. Refuses to know what a
door does. `dozo serve` opens its doors once the kernel listens and closes them before it; `dozo gateway` has only them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

from dozo.errors import ConfigError
from dozo.log import Log

__all__ = ["Door", "Doors"]


class Door(Protocol):
    """A gateway: it listens once `open` has returned, and serves until `close` has."""

    name: str

    async def open(self) -> list[str]:
        """Listen; the places where it does. OSError or ConfigError: it can't."""

    async def close(self, grace_s: float) -> None:
        """Take no more calls, let those in flight take so many seconds, and end."""

    def forget(self) -> None:
        """Let nobody in any more who was let in by a password that has changed."""


class Doors:
    """Doors that share a thread; `start` opens them and returns, `stop` returns at once, `join` waits for the end."""

    def __init__(self, doors: Sequence[Door], log: Log) -> None:
        self._doors = doors
        self._log = log
        self._places: Future[list[str]] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._grace_s = 0.0
        self._thread = threading.Thread(target=self._run, name="doors", daemon=True)
        self._then: Callable[[], None] | None = None

    def start(self) -> list[str]:
        """Open all doors; the places where they listen. ConfigError: one can't be opened, and all are closed."""
        self._thread.start()
        try:
            return self._places.result()
        except OSError as error:
            raise ConfigError(str(error)) from None

    def stop(self, grace_s: float, then: Callable[[], None] | None = None) -> None:
        """Close the doors, and call `then` from their thread once that is done."""
        self._grace_s, self._then = grace_s, then
        if not self._call(self._stop.set) and then is not None:
            then()

    def forget(self) -> None:
        """Tell the doors that who may call has changed; from any thread."""
        for door in self._doors:
            self._call(door.forget)

    def join(self) -> None:
        """Wait until the doors are closed."""
        if self._thread.ident is not None:
            self._thread.join()

    def _call(self, function: Callable[[], object]) -> bool:
        """Call something in the doors' loop; whether there is one."""
        if self._loop is None:
            return False
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            return False  # The loop has just ended.
        return True

    def _run(self) -> None:
        asyncio.run(self._serve())
        if self._then is not None:
            self._then()

    async def _serve(self) -> None:
        opened: list[Door] = []
        places: list[str] = []
        try:
            for door in self._doors:
                places += [f"{door.name} {place}" for place in await door.open()]
                opened.append(door)
        except Exception as error:
            await self._close(opened, 0)
            self._places.set_exception(error)
            return
        self._loop = asyncio.get_running_loop()
        self._places.set_result(places)
        await self._stop.wait()
        await self._close(opened, self._grace_s)
        self._loop = None

    async def _close(self, doors: Sequence[Door], grace_s: float) -> None:
        for door, ended in zip(
            doors,
            await asyncio.gather(*(door.close(grace_s) for door in doors), return_exceptions=True),
            strict=True,
        ):
            if isinstance(ended, Exception):
                self._log("error", f"the {door.name} door did not close in order: {ended!r}")
