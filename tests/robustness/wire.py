"""Sockets as a careless, slow or hostile client uses them, and what INFO tells of the server meanwhile."""

from __future__ import annotations

import re
import resource
import socket
import struct
from collections.abc import Iterator

from dozo.testing import HOST

PATIENCE_S = 20.0
PING, PONG = b"PING\r\n", b"+PONG\r\n"
MN, MN_REPLY = b"mn\r\n", b"MN\r\n"


class Client:
    """One connection. Reading fails after PATIENCE_S instead of hanging."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect((HOST, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_until_closed(self, data: bytes, most: int) -> bool:
        """Send again and again, at most so often; True when the server has closed meanwhile."""
        try:
            for _ in range(most):
                self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return True
        return False

    def half_close(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close at once and leave the kernel nothing to remember."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def read(self, size: int) -> bytes:
        """So many bytes, or fewer when the server closes."""
        got = bytearray()
        while len(got) < size:
            piece = self._receive(size - len(got))
            if not piece:
                break
            got += piece
        return bytes(got)

    def rest(self) -> bytes:
        """Everything until the server closes."""
        got = bytearray()
        while piece := self._receive(1 << 20):
            got += piece
        return bytes(got)

    def _receive(self, most: int) -> bytes:
        try:
            return self.sock.recv(most)
        except ConnectionResetError:
            return b""

    def expect(self, data: bytes) -> None:
        got = self.read(len(data))
        assert got == data, f"got {got[:200]!r}, expected {data[:200]!r}"

    def ask(self, request: bytes, reply: bytes) -> None:
        self.send(request)
        self.expect(reply)


def command(*words: bytes) -> bytes:
    """A RESP request."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def bulk(value: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(value), value)


def packet(opcode: int, key: bytes = b"", value: bytes = b"", extras: bytes = b"", size: int = -1) -> bytes:
    """A request of memcached's binary protocol; `size` is the body's announced length when it isn't the true one."""
    body = extras + key + value
    announced = len(body) if size < 0 else size
    return struct.pack(">BBHBBHIIQ", 0x80, opcode, len(key), len(extras), 0, 0, announced, 7, 0) + body


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def info(port: int, field: str) -> int | None:
    """A number of INFO; None while the server has too many clients to answer."""
    with Client(port) as client:
        client.send(command(b"INFO", b"everything"))
        head = client.read(1)
        while not head.endswith(b"\r\n"):
            head += client.read(1)
        if head == b"-ERR max number of clients reached\r\n":
            return None
        text = client.read(int(head[1:-2]) + 2)
    found = re.search(rb"^%b:(\d+)" % field.encode(), text, re.MULTILINE)
    assert found, f"INFO has no {field}"
    return int(found[1])


def raise_descriptor_limit(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == resource.RLIM_INFINITY or hard >= wanted, (
        f"this needs {wanted} descriptors; ulimit -Hn is {hard}"
    )
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
