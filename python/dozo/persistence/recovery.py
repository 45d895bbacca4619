"""What a start loads, and what a fault in it means.

Owns the choice of the files and the cutting of a torn end. A file that only ends too early (the process or the machine
went down in the middle of a write) is cut back to its last whole command, and the part cut off is kept beside it.
Anything else is damage: then the server does not start, because to go on would be to lose data without a word.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

from dozo.errors import ConfigError
from dozo.persistence.files import DataDir, Manifest

__all__ = ["Fault", "Plan", "cut_tail", "explain", "plan", "plan_of_file"]


class Plan(NamedTuple):
    """Files to be loaded, in their order, and whether what has expired is kept because commands tell of it."""

    files: tuple[Path, ...]
    is_journal: bool

    def for_kernel(self) -> list[tuple[Path | str, bool]]:
        """As `Disk.begin_loading` takes it."""
        return [(path, self.is_journal) for path in self.files]


class Fault(NamedTuple):
    """Why a file could not be loaded to its end."""

    path: Path
    at: int
    what: str
    is_torn: bool
    good: int


def plan(data: DataDir, manifest: Manifest | None) -> Plan:
    """What to load: the journal if there is one, as it is never older than the snapshot; ConfigError for lost files."""
    if manifest:
        files = tuple(data.folder / entry.name for entry in manifest.entries())
        lost = [path for path in files if not path.exists()]
        if lost:
            raise ConfigError(f"{lost[0]} is missing, though {data.manifest_path} names it")
        return Plan(files, is_journal=True)
    if data.snapshot.exists():
        return Plan((data.snapshot,), is_journal=False)
    return Plan((), is_journal=False)


def plan_of_file(path: Path) -> Plan:
    """What to load for what somebody names: a dump, an append-only file, or a journal's directory."""
    if not path.is_dir():
        if not path.exists():
            raise ConfigError(f"{path}: no such file")
        return Plan((path,), is_journal=path.suffix == ".aof")
    manifests = [*path.glob("*.manifest"), *path.glob("*/*.manifest")]
    if len(manifests) > 1:
        raise ConfigError(f"{path}: several manifests; name the directory of one of them")
    if manifests:
        folder = manifests[0].parent
        stem = manifests[0].name.removesuffix(".manifest")
        data = DataDir(folder.parent, folder=folder.name, stem=stem)
        return plan(data, data.read_manifest())
    if (path / "dump.rdb").exists():
        return Plan((path / "dump.rdb",), is_journal=False)
    raise ConfigError(f"{path}: neither a manifest nor dump.rdb is in it")


def cut_tail(fault: Fault) -> tuple[Path, int]:
    """Cut a torn end off and keep it in a file beside; that file, and how many bytes it has."""
    side = fault.path.with_name(f"{fault.path.name}.cut-{fault.good}-{int(time.time())}")
    with fault.path.open("r+b") as file:
        file.seek(fault.good)
        tail = file.read()
        with side.open("wb") as kept:
            kept.write(tail)
            kept.flush()
            os.fsync(kept.fileno())
        file.truncate(fault.good)
        os.fsync(file.fileno())
    return side, len(tail)


def explain(fault: Fault) -> str:
    """A line for whoever has to repair it."""
    return (
        f"can't load {fault.path}: {fault.what} at byte {fault.at}. Nothing was changed. "
        f"'dozo check {fault.path}' tells what is in the file, and with --fix cuts it back to what is sound"
    )
