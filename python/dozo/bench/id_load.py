"""IDs under load: what a request for some costs, and how many a millisecond brings while more are asked for.

One epoll loop, no threads; every connection has one batch of requests in flight. An ID of these years has 19 digits, so
a batch's reply has a length that is known before, and the generator only counts bytes: it must not be the slower side.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from dozo.bench import processes
from dozo.bench.processes import BenchError
from dozo.ids.layout import decode

__all__ = ["KINDS", "Kind", "Outcome", "measure", "rows", "run"]

WORKER: Final = 1
STALL_S: Final = 20.0
BUFFER: Final = 1 << 20
_ID: Final = b"0" * 19


@dataclass(frozen=True)
class Kind:
    """Requests that are all the same: their bytes, those of a reply but for its digits, and how many IDs one brings."""

    name: str
    request: bytes
    reply: bytes
    ids: int
    door: str = "ids"


@dataclass(frozen=True)
class Outcome:
    """What came back. `milliseconds` is the time between the first and the last ID, by the IDs themselves."""

    seconds: float
    requests: int
    ids: int
    milliseconds: int
    waits_s: list[float] = field(repr=False)

    @property
    def ids_per_ms(self) -> float:
        """How many IDs a millisecond had; a worker has at most 4096."""
        return self.ids / self.milliseconds

    def percentile_ms(self, percent: float) -> float:
        """Wait that `percent` of the batches stay under."""
        ordered = sorted(self.waits_s)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000


def _text(keys: int) -> Kind:
    value = b"VALUE k 0 19\r\n" + _ID + b"\r\n"
    return Kind(
        f"get of {keys}" if keys > 1 else "get",
        b"get" + b" k" * keys + b"\r\n",
        value * keys + b"END\r\n",
        keys,
    )


def _binary() -> Kind:
    header = b"\x80\x00\x00\x01" + b"\0" * 7 + b"\x01" + b"\0" * 12
    return Kind("binary get", header + b"k", b"\0" * 28 + _ID, 1)


def _resp(count: int) -> Kind:
    if count == 1:
        return Kind("ID.NEXT", b"*1\r\n$7\r\nID.NEXT\r\n", b":" + _ID + b"\r\n", 1, "resp")
    words = b"*3\r\n$7\r\nID.NEXT\r\n$5\r\nCOUNT\r\n$%d\r\n%d\r\n" % (len(str(count)), count)
    return Kind(
        f"ID.NEXT of {count}", words, b"*%d\r\n" % count + (b":" + _ID + b"\r\n") * count, count, "resp"
    )


KINDS: Final = (_text(1), _text(100), _binary(), _resp(1), _resp(100))
"""What the suite sends."""
SUSTAINED: Final = _text(1000)
"""What asks for more than there is."""


class _Connection:
    """One socket and its batch."""

    def __init__(self, place: tuple[str, int], batch: bytes, reply_len: int) -> None:
        self.socket = socket.create_connection(place, timeout=STALL_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._batch, self._reply_len = batch, reply_len
        self._buffer = bytearray(BUFFER)
        self._missing = 0
        self.sent_at = 0.0
        self.last = b""

    def send(self) -> None:
        self._missing = self._reply_len
        self.sent_at = time.perf_counter()
        self.socket.sendall(self._batch)

    def receive(self) -> bool:
        """Take what came; whether the batch is answered."""
        taken = self.socket.recv_into(self._buffer)
        if not taken:
            raise BenchError("the server closed a connection under load")
        self._missing -= taken
        if self._missing < 0:
            raise BenchError(f"the server answered something else: {bytes(self._buffer[:80])!r}")
        self.last = bytes(self._buffer[max(0, taken - 64) : taken])
        return self._missing == 0


def run(place: tuple[str, int], kind: Kind, connections: int, pipeline: int, seconds: float) -> Outcome:
    """Ask for that long, then wait for what is in flight; BenchError where the server fails to answer."""
    reply_len = pipeline * len(kind.reply)
    poll, found = select.epoll(), {}
    waits: list[float] = []
    try:
        for _ in range(connections):
            connection = _Connection(place, kind.request * pipeline, reply_len)
            found[connection.socket.fileno()] = connection
            poll.register(connection.socket.fileno(), select.EPOLLIN)
        first = _one_id(place, kind)
        start = time.perf_counter()
        for connection in found.values():
            connection.send()
        in_flight = len(found)
        while in_flight:
            for descriptor in _ready(poll):
                connection = found[descriptor]
                if connection.receive():
                    now = time.perf_counter()
                    waits.append(now - connection.sent_at)
                    if now - start < seconds:
                        connection.send()
                    else:
                        in_flight -= 1
        elapsed = time.perf_counter() - start
        last = _one_id(place, kind)
    except OSError as error:
        raise BenchError(f"{place[0]}:{place[1]}: {error.strerror or error}") from None
    finally:
        poll.close()
        for connection in found.values():
            connection.socket.close()
    requests = len(waits) * pipeline
    milliseconds = decode(last).unix_ms - decode(first).unix_ms
    return Outcome(elapsed, requests, requests * kind.ids, milliseconds, waits)


def _ready(poll: select.epoll) -> Iterator[int]:
    events = poll.poll(STALL_S)
    if not events:
        raise BenchError(f"no reply for {STALL_S:.0f} s")
    return (descriptor for descriptor, _ in events)


def _one_id(place: tuple[str, int], kind: Kind) -> int:
    """Ask for one ID beside the load: it tells the time that IDs have now, and that the server answers at all."""
    reply = b""
    with socket.create_connection(place, timeout=STALL_S) as connection:
        connection.sendall(kind.request)
        while len(reply) < len(kind.reply):
            piece = connection.recv(BUFFER)
            reply += piece
            if not piece or b"ERROR" in reply or reply.startswith(b"-"):
                raise BenchError(f"the server issues no IDs: {reply[:80]!r}")
    digits = kind.reply.rindex(_ID)
    return int(reply[digits : digits + len(_ID)])


def measure(
    server: processes.Running, port: int, kind: Kind, pipeline: int, seconds: float
) -> dict[str, Any]:
    """The figures of one run with 50 connections, the server's CPU among them."""
    before = server.cpu_s()
    outcome = run(("127.0.0.1", port), kind, 50, pipeline, seconds)
    cpu_s = server.cpu_s() - before
    return {
        "requests_per_s": outcome.requests / outcome.seconds,
        "cpu_us": cpu_s / outcome.requests * 1e6,
        "ids_per_ms": outcome.ids_per_ms,
        "p50_ms": outcome.percentile_ms(50),
        "p99_ms": outcome.percentile_ms(99),
    }


def rows(rounds: int, seconds: float, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Every kind alone and in pipelines, and at last what the generator sustains; the median of the rounds."""
    found: list[dict[str, Any]] = []
    with processes.id_server(WORKER) as (server, id_port):
        cases = [(kind, pipeline) for kind in KINDS for pipeline in (1, 16)]
        for kind, pipeline in [*cases, (SUSTAINED, 4)]:
            port = id_port if kind.door == "ids" else server.port
            runs = [measure(server, port, kind, pipeline, seconds) for _ in range(rounds)]
            row = {name: median(one[name] for one in runs) for name in runs[0]}
            say(
                f"IDs       {kind.name:15} P={pipeline:<3} {row['cpu_us']:8.2f} us a request, "
                f"{row['requests_per_s']:9,.0f} requests/s, {row['ids_per_ms']:7.1f} IDs/ms"
            )
            found.append({"load": kind.name, "pipeline": pipeline, "ids": kind.ids, "dozo": row})
    return found
