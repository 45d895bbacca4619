"""`dozo gateway`: the gRPC door on its own, before a redis-server or a dozo."""

from __future__ import annotations

from itertools import islice

import grpc
import pytest
import redis
from tests.waiting import until

from dozo.grpc.v1.data_pb2 import (
    BatchRequest,
    CommandRequest,
    DeleteRequest,
    GetRequest,
    Operation,
    SetRequest,
    SubscribeRequest,
    WatchRequest,
)
from dozo.grpc.v1.data_pb2_grpc import DataStub
from dozo.testing import HOST, Node, free_ports

from .calls import command, plain, status
from .gateway import Gateway, redis_server


@pytest.fixture(scope="module")
def upstream():
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(upstream):
    with Gateway.start(upstream.ports[0]) as gateway:
        yield gateway


@pytest.fixture
def client(upstream):
    with redis.Redis(HOST, upstream.ports[0]) as client:
        client.flushall()
        yield client


@pytest.fixture
def data(gateway):
    with gateway.channel() as channel:
        yield DataStub(channel)


def test_values_of_a_redis_server(data, client):
    assert data.Set(SetRequest(key=b"k", value=b"v", ttl_ms=60_000)).stored
    item = data.Get(GetRequest(key=b"k")).item
    assert (item.value, item.size, item.flags, item.version) == (b"v", 1, 0, "")
    assert item.expires_at_ms == client.pexpiretime("k")
    client.persist("k")
    assert not data.Get(GetRequest(key=b"k")).item.HasField("expires_at_ms")
    assert not data.Set(SetRequest(key=b"k", value=b"w", if_absent=True)).stored
    assert data.Delete(DeleteRequest(key=b"k")).deleted
    assert not data.Get(GetRequest(key=b"k")).HasField("item")
    client.set("empty", "")
    assert data.Get(GetRequest(key=b"empty")).item.HasField("value")
    client.rpush("list", "a")
    assert status(data.Get, GetRequest(key=b"list"))[0] == grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize(
    "operation",
    [
        Operation(set=SetRequest(key=b"k", flags=1)),
        Operation(set=SetRequest(key=b"k", if_version="1-a")),
        Operation(delete=DeleteRequest(key=b"k", if_version="1-a")),
    ],
)
def test_what_only_dozo_has_is_unimplemented(data, client, operation):
    kind = operation.WhichOneof("operation")
    call = {"set": data.Set, "delete": data.Delete}[kind]
    assert status(call, getattr(operation, kind))[0] == grpc.StatusCode.UNIMPLEMENTED
    batch = BatchRequest(operations=[Operation(set=SetRequest(key=b"a")), operation])
    assert status(data.Batch, batch)[0] == grpc.StatusCode.UNIMPLEMENTED
    assert client.dbsize() == 0


def test_batches_and_commands(data):
    operations = [Operation(set=SetRequest(key=b"n", value=b"1")), Operation(get=GetRequest(key=b"n"))]
    for atomic in (False, True):
        stored, got = data.Batch(BatchRequest(operations=operations, atomic=atomic)).results
        assert stored.set.stored
        assert got.get.item.value == b"1"
    assert plain(command(data, b"INCR", b"n")) == 2


def test_watches(data, client):
    keys = data.Watch(WatchRequest(keys=[b"a"]), timeout=60)
    prefixes = data.Watch(WatchRequest(prefixes=[b"a"], without_values=True), timeout=60)
    keys.initial_metadata()
    prefixes.initial_metadata()
    for value in (b"1", b"2"):
        client.set("a", value)
        assert next(keys).change.item.value == value
        change = next(prefixes).change
        assert (change.key, change.HasField("item")) == (b"a", True)
    client.delete("a")
    assert not next(keys).change.HasField("item")
    assert not next(prefixes).change.HasField("item")
    client.flushall()
    assert next(prefixes).WhichOneof("event") == "flush"


def test_subscriptions(data, client):
    messages = data.Subscribe(SubscribeRequest(channels=[b"c"]), timeout=60)
    messages.initial_metadata()
    client.publish("c", "m")
    assert [each.payload for each in islice(messages, 1)] == [b"m"]
    messages.cancel()


def test_an_upstream_that_goes_away():
    with (
        redis_server() as upstream,
        Gateway.start(upstream.ports[0]) as gateway,
        gateway.channel() as channel,
    ):
        data = DataStub(channel)
        streams = [
            data.Watch(WatchRequest(keys=[b"a"]), timeout=60),
            data.Watch(WatchRequest(prefixes=[b""]), timeout=60),
            data.Subscribe(SubscribeRequest(channels=[b"c"]), timeout=60),
        ]
        for stream in streams:
            stream.initial_metadata()
        waiting = data.Command.future(CommandRequest(args=[b"BLPOP", b"q", b"0"]), timeout=60)
        with redis.Redis(HOST, upstream.ports[0]) as client:
            until("it waits", lambda: client.info("clients")["blocked_clients"])
        upstream.stop()
        for stream in streams:
            assert status(next, stream)[0] == grpc.StatusCode.UNAVAILABLE
        assert status(waiting.result)[0] == grpc.StatusCode.UNAVAILABLE
        assert status(data.Get, GetRequest(key=b"a"))[0] == grpc.StatusCode.UNAVAILABLE
        with redis_server(upstream.ports[0]):
            assert data.Set(SetRequest(key=b"a", value=b"1")).stored


def test_a_redis_server_may_become_a_dozo():
    with (
        redis_server() as upstream,
        Gateway.start(upstream.ports[0]) as gateway,
        gateway.channel() as channel,
    ):
        data = DataStub(channel)
        assert data.Set(SetRequest(key=b"a", value=b"1")).version == ""
        upstream.stop()
        assert status(data.Get, GetRequest(key=b"a"))[0] == grpc.StatusCode.UNAVAILABLE
        with Node([*upstream.ports, *free_ports(1)], (), {}) as node:
            assert node.wait_until_ready()
            assert data.Set(SetRequest(key=b"a", value=b"1", flags=5)).version != ""


def test_the_password_of_the_upstream_is_for_those_who_know_the_gateways():
    with redis_server(None, "--requirepass", "inner") as upstream:
        url = f"redis://:inner@{HOST}:{upstream.ports[0]}"
        with Gateway.start(url, "--requirepass", "outer") as gateway, gateway.channel() as channel:
            data = DataStub(channel)
            request = GetRequest(key=b"a")
            assert status(data.Get, request)[0] == grpc.StatusCode.UNAUTHENTICATED
            for wrong in ("inner", "no"):
                metadata = (("authorization", f"Bearer {wrong}"),)
                assert status(data.Get, request, metadata=metadata)[0] == grpc.StatusCode.UNAUTHENTICATED
            assert data.Get(request, metadata=(("authorization", "Bearer outer"),))
