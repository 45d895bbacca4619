"""maxmemory of a server with a disk tier bounds its process."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Iterator

import pytest
import redis
from tests.memory import most_resident

from dozo.config import load
from dozo.persistence import bound
from dozo.testing import HOST

MIB = 1 << 20
NOISE = random.Random(1).randbytes(4 * MIB)


def burst(client: redis.Redis, prefix: str, sizes: Iterator[int]) -> None:
    """Store values of these sizes, a megabyte or so at once, and ask for some of them again."""
    names = (f"{prefix}:{number}" for number in itertools.count())
    while batch := list(itertools.islice(sizes, 200)):
        pipe, waiting, recent = client.pipeline(transaction=False), 0, []
        for size in batch:
            name = next(names)
            pipe.set(name, NOISE[size % 1000 : size % 1000 + size])
            recent.append(name)
            waiting += size
            if waiting > MIB:
                pipe.execute()
                waiting = 0
        pipe.get(recent[0]).get(recent[-1]).execute()


BURSTS = {
    "tiny": [100] * 10_000,
    "small": [1000] * 15_000,
    "large": [1_000_000] * 60,
    "middling": [9_000] * 5_000,
    "mixed": [100, 50_000, 300, 1_000_000, 8_000, 20_000] * 60,
    "small again": [700] * 10_000,
}


@pytest.mark.parametrize("maxmemory", [64, 128])
def test_no_mix_of_sizes_takes_the_process_over_its_bound(start_dozo, tmp_path, maxmemory):
    flags = ["--maxmemory", f"{maxmemory}mb", "--maxmemory-policy", "s3fifo", "--persistence", "none"]
    node = start_dozo("--disk-tier", str(tmp_path), "--disk-tier-size", "256mb", *flags)
    with redis.Redis(HOST, node.port) as client:
        for name, sizes in BURSTS.items():
            burst(client, name, iter(sizes))
            assert most_resident(node) <= maxmemory * MIB * 1.1, name
        figures = client.info("all")
        assert 0 < figures["tier_data_limit_bytes"] < maxmemory * MIB
        assert client.dbsize() > 1000


def test_several_clients_at_once_are_within_it_too(start_dozo, tmp_path):
    flags = ["--maxmemory", "128mb", "--maxmemory-policy", "allkeys-lru", "--persistence", "none"]
    node = start_dozo("--disk-tier", str(tmp_path), "--disk-tier-size", "256mb", *flags)

    def store(name: str) -> None:
        with redis.Redis(HOST, node.port) as client:
            burst(client, name, iter(BURSTS["mixed"][:120]))
            burst(client, name, iter(BURSTS["small"][:2000]))

    threads = [threading.Thread(target=store, args=(f"client {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most_resident(node) <= 128 * MIB * 1.1


def test_the_bound_may_be_of_data_only(start_dozo, tmp_path):
    flags = ["--maxmemory", "64mb", "--disk-tier-bounds", "data", "--persistence", "none"]
    # Under noeviction the keys of more values than the smaller bound has room for would be refused.
    flags += ["--maxmemory-policy", "s3fifo"]
    node = start_dozo("--disk-tier", str(tmp_path), "--disk-tier-size", "256mb", *flags)
    with redis.Redis(HOST, node.port) as client:
        burst(client, "key", iter([1000] * 70_000))
        figures = client.info("all")
        assert figures["tier_data_limit_bytes"] == 0
        assert figures["used_memory"] > 56 * MIB
        client.config_set("disk-tier-bounds", "process")
        burst(client, "more", iter([1000] * 10_000))
        assert client.info("memory")["used_memory_rss"] < 64 * MIB * 1.1


class Process:
    """What a Bound sees of a process: data, and what else it holds; data leave as they are told to."""

    def __init__(self, other: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.other, self.counted_memory, self.freed = other, 0, 0
        self.reserved, self.step, self.trims = 0, 0, 0
        clock = itertools.count()
        monkeypatch.setattr(bound, "monotonic", lambda: next(clock) / 1000)
        monkeypatch.setattr(bound, "resident_bytes", lambda: self.resident)
        monkeypatch.setattr(bound, "tells_present", lambda: True)

    @property
    def resident(self) -> int:
        """Return data, all else, and what was freed and not given back."""
        return self.counted_memory + self.other + self.freed

    def watch_memory(self, step: int) -> None:
        self.step = step

    def reserve_memory(self, reserved: int) -> None:
        self.reserved = reserved

    def trim_memory(self) -> None:
        self.trims, self.freed = self.trims + 1, 0

    def fill(self, maxmemory: int, more: int) -> None:
        """Store more, and let leave what is over the limit."""
        wanted = self.counted_memory + more
        self.counted_memory = max(0, min(wanted, maxmemory - self.reserved))
        self.freed += wanted - self.counted_memory


def run(process: Process, held: bound.Bound, maxmemory: int, looks: int) -> None:
    for _ in range(looks):
        process.fill(maxmemory, maxmemory // 64)
        held.look(process)


def test_data_get_what_others_leave(monkeypatch):
    maxmemory = 100 * MIB
    process = Process(30 * MIB, monkeypatch)
    held = bound.Bound(load(flags={"maxmemory": str(maxmemory)}))
    run(process, held, maxmemory, 500)
    assert 0.85 * maxmemory < process.resident - process.freed <= maxmemory
    assert process.trims > 0
    process.other = 60 * MIB
    run(process, held, maxmemory, 500)
    assert process.resident - process.freed <= maxmemory
    assert held.data_bytes < 40 * MIB
    process.other = 10 * MIB
    run(process, held, maxmemory, 500)
    assert held.data_bytes > 75 * MIB


def test_data_keep_a_part_whatever_else_is_held(monkeypatch):
    maxmemory = 100 * MIB
    process = Process(500 * MIB, monkeypatch)
    held = bound.Bound(load(flags={"maxmemory": str(maxmemory)}))
    run(process, held, maxmemory, 100)
    assert held.data_bytes == maxmemory // 8


def test_without_a_limit_nothing_is_watched(monkeypatch):
    process = Process(30 * MIB, monkeypatch)
    config = load(flags={"maxmemory": "1gb"})
    held = bound.Bound(config)
    held.look(process)
    assert process.step > 0
    process.reserved = 7
    config.set({"maxmemory": "0"})
    held.look(process)
    assert (process.step, process.reserved, held.data_bytes) == (0, 0, 0)
