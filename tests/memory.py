"""What the kernel tells of a server's memory.

Owns the reading of /proc. Refuses the server's own figures: those are what is judged by it.
"""

from __future__ import annotations

from pathlib import Path

from dozo.testing import Server


def resident(server: Server) -> int:
    """Return the bytes that the process has in memory now."""
    return _told(server, "VmRSS")


def most_resident(server: Server) -> int:
    """Return the most bytes that the process ever had in memory."""
    return _told(server, "VmHWM")


def _told(server: Server, name: str) -> int:
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) * 1024
