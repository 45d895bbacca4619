"""MEMORY: what the data and its upkeep take, as the accounting of the store knows it (it counts, it does not guess)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from dozo.commands.api import (
    READONLY,
    Database,
    Flags,
    Key,
    Range,
    Server,
    Simple,
    Verbatim,
    command,
    container,
)
from dozo.commands.help import declare_help
from dozo.commands.process import fragmentation
from dozo.replies import OK
from dozo.resident import resident_bytes

_GROUP: Final = "server"
_FLAGS: Final = Flags(0)
_ALL_SHARDS: Final = ("nondeterministic_output", "request_policy:all_shards", "response_policy:special")
_LITTLE: Final = 5 << 20
_HIGH_PEAK: Final = 1.5
_HIGH_FRAGMENTATION: Final = 1.4
_HIGH_CLIENT_BYTES: Final = 200 << 10


container(
    "MEMORY",
    group=_GROUP,
    since="4.0.0",
    summary="Tells what memory is used for.",
    complexity="Depends on the subcommand.",
)
declare_help("MEMORY", group=_GROUP, since="4.0.0")


@command(
    "MEMORY USAGE",
    key_flags="RO",
    flags=READONLY,
    group=_GROUP,
    since="4.0.0",
    complexity="O(1)",
    args="key [SAMPLES count]",
)
def usage(
    db: Database, key: Key, *, samples: Annotated[int, Range(0, error="ERR syntax error")] = 5
) -> int | None:
    """Returns the bytes that a key takes with its value and its share of the table; null for a missing key."""
    return db.memory_usage(key)


@command("MEMORY STATS", flags=_FLAGS, group=_GROUP, since="4.0.0", complexity="O(1)", tips=_ALL_SHARDS)
def stats(server: Server) -> dict[str, Any]:
    """Returns what the memory is used for, in bytes."""
    figures = server.stats()
    used, peak = figures["used_memory"], figures["used_memory_peak"]
    startup, overhead = figures["used_memory_startup"], figures["used_memory_overhead"]
    keys = sum(keys for _, keys, _, _ in figures["keyspace"])
    dataset = max(0, used - overhead)
    ratio, excess = fragmentation(used)
    told: dict[str, Any] = {
        "peak.allocated": peak,
        "total.allocated": used,
        "startup.allocated": startup,
        "replication.backlog": 0,
        "clients.slaves": 0,
        "clients.normal": figures["mem_clients_normal"],
        "cluster.links": 0,
        "aof.buffer": 0,
        "lua.caches": 0,
        "functions.caches": 0,
    }
    return told | {
        "overhead.total": overhead,
        "keys.count": keys,
        "keys.bytes-per-key": max(0, used - startup) // keys if keys else 0,
        "dataset.bytes": dataset,
        "dataset.percentage": min(100.0, 100.0 * dataset / max(1, used - startup)),
        "peak.percentage": 100.0 * used / max(1, peak),
        "fragmentation": ratio,
        "fragmentation.bytes": excess,
    }


@command("MEMORY DOCTOR", flags=_FLAGS, group=_GROUP, since="4.0.0", complexity="O(1)", tips=_ALL_SHARDS)
def doctor(server: Server) -> Verbatim:
    """Tells in words whether the use of memory looks healthy."""
    figures = server.stats()
    used, peak = figures["used_memory"], figures["used_memory_peak"]
    if used < _LITTLE:
        return Verbatim("The server is empty or uses very little memory: there is nothing to look at yet.\n")
    told = []
    if peak > used * _HIGH_PEAK:
        told.append(
            f"Peak: {peak} bytes were in use once, {used} are now."
            " The process may keep memory from then, which the next growth will use."
        )
    if fragmentation(used)[0] > _HIGH_FRAGMENTATION:
        told.append(
            f"Fragmentation: the process holds {resident_bytes()} bytes for {used} bytes of data."
            " Values that change their sizes often leave gaps; MEMORY PURGE gives back what is free."
        )
    if figures["mem_clients_normal"] // max(1, figures["connected_clients"]) > _HIGH_CLIENT_BYTES:
        told.append("Clients: their buffers are large on average. Some may send faster than they read.")
    return Verbatim("\n".join(told or ["No trouble was found."]) + "\n")


@command(
    "MEMORY MALLOC-STATS", flags=_FLAGS, group=_GROUP, since="4.0.0", complexity="O(1)", tips=_ALL_SHARDS
)
def malloc_stats(server: Server) -> Verbatim:
    """Returns what the allocator holds and what the store uses of it."""
    figures = server.stats()
    return Verbatim(
        f"resident: {resident_bytes()}\nused: {figures['used_memory']}\npeak: {figures['used_memory_peak']}\n"
    )


@command(
    "MEMORY PURGE",
    flags=_FLAGS,
    group=_GROUP,
    since="4.0.0",
    complexity="O(N) for N free pages",
    tips=("request_policy:all_shards", "response_policy:all_succeeded"),
)
def purge(server: Server) -> Simple:
    """Gives memory back to the system that the allocator holds without using it."""
    server.purge()
    return OK
