"""How much memory the process holds, as its system counts it. Refuses to know whose it is."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import resource

__all__ = ["resident_bytes", "tells_present"]

_STATM: Final = "/proc/self/statm"
_LINE_MOST: Final = 256
_PAGE_BYTES: Final = 1 if sys.platform == "win32" else os.sysconf("SC_PAGE_SIZE")


def tells_present() -> bool:
    """Whether the system tells how much it is now, and not only how much it was at most."""
    return Path(_STATM).exists()


def resident_bytes() -> int:
    """Memory of the process that is in RAM now; the most there ever was where only that is known, else 0."""
    try:
        # By bare descriptor: it is asked for often, and a file object takes four times as long.
        file = os.open(_STATM, os.O_RDONLY)
        try:
            return int(os.read(file, _LINE_MOST).split()[1]) * _PAGE_BYTES
        finally:
            os.close(file)
    except OSError:
        if sys.platform == "win32":
            return 0
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
