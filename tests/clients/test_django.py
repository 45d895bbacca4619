"""Django's cache backends for Redis and memcached, and django-redis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import django
import pytest
from django.conf import settings


@pytest.fixture(scope="module", autouse=True)
def configured() -> None:
    """Configure Django once; the caches are made by hand."""
    if not settings.configured:
        settings.configure(CACHES={}, USE_TZ=True)
        django.setup()


def _exercise(cache: Any) -> None:
    assert cache.get("missing", "default") == "default"
    cache.set("k", {"a": [1, 2]}, 60)
    assert cache.get("k") == {"a": [1, 2]}
    assert cache.add("k", 1) is False
    assert cache.add("new", 1) is True
    assert cache.get_or_set("computed", lambda: 42) == 42
    cache.set_many({"a": 1, "b": "two"}, 60)
    assert cache.get_many(["a", "b", "c"]) == {"a": 1, "b": "two"}
    cache.set("n", 5)
    assert cache.incr("n", 3) == 8
    assert cache.decr("n") == 7
    with pytest.raises(ValueError, match="not found"):
        cache.incr("nothing")
    assert cache.touch("k", 120) is True
    assert cache.touch("nothing", 120) is False
    assert cache.delete("k") is True
    assert cache.has_key("k") is False
    cache.delete_many(["a", "b"])
    assert cache.get_many(["a", "b"]) == {}
    cache.set("gone", 1, 0)
    assert cache.get("gone") is None
    cache.set("v", 1, version=1)
    assert cache.incr_version("v", version=1) == 2
    assert cache.get("v", version=2) == 1
    cache.clear()
    assert cache.get("n") is None


def test_redis_backend(redis_url: str) -> None:
    from django.core.cache.backends.redis import RedisCache

    cache = RedisCache(redis_url, {})
    _exercise(cache)
    cache._cache.get_client().connection_pool.disconnect()


@pytest.fixture
def memcached_cache(memcached_port: int) -> Iterator[Any]:
    """Return Django's cache over pymemcache."""
    from django.core.cache.backends.memcached import PyMemcacheCache

    cache = PyMemcacheCache(f"127.0.0.1:{memcached_port}", {})
    yield cache
    cache.close()


def test_memcached_backend(memcached_cache: Any) -> None:
    _exercise(memcached_cache)


def test_django_redis(redis_url: str) -> None:
    from django_redis.cache import RedisCache

    options = {"CLIENT_CLASS": "django_redis.client.DefaultClient", "CLOSE_CONNECTION": True}
    cache = RedisCache(redis_url, {"OPTIONS": options})
    _exercise(cache)
    cache.set_many({f"user:{n}": n for n in range(25)}, timeout=None)
    assert cache.ttl("user:1") is None
    assert cache.expire("user:1", 100)
    assert 0 < cache.ttl("user:1") <= 100
    assert sorted(cache.keys("user:1?")) == [f"user:1{n}" for n in range(10)]
    assert len(list(cache.iter_keys("user:*", itersize=5))) == 25
    assert cache.delete_pattern("user:1*") == 11
    assert cache.set("once", 1, nx=True) is True
    assert not cache.set("once", 2, nx=True)
    with cache.lock("lock", timeout=10):
        assert cache.get("once") == 1
    cache.close()
