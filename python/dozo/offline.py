"""The data of files without a server: they are loaded into a kernel that serves nobody, looked at, and written again.

Owns what `dozo check`, `dozo import` and `dozo export` do. Refuses to print: progress goes to a function.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from dozo._kernel import Kernel, Server
from dozo.commands.api import load_families
from dozo.errors import ConfigError
from dozo.identity import REDIS_VERSION
from dozo.persistence.files import place
from dozo.persistence.recovery import Fault, Plan, explain

__all__ = ["Contents", "Offline"]

_DATABASES: Final = 1024
_SLICE_MS: Final = 100

Progress = Callable[[int, int], None]


class Contents(NamedTuple):
    """What was found in files."""

    bytes: int
    keys: int
    expired: int
    commands: int
    failed: int
    libraries: int
    databases: Sequence[tuple[int, int]]


class Offline:
    """A data set in this process."""

    def __init__(self) -> None:
        # With a clock that expires nothing by itself: what is in a file is told as it is.
        settings: dict[str, Any] = {"databases": _DATABASES, "active-expire": False}
        self._kernel = Kernel(load_families().everything(), settings)

    def load(self, plan: Plan, progress: Progress) -> tuple[Contents, Fault | None]:
        """Load files; what was in them, up to the first fault."""
        self._kernel.run(lambda server: server.disk.begin_loading(plan.for_kernel()))
        while self._kernel.run(lambda server: server.disk.load_some(_SLICE_MS)):
            done, total = self._kernel.run(_progress)
            progress(done, total)
        return self._kernel.run(self._contents)

    def _contents(self, server: Server) -> tuple[Contents, Fault | None]:
        state, fault = server.disk.load_state(), server.disk.load_fault()
        done, _, keys, expired, commands, failed, libraries, _ = state or (0, 0, 0, 0, 0, 0, 0, True)
        server.disk.end_loading()
        databases = [(index, count) for index, count, *_ in server.stats()["keyspace"]]
        found = Contents(done, keys, expired, commands, failed, libraries, databases)
        return found, Fault(*fault) if fault else None

    def load_sound(self, plan: Plan, progress: Progress) -> Contents:
        """Load files that have no fault; ConfigError for others."""
        contents, fault = self.load(plan, progress)
        if fault:
            raise ConfigError(explain(fault))
        return contents

    def save(self, path: Path) -> None:
        """Write everything into an RDB file; ConfigError when that fails."""
        temporary = path.with_name(f"temp-{path.name}")
        aux = {
            "redis-ver": REDIS_VERSION,
            "redis-bits": "64",
            "ctime": str(int(time.time())),
            "aof-base": "0",
        }

        def write(server: Server) -> None:
            server.disk.begin_save(temporary, aux)
            server.disk.finish_save()

        try:
            self._kernel.run(write)
            place(temporary, path)
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror or error}") from None


def _progress(server: Server) -> tuple[int, int]:
    state = server.disk.load_state()
    return (state[0], state[1]) if state else (0, 0)
