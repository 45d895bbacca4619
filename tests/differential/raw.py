"""Replies as they stand on the wire: a type that redis-py would hide (simple or bulk, null or null array) counts."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One reply: its RESP type byte and its content."""

    kind: str
    value: Any


class Wire:
    """One connection that sends commands as words and returns raw replies."""

    def __init__(self, port: int, timeout: float = 20) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.file = self.sock.makefile("rb")

    def close(self) -> None:
        self.file.close()
        self.sock.close()

    def pipeline(self, commands: list[tuple[bytes, ...]]) -> list[Reply]:
        """Send all commands in one go and read a reply for each."""
        self.sock.sendall(b"".join(encode(command) for command in commands))
        return [self.reply() for _ in commands]

    def call(self, *command: bytes) -> Reply:
        return self.pipeline([command])[0]

    def reply(self) -> Reply:
        """The next reply; what was pushed before it (CLIENT TRACKING) is compared in tests/commands."""
        while (found := self.read()).kind == ">":
            pass
        return found

    def read(self) -> Reply:
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError(f"closed within a reply: {line!r}")
        kind, text = chr(line[0]), line[1:-2]
        if kind in "+-:,(#_":
            return Reply(kind, text)
        size = int(text)
        if size < 0:
            return Reply(kind, None)
        if kind in "$=!":
            return Reply(kind, self.file.read(size + 2)[:-2])
        count = size * 2 if kind in "%|" else size
        return Reply(kind, [self.read() for _ in range(count)])


def encode(command: tuple[bytes, ...]) -> bytes:
    return b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in command)
