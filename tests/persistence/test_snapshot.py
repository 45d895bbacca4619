"""Snapshots: SAVE, BGSAVE and save points; redis-server reads dozo's files, and dozo reads redis-server's."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import redis
from pymemcache.client.base import Client as Memcached
from tests.waiting import until

from dozo.testing import HOST

from .conftest import Home, contents, fill, passes

FLAGS = ("--persistence", "snapshot", "--save", "")


def saved(client: redis.Redis) -> bool:
    return client.info("persistence")["rdb_bgsave_in_progress"] == 0


def test_redis_server_reads_a_snapshot(homes: Callable[..., Home]) -> None:
    home = homes()
    _, client = home.dozo(*FLAGS)
    fill(client)
    assert client.execute_command("SAVE")
    passes("redis-check-rdb", home.path / "dump.rdb")
    _, theirs = home.redis()
    assert contents(theirs) == contents(client)


@pytest.mark.parametrize("small", [True, False], ids=["packed", "plain"])
def test_dozo_reads_a_snapshot_of_redis_server(homes: Callable[..., Home], small: bool) -> None:
    home = homes()
    border = "512" if small else "0"
    names = ("hash-max-listpack-entries", "zset-max-listpack-entries", "set-max-intset-entries")
    flags = [word for name in names for word in (f"--{name}", border)]
    peer, theirs = home.redis(*flags, "--list-compress-depth", "1")
    fill(theirs)
    expected = contents(theirs)
    theirs.save()
    theirs.shutdown(nosave=True)
    peer.wait(10)
    _, client = home.dozo(*FLAGS)
    assert contents(client) == expected


def test_a_snapshot_survives_a_restart(home: Home) -> None:
    node, client = home.dozo(*FLAGS)
    fill(client)
    client.execute_command("HSET", "timed-fields", "a", "1", "b", "2")
    client.execute_command("HPEXPIREAT", "timed-fields", 33_177_117_420_000, "FIELDS", 1, "a")
    client.function_load("#!lua name=lib\nredis.register_function('one', function() return 1 end)")
    expected = contents(client)
    client.execute_command("SAVE")
    node.stop()
    _, client = home.dozo(*FLAGS)
    assert contents(client) == expected
    answer = client.execute_command("HPEXPIRETIME", "timed-fields", "FIELDS", 2, "a", "b")
    assert answer == [33_177_117_420_000, -1]
    assert client.fcall("one", 0) == 1


def test_memcached_flags_and_cas_survive(home: Home) -> None:
    node, client = home.dozo(*FLAGS)
    with_flags = Memcached((HOST, node.memcached_port))
    with_flags.set("a", "value", flags=77, noreply=False)
    _, cas = with_flags.gets("a")
    with_flags.close()
    client.execute_command("SAVE")
    node.stop()
    node, client = home.dozo(*FLAGS)
    again = Memcached((HOST, node.memcached_port))
    assert again.gets("a") == (b"value", cas)
    assert b"VALUE a 77 5" in again.raw_command(b"get a", b"END\r\n")
    assert again.cas("a", "other", cas, noreply=False) is True
    assert again.gets("a")[1] != cas
    again.close()


def test_a_snapshot_in_the_background_is_of_its_moment(home: Home) -> None:
    node, client = home.dozo(*FLAGS)
    client.execute_command("DEBUG", "POPULATE", 30_000)
    client.set("before", "1")
    before = client.execute_command("DEBUG", "DIGEST")
    assert client.bgsave()
    pipe = client.pipeline(transaction=False)
    for number in range(0, 30_000, 3):
        pipe.set(f"key:{number}", "changed")
        pipe.delete(f"key:{number + 1}")
        pipe.set(f"new:{number}", "x")
    pipe.execute()
    until("the snapshot is written", lambda: saved(client))
    assert client.info("persistence")["rdb_last_bgsave_status"] == "ok"
    passes("redis-check-rdb", home.path / "dump.rdb")
    node.process.kill()
    node.process.wait()
    _, client = home.dozo(*FLAGS)
    assert client.execute_command("DEBUG", "DIGEST") == before


def test_what_is_flushed_while_a_snapshot_runs_is_in_it(home: Home) -> None:
    node, client = home.dozo(*FLAGS)
    client.execute_command("DEBUG", "POPULATE", 50_000)
    before = client.execute_command("DEBUG", "DIGEST")
    pipe = client.pipeline(transaction=False)
    pipe.execute_command("BGSAVE")
    pipe.execute_command("SWAPDB", 0, 3)
    pipe.execute_command("FLUSHALL")
    pipe.execute_command("DEBUG", "POPULATE", 10, "new")
    pipe.execute()
    until("the snapshot is written", lambda: saved(client))
    node.process.kill()
    node.process.wait()
    _, client = home.dozo(*FLAGS)
    assert client.execute_command("DEBUG", "DIGEST") == before


def test_a_save_point_makes_a_snapshot(home: Home) -> None:
    _, client = home.dozo("--persistence", "snapshot", "--save", "1 3")
    client.mset({"a": 1, "b": 2})
    assert client.info("persistence")["rdb_changes_since_last_save"] == 2
    client.set("c", 3)
    until("a snapshot is written", lambda: (home.path / "dump.rdb").exists())
    until(
        "its changes count as saved", lambda: client.info("persistence")["rdb_changes_since_last_save"] == 0
    )
    assert client.config_set("save", "100 5")
    with pytest.raises(redis.ResponseError, match="Invalid save parameters"):
        client.config_set("save", "100")


def test_the_replies_are_those_of_redis(home: Home) -> None:
    _, client = home.dozo(*FLAGS)
    before = client.execute_command("LASTSAVE")
    assert abs(before.timestamp() - time.time()) < 600
    client.execute_command("DEBUG", "POPULATE", 100_000)
    pipe = client.pipeline(transaction=False)
    pipe.execute_command("BGSAVE")
    pipe.execute_command("BGSAVE")
    pipe.execute_command("BGSAVE", "SCHEDULE")
    pipe.execute_command("BGSAVE", "NOW")
    first, second, third, fourth = pipe.execute(raise_on_error=False)
    assert first is True
    assert "Background save already in progress" in str(second)
    assert "Background save already in progress" in str(third)
    assert "syntax error" in str(fourth)
    until("the snapshot is written", lambda: saved(client))
    # In the middle of a transaction is no moment for a snapshot.
    with client.pipeline(transaction=True) as pipe:
        pipe.set("a", "1")
        pipe.execute_command("BGSAVE")
        pipe.set("b", "1")
        pipe.execute()
    until("it is written too", lambda: client.info("persistence")["rdb_saves"] == 2)


def test_shutdown_saves_or_not(home: Home) -> None:
    node, client = home.dozo("--persistence", "snapshot", "--save", "3600 1")
    client.set("a", "1")
    client.shutdown()
    assert node.wait(20) == 0
    node, client = home.dozo("--persistence", "snapshot", "--save", "3600 1")
    assert client.get("a") == b"1"
    client.set("a", "2")
    client.shutdown(nosave=True)
    assert node.wait(20) == 0
    node, client = home.dozo("--persistence", "snapshot", "--save", "3600 1")
    assert client.get("a") == b"1"
    client.set("a", "3")
    node.stop()
    _, client = home.dozo(*FLAGS)
    assert client.get("a") == b"3"


def test_debug_reload(home: Home) -> None:
    _, client = home.dozo(*FLAGS)
    fill(client)
    before = contents(client)
    assert client.execute_command("DEBUG", "RELOAD")
    assert contents(client) == before
    client.set("more", "1")
    assert client.execute_command("DEBUG", "RELOAD", "NOSAVE")
    assert contents(client) == before
    with pytest.raises(redis.ResponseError, match="only supports the MERGE"):
        client.execute_command("DEBUG", "RELOAD", "NOW")
