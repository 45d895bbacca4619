"""diskcache's API over a store of dozo: replace `import diskcache` by `from dozo.compat import diskcache`.

    cache = diskcache.Cache("/var/tmp/pages")
    cache.set("front", "<html>", expire=60, tag="pages")

Owns what people use of it: Cache, FanoutCache, Deque, Index, the recipes. Refuses to unpickle what lies in a directory,
unless `disk=PickleDisk` says so; docs/guide/diskcache.md lists what else differs.
"""

from dozo.compat.diskcache.cache import ENOVAL, Cache, EmptyDirWarning, Timeout, UnknownFileWarning
from dozo.compat.diskcache.deque import Deque
from dozo.compat.diskcache.fanout import FanoutCache
from dozo.compat.diskcache.index import Index
from dozo.compat.diskcache.recipes import (
    Averager,
    BoundedSemaphore,
    Lock,
    RLock,
    barrier,
    memoize_stampede,
    throttle,
)
from dozo.compat.diskcache.settings import DEFAULT_SETTINGS, EVICTION_POLICY, Disk, JSONDisk, PickleDisk

__all__ = [
    "DEFAULT_SETTINGS",
    "ENOVAL",
    "EVICTION_POLICY",
    "Averager",
    "BoundedSemaphore",
    "Cache",
    "Deque",
    "Disk",
    "EmptyDirWarning",
    "FanoutCache",
    "Index",
    "JSONDisk",
    "Lock",
    "PickleDisk",
    "RLock",
    "Timeout",
    "UnknownFileWarning",
    "barrier",
    "memoize_stampede",
    "throttle",
]
