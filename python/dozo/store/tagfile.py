"""The combinations of tags of a store that is kept on disk: a line of JSON each, in a file beside the data.

A line is written before any item bears its number, and no number is given to other tags that the file has or an item
bears, so that after a crash no item bears tags that it was not given. Owns that file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dozo.errors import ConfigError
from dozo.persistence.files import write_file
from dozo.store.codec import Tags

__all__ = ["KeptTags"]

_NAME: Final = "dozo-tags.jsonl"


class KeptTags(Tags):
    """Combinations of tags that outlive the process."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._path = folder / _NAME
        try:
            text = self._path.read_text("utf-8") if self._path.exists() else ""
            for number, combined in _entries(text):
                self._learn(number, combined)
            # Also takes off what a crash has left of a line.
            self._write()
            self._file = self._path.open("a", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{self._path}: {error.strerror}") from None
        self._last = max(self._names, default=0)

    def keep(self, number: int, combined: tuple[str, ...]) -> None:
        """Write a new number down."""
        self._file.write(_line(number, combined))
        self._file.flush()

    def dropped(self) -> None:
        """Write down which ones are left."""
        self._file.close()
        self._write()
        self._file = self._path.open("a", encoding="utf-8")

    def _write(self) -> None:
        if self._names or self._path.exists():
            lines = (_line(number, combined) for number, combined in self._names.items())
            write_file(self._path, "".join(lines).encode())

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def _line(number: int, combined: tuple[str, ...]) -> str:
    return f"{json.dumps([number, *combined])}\n"


def _entries(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The lines that are whole; what is not is as if it had never been written."""
    for line in text.splitlines():
        try:
            number, *combined = json.loads(line)
        except ValueError:
            continue
        if isinstance(number, int) and all(isinstance(tag, str) for tag in combined):
            yield number, tuple(combined)
