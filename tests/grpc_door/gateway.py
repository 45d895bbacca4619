"""`dozo gateway` with a gRPC port, and redis-servers to stand behind it."""

from __future__ import annotations

import os
import sys
from typing import Self

import grpc

from dozo.testing import HOST, Server, start


class Gateway(Server):
    """A process that has nothing but a gRPC door."""

    def __init__(self, ports: list[int], upstream: str, flags: tuple[str, ...]) -> None:
        (self.grpc_port,) = ports
        command = [sys.executable, "-m", "dozo", "gateway", "--upstream", upstream]
        super().__init__([*command, "--grpc-port", str(self.grpc_port), *flags], ports, os.environ)

    @classmethod
    def start(cls, upstream: int | str, *flags: str) -> Self:
        """Start one for a server, by its port on this machine or by its URL."""
        url = upstream if isinstance(upstream, str) else f"redis://{HOST}:{upstream}"
        return start(lambda ports: cls(ports, url, flags), 1)

    def channel(self) -> grpc.Channel:
        """Connect."""
        return grpc.insecure_channel(f"{HOST}:{self.grpc_port}")


def redis_server(port: int | None = None, *flags: str) -> Server:
    """Start a redis-server, on a free port unless that is named."""
    memory_only = ["--save", "", "--appendonly", "no", "--bind", HOST]

    def make(ports: list[int]) -> Server:
        ports = ports if port is None else [port]
        return Server(["redis-server", "--port", str(ports[0]), *memory_only, *flags], ports, os.environ)

    return start(make, 1)
