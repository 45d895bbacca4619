"""Servers that worker IDs are leased from: each can be frozen, thawed and started again on its port."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from dozo.testing import HOST, Server, start


class LeaseServer:
    """redis-server, dozo or etcd on ports that stay its own."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self._folder = folder
        self._server = start(lambda ports: self._at(ports), 2)
        self._ports = self._server.ports if kind == "etcd" else [self._server.ports[0], 0]
        self.frozen = False

    @property
    def port(self) -> int:
        """Where its clients connect."""
        return self._ports[0]

    @property
    def url(self) -> str:
        """What `--id-lease` takes."""
        return f"{'etcd' if self.kind == 'etcd' else 'redis'}://{HOST}:{self.port}"

    def freeze(self) -> None:
        """Stop it as a suspended machine is: connections stay, nobody answers."""
        os.kill(self._server.pid, signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._server.pid, signal.SIGCONT)
        self.frozen = False

    def stop(self) -> None:
        """End it without a word."""
        self._server.stop(signal.SIGKILL)

    def start_again(self) -> None:
        """Start it anew; etcd has its data, the others have none."""
        self._server.close()
        self._server = self._at(self._ports)
        assert self._server.wait_until_ready(30)

    def close(self) -> None:
        """End it for good."""
        if self.frozen:
            self.thaw()
        self._server.close()

    def _at(self, ports: list[int]) -> Server:
        port, peers = ports
        if self.kind == "redis":
            command = ["redis-server", "--port", str(port), "--save", "", "--bind", HOST]
        elif self.kind == "dozo":
            command = [sys.executable, "-m", "dozo", "serve", "--port", str(port), "--memcached-port", "0"]
            command += ["--persistence", "none"]
        else:
            here, there = f"http://{HOST}:{port}", f"http://{HOST}:{peers}"
            command = ["etcd", "--data-dir", str(self._folder / "etcd"), "--log-level", "error"]
            command += ["--listen-client-urls", here, "--advertise-client-urls", here]
            command += ["--listen-peer-urls", there, "--initial-advertise-peer-urls", there]
            command += ["--initial-cluster", f"default={there}"]
        return Server(command, ports if self.kind == "etcd" else [port], os.environ)
