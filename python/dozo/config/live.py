"""The configuration of one server: the tree, where each value came from, and changing it while the server runs.

Owns CONFIG GET, SET and REWRITE apart from their replies. Refuses to know what a setting does: whoever applies a
change registers a hook with `on_change`.
"""

from __future__ import annotations

import fnmatch
import ipaddress
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from dozo.config import toml
from dozo.config.setting import SETTINGS, Setting, SettingError, find
from dozo.config.tree import Tree

# Called with the new and the old value; raising SettingError refuses the change.
Hook = Callable[[Any, Any], None]


class Config:
    """All settings of one server, typed by section: `config.network.port`, `config.memory.maxmemory`."""

    def __init__(
        self, tree: Tree | None = None, sources: Mapping[str, str] | None = None, file: Path | None = None
    ):
        self.tree = tree or Tree()
        self.file = file
        self.notes: list[str] = []
        """What is to be said of a file that was read, besides errors."""
        self._sources = dict(sources or {})
        self._hooks: dict[str, list[Hook]] = {}
        self.network = self.tree.network
        self.http = self.tree.http
        self.security = self.tree.security
        self.memory = self.tree.memory
        self.persistence = self.tree.persistence
        self.tier = self.tree.tier
        self.limits = self.tree.limits
        self.observe = self.tree.observe
        self.grpc = self.tree.grpc
        self.log = self.tree.log
        self.id = self.tree.id
        self.process = self.tree.process

    def value(self, name: str) -> Any:
        """Return the typed value of a setting by its name."""
        setting = find(name)
        return getattr(getattr(self.tree, setting.section), setting.field)

    def source(self, name: str) -> str:
        """Return where the value came from: `default`, a file's name, `environment`, `flag` or `CONFIG SET`."""
        return self._sources.get(find(name).name, "default")

    def get(self, *patterns: str) -> dict[str, str]:
        """Return the settings whose names match any of the glob patterns, as CONFIG GET prints them."""
        wanted = [pattern.lower() for pattern in patterns]
        return {
            name: setting.format(self.value(name))
            for name, setting in SETTINGS.items()
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted)
        }

    def set(self, changes: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
        """Change many settings at run time, all or none of them; SettingError names the one that is wrong."""
        pairs = list(changes.items() if isinstance(changes, Mapping) else changes)
        parsed: dict[str, tuple[Setting, Any]] = {}
        for name, text in pairs:
            setting = find(name)
            if setting.name in parsed:
                raise SettingError("duplicate parameter", setting.name)
            if not setting.live:
                raise SettingError("can't set immutable config", setting.name)
            parsed[setting.name] = (setting, setting.parse(text, self.value(setting.name)))
        self._apply(list(parsed.values()))

    def on_change(self, name: str, hook: Hook) -> None:
        """Call hook(new, old) after the setting was changed at run time."""
        self._hooks.setdefault(find(name).name, []).append(hook)

    def rewrite(self) -> Path:
        """Write the running values into the file the server was started with, keeping its comments."""
        if self.file is None:
            raise SettingError("The server is running without a config file")
        changed = {name: setting for name, setting in SETTINGS.items() if self.source(name) != "default"}
        values = {name: (setting, self.value(name)) for name, setting in changed.items()}
        try:
            text = self.file.read_text("utf-8") if self.file.exists() else ""
            toml.replace_file(self.file, toml.rewrite(text, values))
        except OSError as error:
            raise SettingError(f"{self.file}: {error.strerror}") from None
        except ValueError as error:
            raise SettingError(f"{self.file}: {error}") from None
        return self.file

    @property
    def opens_doors(self) -> bool:
        """Whether there is a gateway to open beside the server's own listeners."""
        return bool(self.http.http_port or self.grpc.grpc_port)

    def refuse_exposure(self) -> None:
        """Raise when other machines could reach a server that asks for no password and was not told to allow it."""
        outside = [address for address in self.network.bind if not _is_loopback(address)]
        ids = self.id.is_on and self.id.id_port
        ports = self.network.port or self.network.memcached_port or self.opens_doors or ids
        if outside and ports and self.network.protected_mode and not self.security.requirepass:
            reason = f"{outside[0]} is open to other machines: set requirepass, or protected-mode to no"
            raise SettingError(reason, "bind")

    def _apply(self, changes: list[tuple[Setting, Any]]) -> None:
        """Store the values and call their hooks; a hook that refuses undoes everything done so far."""
        done: list[tuple[Setting, Any, Any]] = []
        try:
            for setting, new in changes:
                old = self.value(setting.name)
                done.append((setting, new, old))
                self._store(setting, new)
                self._call_hooks(setting, new, old)
        except SettingError as error:
            for setting, new, old in reversed(done):
                self._store(setting, old)
                if setting.name != error.name:
                    self._call_hooks(setting, old, new)
            raise
        for setting, _, _ in done:
            self._sources[setting.name] = "CONFIG SET"

    def _store(self, setting: Setting, value: Any) -> None:
        setattr(getattr(self.tree, setting.section), setting.field, value)

    def _call_hooks(self, setting: Setting, new: Any, old: Any) -> None:
        for hook in self._hooks.get(setting.name, ()):
            try:
                hook(new, old)
            except SettingError as error:
                raise SettingError(error.reason, setting.name) from error


def _is_loopback(address: str) -> bool:
    name = address.removeprefix("-")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
