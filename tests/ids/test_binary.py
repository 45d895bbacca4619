"""The binary protocol of the ID port."""

from __future__ import annotations

import struct

import bmemcached
import pytest

from dozo import __version__
from dozo.testing import HOST

OPAQUE = 0xDEADBEEF


def packet(opcode, key=b"", extras=b"", value=b"", *, body=None, key_length=None):
    length = len(extras) + len(key) + len(value) if body is None else body
    key_length = len(key) if key_length is None else key_length
    return (
        struct.pack("!BBHBBHIIQ", 0x80, opcode, key_length, len(extras), 0, 0, length, OPAQUE, 0)
        + extras
        + key
        + value
    )


def answers(data):
    """(opcode, status, extras, key, value) of each reply."""
    found = []
    while data:
        magic, opcode, key, extras, _, status, body, opaque, cas = struct.unpack("!BBHBBHIIQ", data[:24])
        assert (magic, opaque, cas) == (0x81, OPAQUE, 0)
        content, data = data[24 : 24 + body], data[24 + body :]
        assert len(content) == body
        found.append(
            (opcode, status, content[:extras], content[extras : extras + key], content[extras + key :])
        )
    return found


def ask(ids, *packets):
    """The replies to packets, VERSION's as the last one."""
    found = answers(ids.speak(b"".join(packets) + packet(0x0B), __version__.encode()))
    assert found[-1] == (0x0B, 0, b"", b"", __version__.encode())
    return found[:-1]


@pytest.mark.parametrize("key", [b"new", b"", b"k" * 5000])
def test_get(ids, key):
    [(opcode, status, extras, shown, number)] = ask(ids, packet(0x00, key))
    assert (opcode, status, extras, shown) == (0, 0, b"\0\0\0\0", b"")
    assert len(number) == 19
    assert number.isdigit()


def test_ids_rise(ids):
    numbers = [int(answer[4]) for answer in ask(ids, *[packet(0x00, b"a")] * 1000)]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 1000


def test_stat_is_a_packet_a_figure(ids):
    found = ask(ids, packet(0x10))
    assert [(answer[0], answer[1], answer[2]) for answer in found] == [(0x10, 0, b"")] * 10
    figures = {name: value for _, _, _, name, value in found[:-1]}
    assert found[-1][3:] == (b"", b"")
    assert list(figures) == [
        b"pid",
        b"uptime",
        b"time",
        b"version",
        b"curr_connections",
        b"total_connections",
        b"cmd_get",
        b"get_hits",
        b"get_misses",
    ]
    assert int(figures[b"pid"]) == ids.pid


@pytest.mark.parametrize("opcode", [0x01, 0x07, 0x09, 0x0A, 0x0C, 0x0D, 0x21, 0x77, 0xFF])
def test_an_unknown_opcode_is_a_bare_header(ids, opcode):
    found = ask(ids, packet(opcode, b"key", b"\0" * 8, b"value" * 1000))
    assert found == [(opcode, 0x0081, b"", b"", b"")]


def test_lengths_that_contradict_each_other_close_the_connection(ids):
    for lie in (
        packet(0x00, b"abc", body=2),
        packet(0x00, b"", b"\0" * 255, body=254),
        packet(0x00, body=0, key_length=65535),
    ):
        assert ids.speak(lie + packet(0x00, b"a")) == b""


def test_what_is_no_packet_closes_the_connection(ids):
    reply = ids.speak(packet(0x0B) + b"get a\r\n")
    assert answers(reply) == [(0x0B, 0, b"", b"", __version__.encode())]


def test_without_a_permit_there_is_an_error_packet(start_ids):
    node = start_ids("--id-lease", "redis://127.0.0.1:1", "--id-lease-heartbeat", "100")
    assert ask(node, packet(0x00, b"a")) == [(0x00, 0x0086, b"", b"", b"Temporary failure")]


def test_python_binary_memcached(ids):
    client = bmemcached.Client((f"{HOST}:{ids.id_port}",))
    numbers = [int(client.get("any")) for _ in range(10)]
    assert numbers == sorted(set(numbers))
    [figures] = client.stats().values()
    assert int(figures["pid"]) == ids.pid
    client.disconnect_all()
