"""dozo as a library: a store in the caller's process, without a server, a socket or a thread.

    with dozo.open(maxmemory="256mb") as store:
        store.set("user:1", {"name": "Ada"}, ttl=300, tags=["users"])

Owns how a store is opened. What a store can do is `Store` (dozo/store/api.py); the parts are in `dozo.store`.
"""

from __future__ import annotations

import os
import tempfile

from dozo.config import load
from dozo.config.tree import Fsync, Policy
from dozo.store.api import Key, Store
from dozo.store.codec import Serializer
from dozo.store.codec import serializer as chosen
from dozo.store.embedded import Engine

__all__ = ["Key", "Serializer", "Store", "open"]


def open(
    path: str | os.PathLike[str] | None = None,
    *,
    maxmemory: int | str = 0,
    disk: int | str | None = None,
    policy: Policy = "allkeys-lru",
    serializer: str | Serializer = "msgpack",
    fsync: Fsync = "everysec",
) -> Store:
    """Open a store.

    With a path the data are kept in that directory, in the files of `dozo serve --data-dir`; `fsync` says when a change
    is on the medium: "always" before the call returns, "everysec", or "no" (when the system likes). `disk` is how much
    of values may lie on disk when memory is short, as a number of bytes or a text such as "10gb": in the directory
    `tier` of the path, else in one that goes with the store. `maxmemory` is a
    number of bytes or a text such as "256mb"; where it is reached, `policy` says what leaves (0: there is no limit).
    `serializer` is "msgpack", "json", "pickle" or a `Serializer`, for values that are not bytes, str or int.
    """
    settings = {"maxmemory": str(maxmemory), "maxmemory-policy": policy, "save": ""}
    if path is None:
        scratch = tempfile.TemporaryDirectory(prefix="dozo-tier-") if disk is not None else None
        settings |= {"persistence": "none"} | _tier(scratch.name if scratch else "", disk)
        return Engine(load(None, {}, settings), chosen(serializer), scratch=scratch).store
    settings |= _tier(os.path.join(path, "tier"), disk)
    from dozo.store.shared import open_shared

    settings |= {"persistence": "journal", "data-dir": os.fspath(path), "appendfsync": fsync}
    return open_shared(load(None, {}, settings), chosen(serializer))


def _tier(folder: str, size: int | str | None) -> dict[str, str]:
    """The settings of a tier; the caller's thread reads from it."""
    if size is None:
        return {}
    return {"disk-tier": folder, "disk-tier-size": str(size), "disk-tier-threads": "0"}
