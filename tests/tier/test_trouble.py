"""A disk that fails under the tier: the server goes on as a cache in memory, says so, and takes the disk up again."""

from __future__ import annotations

import random
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from tests.waiting import until

from dozo.testing import HOST, Node

LARGE = 20_000
LIMIT = 8 << 20
FILES_MOST = 256 << 10
"""A size that the first segment has passed when the disk begins to fail."""


class Cache:
    """A client that knows what it has stored. A value may be gone; another one than the last is an error."""

    def __init__(self, port: int) -> None:
        self.client = redis.Redis(HOST, port)
        self.stored: dict[str, bytes] = {}

    def store(self, number: int, seed: int) -> None:
        """Store a value under a key; the server must take it."""
        key, value = f"key:{number}", random.Random(seed).randbytes(LARGE)
        assert self.client.set(key, value)
        self.stored[key] = value

    def compare(self) -> int:
        """Ask for everything; the number of values that are there, all of which are right."""
        present = 0
        for key, value in self.stored.items():
            found = self.client.get(key)
            assert found in (None, value), key
            present += found is not None
        return present

    @property
    def figures(self) -> dict[str, object]:
        return self.client.info("tier")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tier"


@pytest.fixture
def node(start_dozo, folder: Path) -> Node:
    flags = ["--disk-tier", str(folder), "--disk-tier-size", "64mb", "--persistence", "none"]
    return start_dozo(*flags, "--maxmemory", str(LIMIT), "--maxmemory-policy", "s3fifo")


@pytest.fixture
def cache(node: Node) -> Iterator[Cache]:
    made = Cache(node.port)
    yield made
    made.client.close()


def limit_files(node: Node, size: int) -> None:
    """Let no file of the server grow beyond a size, as on a full disk."""
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_full_disk_leaves_a_cache_in_memory(node: Node, cache: Cache) -> None:
    for number in range(100):
        cache.store(number, number)
    assert cache.figures["tier_keys"] == 100
    limit_files(node, FILES_MOST)
    for number in range(50, 1200):
        cache.store(number, number + 10_000)
        cache.client.delete(f"key:{number - 50}")
        del cache.stored[f"key:{number - 50}"]
    figures = until("it is said", lambda: cache.figures if cache.figures["tier_error"] else None)
    assert figures["tier_status"] == "failing"
    assert "File too large" in str(figures["tier_error"])
    until("the log tells", lambda: "serving from memory until it can" in node.log())
    # Nothing of it could be written, and yet the last values are served.
    assert 0 < cache.compare() < 50
    assert cache.client.info("memory")["used_memory"] < LIMIT * 1.1
    limit_files(node, resource.RLIM_INFINITY)
    until("the disk is taken up again", lambda: cache.figures["tier_status"] == "ok")
    until("the log tells", lambda: "the disk tier is written again" in node.log())
    for number in range(2000, 2500):
        cache.store(number, number)
    assert cache.compare() >= 500
    assert cache.figures["tier_keys"] >= 500


def test_damage_on_the_disk_costs_values_and_never_gives_others(
    node: Node, cache: Cache, folder: Path
) -> None:
    for number in range(300):
        cache.store(number, number)
    segments = sorted(folder.glob("tier-*.data"))
    sizes = {path: path.stat().st_size for path in segments}
    with segments[0].open("r+b") as file:
        for at in range(0, sizes[segments[0]], 3 * LARGE):
            file.seek(at)
            file.write(b"\xff" * 100)
    with segments[1].open("r+b") as file:
        file.truncate(sizes[segments[1]] // 2)
    present = cache.compare()
    assert 200 < present < 300
    assert cache.figures["tier_lost"] == 300 - present
    # What is lost is gone, and can be stored anew.
    assert cache.client.dbsize() == present
    for number in range(300):
        cache.store(number, number + 1)
    assert cache.compare() == 300


def test_segments_that_vanish_cost_their_values(node: Node, cache: Cache, folder: Path) -> None:
    for number in range(300):
        cache.store(number, number)
    cache.client.execute_command("DEBUG", "TIER", "COOL")
    for path in sorted(folder.glob("tier-*.data"))[:3]:
        path.unlink()
    assert 100 < cache.compare() < 300
    for number in range(3000, 6000):
        cache.store(number, number)
    assert cache.compare() > 2000
    assert cache.figures["tier_bytes"] <= 64 << 20
