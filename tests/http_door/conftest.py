"""A dozo with its HTTP door, gateways to servers that run elsewhere, and httpx clients for both."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import httpx
import pytest
import redis

from dozo.testing import HOST, Node, Server, start


class HttpNode(Node):
    """A `dozo serve` that has an HTTP port too."""

    def __init__(self, ports: list[int], flags: Sequence[str]) -> None:
        *own, self.http_port = ports
        super().__init__(own, ["--http-port", str(self.http_port), *flags], {})
        self.ports.append(self.http_port)

    @property
    def url(self) -> str:
        """Where the door is."""
        return f"http://{HOST}:{self.http_port}"

    def redis(self, **options: object) -> redis.Redis:
        """Connect a client of the other door; replies are bytes."""
        return redis.Redis(HOST, self.port, **options)


class Gateway(Server):
    """A `dozo gateway` with an HTTP port."""

    def __init__(self, ports: list[int], upstream: str, flags: Sequence[str]) -> None:
        self.http_port = ports[0]
        command = [sys.executable, "-m", "dozo", "gateway", "--http-port", str(self.http_port)]
        super().__init__([*command, *flags], ports, os.environ | {"DOZO_UPSTREAM": upstream})

    @property
    def url(self) -> str:
        """Where the door is."""
        return f"http://{HOST}:{self.http_port}"


@pytest.fixture(scope="session")
def shared_node() -> Iterator[HttpNode]:
    with start(lambda ports: HttpNode(ports, ()), 3) as node:
        yield node


@pytest.fixture
def node(shared_node: HttpNode) -> HttpNode:
    """Return a running server without keys, on its default settings but for the HTTP port."""
    with shared_node.redis() as client:
        client.flushall()
    return shared_node


@pytest.fixture
def start_node() -> Iterator[Callable[..., HttpNode]]:
    """Return a function that starts a server with flags of its own."""
    with ExitStack() as stack:

        def start_one(*flags: str) -> HttpNode:
            return stack.enter_context(start(lambda ports: HttpNode(ports, flags), 3))

        yield start_one


@pytest.fixture
def start_gateway() -> Iterator[Callable[..., Gateway]]:
    """Return a function that starts a gateway to an upstream."""
    with ExitStack() as stack:

        def start_one(upstream: str, *flags: str) -> Gateway:
            return stack.enter_context(start(lambda ports: Gateway(ports, upstream, flags), 1))

        yield start_one


@pytest.fixture
def http(node: HttpNode) -> Iterator[httpx.Client]:
    """Return an HTTP client of the shared server."""
    with httpx.Client(base_url=node.url, timeout=30) as client:
        yield client


@pytest.fixture
def client(node: HttpNode) -> Iterator[redis.Redis]:
    """Return a Redis client of the same server."""
    with node.redis() as connected:
        yield connected
