"""Values on disk in a program's own store."""

from __future__ import annotations

import random
from pathlib import Path

import dozo


def value(number: int) -> bytes:
    return random.Random(number).randbytes(4000)


def test_more_than_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with dozo.open(maxmemory="2mb", disk="32mb") as store:
        for number in range(1500):
            store.set(f"key:{number}", value(number), tags=("some",))
        assert len(store) == 1500
        assert store.stats()["evicted"] == 0
        assert store.stats()["memory"] < 2.3 * (1 << 20)
        client = store.redis()
        assert client.info("tier")["tier_keys"] > 1000
        for number in range(0, 1500, 11):
            assert store.get(f"key:{number}") == value(number)
            assert client.get(f"key:{number}") == value(number)
        assert store.evict("some") == 1500
    assert list(tmp_path.iterdir()) == []


def test_with_a_path_the_journal_is_the_truth(tmp_path: Path):
    for again in (False, True):
        with dozo.open(tmp_path, maxmemory="2mb", disk="32mb") as store:
            assert len(store) == (1000 if again else 0)
            for number in range(1000):
                if not again:
                    store.set(f"key:{number}", value(number))
                assert store[f"key:{number}"] == value(number)
            assert list((tmp_path / "tier").iterdir())
