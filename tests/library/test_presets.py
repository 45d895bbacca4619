"""Presets: several options of a store at once."""

from __future__ import annotations

import pytest

import dozo
from dozo.config import SettingError, presets
from dozo.errors import OutOfMemory

MACHINE = presets.values("memory")["maxmemory"]


def settings(store: dozo.Store, *names: str) -> list[str]:
    found = store.execute("CONFIG", "GET", *names)
    return [found[name.encode()].decode() for name in names]


def test_without_one_nothing_is_bounded():
    with dozo.open() as store:
        assert settings(store, "maxmemory", "maxmemory-policy", "disk-tier") == ["0", "allkeys-lru", ""]


def test_a_cache_in_memory(tmp_path):
    assert MACHINE > 0
    with dozo.open(preset="memory") as store:
        assert (store.stats()["maxmemory"], store.stats()["policy"]) == (MACHINE, "s3fifo")
        with pytest.raises(ValueError, match="disk tier"):
            store.set("a", 1, disk=True)
    # A path goes before "nothing is kept".
    with dozo.open(tmp_path, preset="memory") as store:
        store["a"] = 1
    with dozo.open(tmp_path, preset="memory") as store:
        assert (store["a"], store.stats()["policy"]) == (1, "s3fifo")


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_cache_with_a_disk(tmp_path, monkeypatch, is_kept):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "data" if is_kept else None
    with dozo.open(path, preset="tiered") as store:
        assert (store.stats()["maxmemory"], store.stats()["policy"]) == (MACHINE, "s3fifo")
        store.set("a", b"x" * 1000, disk=True)
        folder, size = settings(store, "disk-tier", "disk-tier-size")
        assert (folder == str(tmp_path / "data" / "tier")) is is_kept
        assert int(size) == 8 << 30
        assert store["a"] == b"x" * 1000
    assert list(tmp_path.iterdir()) == ([path] if is_kept else [])


def test_everything_is_kept(tmp_path):
    with dozo.open(tmp_path, preset="production") as store:
        assert settings(store, "maxmemory-policy", "disk-tier", "persistence", "appendfsync") == [
            "noeviction",
            str(tmp_path / "tier"),
            "journal",
            "everysec",
        ]
        assert store.stats()["maxmemory"] == MACHINE
        store["a"] = 1
        guest = dozo.open(tmp_path, preset="production")
        assert guest["a"] == 1
        guest.close()
    with dozo.open(tmp_path, preset="production") as store:
        assert store["a"] == 1


def test_what_is_given_besides_goes_before(tmp_path):
    with dozo.open(
        tmp_path, preset="production", maxmemory="2mb", disk="4mb", policy="volatile-lru", fsync="always"
    ) as store:
        assert settings(
            store, "maxmemory", "disk-tier-size", "maxmemory-policy", "appendfsync", "persistence"
        ) == [str(2 << 20), str(4 << 20), "volatile-lru", "always", "journal"]
    with dozo.open(preset="memory", maxmemory=0) as store:
        assert store.stats()["maxmemory"] == 0
    with dozo.open(preset="memory", maxmemory="2mb", policy="noeviction") as store:
        values = {str(number): b"x" * 100_000 for number in range(100)}
        with pytest.raises(OutOfMemory):
            store.set_many(values)
    with dozo.open(preset="memory", disk="4mb") as store:
        store.set("a", 1, disk=True)
        assert store["a"] == 1


def test_presets_that_can_not_be():
    with pytest.raises(ValueError, match="the preset production keeps every key on disk: it needs a path"):
        dozo.open(preset="production")
    with pytest.raises(SettingError, match="preset"):
        dozo.open(preset="fast")
