"""How long other clients wait while a huge value is removed: the worst PING during UNLINK, DEL and expiry, and before.

A value is filled once and copied for each removal, because filling ten million elements takes most of the time. The
server and the pinger have real-time priority where the system allows that: others' turns on a small machine are as long
as the waits that are looked for.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator

from dozo.bench.client import Client
from dozo.bench.processes import BenchError, Running, undisturbed

KINDS = ("set", "zset", "hash")
WAYS = ("UNLINK", "DEL", "expiry")
BATCH = 1000
#: The pinger watches at least this long, seconds.
WATCH_S = 0.5
#: And this long where nothing happens: so much of the waiting is the machine's.
IDLE_S = 5.0
EXPIRY_MS = 50


def _filling(kind: str, elements: int) -> Iterator[tuple[bytes, ...]]:
    command = {"set": b"SADD", "zset": b"ZADD", "hash": b"HSET"}[kind]
    for start in range(0, elements, BATCH):
        numbers = range(start, min(start + BATCH, elements))
        if kind == "set":
            yield (command, b"big", *[b"element:%d" % number for number in numbers])
        else:
            # A score and a member, or a field and its value.
            yield (command, b"big", *[word for number in numbers for word in _pair(kind, number)])


def _pair(kind: str, number: int) -> tuple[bytes, bytes]:
    name = b"element:%d" % number
    return (b"%d" % (number * 7919 % 1_000_003), name) if kind == "zset" else (name, b"%d" % number)


def _worst_ping_ms(pinger: Client, watcher: Client, is_over: bool) -> float:
    """Ping until what the watcher sent is answered and nothing is left to be freed; the worst wait."""
    worst, end = 0.0, time.perf_counter() + WATCH_S
    while True:
        start = time.perf_counter()
        pinger.call(b"PING")
        worst = max(worst, time.perf_counter() - start)
        if not is_over:
            is_over = bool(select.select([watcher.sock], [], [], 0)[0])
            if is_over:
                watcher.reply()
        elif time.perf_counter() > end:
            if watcher.pending() == 0 and watcher.call(b"EXISTS", b"victim") == b":0\r\n":
                return worst * 1000
            end = time.perf_counter() + 0.05


def _worst_idle_ping_ms(pinger: Client) -> float:
    worst, end = 0.0, time.perf_counter() + IDLE_S
    while (start := time.perf_counter()) < end:
        pinger.call(b"PING")
        worst = max(worst, time.perf_counter() - start)
    return worst * 1000


def measure(server: Running, kind: str, elements: int) -> dict[str, float]:
    """The worst PING in milliseconds: while nothing happens, and while a value of that size leaves, by the way."""
    with Client(server.port) as pinger, Client(server.port) as watcher:
        watcher.pour(_filling(kind, elements))
        with undisturbed(server):
            found = {"idle": _worst_idle_ping_ms(pinger)}
        for way in WAYS:
            if watcher.call(b"COPY", b"big", b"victim") != b":1\r\n":
                raise BenchError("the huge value could not be copied")
            with undisturbed(server):
                if way == "expiry":
                    watcher.call(b"PEXPIRE", b"victim", b"%d" % EXPIRY_MS)
                else:
                    watcher.send(way.encode(), b"victim")
                found[way] = _worst_ping_ms(pinger, watcher, is_over=way == "expiry")
        watcher.call(b"UNLINK", b"big")
        watcher.settled_memory()
        return found
