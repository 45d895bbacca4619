"""`maxmemory` of a server with a disk tier: a bound of the whole process, as its system counts it.

The kernel counts data. What a process takes besides - the interpreter, buffers of connections, pages that the allocator
holds though most of them is free - is only seen from outside. So it is looked at here, ten times a second and whenever
enough bytes have passed, and what is over the bound is taken from data. Data that leave free no whole pages at once, as
those that stay lie between them; so the look is repeated until it holds, and data get back what others don't need.

Owns how much of `maxmemory` is for data. Refuses to choose which data leave.
"""

from __future__ import annotations

from time import monotonic
from typing import Final

from dozo._kernel import Disk
from dozo.config import Config
from dozo.resident import resident_bytes, tells_present

__all__ = ["Bound"]

_STEPS: Final = 64
"""The part of maxmemory that may pass between two looks."""
_STEP_MOST: Final = 16 << 20
_SPARE: Final = 12
"""The part of maxmemory that is kept free for what comes between two looks."""
_SPARE_LEAST: Final = 12 << 20
_SPARE_MOST: Final = 256 << 20
_FLOOR: Final = 8
"""The part of maxmemory that data have in any case; where the process needs the rest and more, the bound can't hold."""
_GROWTH: Final = 4
"""The part of what is free that data get back with each look."""
_NEARLY: Final = 0.95
"""Data that take less of their part need no larger one."""
_TRIM_SHARE: Final = 600
"""Giving pages back takes at most one of so many seconds,"""
_TRIM_SHARE_OVER: Final = 1
"""and as much time as all else where the bound itself is passed."""


class Bound:
    """How much of the limit of memory is for data."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._tells = tells_present()
        self._maxmemory = 0
        self._data = 0
        self._trimmed = self._trim_s = 0.0

    @property
    def data_bytes(self) -> int:
        """What is left for data at present; 0 where maxmemory bounds nothing else."""
        return self._data

    def look(self, disk: Disk) -> None:
        """Have the process hold its bound."""
        bounds = self._config.tier.disk_tier_bounds == "process" and self._tells
        maxmemory = self._config.memory.maxmemory if bounds else 0
        if maxmemory != self._maxmemory:
            self._begin(disk, maxmemory)
        if maxmemory:
            over = self._excess(disk, maxmemory - _spare(maxmemory))
            if over is not None:
                self._share(disk, over)

    def _begin(self, disk: Disk, maxmemory: int) -> None:
        self._maxmemory = self._data = maxmemory
        disk.reserve_memory(0)
        disk.watch_memory(min(-(-maxmemory // _STEPS), _STEP_MOST))

    def _excess(self, disk: Disk, aim: int) -> int | None:
        """Return what is held over the aim, below 0 what is free; None where too little is known of it yet."""
        over = resident_bytes() - aim
        if over <= 0:
            return over
        began = monotonic()
        share = _TRIM_SHARE_OVER if over > self._maxmemory - aim else _TRIM_SHARE
        if began - self._trimmed < self._trim_s * share:
            return None
        disk.trim_memory()
        self._trimmed = monotonic()
        self._trim_s = self._trimmed - began
        return resident_bytes() - aim

    def _share(self, disk: Disk, over: int) -> None:
        used = disk.counted_memory
        if over > 0:
            data = min(self._data, used) - over
        elif used > self._data * _NEARLY:
            data = self._data - over // _GROWTH
        else:
            return
        self._data = min(max(data, self._maxmemory // _FLOOR), self._maxmemory)
        disk.reserve_memory(self._maxmemory - self._data)


def _spare(maxmemory: int) -> int:
    return min(max(maxmemory // _SPARE, _SPARE_LEAST), _SPARE_MOST, maxmemory // 2)
