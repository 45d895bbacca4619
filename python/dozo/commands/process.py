"""Figures that the operating system keeps of this process."""

from __future__ import annotations

import os
import sys
from typing import Final, NamedTuple

from dozo.resident import resident_bytes

if sys.platform != "win32":
    import resource

__all__ = ["CpuSeconds", "cpu_seconds", "fragmentation", "total_memory_bytes"]


class CpuSeconds(NamedTuple):
    """CPU time in the system and in the program itself."""

    system: float
    user: float


def cpu_seconds(*, thread: bool = False) -> CpuSeconds:
    """CPU time of the process, or of the calling thread where the system tells it."""
    if sys.platform == "win32":
        times = os.times()
        return CpuSeconds(times.system, times.user)
    who = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF) if thread else resource.RUSAGE_SELF
    used = resource.getrusage(who)
    return CpuSeconds(used.ru_stime, used.ru_utime)


_BASE_BYTES: Final = resident_bytes()
"""What the interpreter and the program took before there was data: this module is imported at the start."""


def fragmentation(used_bytes: int) -> tuple[float, int]:
    """How much more is resident than data and program need: as a ratio (1.0 is none) and in bytes."""
    resident, needed = resident_bytes(), used_bytes + _BASE_BYTES
    return resident / max(1, needed), resident - needed


def total_memory_bytes() -> int:
    """RAM of the machine, 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0
