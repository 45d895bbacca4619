"""The whole measurement: every load, each server in turn, one document of results."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from statistics import median
from typing import Any

from dozo.bench import (
    doors,
    hit_ratio,
    id_load,
    journal,
    library,
    loading,
    memcached_load,
    memory,
    processes,
    redis_load,
    saving,
    stall,
    starts,
    streams,
    tier,
)

PIPELINES = (1, 16, 64)
#: Of the loads that are not on strings.
COLLECTION_PIPELINES = (1, 16)
VALUE_SIZES = (8, 32, 256)
MIB = 1 << 20

Say = Callable[[str], None]
Results = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """How much to measure. rounds: how often each pair is run; requests: per run at pipeline 1."""

    rounds: int = 3
    requests: int = 100_000
    keys: int = 1_000_000
    hit_requests: int = 400_000
    io_threads: int = 0
    collections: int = 100_000
    stall_elements: int = 10_000_000
    saved_keys: int = 5_000_000
    writes_per_s: int = 50_000
    id_seconds: float = 2.0
    streamed_bytes: int = 512 * MIB
    tier_share: int = 1
    tier_requests: int = 60_000
    revived_keys: int = 1_000_000


#: A run that shows that everything works, and no more.
QUICK = Plan(
    rounds=1,
    requests=20_000,
    keys=50_000,
    hit_requests=20_000,
    collections=5_000,
    stall_elements=50_000,
    saved_keys=50_000,
    writes_per_s=5_000,
    id_seconds=0.1,
    streamed_bytes=8 * MIB,
    tier_share=4,
    tier_requests=2_000,
    revived_keys=20_000,
)


def _line(load: str, pipeline: int, peer: str, ours_us: float, theirs_us: float, ratio: float) -> str:
    return f"{load:11} P={pipeline:<3} dozo {ours_us:6.2f} us  {peer} {theirs_us:6.2f} us  x {ratio:.2f}"


def redis_loads(plan: Plan, say: Say) -> list[Results]:
    """redis-benchmark's list, a Python command and a script at each pipeline depth, dozo and redis-server in turn."""
    rows: list[Results] = []
    with processes.dozo("--io-threads", str(plan.io_threads)) as ours, processes.redis() as peer:
        for name in redis_load.COMMANDS:
            strings = name in redis_load.STRINGS
            for pipeline in PIPELINES if strings else COLLECTION_PIPELINES:
                requests = plan.requests * (1 if pipeline == 1 else 5) // (1 if strings else 2)
                requests //= redis_load.share(name)
                mine, theirs, ratio = redis_load.compare(ours, peer, name, pipeline, requests, plan.rounds)
                say(_line(name, pipeline, "redis", mine.cpu_us, theirs.cpu_us, ratio))
                rows.append(
                    {
                        "load": name,
                        "pipeline": pipeline,
                        "dozo": asdict(mine),
                        "redis": asdict(theirs),
                        "cpu_ratio": ratio,
                    }
                )
    return rows


def _memcached_sample(server: processes.Running, load: memcached_load.Load) -> Results:
    before = server.cpu_s()
    outcome = memcached_load.run(load)
    cpu_s = server.cpu_s() - before
    return {
        "requests_per_s": outcome.requests_per_s,
        "cpu_us": cpu_s / outcome.requests * 1e6,
        "p50_ms": outcome.percentile_ms(50),
        "p99_ms": outcome.percentile_ms(99),
    }


def memcached_loads(plan: Plan, say: Say) -> list[Results]:
    """90 % gets over memcached text, dozo and memcached in turn."""
    rows: list[Results] = []
    with processes.dozo("--io-threads", str(plan.io_threads)) as ours, processes.memcached() as peer:
        for server in (ours, peer):
            memcached_load.fill("127.0.0.1", server.memcached_port)
        for pipeline in PIPELINES:
            requests = plan.requests * (1 if pipeline == 1 else 4)
            pairs = []
            for round_ in range(plan.rounds):
                loads = (
                    memcached_load.Load(
                        port=server.memcached_port, pipeline=pipeline, requests=requests, seed=round_ + 1
                    )
                    for server in (ours, peer)
                )
                pairs.append(
                    [_memcached_sample(s, load) for s, load in zip((ours, peer), loads, strict=True)]
                )
            mine, theirs = (
                {field: median(p[i][field] for p in pairs) for field in pairs[0][0]} for i in (0, 1)
            )
            ratio = median(p[0]["cpu_us"] / p[1]["cpu_us"] for p in pairs)
            say(_line("get 90 %", pipeline, "memcached", mine["cpu_us"], theirs["cpu_us"], ratio))
            rows.append(
                {
                    "load": "get 90 %",
                    "pipeline": pipeline,
                    "dozo": mine,
                    "memcached": theirs,
                    "cpu_ratio": ratio,
                }
            )
    return rows


def ids(plan: Plan, say: Say) -> list[Results]:
    """What an ID costs through each protocol, and how many a millisecond brings."""
    return id_load.rows(plan.rounds, plan.id_seconds, say)


def door_loads(plan: Plan, say: Say) -> list[Results]:
    """Requests through each gateway; there is no original to compare with."""
    rows: list[Results] = []
    for row in doors.measure(plan.requests, plan.rounds):
        say(f"{row['door']:5} {row['load']:24} {row['cpu_us']:8.1f} us  {row['requests_per_s']:9,.0f}/s")
        rows.append(row)
    return rows


def memory_use(plan: Plan, say: Say) -> Results:
    """RSS of an empty server, and bytes a key takes beyond key and value."""
    starts: dict[str, Callable[[], AbstractContextManager[processes.Running]]] = {
        "dozo": processes.dozo,
        "redis": processes.redis,
        "memcached": partial(processes.memcached, "-m", "4096"),
    }
    base: dict[str, float] = {}
    per_key: dict[str, dict[str, float]] = {}
    for name, start in starts.items():
        for size in VALUE_SIZES:
            with start() as server:
                base[name] = server.rss_bytes() / MIB
                per_key.setdefault(name, {})[str(size)] = memory.bytes_per_key(server, size, plan.keys)
        shown = ", ".join(f"{size} B: {cost:.0f}" for size, cost in per_key[name].items())
        say(f"memory    {name:9} {base[name]:5.1f} MiB empty; bytes a key over key and value: {shown}")
    return {"keys": plan.keys, "base_rss_mib": base, "bytes_per_key": per_key}


def collection_memory(plan: Plan, say: Say) -> Results:
    """RSS that a small collection adds, in both servers."""
    found: dict[str, dict[str, float]] = {}
    for name, start in (("dozo", processes.dozo), ("redis", processes.redis)):
        for kind in memory.COLLECTIONS:
            with start() as server:
                used = memory.bytes_per_collection(server, kind, plan.collections)
            found.setdefault(name, {})[kind] = used
        say(f"memory    {name:9} bytes each of {plan.collections} small: " + _joined(found[name], ".0f"))
    return {"collections": plan.collections, "elements": memory.ELEMENTS, "bytes": found}


def stalls(plan: Plan, say: Say) -> Results:
    """The worst PING of another client while a huge value is removed."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, start in (("dozo", processes.dozo), ("redis", processes.redis)):
        for kind in stall.KINDS:
            with start() as server:
                waits = stall.measure(server, kind, plan.stall_elements)
            found.setdefault(name, {})[kind] = waits
            say(
                f"stall     {name:9} {kind} of {plan.stall_elements}, worst PING in ms: {_joined(waits, '.2f')}"
            )
    return {"elements": plan.stall_elements, "worst_ms": found}


def saves(plan: Plan, say: Say) -> Results:
    """Memory and waiting while everything is saved under a load of writes."""
    found: dict[str, dict[str, saving.Figures]] = {}
    for command in ("BGSAVE", "BGREWRITEAOF"):
        with ExitStack() as stack:
            folders = [
                stack.enter_context(tempfile.TemporaryDirectory(prefix="dozo-bench-")) for _ in range(2)
            ]
            mode = ("--data-dir", folders[0], "--save", "")
            ours = stack.enter_context(processes.dozo(*mode))
            peer_mode = ("--dir", folders[1], "--enable-debug-command", "yes", "--appendonly", "yes")
            peer = stack.enter_context(processes.redis(*peer_mode))
            for server in (ours, peer):
                figures = saving.measure(server, command, plan.saved_keys, plan.writes_per_s)
                found.setdefault(server.name, {})[command] = figures
                shown = ", ".join(f"{name} {figure:.2f}" for name, figure in figures.items())
                say(f"saving    {server.name:9} {command} of {plan.saved_keys} keys: {shown}")
    return {"keys": plan.saved_keys, "writes_per_s": plan.writes_per_s, "figures": found}


def journal_cost(plan: Plan, say: Say) -> Results:
    """CPU of a SET without and with a journal."""
    found = {}
    for pipeline in journal.PIPELINES:
        requests = plan.requests * (1 if pipeline == 1 else 5)
        found[str(pipeline)] = cost = journal.measure(pipeline, requests, plan.rounds)
        say(
            f"journal   SET P={pipeline:<3} {cost['without_us']:.2f} us without, {cost['everysec_us']:.2f} us everysec "
            f"(x {cost['to_without']:.2f}); redis {cost['redis_everysec_us']:.2f} us (x {cost['to_redis']:.2f})"
        )
    return found


def load_times(plan: Plan, say: Say) -> Results:
    """Seconds to load a snapshot and a journal."""
    rounds = loading.measure(plan.saved_keys, plan.rounds)
    found = {name: {form: median(row[form]) for form in row} for name, row in rounds.items()}
    for name, row in found.items():
        say(f"loading   {name:9} {plan.saved_keys} keys, seconds: {_joined(row, '.2f')}")
    return {"keys": plan.saved_keys, "seconds": found}


def library_calls(plan: Plan, say: Say) -> Results:
    """What a call of the library costs beside other places for values in a Python process."""
    return library.rows(plan.rounds, plan.requests, min(plan.keys, 500_000), say)


def streamed(plan: Plan, say: Say) -> Results:
    """Memory and waiting while a huge value goes in and out by chunks."""
    found = streams.measure(plan.streamed_bytes)
    for way, row in found.items():
        say(
            f"streams   dozo      {plan.streamed_bytes // MIB} MB {way}: {row['extra_bytes'] / MIB:.1f} MB of memory, "
            f"p99 of a PING {row['p99_ms']:.2f} ms, worst {row['worst_ms']:.1f} ms, {row['seconds']:.1f} s"
        )
    return {"bytes": plan.streamed_bytes, "figures": found}


def tier_use(plan: Plan, say: Say) -> Results:
    """A cache of which a fifth fits on disk and an eightieth in memory: what is found, what it takes and costs."""
    sizes = replace(tier.Sizes().cut(plan.tier_share), requests=plan.tier_requests)
    found = tier.measure(sizes)
    for name, row in found["runs"].items():
        say(f"tier      {name:9} " + _joined(row, ".4g"))
    say(f"tier      p99 of what is in memory, with a tier / without: {found['memory_p99_ratio']:.2f}")
    return found


def start_times(plan: Plan, say: Say) -> Results:
    """Seconds until the first reply, also with keys in a disk tier."""
    rounds = starts.measure(plan.revived_keys, plan.rounds)
    found = {name: median(row) for name, row in rounds.items()}
    say(f"starts    {plan.revived_keys} keys, seconds: {_joined(found, '.2f')}")
    return {"keys": plan.revived_keys, "seconds": found}


def _joined(figures: dict[str, float], form: str) -> str:
    return ", ".join(f"{name} {figure:{form}}" for name, figure in figures.items())


def hit_ratios(plan: Plan, say: Say) -> Results:
    """Every policy on every load, at equal memory for data."""
    found: dict[str, dict[str, float]] = {}
    with ExitStack() as stack:
        ours = stack.enter_context(processes.dozo())
        peer = stack.enter_context(processes.redis())
        runs = [(ours, p) for p in hit_ratio.POLICIES] + [(peer, p) for p in hit_ratio.PEER_POLICIES]
        for load in hit_ratio.LOADS:
            for server, policy in runs:
                name = f"{server.name} {policy}"
                found.setdefault(name, {})[load] = hit_ratio.measure(server, policy, load, plan.hit_requests)
    for name, row in found.items():
        say(f"hits      {name:24} " + "  ".join(f"{load} {ratio:.3f}" for load, ratio in row.items()))
    return {"budget_bytes": hit_ratio.BUDGET, "objects": hit_ratio.OBJECTS, "ratios": found}


def _version(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip().splitlines()[0]


#: What is measured, by the name under which its results stand.
PARTS: dict[str, Callable[[Plan, Say], Any]] = {
    "redis": redis_loads,
    "memcached": memcached_loads,
    "ids": ids,
    "doors": door_loads,
    "memory": memory_use,
    "collections": collection_memory,
    "stalls": stalls,
    "saving": saves,
    "journal": journal_cost,
    "loading": load_times,
    "hit_ratios": hit_ratios,
    "library": library_calls,
    "streams": streamed,
    "tier": tier_use,
    "starts": start_times,
}


def run(plan: Plan, say: Say, only: Sequence[str] = ()) -> Results:
    """Everything, or the parts that are named, as one document."""
    from dozo import __version__

    results: Results = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"cpus": len(os.sched_getaffinity(0)), "kernel": platform.release()},
        "versions": {
            "dozo": __version__,
            "redis": _version([processes.require("redis-server"), "--version"]),
            "memcached": _version([processes.require("memcached"), "--version"]),
        },
        "plan": asdict(plan),
    }
    for name in only or PARTS:
        results[name] = PARTS[name](plan, say)
    return results
