"""What a save costs others: memory and waiting while millions of keys are written down under a load of writes.

One process writes at a fixed rate, this one pings. Memory is the server's highest resident size, and for a server that
forks what its child has copied besides.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Final, TypedDict

from dozo.bench.client import Client, encode
from dozo.bench.processes import Running

__all__ = ["Figures", "is_saving", "measure", "persistence_figures"]

_IDLE_S: Final = 3.0
_WARM_UP_S: Final = 1.0
_TICK_S: Final = 0.01


class Figures(TypedDict):
    """Of one save: growth in percent, times in milliseconds, the last in seconds."""

    growth_percent: float
    idle_p99_ms: float
    p99_ms: float
    worst_ms: float
    seconds: float


def measure(server: Running, command: str, keys: int, writes_per_s: int) -> Figures:
    """Fill the server, write to it at that rate, and save it with BGSAVE or BGREWRITEAOF."""
    with Client(server.port) as pinger, Client(server.port) as watcher:
        watcher.call(b"DEBUG", b"POPULATE", b"%d" % keys, b"key", b"32")
        writer = subprocess.Popen(
            [sys.executable, "-m", __name__, str(server.port), str(keys), str(writes_per_s)]
        )
        try:
            time.sleep(_WARM_UP_S)
            idle = _pings(pinger, time.perf_counter() + _IDLE_S)
            before = _reset_peak(server)
            began = time.perf_counter()
            watcher.call(command.encode())
            during: list[float] = []
            while not during or is_saving(watcher):
                during += _pings(pinger, time.perf_counter() + 0.1)
            seconds = time.perf_counter() - began
        finally:
            writer.kill()
            writer.wait()
        grown = _peak_bytes(server) - before + _copied(watcher)
    return {
        "growth_percent": 100 * grown / before,
        "idle_p99_ms": _percentile(idle, 99),
        "p99_ms": _percentile(during, 99),
        "worst_ms": max(during) * 1000,
        "seconds": seconds,
    }


def _pings(pinger: Client, end: float) -> list[float]:
    waits = []
    while (start := time.perf_counter()) < end:
        pinger.call(b"PING")
        waits.append(time.perf_counter() - start)
        time.sleep(0.0005)
    return waits


def _percentile(waits: list[float], percent: int) -> float:
    return sorted(waits)[min(len(waits) - 1, len(waits) * percent // 100)] * 1000


def persistence_figures(watcher: Client) -> dict[str, str]:
    """What INFO says of persistence."""
    lines = watcher.call(b"INFO", b"persistence").decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def is_saving(watcher: Client) -> bool:
    """Whether a snapshot or a rewrite is under way."""
    figures = persistence_figures(watcher)
    names = ("rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled")
    return any(figures[name] != "0" for name in names)


def _copied(watcher: Client) -> int:
    figures = persistence_figures(watcher)
    return max(int(figures.get(name, 0)) for name in ("rdb_last_cow_size", "aof_last_cow_size"))


def _reset_peak(server: Running) -> int:
    """Have the system count the highest resident size anew; the size now."""
    Path(f"/proc/{server.pid}/clear_refs").write_text("5")
    return server.rss_bytes()


def _peak_bytes(server: Running) -> int:
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _write(port: int, keys: int, writes_per_s: int) -> None:
    """Overwrite keys, all over the table, at a steady rate until killed."""
    batch = max(1, int(writes_per_s * _TICK_S))
    with Client(port) as client:
        number, due = 0, time.perf_counter()
        while True:
            numbers = range(number, number + batch)
            words = ((b"SET", b"key:%d" % (each * 7919 % keys), b"%032d" % each) for each in numbers)
            client.sock.sendall(b"".join(map(encode, words)))
            for _ in numbers:
                client.reply()
            number += batch
            due = max(due + _TICK_S, time.perf_counter() - 1)
            time.sleep(max(0.0, due - time.perf_counter()))


if __name__ == "__main__":
    _write(*map(int, sys.argv[1:4]))
