"""GET, SET and their relatives."""

import pytest

LONG = "x" * 5000


@pytest.mark.parametrize(
    "lines",
    [
        [
            "SET k v",
            "GET k",
            "GET missing",
            "SET k 12",
            "GET k",
            f"SET k {LONG}",
            "GET k",
            "STRLEN k",
            "STRLEN missing",
        ],
        [
            "SET k v NX",
            "SET k w NX",
            "SET k w XX",
            "SET m w XX",
            "SET k z GET",
            "SET m z GET",
            "SET k y NX GET",
        ],
        [
            "SET k v EX 100",
            "TTL k",
            "SET k w KEEPTTL",
            "TTL k",
            "SET k w",
            "TTL k",
            "SET k v PX 100000",
            "TTL k",
        ],
        ["SET k v EXAT 99999999999", "EXPIRETIME k", "SET k v PXAT 99999999999999", "PEXPIRETIME k"],
        [
            "SET k v EX 0",
            "SET k v EX -1",
            "SET k v PX x",
            "SET k v EX",
            "SET k v FOO",
            "SET k v NX XX",
            "SET k",
        ],
        ["SET k v EX 10 PX 10", "SET k v EX 10 KEEPTTL", "SET k v EX 9223372036854775807", "SETEX k 0 v"],
        [
            "SETNX k v",
            "SETNX k w",
            "GET k",
            "SETEX k 100 v",
            "TTL k",
            "PSETEX k 100000 w",
            "TTL k",
            "SETEX k x v",
        ],
        ["SET k v", "GETSET k w", "GETSET m w", "GETDEL k", "GETDEL k", "GET k", "EXISTS k"],
        [
            "SET k v",
            "GETEX k",
            "GETEX k EX 100",
            "TTL k",
            "GETEX k PERSIST",
            "TTL k",
            "GETEX k FOO",
            "GETEX m EX 1",
        ],
        [
            "MSET a 1 b 2 a 3",
            "MGET a b c",
            "MSET a",
            "MSET a 1 b",
            "MSETNX a 1 z 2",
            "EXISTS z",
            "MSETNX y 1 z 2",
        ],
        ["APPEND k ab", "APPEND k cd", "GET k", "SET n 10", "APPEND n 0", "INCR n", "APPEND k ''"],
    ],
)
def test_answers_as_redis_does(same, lines):
    for line in lines:
        same(line)


@pytest.mark.parametrize(
    "lines",
    [
        ["INCR n", "INCR n", "DECR n", "INCRBY n 40", "DECRBY n 2", "GET n", "INCRBY n -5"],
        [
            "SET n abc",
            "INCR n",
            "SET n ' 1'",
            "INCR n",
            "SET n 01",
            "INCR n",
            "INCRBY n 1.5",
            "SET n ''",
            "INCR n",
        ],
        [
            "SET n 9223372036854775807",
            "INCR n",
            "GET n",
            "SET n -9223372036854775808",
            "DECR n",
            "INCRBY n -1",
        ],
        [
            "DECRBY n -9223372036854775808",
            "SET n -9223372036854775808",
            "GET n",
            "SET n 9223372036854775808",
            "INCR n",
        ],
        ["SET n 5 EX 100", "INCR n", "TTL n", "OBJECT ENCODING n"],
    ],
)
def test_counts_as_redis_does(same, lines):
    for line in lines:
        same(line)


def test_set_ifeq_compares_the_value(dozo):
    assert dozo("SET k new IFEQ old") is None
    dozo("SET k old")
    assert dozo("SET k new IFEQ old") == "OK"
    assert dozo("SET k newer IFEQ old") is None
    assert dozo("SET k newer IFEQ new GET") == b"new"
    assert dozo("SET k x IFEQ a NX") == "ERR syntax error"
