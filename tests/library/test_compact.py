"""compact: what is kept on disk is written anew without what is needed no more."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

import dozo
from dozo.errors import ClosedError

from .conftest import kept_in

VALUES = {str(number): Random(number).randbytes(20_000) for number in range(100)}
BYTES = 100 * 20_000


@pytest.fixture(params=["path", "guest"])
def kept(request, tmp_path) -> Iterator[dozo.Store]:
    """Return an empty store that is kept: one's own, and another one's."""
    with kept_in(tmp_path, request.param) as store:
        yield store


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_store_in_memory_has_nothing_to_free(store):
    store.set_many(VALUES)
    assert store.compact() == 0
    assert store.get_many(VALUES) == VALUES


def test_the_journal_loses_what_was_overwritten_removed_and_expired(kept, tmp_path):
    for _ in range(3):
        kept.set_many(VALUES)
    kept.set_many(dict.fromkeys(list(VALUES)[:50], "short"))
    kept.delete_many(list(VALUES)[50:75])
    kept.database(3).set("gone", b"x" * 100_000, ttl=0.001)
    while "aof_buffer_length:0\r\n" not in kept.execute("INFO", "persistence"):
        pass
    before = size_of(tmp_path)
    freed = kept.compact()
    # But for a line or two of the manifest.
    assert abs(before - size_of(tmp_path) - freed) < 200
    assert freed > 2.7 * BYTES
    assert kept.compact() < BYTES / 100
    assert len(kept) == 75
    assert kept["99"] == VALUES["99"]


def test_what_is_written_meanwhile_is_kept(tmp_path):
    with dozo.open(tmp_path) as store:
        for _ in range(3):
            store.set_many(VALUES)
        began, over, last = threading.Event(), threading.Event(), 0

        def write() -> None:
            nonlocal last
            while not over.is_set():
                last += 1
                store["n"] = last
                began.set()

        writer = threading.Thread(target=write)
        writer.start()
        began.wait()
        # What is written meanwhile may be more than what was freed.
        assert store.compact() >= 0
        over.set()
        writer.join()
        assert store.compact() > 0
        assert size_of(tmp_path) < 1.5 * BYTES
    with dozo.open(tmp_path) as store:
        assert store["n"] == last
        assert store.get_many(VALUES) == VALUES


@pytest.mark.parametrize("where", ["scratch", "path", "guest"])
def test_the_tier_loses_what_was_overwritten_and_removed(where, tmp_path):
    path = None if where == "scratch" else tmp_path
    owner = dozo.open(path, disk="64mb")
    store = dozo.open(path, disk="64mb") if where == "guest" else owner
    store.set_many(VALUES, disk=True)
    store.set_many(dict.fromkeys(list(VALUES)[::2], "short"))
    before = tier_bytes(store)
    freed = store.compact()
    assert freed > BYTES * 0.4
    assert tier_bytes(store) < before - BYTES * 0.4
    assert store.compact() < BYTES / 100
    assert store.get_many(list(VALUES)[1::2]) == dict(list(VALUES.items())[1::2])
    store.clear()
    store.compact()
    assert tier_bytes(store) < BYTES / 10
    owner.close()
    store.close()


def test_a_tier_that_is_nearly_full_loses_nothing():
    """Where there is no room to write values anew they stay where they are."""
    with dozo.open(disk="4mb") as store:
        names = [str(number) for number in range(190)]
        store.set_many({name: Random(int(name)).randbytes(20_000) for name in names}, disk=True)
        assert len(store) == 190
        store.delete_many(names[::3])
        del names[::3]
        before = tier_bytes(store)
        assert store.compact() == before - tier_bytes(store)
        assert tier_bytes(store) < 3_000_000
        assert store.get_many(names) == {name: Random(int(name)).randbytes(20_000) for name in names}


def tier_bytes(store: dozo.Store) -> int:
    lines = store.execute("INFO", "tier").splitlines()
    return int(dict(line.split(":") for line in lines if ":" in line)["tier_bytes"])


def test_what_was_compacted_comes_back(tmp_path):
    with dozo.open(tmp_path, disk="64mb") as store:
        store.set_many(VALUES, disk=True)
        store.delete_many(list(VALUES)[:50])
        assert store.compact() > BYTES * 0.9
    with dozo.open(tmp_path, disk="64mb") as store:
        assert len(store) == 50
        assert store.get_many(VALUES) == dict(list(VALUES.items())[50:])


def test_two_at_a_time_come_to_an_end(tmp_path):
    with dozo.open(tmp_path, disk="64mb") as store, dozo.open(tmp_path, disk="64mb") as guest:
        store.set_many(VALUES, disk=True)
        store.delete_many(list(VALUES)[:50])
        freed: list[int] = []
        threads = [
            threading.Thread(target=lambda one=one: freed.append(one.compact()))
            for one in (store, guest, store)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert max(freed) > BYTES * 0.9
        assert store.get_many(VALUES) == dict(list(VALUES.items())[50:])


def test_a_disk_that_fails_is_told(tmp_path):
    code = """
        import resource, sys, dozo
        from dozo.errors import StoreError

        store = dozo.open(sys.argv[1])
        store["a"] = b"x" * 10000
        while "aof_buffer_length:0" not in store.execute("INFO", "persistence"):
            pass
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        try:
            print(store.compact())
        except StoreError as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print(store.compact() >= 0, len(store["a"]))
        store.close()
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout == "can't rewrite the journal: File too large\nTrue 10000\n", ended.stderr
    assert ended.returncode == 0


def test_a_closed_store():
    store = dozo.open()
    store.close()
    with pytest.raises(ClosedError):
        store.compact()
    with pytest.raises(ClosedError):
        store.compact_some()
