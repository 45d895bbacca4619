"""A cache larger than memory: 20 GB of values asked for by a power law, through 256 MB of memory and 4 GB of disk.

A process sends the load, as a program with a cache does: it asks, and stores what was missing. Meanwhile a client
beside it asks for a few keys that are always in memory, and times that. A server without a tier has the same done to
it, in turns with the other one, so that what else the machine does hits both. Then values that lie on disk are asked
for, out of files of which the system holds nothing in memory. Memory and files are looked at all the time: one over its
bound ends the measurement. Smaller runs keep the ratio of values to disk to memory.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from dozo.bench import processes
from dozo.bench.client import Client, encode
from dozo.bench.hit_ratio import zipf
from dozo.bench.processes import BenchError

__all__ = ["Figures", "Sizes", "measure"]

MIB = 1 << 20
Figures = dict[str, float]

_ALPHA: Final = 0.9
_LEAST, _MOST = 100, 1_000_000
_GOLDEN: Final = 0.6180339887498949
_BATCH: Final = 8
"""Requests of the load in flight."""
_HOT: Final = 64
_HOT_BYTES: Final = 1000
_PAUSE_S: Final = 0.002
"""Between two requests for values in memory."""
_LOOKS: Final = 8
"""Requests for values in memory between two looks at memory and files."""
_SLACK: Final = 1.10
"""By what RSS may be over maxmemory."""
_COLD_READS: Final = 2000
_TURNS: Final = 10
"""Parts of what is counted; between two of them the other server has its turn."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of values, memory and disk, and requests: as many to warm up as are counted."""

    values: int = 20 << 30
    maxmemory: int = 256 * MIB
    disk: int = 4 << 30
    requests: int = 60_000

    @property
    def objects(self) -> int:
        """How many values there are; their sizes are spread evenly over all magnitudes."""
        return int(self.values / ((_MOST - _LEAST) / 9.21))

    def cut(self, share: int) -> Sizes:
        """The same with everything so many times smaller."""
        sizes = (self.values, self.maxmemory, self.disk, self.requests)
        return Sizes(*(size // share for size in sizes))


def _size_of(number: int) -> int:
    return int(_LEAST * (_MOST / _LEAST) ** (number * _GOLDEN % 1))


def _hot_key(number: int) -> bytes:
    return b"hot:%d" % (number % _HOT)


class _Load:
    """What the process of the load does."""

    def __init__(self, port: int, sizes: Sizes) -> None:
        self._client = Client(port)
        self._noise = random.Random(7).randbytes(4 * MIB)
        self._sizes = sizes
        self.requests = self.hits = self.stored_bytes = self.answered_bytes = 0

    def value(self, number: int) -> memoryview:
        """The value of an object: noise that no compression makes smaller."""
        start = number * 7919 % (3 * MIB)
        return memoryview(self._noise)[start : start + _size_of(number)]

    def run(self, numbers: Iterator[int]) -> None:
        """Ask for objects, some at a time, and store those that are not there."""
        while batch := list(itertools.islice(numbers, _BATCH)):
            self._client.sock.sendall(b"".join(encode((b"GET", b"object:%d" % number)) for number in batch))
            missing = [number for number in batch if not self._take(number)]
            for number in missing:
                value = self.value(number)
                head = b"*3\r\n$3\r\nSET\r\n$%d\r\nobject:%d\r\n$%d\r\n"
                name = b"object:%d" % number
                self._client.sock.sendall(b"".join((head % (len(name), number, len(value)), value, b"\r\n")))
                self._client.reply()
                self.stored_bytes += len(value)

    def _take(self, number: int) -> bool:
        """Read a reply, which is the value or nothing; whether it was there."""
        self.requests += 1
        line = self._client.file.readline()
        if line == b"$-1\r\n":
            return False
        body = self._client.file.read(int(line[1:]) + 2)
        if memoryview(body)[:-2] != self.value(number):
            raise BenchError(f"object:{number} came back as another value")
        self.hits += 1
        self.answered_bytes += len(body)
        return True


def _drive(port: int, sizes: Sizes, pipe: Connection) -> None:
    """Send as many requests as is asked for, tell what came of them, and wait for the next number; a process's work."""
    load = _Load(port, sizes)
    numbers = zipf(_ALPHA, 2 * sizes.requests, objects=sizes.objects)
    while count := pipe.recv():
        before = load.requests, load.hits, load.stored_bytes
        began = time.perf_counter()
        load.run(itertools.islice(numbers, count))
        seconds = time.perf_counter() - began
        after = load.requests, load.hits, load.stored_bytes
        requests, hits, stored = (now - then for now, then in zip(after, before, strict=True))
        pipe.send({"requests": requests, "hits": hits, "stored_bytes": stored, "seconds": seconds})


class _Watch:
    """What a server takes of memory and disk, at most, and its bounds."""

    def __init__(self, server: processes.Running, sizes: Sizes, folder: Path | None) -> None:
        self._server, self._sizes, self._folder = server, sizes, folder
        self.rss = self.disk = 0

    def look(self) -> None:
        """Measure; BenchError where a server with a tier is over a bound."""
        self.rss = max(self.rss, self._server.rss_bytes())
        if self._folder is None:
            return
        self.disk = max(self.disk, sum(_length(path) for path in self._folder.iterdir()))
        if self.rss > self._sizes.maxmemory * _SLACK or self.disk > self._sizes.disk:
            raise BenchError(f"over its bound: {self.rss} bytes of memory, {self.disk} of disk")


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _p99_ms(seconds: list[float]) -> float:
    return quantiles(seconds, n=100)[98] * 1000


def _hot_waits(client: Client, watch: _Watch, is_over: Callable[[], bool]) -> list[float]:
    """Ask for keys in memory until it is over; how long each took."""
    for number in range(_HOT):
        client.call(b"SET", _hot_key(number), b"h" * _HOT_BYTES)
    waits = []
    for number in itertools.count():
        began = time.perf_counter()
        found = client.call(b"GET", _hot_key(number))
        waits.append(time.perf_counter() - began)
        if found == b"$-1\r\n":
            client.call(b"SET", _hot_key(number), b"h" * _HOT_BYTES)
        if number % _LOOKS == 0:
            watch.look()
        if is_over():
            return waits
        time.sleep(_PAUSE_S)
    return waits


def _is_cold(client: Client, key: bytes, size: int) -> bool:
    """Whether the value lies on disk only: then the key takes less memory than the value alone."""
    reply = client.call(b"MEMORY", b"USAGE", key)
    return reply.startswith(b":") and int(reply[1:]) < size


def _cold_waits(client: Client, sizes: Sizes, folder: Path) -> list[float]:
    """Ask for values that lie on disk and in no cache of the system's; how long each took."""
    waits: list[float] = []
    _drop_cached(folder)
    for number in itertools.islice(zipf(_ALPHA, 20 * _COLD_READS, objects=sizes.objects), 20 * _COLD_READS):
        key = b"object:%d" % number
        if _size_of(number) < 200 or not _is_cold(client, key, _size_of(number)):
            continue
        began = time.perf_counter()
        client.call(b"GET", key)
        waits.append(time.perf_counter() - began)
        if len(waits) == _COLD_READS:
            break
    return waits


def _drop_cached(folder: Path) -> None:
    """Have the system forget what it holds of the files, where it can be told."""
    if not hasattr(os, "posix_fadvise"):
        return
    os.sync()
    for path in folder.glob("tier-*.data"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _figures(client: Client, names: tuple[str, ...]) -> Figures:
    lines = client.call(b"INFO", b"tier").decode().splitlines()
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    return {name: float(found[name]) for name in names}


class _Side:
    """One of the two servers, and the process that sends it the load."""

    def __init__(self, stack: ExitStack, sizes: Sizes, folder: Path | None) -> None:
        options = [
            "--persistence",
            "none",
            "--maxmemory",
            str(sizes.maxmemory),
            "--maxmemory-policy",
            "s3fifo",
        ]
        if folder is not None:
            options += ["--disk-tier", str(folder), "--disk-tier-size", str(sizes.disk)]
        self._sizes, self._folder = sizes, folder
        self._server = stack.enter_context(processes.dozo(*options))
        self._client = stack.enter_context(Client(self._server.port))
        self._watch = _Watch(self._server, sizes, folder)
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._load = context.Process(target=_drive, args=(self._server.port, sizes, theirs), daemon=True)
        self._load.start()
        stack.callback(self._load.kill)
        self._waits: list[float] = []
        self._sums: Counter[str] = Counter()

    def _is_over(self) -> bool:
        if not self._load.is_alive() and not self._pipe.poll():
            raise BenchError("the load ended early")
        return self._pipe.poll()

    def warm_up(self) -> None:
        """Send the requests that are not counted."""
        self._pipe.send(self._sizes.requests)
        _hot_waits(self._client, self._watch, self._is_over)
        self._pipe.recv()

    def take_turn(self) -> None:
        """Send a part of those that are."""
        with processes.undisturbed(self._server):
            self._pipe.send(self._sizes.requests // _TURNS)
            self._waits += _hot_waits(self._client, self._watch, self._is_over)
        self._sums.update(self._pipe.recv())

    def figures(self) -> Figures:
        """What was found; of values on disk, too, where there are such."""
        sums = self._sums
        found: Figures = {"hit_ratio": sums["hits"] / sums["requests"], "seconds": sums["seconds"]}
        found |= {"stored_bytes": sums["stored_bytes"], "rss_bytes": self._watch.rss}
        found |= {"memory_p50_ms": median(self._waits) * 1000, "memory_p99_ms": _p99_ms(self._waits)}
        if self._folder is not None:
            names = ("tier_write_amplification", "tier_blocking_hits", "tier_keys")
            found |= _figures(self._client, names)
            cold = _cold_waits(self._client, self._sizes, self._folder)
            found |= {"disk_bytes": self._watch.disk, "disk_p99_ms": _p99_ms(cold)}
            self._watch.look()
        return found


def measure(sizes: Sizes) -> dict[str, Any]:
    """The figures of a server with a tier, and of one that has the memory only."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dozo-bench-")))
        sides = {"with": _Side(stack, sizes, folder), "without": _Side(stack, sizes, None)}
        for side in sides.values():
            side.warm_up()
        for _ in range(_TURNS):
            for side in sides.values():
                side.take_turn()
        found = {name: side.figures() for name, side in sides.items()}
    ratio = found["with"]["memory_p99_ms"] / found["without"]["memory_p99_ms"]
    shown = {name: getattr(sizes, name) for name in ("values", "maxmemory", "disk", "requests", "objects")}
    return {"sizes": shown, "runs": found, "memory_p99_ratio": ratio}
