"""A dozo that has loaded user_commands.py, and connections whose replies are the bytes on the wire."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dozo.testing import HOST, Node

USER_COMMANDS = Path(__file__).parent / "user_commands.py"


class Wire:
    """One connection; called with the words of a command, it returns the reply as it came."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=20)
        self._file = self._socket.makefile("rb")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __call__(self, line: str | bytes, *more: bytes) -> bytes:
        self.send(line, *more)
        return self.read()

    def send(self, line: str | bytes, *more: bytes) -> None:
        first = line.split() if isinstance(line, bytes) else line.encode().split()
        words = [*first, *more]
        request = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
        self._socket.sendall(b"*%d\r\n%b" % (len(words), request))

    def figure(self, name: str) -> int:
        """Return a number of INFO."""
        lines = self("INFO everything").split(b"\r\n")
        return next(int(line.partition(b":")[2]) for line in lines if line.startswith(name.encode() + b":"))

    def read(self) -> bytes:
        line = self._file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind in b"$=" and rest != b"-1":
            return line + self._file.read(int(rest) + 2)
        if kind in b"*~%>" and rest != b"-1":
            count = int(rest) * (2 if kind == b"%" else 1)
            return line + b"".join(self.read() for _ in range(count))
        return line


@pytest.fixture(scope="module")
def loaded() -> Iterator[Node]:
    """Return one dozo for the module, started with --load."""
    with Node.start("--load", str(USER_COMMANDS)) as node:
        yield node


@pytest.fixture
def dial() -> Iterator[Callable[[int], Wire]]:
    """Return a function that connects to a port; the connections end with the test."""
    opened: list[Wire] = []

    def connect(port: int) -> Wire:
        opened.append(Wire(port))
        return opened[-1]

    yield connect
    for wire in opened:
        wire.close()


@pytest.fixture
def wire(loaded: Node, dial: Callable[[int], Wire]) -> Wire:
    """Return a connection to the loaded dozo, which has no keys."""
    connected = dial(loaded.port)
    assert connected("FLUSHALL") == b"+OK\r\n"
    return connected
