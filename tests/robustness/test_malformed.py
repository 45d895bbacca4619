"""Malformed requests get the protocol's own error text; where the stream can't be found again, the end as well."""

from __future__ import annotations

import random

import pytest
from tests.memory import resident
from tests.waiting import until

from .wire import Client, command, info, packet

MIB = 1 << 20
RESP = {
    "no type byte": b"*1\r\n!1\r\n",
    "a type byte of another protocol": b"*1\r\n:1\r\n",
    "negative bulk": b"*1\r\n$-1\r\n",
    "bulk beyond the limit": b"*1\r\n$536870913\r\n",
    "bulk without digits": b"*1\r\n$abc\r\n",
    "bulk with a plus": b"*1\r\n$+4\r\nPING\r\n",
    "empty bulk length": b"*1\r\n$\r\n",
    "bulk beyond 64 bits": b"*1\r\n$99999999999999999999999\r\n",
    "array beyond 64 bits": b"*99999999999999999999999\r\n",
    "array without digits": b"*x\r\n",
    "endless array length": b"*" + b"1" * 70_000,
    "endless bulk length": b"*1\r\n$" + b"1" * 70_000,
    "endless inline": b"x" * 70_000,
    "unbalanced double quotes": b'SET "a\r\n',
    "unbalanced single quotes": b"SET 'a\r\n",
    "quotes in a word": b'SET "a"b\r\n',
    "a whole request before": command(b"PING") + b"*1\r\n!\r\n" + command(b"PING"),
    "negative array": b"*-5\r\n" + command(b"QUIT"),
    "empty lines": b"\r\n\r\n\n*0\r\n" + command(b"QUIT"),
    "unknown": command(b"NOPE", b"a" * 300, b"b") + command(b"QUIT"),
    "unknown with line ends": command(b"NO\r\nPE", b"a\r\nb") + command(b"QUIT"),
    "empty name": command(b"") + command(b"QUIT"),
    "unknown subcommand": command(b"CLIENT", b"NOPE") + command(b"QUIT"),
    "arity": command(b"GET") + command(b"QUIT"),
    "bytes": b"\xff\xfe\x01\r\n" + command(b"QUIT"),
}
MEMCACHED = {
    "empty line": b"\r\nquit\r\n",
    "unknown": b"nope\r\nquit\r\n",
    "get without a key": b"get\r\nquit\r\n",
    "key too long": b"get " + b"k" * 251 + b"\r\nquit\r\n",
    "set without a size": b"set k 0 0\r\nquit\r\n",
    "negative size": b"set k 0 0 -1\r\nquit\r\n",
    "size without digits": b"set k 0 0 abc\r\nquit\r\n",
    "size beyond 64 bits": b"set k 0 0 99999999999999999999\r\nquit\r\n",
    "flags without digits": b"set k x 0 1\r\nv\r\nquit\r\n",
    "data too long": b"set k 0 0 2\r\nvalue\r\nquit\r\n",
    "data too short": b"set k 0 0 9\r\nvalue\r\nquit\r\n\r\nquit\r\n",
    "meta without a key": b"mg\r\nquit\r\n",
    "meta with a flag twice": b"mg k v v\r\nquit\r\n",
    "meta with bad base64": b"mg ??? b v\r\nquit\r\n",
    "meta without a size": b"ms k\r\nquit\r\n",
    "meta with a bad size": b"ms k x\r\nquit\r\n",
    "bytes": b"\xff\xfe\x00\x01\r\nquit\r\n",
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nquit\r\n",
    "binary, unknown opcode": packet(0xEE) + packet(0x07),
    "binary, key longer than the body": packet(0x00, b"key", size=1) + packet(0x07),
    "binary, extras missing": packet(0x01, b"k", b"v") + packet(0x07),
    "binary, key missing": packet(0x00) + packet(0x07),
    "binary, then another magic": packet(0x0A) + b"\x81" * 24,
    "binary, then text": packet(0x0A) + b"get kkkkkkkkkkkkkkkkkkkkkkkkkk\r\n",
    "binary, a body of 4 GiB": packet(0x00, b"k", size=0xFFFFFFFF),
}


def said_until_closed(port: int, request: bytes) -> bytes:
    """Both servers close by themselves: the client doesn't."""
    with Client(port) as client:
        client.send(request)
        return client.rest()


@pytest.mark.parametrize("name", RESP)
def test_resp_answers_as_redis_does(node, witnesses, redis_server, name):
    assert said_until_closed(node.port, RESP[name]) == said_until_closed(redis_server.port, RESP[name])


@pytest.mark.parametrize("name", MEMCACHED)
def test_memcached_answers_as_memcached_does(node, witnesses, shared_memcached, name):
    request = MEMCACHED[name]
    assert said_until_closed(node.memcached_port, request) == said_until_closed(
        shared_memcached.port, request
    )


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1", b"POST / HTTP/1.1"])
def test_a_browser_is_closed_before_the_body_of_its_request(node, witnesses, line):
    """As in Redis; only that what came before the header may have been answered."""
    request = line + b"\r\nHost: localhost\r\n\r\nSET k injected\r\n"
    assert b"OK" not in said_until_closed(node.port, request)
    with Client(node.port) as client:
        client.ask(command(b"EXISTS", b"k"), b":0\r\n")


def test_before_the_password_little_is_taken(start_dozo):
    node = start_dozo("--requirepass", "tiger")
    for request, reply in (
        (b"*11\r\n", b"-ERR Protocol error: unauthenticated multibulk length\r\n"),
        (b"*2\r\n$3\r\nGET\r\n$16385\r\n", b"-ERR Protocol error: unauthenticated bulk length\r\n"),
    ):
        assert said_until_closed(node.port, request) == reply


def random_request(rng: random.Random) -> bytes:
    """Bytes that are noise, or a request with some of its bytes changed, left out or doubled."""
    if rng.random() < 0.3:
        return rng.randbytes(rng.randint(1, 3000))
    if rng.random() < 0.3:
        return bytes(rng.choices(b"*$:+-\r\n0123456789 GETSk\x80", k=rng.randint(1, 300)))
    data = bytearray(rng.choice(SEEDS) * rng.randint(1, 5))
    for _ in range(rng.randint(1, 6)):
        at, piece = rng.randrange(len(data)), rng.randbytes(rng.randint(0, 3))
        data[at : at + rng.randint(0, 3)] = piece
    return bytes(data)


SEEDS = [
    command(b"SET", b"k", b"value", b"EX", b"100"),
    command(b"MGET", b"k", b"l", b"m"),
    command(b"LCS", b"k", b"l", b"IDX"),
    b"SET k 'a b'\r\nGET k\r\n",
    b"set k 0 0 5\r\nvalue\r\nget k l\r\n",
    b"ms k 5 T0 F1\r\nvalue\r\nmg k v t f s\r\nma k\r\n",
    packet(0x01, b"k", b"value", b"\0" * 8) + packet(0x00, b"k") + packet(0x10),
]


@pytest.mark.parametrize("seed", range(4))
def test_garbage_on_both_ports(node, witnesses, seed):
    rng, before = random.Random(seed), resident(node)
    for number in range(150):
        for port in node.ports:
            with Client(port) as client:
                try:
                    client.send(random_request(rng))
                    client.half_close()
                except OSError:
                    pass  # The server has closed already.
                client.rest()
        if number % 10 == 0:
            witnesses.are_served()
    until("they have left", lambda: info(node.port, "connected_clients") == 3)
    assert resident(node) < before + 32 * MIB
