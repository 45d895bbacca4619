"""Which values are hot: written down, so that the next start brings those to memory first.

Owns the file of that, `tier.heat` in the tier's directory: a line that says what it is, a checksum, and where the
records of the hottest values lie, the hottest first. Owns how often it is written. A file that is missing, old or
damaged costs nothing but time: the newest values come first then.
"""

from __future__ import annotations

import contextlib
import struct
import threading
import time
import zlib
from pathlib import Path
from typing import Final

from dozo._kernel import Disk
from dozo.persistence.files import place

__all__ = ["Heat", "read", "write"]

_NAME: Final = "tier.heat"
_HEAD: Final = b"dozo heat 1\n"
_SUM: Final = struct.Struct("<I")
_PLACE: Final = 8
"""Bytes of a place."""
_MOST: Final = 1 << 18
"""Values that are written down, at most."""
_PART: Final = 64
"""The part of the tier's size that the file may have."""
_SLICE: Final = 1000
"""Entries looked at in one go while others wait."""
_PERIOD_S: Final = 300.0
"""Between the beginnings of two walks."""


def read(folder: Path) -> bytes:
    """The places of the hottest values, the hottest first; none where there is no sound file."""
    try:
        data = (folder / _NAME).read_bytes()
    except OSError:
        return b""
    body = data[len(_HEAD) + _SUM.size :]
    return body if data.startswith(_HEAD + _SUM.pack(zlib.crc32(body))) else b""


def write(folder: Path, places: bytes) -> None:
    """Write the file anew; OSError when that fails."""
    temporary = folder / f"{_NAME}.new"
    temporary.write_bytes(_HEAD + _SUM.pack(zlib.crc32(places)) + places)
    place(temporary, folder / _NAME)


class Heat:
    """A walk over the values in memory, a slice at a time, that begins anew every few minutes."""

    def __init__(self, folder: Path, size: int, databases: int) -> None:
        self._folder, self._databases = folder, databases
        self._most = min(_MOST, size // _PART // _PLACE)
        self._db = self._cursor = 0
        self._due = time.monotonic() + _PERIOD_S
        self._writing: threading.Thread | None = None

    def step(self, disk: Disk) -> None:
        """Walk on over a slice, if a walk is due; what it has found in the end is written by a thread."""
        if time.monotonic() < self._due or not self._walk(disk, _SLICE):
            return
        places = disk.take_heat(self._most)
        self._db, self._due = 0, time.monotonic() + _PERIOD_S
        self._wait()
        self._writing = threading.Thread(target=self._write, args=(places,), name="dozo-heat", daemon=True)
        self._writing.start()

    def finish(self, disk: Disk) -> None:
        """Walk over everything and write the file, while everybody waits."""
        self._wait()
        disk.take_heat(0)
        self._db = self._cursor = 0
        while not self._walk(disk, 100 * _SLICE):
            pass
        self._write(disk.take_heat(self._most))

    def _walk(self, disk: Disk, count: int) -> bool:
        """Look at about so many entries; whether everything was seen."""
        self._cursor = disk.find_heat(self._db, self._cursor, count, self._most)
        if self._cursor == 0:
            self._db += 1
        return self._db >= self._databases

    def _wait(self) -> None:
        if self._writing:
            self._writing.join()

    def _write(self, places: bytes) -> None:
        # A disk that fails is told of by whoever writes values there.
        with contextlib.suppress(OSError):
            write(self._folder, places)
