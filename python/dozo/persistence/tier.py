"""The disk tier: where values go when memory is short, and what is said of it.

Owns the settings of the tier on their way to the kernel, whether a start takes over what is there, which values come
to memory first, and the log lines: of a start, of a disk that fails, and of one that works again. Refuses to move
values: the kernel does that, by the rules that stand here.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, BinaryIO, Final

from dozo._kernel import Disk, Server
from dozo.config import Config, SettingError
from dozo.errors import ConfigError
from dozo.log import Logger
from dozo.persistence import warmth
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
_WARM_PART: Final = 0.8
"""The part of maxmemory that values may fill which nobody has asked for yet."""
_WARM_BYTES: Final = 1 << 30
"""The same where memory has no limit."""


class Tier:
    """The disk tier of one server, if it has one."""

    def __init__(self, config: Config, log: Logger) -> None:
        self.config, self.log = config, log
        self._disk: Disk | None = None
        self._error: str | None = None
        self._lock: BinaryIO | None = None
        self.bound: Bound | None = Bound(config)
        """Holds maxmemory for the process; None where that is not the server's own."""
        self._heat: warmth.Heat | None = None
        self.is_lasting = True
        """Whether there will be another start on its directory."""
        self._warming_since = 0.0
        self.revived = 0
        """Keys that were there at the start."""
        config.on_change("disk-tier-warmup", self._change_warmup)
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

    def begin(self, server: Server, *, revives: bool, keeps: bool) -> None:
        """Open the tier, before anything is stored.

        It `revives` what an earlier run has left where nothing else tells what is stored, and `keeps` what is in memory
        only for the next start where nothing else does.
        """
        settings = self.config.tier
        if not settings.disk_tier:
            return
        folder = Path(settings.disk_tier).absolute()
        revive = None
        if revives and not settings.disk_tier_clear:
            revive = (warmth.read(folder), self._warm_bytes() if settings.disk_tier_warmup else 0)
        began = time.monotonic()
        try:
            found = server.disk.open_tier(
                folder,
                settings.disk_tier_size,
                settings.disk_tier_write_buffer,
                settings.compression_threshold,
                settings.disk_tier_fsync != "no",
                settings.disk_tier_threads,
                revive,
            )
        except OSError as error:
            raise ConfigError(f"disk-tier {folder}: {error.strerror or error}") from None
        self._disk = server.disk
        for name in _RULES:
            self._apply(name, self.config.value(name))
        self.log("info", f"disk tier in {folder}, {settings.disk_tier_size >> 20} MB")
        if revive:
            self._tell_revived(found, time.monotonic() - began)
            # Clients may still know numbers that were given before.
            server.disk.raise_cas(time.time_ns() // 1000)
        self._begin_warmup(server)
        if keeps and self.is_lasting:
            self._heat = warmth.Heat(folder, settings.disk_tier_size, self.config.value("databases"))

    def _tell_revived(self, found: tuple[int, int, int, int], seconds: float) -> None:
        self.revived, expired, mended, given_up = found
        if self.revived or expired:
            self.log(
                "info",
                f"{self.revived} keys are on disk from before, {expired} had expired ({seconds:.3f} s)",
            )
        if mended:
            self.log("info", f"{mended} segments of the disk tier were read whole: their index ended early")
        if given_up:
            self.log(
                "warning",
                f"{given_up} segments of the disk tier were given up: damage hides what of them still holds",
            )

    def end(self, server: Server, *, saves: bool) -> None:
        """Put everything on the medium that the next start needs; what is in memory only, too, if it `saves`."""
        if self._disk is None or not self.is_lasting:
            return
        keeps = saves and self._heat is not None
        limit = self.config.value("shutdown-timeout") if keeps else 0
        try:
            written, left = server.disk.settle_tier(int(limit * 1000))
        except OSError as error:
            self.log("error", f"the disk tier can't be written ({error}): the next start lacks what it lacks")
            return
        if keeps:
            others = f", and had neither time nor room for {left} others" if left else ""
            self.log("info", f"wrote {written} values from memory to the disk tier{others}")
        if self._heat:
            self._heat.finish(server.disk)

    # Values that come to memory before anybody asks for them.

    def _warm_bytes(self) -> int:
        limit: int = self.config.value("maxmemory")
        return int(limit * _WARM_PART) if limit else _WARM_BYTES

    def _begin_warmup(self, server: Server) -> None:
        state = server.disk.tier_state()
        if state and state["warming_left"] and self.config.tier.disk_tier_warmup:
            self._warming_since = time.monotonic()
            self.log("info", f"bringing the {state['warming_left']} hottest values to memory")
            server.disk.warm_up_to(self._warm_bytes())

    def _change_warmup(self, new: bool, old: bool) -> None:
        if self._disk is not None and not new:
            self._disk.warm_up_to(0)

    def _watch_warmup(self, state: dict[str, Any]) -> None:
        if self._warming_since and not state["warming_left"]:
            seconds, self._warming_since = time.monotonic() - self._warming_since, 0.0
            self.log("info", f"brought {state['warmed']} values to memory in {seconds:.1f} s")

    def watch(self, server: Server) -> None:
        """Look at the disk, which may fail or work again, at values on their way to memory, and at what is hot."""
        state = self._disk.tier_state() if self._disk else None
        if state is None:
            return
        self.watch_memory()
        if self._heat:
            self._heat.step(server.disk)
        self._watch_warmup(state)
        error = state["error"]
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
            "tier_revived_keys": self.revived,
            "tier_warming": int(bool(self._warming_since)),
            "tier_warmed_keys": state["warmed"],
            "tier_warming_left": state["warming_left"],
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
