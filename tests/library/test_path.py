"""Stores whose data are kept: they come back, also after a crash, and a server reads the same files."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import weakref

import pytest
import redis

import dozo
from dozo.errors import ConfigError


def run(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program of its own, which may die."""
    command = [sys.executable, "-c", textwrap.dedent(code), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_everything_comes_back(tmp_path):
    with dozo.open(tmp_path) as store:
        store.set_many({"bytes": b"\xff", "text": "ä", "number": 3, "large": 2**70, "any": {"a": [1.5]}})
        store.set("tagged", 1, ttl=1000, tags=["x", "ö\n"])
        store.incr("tagged")
        store.execute("RPUSH", "list", "a", "b")
        store.set("gone", 1)
        store.delete("gone")
    with dozo.open(str(tmp_path)) as store:
        assert store.get_many(["bytes", "text", "number", "large", "any", "tagged", "gone"]) == {
            "bytes": b"\xff",
            "text": "ä",
            "number": 3,
            "large": 2**70,
            "any": {"a": [1.5]},
            "tagged": 2,
        }
        assert 900 < store.ttl("tagged") <= 1000
        assert store.tags("tagged") == ("x", "ö\n")
        assert store.execute("LRANGE", "list", 0, -1) == [b"a", b"b"]
        store.set("other", 1, tags=["y"])
        assert store.evict("x") == 1
    with dozo.open(tmp_path) as store:
        assert "tagged" not in store
        assert store.tags("other") == ("y",)
        assert store.clear() == 7


def test_a_server_reads_the_same_files(tmp_path, start_dozo):
    with dozo.open(tmp_path) as store:
        store.set("a", "from the library", ttl=1000)
    node = start_dozo("--data-dir", str(tmp_path))
    with redis.Redis(port=node.port, decode_responses=True) as client:
        assert client.get("a") == "from the library"
        client.set("b", "from a client")
        with pytest.raises(ConfigError, match="in use by another server"):
            dozo.open(tmp_path)
    node.stop()
    with dozo.open(tmp_path) as store:
        assert store.get_many(["a", "b"]) == {"a": "from the library", "b": b"from a client"}


@pytest.mark.parametrize("fsync", ["always", "everysec", "no"])
def test_a_process_that_is_killed_loses_nothing_that_it_was_told_is_kept(tmp_path, fsync):
    """With "always" what a call has stored is on the medium; else the journal's thread has it, and gets a moment."""
    code = """
        import os, signal, sys, dozo
        store = dozo.open(sys.argv[1], fsync=sys.argv[2])
        with store.redis() as client:
            for number in range(200):
                store.set(str(number), number, tags=["t"])
                client.incr("n")
        if sys.argv[2] != "always":
            while store.execute("INFO", "persistence").split("aof_buffer_length:")[1].split()[0] != "0":
                pass
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert run(code, str(tmp_path), fsync).returncode == -9
    with dozo.open(tmp_path) as store:
        assert len(store) == 201
        assert store["n"] == b"200"
        assert store["199"] == 199
        assert store.evict("t") == 200


def test_a_store_that_nobody_closes_is_closed_with_its_process(tmp_path):
    code = """
        import sys, dozo
        store = dozo.open(sys.argv[1], fsync="no")
        for number in range(1000):
            store.set(str(number), number)
    """
    assert run(code, str(tmp_path)).returncode == 0
    with dozo.open(tmp_path) as store:
        assert len(store) == 1000


def test_a_store_that_nobody_uses_any_more_is_closed(tmp_path):
    store = dozo.open(tmp_path)
    other = store.database(3)
    other["a"] = 1
    client = store.redis()
    client.ping()
    gone = weakref.ref(store.engine.kernel)
    del store, other, client
    gc.collect()
    assert gone() is None
    with dozo.open(tmp_path) as store:
        assert store.database(3)["a"] == 1


def test_the_journal_is_rewritten_between_calls(tmp_path):
    with dozo.open(tmp_path) as store:
        store.execute(
            "CONFIG", "SET", "auto-aof-rewrite-min-size", "1024", "auto-aof-rewrite-percentage", "100"
        )
        store.set_many({str(number): b"x" * 100 for number in range(2000)})
        for _ in range(50):
            store["same"] = b"y" * 1000
        store.execute("BGREWRITEAOF")
        while "aof_rewrite_in_progress:0" not in store.execute("INFO", "persistence"):
            store["same"] = b"z" * 1000
        assert store.execute("INFO", "persistence").count("aof_last_bgrewrite_status:ok") == 1
    with dozo.open(tmp_path) as store:
        assert len(store) == 2001
        assert store["same"] == b"z" * 1000


def test_damage_is_told(tmp_path):
    with dozo.open(tmp_path) as store:
        store.set_many({str(number): b"x" * 100 for number in range(100)})
    journal = max((tmp_path / "appendonlydir").glob("*.incr.aof"))
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 0xFF
    journal.write_bytes(data)
    with pytest.raises(ConfigError, match=str(journal.name)):
        dozo.open(tmp_path)
    data[len(data) // 2] ^= 0xFF
    journal.write_bytes(data)
    with dozo.open(tmp_path) as store:
        assert len(store) == 100


def test_tags_whose_file_is_lost_or_torn(tmp_path):
    """An item never gets tags that it was not given: what is not known leaves with any tag."""
    with dozo.open(tmp_path) as store:
        store.set("a", 1, tags=["x"])
        store.set("b", 1, tags=["y"])
    names = tmp_path / "dozo-tags.jsonl"
    lines = names.read_text().splitlines()
    names.write_text(lines[0] + "\n" + lines[1][:-2])
    with dozo.open(tmp_path) as store:
        assert (store.tags("a"), store.tags("b")) == (("x",), ())
        store.set("c", 1, tags=["z"])
        assert store.evict("none") == 1
        assert sorted(store) == ["a", "c"]
    with dozo.open(tmp_path) as store:
        assert store.tags("c") == ("z",)


def test_a_path_that_can_not_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        dozo.open(tmp_path / "file")


def test_a_full_disk_refuses_writes_and_recovers(tmp_path):
    """A journal that can't be written is told, and values are still read; once it can, it goes on."""
    code = """
        import resource, sys, dozo
        from dozo.errors import ReplyError

        def refused():
            try:
                store["a"] = b"x" * 1000
            except ReplyError as error:
                return error.text
            return ""

        store = dozo.open(sys.argv[1])
        store["b"] = 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        while not refused():
            pass
        print(refused().split(":")[0], store["b"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        while refused():
            pass
        store["a"] = 3
        store.close()
    """
    ended = run(code, str(tmp_path))
    assert (ended.returncode, ended.stdout) == (0, "MISCONF Errors writing to the AOF file 1\n"), ended.stderr
    with dozo.open(tmp_path) as store:
        assert store.get_many("ab") == {"a": 3, "b": 1}
