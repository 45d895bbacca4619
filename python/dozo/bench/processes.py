"""The servers under measurement: started on free ports, CPU time and memory read from /proc."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dozo.errors import DozoError
from dozo.testing import HOST, Node, Server, free_ports, start

#: A server that starts when it is entered.
Start = contextlib.AbstractContextManager["Running"]

#: Makes one of the options that the server gets.
Starter = Callable[..., Start]

#: Any real-time priority is above that of all who have none.
_PRIORITY: Final = 10


class BenchError(DozoError):
    """A measurement can't be made; the text says what is missing."""


@dataclass(frozen=True)
class Running:
    """A started server. Ports are 0 where it does not speak the protocol."""

    name: str
    pid: int
    port: int = 0
    memcached_port: int = 0

    def cpu_s(self) -> float:
        """CPU seconds of all its threads so far, from schedstat (nanosecond resolution)."""
        total_ns = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total_ns += int((task / "schedstat").read_text().split()[0])
        return total_ns / 1e9

    def rss_bytes(self) -> int:
        """Resident memory now."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise BenchError(f"{self.name} is gone")


@contextlib.contextmanager
def undisturbed(server: Running) -> Iterator[bool]:
    """Have the server and this process run before all others, so that a wait is of the server's making.

    Whether the system allows that: Linux does, to root.
    """
    if not hasattr(os, "sched_setscheduler"):
        yield False
        return
    threads = [int(task.name) for task in Path(f"/proc/{server.pid}/task").iterdir()]
    try:
        for thread in (*threads, 0):
            os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    except PermissionError:
        yield False
        return
    try:
        yield True
    finally:
        for thread in (*threads, 0):
            os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


def require(program: str) -> str:
    """Path of a program, or an error that names its Debian package."""
    path = shutil.which(program)
    if path is None:
        package = {"redis-benchmark": "redis-tools"}.get(program, program)
        raise BenchError(f"{program} is not installed (Debian package {package})")
    return path


@contextlib.contextmanager
def dozo(*options: str) -> Iterator[Running]:
    """A dozo server with both protocols."""
    with Node.start("--log-level", "warning", *options) as node:
        yield Running("dozo", node.pid, node.port, node.memcached_port)


@contextlib.contextmanager
def id_server(worker: int) -> Iterator[tuple[Running, int]]:
    """A dozo server that issues IDs as that worker, and its ID port."""
    [port] = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        state = ["--id-state-dir", folder, "--worker-id", str(worker), "--id-port", str(port)]
        with Node.start("--log-level", "warning", *state) as node:
            yield Running("dozo", node.pid, node.port, node.memcached_port), port


@contextlib.contextmanager
def redis(*options: str) -> Iterator[Running]:
    """A redis-server without persistence."""
    command = [require("redis-server"), "--bind", HOST, "--save", "", "--appendonly", "no", *options]
    with start(lambda ports: Server([*command, "--port", str(ports[0])], ports, os.environ), 1) as server:
        yield Running("redis", server.pid, port=server.ports[0])


@contextlib.contextmanager
def memcached(*options: str) -> Iterator[Running]:
    """A memcached with one worker thread and no UDP."""
    command = [require("memcached"), "-l", HOST, "-U", "0", "-t", "1", "-u", "root", *options]
    with start(lambda ports: Server([*command, "-p", str(ports[0])], ports, os.environ), 1) as server:
        yield Running("memcached", server.pid, memcached_port=server.ports[0])
