"""A load generator for memcached's text protocol: many connections, one batch of requests in flight on each.

One epoll loop, no threads. Requests are made beforehand, so that the generator costs little beside the
server. 90 % of the requests are gets, as in the published figures of the field.
"""

from __future__ import annotations

import random
import select
import socket
import time
from dataclasses import dataclass, field

from dozo.bench.processes import BenchError

KEYSPACE = 100_000
VALUE = b"x" * 32
GET_SHARE = 0.9
STALL_S = 20.0


@dataclass
class Load:
    """What to send.

    host, port: the server. connections: sockets open at once. pipeline: requests sent before a reply is
    awaited. requests: how many in all. seed: makes the sequence repeatable.
    """

    host: str = "127.0.0.1"
    port: int = 11211
    connections: int = 50
    pipeline: int = 1
    requests: int = 200_000
    get_share: float = GET_SHARE
    seed: int = 1


@dataclass
class Outcome:
    """What came back. Latencies are in milliseconds, one for each batch of `pipeline` requests."""

    seconds: float
    requests: int
    hits: int
    latencies_ms: list[float] = field(repr=False)

    @property
    def requests_per_s(self) -> float:
        """Requests answered in a second."""
        return self.requests / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """Latency that `percent` of the batches stay under."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def key(index: int) -> bytes:
    """The generator's keys: 16 bytes."""
    return b"key:%012d" % index


def fill(host: str, port: int, keys: int = KEYSPACE, value: bytes = VALUE) -> None:
    """Store every key once, without waiting for single replies."""
    with socket.create_connection((host, port), timeout=STALL_S) as sock:
        for start in range(0, keys, 1000):
            stop = min(keys, start + 1000)
            lines = [
                b"set %b 0 0 %d noreply\r\n%b\r\n" % (key(i), len(value), value) for i in range(start, stop)
            ]
            sock.sendall(b"".join(lines))
        sock.sendall(b"mn\r\n")
        reply = sock.recv(64)
    if reply != b"MN\r\n":
        raise BenchError(f"the server answered {reply!r} to a fill with noreply")


@dataclass
class _Connection:
    sock: socket.socket
    expected: bytes = b""
    awaited: int = 0
    sent_at: float = 0.0
    tail: bytes = b""


class _Generator:
    """The loop; each connection has at most one batch in flight."""

    def __init__(self, load: Load) -> None:
        self.load = load
        rng = random.Random(load.seed)
        self.batches = [self._batch(rng) for _ in range(4096)]
        self.sent = 0
        self.done = 0
        self.hits = 0
        self.latencies: list[float] = []
        self.next_batch = 0

    def _batch(self, rng: random.Random) -> bytes:
        parts = []
        for _ in range(self.load.pipeline):
            name = key(rng.randrange(KEYSPACE))
            if rng.random() < self.load.get_share:
                parts.append(b"get %b\r\n" % name)
            else:
                parts.append(b"set %b 0 0 %d\r\n%b\r\n" % (name, len(VALUE), VALUE))
        return b"".join(parts)

    def _send(self, connection: _Connection) -> None:
        if self.sent >= self.load.requests:
            return
        batch = self.batches[self.next_batch % len(self.batches)]
        self.next_batch += 1
        self.sent += self.load.pipeline
        connection.awaited = self.load.pipeline
        connection.sent_at = time.perf_counter()
        connection.sock.sendall(batch)

    def _receive(self, connection: _Connection) -> None:
        data = connection.sock.recv(65536)
        if not data:
            raise BenchError("the server closed a connection under load")
        # Values are all x, so the two endings can stand only where a reply ends.
        data = connection.tail + data
        ends = data.count(b"END\r\n") + data.count(b"STORED\r\n")
        self.hits += data.count(b"VALUE ")
        if b"ERROR" in data:
            raise BenchError(f"the server answered an error under load: {data[:80]!r}")
        connection.tail = data[-7:] if not data.endswith((b"END\r\n", b"STORED\r\n")) else b""
        self.hits -= connection.tail.count(b"VALUE ")
        self.done += ends
        connection.awaited -= ends
        if connection.awaited == 0:
            self.latencies.append((time.perf_counter() - connection.sent_at) * 1000)
            self._send(connection)

    def run(self) -> Outcome:
        load = self.load
        poll = select.epoll()
        connections: dict[int, _Connection] = {}
        try:
            for _ in range(load.connections):
                sock = socket.create_connection((load.host, load.port), timeout=STALL_S)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[sock.fileno()] = _Connection(sock)
                poll.register(sock.fileno(), select.EPOLLIN)
            start = time.perf_counter()
            for connection in connections.values():
                self._send(connection)
            while self.done < self.sent:
                events = poll.poll(STALL_S)
                if not events:
                    raise BenchError(f"no reply for {STALL_S:.0f} s after {self.done} requests")
                for descriptor, _ in events:
                    self._receive(connections[descriptor])
            return Outcome(time.perf_counter() - start, self.done, self.hits, self.latencies)
        finally:
            poll.close()
            for connection in connections.values():
                connection.sock.close()


def run(load: Load) -> Outcome:
    """Send the load and wait for every reply; BenchError when the server can't be reached or fails to answer."""
    try:
        return _Generator(load).run()
    except OSError as error:
        raise BenchError(f"{load.host}:{load.port}: {error.strerror or error}") from error
