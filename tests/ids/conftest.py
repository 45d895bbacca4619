"""Servers that issue IDs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import redis

from dozo.testing import HOST, Server, start


class IdNode(Server):
    """One `dozo id serve` that Redis clients reach too; `id_port` speaks memcached. Gateways have the further ports."""

    def __init__(self, ports: list[int], flags: list[str]) -> None:
        self.port, self.id_port, *gateways = ports
        verb = [sys.executable, "-m", "dozo", "id", "serve", "--port", str(self.port), "--id-port"]
        self._command = [*verb, str(self.id_port), *flags]
        if gateways:
            self.http_port, self.grpc_port = gateways
            self._command += ["--http-port", str(self.http_port), "--grpc-port", str(self.grpc_port)]
        super().__init__(self._command, ports, os.environ)

    def restart(self, how: signal.Signals) -> None:
        """End it by a signal, and start it again on its ports."""
        self.stop(how)
        self.close()
        super().__init__(self._command, self.ports, os.environ)
        assert self.wait_until_ready(30), self.log()

    def redis(self) -> redis.Redis:
        """Return a client of its Redis port."""
        return redis.Redis(HOST, self.port)

    def info(self) -> dict:
        """Return ID.INFO."""
        with closing(redis.Redis(HOST, self.port, protocol=3, decode_responses=True)) as client:
            return client.execute_command("ID.INFO")

    def speak(self, request: bytes, until: bytes = b"") -> bytes:
        """Send bytes to the ID port; the reply up to that end, or all until the connection is closed."""
        with socket.create_connection((HOST, self.id_port), timeout=20) as connection:
            connection.sendall(request)
            return receive(connection, until)


def receive(connection: socket.socket, until: bytes) -> bytes:
    """Read up to an end, or, without one, until the connection is closed."""
    reply = b""
    while not (until and reply.endswith(until)):
        piece = connection.recv(1 << 16)
        if not piece:
            break
        reply += piece
    return reply


@pytest.fixture
def start_ids(tmp_path: Path) -> Iterator[Callable[..., IdNode]]:
    """Return a function that starts an ID server; its worker IDs' state is kept in the test's folder."""
    with ExitStack() as stack:

        def start_one(*flags: str, ports: int = 2) -> IdNode:
            state = ["--id-state-dir", str(tmp_path / "ids")]
            return stack.enter_context(start(lambda ports: IdNode(ports, [*state, *flags]), ports))

        yield start_one


@pytest.fixture
def dozo_id(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `dozo id ...` to its end, on the same state as `start_ids`."""

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"DOZO_ID_STATE_DIR": str(tmp_path / "ids")}
        command = [sys.executable, "-m", "dozo", "id", *map(str, words)]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=60, check=False
        )

    return run


@pytest.fixture(scope="module")
def ids(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdNode]:
    """Return a server that issues IDs as worker 7."""
    flags = ["--worker-id", "7", "--id-state-dir", str(tmp_path_factory.mktemp("ids"))]
    with start(lambda ports: IdNode(ports, flags), 2) as node:
        yield node
