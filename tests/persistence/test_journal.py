"""The journal: what was changed is there after a restart, and redis-server reads it and is read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from pymemcache.client.base import Client as Memcached
from tests.waiting import until

from dozo.testing import HOST, Node

from .conftest import Home, contents, fill, passes

FLAGS = ("--persistence", "journal")


def rewritten(client: redis.Redis) -> bool:
    info = client.info("persistence")
    return not info["aof_rewrite_in_progress"] and not info["aof_rewrite_scheduled"]


def crash(node: Node) -> None:
    node.process.kill()
    node.process.wait()


@pytest.mark.parametrize("fsync", ["always", "everysec", "no"])
def test_every_type_survives(home: Home, fsync: str) -> None:
    node, client = home.dozo(*FLAGS, "--appendfsync", fsync)
    fill(client)
    expected = contents(client)
    if fsync == "always":
        crash(node)
    else:
        node.stop()
    _, client = home.dozo(*FLAGS, "--appendfsync", fsync)
    assert contents(client) == expected


def test_redis_server_reads_the_journal(home: Home) -> None:
    node, client = home.dozo(*FLAGS)
    fill(client)
    client.bgrewriteaof()
    until("the journal is rewritten", lambda: rewritten(client))
    assert client.info("persistence")["aof_last_bgrewrite_status"] == "ok"
    client.set("after", "1")
    with client.pipeline(transaction=True) as pipe:
        pipe.set("together", "1")
        pipe.rpush("list:3", "more")
        pipe.execute()
    flags = Memcached((HOST, node.memcached_port))
    flags.set("k" * 250, "value", flags=5, noreply=False)
    flags.close()
    expected = contents(client)
    node.stop()
    manifest = home.journal / "appendonly.aof.manifest"
    assert "are valid" in passes("redis-check-aof", manifest)
    for base in home.journal.glob("*.base.rdb"):
        passes("redis-check-rdb", base)
    peer, theirs = home.redis("--appendonly", "yes", "--appendfsync", "always")
    assert contents(theirs) == expected
    # It goes on with the same files, and dozo after it.
    theirs.set("theirs", "1")
    expected = contents(theirs)
    theirs.shutdown(nosave=True)
    peer.wait(10)
    _, client = home.dozo(*FLAGS)
    assert contents(client) == expected


def test_dozo_reads_the_journal_of_redis_server(home: Home) -> None:
    peer, theirs = home.redis("--appendonly", "yes", "--aof-timestamp-enabled", "yes")
    fill(theirs)
    theirs.bgrewriteaof()
    until("the journal is rewritten", lambda: rewritten(theirs))
    theirs.set("after", "1")
    expected = contents(theirs)
    theirs.shutdown(nosave=True)
    peer.wait(10)
    _, client = home.dozo(*FLAGS)
    assert contents(client) == expected
    client.set("ours", "1")
    until("it goes on with the journal", lambda: "ours" in home.increment.read_text("utf-8", "replace"))


def test_memcached_flags_survive(home: Home) -> None:
    node, _ = home.dozo(*FLAGS, "--appendfsync", "always")
    client = Memcached((HOST, node.memcached_port))
    for key in ("a", "b", "c"):
        client.set(key, "value", flags=77, noreply=False)
    told = {key: client.gets(key)[1] for key in ("a", "b", "c")}
    client.set("b", "other", noreply=False)
    client.close()
    crash(node)
    node, _ = home.dozo(*FLAGS)
    client = Memcached((HOST, node.memcached_port))
    assert b"VALUE a 77 5" in client.raw_command(b"get a", b"END\r\n")
    # A number that was told before the crash fits the value that it was told of, and no other.
    assert client.gets("a") == (b"value", told["a"])
    assert client.cas("b", "third", told["b"], noreply=False) is False
    assert client.cas("c", "third", told["c"], noreply=False) is True
    assert client.cas("c", "fourth", told["c"], noreply=False) is False
    client.close()


def test_functions_fields_and_python_commands_survive(home: Home, tmp_path: Path) -> None:
    commands = tmp_path / "commands.py"
    commands.write_text(
        "from dozo.commands.api import WRITE, Database, Key, command\n"
        "@command('TWICE', flags=WRITE, group='string', since='1.0.0', complexity='O(1)')\n"
        "def twice(db: Database, key: Key, value: bytes) -> int:\n"
        "    '''Stores a value twice.'''\n"
        "    db.set(key, value + value)\n"
        "    return 2\n"
    )
    flags = (*FLAGS, "--appendfsync", "always", "--load", str(commands))
    node, client = home.dozo(*flags)
    assert client.execute_command("TWICE", "a", "xy") == 2
    client.function_load("#!lua name=lib\nredis.register_function('one', function() return 1 end)")
    client.execute_command("HSET", "hash", "a", "1", "b", "2")
    client.execute_command("HPEXPIREAT", "hash", 33_177_117_420_000, "FIELDS", 1, "a")
    client.eval("redis.call('SET', KEYS[1], 'script'); return redis.call('INCR', 'n')", 1, "b")
    crash(node)
    _, client = home.dozo(*flags)
    assert client.get("a") == b"xyxy"
    assert client.get("b") == b"script"
    assert client.fcall("one", 0) == 1
    assert client.execute_command("HPEXPIRETIME", "hash", "FIELDS", 1, "a") == [33_177_117_420_000]


def test_what_has_expired_stays_gone_and_what_was_kept_stays(home: Home) -> None:
    node, client = home.dozo(*FLAGS, "--appendfsync", "always")
    client.set("gone", "1", px=1)
    client.set("kept", "1", px=60_000)
    client.set("lasting", "1", px=200)
    client.persist("lasting")
    until("the key expires", lambda: client.get("gone") is None)
    crash(node)
    _, client = home.dozo(*FLAGS)
    assert client.get("gone") is None
    assert 0 < client.pttl("kept") <= 60_000
    assert client.get("lasting") == b"1"


def test_a_rewrite_keeps_what_changes_meanwhile(home: Home) -> None:
    node, client = home.dozo(*FLAGS, "--appendfsync", "always")
    client.execute_command("DEBUG", "POPULATE", 20_000)
    client.bgrewriteaof()
    number = 0
    while not rewritten(client) or number < 2000:
        client.incr("counter")
        client.set(f"key:{number}", "changed")
        number += 1
    expected = client.execute_command("DEBUG", "DIGEST")
    crash(node)
    assert sorted(path.name for path in home.journal.glob("*.aof*") if "temp" not in path.name) == [
        "appendonly.aof.2.base.rdb",
        "appendonly.aof.2.incr.aof",
        "appendonly.aof.manifest",
    ]
    _, client = home.dozo(*FLAGS)
    assert client.execute_command("DEBUG", "DIGEST") == expected
    assert int(client.get("counter")) == number


def test_the_journal_is_rewritten_when_it_has_grown(home: Home) -> None:
    _, client = home.dozo(*FLAGS, "--auto-aof-rewrite-min-size", "100kb")
    for _ in range(100):
        client.set("same", "x" * 4000)
    until("it was rewritten", lambda: "appendonly.aof.2.base.rdb" in os.listdir(home.journal))
    until("the old files are gone", lambda: len(os.listdir(home.journal)) == 3)
    assert client.get("same") == b"x" * 4000


def test_debug_loadaof(home: Home) -> None:
    _, client = home.dozo(*FLAGS)
    fill(client)
    before = contents(client)
    assert client.execute_command("DEBUG", "LOADAOF")
    assert contents(client) == before
    client.set("after", "1")
    assert client.execute_command("DEBUG", "LOADAOF")
    assert client.get("after") == b"1"


def test_a_snapshot_is_taken_over_by_a_new_journal(home: Home) -> None:
    node, client = home.dozo("--persistence", "snapshot")
    client.set("a", "1")
    client.save()
    node.stop()
    node, client = home.dozo(*FLAGS, "--appendfsync", "always")
    assert client.get("a") == b"1"
    client.set("b", "2")
    crash(node)
    (home.path / "dump.rdb").unlink()
    _, client = home.dozo(*FLAGS)
    assert client.mget("a", "b") == [b"1", b"2"]


def test_a_journal_that_is_given_up_never_comes_back(home: Home) -> None:
    node, client = home.dozo(*FLAGS, "--appendfsync", "always")
    client.set("a", "1")
    crash(node)
    node, client = home.dozo("--persistence", "snapshot")
    assert client.get("a") == b"1"
    client.set("a", "2")
    client.save()
    crash(node)
    node, client = home.dozo("--persistence", "snapshot")
    assert client.get("a") == b"2"
    client.set("a", "3")
    node.stop()
    for mode in ("both", "journal"):
        node, client = home.dozo("--persistence", mode)
        assert client.get("a") == b"3"
        node.stop()


def test_the_policy_may_change_while_it_runs(home: Home, homes: Callable[..., Home]) -> None:
    node, client = home.dozo(*FLAGS)
    client.set("a", "1")
    client.config_set("appendfsync", "always")
    for number in range(50):
        client.set("a", number)
    crash(node)
    _, client = home.dozo(*FLAGS)
    assert client.get("a") == b"49"


@pytest.mark.parametrize("threads", ["0", "2"])
def test_replies_wait_for_the_medium_in_order(home: Home, threads: str) -> None:
    node, client = home.dozo(*FLAGS, "--appendfsync", "always", "--io-threads", threads)
    pipe = client.pipeline(transaction=False)
    for number in range(3000):
        pipe.rpush("list", number)
        pipe.get("missing")
    answers = pipe.execute()
    assert answers == [reply for number in range(3000) for reply in (number + 1, None)]
    crash(node)
    _, client = home.dozo(*FLAGS)
    assert client.llen("list") == 3000
