"""`Watch` and `Subscribe`: what is told from which moment on, and how a stream ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import grpc
import pytest
import redis
from tests.waiting import until

from dozo.grpc.v1.data_pb2 import (
    GetRequest,
    SetRequest,
    SubscribeRequest,
    WatchEvent,
    WatchRequest,
)
from dozo.grpc.v1.data_pb2_grpc import DataStub
from dozo.testing import HOST

from .calls import status


@contextmanager
def opened(call: grpc.Call) -> Iterator[Iterator]:
    """A stream that is in place: what happens from now on is told."""
    call.initial_metadata()
    try:
        yield call
    finally:
        call.cancel()


def watching(data: DataStub, **request):
    return opened(data.Watch(WatchRequest(**request), timeout=60))


def value(event: WatchEvent):
    """The key and the value that an event tells, None for a key that is gone."""
    item = event.change.item if event.change.HasField("item") else None
    return event.change.key, item and item.value


def test_keys_are_told_as_they_change(data, client):
    with watching(data, keys=[b"a", b"b"]) as events:
        client.set("other", "x")
        client.set("a", "1")
        assert value(next(events)) == (b"a", b"1")
        client.append("a", "2")
        assert value(next(events)) == (b"a", b"12")
        client.delete("a")
        assert value(next(events)) == (b"a", None)
        data.Set(SetRequest(key=b"b", value=b"v", flags=5, ttl_ms=60_000))
        item = next(events).change.item
        assert item == data.Get(GetRequest(key=b"b")).item
        assert (item.value, item.flags, item.HasField("expires_at_ms")) == (b"v", 5, True)


def test_initial_states_come_first(data, client):
    client.set("a", "1")
    with watching(data, keys=[b"a", b"missing"], initial=True) as events:
        assert {value(event) for event in islice(events, 2)} == {(b"a", b"1"), (b"missing", None)}
        client.set("a", "2")
        assert value(next(events)) == (b"a", b"2")


def test_prefixes_are_told_with_all_their_keys(data, client):
    with watching(data, prefixes=[b"user:", b"job:"]) as events:
        client.mset({"user": "no", "user:1": "a", "users": "no", "job:1": "b"})
        assert {value(event) for event in islice(events, 2)} == {(b"user:1", b"a"), (b"job:1", b"b")}
        client.rename("user:1", "user:2")
        assert {value(event) for event in islice(events, 2)} == {(b"user:1", None), (b"user:2", b"a")}
        client.flushall()
        assert next(events).WhichOneof("event") == "flush"
        client.set("user:3", "c")
        assert value(next(events)) == (b"user:3", b"c")


def test_the_empty_prefix_is_every_key(data, client):
    with watching(data, prefixes=[b""]) as events:
        client.set("anything", "1")
        assert value(next(events)) == (b"anything", b"1")


def test_named_keys_hear_that_the_server_was_emptied(data, client):
    client.set("a", "1")
    with watching(data, keys=[b"a"]) as events:
        client.flushall()
        assert value(next(events)) == (b"a", None)
        client.set("a", "2")
        assert value(next(events)) == (b"a", b"2")


def test_an_expired_key_is_gone(data, client):
    with watching(data, keys=[b"a"]) as events:
        client.set("a", "1", px=1)
        while value(event := next(events))[1] is not None:
            assert event.change.item.HasField("expires_at_ms")


def test_without_values(data, client):
    with watching(data, keys=[b"a"], without_values=True) as events:
        client.set("a", "12345")
        item = next(events).change.item
        assert not item.HasField("value")
        assert item.size == 5
        assert item.version == data.Get(GetRequest(key=b"a")).item.version
        client.delete("a")
        assert not next(events).change.HasField("item")


def test_a_key_of_another_type_has_an_item_without_a_value(data, client):
    with watching(data, prefixes=[b"h"]) as events:
        client.hset("h", "f", "v")
        change = next(events).change
        assert change.HasField("item")
        assert not change.item.HasField("value")


def test_a_value_that_is_too_large_for_a_message_comes_without(start_node):
    node = start_node("--grpc-max-message-size", "64kb")
    with (
        node.channel() as channel,
        redis.Redis(HOST, node.port) as client,
        watching(DataStub(channel), keys=[b"a"]) as events,
    ):
        client.set("a", b"x" * 65_537)
        item = next(events).change.item
        assert not item.HasField("value")
        assert item.size == 65_537
        client.set("a", b"x" * 65_536)
        assert next(events).change.item.value == b"x" * 65_536


def test_databases_have_watches_of_their_own(data, node):
    with redis.Redis(HOST, node.port, db=2) as client, watching(data, db=2, keys=[b"a"]) as events:
        client.set("a", "two")
        assert value(next(events)) == (b"a", b"two")


def test_a_watcher_that_does_not_read_hears_the_last_state(data, client):
    with watching(data, keys=[b"n"]) as events:
        for number in range(5_000):
            client.set("n", f"{number}".zfill(1_000))
        last = b"4999".zfill(1_000)
        seen = next(value for _, value in map(value, events) if value == last)
        assert seen == last


def test_a_watcher_that_does_not_read_at_all_is_given_up(start_node):
    node = start_node()
    options = [("grpc.max_receive_message_length", -1)]
    with (
        grpc.insecure_channel(f"{HOST}:{node.grpc_port}", options) as channel,
        redis.Redis(HOST, node.port) as client,
        watching(DataStub(channel), prefixes=[b""]) as events,
    ):
        for number in range(16):
            client.set(f"large:{number}", bytes(4 << 20))
        client.mset({f"small:{number}": b"" for number in range(100_001)})
        code, text = status(deque, events)
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert text == "more than 100000 keys changed while the watcher was busy"


def test_a_subscriber_that_does_not_read_is_given_up(start_node):
    node = start_node("--client-output-buffer-limit", "pubsub 1mb 0 0")
    with node.channel() as channel, redis.Redis(HOST, node.port) as client:
        call = DataStub(channel).Subscribe(SubscribeRequest(channels=[b"c"]), timeout=60)
        with opened(call) as messages:
            while client.publish("c", bytes(1 << 20)):
                pass
            assert status(deque, messages)[0] == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (WatchRequest(), "a stream is about 1 to 1000 names, not 0"),
        (WatchRequest(keys=[b"a"] * 1001), "a stream is about 1 to 1000 names, not 1001"),
        (WatchRequest(keys=[b"a"], prefixes=[b"b"]), "watch keys or prefixes, not both"),
        (WatchRequest(keys=[b"a"], db=99), "ERR DB index is out of range"),
        (WatchRequest(prefixes=[b"a", b"ab"]), "ERR Prefix"),
    ],
)
def test_watches_that_make_no_sense(data, request_, text):
    code, details = status(next, data.Watch(request_))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert details.startswith(text)


def test_messages_come_in_order(data, client):
    request = SubscribeRequest(channels=[b"news"], patterns=[b"n*s", b"other\xff*"])
    with opened(data.Subscribe(request, timeout=60)) as messages:
        for number in range(100):
            client.publish("news", number)
        client.publish("nobody", "listens")
        client.publish(b"other\xff1", b"\x00\xff")
        heard = [(each.channel, each.pattern, each.payload) for each in islice(messages, 201)]
    assert [payload for _, pattern, payload in heard if pattern == b""] == [b"%d" % n for n in range(100)]
    assert [payload for _, pattern, payload in heard if pattern == b"n*s"] == [b"%d" % n for n in range(100)]
    assert heard[-1] == (b"other\xff1", b"other\xff*", b"\x00\xff")


@pytest.mark.parametrize("request_", [SubscribeRequest(), SubscribeRequest(channels=[b"c"] * 1001)])
def test_subscriptions_have_a_limit(data, request_):
    assert status(next, data.Subscribe(request_))[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_a_cancelled_stream_gives_its_connection_back(data, client):
    def doors() -> int:
        return sum(each["name"] == "dozo-grpc" for each in client.client_list(_type="pubsub"))

    assert doors() == 0
    with opened(data.Subscribe(SubscribeRequest(channels=[b"c"]), timeout=60)):
        assert doors() == 1
    until("the connection is back", lambda: not doors())
