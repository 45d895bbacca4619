"""A server to be ill-treated, with and without I/O threads, and witnesses who must not notice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from dozo.testing import Node, free_ports

from .wire import MN, MN_REPLY, PING, PONG, Client, command

IO_THREADS = ["0", "2"]


@pytest.fixture(scope="session", params=IO_THREADS, ids=lambda count: f"io{count}")
def shared_node(request: pytest.FixtureRequest) -> Iterator[Node]:
    with Node.start("--io-threads", request.param) as node:
        yield node


@pytest.fixture
def node(shared_node: Node) -> Iterator[Node]:
    """Return a server without keys; whatever a test does to it, it lives and its log tells of no failure."""
    with Client(shared_node.port) as client:
        client.ask(command(b"FLUSHALL"), b"+OK\r\n")
    said = len(shared_node.log())
    yield shared_node
    assert shared_node.running, shared_node.log()
    new = shared_node.log()[said:]
    assert "panic" not in new, new
    assert "Traceback" not in new, new


@pytest.fixture(params=IO_THREADS, ids=lambda count: f"io{count}")
def start(request: pytest.FixtureRequest, start_dozo: Callable[..., Node]) -> Callable[..., Node]:
    """Return a function that starts a server with flags of its own, in both ways of doing I/O."""
    return lambda *flags, **options: start_dozo("--io-threads", request.param, *flags, **options)


class Witnesses:
    """Two connections that were there before, one to each port."""

    def __init__(self, node: Node) -> None:
        self._resp, self._memcached = Client(node.port), Client(node.memcached_port)
        self.are_served()

    def are_served(self) -> None:
        self._resp.ask(PING, PONG)
        self._memcached.ask(MN, MN_REPLY)

    def close(self) -> None:
        self._resp.sock.close()
        self._memcached.sock.close()


@pytest.fixture
def witnesses(node: Node) -> Iterator[Witnesses]:
    """Return witnesses of what is done to `node`."""
    both = Witnesses(node)
    yield both
    both.are_served()
    both.close()


@pytest.fixture
def dozo() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `dozo ARGUMENTS` to its end."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "dozo", *map(str, arguments)]
        env = os.environ | environment
        return subprocess.run(words, capture_output=True, text=True, env=env, timeout=20, check=False)

    return run


@pytest.fixture
def free_port() -> int:
    return free_ports(1)[0]
