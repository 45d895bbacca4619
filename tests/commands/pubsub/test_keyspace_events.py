"""Keyspace notifications: the events of each command, in redis-server's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from dozo.testing import HOST

COMMANDS = (
    """
SET k v; SET k v EX 100; SET k v NX; SET k v XX GET; SETNX k v; SETNX n v; SETEX k 100 v;
PSETEX k 100000 v; GETSET k 5; INCR k; DECRBY new 3; INCRBYFLOAT k 1.5; APPEND k x; APPEND a x;
SETRANGE k 2 yy; SETRANGE k 0 ''; MSET a 1 b 2 a 3; MSETNX a 1 b 2; MSETNX c 1 d 2; GETDEL c;
GETDEL c; GETEX k; GETEX k EX 100; GETEX k PERSIST; GETEX k PERSIST; GETEX k EXAT 1; EXPIRE a 100;
EXPIRE a 100 NX; PERSIST a; PERSIST a; EXPIRE a -1; EXPIRE gone 1; RENAME b bb; RENAME bb bb;
RENAMENX bb b; COPY b copy; COPY b copy; MOVE copy 1; MOVE b 1; MOVE gone 1; DEL d b gone d;
UNLINK n; GET gone; MGET gone new gone2; EXISTS gone; STRLEN gone; TTL gone; TYPE gone; DUMP gone;
GETRANGE gone 0 1
""".replace("\n", " ")
    .strip()
    .split("; ")
)


@pytest.mark.parametrize("setting", ["KEA", "AKE", "K$", "Eg", "x"])
def test_events_are_told_alike(setting, same_events):
    # Redis 7.0's texts say "new" before the event of the command that created the key.
    same_events(setting, COMMANDS)


def test_the_setting_is_printed_alike(same: Callable[..., Any]):
    for text in ("", "KEA", "AKE", "Kg$lshzxetdE", "KEAmn", "g", "Kx", "nK$m", "KK", "q"):
        same("CONFIG", "SET", "notify-keyspace-events", text)
        same("CONFIG", "GET", "notify-keyspace-events")
    same("CONFIG", "SET", "notify-keyspace-events", "")


def test_expiry_is_told_once(client, server):
    client.config_set("notify-keyspace-events", "Ex")
    try:
        with redis.Redis(HOST, server.port) as other:
            listener = other.pubsub(ignore_subscribe_messages=True)
            listener.subscribe("__keyevent@0__:expired")
            listener.get_message(timeout=5)
            client.set("k", "v", px=1)
            assert listener.get_message(timeout=5)["data"] == b"k"
    finally:
        client.config_set("notify-keyspace-events", "")


@pytest.mark.parametrize("met", [False, True])
def test_the_expiry_of_fields_is_told(met, client, server):
    # As Redis 7.4 does: the hash that its last field leaves is deleted.
    client.config_set("notify-keyspace-events", "Khg")
    try:
        with redis.Redis(HOST, server.port) as other:
            listener = other.pubsub(ignore_subscribe_messages=True)
            listener.subscribe("__keyspace@0__:h")
            listener.get_message(timeout=5)
            if met:
                client.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "0")
            client.hset("h", mapping={"a": "1", "b": "2"})
            told = []
            for field, left in (("a", 1), ("b", 0)):
                client.hpexpire("h", 10, field)
                while met and client.hlen("h") > left:
                    pass
                told += [listener.get_message(timeout=5)["data"] for _ in range(3)]
            assert told == [b"hset", b"hexpire", b"hexpired", b"hexpire", b"hexpired", b"del"]
    finally:
        client.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "1")
        client.config_set("notify-keyspace-events", "")
