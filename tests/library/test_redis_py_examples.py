"""What redis-py's own documentation shows, on `store.redis()` and `store.aredis()`: no server, no socket.

A section a chapter there: set and get, pipelines, transactions, streams, Lua, pub/sub, locks, asyncio. Each runs with
replies in RESP2 and in RESP3, and on redis-server as well, so that what is expected is not dozo's own invention.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest
import redis
import redis.asyncio


@pytest.fixture(
    params=[(place, protocol) for place in ("store", "redis-server") for protocol in (2, 3)], ids=str
)
def clients(request):
    """Return a function that makes clients, another that makes asynchronous ones, and whether RESP3 is spoken."""
    import dozo

    place, protocol = request.param
    if place == "store":
        with dozo.open() as store:
            yield (
                lambda **options: store.redis(protocol=protocol, **options),
                lambda **options: store.aredis(protocol=protocol, **options),
            )
    else:
        port = request.getfixturevalue("redis_server").port
        yield (
            lambda **options: redis.Redis(port=port, protocol=protocol, **options),
            lambda **options: redis.asyncio.Redis(port=port, protocol=protocol, **options),
        )


@pytest.fixture
def r(clients):
    """Return a client whose replies are str."""
    with clients[0](decode_responses=True) as client:
        yield client


def test_connection(clients):
    connect, _ = clients
    with connect() as client:
        assert client.ping() is True
        assert client.set("foo", "bar") is True
        assert client.get("foo") == b"bar"
    with connect(decode_responses=True) as client:
        assert client.get("foo") == "bar"
        assert client.echo("hello") == "hello"


def test_set_and_get(r):
    assert r.set("full_name", "john doe") is True
    assert r.exists("full_name") == 1
    assert r.get("full_name") == "john doe"
    assert r.set("full_name", "overridee!") is True
    assert r.set("important_key", "important_value", ex=100) is True
    assert r.ttl("important_key") == 100
    values = {"dict_key_1": "1", "dict_key_2": "2"}
    assert r.mset(values) is True
    assert r.mget("dict_key_1", "dict_key_2", "missing") == ["1", "2", None]
    assert r.set("n", 1, nx=True, ex=10) is True
    assert r.set("n", 2, nx=True) is None
    assert r.incrby("n", 41) == 42
    assert r.incrbyfloat("n", 0.5) == 42.5
    assert sorted(r.scan_iter("dict_*")) == sorted(values)
    assert r.delete("dict_key_1", "dict_key_2", "missing") == 2
    assert r.dbsize() == 3
    with pytest.raises(redis.ResponseError, match="not an integer"):
        r.incr("full_name")


def test_data_types(r):
    assert r.hset("user-session:123", mapping={"name": "John", "age": 29}) == 2
    assert r.hgetall("user-session:123") == {"name": "John", "age": "29"}
    assert r.rpush("tasks", "a", "b", "c") == 3
    assert r.lrange("tasks", 0, -1) == ["a", "b", "c"]
    assert r.sadd("tags", "x", "y") == 2
    assert r.smembers("tags") == {"x", "y"}
    assert r.zadd("board", {"ann": 10, "bob": 20.5}) == 2
    assert [tuple(pair) for pair in r.zrange("board", 0, -1, withscores=True)] == [
        ("ann", 10.0),
        ("bob", 20.5),
    ]
    assert r.zincrby("board", 5, "ann") == 15.0
    assert r.geoadd("places", (13.361389, 38.115556, "Palermo")) == 1
    assert r.setbit("bits", 7, 1) == 0
    assert r.bitcount("bits") == 1
    assert r.pfadd("seen", "a", "b") == 1
    assert r.pfcount("seen") == 2
    assert r.type("board") == "zset"


def test_pipelines(r):
    with r.pipeline() as pipe:
        pipe.set("a", "a value").set("b", "b value").get("a")
        assert pipe.execute() == [True, True, "a value"]
    pipe = r.pipeline(transaction=False)
    for number in range(1000):
        pipe.incrby("total", number)
    assert pipe.execute()[-1] == 499500
    pipe.set("text", "x").incr("text").get("text")
    with pytest.raises(redis.ResponseError, match="Command # 2"):
        pipe.execute()
    pipe.set("text", "x").incr("text").get("text")
    replies = pipe.execute(raise_on_error=False)
    assert (replies[0], replies[2]) == (True, "x")
    assert isinstance(replies[1], redis.ResponseError)


def test_optimistic_locking(r):
    r.set("OUR-SEQUENCE-KEY", 5)
    with r.pipeline() as pipe:
        pipe.watch("OUR-SEQUENCE-KEY")
        current = int(pipe.get("OUR-SEQUENCE-KEY"))
        pipe.multi()
        pipe.set("OUR-SEQUENCE-KEY", current + 1)
        assert pipe.execute() == [True]
        pipe.watch("OUR-SEQUENCE-KEY")
        r.set("OUR-SEQUENCE-KEY", 100)
        pipe.multi()
        pipe.set("OUR-SEQUENCE-KEY", 7)
        with pytest.raises(redis.WatchError):
            pipe.execute()

    def double(pipe):
        current = int(pipe.get("OUR-SEQUENCE-KEY"))
        pipe.multi()
        pipe.set("OUR-SEQUENCE-KEY", current * 2)

    assert r.transaction(double, "OUR-SEQUENCE-KEY") == [True]
    assert r.get("OUR-SEQUENCE-KEY") == "200"


def test_streams(r):
    for number in range(10):
        assert r.xadd("stream", {"ts": number, "v": "x"}, id=f"{number + 1}-0") == f"{number + 1}-0"
    assert r.xlen("stream") == 10
    [[name, messages]] = _streams(r.xread(count=2, streams={"stream": 0}))
    assert name == "stream"
    assert messages == [("1-0", {"ts": "0", "v": "x"}), ("2-0", {"ts": "1", "v": "x"})]
    assert r.xgroup_create(name="stream", groupname="g", id=0) is True
    [[_, messages]] = _streams(r.xreadgroup("g", "c", {"stream": ">"}, count=3, block=10))
    assert [message for message, _ in messages] == ["1-0", "2-0", "3-0"]
    assert r.xack("stream", "g", "1-0", "2-0") == 2
    assert r.xpending("stream", "g")["pending"] == 1
    assert r.xinfo_stream("stream")["length"] == 10
    assert [message for message, _ in r.xrange("stream", "9-0", "+")] == ["9-0", "10-0"]
    assert not r.xread(streams={"stream": "$"}, block=5)


def _streams(reply):
    """Return what XREAD answers, alike in both protocols: RESP3's map has one list more around the messages."""
    if isinstance(reply, dict):
        reply = [(name, messages[0]) for name, messages in reply.items()]
    return [[name, [tuple(message) for message in messages]] for name, messages in reply]


def test_lua(r):
    r.set("foo", 2)
    multiply = r.register_script("""
        local value = redis.call('GET', KEYS[1])
        value = tonumber(value)
        return value * ARGV[1]
    """)
    assert multiply(keys=["foo"], args=[5]) == 10
    with r.pipeline() as pipe:
        pipe.set("foo", 5)
        multiply(keys=["foo"], args=[5], client=pipe)
        assert pipe.execute() == [True, 25]
    assert r.script_exists(multiply.sha) == [True]
    with pytest.raises(redis.ResponseError, match="nope"):
        r.eval("return redis.error_reply('ERR nope')", 0)


def test_pubsub(r):
    with r.pubsub() as p:
        p.subscribe("my-first-channel", "my-second-channel")
        p.psubscribe("my-*")
        kinds = [p.get_message(timeout=5)["type"] for _ in range(3)]
        assert kinds == ["subscribe", "subscribe", "psubscribe"]
        assert p.get_message() is None
        assert r.publish("my-first-channel", "some data") == 2
        found = [p.get_message(timeout=5) for _ in range(2)]
        assert [(each["type"], each["channel"], each["data"]) for each in found] == [
            ("message", "my-first-channel", "some data"),
            ("pmessage", "my-first-channel", "some data"),
        ]
        p.unsubscribe()
        p.punsubscribe()
        assert [p.get_message(timeout=5)["type"] for _ in range(3)] == [
            "unsubscribe",
            "unsubscribe",
            "punsubscribe",
        ]
        assert r.publish("my-first-channel", "nobody") == 0


def test_pubsub_handlers_in_a_thread(r):
    heard = []
    done = threading.Event()

    def handle(message):
        heard.append(message["data"])
        if len(heard) == 3:
            done.set()

    p = r.pubsub(ignore_subscribe_messages=True)
    p.subscribe(**{"my-channel": handle})
    thread = p.run_in_thread(sleep_time=0.01)
    for word in ("one", "two", "three"):
        r.publish("my-channel", word)
    assert done.wait(10)
    thread.stop()
    thread.join(10)
    assert heard == ["one", "two", "three"]


def test_keyspace_notifications(r):
    r.config_set("notify-keyspace-events", "KEA")
    try:
        with r.pubsub(ignore_subscribe_messages=True) as p:
            p.psubscribe("__keyevent@0__:*")
            assert p.get_message(timeout=5) is None
            r.set("k", 1)
            r.delete("k")
            events = [p.get_message(timeout=5)["channel"] for _ in range(2)]
        assert events == ["__keyevent@0__:set", "__keyevent@0__:del"]
    finally:
        r.config_set("notify-keyspace-events", "")


def test_locks(r):
    with r.lock("my-lock", timeout=60) as lock:
        assert lock.locked()
        assert lock.owned()
        assert lock.extend(60) is True
        other = r.lock("my-lock", timeout=60, blocking=False)
        assert other.acquire() is False
    with r.lock("my-lock", timeout=60, blocking_timeout=5):
        pass
    with pytest.raises(redis.exceptions.LockError):
        other.release()


def test_blocking_calls(clients):
    connect, _ = clients
    with connect() as waiting, connect() as giving:
        assert waiting.blpop("queue", timeout=0.02) is None
        taken = []
        thread = threading.Thread(target=lambda: taken.append(waiting.blpop(["a", "b"], timeout=30)))
        thread.start()
        giving.rpush("b", "x")
        thread.join(30)
        assert [tuple(pair) for pair in taken] == [(b"b", b"x")]
        giving.rpush("from", "y")
        assert waiting.blmove("from", "to", timeout=30) == b"y"
        assert waiting.bzpopmin("zset", timeout=0.02) is None


def test_databases(clients):
    connect, _ = clients
    with connect(db=0) as zero, connect(db=1) as one:
        zero.set("k", 0)
        assert one.get("k") is None
        assert zero.move("k", 1)
        assert one.get("k") == b"0"
        one.flushdb()


def test_asyncio(clients):
    _, connect = clients

    async def job():
        async with connect(decode_responses=True) as client:
            assert await client.ping() is True
            async with client.pipeline(transaction=True) as pipe:
                assert await pipe.set("key1", "value").set("key2", "value").execute() == [True, True]
            assert [key async for key in client.scan_iter("key1")] == ["key1"]
            await asyncio.gather(*(client.incr("n") for _ in range(50)))
            assert await client.get("n") == "50"

    asyncio.run(job())


def test_asyncio_pubsub(clients):
    _, connect = clients

    async def reader(channel):
        heard = []
        async for message in channel.listen():
            if message["type"] != "message":
                continue
            if message["data"] == "STOP":
                return heard
            heard.append(message["data"])
        return heard

    async def job():
        async with connect(decode_responses=True) as client, client.pubsub() as pubsub:
            await pubsub.subscribe("channel:1", "channel:2")
            future = asyncio.create_task(reader(pubsub))
            while await client.pubsub_numsub("channel:2") != [("channel:2", 1)]:
                await asyncio.sleep(0)
            await client.publish("channel:1", "Hello")
            await client.publish("channel:2", "World")
            await client.publish("channel:1", "STOP")
            return await asyncio.wait_for(future, 30)

    assert asyncio.run(job()) == ["Hello", "World"]


def test_asyncio_blocking_calls_let_others_go_on(clients):
    _, connect = clients

    async def job():
        async with connect() as client:
            waiting = asyncio.create_task(client.blpop(["queue"], timeout=30))
            assert await client.blpop(["nothing"], timeout=0.02) is None
            await client.rpush("queue", "x")
            assert tuple(await asyncio.wait_for(waiting, 30)) == (b"queue", b"x")
            cancelled = asyncio.create_task(client.blpop(["queue"], timeout=30))
            with contextlib.suppress(asyncio.TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(cancelled, 0.02)
            await client.rpush("queue", "y")
            assert await client.lpop("queue") == b"y"

    asyncio.run(job())
