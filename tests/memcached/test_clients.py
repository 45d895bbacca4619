"""pymemcache, as applications use it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pymemcache import serde
from pymemcache.client.base import Client
from pymemcache.client.hash import HashClient
from pymemcache.exceptions import MemcacheClientError


@pytest.fixture
def cache(server) -> Iterator[Client]:
    client = Client(("127.0.0.1", server.memcached_port), serde=serde.pickle_serde, default_noreply=False)
    yield client
    client.close()


def test_values_of_any_type(cache: Client) -> None:
    for value in (b"bytes", "text", 7, 2.5, {"a": [1, 2]}, None):
        assert cache.set("key", value)
        assert cache.get("key") == value
    assert cache.get("missing", "default") == "default"


def test_many(cache: Client) -> None:
    wanted = {f"key{number}": number for number in range(500)}
    assert cache.set_many(wanted) == []
    assert cache.get_many(wanted) == wanted
    assert cache.delete_many(list(wanted))
    assert cache.get_many(wanted) == {}


def test_conditions(cache: Client) -> None:
    assert cache.add("key", "first")
    assert not cache.add("key", "second")
    assert cache.replace("key", "third")
    assert not cache.replace("missing", "x")
    value, token = cache.gets("key")
    assert value == "third"
    assert cache.cas("key", "fourth", token) is True
    assert cache.cas("key", "fifth", token) is False
    assert cache.cas("missing", "x", token) is None


def test_counters_and_touch(cache: Client) -> None:
    cache.set("n", 10)
    assert cache.incr("n", 5) == 15
    assert cache.decr("n", 100) == 0
    assert cache.get("n") == 0
    assert cache.incr("missing", 1) is None
    assert cache.touch("n", 100)
    assert not cache.touch("missing", 100)


def test_server(cache: Client) -> None:
    assert cache.version() == b"1.6.18"
    assert cache.stats()[b"curr_connections"] >= 1
    assert b"maxbytes" in cache.stats("settings")
    cache.set("key", 1)
    assert cache.flush_all()
    assert cache.get("key") is None
    with pytest.raises(MemcacheClientError):
        cache.raw_command("verbosity x\r\n")


def test_hash_client(server) -> None:
    pool = HashClient([("127.0.0.1", server.memcached_port)], use_pooling=True)
    assert pool.set("key", "value")
    assert pool.get("key") == b"value"
    pool.close()
