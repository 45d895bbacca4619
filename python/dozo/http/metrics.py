"""`/metrics`: the figures of the upstream in Prometheus's text format.

Owns the names of the metrics. Refuses to count: INFO, LATENCY HISTOGRAM and ID.INFO have counted, so the figures are
those of the whole server whichever door its clients use, and other servers than dozo have most of them too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dozo.errors import ReplyError
from dozo.gateway.upstream import Reply
from dozo.http.gate import Gate
from dozo.http.ids import figures
from dozo.http.parameters import no_parameters_but
from dozo.http.paths import path

__all__ = ["Metrics"]

_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# The name behind `dozo_`, its type, the field of INFO, what it is.
_SIMPLE: Final = (
    ("uptime_seconds", "gauge", "uptime_in_seconds", "Time since the server started."),
    ("connected_clients", "gauge", "connected_clients", "Clients that are connected."),
    ("blocked_clients", "gauge", "blocked_clients", "Clients that wait in a blocking command."),
    ("max_clients", "gauge", "maxclients", "Clients that may be connected."),
    ("connections_total", "counter", "total_connections_received", "Connections accepted."),
    ("rejected_connections_total", "counter", "rejected_connections", "Connections refused over maxclients."),
    ("commands_processed_total", "counter", "total_commands_processed", "Commands run."),
    ("net_input_bytes_total", "counter", "total_net_input_bytes", "Bytes read from clients."),
    ("net_output_bytes_total", "counter", "total_net_output_bytes", "Bytes written to clients."),
    ("keyspace_hits_total", "counter", "keyspace_hits", "Reads that found their key."),
    ("keyspace_misses_total", "counter", "keyspace_misses", "Reads that did not find their key."),
    ("expired_keys_total", "counter", "expired_keys", "Keys that expired."),
    ("evicted_keys_total", "counter", "evicted_keys", "Keys that were evicted for memory."),
    ("memory_used_bytes", "gauge", "used_memory", "Memory that the store has allocated."),
    ("memory_resident_bytes", "gauge", "used_memory_rss", "Resident memory of the process."),
    ("memory_max_bytes", "gauge", "maxmemory", "The setting maxmemory; 0 is no limit."),
    ("pubsub_channels", "gauge", "pubsub_channels", "Channels that somebody listens to."),
    ("pubsub_patterns", "gauge", "pubsub_patterns", "Patterns that somebody listens to."),
    ("loading", "gauge", "loading", "1 while the server loads its data."),
    ("changes_since_last_save", "gauge", "rdb_changes_since_last_save", "Changes that no snapshot holds."),
    ("last_save_timestamp_seconds", "gauge", "rdb_last_save_time", "When the last snapshot was taken."),
    ("save_in_progress", "gauge", "rdb_bgsave_in_progress", "1 while a snapshot is taken."),
    ("journal_enabled", "gauge", "aof_enabled", "1 when changes are journaled."),
    ("journal_bytes", "gauge", "aof_current_size", "Size of the journal."),
)
_TIER: Final = (
    ("tier_bytes", "gauge", "tier_bytes", "Bytes that the disk tier takes."),
    ("tier_max_bytes", "gauge", "tier_limit_bytes", "Bytes that it may take."),
    ("tier_data_limit_bytes", "gauge", "tier_data_limit_bytes", "What maxmemory leaves for data."),
    ("tier_live_bytes", "gauge", "tier_live_bytes", "Bytes of it that are in use."),
    ("tier_keys", "gauge", "tier_keys", "Keys whose value is on disk only."),
    ("tier_hits_total", "counter", "tier_hits", "Values read from disk."),
    ("tier_blocking_hits_total", "counter", "tier_blocking_hits", "Of these, read while everybody waited."),
    ("tier_read_bytes_total", "counter", "tier_read_bytes", "Bytes read from disk."),
    ("tier_promoted_total", "counter", "tier_promoted", "Values that came back to memory."),
    ("tier_demoted_total", "counter", "tier_demoted", "Values that went to disk."),
    ("tier_refused_total", "counter", "tier_refused", "Values that the disk did not take."),
    ("tier_dropped_total", "counter", "tier_dropped", "Keys that left for want of room."),
    ("tier_lost_total", "counter", "tier_lost", "Keys whose record could not be read."),
    ("tier_taken_bytes_total", "counter", "tier_taken_bytes", "Records of values that went to disk."),
    ("tier_written_bytes_total", "counter", "tier_written_bytes", "Records written, sweeps included."),
)
_STATES: Final = (
    ("tier_ok", "tier_status", "1 when the disk tier can be written."),
    ("last_save_ok", "rdb_last_bgsave_status", "1 when the last snapshot succeeded."),
    ("journal_write_ok", "aof_last_write_status", "1 when the journal could be written last."),
)
_IDS: Final = (
    ("id_requests_total", "counter", "cmd_get", "Requests for IDs."),
    ("ids_issued_total", "counter", "get_hits", "IDs issued."),
    ("id_worker", "gauge", "worker_id", "The worker whose IDs are issued; -1 is none."),
)

_DATABASE: Final = re.compile(r"db[0-9]+\Z")

Histograms = Mapping[str, tuple[int, Sequence[tuple[int, int]]]]


class Metrics:
    """The figures of one upstream."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """One path."""
        return [path("/metrics", self.get, "GET")]

    async def get(self, request: Request) -> Response:
        """All figures of one moment."""
        no_parameters_but(request)
        caller = self._gate.caller(request)
        questions = (("INFO", "everything"), ("LATENCY", "HISTOGRAM"), ("ID.INFO",))
        info, latency, ids = await self._gate.upstream.batch(caller, questions)
        if isinstance(info, ReplyError):
            raise info
        fields = _fields(info.decode("utf-8", "replace"))
        lines = [
            *_simple(_SIMPLE, fields),
            *_simple(_TIER, fields),
            *_states(fields),
            *_keys(fields),
            *_commands(fields, {} if isinstance(latency, ReplyError) else _histograms(latency)),
            *([] if isinstance(ids, ReplyError) else _simple(_IDS, figures(ids))),
        ]
        return Response("\n".join([*lines, ""]), headers={"Content-Type": _CONTENT_TYPE})


def _fields(info: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in info.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def _simple(metrics: Sequence[tuple[str, str, str, str]], found: Mapping[str, Reply]) -> Iterator[str]:
    for name, kind, field, about in metrics:
        if field in found:
            yield from _head(name, kind, about)
            yield f"dozo_{name} {found[field]}"


def _states(fields: Mapping[str, str]) -> Iterator[str]:
    for name, field, about in _STATES:
        if field in fields:
            yield from _head(name, "gauge", about)
            yield f"dozo_{name} {int(fields[field] == 'ok')}"


def _keys(fields: Mapping[str, str]) -> Iterator[str]:
    """`db0:keys=3,expires=1,avg_ttl=0`, a line for each database that holds keys."""
    databases = {name[2:]: _parts(value) for name, value in fields.items() if _DATABASE.match(name)}
    for metric, part, about in (
        ("keys", "keys", "Keys of a database."),
        ("keys_expiring", "expires", "Keys of a database that have an expiry."),
    ):
        yield from _head(metric, "gauge", about)
        for number, parts in databases.items():
            yield f'dozo_{metric}{{db="{number}"}} {parts[part]}'


def _commands(fields: Mapping[str, str], histograms: Histograms) -> Iterator[str]:
    stats = {
        name.removeprefix("cmdstat_"): _parts(value)
        for name, value in sorted(fields.items())
        if name.startswith("cmdstat_")
    }
    yield from _head("commands_total", "counter", "Calls of a command.")
    for name, parts in stats.items():
        yield f"dozo_commands_total{{{_command(name)}}} {parts['calls']}"
    yield from _head("command_errors_total", "counter", "Calls that were refused before they ran, or failed.")
    for name, parts in stats.items():
        for kind in ("rejected", "failed"):
            count = parts.get(f"{kind}_calls", "0")
            yield f'dozo_command_errors_total{{{_command(name)},kind="{kind}"}} {count}'
    yield from _head("command_duration_seconds", "histogram", "Time that a command took.")
    for name, (calls, buckets) in sorted(histograms.items()):
        label = _command(name)
        for microseconds, seen in buckets:
            yield f'dozo_command_duration_seconds_bucket{{{label},le="{microseconds / 1e6:g}"}} {seen}'
        seconds = int(stats.get(name, {}).get("usec", "0")) / 1e6
        yield f'dozo_command_duration_seconds_bucket{{{label},le="+Inf"}} {calls}'
        yield f"dozo_command_duration_seconds_sum{{{label}}} {seconds:.6f}"
        yield f"dozo_command_duration_seconds_count{{{label}}} {calls}"


def _histograms(latency: Sequence[Reply]) -> Histograms:
    found = {}
    for name, about in figures(latency).items():
        parts = figures(about)
        steps = parts["histogram_usec"]
        found[name] = (parts["calls"], list(zip(steps[::2], steps[1::2], strict=True)))
    return found


def _parts(value: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in value.split(",") if "=" in part)


def _command(name: str) -> str:
    """A label; names come from files that users load, so they may hold anything."""
    escaped = name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'command="{escaped}"'


def _head(name: str, kind: str, about: str) -> Iterator[str]:
    yield f"# HELP dozo_{name} {about}"
    yield f"# TYPE dozo_{name} {kind}"
