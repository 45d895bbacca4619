"""The server's log: one line an event on standard error, for people or as JSON.

Owns the format and the least level that is written. Refuses files and rotation: whoever starts the server redirects.
It is written by hand and not with a logging library, because those cost a server that hardly logs 0.2 s at its start.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, TextIO

if TYPE_CHECKING:
    from dozo.config.tree import Log as LogSettings

__all__ = ["Level", "Log", "Logger"]

Level = Literal["debug", "info", "warning", "error"]
Logger = Callable[[Level, str], None]
"""Whatever takes events: a `Log`, or another program's own log."""

_RANKS: Final = {"debug": 0, "info": 1, "warning": 2, "error": 3}
_LEAST: Final = {"debug": 0, "verbose": 0, "notice": 1, "warning": 2, "nothing": 4}
_COLORS: Final = {"debug": "2", "info": "32", "warning": "33", "error": "31"}


class Log:
    """Writes lines of at least the level that `loglevel` (Redis's names) asks for."""

    def __init__(
        self,
        loglevel: str = "notice",
        log_format: str = "console",
        stream: TextIO | None = None,
        *,
        timestamp: bool = True,
        colors: bool = False,
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._timestamp, self._colors = timestamp, colors
        self._json = log_format == "json"
        if self._json:
            # Only here, because most servers write for people and start sooner without it; and not where a line is
            # written, because a signal that arrives during the import would find it half done.
            import json

            self._dump = json.JSONEncoder(ensure_ascii=False).encode
        self.set_level(loglevel)

    @classmethod
    def of(cls, settings: LogSettings) -> Log:
        """Return the log that these settings ask for."""
        timestamp, colors = settings.log_timestamp, settings.log_colors
        return cls(settings.loglevel, settings.log_format, timestamp=timestamp, colors=colors)

    def set_level(self, loglevel: str) -> None:
        """Change what is written from now on."""
        self._least = _LEAST[loglevel]

    def __call__(self, level: Level, message: str) -> None:
        """Write one event; a message of several lines (a traceback) stays one event."""
        if _RANKS[level] < self._least:
            return
        now = time.time()
        stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"
        if self._json:
            event = {"time": stamp, "level": level, "message": message}
            line = self._dump(event)
        else:
            line = f"{level:7} {message}"
            if self._colors:
                line = f"\x1b[{_COLORS[level]}m{level:7}\x1b[0m {message}"
            if self._timestamp:
                line = f"{stamp} {line}"
        # Neither a closed stream nor a signal in the middle of a line may take the server down.
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            print(line, file=self._stream, flush=True)
