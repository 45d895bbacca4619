"""Flask-Caching over Redis and over memcached: cached views and memoised functions."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_caching import Cache


def _exercise(config: dict[str, Any]) -> Any:
    app = Flask("cached")
    cache = Cache(app, config=config | {"CACHE_DEFAULT_TIMEOUT": 60})
    calls: list[object] = []

    @app.route("/page")
    @cache.cached(query_string=True)
    def page() -> str:
        calls.append("page")
        return f"page {len(calls)}"

    @cache.memoize(60)
    def double(n: int) -> int:
        calls.append(n)
        return 2 * n

    with app.app_context(), app.test_client() as client:
        assert client.get("/page?a=1").data == b"page 1"
        assert client.get("/page?a=1").data == b"page 1"
        assert client.get("/page?a=2").data == b"page 2"
        assert [double(4), double(4), double(5)] == [8, 8, 10]
        assert calls == ["page", "page", 4, 5]
        cache.delete_memoized(double, 4)
        assert double(4) == 8
        assert calls[-1] == 4
        cache.set_many({"a": 1, "b": 2})
        assert cache.get_many("a", "b", "c") == [1, 2, None]
        assert cache.has("a")
        cache.delete_many("a", "b")
        assert cache.get("a") is None
        cache.clear()
        assert client.get("/page?a=1").data == b"page 6"
        return cache.cache


def test_redis(redis_url: str) -> None:
    backend = _exercise({"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": redis_url})
    backend._write_client.close()
    backend._read_client.close()


def test_memcached(memcached_port: int) -> None:
    servers = [f"127.0.0.1:{memcached_port}"]
    backend = _exercise({"CACHE_TYPE": "MemcachedCache", "CACHE_MEMCACHED_SERVERS": servers})
    backend._client.disconnect_all()
