"""The bench's figures in a few lines, for whoever wants to know whether to read on."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import geometric_mean

from dozo.bench.report import Results

__all__ = ["summary"]


def summary(results: Results) -> str:
    """The results in one short table in Markdown; what was not measured is left out."""
    lines = ["| in one run, on one machine | dozo | others |", "|---|---|---|"]
    for what, mine, others in _rows(results):
        lines.append(f"| {what} | {mine} | {others} |")
    return "\n".join(lines) + "\n"


def _rows(results: Results) -> Iterator[tuple[str, str, str]]:
    yield from _requests(results)
    yield from _memory(results)
    yield from _waits(results)
    if "streams" in results:
        worst = max(row["extra_bytes"] for row in results["streams"]["figures"].values())
        what = f"memory that a value of {results['streams']['bytes'] >> 20} MB takes on its way in or out by chunks"
        yield what, f"{worst / (1 << 20):.1f} MB", ""
    if "ids" in results:
        best = max(row["dozo"]["ids_per_ms"] for row in results["ids"])
        yield "unique IDs a millisecond, of the 4,096 there are", f"{best:,.0f}", ""
    if "library" in results:
        peers = results["library"]["peers"]
        cost = {
            name: f"{row['get_ns'] / 1000:.2f} / {row['set_ns'] / 1000:.2f} us" for name, row in peers.items()
        }
        others = ", ".join(f"{name} {cost[name]}" for name in ("cachetools", "fakeredis", "diskcache"))
        yield "get / set of 100 bytes in a Python process", cost["dozo"], others
    if "tier" in results:
        yield _tier(results["tier"])
    if "starts" in results:
        seconds = results["starts"]["seconds"]
        what = f"start to first reply, {results['starts']['keys']:,} keys in a disk tier"
        yield what, f"{seconds['a disk tier']:.2f} s", f"redis without data {seconds['redis, nothing']:.2f} s"


def _tier(measured: Results) -> tuple[str, str, str]:
    values, memory, disk = (measured["sizes"][name] / 2**20 for name in ("values", "maxmemory", "disk"))
    mine, without = measured["runs"]["with"], measured["runs"]["without"]
    what = (
        f"hits, {values:,.0f} MiB of values by Zipf 0.9, {memory:,.0f} MiB of memory, {disk:,.0f} MiB of disk"
    )
    return what, f"{mine['hit_ratio']:.2f}", f"without the disk {without['hit_ratio']:.2f}"


def _requests(results: Results) -> Iterator[tuple[str, str, str]]:
    for pipeline in sorted({row["pipeline"] for row in results["redis"]}):
        costs = [row["cpu_ratio"] for row in results["redis"] if row["pipeline"] == pipeline]
        what = f"CPU of a request, {len(costs)} kinds, pipeline {pipeline}: mean, least and most"
        yield what, f"x {geometric_mean(costs):.2f}, {min(costs):.2f} to {max(costs):.2f}", "redis x 1"
    rows = results["memcached"]
    what = f"the same, {rows[0]['load']}, pipeline {', '.join(str(row['pipeline']) for row in rows)}"
    ratios = ", ".join(f"{row['cpu_ratio']:.2f}" for row in rows)
    yield what, f"x {ratios}", "memcached x 1"


def _memory(results: Results) -> Iterator[tuple[str, str, str]]:
    cost = results["memory"]["bytes_per_key"]
    size = list(cost["dozo"])[1]
    others = ", ".join(f"{name} {row[size]:.0f}" for name, row in cost.items() if name != "dozo")
    yield f"bytes that a key costs over itself and its {size}-byte value", f"{cost['dozo'][size]:.0f}", others


def _waits(results: Results) -> Iterator[tuple[str, str, str]]:
    if "stalls" in results:
        worst = {
            name: max(wait for row in kinds.values() for wait in row.values())
            for name, kinds in results["stalls"]["worst_ms"].items()
        }
        what = f"longest wait of others while {results['stalls']['elements']:,} elements are removed"
        yield what, f"{worst['dozo']:.1f} ms", f"redis {worst['redis']:,.0f} ms"
    if "saving" in results:
        figures = results["saving"]["figures"]
        what = f"memory that a save of {results['saving']['keys']:,} keys takes under writes"
        mine, its = (f"{figures[name]['BGSAVE']['growth_percent']:.1f} %" for name in ("dozo", "redis"))
        yield what, mine, f"redis {its}"
