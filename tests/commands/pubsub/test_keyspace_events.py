"""Keyspace notifications: the events of each command, in redis-server's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
from tests.waiting import until

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
COLLECTIONS = (
    """
HSET h a 1 b 2; HSET h a 1; HSETNX h a 2; HSETNX h c 3; HMSET h d 4; HINCRBY h a 5; HINCRBYFLOAT h a 0.5;
HINCRBY h none 1; HINCRBYFLOAT new f 1; HDEL h none; HDEL h a b; HDEL h c d none; HSET wrong f v; HDEL new f;
SADD s a b c; SADD s a; SREM s none; SREM s a; SMOVE s t b; SMOVE s t none; SMOVE t t b; SMOVE s t c; SPOP none;
SPOP t 0; SADD one m; SPOP one; SADD two m; SPOP two 5; SADD u a b; SADD v b c; SINTERSTORE w u v;
SUNIONSTORE w u v; SDIFFSTORE w u u; SDIFFSTORE w u u; SINTERSTORE u none v; SPOP v 1000; SREM t b c;
SADD wrong x; SET str x; SINTERSTORE str none none; SETBIT b 7 1; SETBIT b 7 1; SETBIT b 100 0; GETBIT b 1;
BITOP AND c b b; BITOP OR c gone gone; BITOP NOT d gone; BITFIELD b SET u8 0 5; BITFIELD b GET u8 0;
BITFIELD b INCRBY u8 0 1 SET u4 9 2; BITFIELD gone GET u8 0; BITCOUNT gone; BITPOS gone 1; PFADD p a b;
PFADD p a; PFADD p; PFADD q; PFCOUNT p q; PFCOUNT p; PFMERGE r p q; PFMERGE r; HGET gone f; HGETALL gone;
HLEN gone; SCARD gone; SMEMBERS gone; SISMEMBER gone x; SINTER gone u; SRANDMEMBER gone; HRANDFIELD gone;
HSCAN gone 0; SSCAN gone 0; HMGET gone a; HKEYS gone; SMISMEMBER gone x; PFCOUNT gone; GETBIT gone 1;
HSTRLEN gone f; HEXISTS gone f; SUNION gone; SDIFF gone; SINTERCARD 1 gone
""".replace("\n", " ")
    .strip()
    .split("; ")
)


@pytest.mark.parametrize("setting", ["KEA", "AKE", "K$", "Eg", "x", "KEmn"])
def test_events_are_told_alike(setting, same_events):
    # Redis 7.0's texts say "new" before the event of the command that created the key.
    same_events(setting, COMMANDS)


@pytest.mark.parametrize("setting", ["KEA", "Em", "KEAmn"])
def test_events_of_hashes_sets_and_bits_are_told_alike(setting, same_events):
    same_events(setting, COLLECTIONS)


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
                if met:
                    until("the field is gone", lambda left=left: client.hlen("h") == left)
                told += [listener.get_message(timeout=5)["data"] for _ in range(3)]
            assert told == [b"hset", b"hexpire", b"hexpired", b"hexpire", b"hexpired", b"del"]
    finally:
        client.execute_command("DEBUG", "SET-ACTIVE-EXPIRE", "1")
        client.config_set("notify-keyspace-events", "")
