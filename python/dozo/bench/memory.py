"""Memory: what an empty server takes, and what a key costs beyond its key and value."""

from __future__ import annotations

import socket
import time

from dozo.bench.client import Client
from dozo.bench.memcached_load import key
from dozo.bench.processes import BenchError, Running

KEY_BYTES = 16
BATCH = 2000
SETTLE_S = 0.5


def _fill_redis(port: int, keys: int, value: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        head = b"*3\r\n$3\r\nSET\r\n$%d\r\n" % KEY_BYTES
        tail = b"\r\n$%d\r\n%b\r\n" % (len(value), value)
        for start in range(0, keys, BATCH):
            count = min(BATCH, keys - start)
            sock.sendall(b"".join(head + key(start + i) + tail for i in range(count)))
            _expect(sock, b"+OK\r\n" * count)


def _fill_memcached(port: int, keys: int, value: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        for start in range(0, keys, BATCH):
            count = min(BATCH, keys - start)
            names = (key(start + i) for i in range(count))
            sock.sendall(b"".join(b"set %b 0 0 %d\r\n%b\r\n" % (name, len(value), value) for name in names))
            _expect(sock, b"STORED\r\n" * count)


def _expect(sock: socket.socket, replies: bytes) -> None:
    got = bytearray()
    while len(got) < len(replies):
        part = sock.recv(1 << 20)
        if not part:
            raise BenchError("the server closed the connection during a fill")
        got += part
    if bytes(got) != replies:
        raise BenchError(f"unexpected reply during a fill: {bytes(got[:80])!r}")


COLLECTIONS = ("hash", "list", "set", "zset")
ELEMENTS = 10


def _collection(kind: str, number: int) -> tuple[bytes, ...]:
    """The command that creates one small collection of elements of 16 bytes."""
    name = b"%b:%012d" % (kind.encode(), number)
    items = [b"%08d%08d" % (number, item) for item in range(ELEMENTS)]
    match kind:
        case "hash":
            return (
                b"HSET",
                name,
                *(word for i, item in enumerate(items) for word in (b"field:%d" % i, item)),
            )
        case "zset":
            return (b"ZADD", name, *(word for i, item in enumerate(items) for word in (b"%d" % i, item)))
    return ({"list": b"RPUSH", "set": b"SADD"}[kind], name, *items)


def bytes_per_collection(server: Running, kind: str, count: int) -> float:
    """RSS that so many small collections add, each. The server must be empty."""
    before = server.rss_bytes()
    with Client(server.port) as client:
        client.pour(_collection(kind, number) for number in range(count))
    time.sleep(SETTLE_S)
    return (server.rss_bytes() - before) / count


def bytes_per_key(server: Running, value_bytes: int, keys: int) -> float:
    """RSS that `keys` keys add, a key, less the key's and value's own bytes. The server must be empty."""
    before = server.rss_bytes()
    value = b"v" * value_bytes
    if server.port:
        _fill_redis(server.port, keys, value)
    else:
        _fill_memcached(server.memcached_port, keys, value)
    time.sleep(SETTLE_S)
    return (server.rss_bytes() - before) / keys - KEY_BYTES - value_bytes
