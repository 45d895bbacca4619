"""The fixtures that dozo installs into pytest, in a test run of their own."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = """
import asyncio
import pytest
import redis


@pytest.mark.parametrize("again", [1, 2])
def test_store(dozo_store, again):
    assert dozo_store.add("k", again) is True


@pytest.mark.parametrize("again", [1, 2])
def test_redis(dozo_redis, dozo_store, again):
    assert dozo_redis.incr("visits") == 1
    assert dozo_redis.pipeline().lpush("list", "x").llen("list").execute() == [1, 1]
    dozo_store.set("k", "value")
    assert dozo_redis.get("k") == b"value"


def test_asyncio(dozo_store):
    async def job():
        async with dozo_store.aredis() as client:
            assert await client.incr("visits") == 1

    asyncio.run(job())


@pytest.mark.parametrize("again", [1, 2])
def test_server(dozo_server, again):
    with redis.Redis(port=dozo_server.port) as client:
        assert client.incr("visits") == 1
        assert client.config_get("databases") == {"databases": "3"}
"""


def entry_points() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return project["entry-points"]["pytest11"]


def test_they_are_announced_to_pytest():
    for module in entry_points().values():
        fixtures = importlib.import_module(module)
        assert {"dozo_server", "dozo_store", "dozo_redis"} <= set(vars(fixtures))


def test_they_work(tmp_path, monkeypatch):
    # Only the plugin in question: others take seconds to load.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "test_mine.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\ndozo_flags = --databases 3\nfilterwarnings = error\n")
    [name] = entry_points()
    words = [sys.executable, "-m", "pytest", "-q", "-p", name, "-p", "no:cacheprovider", str(tmp_path)]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "7 passed" in ended.stdout, ended.stdout + ended.stderr
