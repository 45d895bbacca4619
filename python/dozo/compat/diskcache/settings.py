"""diskcache's settings, and what each means for a store: its memory, its policy, or nothing.

Refuses names that diskcache has not either, and policies that it does not know. Its settings of SQLite, of files and of
pickle are taken and mean nothing here: there is no SQLite and no file for a value.
"""

from __future__ import annotations

import difflib
from typing import Any

DEFAULT_SETTINGS: dict[str, Any] = {
    "statistics": 0,
    "tag_index": 0,
    "eviction_policy": "least-recently-stored",
    "size_limit": 2**30,
    "cull_limit": 10,
    "sqlite_auto_vacuum": 1,
    "sqlite_cache_size": 2**13,
    "sqlite_journal_mode": "wal",
    "sqlite_mmap_size": 2**26,
    "sqlite_synchronous": 1,
    "disk_min_file_size": 2**15,
    "disk_pickle_protocol": 5,
}

#: Names of diskcache's policies, and of the store's.
EVICTION_POLICY = {
    "none": "noeviction",
    "least-recently-stored": "fifo",
    "least-recently-used": "allkeys-lru",
    "least-frequently-used": "allkeys-lfu",
}

#: What `reset` reads and nobody sets.
COUNTED = ("count", "size", "hits", "misses")


def check(settings: dict[str, Any]) -> None:
    """Refuse what diskcache would not know, and what no store could be held to."""
    for name, value in settings.items():
        if name not in DEFAULT_SETTINGS:
            near = difflib.get_close_matches(name, DEFAULT_SETTINGS, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"there is no setting {name!r}{hint}")
        if name == "eviction_policy" and value not in EVICTION_POLICY:
            raise ValueError(f"eviction_policy is one of {', '.join(EVICTION_POLICY)}, not {value!r}")
        if name == "size_limit" and not (isinstance(value, int) and value > 0):
            raise ValueError(f"size_limit is a number of bytes above 0, not {value!r}")


class Disk:
    """How values become bytes: str, bytes and int as they are, anything else as MessagePack.

    diskcache's class of this name pickles. Subclasses choose another serializer of the store, and nothing else.
    """

    serializer = "msgpack"


class JSONDisk(Disk):
    """Anything but str, bytes and int becomes JSON."""

    serializer = "json"


class PickleDisk(Disk):
    """Anything but str, bytes and int is pickled, as by diskcache: for directories that only you can write to."""

    serializer = "pickle"
