"""Values on disk, as clients of a server see them."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from dozo.config import load
from dozo.testing import HOST, Node, NodeError

LARGE = 30_000
Start = Callable[..., Node]


@pytest.fixture
def node(start_dozo: Start, tmp_path: Path) -> Node:
    flags = ["--disk-tier", str(tmp_path / "tier"), "--disk-tier-size", "64mb", "--persistence", "none"]
    return start_dozo(*flags)


@pytest.fixture
def client(node: Node) -> Iterator[redis.Redis]:
    with redis.Redis(HOST, node.port) as connected:
        yield connected


def value(number: int, size: int = LARGE) -> bytes:
    return random.Random(number).randbytes(size)


def fill(client: redis.Redis, count: int = 20) -> None:
    """Store large values; they go to the disk at once."""
    for number in range(count):
        client.set(f"key:{number}", value(number))
    client.execute_command("DEBUG", "TIER", "COOL")


def talk(port: int, request: bytes) -> bytes:
    """Send a request, hang up for sending, and return everything that is answered."""
    with socket.create_connection((HOST, port), timeout=20) as sock:
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(1 << 16), b""))


def test_two_servers_do_not_share_a_directory(node, start_dozo, tmp_path):
    with pytest.raises(NodeError, match=f"in use by another server \\(process {node.pid}\\)"):
        start_dozo("--disk-tier", str(tmp_path / "tier"))


def test_a_large_value_goes_to_the_disk_at_once(client):
    client.set("large", value(1))
    client.set("small", b"x" * 2000)
    figures = client.info("tier")
    assert figures["tier_keys"] == 1
    assert figures["tier_bytes"] > LARGE
    assert client.strlen("large") == LARGE
    assert client.object("encoding", "large") == b"raw"
    assert client.info("tier")["tier_hits"] == 0
    assert client.get("large") == value(1)
    assert client.info("tier")["tier_hits"] == 1


def test_replies_keep_their_order(client):
    fill(client)
    pipe = client.pipeline(transaction=False)
    for number in range(20):
        pipe.get(f"key:{number}").ping().strlen(f"key:{number}")
    expected = [part for number in range(20) for part in (value(number), True, LARGE)]
    assert pipe.execute() == expected
    figures = client.info("tier")
    assert figures["tier_hits"] == 20
    assert figures["tier_blocking_hits"] == 0


def test_commands_with_many_keys_fetch_them_first(client):
    fill(client)
    keys = [f"key:{number}" for number in range(20)]
    assert client.mget(keys) == [value(number) for number in range(20)]
    client.execute_command("DEBUG", "TIER", "COOL")
    pipe = client.pipeline(transaction=True)
    pipe.append("key:1", b"!").get("key:1").getrange("key:2", 10, 20)
    assert pipe.execute() == [LARGE + 1, value(1) + b"!", value(2)[10:21]]
    client.execute_command("DEBUG", "TIER", "COOL")
    script = "return redis.call('GET', KEYS[1]) .. redis.call('GET', KEYS[2])"
    assert client.eval(script, 2, "key:3", "key:4") == value(3) + value(4)
    assert client.info("tier")["tier_blocking_hits"] == 0


FORESEEN = [
    "GET string",
    "BITOP OR to string",
    "COPY string to REPLACE",
    "SET string x GET",
    "SORT list BY nosort",
    "LMPOP 2 nothing list LEFT",
    "BLMPOP 0 2 nothing list LEFT",
    "LMOVE list to LEFT LEFT",
    "SINTERCARD 2 set set LIMIT 1",
    "SDIFFSTORE to nothing set",
    "SMOVE set to member:1",
    "ZUNION 2 nothing zset",
    "ZINTERCARD 1 zset",
    "ZDIFFSTORE to 2 zset nothing",
    "ZUNIONSTORE to 2 nothing zset WEIGHTS 1 2",
    "ZMPOP 1 zset MIN COUNT 3",
    "BZMPOP 0 2 nothing zset MAX",
    "ZRANGESTORE to zset 0 -1",
    "XREAD COUNT 1 STREAMS nothing stream 0 0",
    "XREADGROUP GROUP g c STREAMS stream >",
    "XINFO STREAM stream",
    "PFMERGE to hll",
    "GEORADIUS zset 1 1 1 km STORE to",
    "EVAL_RO return(redis.call('GET',KEYS[1])) 1 string",
    "HGETALL hash",
]
"""Commands whose keys are counted, named behind a word, or not all asked for their values."""


def test_whose_keys_are_foreseen_holds_nobody_up(client):
    members = [f"member:{number}" for number in range(200)]
    for line in FORESEEN:
        client.flushall()
        client.rpush("list", *members)
        client.sadd("set", *members)
        client.zadd("zset", dict.fromkeys(members, 1))
        client.hset("hash", mapping=dict.fromkeys(members, 1))
        client.pfadd("hll", *members)
        client.xadd("stream", {"field": value(2)})
        client.set("string", value(1))
        client.xgroup_create("stream", "g", 0)
        client.execute_command("DEBUG", "TIER", "COOL")
        before = client.info("tier")
        client.execute_command(*line.split(" "))
        after = client.info("tier")
        assert after["tier_hits"] > before["tier_hits"], line
        assert after["tier_blocking_hits"] == before["tier_blocking_hits"], line


def test_who_does_not_ask_for_a_value_waits_for_none(client):
    for line in ("MEMORY USAGE string", "SET string x", "SETEX string 10 x", "BITOP OR string other other"):
        client.set("string", value(1))
        client.execute_command("DEBUG", "TIER", "COOL")
        client.execute_command(*line.split(" "))
        assert client.info("tier")["tier_hits"] == 0, line


def test_who_has_hung_up_still_gets_the_answer(client, node):
    fill(client, 3)
    words = [b"GET", b"key:2"]
    request = b"*2\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
    assert talk(node.port, request) == b"$%d\r\n%s\r\n" % (LARGE, value(2))
    client.execute_command("DEBUG", "TIER", "COOL")
    answer = talk(node.memcached_port, b"get key:1 key:2\r\nmg key:0 v\r\nquit\r\n")
    parts = [b"VALUE key:%d 0 %d\r\n%s\r\n" % (number, LARGE, value(number)) for number in (1, 2)]
    assert answer == b"".join(parts) + b"END\r\n" + b"VA %d\r\n%s\r\n" % (LARGE, value(0))


def test_memcached_sees_no_difference(client, node):
    with socket.create_connection((HOST, node.memcached_port), timeout=20) as sock:
        file = sock.makefile("rwb")

        def call(request: bytes, lines: int = 1) -> list[bytes]:
            client.execute_command("DEBUG", "TIER", "COOL")
            file.write(request)
            file.flush()
            return [file.readline().rstrip() for _ in range(lines)]

        assert call(b"set k 7 0 3\r\nabc\r\n") == [b"STORED"]
        cas = int(call(b"gets k\r\n", 3)[0].split()[-1])
        assert call(b"append k 0 0 2\r\nde\r\n") == [b"STORED"]
        assert call(b"cas k 0 0 1 %d\r\nx\r\n" % cas) == [b"EXISTS"]
        assert call(b"gat 1000 k\r\n", 3) == [b"VALUE k 7 5", b"abcde", b"END"]
        assert call(b"touch k 2000\r\n") == [b"TOUCHED"]
        assert call(b"mg k v f s\r\n", 2) == [b"VA 5 f7 s5", b"abcde"]
        assert call(b"set n 0 0 2\r\n41\r\n") == [b"STORED"]
        assert call(b"incr n 1\r\n") == [b"42"]
        assert call(b"add n 0 0 1\r\n1\r\n") == [b"NOT_STORED"]
        assert call(b"delete k\r\n") == [b"DELETED"]
        assert call(b"get k\r\n") == [b"END"]
    assert client.info("tier")["tier_hits"] > 0


@pytest.mark.parametrize("policy", ["s3fifo", "allkeys-lru", "noeviction", "volatile-ttl"])
def test_nothing_is_lost_when_memory_is_short(start_dozo, tmp_path, policy):
    size = ["--disk-tier-size", "64mb", "--maxmemory", "2mb", "--maxmemory-policy", policy]
    node = start_dozo("--disk-tier", str(tmp_path), "--persistence", "none", *size)
    with redis.Redis(HOST, node.port) as client:
        for number in range(1000):
            client.set(f"key:{number}", value(number, 4000), ex=1000)
        figures = client.info()
        assert figures["evicted_keys"] == 0
        assert figures["tier_keys"] > 500
        assert figures["used_memory"] < 2.3 * (1 << 20)
        for number in range(0, 1000, 7):
            assert client.get(f"key:{number}") == value(number, 4000)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 64 << 20


def test_a_snapshot_holds_what_lies_on_disk(start_dozo, tmp_path):
    flags = [
        "--disk-tier",
        str(tmp_path / "tier"),
        "--data-dir",
        str(tmp_path / "data"),
        "--persistence",
        "snapshot",
    ]
    node = start_dozo(*flags)
    with redis.Redis(HOST, node.port) as client:
        fill(client)
        client.hset("hash", mapping={f"field {number}": value(number, 100) for number in range(300)})
        client.execute_command("DEBUG", "TIER", "COOL")
        digest = client.execute_command("DEBUG", "DIGEST")
        client.execute_command("DEBUG", "TIER", "COOL")
        client.save()
    node.close()
    again = start_dozo(*flags)
    with redis.Redis(HOST, again.port) as client:
        assert client.info("tier")["tier_keys"] == 21
        assert client.execute_command("DEBUG", "DIGEST") == digest


def test_settings_change_while_it_runs(client):
    client.config_set("large-value-threshold", "1kb")
    client.set("a", b"x" * 1500)
    assert client.info("tier")["tier_keys"] == 1
    client.config_set("disk-tier-strategy", "never")
    client.set("b", b"x" * 1500)
    assert client.info("tier")["tier_keys"] == 1
    client.config_set("disk-tier-strategy", "always")
    client.set("c", value(3))
    figures = client.info("tier")
    assert (figures["tier_keys"], figures["tier_copied_keys"]) == (1, 1)
    with pytest.raises(redis.ResponseError, match="disk-tier-strategy"):
        client.config_set("disk-tier-strategy", "sometimes")


def test_memcached_is_told(client, node):
    fill(client, 3)
    client.get("key:1")
    told = dict(
        line.split()[1:] for line in talk(node.memcached_port, b"stats\r\nquit\r\n").splitlines()[:-1]
    )
    assert told[b"get_extstore"] == b"1"
    assert told[b"extstore_objects_written"] == b"3"
    assert int(told[b"extstore_bytes_used"]) > 3 * LARGE


def test_a_preset_is_what_nothing_else_says():
    tiered = load(flags={"preset": "tiered", "maxmemory": "1gb"})
    assert (tiered.tier.disk_tier, tiered.memory.maxmemory) == ("dozo-tier", 1 << 30)
    assert (tiered.memory.maxmemory_policy, tiered.source("maxmemory-policy")) == ("s3fifo", "preset")
    assert tiered.source("maxmemory") == "flag"
    production = load(flags={"preset": "production"})
    assert (production.persistence.persistence, production.memory.maxmemory_policy) == ("both", "noeviction")
    assert load(flags={"preset": "memory"}).tier.disk_tier == ""


def test_a_directory_that_cannot_be_made_ends_the_start(tmp_path):
    (tmp_path / "file").write_text("in the way")
    flags = ["--port", "0", "--memcached-port", "0", "--persistence", "none"]
    command = [sys.executable, "-m", "dozo", "serve", *flags, "--disk-tier", str(tmp_path / "file" / "tier")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "disk-tier" in ended.stderr
    assert "Not a directory" in ended.stderr
