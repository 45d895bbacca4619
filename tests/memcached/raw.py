"""memcached's protocols as they stand on the wire: what a client library would hide counts.

A request may have any number of reply lines, or none. So each is followed by one that always has exactly one
(`mn` in text, NOOP in binary), and what comes before that answer belongs to the request.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

_HEADER = struct.Struct(">BBHBBHIIQ")
_FENCE = 0xFEEDFACE


class Connection:
    """One connection; reading fails after 20 seconds instead of hanging."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def more(self) -> bool:
        """Read what has come; False when the server has closed."""
        try:
            data = self.sock.recv(1 << 20)
        except ConnectionResetError:
            return False
        self.pending += data
        return bool(data)

    def take(self, count: int) -> bytes:
        while len(self.pending) < count:
            if not self.more():
                raise ConnectionError(f"closed within a reply: {self.pending[:200]!r}")
        data, self.pending = self.pending[:count], self.pending[count:]
        return data

    def rest(self) -> bytes:
        """Everything until the server closes."""
        while self.more():
            pass
        return self.take(len(self.pending))


class Text(Connection):
    """The text and the meta protocol."""

    def ask(self, request: bytes) -> bytes:
        """Send a request and return all it is answered with."""
        self.send(request + b"mn\r\n")
        while not self.pending.endswith(b"MN\r\n"):
            if not self.more():
                raise ConnectionError(f"closed after {request[:80]!r}: {self.pending[:200]!r}")
        return self.take(len(self.pending))[:-4]


@dataclass(frozen=True)
class Packet:
    """A reply of the binary protocol."""

    opcode: int
    status: int
    extras: bytes
    key: bytes
    value: bytes
    opaque: int
    cas: int


def request(
    opcode: int,
    key: bytes = b"",
    value: bytes = b"",
    extras: bytes = b"",
    *,
    cas: int = 0,
    opaque: int = 7,
) -> bytes:
    """A whole request packet."""
    body = extras + key + value
    head = _HEADER.pack(0x80, opcode, len(key), len(extras), 0, 0, len(body), opaque, cas)
    return head + body


class Binary(Connection):
    """The binary protocol."""

    def read(self) -> Packet:
        fixed = _HEADER.unpack(self.take(_HEADER.size))
        magic, opcode, key_size, extras_size, _, status, body_size, opaque, cas = fixed
        if magic != 0x81:
            raise ConnectionError(f"not a reply: {fixed}")
        body = self.take(body_size)
        value_at = extras_size + key_size
        extras, key, value = body[:extras_size], body[extras_size:value_at], body[value_at:]
        return Packet(opcode, status, extras, key, value, opaque, cas)

    def ask(self, *requests: bytes) -> list[Packet]:
        """Send requests and return all they are answered with."""
        self.send(b"".join(requests) + request(0x0A, opaque=_FENCE))
        packets = []
        while (packet := self.read()).opaque != _FENCE:
            packets.append(packet)
        return packets
