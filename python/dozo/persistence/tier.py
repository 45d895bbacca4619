"""The disk tier: where values go when memory is short, and what is said of it.

Owns the settings of the tier on their way to the kernel, and the log lines when its disk fails and when it works again.
Refuses to move values: the kernel does that, by the rules that stand here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, Final

from dozo._kernel import Disk, Server
from dozo.config import Config, SettingError
from dozo.errors import ConfigError
from dozo.log import Logger
from dozo.persistence.bound import Bound
from dozo.persistence.files import hold

__all__ = ["Tier"]

_LOCK: Final = "tier.lock"
_RULES: Final = {
    "disk-tier-strategy": "strategy",
    "large-value-threshold": "large",
    "disk-tier-min-value": "least",
    "disk-tier-min-ttl": "least-ttl",
    "disk-tier-window": "window",
}
"""Settings that may change while the server runs, and what the kernel calls them."""


class Tier:
    """The disk tier of one server, if it has one."""

    def __init__(self, config: Config, log: Logger) -> None:
        self.config, self.log = config, log
        self._disk: Disk | None = None
        self._error: str | None = None
        self._lock: BinaryIO | None = None
        self.bound: Bound | None = Bound(config)
        """Holds maxmemory for the process; None where that is not the server's own."""
        for name in _RULES:
            config.on_change(name, self._applier(name))

    def prepare(self, role: str) -> None:
        """Take the directory, in whose files nobody else may be; ConfigError says why that can't be."""
        if not self.config.tier.disk_tier:
            return
        folder = Path(self.config.tier.disk_tier).absolute()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"disk-tier {folder}: {error.strerror or error}") from None
        self._lock = hold(folder / _LOCK, role)

    def unlock(self) -> None:
        """Let others have the directory."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def begin(self, server: Server) -> None:
        """Open the tier, before anything is stored."""
        settings = self.config.tier
        if not settings.disk_tier:
            return
        folder = Path(settings.disk_tier).absolute()
        try:
            server.disk.open_tier(
                folder,
                settings.disk_tier_size,
                settings.disk_tier_write_buffer,
                settings.compression_threshold,
                settings.disk_tier_fsync != "no",
                settings.disk_tier_threads,
            )
        except OSError as error:
            raise ConfigError(f"disk-tier {folder}: {error.strerror or error}") from None
        self._disk = server.disk
        for name in _RULES:
            self._apply(name, self.config.value(name))
        self.log("info", f"disk tier in {folder}, {settings.disk_tier_size >> 20} MB")

    def watch(self, server: Server) -> None:
        """Tell the log when the tier's disk begins to fail, and when it works again."""
        if self._disk is None:
            return
        self.watch_memory()
        state = self._disk.tier_state()
        error = state["error"] if state else None
        if error and not self._error:
            self.log("error", f"the disk tier can't be written ({error}): serving from memory until it can")
        elif self._error and not error:
            self.log("info", "the disk tier is written again")
        self._error = error

    def watch_memory(self) -> None:
        """Hold the bound of memory."""
        if self._disk is not None and self.bound is not None:
            self.bound.look(self._disk)

    @property
    def is_open(self) -> bool:
        """Whether there is one."""
        return self._disk is not None

    def figures(self) -> dict[str, Any]:
        """Return what INFO tells of the tier; nothing where there is none."""
        state = self._disk.tier_state() if self._disk else None
        if state is None:
            return {}
        taken, written = state["taken_bytes"], state["written_bytes"]
        return {
            "tier_status": "failing" if state["error"] else "ok",
            "tier_error": state["error"] or "",
            "tier_bytes": state["bytes"],
            "tier_limit_bytes": state["limit"],
            "tier_live_bytes": state["live_bytes"],
            "tier_segments": state["segments"],
            "tier_keys": state["cold"],
            "tier_copied_keys": state["copied"],
            "tier_hits": state["hits"],
            "tier_blocking_hits": state["blocking_hits"],
            "tier_read_bytes": state["read_bytes"],
            "tier_promoted": state["promoted"],
            "tier_demoted": state["demoted"],
            "tier_demoted_unwritten": state["unwritten"],
            "tier_refused": state["refused"],
            "tier_dropped": state["dropped"],
            "tier_lost": state["lost"],
            "tier_damaged_records": state["damaged"],
            "tier_taken_bytes": taken,
            "tier_written_bytes": written,
            "tier_write_amplification": written / taken if taken else 1.0,
            "tier_compression_saved_bytes": state["saved_bytes"],
            "tier_data_limit_bytes": self.bound.data_bytes if self.bound else 0,
        }

    def _applier(self, name: str) -> Any:
        def apply(new: Any, old: Any) -> None:
            try:
                self._apply(name, new)
            except ValueError as error:
                raise SettingError(str(error), name) from None

        return apply

    def _apply(self, name: str, value: Any) -> None:
        if self._disk is not None:
            self._disk.set_tier_rule(_RULES[name], value)
