"""What memcached clients get from `stats`, and the one command that carries memcached's own fields in the effects.

Owns the text of every section. The engine counts, and frames what `stats` returns for the protocol that asked. dozo has
no slabs and no threads a connection could be bound to; where memcached tells of those, one class and one thread stand
for the whole store, so that tools find what they look for.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from typing import Any, Final

from dozo.commands.api import ADMIN, FAST, WRITE, Server, hot
from dozo.commands.process import cpu_seconds
from dozo.identity import MEMCACHED_VERSION

__all__ = ["stats"]

Rows = list[tuple[str, Any]]

_DATABASE: Final = 0
"""Memcached clients see this database."""

hot(
    "DOZO.ITEM",
    arity=-3,
    keys=1,
    key_flags="RW update",
    flags=WRITE | FAST | ADMIN,
    group="server",
    since="1.0.0",
    summary="Sets what memcached clients know of a key besides its value; the journal gets it after the SET.",
    complexity="O(1)",
    args="key flags [CAS number] [STALE]",
)


def stats(server: Server, section: str) -> list[tuple[str, str]] | None:
    """The figures of `stats [section]` in memcached's order; None where memcached knows no such section."""
    build = _SECTIONS.get(section)
    return None if build is None else [(name, str(value)) for name, value in build(server)]


def _general(server: Server) -> Rows:
    figures = server.stats()
    counted: dict[str, int] = figures["memcached"]
    cpu = cpu_seconds()
    rows: Rows = [
        ("pid", os.getpid()),
        ("uptime", (figures["now_ms"] - figures["start_ms"]) // 1000),
        ("time", int(time.time())),
        ("version", MEMCACHED_VERSION),
        ("libevent", "none"),
        ("pointer_size", struct.calcsize("P") * 8),
        ("rusage_user", f"{cpu.user:.6f}"),
        ("rusage_system", f"{cpu.system:.6f}"),
        ("max_connections", figures["maxclients"]),
        ("curr_connections", figures["connected_clients"]),
        ("total_connections", figures["total_connections_received"]),
        ("rejected_connections", figures["rejected_connections"]),
        ("connection_structures", figures["connected_clients"]),
    ]
    rows += [(name, counted[name]) for name in _COUNTERS]
    items = _items_of(figures)
    rows += [
        ("bytes_read", figures["total_net_input_bytes"]),
        ("bytes_written", figures["total_net_output_bytes"]),
        ("limit_maxbytes", figures["maxmemory"]),
        ("accepting_conns", int(figures["connected_clients"] < figures["maxclients"])),
        ("listen_disabled_num", 0),
        ("time_in_listen_disabled_us", 0),
        ("threads", max(1, server.config.network.io_threads)),
        ("conn_yields", 0),
        ("hash_bytes", figures["used_memory_tables"]),
        ("hash_is_expanding", 0),
        ("malloc_fails", 0),
        ("bytes", figures["used_memory"]),
        ("curr_items", items),
        ("total_items", counted.get("cmd_set", 0)),
        ("expired_unfetched", 0),
        ("evicted_unfetched", 0),
        ("evicted_active", 0),
        ("evictions", figures["evicted_keys"]),
        ("reclaimed", figures["expired_keys"]),
        ("curr_streams", figures["streaming_clients"]),
    ]
    return rows + _tier(server)


def _tier(server: Server) -> Rows:
    """The disk tier by the names of memcached's external storage where that has one; nothing without a tier."""
    tier: dict[str, Any] = server.persistence.tier.figures() if server.persistence else {}
    if not tier:
        return []
    return [
        ("get_extstore", tier["tier_hits"]),
        ("recache_from_extstore", tier["tier_promoted"]),
        ("badcrc_from_extstore", tier["tier_damaged_records"]),
        ("extstore_objects_evicted", tier["tier_dropped"]),
        ("extstore_objects_read", tier["tier_hits"]),
        ("extstore_objects_written", tier["tier_demoted"] - tier["tier_demoted_unwritten"]),
        ("extstore_objects_used", tier["tier_keys"] + tier["tier_copied_keys"]),
        ("extstore_bytes_read", tier["tier_read_bytes"]),
        ("extstore_bytes_written", tier["tier_written_bytes"]),
        ("extstore_bytes_used", tier["tier_live_bytes"]),
        ("extstore_bytes_fragmented", tier["tier_bytes"] - tier["tier_live_bytes"]),
        ("extstore_limit_maxbytes", tier["tier_limit_bytes"]),
    ]


def _items_of(figures: dict[str, Any]) -> int:
    return next((keys for index, keys, _, _ in figures["keyspace"] if index == _DATABASE), 0)


def _settings(server: Server) -> Rows:
    config = server.config
    network, limits, memory = config.network, config.limits, config.memory
    return [
        ("maxbytes", memory.maxmemory),
        ("maxconns", limits.maxclients),
        ("tcpport", network.memcached_port),
        ("udpport", 0),
        ("inter", ",".join(network.bind)),
        ("verbosity", 0),
        ("oldest", 0),
        ("evictions", "off" if memory.maxmemory_policy == "noeviction" else "on"),
        ("domain_socket", network.unixsocket or "NULL"),
        ("umask", f"{network.unixsocketperm:o}"),
        ("shutdown_command", _yes_no(getattr(limits, "memcached_shutdown", False))),
        ("num_threads", max(1, network.io_threads)),
        ("stat_key_prefix", ":"),
        ("detail_enabled", "no"),
        ("cas_enabled", "yes"),
        ("tcp_backlog", network.tcp_backlog),
        ("binding_protocol", "auto-negotiate"),
        ("auth_enabled_sasl", _yes_no(bool(config.security.requirepass))),
        ("auth_enabled_ascii", "no"),
        ("item_size_max", limits.memcached_max_item_size),
        ("maxconns_fast", "yes"),
        ("flush_enabled", "yes"),
        ("dump_enabled", "no"),
        ("eviction_policy", memory.maxmemory_policy),
        ("idle_timeout", network.timeout),
        ("track_sizes", "no"),
        ("ssl_enabled", "no"),
    ]


def _yes_no(on: bool) -> str:
    return "yes" if on else "no"


def _items(server: Server) -> Rows:
    figures = server.stats()
    items = _items_of(figures)
    if not items:
        return []
    rows: Rows = [
        ("number", items),
        ("number_hot", items),
        ("number_warm", 0),
        ("number_cold", 0),
        ("age", 0),
        ("mem_requested", figures["used_memory"]),
        ("evicted", figures["evicted_keys"]),
        ("evicted_nonzero", 0),
        ("evicted_time", 0),
        ("outofmemory", figures["memcached"].get("store_no_memory", 0)),
        ("tailrepairs", 0),
        ("reclaimed", figures["expired_keys"]),
    ]
    return [(f"items:1:{name}", value) for name, value in rows]


def _slabs(server: Server) -> Rows:
    figures = server.stats()
    counted: dict[str, int] = figures["memcached"]
    items = _items_of(figures)
    rows: Rows = []
    if items:
        rows = [
            ("used_chunks", items),
            ("total_chunks", items),
            ("free_chunks", 0),
            ("cmd_set", counted["cmd_set"]),
        ]
        rows += [(name, counted[name]) for name in _SLAB_COUNTERS]
    return [
        *((f"1:{name}", value) for name, value in rows),
        ("active_slabs", int(items > 0)),
        ("total_malloced", figures["used_memory"]),
    ]


def _sizes(_server: Server) -> Rows:
    return [("sizes_status", "disabled")]


def _conns(server: Server) -> Rows:
    now_ms = server.stats()["now_ms"]
    rows: Rows = []
    for entry in server.clients():
        kind = "unix" if entry.unix else "tcp"
        rows += [
            (f"{entry.fd}:addr", f"{kind}:{entry.addr}"),
            (f"{entry.fd}:listen_addr", f"{kind}:{entry.laddr}"),
            (f"{entry.fd}:state", "conn_parse_cmd" if entry.query_buffer else "conn_read"),
            (f"{entry.fd}:secs_since_last_cmd", max(0, now_ms - entry.last_active_ms) // 1000),
        ]
    return rows


_COUNTERS: Final = (
    "cmd_get",
    "cmd_set",
    "cmd_flush",
    "cmd_touch",
    "cmd_meta",
    "get_hits",
    "get_misses",
    "delete_misses",
    "delete_hits",
    "incr_misses",
    "incr_hits",
    "decr_misses",
    "decr_hits",
    "cas_misses",
    "cas_hits",
    "cas_badval",
    "touch_hits",
    "touch_misses",
    "store_too_large",
    "store_no_memory",
    "auth_cmds",
    "auth_errors",
    "cmd_streaming_get",
    "cmd_set_begin",
    "stream_errors",
)
_SLAB_COUNTERS: Final = (
    "get_hits",
    "delete_hits",
    "incr_hits",
    "decr_hits",
    "cas_hits",
    "cas_badval",
    "touch_hits",
)
_SECTIONS: Final[dict[str, Callable[[Server], Rows]]] = {
    "": _general,
    "settings": _settings,
    "items": _items,
    "slabs": _slabs,
    "sizes": _sizes,
    "conns": _conns,
}
