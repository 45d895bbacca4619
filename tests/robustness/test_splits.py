"""Requests cut at every byte are answered as whole ones are, and as the originals answer them."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from .wire import MN, MN_REPLY, PING, PONG, Client, command, packet

EXTRAS = b"\0\0\0\5\0\0\0\0"
TRANSCRIPTS = {
    "RESP2": command(b"SET", b"k", b"va\r\nlue")
    + command(b"APPEND", b"k", b"")
    + command(b"GETRANGE", b"k", b"0", b"3")
    + command(b"MGET", b"k", b"none")
    + command(b"NOPE")
    + command(b"GET", b"k"),
    "RESP3": command(b"SET", b"k", b"1.5")
    + command(b"GET", b"none")
    + b"*0\r\n"
    + command(b"INCRBYFLOAT", b"k", b"1")
    + command(b"LCS", b"k", b"k", b"IDX"),
    "inline": b'SET k \'a b\'\r\n\r\nGET k\nGETRANGE k 0 "1"\r\n  PING  "\\x41\\n"\r\nnope x\r\n',
    "text": b"set k 5 0 4\r\nv\r\nx\r\nget k none\r\nappend k 0 0 2 noreply\r\nyz\r\nget k\r\nincr k 1\r\n"
    b"touch k 0\r\ndelete k\r\nnope\r\nset k 0 0 1\r\nv\r\ngets none\r\n",
    "meta": b"ms k 4 T0 F7\r\nv\r\nx\r\nmg k v f t s k Oab q\r\nmg none v q\r\nmn\r\nms aw== 2 b q\r\nhi\r\n"
    b"ma n N0 J9 v\r\nme none\r\nmd k q\r\nmd n q\r\nmg k v\r\nmx\r\n",
    "binary": packet(0x01, b"k", b"value", EXTRAS + b"")
    + packet(0x09, b"none")
    + packet(0x11, b"q", b"1", EXTRAS)
    + packet(0x05, b"q", b"", b"\0" * 7 + b"\2" + b"\0" * 12)
    + packet(0x0E, b"k", b"x")
    + packet(0x04, b"k")
    + packet(0x0C, b"none")
    + packet(0x0A),
}


def answer(port: int, request: bytes) -> bytes:
    with Client(port) as client:
        client.send(request)
        client.half_close()
        return client.rest()


def without_cas(name: str, reply: bytes) -> bytes:
    """The replies of the binary protocol without their CAS numbers, which each server counts in its own way."""
    if name != "binary":
        return reply
    parts = []
    while reply:
        end = 24 + int.from_bytes(reply[8:12], "big")
        parts.append(reply[:16] + reply[24:end])
        reply = reply[end:]
    return b"".join(parts)


@pytest.fixture(params=TRANSCRIPTS)
def transcript(request: pytest.FixtureRequest, node) -> tuple[str, int, bytes, bytes]:
    """Return a transcript's name, its port, the requests, and the replies that the original gives."""
    name = request.param
    if name in ("RESP2", "RESP3", "inline"):
        data = (command(b"HELLO", b"3") if name == "RESP3" else b"") + TRANSCRIPTS[name]
        peer = request.getfixturevalue("redis_server").port
        return name, node.port, data, answer(peer, data)
    peer = request.getfixturevalue("memcached_server").port
    return name, node.memcached_port, TRANSCRIPTS[name], answer(peer, TRANSCRIPTS[name])


def test_at_every_byte(node, witnesses, transcript):
    name, port, data, expected = transcript
    ours = answer(port, data)
    if name != "RESP3":  # HELLO tells who answers
        assert without_cas(name, ours) == without_cas(name, expected)
    with ExitStack() as stack:
        told = []
        for at in range(len(data) + 1):
            client = stack.enter_context(Client(port))
            client.send(data[:at])
            witnesses.are_served()
            client.send(data[at:])
            client.half_close()
            # The end comes when the client's side has acknowledged all, up to 50 ms later: not waited for one by one.
            told.append((client, client.read(len(ours))))
        for at, (client, begun) in enumerate(told):
            got = begun + client.rest()
            if name == "RESP3":
                head = got.index(b"_\r\n")
                assert got[head:] == ours[ours.index(b"_\r\n") :], at
            else:
                assert without_cas(name, got) == without_cas(name, expected), at


def test_byte_by_byte(node, witnesses, transcript):
    name, port, data, _ = transcript
    ours = answer(port, data)
    with Client(port) as client:
        for at in range(len(data)):
            client.send(data[at : at + 1])
            if at % 8 == 0:
                witnesses.are_served()
        client.half_close()
        got = client.rest()
    assert without_cas(name, got)[-20:] == without_cas(name, ours)[-20:]
    assert abs(len(got) - len(ours)) < 8  # a client id in HELLO's reply may be a digit longer


def test_protocols_may_be_mixed_on_one_connection(node):
    with Client(node.port) as client:
        client.ask(PING + command(b"PING") + PING, PONG * 3)
    with Client(node.memcached_port) as client:
        client.ask(MN + b"get none\r\n" + MN, MN_REPLY + b"END\r\n" + MN_REPLY)
