"""Clients that send and never read: bounded memory, a closed connection, and nobody else waits."""

from __future__ import annotations

import pytest
from tests.memory import resident
from tests.waiting import until

from .wire import PING, Client, bulk, command, info

MIB = 1 << 20
LIMIT = ("--client-output-buffer-limit", "normal 8mb 0 0")


@pytest.mark.parametrize(
    "request_",
    [
        command(b"GET", b"large"),
        command(b"GET", b"medium"),
        PING,
        b"GET medium\r\n",
        command(b"KEYS", b"*"),
        command(b"MGET", *[b"medium"] * 100),
    ],
    ids=["large values", "values that are copied", "small replies", "inline", "Python", "many at once"],
)
def test_resp(start, request_):
    node = start(*LIMIT)
    with Client(node.port) as witness:
        witness.ask(command(b"SET", b"large", b"v" * MIB), b"+OK\r\n")
        witness.ask(command(b"SET", b"medium", b"v" * 15_000), b"+OK\r\n")
        keys = [word for n in range(20_000) for word in (b"key:%d" % n, b"v")]
        witness.ask(command(b"MSET", *keys), b"+OK\r\n")
        before = resident(node)
        pipeline = request_ * (65536 // len(request_) + 1)
        with Client(node.port, receive_buffer=4096) as deaf:
            assert deaf.send_until_closed(pipeline, most=2000)
            assert resident(node) < before + 64 * MIB
        witness.ask(PING, b"+PONG\r\n")
    until("it is disconnected", lambda: info(node.port, "client_output_buffer_limit_disconnections") == 1)
    assert "output buffer over its limit" in node.log()


@pytest.mark.parametrize(
    "request_",
    [b"get k\r\n", b"mg k v\r\n", b"get" + b" k" * 500 + b"\r\n", b"stats\r\n"],
    ids=["text", "meta", "many keys", "stats"],
)
def test_memcached(start, request_):
    node = start(*LIMIT)
    with Client(node.memcached_port) as witness:
        witness.ask(b"set k 0 0 15000\r\n" + b"v" * 15_000 + b"\r\n", b"STORED\r\n")
        before = resident(node)
        pipeline = request_ * (65536 // len(request_) + 1)
        with Client(node.memcached_port, receive_buffer=4096) as deaf:
            assert deaf.send_until_closed(pipeline, most=2000)
            assert resident(node) < before + 64 * MIB
        witness.ask(b"mn\r\n", b"MN\r\n")
    until("it is disconnected", lambda: info(node.port, "client_output_buffer_limit_disconnections") == 1)


def test_one_that_reads_late_gets_everything(node, witnesses):
    value = b"v" * 15_000
    with Client(node.port, receive_buffer=4096) as late:
        late.ask(command(b"SET", b"k", value), b"+OK\r\n")
        late.send(command(b"GET", b"k") * 2000)
        until("it is measured", lambda: info(node.port, "client_recent_max_output_buffer") >= 0)
        witnesses.are_served()
        late.expect(bulk(value) * 2000)
        late.ask(PING, b"+PONG\r\n")
