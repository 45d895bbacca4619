"""limits: every strategy over its Redis and memcached storages, which run Lua scripts and use CAS."""

from __future__ import annotations

import pytest
from limits import parse
from limits.storage import MemcachedStorage, RedisStorage
from limits.strategies import (
    FixedWindowRateLimiter,
    MovingWindowRateLimiter,
    SlidingWindowCounterRateLimiter,
)

STRATEGIES = (FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_redis(strategy: type[FixedWindowRateLimiter], redis_url: str) -> None:
    storage = RedisStorage(redis_url)
    limiter = strategy(storage)
    limit = parse("5/hour")
    assert [limiter.hit(limit, "user", "1") for _ in range(7)] == [True] * 5 + [False] * 2
    assert not limiter.test(limit, "user", "1")
    assert limiter.get_window_stats(limit, "user", "1").remaining == 0
    assert limiter.hit(limit, "user", "2", cost=3)
    assert limiter.get_window_stats(limit, "user", "2").remaining == 2
    limiter.clear(limit, "user", "1")
    assert limiter.hit(limit, "user", "1")
    assert storage.check()
    assert storage.reset()
    storage.storage.close()


def test_memcached(memcached_port: int) -> None:
    storage = MemcachedStorage(f"memcached://127.0.0.1:{memcached_port}")
    limiter = FixedWindowRateLimiter(storage)
    limit = parse("3/hour")
    assert [limiter.hit(limit, "user") for _ in range(5)] == [True] * 3 + [False] * 2
    assert limiter.get_window_stats(limit, "user").remaining == 0
    assert storage.check()
    storage.storage.close()
