"""A progress bar on a terminal; nothing where standard error is a file or a pipe."""

from __future__ import annotations

import sys
from typing import Final

_WIDTH: Final = 40


class Bar:
    """Shows how far something has come; ends with the block."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        """Show that so much is done."""
        if self._shown:
            part = done / max(1, total)
            filled = "#" * int(part * _WIDTH)
            print(f"\r[{filled:{_WIDTH}}] {part:4.0%}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Take the bar away."""
        if self._shown:
            print(f"\r{'':{_WIDTH + 8}}\r", end="", file=sys.stderr, flush=True)
