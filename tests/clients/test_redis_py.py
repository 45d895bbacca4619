"""redis-py beyond single commands: pipelines, optimistic transactions, pub/sub, scripts, streams, asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
import redis
import redis.asyncio


@pytest.fixture(params=[2, 3])
def connection(redis_port: int, request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """Return a client of an empty server, in both protocols."""
    with redis.Redis("127.0.0.1", redis_port, protocol=request.param, decode_responses=True) as connected:
        yield connected


def test_pipeline(connection: redis.Redis) -> None:
    with connection.pipeline(transaction=True) as pipe:
        pipe.set("a", 1).incr("a").lpush("a", "x").rpush("l", "1", "2").lrange("l", 0, -1)
        ok, two, wrong, length, items = pipe.execute(raise_on_error=False)
    assert (ok, two, length, items) == (True, 2, 2, ["1", "2"])
    assert isinstance(wrong, redis.ResponseError)
    assert str(wrong).endswith("Operation against a key holding the wrong kind of value")


def test_transaction_retries_when_watched_keys_change(connection: redis.Redis) -> None:
    connection.set("balance", 0)

    def add(pipe: redis.client.Pipeline) -> None:
        current = int(pipe.get("balance"))
        pipe.multi()
        pipe.set("balance", current + 1)

    threads = [
        threading.Thread(target=lambda: [connection.transaction(add, "balance") for _ in range(25)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert connection.get("balance") == "100"


def test_pubsub(connection: redis.Redis) -> None:
    with connection.pubsub() as pubsub:
        pubsub.subscribe("news")
        pubsub.psubscribe("n*")
        kinds = [pubsub.get_message(timeout=5)["type"] for _ in range(2)]
        assert kinds == ["subscribe", "psubscribe"]
        assert connection.publish("news", "hello") == 2
        found = [pubsub.get_message(timeout=5) for _ in range(2)]
        assert [(message["type"], message["data"]) for message in found] == [
            ("message", "hello"),
            ("pmessage", "hello"),
        ]
        pubsub.unsubscribe()
        pubsub.punsubscribe()
        assert pubsub.get_message(timeout=5)["type"] == "unsubscribe"


def test_script(connection: redis.Redis) -> None:
    script = connection.register_script(
        "local n = redis.call('INCRBY', KEYS[1], ARGV[1]); return {n, 'x', false, redis.status_reply('S')}"
    )
    assert script(keys=["n"], args=[5]) == [5, "x", None, "S"]
    connection.script_flush()
    assert script(keys=["n"], args=[1])[0] == 6


def test_stream(connection: redis.Redis) -> None:
    connection.xgroup_create("s", "g", mkstream=True)
    ids = [connection.xadd("s", {"n": n}) for n in range(5)]
    found = connection.xreadgroup("g", "me", {"s": ">"}, count=3)
    entries = (found["s"][0] if isinstance(found, dict) else found[0][1])[:3]
    assert [entry[0] for entry in entries] == ids[:3]
    assert connection.xack("s", "g", *ids[:2]) == 2
    assert connection.xpending("s", "g")["pending"] == 1


async def _consume(port: int) -> list[str]:
    async with redis.asyncio.Redis(host="127.0.0.1", port=port, decode_responses=True) as client:
        waiting = asyncio.create_task(client.blpop(["jobs"], timeout=30))
        async with redis.asyncio.Redis(host="127.0.0.1", port=port) as producer:
            await producer.rpush("jobs", "one", "two")
        first = await waiting
        async with client.pipeline(transaction=True) as pipe:
            rest = await pipe.lrange("jobs", 0, -1).delete("jobs").execute()
        return [first[1], *rest[0]]


def test_asyncio(redis_port: int) -> None:
    assert asyncio.run(_consume(redis_port)) == ["one", "two"]
