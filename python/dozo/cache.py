"""dozo as a library: a store in the caller's process, without a server, a socket or a thread.

    with dozo.open(maxmemory="256mb") as store:
        store.set("user:1", {"name": "Ada"}, ttl=300, tags=["users"])

Owns how a store is opened. What a store can do is `Store` (dozo/store/api.py); the parts are in `dozo.store`.
"""

from __future__ import annotations

import os
from typing import Any

from dozo.config import load
from dozo.config.tree import Fsync, Policy
from dozo.errors import StoreError
from dozo.store.api import Key, Store
from dozo.store.codec import Serializer
from dozo.store.codec import serializer as chosen
from dozo.store.embedded import Engine

__all__ = ["Key", "Serializer", "Store", "open"]


def open(
    path: str | os.PathLike[str] | None = None,
    *,
    maxmemory: int | str = 0,
    disk: Any = None,
    policy: Policy = "allkeys-lru",
    serializer: str | Serializer = "msgpack",
    fsync: Fsync = "everysec",
) -> Store:
    """Open a store.

    With a path the data are kept in that directory, in the files of `dozo serve --data-dir`; `fsync` says when a change
    is on the medium: "always" before the call returns, "everysec", or "no" (when the system likes). `maxmemory` is a
    number of bytes or a text such as "256mb"; where it is reached, `policy` says what leaves (0: there is no limit).
    `serializer` is "msgpack", "json", "pickle" or a `Serializer`, for values that are not bytes, str or int.
    """
    if disk is not None:
        raise StoreError("a disk tier is not supported by this version")
    settings = {"maxmemory": str(maxmemory), "maxmemory-policy": policy, "save": ""}
    if path is None:
        return Engine(load(None, {}, settings | {"persistence": "none"}), chosen(serializer)).store
    from dozo.store.shared import open_shared

    settings |= {"persistence": "journal", "data-dir": os.fspath(path), "appendfsync": fsync}
    return open_shared(load(None, {}, settings), chosen(serializer))
