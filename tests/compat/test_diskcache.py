"""What diskcache's README, tutorial and method documentation show, on diskcache and on what replaces it."""

from __future__ import annotations

import functools
import pickle
import threading
import time
from io import BytesIO

import pytest


@pytest.fixture
def cache(diskcache, tmp_path):
    with diskcache.Cache(tmp_path) as cache:
        yield cache


def test_readme(diskcache, tmp_path):
    cache = diskcache.Cache(str(tmp_path / "tmp"))
    cache[b"key"] = b"value"
    assert cache[b"key"] == b"value"
    cache.close()


def test_mapping(cache):
    cache["key"] = "value"
    assert cache["key"] == "value"
    assert "key" in cache
    del cache["key"]
    assert "key" not in cache
    with pytest.raises(KeyError):
        cache["key"]
    with pytest.raises(KeyError):
        del cache["key"]
    assert cache.get("key") is None
    assert cache.get("key", "default") == "default"
    assert cache.delete("key") is False


def test_closed_caches_open_again(diskcache, tmp_path):
    cache = diskcache.Cache(tmp_path)
    assert cache.set("key", "value") is True
    cache.close()
    assert cache.get("key") == "value"
    cache.close()
    with diskcache.Cache(cache.directory) as reference:
        assert reference["key"] == "value"


def test_two_caches_over_one_directory(diskcache, tmp_path):
    with diskcache.Cache(tmp_path) as one, diskcache.Cache(tmp_path) as other:
        one["from"] = "one"
        assert other["from"] == "one"
        other.close()
        assert one["from"] == "one"


def test_a_pickled_cache_is_the_same_directory(diskcache, tmp_path):
    with diskcache.Cache(tmp_path) as cache:
        cache["key"] = "value"
        with pickle.loads(pickle.dumps(cache)) as copy:
            assert copy.directory == cache.directory
            assert copy["key"] == "value"


def test_files_expiry_and_tags(cache):
    before = time.time()
    assert cache.set("key", BytesIO(b"value"), expire=5, read=True, tag="data") is True
    reader, expires, tag = cache.get("key", read=True, expire_time=True, tag=True)
    assert reader.read() == b"value"
    assert before + 4 < expires <= time.time() + 5.1
    assert tag == "data"
    reader.close()
    with cache.read("key") as reader:
        assert reader.read() == b"value"
    with pytest.raises(KeyError):
        cache.read("missing")
    assert cache.get("missing", "d", expire_time=True, tag=True) == ("d", None, None)
    assert cache.touch("key") is True
    assert cache.get("key", expire_time=True) == (b"value", None)
    assert cache.touch("missing") is False


def test_add(cache):
    assert cache.add(b"test", 123) is True
    assert cache.add(b"test", 456) is False
    assert cache[b"test"] == 123


def test_numbers(cache):
    cache[b"test"] = 123
    assert cache.incr(b"test") == 124
    assert cache.decr(b"test", 24) == 100
    assert cache.incr("alice") == 1
    assert cache.decr("bob", default=-9) == -10
    with pytest.raises(KeyError, match="carol"):
        cache.incr("carol", default=None)
    assert "carol" not in cache


def test_pop(cache):
    cache["alice"] = 1
    assert cache.pop("alice") == 1
    assert cache.pop("dave", default="does not exist") == "does not exist"
    cache.set("dave", 0, expire=None, tag="admin")
    assert cache.pop("dave", expire_time=True, tag=True) == (0, None, "admin")
    assert "dave" not in cache


def test_what_expires_at_once_is_gone(cache):
    cache["key"] = 1
    cache.set("key", 2, expire=0)
    assert cache.get("key") is None
    assert cache.add("key", 3) is True
    assert cache.touch("key", 0) is True
    assert cache.get("key") is None


@pytest.mark.parametrize("tags", [("even", "odd"), (0, 1), (0.5, 1.5), (b"0", b"1")])
def test_evict(cache, tags):
    for number in range(100):
        cache.set(number, number, tag=tags[number % 2])
    cache.set("none", 1)
    assert cache.evict(tags[0]) == 50
    assert cache.get(1, tag=True) == (1, tags[1])
    assert len(cache) == 51
    assert cache.evict(tags[0]) == 0
    assert cache.evict(None) == 0
    assert cache.clear() == 51
    assert len(cache) == 0


def test_tag_index(cache):
    cache.drop_tag_index()
    assert cache.tag_index == 0
    cache.create_tag_index()
    assert cache.tag_index == 1


def test_keys_are_told_apart_by_type(cache):
    kept = ["a", b"a", 1, 1.5, "1", b"1", (1, "a"), None, True, ("x", None, 2.5), "\x00", "é", -7, 2**80]
    for number, key in enumerate(kept):
        cache[key] = number
    assert [cache[key] for key in kept] == list(range(len(kept)))
    assert len(cache) == len(kept)
    assert sorted(map(repr, cache)) == sorted(map(repr, kept))
    cache[1.0] = "one"
    assert cache[1] == "one"


def test_iterkeys_is_sorted(cache):
    for key in [4, "b", b"c", 1.5, "a", -3]:
        cache[key] = None
    assert list(cache.iterkeys()) == [-3, 1.5, 4, "a", "b", b"c"]
    assert list(cache.iterkeys(reverse=True)) == [b"c", "b", "a", 4, 1.5, -3]


@pytest.mark.parametrize(
    "value", ["text", "", b"\xff\x00", b"", 7, -1, 2**63 - 1, 1.5, None, True, {"a": [1, None]}]
)
def test_values_keep_their_type(cache, value):
    cache["key"] = value
    assert cache["key"] == value
    assert type(cache["key"]) is type(value)


def test_stats(cache):
    assert cache.stats(enable=True) == (0, 0)
    for number in range(100):
        cache.set(number, number)
    for number in range(150):
        cache.get(number)
    assert cache.stats(enable=False, reset=True) == (100, 50)
    cache.get(1)
    assert cache.stats() == (0, 0)


def test_settings(diskcache, tmp_path):
    with diskcache.Cache(tmp_path / "a", size_limit=int(4e9)) as cache:
        assert cache.size_limit == 4_000_000_000
        assert cache.disk_min_file_size == 32768
        assert cache.reset("cull_limit", 0) == 0
        cache.set(b"key", 1.234)
        assert cache.reset("count") == 1
        assert cache.eviction_policy == "least-recently-stored"
        assert cache.check() == []
        assert cache.volume() > 0
        assert cache.expire() == 0
    with diskcache.Cache(tmp_path / "b", eviction_policy="least-frequently-used") as cache:
        assert cache.eviction_policy == "least-frequently-used"
        assert cache.reset("eviction_policy", "least-recently-used") == "least-recently-used"


def test_settings_that_are_given_hold_for_all(tmp_path):
    from dozo.compat.diskcache import Cache

    with Cache(tmp_path) as first, Cache(tmp_path):
        assert first.store.stats()["maxmemory"] == 1 << 30
        with Cache(tmp_path, size_limit=5_000_000, eviction_policy="least-recently-used"):
            figures = first.store.stats()
            assert (figures["maxmemory"], figures["policy"]) == (5_000_000, "allkeys-lru")
    with pytest.raises(TypeError, match="did you mean 'size_limit'"):
        Cache(tmp_path, size_limits=5)
    with pytest.raises(ValueError, match="eviction_policy is one of"):
        Cache(tmp_path, eviction_policy="lru")


def test_size_limit_holds(diskcache, tmp_path):
    with diskcache.Cache(tmp_path, size_limit=1_000_000) as cache:
        for number in range(2500):
            cache[number] = b"A" * 1000
        assert 100 < len(cache) < 1500
        assert cache.get(0) is None
        assert cache.get(2499) == b"A" * 1000
        cache.cull()
        assert cache.volume() <= 1_100_000


def test_queue(cache):
    assert cache.pull() == (None, None)
    assert cache.peek(default="empty") == "empty"
    assert cache.push("first") == 500_000_000_000_000
    assert cache.push("second") == 500_000_000_000_001
    assert cache.push("third", side="front") == 499_999_999_999_999
    assert cache[500_000_000_000_001] == "second"
    assert cache.peek() == (499_999_999_999_999, "third")
    assert cache.pull() == (499_999_999_999_999, "third")
    assert cache.pull(side="back", expire_time=True, tag=True) == (
        (500_000_000_000_001, "second"),
        None,
        None,
    )
    del cache[500_000_000_000_000]
    assert cache.peek() == (None, None)
    assert cache.pull() == (None, None)


def test_queues_of_their_own(cache):
    assert cache.push("dates", prefix="fruit", tag="sweet") == "fruit-500000000000000"
    cache.push("peas")
    assert cache["fruit-500000000000000"] == "dates"
    assert cache.pull(prefix="fruit", tag=True) == (("fruit-500000000000000", "dates"), "sweet")
    assert cache.pull(prefix="fruit") == (None, None)
    assert len(cache) == 1


def test_memoize(cache):
    calls = []

    @cache.memoize(typed=True, expire=60, tag="fib")
    def fibonacci(number):
        calls.append(number)
        return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)

    assert sum(fibonacci(number) for number in range(100)) == 573147844013817084100
    assert len(calls) == 100
    key = fibonacci.__cache_key__(50)
    assert cache[key] == 12586269025
    del cache[key]
    assert fibonacci(50) == 12586269025
    assert calls[100:] == [50]
    assert fibonacci.__wrapped__(1) == 1
    assert cache.evict("fib") == 100
    with pytest.raises(TypeError, match="name cannot be callable"):

        @cache.memoize
        def test():
            return None


def test_memoize_tells_arguments_apart(cache):
    @cache.memoize(name="f", ignore={1, "verbose"})
    def echo(*args, **kwargs):
        return repr((args, kwargs))

    assert echo(1) != echo("1") != echo(b"1") != echo((1,)) != echo([1])
    assert echo(a=1) != echo(b=1)
    assert echo(1, 2) == echo(1, 3)
    assert echo(1, verbose=True) == echo(1, verbose=False)
    assert echo(None) == "((None,), {})"


def test_transact(cache):
    seen = []

    def count():
        for _ in range(20):
            with cache.transact(), cache.transact():
                value = cache.get("n", 0)
                seen.append(value)
                cache["n"] = value + 1

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache["n"] == 60
    assert sorted(seen) == list(range(60))


def test_fanout(diskcache, tmp_path):
    with diskcache.FanoutCache(tmp_path, shards=4, timeout=1) as cache:
        assert cache.set("key", "value", tag="t") is True
        assert cache["key"] == "value"
        assert cache.incr("n") == 1
        assert sorted(cache) == ["key", "n"]
        assert cache.evict("t") == 1
        inner = cache.cache("test")
        inner["x"] = 1
        assert "x" not in cache
        assert cache.cache("test") is inner
        deque = cache.deque("test/two")
        deque.extend("abc")
        assert list(cache.deque("test/two")) == ["a", "b", "c"]
        index = cache.index("test")
        index["a"] = 1
        assert dict(index) == {"a": 1}
        assert len({cache.directory, inner.directory, deque.directory, index.directory}) == 4
        assert cache.clear() == 1
        for each in (inner, deque.cache, index.cache):
            each.close()


def test_recipes_exclude_each_other(diskcache, cache):
    for lock in (
        diskcache.Lock(cache, "lock", expire=60),
        diskcache.RLock(cache, "rlock"),
        diskcache.BoundedSemaphore(cache, "semaphore"),
    ):
        inside = []

        @diskcache.barrier(cache, lambda *_, lock=lock, **__: lock, name="work")
        def work(number, inside=inside):
            inside.append(number)
            assert len(inside) == 1
            inside.remove(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert inside == []


def test_locks(diskcache, cache):
    lock = diskcache.Lock(cache, "report-123")
    with lock:
        assert lock.locked()
    assert not lock.locked()
    rlock = diskcache.RLock(cache, "user-123")
    with rlock, rlock:
        pass
    with pytest.raises(AssertionError, match="cannot release un-acquired lock"):
        rlock.release()
    semaphore = diskcache.BoundedSemaphore(cache, "ftp", value=2)
    with semaphore, semaphore:
        pass
    with pytest.raises(AssertionError, match="cannot release un-acquired semaphore"):
        semaphore.release()


def test_averager(diskcache, cache):
    average = diskcache.Averager(cache, "latency")
    average.add(0.080)
    average.add(0.120)
    assert average.get() == pytest.approx(0.1)
    average.add(0.160)
    assert average.pop() == pytest.approx(0.12)
    assert average.get() is None


def test_throttle(diskcache, cache):
    now = [0.0]
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    @diskcache.throttle(cache, 2, 1, time_func=lambda: now[0], sleep_func=sleep)
    def call():
        return now[0]

    assert [call() for _ in range(4)] == pytest.approx([0, 0, 0.5, 1.0])
    assert slept == pytest.approx([0.5, 0.5])


def test_memoize_stampede(diskcache, cache):
    @diskcache.memoize_stampede(cache, expire=60)
    def fib(number):
        return number if number < 2 else fib(number - 1) + fib(number - 2)

    assert fib(100) == 354224848179261915075
    key = fib.__cache_key__(100)
    assert key in cache
    del cache[key]
    assert fib(100) == 354224848179261915075


def test_memoize_stampede_renews_early(diskcache, cache):
    renewed = threading.Event()
    calls = []

    # With a beta this large the result is due at once.
    @diskcache.memoize_stampede(cache, expire=600, beta=1e300)
    def work():
        calls.append(threading.current_thread())
        if len(calls) > 1:
            renewed.set()
        return "result"

    assert work() == "result"
    assert work() == "result"
    assert renewed.wait(30)
    calls[1].join()
    assert calls[0] is threading.current_thread()
    assert calls[1] is not calls[0]


def test_partial_functions_are_named(cache):
    named = cache.memoize(name="half")(functools.partial(divmod, 7))
    assert list(named(2)) == [3, 1]
    assert list(named(2)) == [3, 1]


def test_a_closed_cache_is_no_store_of_its_past(diskcache, tmp_path):
    cache = diskcache.Cache(tmp_path)
    for _ in range(3):
        cache.set("key", "value")
        assert cache.get("key") == "value"
        assert cache.stats(enable=True) == (0, 0)
        assert cache.get("key") == "value"
        assert cache.stats(enable=False, reset=True) == (1, 0)
        cache.close()
