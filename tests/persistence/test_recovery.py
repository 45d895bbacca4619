"""A start after a crash, on damaged files, and on a directory that is in use."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from tests.waiting import until

from dozo.testing import HOST, Node, NodeError

from .conftest import Home

FLAGS = ("--persistence", "journal", "--appendfsync", "always")


def dozo(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dozo", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def refused(home: Home, *flags: str) -> str:
    """Start a server that must not come up; what it wrote."""
    with Node.start("--data-dir", str(home.path), *flags) as node:
        assert node.wait(30) == 1
        return node.log()


def prepared(home: Home, count: int = 20) -> bytes:
    """Write so many keys, one by one; the increment's bytes."""
    node, client = home.dozo(*FLAGS)
    for number in range(count):
        client.set(f"key:{number}", "value")
    node.stop()
    return home.increment.read_bytes()


def test_a_torn_end_is_cut_and_kept_beside(home: Home) -> None:
    whole = prepared(home)
    path = home.increment
    path.write_bytes(whole[:-90])
    node, client = home.dozo(*FLAGS)
    keys = client.dbsize()
    kept = [file for file in home.journal.iterdir() if ".cut-" in file.name]
    assert len(kept) == 1
    good = int(kept[0].name.split("-")[-2])
    assert whole[:-90] == whole[:good] + kept[0].read_bytes()
    assert keys == whole[:good].count(b"SET\r\n") >= 17
    assert f"cut back to byte {good}" in node.log()
    client.set("after", "1")
    node.stop()
    _, client = home.dozo(*FLAGS)
    assert client.dbsize() == keys + 1


def test_a_torn_end_is_refused_where_that_is_asked_for(home: Home) -> None:
    path_bytes = prepared(home)
    home.increment.write_bytes(path_bytes[:-90])
    assert "dozo check" in refused(home, *FLAGS, "--aof-load-truncated", "no")


@pytest.mark.slow
def test_a_journal_cut_anywhere_near_its_end(homes: Callable[..., Home], home: Home) -> None:
    whole = prepared(home, 10)
    for length in range(len(whole) - 1, max(0, len(whole) - 120), -17):
        copy = homes(home.path.parent / f"cut{length}")
        shutil.copytree(home.journal, copy.journal)
        copy.increment.write_bytes(whole[:length])
        node, client = copy.dozo(*FLAGS)
        keys = client.dbsize()
        assert sorted(client.keys()) == sorted(b"key:%d" % number for number in range(keys))
        assert keys in (8, 9, 10)
        node.stop()


def test_damage_in_the_middle_refuses_to_start(home: Home) -> None:
    whole = bytearray(prepared(home))
    middle = len(whole) // 2
    whole[middle] ^= 1
    home.increment.write_bytes(whole)
    log = refused(home, *FLAGS)
    assert "Nothing was changed" in log
    assert "dozo check" in log
    assert home.increment.read_bytes() == whole
    found = dozo("check", home.increment)
    assert found.returncode == 1
    assert "at byte" in found.stdout
    fixed = dozo("check", "--fix", home.increment)
    assert fixed.returncode == 0, fixed.stderr
    _, client = home.dozo(*FLAGS)
    assert 0 < client.dbsize() < 20


def test_a_damaged_snapshot_refuses_to_start(home: Home) -> None:
    node, client = home.dozo("--persistence", "snapshot")
    client.execute_command("DEBUG", "POPULATE", 1000)
    client.save()
    node.stop()
    path = home.path / "dump.rdb"
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 4
    path.write_bytes(whole)
    assert str(path) in refused(home, "--persistence", "snapshot")
    path.write_bytes(whole[: len(whole) // 2])
    assert "ends too early" in refused(home, "--persistence", "snapshot")


@pytest.mark.parametrize("text", ["file ../x seq 1 type b\n", "file a seq 1 type x\n", "nonsense\n"])
def test_a_damaged_manifest_refuses_to_start(home: Home, text: str) -> None:
    prepared(home)
    (home.journal / "appendonly.aof.manifest").write_text(text)
    with pytest.raises(NodeError, match="line 1"):
        Node.start("--data-dir", str(home.path), *FLAGS)


def test_a_file_that_the_manifest_names_must_be_there(home: Home) -> None:
    prepared(home)
    home.increment.unlink()
    with pytest.raises(NodeError, match="is missing"):
        Node.start("--data-dir", str(home.path), *FLAGS)


def test_two_servers_do_not_share_a_directory(home: Home) -> None:
    node, _ = home.dozo(*FLAGS)
    with pytest.raises(NodeError, match=f"in use by another server \\(process {node.pid}\\)"):
        Node.start("--data-dir", str(home.path), *FLAGS)
    node.process.kill()
    node.process.wait()
    home.dozo(*FLAGS)


def test_clients_are_told_that_data_are_loaded(home: Home) -> None:
    node, client = home.dozo("--persistence", "snapshot")
    client.execute_command("DEBUG", "POPULATE", 400_000)
    client.save()
    node.stop()
    with Node.start("--data-dir", str(home.path), "--persistence", "snapshot") as node:
        # By itself redis-py asks again until the data are loaded.
        client = redis.Redis(HOST, node.port, retry=Retry(NoBackoff(), 0))
        seen = set()

        def loaded() -> bool:
            info = client.info("persistence")
            try:
                client.get("key:1")
            except redis.exceptions.BusyLoadingError as error:
                seen.add(str(error))
                # INFO was asked before, so it may have seen the last moment of loading, but not the moment after it.
                assert info["loading"] == 1
                assert info["loading_total_bytes"] > 0
                return False
            return True

        until("the data are loaded", loaded)
        assert seen == {"Redis is loading the dataset in memory"}
        assert client.dbsize() == 400_000
        client.close()


def test_without_persistence_no_file_is_made(home: Home) -> None:
    node, client = home.dozo("--persistence", "none")
    client.set("a", "1")
    node.stop()
    assert list(home.path.iterdir()) == []


def test_check_import_and_export(home: Home, homes: Callable[..., Home], tmp_path: Path) -> None:
    prepared(home)
    found = dozo("check", home.path)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "sound" in found.stdout
    assert "database 0: 20 keys" in found.stdout
    exported = dozo("export", "--data-dir", home.path, tmp_path / "out.rdb")
    assert exported.returncode == 0, exported.stderr
    assert "exported 20 keys" in exported.stdout
    for source in (tmp_path / "out.rdb", home.journal, home.increment):
        target = tmp_path / f"import-{source.name}"
        imported = dozo("import", "--data-dir", target, source)
        assert imported.returncode == 0, imported.stderr
        assert "imported 20 keys" in imported.stdout
        _, client = homes(target).dozo("--persistence", "snapshot")
        assert client.dbsize() == 20
    again = dozo("import", "--data-dir", tmp_path / "import-out.rdb", tmp_path / "out.rdb")
    assert again.returncode == 1
    assert "in use by another server" in again.stderr
    nothing = dozo("check", tmp_path / "nothing")
    assert nothing.returncode == 1
    assert "no such file" in nothing.stderr
