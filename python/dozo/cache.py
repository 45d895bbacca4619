"""dozo as a library: a store in the caller's process, without a server, a socket or a thread.

    with dozo.open(maxmemory="256mb") as store:
        store.set("user:1", {"name": "Ada"}, ttl=300, tags=["users"])

Owns how a store is opened. What a store can do is `Store` (dozo/store/api.py); the parts are in `dozo.store`.
"""

from __future__ import annotations

import os
import tempfile

from dozo.config import load
from dozo.config.tree import Fsync, Policy, Preset
from dozo.store.api import Key, Store
from dozo.store.codec import Serializer
from dozo.store.codec import serializer as chosen
from dozo.store.embedded import Engine

__all__ = ["Key", "Serializer", "Store", "open"]


def open(
    path: str | os.PathLike[str] | None = None,
    *,
    preset: Preset = "none",
    maxmemory: int | str | None = None,
    disk: int | str | None = None,
    policy: Policy | None = None,
    serializer: str | Serializer = "msgpack",
    fsync: Fsync = "everysec",
) -> Store:
    """Open a store.

    With a path the data are kept in that directory, in the files of `dozo serve --data-dir`; `fsync` says when a change
    is on the medium: "always" before the call returns, "everysec", or "no" (when the system likes). `disk` is how much
    of values may lie on disk when memory is short, as a number of bytes or a text such as "10gb": in the directory
    `tier` of the path, else in one that goes with the store. `maxmemory` is a number of bytes or a text such as
    "256mb"; where it is reached, `policy` says what leaves ("allkeys-lru"). None, or 0, is no limit.

    `preset` is several of these at once, as `dozo serve --preset` has them: "memory" and "tiered" are caches on 60 % of
    this machine's memory, without and with a disk tier, "production" keeps every key and needs a path. What is given
    besides goes before it. `serializer` is "msgpack", "json", "pickle" or a `Serializer`, for values that are not
    bytes, str or int.
    """
    chosen_serializer = chosen(serializer)
    meant = load(None, {}, {"preset": preset})
    keeps = meant.source("persistence") == "preset" and meant.persistence.persistence != "none"
    if path is None and keeps:
        raise ValueError(f"the preset {preset} keeps every key on disk: it needs a path")
    if policy is None and preset == "none":
        policy = "allkeys-lru"
    given = {"maxmemory": maxmemory, "maxmemory-policy": policy, "disk-tier-size": disk}
    settings = {"preset": preset, "save": ""}
    settings |= {name: str(value) for name, value in given.items() if value is not None}
    has_tier = disk is not None or bool(meant.tier.disk_tier)
    if path is None:
        scratch = tempfile.TemporaryDirectory(prefix="dozo-tier-") if has_tier else None
        settings |= {"persistence": "none"} | _tier(scratch.name if scratch else "")
        return Engine(load(None, {}, settings), chosen_serializer, scratch=scratch).store
    from dozo.store.shared import open_shared

    settings |= _tier(os.path.join(path, "tier") if has_tier else "")
    settings |= {"persistence": "journal", "data-dir": os.fspath(path), "appendfsync": fsync}
    return open_shared(load(None, {}, settings), chosen_serializer)


def _tier(folder: str) -> dict[str, str]:
    """The settings of a tier, or of none; the caller's thread reads from it."""
    return {"disk-tier": folder, "disk-tier-threads": "0"} if folder else {"disk-tier": ""}
