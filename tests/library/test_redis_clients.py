"""redis-py over a store, synchronous and asynchronous: pipelines, transactions, messages, scripts, waiting."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest
import redis

import dozo


@pytest.fixture(params=[2, 3])
def client(store, request):
    with store.redis(decode_responses=True, protocol=request.param) as connected:
        yield connected


def test_commands(client, store):
    assert client.ping()
    assert client.set("a", "ä", ex=100)
    assert client.get("a") == "ä"
    assert client.hset("h", mapping={"x": 1, "y": 2}) == 2
    assert client.hgetall("h") == {"x": "1", "y": "2"}
    assert client.mset({str(number): "x" * number for number in range(1000)})
    assert client.mget(map(str, range(1000))) == ["x" * number for number in range(1000)]
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        client.lpush("a", 1)
    assert client.info()["connected_clients"] == 1
    assert client.client_list()[0]["addr"].startswith("store-")


def test_large_values(client):
    client.set("large", "y" * 5_000_000)
    assert client.get("large") == "y" * 5_000_000
    assert client.strlen("large") == 5_000_000


def test_pipelines_and_transactions(client, store):
    with client.pipeline(transaction=False) as pipe:
        for number in range(2000):
            pipe.set(f"k{number}", number)
        assert pipe.execute() == [True] * 2000
    with client.pipeline() as pipe:
        pipe.incr("n").incr("n").get("n")
        assert pipe.execute() == [1, 2, "2"]

    def add(pipe):
        current = int(pipe.get("n"))
        pipe.multi()
        pipe.set("n", current + 1)

    assert client.transaction(add, "n") == [True]
    assert store.execute("GET", "n") == b"3"
    with client.pipeline() as pipe:
        pipe.watch("n")
        store["n"] = 10
        pipe.multi()
        pipe.get("n")
        with pytest.raises(redis.WatchError):
            pipe.execute()


def test_scripts(client):
    script = client.register_script("redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])")
    assert script(keys=["a"], args=["b"]) == "b"
    assert client.eval("return {1, 'two', {3}}", 0) == [1, "two", [3]]


def test_messages(client, store):
    with client.pubsub() as listener:
        listener.subscribe("news")
        assert listener.get_message(timeout=1)["type"] == "subscribe"
        assert listener.get_message(timeout=0) is None
        assert client.publish("news", "one") == 1
        store.execute("PUBLISH", "news", "two")
        assert [listener.get_message(timeout=1)["data"] for _ in range(2)] == ["one", "two"]
        threading.Timer(0.02, store.execute, ["PUBLISH", "news", "three"]).start()
        assert listener.get_message(timeout=30)["data"] == "three"


def test_a_listening_thread(client):
    heard, done = [], threading.Event()

    def hear(message):
        heard.append(message["data"])
        if message["data"] == "last":
            done.set()

    listener = client.pubsub()
    listener.subscribe(news=hear)
    thread = listener.run_in_thread(sleep_time=0.1)
    for number in range(100):
        client.publish("news", str(number))
    client.publish("news", "last")
    assert done.wait(30)
    thread.stop()
    thread.join()
    assert heard == [*map(str, range(100)), "last"]


def test_waiting_for_a_list(client, store):
    assert client.blpop("queue", timeout=0.01) is None
    threading.Timer(0.02, store.execute, ["RPUSH", "queue", "a", "b"]).start()
    assert list(client.blpop("queue", timeout=30)) == ["queue", "a"]
    assert list(client.blpop("queue", timeout=30)) == ["queue", "b"]


def test_those_who_wait_are_served_in_their_order(store):
    """A job goes to one worker, and every worker gets one."""
    taken = []
    is_ready = threading.Semaphore(0)

    def work():
        with store.redis() as own:
            own.ping()
            is_ready.release()
            taken.append(own.blpop("queue", timeout=30)[1])

    workers = [threading.Thread(target=work) for _ in range(5)]
    for worker in workers:
        worker.start()
        is_ready.acquire()
    store.execute("RPUSH", "queue", *range(5))
    for worker in workers:
        worker.join()
    assert sorted(taken) == [b"0", b"1", b"2", b"3", b"4"]
    assert store.execute("EXISTS", "queue") == 0


def test_a_pause_ends(client):
    client.client_pause(30, all=False)
    client.set("a", 1)
    assert client.get("a") == "1"


def test_a_killed_connection(client, store):
    client.ping()
    own = client.client_id()
    with store.redis() as other:
        assert other.client_kill_filter(_id=own) == 1
    assert client.client_id() != own


def test_connections_end(store):
    with store.redis() as one, store.redis(single_connection_client=True) as two:
        one.ping()
        two.ping()
        assert two.info("clients")["connected_clients"] == 2
    assert b"connected_clients:0" in store.execute("INFO", "clients").encode()


def test_a_client_of_a_closed_store():
    store = dozo.open()
    client, used = store.redis(), store.redis()
    used.ping()
    store.close()
    for each in (client, used):
        with pytest.raises(redis.ConnectionError, match="closed"):
            each.ping()


def test_options_are_those_of_redis_py(store):
    client = store.redis(db=5, client_name="me", decode_responses=True, health_check_interval=1)
    client.set("a", "b")
    assert client.client_getname() == "me"
    assert store.database(5)["a"] == b"b"
    assert "a" not in store


@pytest.mark.parametrize("protocol", [2, 3])
def test_asyncio(store, protocol):
    async def use() -> None:
        async with store.aredis(decode_responses=True, protocol=protocol) as client:
            assert await client.set("a", "b")
            assert await client.get("a") == "b"
            async with client.pipeline() as pipe:
                assert await pipe.incr("n").incr("n").execute() == [1, 2]
            assert await client.eval("return ARGV[1]", 0, "x") == "x"
            await client.set("large", "y" * 3_000_000)
            assert len(await client.get("large")) == 3_000_000
            assert await client.blpop("queue", timeout=0.01) is None
            waiting = asyncio.create_task(client.blpop("queue", timeout=30))
            while not (await client.info("clients"))["blocked_clients"]:
                await asyncio.sleep(0)
            await client.rpush("queue", "from a coroutine")
            assert list(await waiting) == ["queue", "from a coroutine"]
            threading.Timer(0.02, store.execute, ["RPUSH", "queue", "from a thread"]).start()
            assert (await client.blpop("queue", timeout=30))[1] == "from a thread"
            await client.client_pause(30, all=False)
            assert await client.set("a", 1)

    asyncio.run(use())


def test_messages_to_coroutines(store):
    async def use() -> None:
        async with store.aredis(decode_responses=True) as client, client.pubsub() as listener:
            await listener.subscribe("news")
            assert (await listener.get_message(timeout=30))["type"] == "subscribe"
            await client.publish("news", "one")
            threading.Timer(0.02, store.execute, ["PUBLISH", "news", "two"]).start()
            heard = [(await listener.get_message(timeout=30))["data"] for _ in range(2)]
            assert heard == ["one", "two"]

    asyncio.run(use())


def test_many_coroutines(store):
    async def use() -> None:
        async with store.aredis() as client:
            await asyncio.gather(*(client.incr("n") for _ in range(200)))

    asyncio.run(use())
    assert store.execute("GET", "n") == b"200"


@pytest.mark.filterwarnings("ignore:unclosed Connection:ResourceWarning")
def test_an_event_loop_that_has_ended_hinders_nobody(store):
    async def leave() -> None:
        client = store.aredis()
        listener = client.pubsub()
        await listener.subscribe("news")
        left.append((client, listener))

    left: list[object] = []
    asyncio.run(leave())
    store.execute("PUBLISH", "news", "nobody hears")
    store.execute("PUBLISH", "news", "again")
    left.clear()
    gc.collect()
    assert store.redis().ping()
