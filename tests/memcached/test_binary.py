"""The binary protocol: what is expected here is expected of dozo and of memcached 1.6.18."""

from __future__ import annotations

import struct

import pytest

from .raw import Binary, Packet, request

GET, SET, ADD, REPLACE, DELETE, INCREMENT, DECREMENT, QUIT, FLUSH, GETQ = range(10)
NOOP, VERSION, GETK, GETKQ, APPEND, PREPEND, STAT, SETQ, ADDQ, REPLACEQ = range(10, 20)
DELETEQ, INCREMENTQ, DECREMENTQ, QUITQ, FLUSHQ, APPENDQ, PREPENDQ = range(20, 27)
TOUCH, GAT, GATQ, SASL_LIST, GATK, GATKQ = 0x1C, 0x1D, 0x1E, 0x20, 0x23, 0x24
OK, NOT_FOUND, EXISTS, TOO_LARGE, INVALID, NOT_STORED, NON_NUMERIC, UNKNOWN = 0, 1, 2, 3, 4, 5, 6, 0x81


def stored(flags: int = 0, expiry: int = 0) -> bytes:
    return struct.pack(">II", flags, expiry)


def counting(delta: int, initial: int = 0, expiry: int = 0) -> bytes:
    return struct.pack(">QQI", delta, initial, expiry)


def one(connection: Binary, *args, **options) -> Packet:
    (packet,) = connection.ask(request(*args, **options))
    assert packet.opaque == 7
    return packet


def test_get(binary: Binary) -> None:
    miss = one(binary, GET, b"a")
    assert (miss.status, miss.key, miss.value, miss.cas) == (NOT_FOUND, b"", b"Not found", 0)
    miss = one(binary, GETK, b"a")
    assert (miss.status, miss.key, miss.value) == (NOT_FOUND, b"a", b"")
    assert binary.ask(request(GETQ, b"a"), request(GETKQ, b"a")) == []
    put = one(binary, SET, b"a", b"hello", stored(7))
    assert put.status == OK
    assert put.cas > 0
    for opcode, key in ((GET, b""), (GETQ, b""), (GETK, b"a"), (GETKQ, b"a")):
        hit = one(binary, opcode, b"a")
        assert hit == Packet(opcode, OK, struct.pack(">I", 7), key, b"hello", 7, put.cas)


def test_store(binary: Binary) -> None:
    assert one(binary, REPLACE, b"a", b"x", stored()).status == NOT_FOUND
    assert one(binary, ADD, b"a", b"x", stored()).status == OK
    assert one(binary, ADD, b"a", b"x", stored()).status == EXISTS
    put = one(binary, REPLACE, b"a", b"y", stored())
    assert one(binary, SET, b"a", b"z", stored(), cas=put.cas + 1000).status == EXISTS
    assert one(binary, SET, b"a", b"z", stored(), cas=put.cas).status == OK
    assert one(binary, REPLACE, b"a", b"z", stored(), cas=put.cas).status == EXISTS
    assert one(binary, SET, b"b", b"z", stored(), cas=put.cas).status == NOT_FOUND
    assert one(binary, ADD, b"b", b"z", stored(), cas=put.cas).status == NOT_FOUND
    assert one(binary, SET, b"a", b"", stored()).status == OK
    assert one(binary, GET, b"a").value == b""
    quiet = [request(op, b"a", b"q", stored()) for op in (SETQ, REPLACEQ)]
    assert binary.ask(*quiet, request(ADDQ, b"c", b"q", stored())) == []
    assert [p.status for p in binary.ask(request(ADDQ, b"c", b"q", stored()))] == [EXISTS]
    assert [p.status for p in binary.ask(request(REPLACEQ, b"d", b"q", stored()))] == [NOT_FOUND]


def test_concatenate(binary: Binary) -> None:
    assert one(binary, APPEND, b"a", b"x").status == NOT_STORED
    put = one(binary, SET, b"a", b"-", stored(5))
    after = one(binary, APPEND, b"a", b">")
    assert after.cas > put.cas
    assert one(binary, PREPEND, b"a", b"<", cas=put.cas).status == EXISTS
    assert one(binary, PREPEND, b"a", b"<", cas=after.cas).status == OK
    assert binary.ask(request(APPENDQ, b"a", b"2"), request(PREPENDQ, b"a", b"1")) == []
    assert [p.status for p in binary.ask(request(APPENDQ, b"b", b"x"))] == [NOT_STORED]
    hit = one(binary, GET, b"a")
    assert (hit.value, hit.extras) == (b"1<->2", struct.pack(">I", 5))


def test_delete(binary: Binary) -> None:
    assert one(binary, DELETE, b"a").status == NOT_FOUND
    put = one(binary, SET, b"a", b"x", stored())
    assert one(binary, DELETE, b"a", cas=put.cas + 1000).status == EXISTS
    gone = one(binary, DELETE, b"a", cas=put.cas)
    assert (gone.status, gone.cas, gone.value) == (OK, 0, b"")
    binary.ask(request(SETQ, b"a", b"x", stored()))
    assert binary.ask(request(DELETEQ, b"a")) == []
    assert [p.status for p in binary.ask(request(DELETEQ, b"a"))] == [NOT_FOUND]


def number(packet: Packet) -> int:
    assert packet.status == OK
    return int.from_bytes(packet.value, "big")


def test_counters(binary: Binary) -> None:
    assert one(binary, INCREMENT, b"n", b"", counting(1, 1, 0xFFFFFFFF)).status == NOT_FOUND
    first = one(binary, INCREMENT, b"n", b"", counting(5, 10))
    assert number(first) == 10
    assert number(one(binary, INCREMENT, b"n", b"", counting(5, 10))) == 15
    assert number(one(binary, DECREMENT, b"n", b"", counting(6, 10))) == 9
    assert one(binary, GET, b"n").value.rstrip() == b"9"
    assert number(one(binary, DECREMENT, b"n", b"", counting(100))) == 0
    assert one(binary, INCREMENT, b"n", b"", counting(1), cas=first.cas).status == EXISTS
    assert number(one(binary, DECREMENT, b"m", b"", counting(1, 2**64 - 1))) == 2**64 - 1
    assert number(one(binary, INCREMENT, b"m", b"", counting(3))) == 2
    assert binary.ask(request(INCREMENTQ, b"n", b"", counting(2))) == []
    assert binary.ask(request(DECREMENTQ, b"n", b"", counting(1))) == []
    assert one(binary, GET, b"n").value.rstrip() == b"1"
    missing = request(INCREMENTQ, b"x", b"", counting(1, 0, 0xFFFFFFFF))
    assert [p.status for p in binary.ask(missing)] == [NOT_FOUND]
    one(binary, SET, b"s", b"text", stored())
    refused = one(binary, INCREMENT, b"s", b"", counting(1))
    assert (refused.status, refused.value) == (
        NON_NUMERIC,
        b"Non-numeric server-side value for incr or decr",
    )


def test_touch(binary: Binary) -> None:
    assert one(binary, TOUCH, b"a", b"", struct.pack(">I", 100)).status == NOT_FOUND
    put = one(binary, SET, b"a", b"x", stored(5))
    touched = one(binary, TOUCH, b"a", b"", struct.pack(">I", 100))
    assert (touched.status, touched.extras, touched.cas) == (OK, struct.pack(">I", 5), put.cas)
    for opcode, key in ((GAT, b""), (GATQ, b""), (GATK, b"a"), (GATKQ, b"a")):
        hit = one(binary, opcode, b"a", b"", struct.pack(">I", 0))
        assert (hit.value, hit.key, hit.cas) == (b"x", key, put.cas)
    assert one(binary, GAT, b"b", b"", struct.pack(">I", 0)).value == b"Not found"
    assert one(binary, GATK, b"b", b"", struct.pack(">I", 0)).key == b"b"
    quiet = [request(op, b"b", b"", struct.pack(">I", 0)) for op in (GATQ, GATKQ)]
    assert binary.ask(*quiet) == []


def test_server(binary: Binary) -> None:
    assert one(binary, VERSION).value == b"1.6.18"
    assert one(binary, NOOP).status == OK
    one(binary, SET, b"a", b"x", stored())
    assert binary.ask(request(FLUSHQ)) == []
    assert one(binary, GET, b"a").status == NOT_FOUND
    assert one(binary, FLUSH, b"", b"", struct.pack(">I", 0)).status == OK
    stats = binary.ask(request(STAT))
    assert {b"pid", b"cmd_get", b"version"} <= {packet.key for packet in stats}
    assert (stats[-1].key, stats[-1].value) == (b"", b"")
    assert [packet.key for packet in binary.ask(request(STAT, b"reset"))] == [b""]
    assert one(binary, STAT, b"nonsense").status == NOT_FOUND
    assert one(binary, SASL_LIST).status == UNKNOWN
    unknown = one(binary, 0x50)
    assert (unknown.status, unknown.value) == (UNKNOWN, b"Unknown command")


def test_any_bytes_are_a_key(binary: Binary) -> None:
    key = b"a b\r\n\0"
    one(binary, SET, key, b"x", stored())
    hit = one(binary, GETK, key)
    assert (hit.key, hit.value) == (key, b"x")
    assert one(binary, GET, b"k" * 250).status == NOT_FOUND


def test_too_large(binary: Binary) -> None:
    big = b"x" * (1 << 20)
    one(binary, SET, b"a", b"old", stored())
    (refused,) = binary.ask(request(SETQ, b"a", big, stored()))
    assert (refused.status, refused.value) == (TOO_LARGE, b"Too large.")
    assert one(binary, GET, b"a").status == NOT_FOUND
    one(binary, SET, b"a", big[:700_000], stored())
    assert one(binary, APPEND, b"a", big[:700_000]).status == NOT_STORED
    assert len(one(binary, GET, b"a").value) == 700_000


@pytest.mark.parametrize(
    "bad",
    [
        request(GET),
        request(GET, b"a", extras=b"1234"),
        request(GET, b"a", b"value"),
        request(GET, b"k" * 251),
        request(SET, b"", b"x", stored()),
        request(SET, b"k" * 251, b"x", stored()),
        request(DELETE, b"a", b"x"),
        request(INCREMENT, b"a"),
        request(TOUCH, b"a"),
        request(GAT, b"a"),
        request(FLUSH, b"a"),
        request(VERSION, b"a"),
        request(NOOP, b"a"),
        request(QUIT, b"a"),
        request(STAT, extras=b"1234"),
    ],
    ids=lambda bad: bad[:9].hex(),
)
def test_malformed(bad: bytes, binary: Binary) -> None:
    binary.send(bad)
    assert binary.read().status == INVALID
    assert binary.rest() == b""


def test_lengths_that_disagree(binary: Binary) -> None:
    packet = bytearray(request(GET, b"abc"))
    packet[8:12] = struct.pack(">I", 1)
    binary.send(bytes(packet))
    assert binary.read().status == UNKNOWN
    assert binary.rest() == b""


def test_quit(binary: Binary) -> None:
    binary.send(request(QUIT))
    assert binary.read().status == OK
    assert binary.rest() == b""


def test_quiet_quit(binary: Binary) -> None:
    binary.send(request(QUITQ))
    assert binary.rest() == b""


def test_other_bytes_close(binary: Binary) -> None:
    one(binary, NOOP)
    binary.send(b"get a\r\n" + bytes(24))
    assert binary.rest() == b""


def test_pieces(binary: Binary) -> None:
    for byte in request(SET, b"a", b"xyz", stored()) + request(GET, b"a"):
        binary.send(bytes([byte]))
    assert [binary.read().status, binary.read().value] == [OK, b"xyz"]
