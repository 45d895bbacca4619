"""The measurement of the disk tier: a small one finds what a large one would, and a bound that is passed ends it."""

from __future__ import annotations

import pytest

from dozo.bench import processes, report, starts, summary, tier

SMALL = tier.Sizes(values=80 << 20, maxmemory=96 << 20, disk=24 << 20, requests=250)


def test_a_small_one_finds_everything():
    found = tier.measure(SMALL)
    mine, without = found["runs"]["with"], found["runs"]["without"]
    assert 0 < mine["hit_ratio"] <= 1
    assert 0 < mine["disk_bytes"] <= SMALL.disk
    assert 0 < mine["rss_bytes"] <= SMALL.maxmemory * 1.1
    assert mine["tier_write_amplification"] >= 1
    assert min(mine["memory_p99_ms"], mine["disk_p99_ms"], without["memory_p99_ms"]) > 0
    table = report._tier(found)
    assert table.count("\n") == 4
    assert "| with a disk tier of 24 MiB |" in table
    assert summary._tier(found)[1] == f"{mine['hit_ratio']:.2f}"


def test_what_is_over_its_bound_ends_it(tmp_path):
    server = processes.Running("none", pid=1)
    watch = tier._Watch(server, tier.Sizes(maxmemory=1, disk=1), tmp_path)
    with pytest.raises(processes.BenchError, match="over its bound"):
        watch.look()


def test_sizes_are_spread_over_all_magnitudes():
    sizes = [tier._size_of(number) for number in range(1000)]
    assert (min(sizes) < 110, max(sizes) > 900_000) == (True, True)
    assert all(
        230 < sum(1 for size in sizes if low <= size < 10 * low) < 270 for low in (100, 1000, 10_000, 100_000)
    )


def test_starts_are_timed_until_the_keys_are_there():
    found = starts.measure(keys=500, rounds=1)
    assert all(seconds > 0 for [seconds] in found.values())
    table = report._starts({"keys": 500, "seconds": {name: row[0] for name, row in found.items()}})
    assert "| a disk tier of 500 keys |" in table
