"""MULTI, EXEC, DISCARD, WATCH, UNWATCH: what redis-server's own client library and raw connections see."""

from __future__ import annotations

import contextlib
import socket

import pymemcache
import pytest
import redis

from dozo.testing import HOST, Node


@pytest.fixture
def other(server: Node):
    with redis.Redis(HOST, server.port) as connected:
        yield connected


def _watching(server: Node, *keys: str) -> redis.Redis:
    """A client on one connection that watches keys."""
    watcher = redis.Redis(HOST, server.port, single_connection_client=True)
    watcher.execute_command("WATCH", *keys)
    return watcher


def _exec(watcher: redis.Redis):
    watcher.execute_command("MULTI")
    watcher.execute_command("PING")
    with watcher:
        # redis-py has its own word for a null of EXEC.
        return watcher.execute_command("EXEC")


def _wait_until_expired(client: redis.Redis, key: str) -> None:
    """Wait for the moment, without looking at the key then."""
    moment = client.pexpiretime(key)
    while True:
        seconds, micros = client.time()
        if moment < seconds * 1000 + micros // 1000:
            return


CHANGES = {
    "set": ["SET w 2"],
    "same value": ["SET w 1"],
    "delete": ["DEL w"],
    "expiry": ["EXPIRE w 100"],
    "rename": ["RENAME w x"],
    "flushdb": ["FLUSHDB"],
    "flushall": ["FLUSHALL"],
    "swapdb": ["SWAPDB 0 5"],
    "move": ["MOVE w 3"],
    "copy onto": ["SET o 1", "COPY o w REPLACE"],
    "in a transaction": ["MULTI", "INCR w", "EXEC"],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_another_client_fails_exec(server: Node, other: redis.Redis, change: str) -> None:
    other.set("w", 1)
    watcher = _watching(server, "w")
    for line in CHANGES[change]:
        other.execute_command(*line.split())
    assert _exec(watcher) is None


@pytest.mark.parametrize("change", ["GET w", "DEL none", "SET other 1", "EXPIRE w 10 XX", "INCRBY bad x"])
def test_what_changes_nothing_lets_exec_run(server: Node, other: redis.Redis, change: str) -> None:
    other.mset({"w": 1, "bad": "text"})
    watcher = _watching(server, "w", "none")
    with contextlib.suppress(redis.ResponseError):
        other.execute_command(*change.split())
    assert _exec(watcher) == [b"PONG"]


def test_a_flush_does_not_touch_who_watches_a_missing_key(server: Node, other: redis.Redis) -> None:
    watcher = _watching(server, "missing")
    other.flushall()
    assert _exec(watcher) == [b"PONG"]


def test_its_own_change_counts_too(server: Node) -> None:
    watcher = _watching(server, "w")
    watcher.set("w", 1)
    assert _exec(watcher) is None


def test_an_expiry_counts_unless_it_was_over_before(server: Node, other: redis.Redis) -> None:
    other.set("w", 1, px=1000)
    watcher = _watching(server, "w")
    _wait_until_expired(other, "w")
    assert _exec(watcher) is None
    other.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    other.set("w", 1, px=20)
    _wait_until_expired(other, "w")
    watcher = _watching(server, "w")
    assert _exec(watcher) == [b"PONG"]
    other.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", 1)


def test_unwatch_and_exec_forget_the_keys(server: Node, other: redis.Redis) -> None:
    watcher = _watching(server, "w")
    other.set("w", 1)
    watcher.execute_command("UNWATCH")
    assert _exec(watcher) == [b"PONG"]


def test_a_memcached_write_counts(start_dozo) -> None:
    node = start_dozo()
    watcher = _watching(node, "w")
    client = pymemcache.Client((HOST, node.memcached_port))
    client.set("w", "1", noreply=False)
    client.close()
    assert _exec(watcher) is None


def test_a_wrong_type_within_exec_goes_on(client: redis.Redis) -> None:
    client.set("text", "x")
    pipe = client.pipeline()
    pipe.set("a", 1)
    pipe.incr("text")
    pipe.incr("a")
    first, second, third = pipe.execute(raise_on_error=False)
    assert (first, third) == (True, 2)
    assert str(second) == "value is not an integer or out of range"


def test_a_refused_command_makes_exec_abort(client: redis.Redis) -> None:
    pipe = client.pipeline()
    pipe.set("a", 1)
    pipe.execute_command("NOSUCH")
    with pytest.raises(redis.ResponseError, match="unknown command"):
        pipe.execute()
    assert client.get("a") is None


def test_out_of_memory_while_queueing_aborts(start_dozo) -> None:
    node = start_dozo("--maxmemory-policy", "noeviction")
    client = redis.Redis(HOST, node.port, single_connection_client=True)
    client.execute_command("MULTI")
    with redis.Redis(HOST, node.port) as other:
        other.config_set("maxmemory", 1)
        with pytest.raises(redis.ResponseError, match="command not allowed"):
            client.execute_command("GET", "a")
        with pytest.raises(redis.exceptions.ExecAbortError, match="previous errors"):
            client.execute_command("EXEC")


def test_client_list_shows_the_transaction(client: redis.Redis, server: Node) -> None:
    watcher = _watching(server, "a", "b")
    watcher.execute_command("MULTI")
    watcher.execute_command("GET", "a")
    line = next(line for line in client.client_list() if line["multi"] == "1")
    assert (line["watch"], line["flags"]) == ("2", "x")
    client.set("a", 1)
    line = next(line for line in client.client_list() if line["multi"] == "1")
    assert line["flags"] == "xd"
    watcher.execute_command("RESET")
    assert all(line["multi"] == "-1" for line in client.client_list())


def test_a_python_command_within_a_transaction(client: redis.Redis) -> None:
    pipe = client.pipeline()
    pipe.set("a", "hello")
    pipe.getrange("a", 1, 3)
    pipe.strlen("a")
    pipe.setrange("a", 0, "j")
    assert pipe.execute() == [True, b"ell", 5, 5]


def test_a_queue_over_the_query_buffer_limit_closes(start_dozo) -> None:
    node = start_dozo("--client-query-buffer-limit", "2mb")
    with socket.create_connection((HOST, node.port), timeout=10) as connection:
        connection.sendall(b"MULTI\r\n")
        value = b"x" * 100_000
        words = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$%d\r\n%b\r\n" % (len(value), value)
        answers = 0
        with contextlib.suppress(ConnectionError):
            connection.sendall(words)
            while connection.recv(100):
                answers += 1
                connection.sendall(words)
        assert 10 < answers < 40
    with redis.Redis(HOST, node.port) as other:
        assert other.ping()
