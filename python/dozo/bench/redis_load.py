"""Load in the Redis protocol: redis-benchmark drives, /proc tells what it cost."""

from __future__ import annotations

import csv
import subprocess
from dataclasses import asdict, dataclass
from statistics import median

from dozo.bench.client import Client
from dozo.bench.processes import BenchError, Running, require

CONNECTIONS = 50
KEYSPACE = 100_000

_VALUE = "xxxxxxxxxxxxxxxx"

#: Load name -> what redis-benchmark is told to send.
COMMANDS: dict[str, list[str]] = {
    "SET": ["SET", "key:__rand_int__", _VALUE],
    "GET": ["GET", "key:__rand_int__"],
    "INCR": ["INCR", "counter:__rand_int__"],
    "MSET": ["MSET", *(word for _ in range(10) for word in ("key:__rand_int__", _VALUE))],
    "GETRANGE": ["GETRANGE", "key:__rand_int__", "0", "7"],
    "PING_INLINE": ["-t", "ping_inline"],
    "PING_MBULK": ["PING"],
    "LPUSH": ["LPUSH", "mylist", _VALUE],
    "RPUSH": ["RPUSH", "mylist", _VALUE],
    "LPOP": ["LPOP", "mylist"],
    "RPOP": ["RPOP", "mylist"],
    "SADD": ["SADD", "myset", "element:__rand_int__"],
    "HSET": ["HSET", "myhash", "element:__rand_int__", _VALUE],
    "SPOP": ["SPOP", "myset"],
    "ZADD": ["ZADD", "myzset", "__rand_int__", "element:__rand_int__"],
    "ZPOPMIN": ["ZPOPMIN", "myzset"],
    "LRANGE_100": ["LRANGE", "mylist", "0", "99"],
    "LRANGE_300": ["LRANGE", "mylist", "0", "299"],
    "LRANGE_500": ["LRANGE", "mylist", "0", "499"],
    "LRANGE_600": ["LRANGE", "mylist", "0", "599"],
    "XADD": ["XADD", "mystream", "*", "myfield", _VALUE],
    "EVAL": ["EVAL", "return redis.call('GET', KEYS[1])", "1", "key:__rand_int__"],
}

#: The loads on strings, which are run at every depth and with more requests; the others are the rest of
#: redis-benchmark's own list and a script of one line.
STRINGS = ("SET", "GET", "INCR", "MSET", "GETRANGE")

#: Before each run of a load: what the collection that it works on must hold, as (command, items of each).
_PREPARED = {
    "LPOP": b"RPUSH",
    "RPOP": b"RPUSH",
    "SPOP": b"SADD",
    "ZPOPMIN": b"ZADD",
    "LRANGE_100": b"RPUSH",
    "LRANGE_300": b"RPUSH",
    "LRANGE_500": b"RPUSH",
    "LRANGE_600": b"RPUSH",
}
_BATCH = 500


def share(name: str) -> int:
    """By how much fewer requests are sent because each is large."""
    return {"MSET": 4, "LRANGE_100": 4}.get(name, 10 if name.startswith("LRANGE") else 1)


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


def prepare(server: Running, name: str, requests: int) -> None:
    """Give a load that pops or reads a collection as many elements as it takes, and others an empty keyspace."""
    if name in STRINGS:
        return
    with Client(server.port) as client:
        client.call(b"UNLINK", b"mylist", b"myset", b"myhash", b"myzset", b"mystream")
        client.settled_memory()
        command = _PREPARED.get(name)
        if command is not None:
            count = 1000 if name.startswith("LRANGE") else requests
            client.pour(
                _filling(command, start, min(start + _BATCH, count)) for start in range(0, count, _BATCH)
            )


def _filling(command: bytes, start: int, stop: int) -> tuple[bytes, ...]:
    """One command that adds elements start to stop."""
    names = [b"element:%012d" % number for number in range(start, stop)]
    match command:
        case b"RPUSH":
            return (command, b"mylist", *([_VALUE.encode()] * len(names)))
        case b"SADD":
            return (command, b"myset", *names)
    return (
        command,
        b"myzset",
        *(word for pair in zip(map(_score, range(start, stop)), names, strict=True) for word in pair),
    )


def _score(number: int) -> bytes:
    return b"%d" % (number * 7919 % 1_000_003)


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
        for server, samples in ((ours, mine), (peer, theirs)):
            prepare(server, name, requests)
            samples.append(run_once(server, command, pipeline, requests))
    ratio = median(a.cpu_us / b.cpu_us for a, b in zip(mine, theirs, strict=True))
    return middle(mine), middle(theirs), ratio
