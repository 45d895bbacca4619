"""Who may call, and the limits on what one may ask."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import islice

import grpc
import pytest
import redis
from tests.waiting import until

from dozo.grpc.katsubushi.katsubushi_pb2 import FetchRequest
from dozo.grpc.katsubushi.katsubushi_pb2_grpc import GeneratorStub
from dozo.grpc.v1.data_pb2 import (
    BatchRequest,
    CommandRequest,
    GetRequest,
    Operation,
    SetRequest,
    SubscribeRequest,
    WatchRequest,
)
from dozo.grpc.v1.data_pb2_grpc import DataStub
from dozo.testing import HOST

from .calls import command, plain, status

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


def bearer(password: str) -> tuple[tuple[str, str]]:
    return (("authorization", f"Bearer {password}"),)


def test_every_service_asks_for_the_password(start_node):
    node = start_node("--requirepass", "open sesame")
    with node.channel() as channel:
        data, ids = DataStub(channel), GeneratorStub(channel)
        calls = [
            lambda **who: data.Get(GetRequest(key=b"k"), **who),
            lambda **who: data.Batch(BatchRequest(operations=[Operation(get=GetRequest())]), **who),
            lambda **who: data.Command(CommandRequest(args=[b"PING"]), **who),
            lambda **who: next(data.Watch(WatchRequest(keys=[b"k"]), **who)),
            lambda **who: next(data.Subscribe(SubscribeRequest(channels=[b"c"]), **who)),
            lambda **who: ids.Fetch(FetchRequest(), **who),
        ]
        wrong = {
            (): "NOAUTH Authentication required.",
            bearer("wrong"): "WRONGPASS invalid username-password pair or user is disabled.",
            (("authorization", "open sesame"),): "authorization is not of the form: Bearer PASSWORD",
            (("authorization", "Bearer "),): "authorization is not of the form: Bearer PASSWORD",
        }
        for call in calls:
            for metadata, text in wrong.items():
                assert status(call, metadata=metadata) == (UNAUTHENTICATED, text)
        for metadata in (bearer("open sesame"), (("authorization", "bearer open sesame"),)):
            assert data.Set(SetRequest(key=b"k", value=b"v"), metadata=metadata).stored
        assert not data.Set(SetRequest(key=b"k", if_absent=True), metadata=bearer("open sesame")).stored
        assert status(data.Get, GetRequest(key=b"k"))[0] == UNAUTHENTICATED


def test_a_changed_password_counts_from_the_next_call(start_node):
    node = start_node("--requirepass", "old")
    with node.channel() as channel, redis.Redis(HOST, node.port, password="old") as client:
        data = DataStub(channel)
        request = CommandRequest(args=[b"PING"])
        assert data.Command(request, metadata=bearer("old"))
        client.config_set("requirepass", "new")
        # Doors hear of the change by a message to their thread, which may still be on its way.
        refused = until(
            "a call is refused", lambda: data.Command.future(request, metadata=bearer("old")).exception()
        )
        assert refused.code() == UNAUTHENTICATED
        assert data.Command(request, metadata=bearer("new"))


def test_a_message_may_be_as_large_as_the_setting_says(start_node):
    node = start_node("--grpc-max-message-size", "1mb")
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"{HOST}:{node.grpc_port}", options) as channel:
        data = DataStub(channel)
        largest = b"x" * (1 << 20)
        assert data.Set(SetRequest(key=b"k", value=largest)).stored
        assert data.Get(GetRequest(key=b"k")).item.value == largest
        too_large = SetRequest(key=b"k", value=b"x" * (2 << 20))
        assert status(data.Set, too_large)[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
        command(data, b"APPEND", b"k", b"x")
        code, text = status(data.Get, GetRequest(key=b"k"))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert text == "the value has 1048577 bytes, too many for a message"
        (result,) = data.Batch(BatchRequest(operations=[Operation(get=GetRequest(key=b"k"))])).results
        assert result.error.message == text
        assert plain(command(data, b"GETRANGE", b"k", b"-2", b"-1")) == b"xx"


def test_a_reply_may_be_as_large_as_the_setting_says(start_node):
    node = start_node("--grpc-max-message-size", "1mb")
    with node.channel() as channel:
        data = DataStub(channel)
        long = b"local all = {} for i = 1, ARGV[1] do all[i] = i end return all"
        numbers = plain(command(data, b"EVAL", long, b"0", b"100000"))
        assert numbers == list(range(1, 100_001))
        batch = BatchRequest(
            operations=[Operation(command=CommandRequest(args=[b"EVAL", long, b"0", b"30000"]))] * 2
        )
        for result in data.Batch(batch).results:
            assert plain(result.command.reply) == numbers[:30_000]
        too_long = CommandRequest(args=[b"EVAL", long, b"0", b"200000"])
        assert status(data.Command, too_long)[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert plain(command(data, b"PING")) == b"PONG"


def test_streams_have_a_limit_and_leave_calls_alone(start_node):
    node = start_node("--grpc-max-streams", "2")
    with node.channel() as channel:
        data = DataStub(channel)
        streams = [data.Subscribe(SubscribeRequest(channels=[b"c"])) for _ in range(2)]
        for stream in streams:
            stream.initial_metadata()
        refused = status(next, data.Watch(WatchRequest(keys=[b"k"])))
        assert refused == (grpc.StatusCode.RESOURCE_EXHAUSTED, "2 streams are open (grpc-max-streams)")
        assert plain(command(data, b"PUBLISH", b"c", b"m")) == 2
        for stream in streams:
            assert [each.payload for each in islice(stream, 1)] == [b"m"]
            stream.cancel()


def test_calls_have_a_limit(start_node):
    node = start_node("--grpc-max-calls", "3")
    with node.channel() as channel, redis.Redis(HOST, node.port) as client:
        data = DataStub(channel)
        waiting = [data.Command.future(CommandRequest(args=[b"BLPOP", b"q", b"0"])) for _ in range(3)]
        until("all wait", lambda: client.info("clients")["blocked_clients"] == 3)
        assert status(data.Get, GetRequest(key=b"k"))[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
        client.rpush("q", *"123")
        assert {plain(call.result().reply)[1] for call in waiting} == {b"1", b"2", b"3"}


def test_connections_have_a_limit(start_node):
    node = start_node("--grpc-max-clients", "10")
    ping = CommandRequest(args=[b"PING"])
    # A channel shares its connection with others to the same place, unless it is told not to.
    own_connection = [("grpc.use_local_subchannel_pool", 1)]
    with ExitStack() as stack:
        channels = [
            stack.enter_context(grpc.insecure_channel(f"{HOST}:{node.grpc_port}", own_connection))
            for _ in range(11)
        ]
        for channel in channels[:10]:
            assert DataStub(channel).Command(ping)
        assert status(DataStub(channels[10]).Command, ping)[0] == grpc.StatusCode.UNAVAILABLE
        channels[0].close()
        assert DataStub(channels[10]).Command(ping, wait_for_ready=True, timeout=60)


def test_memory_that_is_full_is_a_status(start_node):
    node = start_node("--maxmemory", "1")
    with node.channel() as channel:
        code, text = status(DataStub(channel).Set, SetRequest(key=b"k", value=b"v"))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert text.startswith("OOM command not allowed")


@pytest.mark.parametrize("bind", ["0.0.0.0", "127.0.0.1"])
def test_the_addresses_of_bind(start_node, bind):
    node = start_node("--bind", bind, "--bind=-192.0.2.1", "--protected-mode", "no")
    with node.channel() as channel:
        assert plain(command(DataStub(channel), b"PING")) == b"PONG"
    assert f":{node.grpc_port}" in node.log()
