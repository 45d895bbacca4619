"""`GET /events`: pub/sub as server-sent events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from tests.waiting import until


@contextmanager
def listening(http, **names) -> Iterator[Iterator[dict]]:
    """Subscribe; what comes, event by event, once the subscription stands."""
    with http.stream("GET", "/events", params=names) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        lines = response.iter_lines()
        assert next(lines) == ": subscribed"
        yield (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))


def test_what_is_published_comes_in_order(http, client):
    with listening(http, pattern="news.*", channel=["alerts", "other"]) as events:
        client.publish("news.sport", "one")
        client.publish("elsewhere", "never")
        client.publish("alerts", "two")
        client.publish("news.art", b"\xff\x00")
        assert next(events) == {"channel": "news.sport", "data": "one", "pattern": "news.*"}
        assert next(events) == {"channel": "alerts", "data": "two"}
        assert next(events) == {"channel": "news.art", "data": {"base64": "/wA="}, "pattern": "news.*"}


def test_everything_is_heard_when_nothing_is_named(http, client):
    with listening(http) as events:
        client.publish("a\nb", 'line\ndata: "x"\n\n')
        assert next(events) == {"channel": "a\nb", "data": 'line\ndata: "x"\n\n', "pattern": "*"}


def test_many_events_come_whole(http, client):
    with listening(http, channel="c") as events:
        with client.pipeline(transaction=False) as pipeline:
            for number in range(5000):
                pipeline.publish("c", number)
            pipeline.execute()
        assert [next(events)["data"] for _ in range(5000)] == [str(number) for number in range(5000)]


def test_who_goes_away_is_no_subscriber_any_more(http, client):
    with listening(http, channel="c"):
        assert client.publish("c", "x") == 1
    until("nobody listens", lambda: not client.publish("c", "x"))


def test_streams_have_a_limit(start_node):
    node = start_node("--http-max-streams", "2")
    with httpx.Client(base_url=node.url, timeout=30) as http, node.redis() as client:
        with listening(http, channel="c"), listening(http, channel="c"):
            answer = http.get("/events?channel=c")
            assert answer.status_code == 503
            assert client.publish("c", "x") == 2
            assert http.get("/kv/0/none").status_code == 404
        until("nobody listens", lambda: not client.publish("c", "x"))
        with listening(http, channel="c"):
            assert client.publish("c", "x") == 1


def test_a_stream_ends_with_its_upstream(start_node, start_gateway):
    node = start_node()
    gateway = start_gateway(f"redis://127.0.0.1:{node.port}")
    with (
        httpx.Client(base_url=gateway.url, timeout=30) as http,
        http.stream("GET", "/events", params={"channel": "c"}) as response,
    ):
        parts = response.iter_raw()
        assert next(parts) == b": subscribed\n\n"
        node.stop()
        assert b"".join(parts) == b""


@pytest.mark.parametrize("query", ["x=1", "&".join(["channel=c"] * 17), "pattern=" + "x" * 129])
def test_what_can_not_be_subscribed(http, query):
    assert http.get(f"/events?{query}").status_code == 400
