"""max-keys, default-ttl, max-ttl and expire-interval, as clients of a server see them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import redis
from pymemcache.client.base import Client
from tests.waiting import until

from dozo.testing import HOST, Node

Start = Callable[..., Node]


def connect(node: Node) -> redis.Redis:
    return redis.Redis(HOST, node.port, decode_responses=True)


@pytest.mark.parametrize("tier", [False, True])
def test_no_more_keys_than_max_keys(start_dozo: Start, tmp_path: Path, tier: bool):
    disk = ["--disk-tier", str(tmp_path / "tier"), "--disk-tier-size", "64mb"] if tier else []
    node = start_dozo(
        "--max-keys", "100", "--maxmemory-policy", "allkeys-lru", "--persistence", "none", *disk
    )
    with connect(node) as client:
        for number in range(300):
            client.set(f"key:{number}", "x" * (200 if number % 2 else 30_000))
            assert client.dbsize() <= 100
        client.select(1)
        client.rpush("list", "last")
        assert client.exists("list")
        assert client.dbsize() + client.info("keyspace").get("db0", {"keys": 0})["keys"] == 100
        assert client.info("stats")["evicted_keys"] == 201


def test_without_eviction_one_key_more_is_refused(start_dozo: Start):
    with connect(start_dozo("--max-keys", "3")) as client:
        for name in "abc":
            client.set(name, 1)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.set("d", 1)
        client.delete("a")
        client.set("d", 1)
        client.config_set("max-keys", 0)
        client.set("e", 1)


def test_a_key_without_an_expiry_gets_the_default(start_dozo: Start, tmp_path: Path):
    flags = [
        "--default-ttl",
        "100",
        "--max-ttl",
        "1000",
        "--data-dir",
        str(tmp_path),
        "--appendfsync",
        "always",
    ]
    node = start_dozo(*flags)
    with connect(node) as client, closing(Client((HOST, node.memcached_port))) as cache:
        client.set("plain", 1)
        client.set("short", 1, ex=10)
        client.set("long", 1, ex=5000)
        client.rpush("list", 1)
        client.eval("redis.call('SET', KEYS[1], 1)", 1, "script")
        with client.pipeline() as pipe:
            pipe.incr("counted").incr("counted").execute()
        assert cache.set("item", "x", noreply=False)
        assert cache.set("late", "x", 90_000, noreply=False)
        expected = {"plain": 100, "short": 10, "long": 1000, "list": 100, "script": 100}
        expected |= {"counted": 100, "item": 100, "late": 1000}
        left = {name: client.ttl(name) for name in expected}
        assert all(most - 20 < left[name] <= most for name, most in expected.items()), left
        assert client.persist("short") == 1
        assert 80 < client.ttl("short") <= 100
        deadlines = {name: client.pexpiretime(name) for name in expected}
    node.stop()
    with connect(start_dozo(*flags)) as client:
        assert {name: client.pexpiretime(name) for name in expected} == deadlines


def test_expired_keys_are_looked_for_as_often_as_is_said(start_dozo: Start):
    with connect(start_dozo("--expire-interval", "100000", "--hz", "100")) as client:
        client.psetex("gone", 1, "x")
        client.set("stays", "x")
        client.psetex("clock", 200, "x")
        until("its time is over", lambda: not client.exists("clock"))
        assert client.dbsize() == 2
        client.config_set("expire-interval", 0)
        until("it is found", lambda: client.dbsize() != 2)
        assert client.exists("stays")
