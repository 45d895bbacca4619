"""DBSIZE, FLUSHDB, FLUSHALL, TIME, ROLE, LOLWUT, MONITOR and SHUTDOWN; SWAPDB is in generic/test_keys.py."""

import contextlib
import socket
import time

import redis
from tests.waiting import until


def test_answers_as_redis_does(same):
    for line in (
        "MSET a 1 b 2",
        "DBSIZE",
        "FLUSHDB",
        "DBSIZE",
        "FLUSHDB ASYNC",
        "FLUSHDB FOO",
        "FLUSHDB SYNC ASYNC",
    ):
        same(line)
    for line in (
        "SET a 1",
        "SELECT 1",
        "SET b 2",
        "FLUSHDB SYNC",
        "DBSIZE",
        "FLUSHALL",
        "SELECT 0",
        "DBSIZE",
    ):
        same(line)
    for line in ("FLUSHALL FOO", "FLUSHALL ASYNC x", "DBSIZE x", "TIME x", "MONITOR x", "ROLE x"):
        same(line)
    for line in (
        "SHUTDOWN FOO",
        "SHUTDOWN ABORT",
        "SHUTDOWN ABORT NOSAVE",
        "SHUTDOWN SAVE NOSAVE",
        "LOLWUT VERSION x",
    ):
        same(line)


def test_time_is_now(dozo):
    seconds, microseconds = dozo("TIME")
    assert abs(int(seconds) - time.time()) < 2
    assert 0 <= int(microseconds) < 10**6


def test_role_is_master(dozo):
    role, offset, replicas = dozo("ROLE")
    assert (role, replicas) == (b"master", [])
    dozo("SET k v")
    assert dozo("ROLE")[1] > offset


def test_lolwut_draws(dozo):
    assert b"dozo ver. " in dozo("LOLWUT")
    assert b"dozo ver. " in dozo("LOLWUT VERSION 5")


def test_monitor_sees_what_others_do(connect):
    watcher, worker = connect(), connect()
    assert watcher("MONITOR") == "OK"
    worker("SET", "k", b'a "b"\n\xff')
    line = watcher.read()
    assert line.endswith(r'"SET" "k" "a \"b\"\n\xff"')
    assert "[0 127.0.0.1:" in line
    worker("GETRANGE k 0 1")
    assert watcher.read().endswith('"GETRANGE" "k" "0" "1"')


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def test_shutdown_ends_the_server(start_dozo):
    node = start_dozo()
    with redis.Redis(port=node.port, retry=None) as client:
        client.shutdown(nosave=True)
    until("nobody listens", lambda: not accepts(node.port))
