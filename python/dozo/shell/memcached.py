"""A connection to a memcached server: pymemcache's socket, and replies as the server wrote them.

Owns what the text protocol needs to know of a command: where its data goes and where its reply ends. The user writes
the value where the protocol has its length (`set key 0 60 "some value"`, `ms key value T60`); it is counted here.
"""

from __future__ import annotations

from io import BufferedReader
from typing import Any

from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheError

from dozo.shell.session import SessionError

# Commands with a value, by the position of its length.
_VALUE_AT = {b"set": 4, b"add": 4, b"replace": 4, b"append": 4, b"prepend": 4, b"cas": 4, b"ms": 2}
_UNTIL_END = frozenset({b"get", b"gets", b"gat", b"gats", b"stats"})
_ENDS = (b"END", b"RESET", b"OK", b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR")
_SILENT = frozenset({b"quit", b"shutdown"})


class MemcachedSession:
    """One connection that is made on first use and made again after it broke."""

    def __init__(self, server: str | tuple[str, int]) -> None:
        self.server = server
        self._client: Any = Client(server)
        self._file: BufferedReader | None = None

    def __str__(self) -> str:
        return self.server if isinstance(self.server, str) else f"{self.server[0]}:{self.server[1]}"

    def call(self, args: list[bytes]) -> bytes:
        """Send a command and return its whole reply, line ends included."""
        name = args[0].lower()
        try:
            if self._file is None:
                self._client._connect()
                self._file = self._client.sock.makefile("rb")
            self._client.sock.sendall(request(args))
            if b"noreply" in args[1:] or name in _SILENT:
                return b""
            return self._read(name)
        except (OSError, MemcacheError) as error:
            self.close()
            reason = getattr(error, "strerror", None) or str(error)
            raise SessionError(f"{self}: {reason}") from None

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        if self._file is not None:
            self._file.close()
        self._file = None
        self._client.close()

    def _read(self, name: bytes) -> bytes:
        lines: list[bytes] = []
        while True:
            line = self._line()
            lines.append(line)
            words = line.split()
            if words and words[0] in (b"VALUE", b"VA"):
                # VALUE key flags length [cas]; VA length flags*
                lines.append(self._data(int(words[3 if words[0] == b"VALUE" else 1])))
            if name not in _UNTIL_END or (words and words[0] in _ENDS):
                return b"".join(lines)

    def _line(self) -> bytes:
        line: bytes = self._file.readline() if self._file else b""
        if not line.endswith(b"\n"):
            raise OSError("Server closed the connection")
        return line

    def _data(self, size: int) -> bytes:
        data = self._file.read(size + 2) if self._file else b""
        if len(data) != size + 2:
            raise OSError("Server closed the connection")
        return data


def request(args: list[bytes]) -> bytes:
    """Return the bytes of one command; the value of a storing one moves behind its line."""
    at = _VALUE_AT.get(args[0].lower())
    words = list(args)
    if at is None or len(args) <= at:
        return b" ".join(words) + b"\r\n"
    value = words[at]
    words[at] = b"%d" % len(value)
    return b" ".join(words) + b"\r\n" + value + b"\r\n"
