"""Many connections, half-closed ones, and ones that vanish."""

from __future__ import annotations

import pytest
from tests.memory import resident
from tests.waiting import until

from .wire import (
    MN,
    MN_REPLY,
    PING,
    PONG,
    Client,
    command,
    info,
    packet,
    raise_descriptor_limit,
)

CONNECTIONS = 10_000


def test_ten_thousand_are_held_and_answered(start):
    raise_descriptor_limit(CONNECTIONS + 500)
    node = start("--maxclients", str(CONNECTIONS + 100))
    before = resident(node)
    half = CONNECTIONS // 2
    resp = [Client(node.port) for _ in range(half)]
    memcached = [Client(node.memcached_port) for _ in range(half)]
    for _ in range(2):
        for clients, request, reply in ((resp, PING, PONG), (memcached, MN, MN_REPLY)):
            for client in clients:
                client.send(request)
            for client in clients:
                client.expect(reply)
    with Client(node.port) as witness:
        witness.ask(PING, PONG)
    until("all are connected", lambda: info(node.port, "connected_clients") == CONNECTIONS + 1)
    assert resident(node) < before + CONNECTIONS * 4096
    for client in resp + memcached:
        client.reset()
    until("all have left", lambda: info(node.port, "connected_clients") == 1)


def admitted(port):
    """A client that was taken in, maybe only after another one's end was noticed."""
    while True:
        client = Client(port)
        client.send(PING)
        if client.read(len(PONG)) == PONG:
            return client
        client.sock.close()


def test_too_many_are_told(start):
    node = start("--maxclients", "4")
    # The connections that found it ready may not be gone yet.
    until("all have left", lambda: info(node.port, "connected_clients") == 1)
    held = [admitted(node.port), admitted(node.port), admitted(node.port)]
    with admitted(node.port) as last:
        for _ in range(3):
            with Client(node.port) as one_more:
                assert one_more.rest() == b"-ERR max number of clients reached\r\n"
            with Client(node.memcached_port) as one_more:
                assert one_more.rest() == b"ERROR Too many open connections\r\n"
        last.send(command(b"CLIENT", b"KILL", b"SKIPME", b"yes", b"TYPE", b"normal"))
        assert last.read(1) == b":"
    for client in held:
        client.sock.close()
    until("all have left", lambda: info(node.port, "connected_clients") == 1)
    assert info(node.port, "rejected_connections") >= 6


@pytest.mark.parametrize("count", [1, 50_000])
@pytest.mark.parametrize(
    ("door", "request_", "reply"),
    [
        ("port", PING, PONG),
        ("port", command(b"STRLEN", b"k") + command(b"GETRANGE", b"k", b"0", b"1"), b":0\r\n$0\r\n\r\n"),
        ("memcached_port", MN, MN_REPLY),
        ("memcached_port", b"get k\r\n", b"END\r\n"),
        ("memcached_port", packet(0x0A), b"\x81\x0a" + bytes(10) + b"\0\0\0\7" + bytes(8)),
    ],
    ids=["RESP", "RESP with Python", "meta", "text", "binary"],
)
def test_a_half_closed_one_gets_its_replies(node, witnesses, door, request_, reply, count):
    if count > 1:
        count //= max(1, len(reply) // 7)
    with Client(getattr(node, door)) as client:
        client.send(request_ * count)
        client.half_close()
        assert client.rest() == reply * count


@pytest.mark.parametrize(
    ("door", "whole", "part", "reply"),
    [
        ("port", PING, b"*2\r\n$3\r\nGE", PONG),
        ("port", command(b"GETRANGE", b"k", b"0", b"1"), b"PIN", b"$0\r\n\r\n"),
        ("memcached_port", MN, b"set k 0 0 100\r\nabc", MN_REPLY),
        ("memcached_port", MN, packet(0x01, b"k", b"v", b"\0" * 8, size=100), MN_REPLY),
        ("port", b"", b"*1\r\n", b""),
        ("port", b"", b"", b""),
        ("memcached_port", b"", b"", b""),
        ("memcached_port", b"", b"\x80", b""),
    ],
)
def test_an_unfinished_request_ends_with_its_connection(node, witnesses, door, whole, part, reply):
    with Client(getattr(node, door)) as client:
        client.send(whole + part)
        client.half_close()
        assert client.rest() == reply
    with Client(node.port) as client:
        client.ask(command(b"EXISTS", b"k"), b":0\r\n")


def test_clients_that_vanish_in_the_middle_of_a_pipeline(node, witnesses):
    with Client(node.port) as client:
        client.ask(command(b"SET", b"k", b"v" * 100_000), b"+OK\r\n")
    for number in range(60):
        door, request, reply = [
            (node.port, command(b"GET", b"k"), b"$100000"),
            (node.port, command(b"GETRANGE", b"k", b"0", b"-1"), b"$100000"),
            (node.memcached_port, b"get k\r\n", b"VALUE k"),
        ][number % 3]
        vanishing = Client(door)
        vanishing.send(request * 200 + request[:7])
        if number % 2:
            vanishing.expect(reply)
        vanishing.reset()
        if number % 10 == 0:
            witnesses.are_served()
    until("it has left", lambda: info(node.port, "connected_clients") == 3)


def test_a_killed_client_is_closed_in_the_middle_of_its_pipeline(node, witnesses):
    with Client(node.port) as victim, Client(node.port) as killer:
        victim.ask(command(b"CLIENT", b"SETNAME", b"victim"), b"+OK\r\n")
        victim.send(command(b"CLIENT", b"ID"))
        number = victim.read(2)
        while not number.endswith(b"\r\n"):
            number += victim.read(1)
        victim.send(PING * 1000 + b"*2\r\n$4\r\nPI")
        killer.ask(command(b"CLIENT", b"KILL", b"ID", number[1:-2]), b":1\r\n")
        got = victim.rest()
        assert got == PONG * (len(got) // len(PONG))
