"""Django's cache API on the backend, and a project that runs on it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import django
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from dozo.errors import SerializerError

PROJECT = Path(__file__).parent / "project"


@pytest.fixture(scope="module", autouse=True)
def configured():
    """Configure Django once; the caches are made by hand."""
    if not settings.configured:
        settings.configure(CACHES={}, USE_TZ=True)
        django.setup()


def made(location, **params):
    from dozo.compat.django import DozoCache

    return DozoCache(str(location), params)


@pytest.fixture(params=["dozo in memory", "dozo in a directory", "django"])
def cache(request, tmp_path):
    if request.param == "django":
        from django.core.cache.backends.locmem import LocMemCache

        return LocMemCache(str(tmp_path), {})
    return made("memory:" if request.param == "dozo in memory" else tmp_path)


def test_values(cache):
    assert cache.get("missing") is None
    assert cache.get("missing", "default") == "default"
    for value in ("text", b"bytes", 7, 1.5, None, True, {"a": [1, None]}):
        cache.set("k", value)
        assert cache.get("k", "default") == value
        assert type(cache.get("k", "default")) is type(value)
    assert cache.has_key("k")
    assert "k" in cache
    assert cache.delete("k") is True
    assert cache.delete("k") is False
    assert cache.add("k", 1) is True
    assert cache.add("k", 2) is False
    assert cache.get_or_set("k", 3) == 1
    assert cache.get_or_set("computed", lambda: 42) == 42
    cache.set("none", None)
    assert cache.get_or_set("none", "other") is None


def test_timeouts(cache):
    cache.set("k", 1, timeout=0)
    assert cache.get("k") is None
    cache.set("k", 1, timeout=-5)
    assert cache.get("k") is None
    assert cache.add("k", 1, timeout=0) is True
    assert cache.get("k") is None
    cache.set("k", 1, timeout=None)
    assert cache.touch("k", 60) is True
    assert cache.touch("k", None) is True
    assert cache.touch("k") is True
    assert cache.touch("missing", 60) is False
    assert cache.touch("k", 0) is True
    assert cache.get("k") is None
    cache.set_many({"a": 1}, timeout=0)
    assert cache.get("a") is None


def test_many(cache):
    assert cache.set_many({"a": 1, "b": "two"}, 60) == []
    assert cache.get_many(["a", "b", "c"]) == {"a": 1, "b": "two"}
    cache.delete_many(["a", "c"])
    assert cache.get_many(["a", "b"]) == {"b": "two"}
    cache.clear()
    assert cache.get_many(["a", "b"]) == {}
    assert cache.get_many([]) == {}
    cache.delete_many([])


def test_numbers(cache):
    cache.set("n", 5)
    assert cache.incr("n", 3) == 8
    assert cache.decr("n") == 7
    assert cache.decr("n", 10) == -3
    assert cache.incr("n", -1) == -4
    with pytest.raises(ValueError, match="not found"):
        cache.incr("nothing")
    assert cache.get("nothing") is None


def test_versions(cache):
    cache.set("v", 1, version=1)
    assert cache.get("v", version=2) is None
    assert cache.incr_version("v", version=1) == 2
    assert cache.get("v", version=2) == 1
    assert cache.decr_version("v", version=2) == 1
    cache.set_many({"v": 3, "w": 4}, version=3)
    assert cache.get_many(["v", "w"], version=3) == {"v": 3, "w": 4}


def test_coroutines(cache):
    async def job():
        await cache.aset("k", 1)
        assert await cache.aget("k") == 1
        assert await cache.aadd("k", 2) is False
        assert await cache.ahas_key("k")
        assert await cache.aincr("k") == 2
        assert await cache.adecr("k") == 1
        assert await cache.atouch("k", 60) is True
        assert await cache.aget_or_set("new", lambda: 5) == 5
        assert await cache.aset_many({"a": 1, "b": 2}) == []
        assert await cache.aget_many(["a", "b", "c"]) == {"a": 1, "b": 2}
        assert await cache.aincr_version("a") == 2
        await cache.adelete_many(["b"])
        assert await cache.adelete("k") is True
        await cache.aclear()
        assert await cache.aget("new", "gone") == "gone"

    asyncio.run(job())


def test_two_caches_share_a_store(tmp_path):
    one, other = made(tmp_path, KEY_PREFIX="one"), made(tmp_path, KEY_PREFIX="other")
    one.set("k", 1)
    other.set("k", 2)
    assert (one.get("k"), other.get("k")) == (1, 2)
    assert one.store is other.store
    assert one.store.get("one:1:k") == 1


def test_options():
    with pytest.raises(ImproperlyConfigured, match="did you mean 'maxmemory'"):
        made("memory:", OPTIONS={"MAX_MEMORY": "1mb"})
    with pytest.raises(ImproperlyConfigured, match="bounded by maxmemory"):
        made("memory:", OPTIONS={"MAX_ENTRIES": 10})


def test_pickle_only_when_asked_for(tmp_path):
    plain = made("memory:plain")
    with pytest.raises(SerializerError, match="msgpack can't write"):
        plain.set("k", ...)
    pickling = made(tmp_path, OPTIONS={"serializer": "pickle"})
    pickling.set("k", ...)
    assert pickling.get("k") is ...
    with pytest.raises(ValueError, match="is open with the serializer 'pickle'"):
        made(tmp_path).get("k")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_workers_that_are_forked_share_a_directory(tmp_path):
    cache = made(tmp_path)
    cache.set("n", 1)
    child = os.fork()
    if child == 0:
        try:
            os._exit(cache.incr("n"))
        finally:
            os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert cache.get("n") == 2


def test_a_project_runs_on_it(tmp_path):
    environment = os.environ | {
        "SITE_CACHE": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "site_settings",
        "PYTHONPATH": os.pathsep.join([str(PROJECT), *filter(None, sys.path)]),
    }
    ended = subprocess.run(
        [sys.executable, "-W", "error", PROJECT / "site_check.py"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout == "all seen\n", ended.stderr
    assert ended.returncode == 0
