"""Presets: what several settings are at once, for what a server is used for.

Owns the tables. Whatever a file, the environment or a flag says of one of these settings goes before.
"""

from __future__ import annotations

import os
from typing import Any, Final

__all__ = ["values"]

_MEMORY_PERCENT: Final = 60
"""The part of the machine's memory that a preset gives to the data; saves, buffers and others need the rest."""


def values(preset: str) -> dict[str, Any]:
    """Return the settings of a preset by name; none for "none"."""
    cache: dict[str, Any] = {
        "maxmemory": _machine_bytes() * _MEMORY_PERCENT // 100,
        "maxmemory-policy": "s3fifo",
        "persistence": "none",
    }
    tiered = cache | {"disk-tier": "dozo-tier"}
    presets = {
        "none": {},
        "memory": cache,
        "tiered": tiered,
        "production": tiered | {"maxmemory-policy": "noeviction", "persistence": "both"},
    }
    return presets[preset]


def _machine_bytes() -> int:
    """RAM of the machine; 0, so no limit, where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0
