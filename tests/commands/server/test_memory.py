"""MEMORY and DEBUG."""

import time

import pytest


@pytest.mark.parametrize(
    "line",
    [
        "MEMORY",
        "MEMORY FOO",
        "MEMORY USAGE missing",
        "MEMORY USAGE k SAMPLES x",
        "MEMORY USAGE k SAMPLES -1",
        "MEMORY USAGE k FOO",
        "MEMORY USAGE k FOO 1",
        "MEMORY PURGE",
        "DEBUG",
        "DEBUG SLEEP 0",
        "DEBUG SET-ACTIVE-EXPIRE 1",
        "DEBUG ERROR 'ERR mine'",
        "DEBUG OBJECT missing",
        "DEBUG LISTPACK missing",
        "DEBUG LISTPACK",
        "DEBUG STRINGMATCH-TEST x",
    ],
)
def test_answers_as_redis_does(same, line):
    same(line)


@pytest.mark.parametrize(
    "kind", ["string", "integer", "double", "bignum", "null", "array", "map", "verbatim", "true", "false"]
)
@pytest.mark.parametrize("protocol", [2, 3])
def test_protocol_types_are_redis_s(dozo, original, same, kind, protocol):
    for connection in (dozo, original):
        connection("HELLO", protocol)
    same(f"DEBUG PROTOCOL {kind}")


def test_usage_counts_key_and_value(dozo):
    dozo("SET", "k", b"x" * 10_000)
    assert 10_000 < dozo("MEMORY USAGE k") < 14_000
    dozo("SET k 1")
    assert dozo("MEMORY USAGE k SAMPLES 0") < 100


def test_stats_add_up(dozo):
    for n in range(100):
        dozo("SET", f"k{n}", "v")
    told = dozo("MEMORY STATS")
    told = dict(zip(told[::2], told[1::2], strict=True))
    assert told[b"keys.count"] == 100
    assert told[b"total.allocated"] >= told[b"dataset.bytes"] > 0
    assert told[b"peak.allocated"] >= told[b"total.allocated"]
    assert b"resident" in dozo("MEMORY MALLOC-STATS")
    assert dozo("MEMORY DOCTOR")


def test_active_expire_can_be_turned_off(dozo):
    dozo("DEBUG SET-ACTIVE-EXPIRE 0")
    try:
        dozo("SET k v PX 1")
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline:
            assert dozo("DBSIZE") == 1
        assert dozo("EXISTS k") == 0
    finally:
        dozo("DEBUG SET-ACTIVE-EXPIRE 1")


def test_patterns_are_tried_at_random(dozo):
    assert dozo("DEBUG STRINGMATCH-TEST") == "Apparently Redis did not crash: test passed"


def test_only_small_values_are_shown(same):
    same("HSET h f v")
    same("ZADD z 1 m")
    same("SET s v")
    same("SADD i 1 2")
    for key in ("h", "z", "s", "i"):
        same(f"DEBUG LISTPACK {key}")


def test_digests_are_redis_s(same):
    for line in (
        "DEBUG DIGEST",
        "MSET a 1 b hello",
        "SELECT 3",
        "SET a 2 PXAT 99999999999999",
        "DEBUG DIGEST",
    ):
        same(line)
    same("DEBUG DIGEST-VALUE a missing")


def test_populate_is_redis_s(same):
    for line in (
        "SET key:1 mine",
        "DEBUG POPULATE 3",
        "MGET key:0 key:1 key:2",
        "DEBUG POPULATE 2 p 3",
        "MGET p:0 p:1",
    ):
        same(line)
    for line in ("DEBUG POPULATE 1 q 20", "GET q:0", "DEBUG DIGEST"):
        same(line)


def test_sleep_holds_everybody_up(connect):
    one, other = connect(), connect()
    start = time.monotonic()
    one.send("DEBUG SLEEP 0.1")
    assert other("PING") == "PONG"
    assert one.read() == "OK"
    assert time.monotonic() - start >= 0.1


def test_what_looks_into_memory_is_refused(dozo):
    for line in ("DEBUG SEGFAULT", "DEBUG JMAP", "DEBUG SLEEP"):
        assert dozo(line).startswith("ERR unknown subcommand or wrong number of arguments")
    dozo("SET k v")
    assert "encoding:embstr" in dozo("DEBUG OBJECT k")
    assert dozo("DEBUG LOG hello") == "OK"
    assert "SLEEP <seconds>" in dozo("DEBUG HELP")
    assert "\nUSAGE" in "\n".join(dozo("MEMORY HELP"))
