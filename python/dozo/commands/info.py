"""INFO: the state of the server as text, in the sections and by the names that Redis 7.0 has.

Each section is a function that returns its fields. What dozo has no counterpart for yet (replicas, scripts,
cluster) is told as Redis tells it when it is not in use, so that monitoring finds every field.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from dozo import __version__
from dozo.commands.api import LOADING, STALE, Server, Verbatim, command
from dozo.commands.process import cpu_seconds, fragmentation, total_memory_bytes
from dozo.identity import REDIS_VERSION
from dozo.resident import resident_bytes

_PERCENTILES: Final = (50.0, 99.0, 99.9)
_NO_ID: Final = "0" * 40

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """What the sections look at: the figures of one moment."""

    server: Server
    figures: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.figures[name]

    def pick(self, *names: str) -> Fields:
        """The figures that the engine has under the names that INFO uses."""
        return {name: self.figures[name] for name in names}


@command(
    "INFO",
    flags=LOADING | STALE,
    group="server",
    since="1.0.0",
    complexity="O(N) for N commands that were ever called",
    args="[section ...]",
    acl=("dangerous",),
    tips=("nondeterministic_output", "request_policy:all_shards", "response_policy:special"),
    history=(("7.0.0", "Several sections may be given."),),
)
def info(server: Server, *sections: str) -> Verbatim:
    """Returns sections of the server's state; "all" and "everything" are all of them, none is the usual ones."""
    view = View(server, server.stats())
    wanted = _wanted([section.lower() for section in sections])
    fields = {name: SECTIONS[name](view) for name in SECTIONS if name in wanted}
    # Redis's sections, where there is no tier of which there was something to be told.
    parts = [_text(name, found) for name, found in fields.items() if found or name != "tier"]
    return Verbatim("\r\n".join(parts))


def _wanted(sections: list[str]) -> set[str]:
    wanted: set[str] = set()
    for section in sections or ["default"]:
        if section in ("all", "everything"):
            wanted.update(SECTIONS)
        elif section == "default":
            wanted.update(name for name in SECTIONS if name not in _ON_DEMAND)
        else:
            wanted.add(section)
    return wanted


def _text(name: str, fields: Fields) -> str:
    title = _TITLES.get(name, name.capitalize())
    return "".join((f"# {title}\r\n", *(f"{field}:{_value(value)}\r\n" for field, value in fields.items())))


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={_value(part)}" for name, part in value.items())
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _human(size: int) -> str:
    """A number of bytes as Redis shortens it."""
    if size < 1024:
        return f"{size}B"
    for unit in "KMGTP":
        size_in_unit = size / 1024 ** ("KMGTP".index(unit) + 1)
        if size_in_unit < 1024 or unit == "P":
            break
    return f"{size_in_unit:.2f}{unit}"


def _server(view: View) -> Fields:
    config = view.server.config
    uptime_s = max(0, view["now_ms"] - view["start_ms"]) // 1000
    return {
        "redis_version": REDIS_VERSION,
        "redis_git_sha1": "00000000",
        "redis_git_dirty": 0,
        "redis_build_id": f"dozo-{__version__}",
        "redis_mode": "standalone",
        "dozo_version": __version__,
        "os": _system(),
        "arch_bits": 64 if sys.maxsize > 2**32 else 32,
        "monotonic_clock": "POSIX clock_gettime",
        "multiplexing_api": {"linux": "epoll", "darwin": "kqueue"}.get(sys.platform, "iocp"),
        "python_version": sys.version.partition(" ")[0],
        "process_id": os.getpid(),
        "process_supervised": "no",
        "run_id": view.server.run_id,
        "tcp_port": config.network.port,
        "memcached_port": config.network.memcached_port,
        "server_time_usec": time.time_ns() // 1000,
        "uptime_in_seconds": uptime_s,
        "uptime_in_days": uptime_s // 86400,
        "hz": config.memory.hz,
        "configured_hz": config.memory.hz,
        "lru_clock": view["lru_clock"],
        "executable": sys.executable,
        "config_file": str(config.file or ""),
        "io_threads_active": int(config.network.io_threads > 0),
    }


def _system() -> str:
    """The kernel's name, release and machine, where the system tells them."""
    if sys.platform == "win32":
        return "Windows"
    system = os.uname()
    return f"{system.sysname} {system.release} {system.machine}"


def _clients(view: View) -> Fields:
    entries = view.server.clients()
    return {
        "connected_clients": view["connected_clients"],
        "cluster_connections": 0,
        "maxclients": view["maxclients"],
        "client_recent_max_input_buffer": max((entry.query_buffer for entry in entries), default=0),
        "client_recent_max_output_buffer": max((entry.output_buffer for entry in entries), default=0),
        "blocked_clients": view["blocked_clients"],
        "streaming_clients": view["streaming_clients"],
        "pubsub_clients": view["pubsub_clients"],
        "tracking_clients": view["tracking_clients"],
        "clients_in_timeout_table": 0,
    }


def _memory(view: View) -> Fields:
    used, peak, resident = view["used_memory"], view["used_memory_peak"], resident_bytes()
    overhead = view["used_memory_overhead"]
    startup = view["used_memory_startup"]
    dataset = max(0, used - overhead)
    ratio, excess = fragmentation(used)
    sizes = {"used_memory": used, "used_memory_rss": resident, "used_memory_peak": peak}
    fields: Fields = {}
    for name, size in sizes.items():
        fields |= {name: size, f"{name}_human": _human(size)}
    return fields | {
        "used_memory_peak_perc": f"{100 * used / max(1, peak):.2f}%",
        "used_memory_overhead": overhead,
        "used_memory_startup": startup,
        "used_memory_dataset": dataset,
        "used_memory_dataset_perc": f"{100 * dataset / max(1, used - startup):.2f}%",
        "allocator_allocated": used,
        "total_system_memory": total_memory_bytes(),
        "total_system_memory_human": _human(total_memory_bytes()),
        "used_memory_vm_eval": view["lua_memory"],
        "used_memory_lua": view["lua_memory"],
        "used_memory_lua_human": _human(view["lua_memory"]),
        "used_memory_scripts_eval": view["script_bytes"],
        "used_memory_scripts": view["script_bytes"],
        "used_memory_scripts_human": _human(view["script_bytes"]),
        "number_of_cached_scripts": view["cached_scripts"],
        "number_of_functions": view["functions"],
        "number_of_libraries": view["libraries"],
        "maxmemory": view["maxmemory"],
        "maxmemory_human": _human(view["maxmemory"]),
        "maxmemory_policy": view["maxmemory_policy"],
        "mem_fragmentation_ratio": ratio,
        "mem_fragmentation_bytes": excess,
        "mem_not_counted_for_evict": 0,
        "mem_replication_backlog": 0,
        "mem_clients_slaves": 0,
        "mem_clients_normal": view["mem_clients_normal"],
        "mem_cluster_links": 0,
        "mem_aof_buffer": 0,
        "mem_allocator": "mimalloc",
        "active_defrag_running": 0,
        "lazyfree_pending_objects": view["lazyfree_pending_objects"],
        "lazyfreed_objects": 0,
    }


def _persistence(view: View) -> Fields:
    keeper = view.server.persistence
    return {} if keeper is None else keeper.figures(view.server)


def _stats(view: View) -> Fields:
    threaded = bool(view.server.config.network.io_threads)
    reads, writes = view["total_reads_processed"], view["total_writes_processed"]
    return {
        **view.pick(
            "total_connections_received",
            "total_commands_processed",
            "instantaneous_ops_per_sec",
            "total_net_input_bytes",
            "total_net_output_bytes",
            "instantaneous_input_kbps",
            "instantaneous_output_kbps",
            "rejected_connections",
        ),
        **dict.fromkeys(("sync_full", "sync_partial_ok", "sync_partial_err"), 0),
        **view.pick("expired_keys", "expired_time_cap_reached_count", "evicted_keys"),
        "evicted_clients": 0,
        **view.pick("keyspace_hits", "keyspace_misses"),
        **view.pick("pubsub_channels", "pubsub_patterns", "pubsubshard_channels"),
        **dict.fromkeys(("latest_fork_usec", "total_forks"), 0),
        **view.pick("tracking_total_keys", "tracking_total_items", "tracking_total_prefixes"),
        **view.pick(
            "client_query_buffer_limit_disconnections",
            "client_output_buffer_limit_disconnections",
            "acl_access_denied_auth",
        ),
        "unexpected_error_replies": 0,
        "total_error_replies": view["total_error_replies"],
        "total_reads_processed": reads,
        "total_writes_processed": writes,
        "io_threaded_reads_processed": reads if threaded else 0,
        "io_threaded_writes_processed": writes if threaded else 0,
        "effects": view["effects"],
    }


def _replication(view: View) -> Fields:
    return {
        "role": "master",
        "connected_slaves": 0,
        "master_failover_state": "no-failover",
        "master_replid": view.server.run_id,
        "master_replid2": _NO_ID,
        "master_repl_offset": view["master_repl_offset"],
        "second_repl_offset": -1,
        "repl_backlog_active": 0,
        "repl_backlog_size": 0,
        "repl_backlog_first_byte_offset": 0,
        "repl_backlog_histlen": 0,
    }


def _cpu(_view: View) -> Fields:
    whole, executor = cpu_seconds(), cpu_seconds(thread=True)
    seconds = {
        "used_cpu_sys": whole.system,
        "used_cpu_user": whole.user,
        "used_cpu_sys_children": 0.0,
        "used_cpu_user_children": 0.0,
        "used_cpu_sys_main_thread": executor.system,
        "used_cpu_user_main_thread": executor.user,
    }
    return {name: f"{value:.6f}" for name, value in seconds.items()}


def _modules(_view: View) -> Fields:
    return {}


def _commandstats(view: View) -> Fields:
    fields: Fields = {}
    for name, (calls, nanoseconds, rejected, failed, _) in sorted(view.server.command_stats().items()):
        usec = nanoseconds // 1000
        fields[f"cmdstat_{name}"] = {
            "calls": calls,
            "usec": usec,
            "usec_per_call": nanoseconds / 1000 / max(1, calls),
            "rejected_calls": rejected,
            "failed_calls": failed,
        }
    return fields


def _errorstats(view: View) -> Fields:
    codes: dict[str, int] = view["errors"]
    return {f"errorstat_{code}": {"count": count} for code, count in sorted(codes.items())}


def _latencystats(view: View) -> Fields:
    """Percentiles are upper bounds: the histograms have a step for each power of two of microseconds."""
    fields: Fields = {}
    for name, (*_, buckets) in sorted(view.server.command_stats().items()):
        if any(buckets):
            fields[f"latency_percentiles_usec_{name}"] = dict(_percentiles(buckets))
    return fields


def _percentiles(buckets: list[int]) -> Iterator[tuple[str, str]]:
    total = sum(buckets)
    for percentile in _PERCENTILES:
        seen, bound = 0, 0
        for exponent, count in enumerate(buckets):
            seen, bound = seen + count, 1 << exponent
            if seen * 100 >= total * percentile:
                break
        yield f"p{percentile:g}", f"{bound:.3f}"


def _cluster(_view: View) -> Fields:
    return {"cluster_enabled": 0}


def _keyspace(view: View) -> Fields:
    return {
        f"db{index}": {"keys": keys, "expires": expires, "avg_ttl": avg_ttl_ms}
        for index, keys, expires, avg_ttl_ms in view["keyspace"]
    }


def _tier(view: View) -> Fields:
    persistence = view.server.persistence
    return persistence.tier.figures() if persistence else {}


SECTIONS: Final[dict[str, Callable[[View], Fields]]] = {
    "server": _server,
    "clients": _clients,
    "memory": _memory,
    "persistence": _persistence,
    "tier": _tier,
    "stats": _stats,
    "replication": _replication,
    "cpu": _cpu,
    "modules": _modules,
    "commandstats": _commandstats,
    "errorstats": _errorstats,
    "latencystats": _latencystats,
    "cluster": _cluster,
    "keyspace": _keyspace,
}
_ON_DEMAND: Final = {"commandstats", "latencystats"}
_TITLES: Final = {"cpu": "CPU"}
