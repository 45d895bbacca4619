"""Load in the Redis protocol: redis-benchmark drives, /proc tells what it cost."""

from __future__ import annotations

import csv
import subprocess
from dataclasses import asdict, dataclass
from statistics import median

from dozo.bench.processes import BenchError, Running, require

CONNECTIONS = 50
KEYSPACE = 100_000

#: Load name -> the command as redis-benchmark takes it.
COMMANDS: dict[str, list[str]] = {
    "SET": ["SET", "key:__rand_int__", "xxxxxxxxxxxxxxxx"],
    "GET": ["GET", "key:__rand_int__"],
    "INCR": ["INCR", "counter:__rand_int__"],
    "MSET": ["MSET", *(word for _ in range(10) for word in ("key:__rand_int__", "xxxxxxxxxxxxxxxx"))],
    "GETRANGE": ["GETRANGE", "key:__rand_int__", "0", "7"],
}

#: The command of COMMANDS that dozo implements in Python.
PYTHON_COMMAND = "GETRANGE"


@dataclass(frozen=True)
class Sample:
    """One run of one load on one server."""

    requests_per_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


def run_once(server: Running, command: list[str], pipeline: int, requests: int) -> Sample:
    """Drive the load once; CPU per request counts the whole server process."""
    before = server.cpu_s()
    process = subprocess.run(
        [
            *(
                require("redis-benchmark"),
                "-p",
                str(server.port),
                "-c",
                str(CONNECTIONS),
                "-n",
                str(requests),
            ),
            *("-P", str(pipeline), "-r", str(KEYSPACE), "--csv", *command),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    cpu_s = server.cpu_s() - before
    rows = [row for row in csv.reader(process.stdout.splitlines()) if len(row) == 8 and row[0] != "test"]
    if process.returncode != 0 or not rows:
        raise BenchError(
            f"redis-benchmark failed on {server.name}: {process.stderr.strip() or process.stdout.strip()}"
        )
    _, rate, _avg, _min, p50, _p95, p99, _max = rows[-1]
    return Sample(float(rate), cpu_s / requests * 1e6, float(p50), float(p99))


def middle(samples: list[Sample]) -> Sample:
    """Field by field the median."""
    rows = [asdict(sample) for sample in samples]
    return Sample(**{field: median(row[field] for row in rows) for field in rows[0]})


def compare(
    ours: Running, peer: Running, name: str, pipeline: int, requests: int, rounds: int
) -> tuple[Sample, Sample, float]:
    """Run the load on both in turn; returns medians and the median of the pairwise CPU ratios."""
    command = COMMANDS[name]
    mine: list[Sample] = []
    theirs: list[Sample] = []
    for _ in range(rounds):
        mine.append(run_once(ours, command, pipeline, requests))
        theirs.append(run_once(peer, command, pipeline, requests))
    ratio = median(a.cpu_us / b.cpu_us for a, b in zip(mine, theirs, strict=True))
    return middle(mine), middle(theirs), ratio
