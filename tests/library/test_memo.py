"""Functions whose results are kept, and locks."""

from __future__ import annotations

import asyncio
import threading

import pytest

from dozo.errors import StoreError


def test_a_function_is_called_once_for_its_arguments(store):
    calls = []

    @store.memoize(ttl=100, tags=["sums"])
    def add(a, b=1):
        """Add."""
        calls.append((a, b))
        return a + b

    assert [add(1), add(1), add(1, 1), add(1, b=1), add(1.5), add("x", "y"), add("x", "y")] == [
        2,
        2,
        2,
        2,
        2.5,
        "xy",
        "xy",
    ]
    assert calls == [(1, 1), (1, 1), (1, 1), (1.5, 1), ("x", "y")]
    assert (add.__name__, add.__doc__) == ("add", "Add.")
    assert store[add.key("x", "y")] == "xy"
    assert 90 < store.ttl(add.key(1)) <= 100
    assert store.evict("sums") == 5
    add(1)
    assert len(calls) == 6


def test_none_is_a_result_and_long_arguments_are_digested(store):
    calls = []

    @store.memoize(name="nothing")
    def nothing(text):
        calls.append(text)

    assert nothing("x" * 10_000) is nothing("x" * 10_000) is None
    assert nothing("x" * 10_001) is None
    assert len(calls) == 2
    assert all(len(key) < 100 for key in store)
    with pytest.raises(StoreError, match="no msgpack"):
        nothing(object())


def test_arguments_are_not_mixed_up(store):
    @store.memoize()
    def shown(*args, **kwargs):
        return repr((args, kwargs))

    for args, kwargs in (
        ((1,), {"a": 2}),
        (((1,), {"a": 2}), {}),
        ((1,), {}),
        (("1",), {}),
        ((b"1",), {}),
        ((), {}),
    ):
        assert shown(*args, **kwargs) == repr((args, kwargs))


def test_an_exception_is_not_kept(store):
    answers = [ZeroDivisionError, 5]

    @store.memoize()
    def fail():
        answer = answers.pop(0)
        if isinstance(answer, int):
            return answer
        raise answer

    with pytest.raises(ZeroDivisionError):
        fail()
    assert fail() == fail() == 5


def test_coroutines(store):
    calls = []

    @store.memoize()
    async def double(n):
        calls.append(n)
        await asyncio.sleep(0)
        return 2 * n

    @store.memoize_stampede(ttl=100)
    async def triple(n):
        calls.append(n)
        await asyncio.sleep(0.001)
        return 3 * n

    async def use():
        assert [await double(2), await double(2)] == [4, 4]
        assert await asyncio.gather(*(triple(5) for _ in range(20))) == [15] * 20

    asyncio.run(use())
    assert calls == [2, 5]


def test_a_stampede_computes_once(store):
    calls = []
    is_slow = threading.Event()

    @store.memoize_stampede(ttl=100)
    def slow(n):
        calls.append(n)
        is_slow.wait(0.05)
        return n

    threads = [threading.Thread(target=slow, args=(7,)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [7]
    assert store.get(slow.key(7)) == 7
    assert len(store) == 1


def test_a_slow_function_is_computed_before_its_time_is_over(store, monkeypatch):
    calls = []

    @store.memoize_stampede(ttl=100, beta=1.0)
    def slow():
        calls.append(1)
        return len(calls)

    assert slow() == 1
    # It took ten seconds, as far as anybody knows; the nearer the dice's one, the earlier.
    store.database(15).set(slow.key(), "10.0", ttl=100)
    monkeypatch.setattr("random.random", lambda: 0.5)
    assert slow() == 1
    monkeypatch.setattr("random.random", lambda: 1 - 2**-53)
    assert slow() == 2
    store.database(15).set(slow.key(), "10.0", ttl=100)
    # While another one computes, the old result is good enough.
    with store.lock(f"memo:{slow.key().hex()}"):
        assert slow() == 2


def test_an_exception_gives_the_lock_back(store):
    @store.memoize_stampede(ttl=100)
    def fail():
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            fail()


def test_locks(store):
    with store.lock("a") as lock:
        other = store.lock("a")
        assert other.locked()
        assert not other.acquire(blocking=False)
        assert not other.acquire(timeout=0.01)
        with pytest.raises(StoreError, match="held by this very object"):
            lock.acquire()
        assert list(store) == []
        with pytest.raises(StoreError, match="not held"):
            other.release()
    assert not lock.locked()
    assert other.acquire(timeout=1)
    other.release()


def test_a_lock_that_was_lost_is_not_given_back(store):
    lock = store.lock("a", ttl=100)
    lock.acquire()
    store.database(15).delete("lock:a")
    with store.lock("a"):
        with pytest.raises(StoreError, match="not held"):
            lock.release()
        assert lock.locked()


def test_a_lock_excludes(store):
    inside, most = [], []

    def work():
        for _ in range(20):
            with store.lock("a"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    async def work_too():
        for _ in range(20):
            async with store.lock("a"):
                inside.append(1)
                await asyncio.sleep(0)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    threads.append(threading.Thread(target=lambda: asyncio.run(work_too())))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 100
