"""SIGTERM and SIGINT under load: every reply that was begun is whole, the exit code is 0, nobody stays connected."""

from __future__ import annotations

import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, Semaphore

import pytest

from dozo.testing import HOST

from .wire import MN, MN_REPLY, PING, PONG, Client, bulk, command

SMALL, LARGE = b"s" * 3_000, b"l" * 300_000
UNDER_WAY_BYTES = 4_000_000


class Load:
    """A client with some requests under way at any time, until the server closes."""

    def __init__(self, port: int, request: bytes, reply: bytes) -> None:
        self.client, self.request, self.reply = Client(port), request, reply
        self._room = Semaphore(max(8, UNDER_WAY_BYTES // len(reply)))
        self._over = False

    def ask(self) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            while not self._over:
                self._room.acquire()
                self.client.send(self.request)

    def read(self, started: Barrier) -> bytes:
        """What came besides whole replies."""
        self.client.expect(self.reply)
        started.wait()
        while (got := self.client.read(len(self.reply))) == self.reply:
            self._room.release()
        self._over = True
        self._room.release()
        return got


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_replies_are_whole(start, how):
    node = start()
    with Client(node.port) as client:
        client.ask(command(b"MSET", b"small", SMALL, b"large", LARGE), b"+OK\r\n")
    loads = [
        Load(node.port, PING, PONG),
        Load(node.port, command(b"GET", b"small"), bulk(SMALL)),
        Load(node.port, command(b"GET", b"large"), bulk(LARGE)),
        Load(node.port, command(b"GETRANGE", b"small", b"0", b"-1"), bulk(SMALL)),
        Load(node.memcached_port, MN, MN_REPLY),
        Load(node.memcached_port, b"get large\r\n", b"VALUE large 0 300000\r\n%b\r\nEND\r\n" % LARGE),
    ]
    started = Barrier(len(loads) + 1)
    idle = [Client(node.port), Client(node.memcached_port)]
    with ThreadPoolExecutor(2 * len(loads)) as pool:
        asking = [pool.submit(load.ask) for load in loads]
        reading = [pool.submit(load.read, started) for load in loads]
        started.wait()
        assert node.stop(how) == 0
        assert [read.result() for read in reading] == [b""] * len(loads), "a reply was cut"
        assert [ask.result() for ask in asking] == [None] * len(loads)
    assert [client.rest() for client in idle] == [b"", b""]
    assert node.log().rstrip().endswith("stopped")
    for port in node.ports:
        with socket.socket() as refused:
            assert refused.connect_ex((HOST, port)) != 0
    for client in [load.client for load in loads] + idle:
        client.sock.close()


def test_what_was_received_is_answered(start):
    node = start()
    clients = [Client(node.port) for _ in range(20)]
    for client in clients:
        client.ask(PING, PONG)
    for client in clients:
        client.send(command(b"APPEND", b"k", b"x") * 500)
    node.process.send_signal(signal.SIGTERM)
    lines = [line for client in clients for line in client.rest().split(b"\r\n")[:-1]]
    assert sorted(int(line[1:]) for line in lines) == list(range(1, 10_001))
    assert node.wait(15) == 0
    for client in clients:
        client.sock.close()


def test_a_client_that_never_reads_does_not_hold_up_the_end(start):
    node = start("--shutdown-timeout", "1")
    with Client(node.port, receive_buffer=4096) as deaf:
        deaf.ask(command(b"SET", b"k", LARGE), b"+OK\r\n")
        deaf.send(command(b"GET", b"k") * 200)
        with Client(node.port) as other:
            other.ask(PING, PONG)
        assert node.stop() == 0


def test_a_second_signal_ends_at_once(start):
    node = start("--shutdown-timeout", "3600")
    with Client(node.port, receive_buffer=4096) as deaf:
        deaf.ask(command(b"SET", b"k", LARGE), b"+OK\r\n")
        deaf.send(command(b"GET", b"k") * 200)
        with Client(node.port) as other:
            other.ask(PING, PONG)
            node.process.send_signal(signal.SIGTERM)
            assert other.rest() == b""
        assert node.wait(0) is None
        node.process.send_signal(signal.SIGTERM)
        assert node.wait(15) == 0
