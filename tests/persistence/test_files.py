"""The data directory: manifests, and crashes between any two steps of a change."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dozo.errors import ConfigError
from dozo.persistence import DataDir, Manifest, ManifestError, SavePoint, files, parse_points
from dozo.persistence.files import Entry
from dozo.persistence.points import is_due


def test_a_manifest_is_read_as_it_was_written() -> None:
    base, one = Entry("a.1.base.rdb", 1, "b"), Entry("a.1.incr.aof", 1, "i")
    manifest = Manifest(base, (one, Entry("with space.2.incr.aof".replace(" ", "_"), 2, "i")))
    assert Manifest.parse(manifest.text()) == manifest
    text = "#comment\nfile a.1.base.rdb seq 1 type b\nfile old seq 1 type h\nfile a.1.incr.aof seq 1 type i\n"
    assert Manifest.parse(text) == Manifest(base, (one,))


@pytest.mark.parametrize(
    "text",
    ["file a seq 1", "seq 1 type b", "file a seq x type b", "file a/b seq 1 type i", "file .. seq 1 type i"],
)
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(ManifestError, match="line 1"):
        Manifest.parse(text)


def test_a_manifest_has_one_base_and_increments_in_order() -> None:
    with pytest.raises(ManifestError, match="line 2: a second base"):
        Manifest.parse("file a seq 1 type b\nfile b seq 2 type b\n")
    with pytest.raises(ManifestError, match="line 2: an increment out of order"):
        Manifest.parse("file a seq 2 type i\nfile b seq 2 type i\n")


def test_save_points() -> None:
    points = parse_points("3600 1 60 10000")
    assert points == (SavePoint(3600, 1), SavePoint(60, 10000))
    assert parse_points("") == ()
    assert is_due(points, 3601, 1)
    assert not is_due(points, 3599, 9999)
    assert is_due(points, 61, 10000)
    for text in ("1", "a b", "0 1", "-1 1"):
        with pytest.raises(ValueError, match="Invalid save parameters"):
            parse_points(text)


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", range(1, 20))
def test_a_crash_between_two_steps_leaves_the_state_before_or_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    data = DataDir(tmp_path)
    data.make()
    data.make_folder()
    before = Manifest(
        Entry("appendonly.aof.1.base.rdb", 1, "b"), (Entry("appendonly.aof.1.incr.aof", 1, "i"),)
    )
    for entry in before.entries():
        (data.folder / entry.name).write_bytes(b"old")
    data.write_manifest(before)
    increment, base = before.next_increment(data.stem), before.next_base(data.stem)
    extended = Manifest(before.base, (*before.increments, increment))
    after = Manifest(base, (increment,))
    crash_after(monkeypatch, step)
    done = False
    try:
        data.make_increment(increment)
        data.write_manifest(extended)
        (data.folder / "temp-rewrite.rdb").write_bytes(b"new")
        files.place(data.folder / "temp-rewrite.rdb", data.folder / base.name)
        data.write_manifest(after)
        data.remove_others(after)
        done = True
    except Crash:
        pass
    monkeypatch.undo()
    data.clean()
    found = data.read_manifest()
    assert found in (before, extended, after)
    assert found == after or not done
    assert found is not None
    for entry in found.entries():
        assert (data.folder / entry.name).exists(), f"{entry.name} counts, but is gone"
    assert not list(tmp_path.glob("**/temp-*"))


def crash_after(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Have the process end before the step of that number, counted over all calls that change what a crash leaves."""
    left = step

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def counting(*args: object, **options: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                raise Crash
            return call(*args, **options)

        return counting

    monkeypatch.setattr(os, "fsync", counted(os.fsync))
    monkeypatch.setattr(os, "replace", counted(os.replace))
    monkeypatch.setattr(Path, "unlink", counted(Path.unlink))


def test_a_directory_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        DataDir(tmp_path / "file" / "data").make()
