"""Over maxmemory, and work that grows with the number of keys: it is done in slices, others are served in between."""

from __future__ import annotations

import time

import pytest
from tests.waiting import until

from .wire import MN, MN_REPLY, PING, PONG, Client, command, info, packet

MANY = 100_000
OOM = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
NO_MEMORY = b"SERVER_ERROR out of memory storing object\r\n"


def fill(client: Client, count: int, *tail: bytes) -> None:
    """SET so many keys, with these options."""
    for first in range(0, count, 10_000):
        keys = range(first, min(first + 10_000, count))
        client.ask(
            b"".join(command(b"SET", b"key:%d" % n, b"v", *tail) for n in keys), b"+OK\r\n" * len(keys)
        )


def test_over_maxmemory_without_eviction(start):
    node = start("--maxmemory", "8mb", "--maxmemory-policy", "noeviction")
    with (
        Client(node.port) as resp,
        Client(node.memcached_port) as text,
        Client(node.memcached_port) as binary,
    ):
        resp.ask(command(b"MSET", b"k", b"old", b"n", b"1"), b"+OK\r\n" * 1)
        for number in range(200):
            resp.send(command(b"SET", b"fill:%d" % number, b"x" * 100_000))
            if resp.read(5) != b"+OK\r\n":
                resp.expect(OOM[5:])
                break
        else:
            pytest.fail("maxmemory does not hold")
        writes = [
            command(b"SET", b"k", b"new"),
            command(b"APPEND", b"k", b"new"),
            command(b"SETRANGE", b"k", b"0", b"new"),
            command(b"INCR", b"n"),
            command(b"MSET", b"k", b"new"),
            command(b"GETSET", b"k", b"new"),
            command(b"SETEX", b"k", b"100", b"new"),
            command(b"COPY", b"k", b"l"),
        ]
        for write in writes:
            resp.ask(write, OOM)
        for store in (b"set k 0 0 3\r\nnew\r\n", b"append k 0 0 3\r\nnew\r\n"):
            text.ask(store, NO_MEMORY)
        text.ask(b"ms k 3\r\nnew\r\n", NO_MEMORY)
        text.ask(b"set k 0 0 3 noreply\r\nnew\r\nmn\r\n", MN_REPLY)
        binary.send(packet(0x01, b"k", b"new", b"\0" * 8))
        assert binary.read(24)[6:8] == b"\0\x82"
        resp.ask(command(b"GET", b"k") + command(b"GET", b"n"), b"$3\r\nold\r\n$1\r\n1\r\n")
        text.ask(b"get k\r\n", b"VALUE k 0 3\r\nold\r\nEND\r\n")
        assert info(node.port, "used_memory") < 9 << 20
        resp.ask(command(b"FLUSHALL"), b"+OK\r\n")
        until("it is freed", lambda: info(node.port, "used_memory") < 4 << 20)
        resp.ask(command(b"SET", b"k", b"new"), b"+OK\r\n")
        text.ask(b"set k 0 0 5\r\nnewer\r\n", b"STORED\r\n")


def test_eviction_keeps_maxmemory(start):
    node = start("--maxmemory", "2mb", "--maxmemory-policy", "allkeys-lru")
    with Client(node.port) as client:
        fill(client, MANY)
        client.ask(PING, PONG)
    assert info(node.port, "evicted_keys") > 0
    assert info(node.port, "used_memory") < 3 << 20


def test_flushall_frees_in_slices(node, witnesses):
    with Client(node.port) as client:
        fill(client, 3 * MANY)
        before = info(node.port, "used_memory")
        client.ask(command(b"FLUSHALL") + command(b"DBSIZE") + PING, b"+OK\r\n:0\r\n" + PONG)
        between = set()

        def freed() -> bool:
            witnesses.are_served()
            used = info(node.port, "used_memory")
            between.add(used)
            return used < before / 8

        until("it is freed", freed)
        assert len(between) > 3, f"all at once: {between}"


def test_keys_that_expire_at_once_leave_in_slices(node, witnesses):
    with Client(node.port) as client:
        client.ask(command(b"DEBUG", b"SET-ACTIVE-EXPIRE", b"0"), b"+OK\r\n")
        due = time.time() + 3
        fill(client, MANY, b"PXAT", b"%d" % (due * 1000))
        left = {count_keys(client)}
        until("they are due", lambda: witnesses.are_served() or time.time() > due)
        client.ask(command(b"DEBUG", b"SET-ACTIVE-EXPIRE", b"1"), b"+OK\r\n")

        def all_gone() -> bool:
            witnesses.are_served()
            left.add(count_keys(client))
            return 0 in left

        until("all are gone", all_gone)
    assert len(left) > 5, f"all at once: {left}"


def count_keys(client: Client) -> int:
    client.send(command(b"DBSIZE"))
    line = client.read(3)
    while not line.endswith(b"\r\n"):
        line += client.read(1)
    return int(line[1:-2])


def test_a_huge_multi_key_command_between_others(node, witnesses):
    with Client(node.port) as client, Client(node.memcached_port) as text:
        fill(client, 1000)
        client.send(command(b"MGET", *[b"key:%d" % (n % 1000) for n in range(100_000)]) * 3)
        text.ask(MN * 1000, MN_REPLY * 1000)
        client.expect((b"*100000\r\n" + b"$1\r\nv\r\n" * 100_000) * 3)
