"""A restart on a disk tier: what was on disk comes back, and nothing that was over."""

from __future__ import annotations

import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
from pymemcache.client.base import Client as Memcached
from tests.waiting import until

from dozo.testing import HOST, Node

PATIENCE_S = 60.0
SIZE = 12_000
FAR_MS = int(time.time() * 1000) + 86_400_000

Start = Callable[..., tuple[Node, redis.Redis]]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a server on the same tier each time; the one before must have ended."""
    with ExitStack() as stack:

        def start(*flags: str, tier: str = "tier") -> tuple[Node, redis.Redis]:
            own = ["--disk-tier", str(tmp_path / tier), "--disk-tier-size", "64mb", *flags]
            node = stack.enter_context(Node.start(*own))
            return node, stack.enter_context(redis.Redis(HOST, node.port, socket_timeout=PATIENCE_S))

        yield start


def value(number: int, size: int = SIZE) -> bytes:
    return random.Random(number).randbytes(size)


def tier(client: redis.Redis, word: str) -> None:
    client.execute_command("DEBUG", "TIER", word)


def kill(node: Node) -> None:
    node.process.kill()
    node.process.wait()


def make(client: redis.Redis, key: str, kind: str) -> None:
    """Store a value of that type; it is large enough for the tier."""
    match kind:
        case "string":
            client.set(key, value(1, 300))
        case "number":
            client.set(key, 41)
        case "hash":
            client.hset(key, mapping={f"field{number}": value(number, 50) for number in range(30)})
        case "list":
            client.rpush(key, *[value(number, 50) for number in range(30)])
        case "set":
            client.sadd(key, *[f"member{number}" for number in range(60)])
        case "zset":
            client.zadd(key, {f"member{number}": number for number in range(60)})
        case "stream":
            for number in range(1, 30):
                client.xadd(key, {"field": value(number, 50)}, id=f"{number}-1")


CHANGES: dict[str, tuple[Any, ...]] = {
    "string": (
        ("set", "{}", "new"),
        ("set", "{}", value(2, 400)),
        ("set", "{}", "new", "keepttl"),
        ("setrange", "{}", 10, "other"),
        ("append", "{}", "more"),
        ("getdel", "{}"),
        ("getex", "{}", "pxat", FAR_MS),
        ("getset", "{}", value(3, 500)),
        ("del", "{}"),
        ("unlink", "{}"),
        ("pexpireat", "{}", FAR_MS),
        ("persist", "{}"),
        ("pexpireat", "{}", 1),
        ("rename", "{}", "{}:renamed"),
        ("copy", "{}", "{}:copied"),
        ("move", "{}", 3),
        ("setbit", "{}", 7, 1),
        ("mset", "{}", "a", "{}:other", "b"),
    ),
    "number": (("incr", "{}"), ("decrby", "{}", 5), ("incrbyfloat", "{}", "1.5")),
    "hash": (("hset", "{}", "field", "new"), ("hdel", "{}", "field3"), ("hincrby", "{}", "n", 1)),
    "list": (("rpush", "{}", "new"), ("lpop", "{}"), ("ltrim", "{}", 0, 5), ("lset", "{}", 2, "x")),
    "set": (("sadd", "{}", "new"), ("srem", "{}", "member3"), ("spop", "{}")),
    "zset": (("zadd", "{}", 5, "new"), ("zincrby", "{}", 2, "member3"), ("zpopmin", "{}")),
    "stream": (("xadd", "{}", "100-1", "a", "b"), ("xdel", "{}", "3-1"), ("xtrim", "{}", "MAXLEN", 5)),
}


def change_everything(client: redis.Redis, read_first: bool) -> None:
    """Make a key for each change, move it to the disk (and perhaps read it, so that it is in both), and change it."""
    steps = [(kind, number) for kind, changes in CHANGES.items() for number in range(len(changes))]
    for kind, number in steps:
        make(client, f"{kind}:{number}", kind)
        client.pexpireat(f"{kind}:{number}", FAR_MS - 1000)
        if kind == "string" and number == 2:
            client.set("{}:renamed", "old")
    tier(client, "COOL")
    tier(client, "SYNC")
    for kind, number in steps:
        key = f"{kind}:{number}"
        if read_first:
            # Twice within the window: it stays in memory.
            client.dump(key), client.dump(key)
        words = [word.format(key) if isinstance(word, str) else word for word in CHANGES[kind][number]]
        client.execute_command(*words)


def contents(client: redis.Redis) -> dict[bytes, Any]:
    found: dict[bytes, Any] = {}
    for database in (0, 3):
        client.execute_command("SELECT", database)
        for key in client.scan_iter():
            line = (
                client.execute_command("PEXPIRETIME", key),
                client.dump(key),
                client.object("encoding", key),
            )
            found[b"%d %s" % (database, key)] = line
    client.execute_command("SELECT", 0)
    return found


@pytest.mark.parametrize("read_first", [False, True])
def test_every_change_outlives_a_kill(begin: Start, read_first: bool) -> None:
    node, client = begin("--disk-tier-min-value", "0")
    change_everything(client, read_first)
    tier(client, "COOL")
    expected = contents(client)
    tier(client, "COOL")
    tier(client, "SYNC")
    kill(node)
    node, client = begin("--disk-tier-warmup", "no")
    assert client.info("tier")["tier_revived_keys"] == len(expected)
    assert contents(client) == expected


def test_what_was_in_memory_only_is_gone_and_never_old(begin: Start) -> None:
    node, client = begin()
    change_everything(client, read_first=False)
    expected = contents(client)
    tier(client, "SYNC")
    kill(node)
    node, client = begin("--disk-tier-warmup", "no")
    found = contents(client)
    assert {key: line for key, line in expected.items() if key in found} == found
    assert found.keys() < expected.keys()


def test_databases_that_were_flushed_or_swapped_stay_so(begin: Start) -> None:
    node, client = begin()
    for database in range(4):
        client.execute_command("SELECT", database)
        client.set("key", value(database))
    client.execute_command("SWAPDB", 0, 1)
    client.execute_command("FLUSHDB")
    client.set("after", value(9))
    client.execute_command("SELECT", 0)
    tier(client, "SYNC")
    kill(node)
    node, client = begin()
    found = []
    for database in range(4):
        client.execute_command("SELECT", database)
        found.append((client.get("key"), client.get("after")))
    assert found == [(value(1), None), (value(0), None), (value(2), None), (None, value(9))]
    client.flushall()
    tier(client, "SYNC")
    kill(node)
    assert begin()[1].info("tier")["tier_revived_keys"] == 0


def test_memcached_items_keep_flags_times_and_numbers(begin: Start) -> None:
    node, client = begin("--memcached-max-item-size", "2mb")
    cached = Memcached((HOST, node.memcached_port), timeout=PATIENCE_S)
    for name in ("kept", "touched", "told", "deleted"):
        cached.set(name, value(1), flags=7, noreply=False)
    cached.touch("touched", 1000, noreply=False)
    _, number = cached.gets("told")
    cached.delete("deleted", noreply=False)
    tier(client, "SYNC")
    cached.close()
    kill(node)
    node, client = begin()
    cached = Memcached((HOST, node.memcached_port), timeout=PATIENCE_S)
    assert cached.get_many(["kept", "touched", "told", "deleted"]).keys() == {"kept", "touched", "told"}
    assert 900 < client.ttl("touched") <= 1000
    assert client.ttl("kept") == -1
    assert cached.raw_command("mg kept f", "\r\n").split() == [b"HD", b"f7"]
    assert cached.cas("told", b"new", number, noreply=False) is True
    # A number that was given before belongs to nobody else now.
    assert int(cached.gets("kept")[1]) > int(number)
    cached.close()


def test_a_clean_stop_keeps_what_is_in_memory_too(begin: Start) -> None:
    node, client = begin()
    for number in range(200):
        client.set(f"small:{number}", f"value {number}")
        client.set(f"large:{number}", value(number))
    client.rpush("list", *range(100))
    client.set("soon", "gone", px=1)
    assert node.stop(signal.SIGTERM) == 0
    assert "wrote 201 values from memory to the disk tier\n" in node.log()
    node, client = begin()
    assert client.dbsize() == 401
    assert all(client.get(f"small:{number}") == b"value %d" % number for number in range(200))
    assert all(client.get(f"large:{number}") == value(number) for number in range(200))
    assert client.lrange("list", 0, -1) == [b"%d" % number for number in range(100)]
    assert "401 keys are on disk from before" in node.log()


def test_hot_values_come_to_memory_first(begin: Start) -> None:
    flags = ("--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lfu", "--disk-tier-bounds", "data")
    node, client = begin(*flags)
    for number in range(2000):
        client.set(f"key:{number}", value(number, 8000))
    hot = [f"key:{number}" for number in range(100, 160)]
    for _ in range(30):
        assert all(client.mget(hot))
    assert node.stop() == 0
    node, client = begin(*flags)
    until("all are warm", lambda: not client.info("tier")["tier_warming"])
    figures = client.info("tier")
    assert figures["tier_warmed_keys"] > len(hot)
    assert figures["tier_hits"] == 0
    assert client.mget(hot) == [value(number, 8000) for number in range(100, 160)]
    assert client.info("tier")["tier_hits"] == 0, "they were in memory"
    assert client.info("memory")["used_memory"] < 8 << 20
    until("the log tells", lambda: "values to memory in" in node.log())
    kill(node)
    node, client = begin(*flags, "--disk-tier-warmup", "no")
    assert client.info("tier")["tier_warmed_keys"] == 0
    assert client.get("key:1") == value(1, 8000)
    assert client.info("tier")["tier_hits"] == 1


@pytest.mark.parametrize("kind", ["journal", "snapshot"])
def test_what_a_journal_or_snapshot_holds_goes_before(begin: Start, tmp_path: Path, kind: str) -> None:
    flags = ("--persistence", kind, "--data-dir", str(tmp_path / "data"), "--save", "1000 1")
    node, client = begin("--persistence", "none")
    client.set("from the tier", value(1))
    assert node.stop() == 0
    # Nothing else tells what is stored: the tier's content is taken over, and kept from now on.
    node, client = begin(*flags)
    assert client.get("from the tier") == value(1)
    client.set("later", value(2))
    client.delete("from the tier")
    if kind == "snapshot":
        until("a snapshot is made", lambda: client.info("persistence")["rdb_saves"] >= 1)
        client.save()
    assert node.stop() == 0
    # A server without files changes the tier behind the other's back.
    node, client = begin("--persistence", "none")
    assert client.get("later") == value(2)
    client.set("from the tier", value(3))
    client.set("later", "other")
    assert node.stop() == 0
    node, client = begin(*flags)
    assert client.get("later") == value(2)
    assert client.dbsize() == 1


def test_a_tier_can_be_cleared(begin: Start) -> None:
    node, client = begin()
    client.set("key", value(1))
    assert node.stop() == 0
    node, client = begin("--disk-tier-clear", "yes")
    assert client.dbsize() == 0
    client.set("other", value(2))
    assert node.stop() == 0
    assert begin()[1].keys() == [b"other"]


def test_damage_costs_what_it_hits(begin: Start, tmp_path: Path) -> None:
    node, client = begin()
    for number in range(50):
        client.set(f"key:{number}", value(number))
    tier(client, "SYNC")
    kill(node)
    segment = next((tmp_path / "tier").glob("*.data"))
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    segment.with_suffix(".keys").unlink()
    (tmp_path / "tier" / "tier.heat").write_bytes(b"nonsense")
    node, client = begin("--disk-tier-warmup", "no")
    until("the log tells", lambda: "segments of the disk tier were read whole" in node.log())
    found = [client.get(f"key:{number}") for number in range(50)]
    assert sum(got is None for got in found) == 1
    assert all(got in (None, value(number)) for number, got in enumerate(found))


def test_a_value_that_came_in_chunks_comes_back(begin: Start) -> None:
    data = value(1, 3 << 20)
    node, client = begin()
    for key in ("kept", "renamed", "deleted"):
        stream_in(node, key, data)
    assert client.info("tier")["tier_keys"] == 3
    client.rename("renamed", "other")
    client.delete("deleted")
    tier(client, "SYNC")
    kill(node)
    node, client = begin("--disk-tier-warmup", "no")
    assert sorted(client.keys()) == [b"kept", b"other"]
    assert client.get("kept") == client.get("other") == data


def stream_in(node: Node, key: str, data: bytes) -> None:
    """Store a value by chunks of 1 MB."""
    parts = [data[at : at + (1 << 20)] for at in range(0, len(data), 1 << 20)]
    with (
        socket.create_connection((HOST, node.memcached_port), timeout=PATIENCE_S) as sock,
        sock.makefile("rwb") as file,
    ):
        file.write(b"set_begin %s %d %d 0 0\r\n" % (key.encode(), len(data), len(parts)))
        for number, part in enumerate(parts):
            file.write(b"set_data %s %d %d\r\n%s\r\n" % (key.encode(), number, len(part), part))
        file.write(b"set_end %s\r\n" % key.encode())
        file.flush()
        assert [file.readline() for _ in range(2)] == [b"STREAM_READY\r\n", b"STORED\r\n"]
