"""A fixed worker ID: the mark is in a file, which one process at a time has locked.

The file is `worker-N` in the state directory: one line, the mark in decimal. It is written in place and forced to the
medium; a line is shorter than a sector, so a crash leaves the old one or the new one.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Final

from dozo.errors import ConfigError
from dozo.ids.registry import Claim, Terms, Unavailable

__all__ = ["FileRegistry"]

_WIDTH: Final = 20
_TTL_MS: Final = 6000
"""How far the mark is ahead: a start after a crash goes on from there, so up to six seconds ahead of the clock."""
_HEARTBEAT_MS: Final = 2000


class FileRegistry:
    """The one worker ID that the configuration names."""

    kind = "fixed"
    settle_ms = 0

    def __init__(self, folder: Path, worker: int) -> None:
        self.terms = Terms(_TTL_MS, _HEARTBEAT_MS, range(worker, worker + 1))
        self._path = folder / f"worker-{worker}"
        self._file: int | None = None

    def taken(self, stop: Event) -> set[int]:
        """Nobody can tell."""
        return set()

    def claim(self, worker: int, owner: str, latest_mark_ms: int | None) -> Claim | None:
        """Open and lock the file; ConfigError where another process has it, or where it can't be used."""
        self.close()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            _lock(self._file, f"worker ID {worker} is in use by another process ({self._path})")
            return Claim(worker, owner, self._read())
        except OSError as error:
            raise ConfigError(f"{self._path}: {error.strerror}") from None

    def renew(self, claim: Claim, mark_ms: int) -> Claim | None:
        """Write the mark; Unavailable where the disk refuses."""
        try:
            assert self._file is not None
            os.pwrite(self._file, b"%0*d\n" % (_WIDTH, mark_ms), 0)
            os.fsync(self._file)
        except OSError as error:
            raise Unavailable(f"{self._path}: {error.strerror}") from None
        return replace(claim, mark_ms=mark_ms)

    def release(self, claim: Claim) -> None:
        """Write the mark and unlock."""
        self.renew(claim, claim.mark_ms)
        self.close()

    def close(self) -> None:
        """Unlock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _read(self) -> int:
        assert self._file is not None
        text = os.pread(self._file, _WIDTH + 2, 0)
        if not text:
            return 0
        with contextlib.suppress(ValueError):
            return int(text)
        raise ConfigError(
            f"{self._path} is damaged: it should hold the time up to which worker IDs are out, in unix ms"
        )


def _lock(file: int, otherwise: str) -> None:
    """Lock the file for this process; ConfigError where another one has it."""
    try:
        import fcntl
    except ImportError:
        return  # Windows has no flock; there a second process is not noticed.
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(otherwise) from None
