"""The data directory: what its files are called, which of them count, and how one takes another's place.

Owns the layout that Redis 7 has: `dump.rdb`, and `appendonlydir/` with a manifest that names one base (an RDB file) and
the increments after it, in their order. A file counts from the moment in which the manifest that names it, or its own
name, is on the medium: each step is written, synced, renamed and synced again, so that a crash between any two of them
leaves the state before or after. Refuses to know what is in the files.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

from dozo.errors import ConfigError

__all__ = [
    "DataDir",
    "Entry",
    "InUseError",
    "Manifest",
    "ManifestError",
    "hold",
    "place",
    "sync_directory",
    "write_file",
]

_KINDS: Final = {"b": "base", "h": "history", "i": "increment"}
_LOCK: Final = "dozo.lock"


class InUseError(ConfigError):
    """Another process holds the data directory."""

    def __init__(self, path: Path, owner: str, role: str) -> None:
        super().__init__(f"{path} is in use by another {role} (process {owner})")
        self.role = role


class ManifestError(ConfigError):
    """A manifest that is no manifest."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the journal."""

    name: str
    number: int
    kind: str

    def line(self) -> str:
        """Its line in the manifest."""
        return f"file {_quoted(self.name)} seq {self.number} type {self.kind}\n"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of the journal: at most one base, and the increments in their order."""

    base: Entry | None = None
    increments: tuple[Entry, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Manifest:
        """Read a manifest; ManifestError says in which line it is none. History is left out."""
        manifest = cls()
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("#"):
                continue
            entry = _parse_line(line, number)
            if entry.kind == "b":
                if manifest.base:
                    raise ManifestError(f"line {number}: a second base")
                manifest = replace(manifest, base=entry)
            elif entry.kind == "i":
                if manifest.increments and entry.number <= manifest.increments[-1].number:
                    raise ManifestError(f"line {number}: an increment out of order")
                manifest = replace(manifest, increments=(*manifest.increments, entry))
        return manifest

    def text(self) -> str:
        """The manifest as it is written."""
        return "".join(entry.line() for entry in self.entries())

    def entries(self) -> Iterator[Entry]:
        """Every file, in the order in which they are loaded."""
        if self.base:
            yield self.base
        yield from self.increments

    def next_increment(self, stem: str) -> Entry:
        """The increment that comes after all others."""
        number = self.increments[-1].number + 1 if self.increments else 1
        return Entry(f"{stem}.{number}.incr.aof", number, "i")

    def next_base(self, stem: str) -> Entry:
        """The base that comes after this one."""
        number = self.base.number + 1 if self.base else 1
        return Entry(f"{stem}.{number}.base.rdb", number, "b")


def _parse_line(line: str, number: int) -> Entry:
    words = line.split()
    fields = dict(zip(words[::2], words[1::2], strict=False))
    name, seq, kind = fields.get("file", ""), fields.get("seq", ""), fields.get("type", "")
    if len(words) % 2 or not name or not seq.isdigit() or kind not in _KINDS:
        raise ManifestError(f"line {number}: no line of a manifest")
    name = name.strip('"')
    if "/" in name or os.sep in name or name in (".", ".."):
        raise ManifestError(f"line {number}: a file outside of the directory")
    return Entry(name, int(seq), kind)


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name


def sync_directory(path: Path) -> None:
    """Return when the names in a directory are on the medium."""
    if sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that after a crash there is all of it, or what was there before."""
    temporary = path.with_name(f"temp-{path.name}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    place(temporary, path)


def place(temporary: Path, path: Path) -> None:
    """Give a file that is on the medium its name, in place of another of that name."""
    os.replace(temporary, path)
    sync_directory(path.parent)


class DataDir:
    """The data directory of one server."""

    def __init__(
        self,
        path: Path,
        snapshot: str = "dump.rdb",
        folder: str = "appendonlydir",
        stem: str = "appendonly.aof",
    ) -> None:
        self.path = path
        self.snapshot = path / snapshot
        self.folder = path / folder
        self.stem = stem
        self.role = "server"
        """What others are told of whoever holds the directory."""
        self._lock: BinaryIO | None = None

    @property
    def manifest_path(self) -> Path:
        """Where the manifest is."""
        return self.folder / f"{self.stem}.manifest"

    def make(self) -> None:
        """Make the directory; ConfigError where that can't be."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{self.path}: {error.strerror}") from None

    def clean(self) -> None:
        """Remove what a crash has left half written. The directory is locked: another server may be writing else."""
        try:
            for left in (*self.path.glob("temp-*"), *self.folder.glob("temp-*")):
                left.unlink()
        except OSError as error:
            raise ConfigError(f"{self.path}: {error.strerror}") from None

    def lock(self) -> None:
        """Keep other servers out until the process ends; ConfigError when one is in."""
        self._lock = hold(self.path / _LOCK, self.role)

    def unlock(self) -> None:
        """Let others in."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def read_manifest(self) -> Manifest | None:
        """The manifest, or None where there is no journal; ManifestError when it is damaged."""
        try:
            return Manifest.parse(self.manifest_path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ManifestError(f"{self.manifest_path}: {error.strerror}") from None
        except (ManifestError, UnicodeDecodeError) as error:
            raise ManifestError(f"{self.manifest_path}: {error}") from None

    def write_manifest(self, manifest: Manifest) -> None:
        """Make the files of a manifest those that count."""
        write_file(self.manifest_path, manifest.text().encode())

    def end_journal(self) -> None:
        """Have the journal count no more. Its files stay, for whoever wants them."""
        place(self.manifest_path, self.manifest_path.with_name(f"{self.manifest_path.name}.ended"))

    def make_increment(self, entry: Entry) -> Path:
        """Make an empty increment, whose name is on the medium."""
        path = self.folder / entry.name
        with path.open("wb") as file:
            os.fsync(file.fileno())
        sync_directory(self.folder)
        return path

    def make_folder(self) -> None:
        """Make the journal's own directory."""
        self.folder.mkdir(exist_ok=True)
        sync_directory(self.path)

    def remove_others(self, manifest: Manifest) -> None:
        """Remove files of the journal that don't count any more."""
        wanted = {entry.name for entry in manifest.entries()}
        for path in self.folder.glob(f"{self.stem}.*"):
            is_part = path.name.endswith((".base.rdb", ".base.aof", ".incr.aof"))
            if is_part and path.name not in wanted:
                with contextlib.suppress(OSError):
                    path.unlink()

    def sizes(self, entries: Iterable[Entry]) -> int:
        """Bytes of files of the journal."""
        total = 0
        for entry in entries:
            with contextlib.suppress(OSError):
                total += (self.folder / entry.name).stat().st_size
        return total


def hold(path: Path, role: str) -> BinaryIO:
    """Lock a file that says who has its directory, for as long as it is open; InUseError when somebody else has."""
    try:
        file = path.open("a+b")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    if not _lock_file(file):
        file.seek(0)
        owner, _, other = file.read(64).decode(errors="replace").strip().partition(" ")
        file.close()
        raise InUseError(path.parent, owner or "unknown", other or "server")
    file.truncate(0)
    file.write(b"%d %s\n" % (os.getpid(), role.encode()))
    file.flush()
    return file


def _lock_file(file: BinaryIO) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
