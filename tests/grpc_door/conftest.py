"""A dozo with its gRPC door, and stubs of grpcio's for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import grpc
import pytest
import redis

from dozo.grpc.v1.data_pb2_grpc import DataStub
from dozo.testing import HOST, Node, start


class GrpcNode(Node):
    """A `dozo serve` that has a gRPC port too."""

    def __init__(self, ports: list[int], flags: tuple[str, ...]) -> None:
        *own, self.grpc_port = ports
        super().__init__(own, ["--grpc-port", str(self.grpc_port), *flags], {})
        self.ports.append(self.grpc_port)

    def channel(self) -> grpc.Channel:
        """Connect."""
        return grpc.insecure_channel(f"{HOST}:{self.grpc_port}")


@pytest.fixture(scope="session")
def shared_node() -> Iterator[GrpcNode]:
    with start(lambda ports: GrpcNode(ports, ()), 3) as node:
        yield node


@pytest.fixture
def node(shared_node: GrpcNode) -> GrpcNode:
    """Return a running server without keys, on its default settings but for the gRPC port."""
    with redis.Redis(HOST, shared_node.port) as client:
        client.flushall()
    return shared_node


@pytest.fixture
def start_node() -> Iterator[Callable[..., GrpcNode]]:
    """Return a function that starts a server with flags of its own."""
    with ExitStack() as stack:

        def start_one(*flags: str) -> GrpcNode:
            return stack.enter_context(start(lambda ports: GrpcNode(ports, flags), 3))

        yield start_one


@pytest.fixture
def channel(node: GrpcNode) -> Iterator[grpc.Channel]:
    with node.channel() as channel:
        yield channel


@pytest.fixture
def data(channel: grpc.Channel) -> DataStub:
    return DataStub(channel)


@pytest.fixture
def client(node: GrpcNode) -> Iterator[redis.Redis]:
    """Return a redis-py client of the same server."""
    with redis.Redis(HOST, node.port) as connected:
        yield connected
