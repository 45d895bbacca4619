"""DUMP and RESTORE, among themselves and with redis-server's payloads."""

import pytest

VALUES = [
    b"",
    b"hello",
    b"12",
    b"-1",
    b"127",
    b"-129",
    b"40000",
    b"2147483648",
    b"0123",
    b"x" * 70,
    b"ab" * 9000,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(len(value)) + repr(value[:8]))
def test_each_reads_what_the_other_writes(dozo, original, value):
    dozo("SET", "k", value)
    original("SET", "k", value)
    assert original("RESTORE", "copy", 0, dozo("DUMP k")) == "OK"
    assert original("GET copy") == value
    assert dozo("RESTORE", "copy", 0, original("DUMP k")) == "OK"
    assert dozo("GET copy") == value


def test_payloads_are_redis_s_own_where_nothing_is_compressed(same):
    for value in VALUES[:9]:
        same("SET", "k", value)
        same("DUMP k")


def test_restore_sets_the_time_to_live(dozo):
    dozo("SET k v")
    payload = dozo("DUMP k")
    assert dozo("RESTORE", "a", 100000, payload) == "OK"
    assert 99000 < dozo("PTTL a") <= 100000
    assert dozo("RESTORE", "b", 99999999999999, payload, "ABSTTL") == "OK"
    assert dozo("PEXPIRETIME b") == 99999999999999
    assert dozo("RESTORE", "c", 1, payload, "ABSTTL") == "OK"
    assert dozo("EXISTS c") == 0
    assert dozo("RESTORE", "d", 0, payload, "IDLETIME", 1000) == "OK"
    assert 1000 <= dozo("OBJECT IDLETIME d") <= 1010
    assert dozo("RESTORE", "e", 0, payload, "FREQ", 255) == "OK"


def test_restore_refuses_as_redis_does(same):
    same("SET k v")
    payload = same("DUMP k")
    same("RESTORE", "k", 0, payload)
    same("RESTORE", "n", -1, payload)
    same("RESTORE", "n", 0, b"short")
    same("RESTORE", "n", 0, payload[:-1] + b"\0")
    same("RESTORE", "n", 0, payload, "IDLETIME", -1)
    same("RESTORE", "n", 0, payload, "FREQ", 256)
    same("RESTORE", "n", 0, payload, "FOO")
    same("RESTORE", "n", "x", payload)
    same("RESTORE", "k", 0, payload, "REPLACE")
    same("EXISTS n")


def test_restore_refuses_a_time_to_live_beyond_time(dozo):
    dozo("SET k v")
    reply = dozo("RESTORE", "n", 2**63 - 1, dozo("DUMP k"))
    assert reply == "ERR Invalid TTL value, must be >= 0"
