"""How long a start takes until the first reply: with nothing, and with what an earlier run has left in a disk tier."""

from __future__ import annotations

import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from dozo.bench import processes
from dozo.bench.client import Client

__all__ = ["measure"]

_VALUE_BYTES: Final = 200
_MEMORY: Final = "256mb"


def measure(keys: int, rounds: int) -> dict[str, list[float]]:
    """Seconds from the start of the process to a reply, round by round, for each kind of start."""
    found: dict[str, list[float]] = {"redis, nothing": [], "nothing": [], "a disk tier": []}
    with TemporaryDirectory(prefix="dozo-bench-") as name:
        tiered = _options(Path(name), keys)
        with processes.dozo(*tiered) as server, Client(server.port) as client:
            noise = random.Random(7).randbytes(_VALUE_BYTES)
            client.pour((b"SET", b"key:%d" % number, noise) for number in range(keys))
        for _ in range(rounds):
            found["redis, nothing"].append(_first_reply(processes.redis, ()))
            found["nothing"].append(_first_reply(processes.dozo, ()))
            found["a disk tier"].append(_first_reply(processes.dozo, tiered, keys))
    return found


def _options(folder: Path, keys: int) -> tuple[str, ...]:
    """A tier with room for all of them, in which everything is whose length is not zero."""
    size = max(64 << 20, keys * _VALUE_BYTES * 4)
    tier = ("--disk-tier", str(folder), "--disk-tier-size", str(size), "--disk-tier-min-value", "0")
    return (*tier, "--maxmemory", _MEMORY, "--maxmemory-policy", "s3fifo")


def _first_reply(start: processes.Starter, options: tuple[str, ...], keys: int = 0) -> float:
    began = time.perf_counter()
    with start(*options) as server, Client(server.port) as client:
        reply = client.call(b"GET", b"key:%d" % (keys // 2))
        seconds = time.perf_counter() - began
        found = int(client.call(b"DBSIZE")[1:])
    if found != keys or (reply == b"$-1\r\n") != (keys == 0):
        raise processes.BenchError(f"{found} keys of {keys} are there after a start")
    return seconds
