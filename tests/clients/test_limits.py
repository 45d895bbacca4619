"""limits over memcached, which counts with CAS."""

from __future__ import annotations

from limits import parse
from limits.storage import MemcachedStorage
from limits.strategies import FixedWindowRateLimiter


def test_memcached(memcached_port: int) -> None:
    storage = MemcachedStorage(f"memcached://127.0.0.1:{memcached_port}")
    limiter = FixedWindowRateLimiter(storage)
    limit = parse("3/hour")
    assert [limiter.hit(limit, "user") for _ in range(5)] == [True] * 3 + [False] * 2
    assert limiter.get_window_stats(limit, "user").remaining == 0
    assert storage.check()
