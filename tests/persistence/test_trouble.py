"""A disk that fails: writes are refused, reads served, and everything goes on by itself once there is room."""

from __future__ import annotations

import resource

import pytest
import redis
from pymemcache.client.base import Client as Memcached
from pymemcache.exceptions import MemcacheServerError
from tests.waiting import until

from dozo.testing import HOST, Node

from .conftest import Home


def limit_files(node: Node, size: int) -> None:
    """Let no file of the server grow beyond a size: its writes fail then."""
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def refuses(client: redis.Redis) -> str:
    try:
        client.set("probe", "1")
    except redis.ResponseError as error:
        return str(error)
    return ""


def test_the_journal_recovers_by_itself(home: Home) -> None:
    flags = ("--persistence", "journal")
    node, client = home.dozo(*flags)
    client.set("a", "1")
    limit_files(node, 4096)
    answered = 0

    def failing() -> str:
        nonlocal answered
        try:
            client.rpush("list", "x" * 1000)
        except redis.ResponseError as error:
            return str(error)
        answered += 1
        return ""

    assert until("writes are refused", failing).startswith("MISCONF Errors writing to the AOF file: ")
    assert client.get("a") == b"1"
    assert client.info("persistence")["aof_last_write_status"] == "err"
    with pytest.raises(redis.ResponseError, match="MISCONF"):
        client.execute_command("PING")
    memcached = Memcached((HOST, node.memcached_port))
    with pytest.raises(MemcacheServerError):
        memcached.set("m", "x", noreply=False)
    assert memcached.get("a") == b"1"
    memcached.close()
    limit_files(node, resource.RLIM_INFINITY)
    until("writes are taken again", lambda: not refuses(client))
    assert client.info("persistence")["aof_last_write_status"] == "ok"
    until("all of it is written", lambda: client.info("persistence")["aof_buffer_length"] == 0)
    node.process.kill()
    node.process.wait()
    _, client = home.dozo(*flags)
    assert client.llen("list") == answered


def test_writes_may_go_on(home: Home) -> None:
    node, client = home.dozo("--persistence", "journal", "--stop-writes-on-journal-error", "no")
    limit_files(node, 4096)

    def failing() -> bool:
        client.set("a", "x" * 1000)
        return bool(client.info("persistence")["aof_last_write_status"] == "err")

    until("the journal fails", failing)
    assert client.set("a", "2")


def test_a_snapshot_that_fails_refuses_writes_until_one_succeeds(home: Home) -> None:
    node, client = home.dozo("--persistence", "snapshot", "--save", "3600 100000")
    client.execute_command("DEBUG", "POPULATE", 20_000)
    limit_files(node, 4096)
    client.bgsave()
    until("writes are refused", lambda: "unable to persist to disk" in refuses(client))
    assert client.info("persistence")["rdb_last_bgsave_status"] == "err"
    assert not (home.path / "dump.rdb").exists()
    with pytest.raises(redis.ResponseError, match="File too large"):
        client.execute_command("SAVE")
    limit_files(node, resource.RLIM_INFINITY)
    client.execute_command("SAVE")
    until("writes are taken again", lambda: not refuses(client))


def test_a_rewrite_that_fails_leaves_the_journal_as_it_was(home: Home) -> None:
    flags = ("--persistence", "journal", "--appendfsync", "always")
    node, client = home.dozo(*flags)
    client.execute_command("DEBUG", "POPULATE", 2000, "key", 30)
    (home.journal / "temp-rewrite.rdb").mkdir()
    client.bgrewriteaof()
    until("it has failed", lambda: client.info("persistence")["aof_last_bgrewrite_status"] == "err")
    client.set("after", "1")
    before = client.execute_command("DEBUG", "DIGEST")
    (home.journal / "temp-rewrite.rdb").rmdir()
    node.process.kill()
    node.process.wait()
    _, client = home.dozo(*flags)
    assert client.execute_command("DEBUG", "DIGEST") == before
    client.bgrewriteaof()
    until("one succeeds", lambda: client.info("persistence")["aof_last_bgrewrite_status"] == "ok")
