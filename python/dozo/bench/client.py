"""As much of RESP2 as the measurements need, fast; refuses to understand replies beyond their kind."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from dozo.bench.processes import BenchError

#: Commands in flight while a collection is filled.
WINDOW = 64


def encode(words: tuple[bytes, ...]) -> bytes:
    """A command as it is sent."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


class Client:
    """One connection."""

    def __init__(self, port: int, timeout: float = 600) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.file = self.sock.makefile("rb")

    def close(self) -> None:
        """Hang up."""
        self.file.close()
        self.sock.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, *words: bytes) -> None:
        """Send one command and leave its reply."""
        self.sock.sendall(encode(words))

    def reply(self) -> bytes:
        """The first line of a reply; a bulk's body instead. An error is a BenchError."""
        line = self.file.readline()
        if line.startswith(b"$") and line != b"$-1\r\n":
            return self.file.read(int(line[1:]) + 2)
        if line.startswith(b"-") or not line:
            raise BenchError(line.decode().strip() or "the server closed the connection")
        return line

    def call(self, *words: bytes) -> bytes:
        """Send one command and return its reply."""
        self.send(*words)
        return self.reply()

    def pour(self, commands: Iterable[tuple[bytes, ...]]) -> None:
        """Send many commands, with some always in flight."""
        flying = 0
        for words in commands:
            self.send(*words)
            flying += 1
            if flying == WINDOW:
                self.reply()
                flying -= 1
        for _ in range(flying):
            self.reply()

    def pending(self) -> int:
        """How many values are detached and not freed yet."""
        return self._memory()["lazyfree_pending_objects"]

    def settled_memory(self) -> int:
        """used_memory in bytes once nothing detached is left to be freed."""
        while True:
            figures = self._memory()
            if figures["lazyfree_pending_objects"] == 0:
                return figures["used_memory"]

    def _memory(self) -> dict[str, int]:
        lines = self.call(b"INFO", b"memory").decode().splitlines()
        figures = dict(line.split(":", 1) for line in lines if ":" in line)
        return {name: int(figures[name]) for name in ("lazyfree_pending_objects", "used_memory")}
