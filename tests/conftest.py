"""Servers for the tests: dozo, and the originals it is compared with.

Each pytest-xdist worker has its own, on free ports. A shared server is emptied before every test that asks for it;
`start_dozo` gives a test a server of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import redis
from tests.telling import briefly

from dozo.testing import HOST, Node, Server, start


def pytest_configure(config: pytest.Config) -> None:
    """Have failed comparisons of long values told briefly.

    A hook beside pytest's own would not do: all are asked before the first answer is taken, and its own takes minutes.
    """
    hooks = config.hook.pytest_assertrepr_compare.get_hookimpls()
    (own,) = (each for each in hooks if each.plugin_name == "assertion")
    tell = own.function
    own.function = lambda config, op, left, right: briefly(op, left, right) or tell(config, op, left, right)


class Peer(Server):
    """An original: redis-server or memcached; `port` is where it listens."""

    @property
    def port(self) -> int:
        """Return the one port it has."""
        return self.ports[0]

    def close(self) -> None:
        """End it at once: nothing is to be kept, and memcached's own way takes a second."""
        self.process.kill()
        super().close()


def _redis(ports: list[int]) -> Peer:
    flags = ["--save", "", "--appendonly", "no", "--enable-debug-command", "yes", "--bind", HOST]
    return Peer(["redis-server", "--port", str(ports[0]), *flags], ports, os.environ)


def _memcached(ports: list[int]) -> Peer:
    user = ["-u", "root"] if os.geteuid() == 0 else []
    return Peer(["memcached", "-p", str(ports[0]), "-U", "0", "-l", HOST, *user], ports, os.environ)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Node]:
    """One dozo for all tests of this worker that don't change its settings; use `server`."""
    with Node.start() as node:
        yield node


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[Peer]:
    """One redis-server for all tests of this worker; use `redis_server`."""
    with start(_redis, 1) as peer:
        yield peer


@pytest.fixture(scope="session")
def shared_memcached() -> Iterator[Peer]:
    """One memcached for all tests of this worker; use `memcached_server`."""
    with start(_memcached, 1) as peer:
        yield peer


def _empty(port: int) -> None:
    with redis.Redis(HOST, port) as client:
        client.flushall()


@pytest.fixture
def server(shared_server: Node) -> Node:
    """Return a running dozo without keys, on its default settings."""
    _empty(shared_server.port)
    return shared_server


@pytest.fixture
def redis_server(shared_redis: Peer) -> Peer:
    """Return a running redis-server without keys."""
    _empty(shared_redis.port)
    return shared_redis


@pytest.fixture
def memcached_server() -> Iterator[Peer]:
    """Return a new memcached: flush_all would not reset its CAS counter and its statistics."""
    with start(_memcached, 1) as peer:
        yield peer


@pytest.fixture
def start_dozo() -> Iterator[Callable[..., Node]]:
    """Return a function that starts a dozo with flags of its own; all are ended with the test."""
    with ExitStack() as stack:

        def start_one(*flags: str, **options: dict[str, str]) -> Node:
            return stack.enter_context(Node.start(*flags, **options))

        yield start_one


@pytest.fixture
def client(server: Node) -> Iterator[redis.Redis]:
    """Return a redis-py client of the shared dozo; replies are bytes."""
    with redis.Redis(HOST, server.port) as connected:
        yield connected
