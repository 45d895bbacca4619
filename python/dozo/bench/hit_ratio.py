"""Hit ratios of the eviction policies on seeded loads, next to redis-server's at equal memory."""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Callable, Iterator

from dozo.bench.client import Client, encode
from dozo.bench.processes import BenchError, Running

OBJECTS = 100_000
VALUE = b"v" * 100
#: Memory for data beyond what the empty server counts, bytes: a tenth of the objects, more or less.
BUDGET = 2_000_000
BATCH = 32

#: dozo's policies, in the order of the report.
POLICIES = (
    *("s3fifo", "tinylfu", "allkeys-lru", "allkeys-lfu", "hybrid", "fifo", "allkeys-random"),
    *("volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"),
)
PEER_POLICIES = ("allkeys-lru", "allkeys-lfu")


def _zipf(alpha: float, rng: random.Random, objects: int = OBJECTS) -> Callable[[], int]:
    weights = list(itertools.accumulate(1 / rank**alpha for rank in range(1, objects + 1)))
    total = weights[-1]
    names = list(range(objects))
    rng.shuffle(names)
    return lambda: names[min(bisect.bisect(weights, rng.random() * total), objects - 1)]


def zipf(alpha: float, requests: int, seed: int = 1, objects: int = OBJECTS) -> Iterator[int]:
    """Object numbers, popular ones first by a power law."""
    draw = _zipf(alpha, random.Random(seed), objects)
    return (draw() for _ in range(requests))


def scan_mixed(requests: int, seed: int = 1) -> Iterator[int]:
    """Zipf 1.0, and now and then a run over objects asked for only once (a tenth of all requests)."""
    rng = random.Random(seed)
    draw = _zipf(1.0, rng)
    scanned = itertools.count(OBJECTS)
    sent = 0
    while sent < requests:
        if rng.random() < 0.1 / 500:
            run = min(500, requests - sent)
            yield from itertools.islice(scanned, run)
            sent += run
        else:
            yield draw()
            sent += 1


LOADS: dict[str, Callable[[int], Iterator[int]]] = {
    "zipf 0.8": lambda requests: zipf(0.8, requests),
    "zipf 1.0": lambda requests: zipf(1.0, requests),
    "scan-mixed": scan_mixed,
}


class _Client(Client):
    """A cache's requests."""

    def hits(self, keys: list[bytes]) -> list[bool]:
        """GET each key, pipelined."""
        self.sock.sendall(b"".join(encode((b"GET", key)) for key in keys))
        found = []
        for _ in keys:
            line = self.file.readline()
            found.append(line != b"$-1\r\n")
            if found[-1]:
                self.file.read(len(VALUE) + 2)
        return found

    def store(self, keys: list[bytes], ttl: bool) -> None:
        """SET each key, pipelined."""
        extra = (b"EX", b"100000") if ttl else ()
        self.sock.sendall(b"".join(encode((b"SET", key, VALUE, *extra)) for key in keys))
        for _ in keys:
            if self.file.readline() != b"+OK\r\n":
                raise BenchError("a cache under maxmemory refused a SET")


def measure(server: Running, policy: str, load: str, requests: int) -> float:
    """Read-through caching of the load under the policy; the share of requests answered from memory."""
    client = _Client(server.port)
    try:
        client.call(b"CONFIG", b"SET", b"maxmemory", b"0")
        client.call(b"FLUSHALL")
        used = client.settled_memory()
        client.call(b"CONFIG", b"SET", b"maxmemory-policy", policy.encode())
        client.call(b"CONFIG", b"SET", b"maxmemory", b"%d" % (used + BUDGET))
        stream = LOADS[load](requests)
        hits = 0
        while batch := [b"object:%d" % number for number in itertools.islice(stream, BATCH)]:
            found = client.hits(batch)
            hits += sum(found)
            # One object may be missed twice in a batch; it is stored once.
            missed = dict.fromkeys(key for key, hit in zip(batch, found, strict=True) if not hit)
            if missed:
                client.store(list(missed), ttl=policy.startswith("volatile"))
        return hits / requests
    finally:
        client.close()
