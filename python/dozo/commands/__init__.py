"""The commands, one module a family; dozo/commands/api.py tells how a command is declared.

A command lives in the module of its family (`GETRANGE` in strings.py, `CLIENT LIST` in client.py), whether Python or
Rust implements it. Modules beside the families: api.py and signature.py (declaring), arguments.py (what COMMAND tells
of keys and arguments), extended.py, walk.py, memcached.py (the texts of memcached's `stats`).
"""

from typing import Final

FAMILIES: Final[tuple[str, ...]] = (
    "strings",
    "items",
    "lcs",
    "bitmaps",
    "hyperloglog",
    "lists",
    "sorted_sets",
    "hashes",
    "hash_expiry",
    "sets",
    "geo",
    "generic",
    "expiry",
    "streams",
    "stream_groups",
    "stream_pending",
    "dump",
    "sort",
    "object",
    "connection",
    "client",
    "tracking",
    "transactions",
    "pubsub",
    "server",
    "persistence",
    "info",
    "config",
    "command",
    "slowlog",
    "latency",
    "memory",
    "debug",
    "scripting",
    "functions",
    "memcached",
    "ids",
)
"""The modules that declare commands, in the order they are imported."""
