"""What a request announces costs nothing; what it brings costs its bytes, and is given back."""

from __future__ import annotations

import pytest
from tests.memory import resident
from tests.waiting import until

from .wire import Client, bulk, command, info, packet, pieces

MIB = 1 << 20
HALF_GIB = 512 * MIB
MILLION = 1_000_000


@pytest.mark.parametrize(
    ("door", "announcement"),
    [
        ("port", b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\nabc" % HALF_GIB),
        ("port", b"*1048576\r\n$4\r\nMGET\r\n$1\r\nk\r\n"),
        ("memcached_port", b"set k 0 0 1048576\r\nabc"),
        ("memcached_port", b"ms k 1048576\r\nabc"),
        ("memcached_port", packet(0x01, b"k", b"abc", b"\0" * 8, size=MIB)),
    ],
    ids=["RESP bulk", "RESP array", "memcached text", "memcached meta", "memcached binary"],
)
def test_an_announcement_costs_nothing(node, witnesses, door, announcement):
    before, received = resident(node), info(node.port, "total_net_input_bytes")
    clients = [Client(getattr(node, door)) for _ in range(20)]
    for client in clients:
        client.send(announcement)
    sent = 20 * len(announcement)
    until("it is read", lambda: info(node.port, "total_net_input_bytes") >= received + sent)
    witnesses.are_served()
    assert resident(node) < before + 4 * MIB
    for client in clients:
        client.sock.close()


@pytest.mark.parametrize(
    ("announcement", "end", "reply"),
    [
        (b"set k 0 0 %d\r\n" % HALF_GIB, b"\r\n", b"SERVER_ERROR object too large for cache\r\n"),
        (b"ms k %d\r\n" % HALF_GIB, b"\r\n", b"SERVER_ERROR object too large for cache\r\n"),
        (packet(0x01, b"k", b"", b"\0" * 8, size=64 * MIB), b"", b"Too large."),
    ],
    ids=["text", "meta", "binary"],
)
def test_memcached_swallows_what_is_too_large_without_keeping_it(node, witnesses, announcement, end, reply):
    before = resident(node)
    with Client(node.memcached_port) as client:
        client.send(announcement)
        if reply.startswith(b"SERVER_ERROR"):
            client.expect(reply)
        for _ in range(40):
            client.send(b"x" * MIB)
        witnesses.are_served()
        assert resident(node) < before + 8 * MIB


@pytest.mark.parametrize("name", [b"DEL", b"MGET", b"MSET"])
def test_a_million_arguments_in_pieces(node, witnesses, name):
    keys = [b"key:%d" % n for n in range(MILLION)]
    words = [word for key in keys[: MILLION // 2] for word in (key, b"v")] if name == b"MSET" else keys
    reply = {b"DEL": b":0\r\n", b"MGET": b"*%d\r\n" % MILLION + b"$-1\r\n" * MILLION, b"MSET": b"+OK\r\n"}[
        name
    ]
    with Client(node.port) as client:
        for number, piece in enumerate(pieces(command(name, *words), 100_003)):
            client.send(piece)
            if number % 20 == 0:
                witnesses.are_served()
        client.expect(reply)
        if name == b"MSET":
            client.ask(command(b"DBSIZE"), b":%d\r\n" % (MILLION // 2))
            client.ask(command(b"DEL", *keys), b":%d\r\n" % (MILLION // 2))


def test_more_than_the_most_arguments_are_refused_at_once(node, witnesses):
    with Client(node.port) as client:
        client.send(b"*1048577\r\n")
        assert client.rest() == b"-ERR Protocol error: invalid multibulk length\r\n"


def test_the_buffer_of_a_large_value_is_given_back(node, witnesses):
    value = bytes(range(256)) * (64 * 4096)
    with Client(node.port) as client:
        before = resident(node)
        for piece in pieces(command(b"SET", b"k", value), 1_000_003):
            client.send(piece)
        client.expect(b"+OK\r\n")
        client.ask(command(b"GET", b"k"), bulk(value))
        client.ask(command(b"DEL", b"k"), b":1\r\n")
        until("it is freed", lambda: info(node.port, "used_memory") < 8 * MIB)
        # What the allocator keeps for the next large value is its own affair, until it is told to give it back.
        client.ask(command(b"MEMORY", b"PURGE"), b"+OK\r\n")
        until("the memory is given back", lambda: resident(node) < before + 24 * MIB)


def test_a_value_beyond_the_query_buffer_limit_closes(start):
    node = start("--client-query-buffer-limit", "1mb")
    with Client(node.port) as client:
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % HALF_GIB)
        assert client.send_until_closed(b"x" * 65536, most=1000)
    until("it is disconnected", lambda: info(node.port, "client_query_buffer_limit_disconnections") == 1)
    assert "query buffer over its limit" in node.log()
