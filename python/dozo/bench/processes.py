"""The servers under measurement: start on free ports, read CPU time and memory from /proc, stop by pid."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

START_TIMEOUT_S = 15.0


class BenchError(Exception):
    """A measurement can't be made; the text says what is missing."""


@dataclass(frozen=True)
class Running:
    """A started server. Ports are 0 where it does not speak the protocol."""

    name: str
    process: subprocess.Popen[bytes]
    port: int = 0
    memcached_port: int = 0

    def cpu_s(self) -> float:
        """CPU seconds of all its threads so far, from schedstat (nanosecond resolution)."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        total_ns = 0
        for task in tasks:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total_ns += int((task / "schedstat").read_text().split()[0])
        return total_ns / 1e9

    def rss_bytes(self) -> int:
        """Resident memory now."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise BenchError(f"{self.name} is gone")

    def stop(self) -> None:
        """End it by pid and wait."""
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require(program: str) -> str:
    """Path of a program, or an error that names its Debian package."""
    path = shutil.which(program)
    if path is None:
        package = {"redis-benchmark": "redis-tools", "redis-cli": "redis-tools"}.get(program, program)
        raise BenchError(f"{program} is not installed (Debian package {package})")
    return path


def _wait_for(port: int, process: subprocess.Popen[bytes], name: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchError(f"{name} ended with {process.returncode} before it listened")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    process.kill()
    process.wait()
    raise BenchError(f"{name} did not listen on port {port} within {START_TIMEOUT_S:.0f} s")


def _spawn(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@contextlib.contextmanager
def dozo(*options: str) -> Iterator[Running]:
    """A dozo server with both protocols."""
    port, memcached_port = free_port(), free_port()
    command = [
        sys.executable,
        "-m",
        "dozo",
        "serve",
        "--port",
        str(port),
        "--memcached-port",
        str(memcached_port),
    ]
    process = _spawn([*command, "--log-level", "warning", *options])
    server = Running("dozo", process, port, memcached_port)
    try:
        _wait_for(port, process, "dozo")
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def redis(*options: str) -> Iterator[Running]:
    """A redis-server without persistence."""
    port = free_port()
    command = [
        require("redis-server"),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
    ]
    process = _spawn([*command, *options])
    server = Running("redis", process, port)
    try:
        _wait_for(port, process, "redis-server")
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def memcached(*options: str) -> Iterator[Running]:
    """A memcached with one worker thread and no UDP."""
    port = free_port()
    command = [require("memcached"), "-p", str(port), "-l", "127.0.0.1", "-U", "0", "-t", "1", "-u", "nobody"]
    process = _spawn([*command, *options])
    server = Running("memcached", process, memcached_port=port)
    try:
        _wait_for(port, process, "memcached")
        yield server
    finally:
        server.stop()
