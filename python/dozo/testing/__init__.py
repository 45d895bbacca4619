"""A real dozo server for a test: started on free ports, ended with the test.

    from dozo.testing import Node

    with Node.start("--maxmemory", "10mb") as node:
        redis.Redis(port=node.port).set("a", 1)

Owns one server process and its ports. Refuses to share it between processes: every pytest-xdist worker starts its own.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

HOST = "127.0.0.1"
_ATTEMPTS = 5

T = TypeVar("T", bound="Server")


class NodeError(Exception):
    """The server did not start; the text holds what it wrote."""


def free_ports(count: int) -> list[int]:
    """Return TCP ports that nobody listens on right now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


class Server:
    """A server process of any kind, its log and the ports it answers on."""

    def __init__(self, command: Sequence[str], ports: Sequence[int], environment: Mapping[str, str]) -> None:
        self.ports = [port for port in ports if port]
        self._log = tempfile.NamedTemporaryFile(prefix="dozo-test-", suffix=".log")  # noqa: SIM115
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=dict(environment)
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self.process.poll() is None

    def log(self) -> str:
        """Return what the process has written so far."""
        return Path(self._log.name).read_text("utf-8", "replace")

    def wait_until_ready(self, timeout_s: float = 10.0) -> bool:
        """Wait until every port accepts; False when the process ended instead."""
        deadline = time.monotonic() + timeout_s
        for port in self.ports:
            while not _accepts(port):
                if self.wait(0.01) is not None:
                    return False
                if time.monotonic() > deadline:
                    raise NodeError(f"not ready within {timeout_s} s:\n{self.log()}")
        return self.running

    def wait(self, timeout_s: float) -> int | None:
        """Wait for the process to end and return its exit code, or None while it runs on."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, how: signal.Signals = signal.SIGTERM, timeout_s: float = 15.0) -> int:
        """End the process as an operator would, at last by force, and return its exit code."""
        if self.running:
            self.process.send_signal(how)
        code = self.wait(timeout_s)
        if code is None:
            self.process.kill()
            code = self.process.wait()
        return code

    def close(self) -> None:
        """End the process and drop its log."""
        self.stop()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Node(Server):
    """One `dozo serve` with its RESP port and its memcached port."""

    def __init__(self, ports: list[int], flags: Sequence[str], environment: Mapping[str, str]) -> None:
        self.port, self.memcached_port = ports
        serve = [sys.executable, "-m", "dozo", "serve"]
        listen = ["--port", str(self.port), "--memcached-port", str(self.memcached_port)]
        if not any(flag.startswith(("--persistence", "--data-dir")) for flag in flags):
            # A test that says nothing of files must leave none.
            listen += ["--persistence", "none"]
        super().__init__([*serve, *listen, *flags], ports, os.environ | dict(environment))

    @classmethod
    def start(cls, *flags: str, environment: Mapping[str, str] | None = None) -> Self:
        """Start a server with these flags of `dozo serve` and return it once it answers."""
        return start(lambda ports: cls(ports, flags, environment or {}), 2)


def start(make: Callable[[list[int]], T], ports: int) -> T:
    """Start a server on free ports; somebody else may take one in between, so try a few times."""
    text = ""
    for _ in range(_ATTEMPTS):
        server = make(free_ports(ports))
        if server.wait_until_ready():
            return server
        text = server.log()
        server.close()
        if "in use" not in text:
            break
    raise NodeError(f"ended at once:\n{text}")
