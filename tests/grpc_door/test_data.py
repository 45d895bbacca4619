"""`dozo.v1.Data` through grpcio's stubs: values, conditions, batches, commands, beside clients of other protocols."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import grpc
import pytest
from pymemcache.client.base import Client
from tests.waiting import until

from dozo.grpc.v1.data_pb2 import (
    BatchRequest,
    CommandRequest,
    DeleteRequest,
    GetRequest,
    Operation,
    SetRequest,
)
from dozo.testing import HOST

from .calls import command, plain, status


def test_a_value_is_what_redis_and_memcached_clients_see(node, data, client):
    value = bytes(range(256))
    assert data.Set(SetRequest(key=b"k\xff", value=value, flags=7)).stored
    assert client.get(b"k\xff") == value
    data.Set(SetRequest(key=b"k", value=b"v", flags=7))
    with closing(Client((HOST, node.memcached_port))) as cache:
        assert cache.raw_command("get k", "END\r\n") == b"VALUE k 7 1\r\nv\r\n"
        cache.set("m", b"from memcached", flags=9)
    item = data.Get(GetRequest(key=b"m")).item
    assert (item.value, item.flags, item.size) == (b"from memcached", 9, 14)


def test_a_missing_key_has_no_item(data):
    assert not data.Get(GetRequest(key=b"nobody")).HasField("item")
    assert not data.Delete(DeleteRequest(key=b"nobody")).deleted


def test_an_empty_value_is_a_value(data):
    assert data.Set(SetRequest(key=b"empty")).stored
    item = data.Get(GetRequest(key=b"empty")).item
    assert item.HasField("value")
    assert (item.value, item.size) == (b"", 0)


def test_databases_are_apart(data, client):
    data.Set(SetRequest(db=3, key=b"k", value=b"three"))
    assert not data.Get(GetRequest(key=b"k")).HasField("item")
    assert data.Get(GetRequest(db=3, key=b"k")).item.value == b"three"
    assert client.dbsize() == 0
    assert status(data.Get, GetRequest(db=16)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "ERR DB index is out of range",
    )


def test_expiry(data, client):
    before_ms = time.time_ns() // 1_000_000
    data.Set(SetRequest(key=b"k", value=b"1", ttl_ms=60_000))
    expires_at_ms = data.Get(GetRequest(key=b"k")).item.expires_at_ms
    assert before_ms + 60_000 <= expires_at_ms <= time.time_ns() // 1_000_000 + 60_000
    assert client.pexpiretime("k") == expires_at_ms

    data.Set(SetRequest(key=b"k", value=b"2", keep_ttl=True))
    assert data.Get(GetRequest(key=b"k")).item.expires_at_ms == expires_at_ms
    data.Set(SetRequest(key=b"k", value=b"3", expires_at_ms=expires_at_ms + 1))
    assert data.Get(GetRequest(key=b"k")).item.expires_at_ms == expires_at_ms + 1
    data.Set(SetRequest(key=b"k", value=b"4", keep_ttl=False))
    assert not data.Get(GetRequest(key=b"k")).item.HasField("expires_at_ms")


@pytest.mark.parametrize(
    "expiry", [{"ttl_ms": 0}, {"ttl_ms": 2**63}, {"ttl_ms": 2**63 - 1}, {"expires_at_ms": 1}]
)
def test_an_expiry_that_makes_no_sense_stores_nothing(data, expiry):
    code, _ = status(data.Set, SetRequest(key=b"k", value=b"v", **expiry))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert not data.Get(GetRequest(key=b"k")).HasField("item")


def test_if_absent_and_if_present(data):
    assert not data.Set(SetRequest(key=b"k", value=b"1", if_present=True)).stored
    assert data.Set(SetRequest(key=b"k", value=b"2", if_absent=True)).stored
    refused = data.Set(SetRequest(key=b"k", value=b"3", if_absent=True))
    assert (refused.stored, refused.version) == (False, "")
    assert data.Set(SetRequest(key=b"k", value=b"4", if_present=True)).stored
    assert data.Set(SetRequest(key=b"k", value=b"5", if_absent=False)).stored
    assert data.Get(GetRequest(key=b"k")).item.value == b"5"


def test_a_version_lets_the_first_of_two_writers_through(data, client):
    first = data.Set(SetRequest(key=b"k", value=b"1")).version
    assert data.Get(GetRequest(key=b"k")).item.version == first
    second = data.Set(SetRequest(key=b"k", value=b"2", if_version=first))
    assert second.stored
    assert second.version not in ("", first)
    assert not data.Set(SetRequest(key=b"k", value=b"3", if_version=first)).stored
    assert not data.Delete(DeleteRequest(key=b"k", if_version=first)).deleted
    client.append("k", "x")
    assert not data.Delete(DeleteRequest(key=b"k", if_version=second.version)).deleted
    version = data.Get(GetRequest(key=b"k")).item.version
    assert data.Delete(DeleteRequest(key=b"k", if_version=version)).deleted
    assert client.get("k") is None


def test_counting_by_versions_loses_nothing(data):
    data.Set(SetRequest(key=b"n", value=b"0"))

    def add(_):
        while True:
            item = data.Get(GetRequest(key=b"n")).item
            more = str(int(item.value) + 1).encode()
            if data.Set(SetRequest(key=b"n", value=more, if_version=item.version)).stored:
                return

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(100)))
    assert data.Get(GetRequest(key=b"n")).item.value == b"100"


def test_what_is_no_version_matches_nothing(data):
    version = data.Set(SetRequest(key=b"k", value=b"v")).version
    assert not data.Set(SetRequest(key=b"k", value=b"w", if_version="no-such")).stored
    assert not data.Set(SetRequest(key=b"missing", value=b"w", if_version=version)).stored
    for wrong in ("", f"{version},{version}"):
        refused = grpc.StatusCode.INVALID_ARGUMENT, "if_version is not a version"
        assert status(data.Set, SetRequest(key=b"k", value=b"w", if_version=wrong)) == refused
        assert status(data.Delete, DeleteRequest(key=b"k", if_version=wrong)) == refused
    assert data.Get(GetRequest(key=b"k")).item.value == b"v"


def test_a_key_of_another_type(data, client):
    client.rpush("list", "a")
    code, text = status(data.Get, GetRequest(key=b"list"))
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert text == "WRONGTYPE Operation against a key holding the wrong kind of value"
    assert data.Delete(DeleteRequest(key=b"list")).deleted


def test_a_batch_answers_each_operation(data, client):
    client.rpush("list", "a")
    request = BatchRequest(
        db=0,
        operations=[
            Operation(set=SetRequest(key=b"a", value=b"1")),
            Operation(get=GetRequest(key=b"a")),
            Operation(get=GetRequest(key=b"list")),
            Operation(command=CommandRequest(args=[b"INCR", b"a"])),
            Operation(delete=DeleteRequest(key=b"a")),
            Operation(get=GetRequest(key=b"a")),
        ],
    )
    for atomic in (False, True):
        request.atomic = atomic
        stored, got, failed, counted, deleted, missing = data.Batch(request).results
        assert stored.set.stored
        assert got.get.item.version == stored.set.version
        assert (failed.error.code, failed.error.message.split()[0]) == ("WRONGTYPE", "Operation")
        assert plain(counted.command.reply) == 2
        assert deleted.delete.deleted
        assert missing.WhichOneof("result") == "get"
        assert not missing.get.HasField("item")
    assert not data.Batch(BatchRequest()).results


def test_a_batch_runs_as_a_whole_or_not_at_all(data, client):
    sets = Operation(set=SetRequest(key=b"a", value=b"1"))
    refused = {
        "an operation is empty": BatchRequest(operations=[sets, Operation()]),
        "the operations of a batch are on the batch's db": BatchRequest(
            operations=[sets, Operation(get=GetRequest(db=1, key=b"a"))]
        ),
        "a batch has at most 10000 operations": BatchRequest(operations=[sets] * 10_001),
        "ERR SELECT is about a connection, which a gateway shares between callers": BatchRequest(
            operations=[sets, Operation(command=CommandRequest(args=[b"SELECT", b"1"]))]
        ),
    }
    for text, request in refused.items():
        assert status(data.Batch, request) == (grpc.StatusCode.INVALID_ARGUMENT, text)
    queued = BatchRequest(operations=[sets, Operation(command=CommandRequest(args=[b"GET"]))], atomic=True)
    assert status(data.Batch, queued)[0] == grpc.StatusCode.INVALID_ARGUMENT
    assert client.dbsize() == 0


def test_an_atomic_batch_is_one_transaction(data, client):
    moves = [
        Operation(command=CommandRequest(args=[b"INCRBY", key, amount]))
        for key, amount in ((b"a", b"-1"), (b"b", b"1"))
    ]
    reads = [Operation(command=CommandRequest(args=[b"MGET", b"a", b"b"]))]
    client.mset({"a": 0, "b": 0})
    with ThreadPoolExecutor(4) as threads:
        moving = [threads.submit(data.Batch, BatchRequest(operations=moves, atomic=True)) for _ in range(100)]
        for _ in range(100):
            (seen,) = data.Batch(BatchRequest(operations=reads)).results
            a, b = plain(seen.command.reply)
            assert int(a) + int(b) == 0
        for one in moving:
            one.result()
    assert client.get("b") == b"100"


def test_commands_of_every_family(data):
    assert plain(command(data, b"HSET", b"h", b"f", b"\xff")) == 1
    assert plain(command(data, b"HGETALL", b"h")) == [b"f", b"\xff"]
    assert plain(command(data, b"HGET", b"h", b"nobody")) is None
    assert plain(command(data, b"SET", b"s", b"v")) == b"OK"
    assert plain(command(data, b"ZADD", b"z", b"1.5", b"m")) == 1
    assert plain(command(data, b"ZRANGE", b"z", b"0", b"-1", b"WITHSCORES")) == [b"m", b"1.5"]
    assert plain(command(data, b"EVAL", b"return {1, {'a', false}, {err='MINE no'}}", b"0"))[:2] == [
        1,
        [b"a", None],
    ]
    inner = command(data, b"EVAL", b"return {{err='MINE no'}}", b"0").array.elements[0].error
    assert (inner.code, inner.message) == ("MINE", "no")


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        ([], "INVALID_ARGUMENT", "ERR a command has at least a name"),
        ([b""], "UNIMPLEMENTED", "ERR unknown command ''"),
        ([b"NOPE"], "UNIMPLEMENTED", "ERR unknown command 'NOPE'"),
        ([b"GET"], "INVALID_ARGUMENT", "ERR wrong number of arguments for 'get' command"),
        ([b"EVAL", b"return {err='MINE no'}", b"0"], "FAILED_PRECONDITION", "MINE no"),
        ([b"EVAL", b"return {err='MINE \xff'}", b"0"], "FAILED_PRECONDITION", "MINE "),
        ([b"XGROUP", b"CREATE", b"x", b"g", b"$"], "INVALID_ARGUMENT", "ERR The XGROUP subcommand requires"),
        ([b"multi"], "INVALID_ARGUMENT", "ERR MULTI is about a connection"),
        ([b"subscribe", b"c"], "INVALID_ARGUMENT", "ERR SUBSCRIBE is about a connection"),
        ([b"client", b"reply", b"off"], "INVALID_ARGUMENT", "ERR CLIENT REPLY is about a connection"),
    ],
)
def test_errors_keep_their_words(data, args, code, text):
    got, details = status(data.Command, CommandRequest(args=args))
    assert got == grpc.StatusCode[code]
    assert details.startswith(text)


def test_a_deadline_ends_a_command_that_waits(data, client):
    code, _ = status(data.Command, CommandRequest(args=[b"BLPOP", b"queue", b"0"]), timeout=0.2)
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    until("nobody waits", lambda: not client.info("clients")["blocked_clients"])
    client.rpush("queue", "not lost")
    assert plain(command(data, b"LPOP", b"queue")) == b"not lost"
