"""What a request through each gateway costs: requests a second, the server's CPU, the wait.

Owns the frame and the figures; the requests of a door are its load's (http_load.py, grpc_load.py). Clients run in this
process, so their own work is not in the server's CPU, but it bounds the requests a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dozo.bench import grpc_load, http_load
from dozo.bench.processes import BenchError, Running
from dozo.testing import Node, free_ports

__all__ = ["DOORS", "Door", "measure"]

Run = Callable[[int, int], tuple[float, list[float]]]
"""Sends so many requests to a port; the seconds that took, and the milliseconds that each waited."""


@dataclass(frozen=True)
class Door:
    """A gateway: the setting that opens it, and its loads by name, each with how many times fewer of it are sent."""

    name: str
    port_flag: str
    loads: Mapping[str, tuple[Run, int]]
    flags: tuple[str, ...] = ()


DOORS: Final = (
    Door("HTTP", "--http-port", http_load.LOADS),
    Door("gRPC", "--grpc-port", grpc_load.LOADS, ("--worker-id", "0", "--id-port", "0")),
)


def measure(requests: int, rounds: int) -> Iterator[dict[str, Any]]:
    """A row for each load of each door: the round that took the least CPU."""
    for door in DOORS:
        (port,) = free_ports(1)
        with Node.start("--log-level", "warning", door.port_flag, str(port), *door.flags) as node:
            node.ports.append(port)
            if not node.wait_until_ready():
                raise BenchError(f"the server ended: {node.log()}")
            server = Running("dozo", node.pid, node.port)
            for load, (run, weight) in door.loads.items():
                count = max(requests // weight, 100)
                samples = [_sample(server, run, port, count) for _ in range(rounds)]
                yield {"door": door.name, "load": load, **min(samples, key=lambda each: each["cpu_us"])}


def _sample(server: Running, run: Run, port: int, requests: int) -> dict[str, float]:
    before_s = server.cpu_s()
    seconds, waits_ms = run(port, requests)
    cpu_s = server.cpu_s() - before_s
    waits_ms.sort()
    return {
        "requests_per_s": len(waits_ms) / seconds,
        "cpu_us": cpu_s / len(waits_ms) * 1e6,
        "p50_ms": waits_ms[len(waits_ms) // 2],
        "p99_ms": waits_ms[len(waits_ms) * 99 // 100],
    }
