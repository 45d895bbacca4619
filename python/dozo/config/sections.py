"""The sections of another two-tier cache's TOML file: [l1] [l2] [compression] [ttl] [performance] [logging].

Owns what each name of theirs is in dozo. They are read into dozo's own settings, so that nothing behind this module
knows them: `[l1] max_memory` is `maxmemory`. A name that means nothing here is taken, and `notes` says why it does
nothing.
Refuses to be a second way inside: CONFIG, flags and variables know dozo's names only.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dozo.config import units
from dozo.config.setting import SETTINGS, Setting, SettingError

__all__ = ["FOREIGN", "NAMES", "Foreign", "Reading", "read"]

Translate = Callable[[Any], dict[str, Any]]
"""From a value of theirs to settings of dozo's; ValueError or SettingError says what is wrong with it."""

DEFAULT_FOLDER: Final = "dozo-tier"
"""Where the disk tier is when it is turned on without a directory, as in the presets."""

_POLICIES: Final = {
    "lru": "allkeys-lru",
    "lfu": "allkeys-lfu",
    "fifo": "fifo",
    "hybrid": "hybrid",
    "lrulfu": "hybrid",
    "ttl": "volatile-ttl",
    "ttlbased": "volatile-ttl",
}
_LEVELS: Final = {
    "trace": "debug",
    "debug": "debug",
    "info": "notice",
    "warn": "warning",
    "warning": "warning",
    "error": "warning",
    "off": "nothing",
}


@dataclass(frozen=True, slots=True)
class Foreign:
    """One name of theirs: what may be written, what it does here, and how it is read."""

    section: str
    name: str
    expects: str
    meaning: str
    translate: Translate
    settings: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """How errors call it."""
        return f"[{self.section}] {self.name}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file's sections come to: settings by name, where each was said, and names that do nothing."""

    values: dict[str, Any]
    places: dict[str, str]
    notes: list[str]


def read(document: Mapping[str, object]) -> Reading:
    """Translate those sections of a file that are theirs; SettingError says what is wrong with them."""
    reading = Reading({}, {}, [])
    given = [(_known(section, name), value) for section, name, value in _entries(document)]
    for foreign, value in given:
        for name, meant in _translated(foreign, value).items():
            _add(reading, name, meant, foreign.place)
        if not foreign.settings:
            reading.notes.append(f"{foreign.place} does nothing: {foreign.meaning}")
    _join(reading, {foreign.place: value for foreign, value in given})
    return reading


def _entries(document: Mapping[str, object]) -> list[tuple[str, str, object]]:
    found = []
    for section, table in document.items():
        if section not in NAMES:
            continue
        if not isinstance(table, dict):
            raise SettingError("must be a table", f"[{section}]")
        found += [(section, name, value) for name, value in table.items()]
    return found


def _known(section: str, name: str) -> Foreign:
    foreign = FOREIGN.get((section, name))
    if foreign is not None:
        return foreign
    if name in SETTINGS:
        raise SettingError(f"must stand under [{SETTINGS[name].section}], not [{section}]", name)
    here = [known.name for known in FOREIGN.values() if known.section == section]
    everywhere = [known.name for known in FOREIGN.values()]
    # One that is spelled right, but stands elsewhere, is nearest.
    close = [known for known in everywhere if known == name][:1]
    close = close or difflib.get_close_matches(name, here, 1, 0.5)
    close = close or difflib.get_close_matches(name, everywhere, 1, 0.5)
    homes = [known.section for known in FOREIGN.values() if known.name == (close or [""])[0]]
    where = "" if section in homes or not homes else f" under [{homes[0]}]"
    hint = f", did you mean '{close[0]}'{where}?" if close else ""
    raise SettingError(f"unknown setting{hint}", f"[{section}] {name}")


def _translated(foreign: Foreign, value: object) -> dict[str, Any]:
    try:
        return foreign.translate(value)
    except SettingError as error:
        raise SettingError(error.reason, foreign.place) from None
    except ValueError as error:
        raise SettingError(str(error), foreign.place) from None


def _add(reading: Reading, name: str, value: Any, place: str) -> None:
    """Take a setting; two places may say the same thing of it, but not different ones."""
    if name in reading.values and reading.values[name] != value:
        both = f"{reading.places[name]} and {place}"
        raise SettingError(f"{both} are the same setting ({name}) and differ", place)
    reading.values[name] = value
    reading.places.setdefault(name, place)


def _join(reading: Reading, said: Mapping[str, object]) -> None:
    """Bring together what they say in two names: a switch, and what holds when it is on."""
    off = {place: not _boolean(value) for place, value in said.items() if place in _SWITCHES}
    for place in off:
        reading.places.setdefault(_SWITCHES[place], place)
    if off.get("[l2] enable_l2_cache"):
        reading.values["disk-tier"] = ""
    elif "[l2] enable_l2_cache" in off and not reading.values.get("disk-tier"):
        reading.values["disk-tier"] = DEFAULT_FOLDER
    if off.get("[logging] enable_logging"):
        reading.values["loglevel"] = "nothing"
    switches = {place: off[place] for place in _COMPRESSION_SWITCHES if place in off}
    if len(set(switches.values())) > 1:
        raise SettingError("are the same setting and differ", " and ".join(switches))
    if True in switches.values():
        reading.values["compression-threshold"] = 0


_COMPRESSION_SWITCHES: Final = ("[l2] enable_compression", "[compression] enable_lz4")
_SWITCHES: Final = dict.fromkeys(_COMPRESSION_SWITCHES, "compression-threshold") | {
    "[l2] enable_l2_cache": "disk-tier",
    "[logging] enable_logging": "loglevel",
}
"""What turns something off, whatever else is said of it."""


def _same(name: str) -> Translate:
    """What has the same meaning in dozo."""
    setting: Setting = SETTINGS[name]
    return lambda value: {name: setting.accept(value)}


def _word(name: str, words: Mapping[str, str]) -> Translate:
    """A word of theirs, in any spelling of its case and with dozo's own words beside it."""

    def translate(value: object) -> dict[str, Any]:
        if not isinstance(value, str):
            raise ValueError(f"a {type(value).__name__} can't be used here, but one of {', '.join(words)}")
        plain = value.lower().replace("_", "").replace("-", "")
        known = words.get(plain, value.lower())
        if known not in SETTINGS[name].choices:
            raise ValueError(f"argument(s) must be one of the following: {', '.join(words)}")
        return {name: known}

    return translate


def _boolean(value: object) -> bool:
    if isinstance(value, str):
        return units.parse_boolean(value)
    if not isinstance(value, bool):
        raise ValueError(f"a {type(value).__name__} can't be used here, but yes or no")
    return value


def _switch(on: Mapping[str, Any], off: Mapping[str, Any]) -> Translate:
    """Yes or no, and what each of them sets."""
    return lambda value: dict(on if _boolean(value) else off)


def _workers(value: object) -> dict[str, Any]:
    """Threads that serve: the executor is one of them, the others read and write."""
    threads: int = SETTINGS["io-threads"].accept(value)
    return {"io-threads": max(threads - 1, 0)}


def _number(value: object) -> dict[str, Any]:
    """A number that does nothing, but has to be one."""
    SETTINGS["maxmemory"].accept(value)
    return {}


def _table() -> dict[tuple[str, str], Foreign]:
    """Return every name, in the order of the contract."""
    yes, size, number = "yes or no", "a size such as 100mb, or bytes", "a whole number"
    level = "LZ4 as it is used here has one level"
    nothing = "the log is a line an event, written at once"
    requests = "no line is written for a request; MONITOR and the slow log show them"
    rows: list[Foreign] = []

    def add(
        section: str,
        name: str,
        expects: str,
        setting: str,
        translate: Translate | None = None,
        more: str = "",
    ) -> None:
        meaning = f"`{setting}`{more}"
        rows.append(Foreign(section, name, expects, meaning, translate or _same(setting), (setting,)))

    def idle(section: str, name: str, expects: str, why: str) -> None:
        rows.append(Foreign(section, name, expects, why, _number if expects == number else _switch({}, {})))

    add("l1", "max_memory", size, "maxmemory")
    add("l1", "max_entries", number, "max-keys")
    add(
        "l1",
        "eviction_strategy",
        ", ".join(_POLICIES),
        "maxmemory-policy",
        _word("maxmemory-policy", _POLICIES),
    )
    add("l2", "enable_l2_cache", yes, "disk-tier", _switch({}, {}), f" empty, or in `./{DEFAULT_FOLDER}`")
    add("l2", "data_dir", "a directory", "disk-tier")
    add("l2", "clear_on_startup", yes, "disk-tier-clear")
    add("l2", "max_disk_size", size, "disk-tier-size")
    add("l2", "write_buffer_size", size, "disk-tier-write-buffer")
    add("l2", "enable_compression", yes, "compression-threshold", _switch({}, {}), " 0 for no")
    idle("l2", "compression_level", number, level)
    add("l2", "background_threads", number, "disk-tier-threads")
    strategies = {word.replace("_", ""): word for word in SETTINGS["disk-tier-strategy"].choices}
    words = ", ".join(strategies.values())
    add("l2", "l2_write_strategy", words, "disk-tier-strategy", _word("disk-tier-strategy", strategies))
    add("compression", "enable_lz4", yes, "compression-threshold", _switch({}, {}), " 0 for no")
    add("compression", "compression_threshold", size, "compression-threshold")
    idle("compression", "compression_level", number, level)
    add("ttl", "default_ttl", f"{number} of seconds", "default-ttl")
    add("ttl", "max_ttl", f"{number} of seconds", "max-ttl")
    add("ttl", "cleanup_interval", f"{number} of seconds", "expire-interval")
    add("performance", "worker_threads", number, "io-threads", _workers, ", one fewer: the executor is one")
    add("performance", "large_value_threshold", size, "large-value-threshold")
    add("performance", "enable_warmup", yes, "disk-tier-warmup")
    add("logging", "level", ", ".join(_LEVELS), "loglevel", _word("loglevel", _LEVELS))
    add("logging", "enable_colors", yes, "log-colors")
    add("logging", "show_timestamp", yes, "log-timestamp")
    slow = "slowlog-log-slower-than"
    add("logging", "enable_performance_logs", yes, slow, _switch({}, {slow: -1}), " -1 for no")
    idle("logging", "enable_audit_logs", yes, requests)
    idle("logging", "enable_cache_logs", yes, requests)
    add("logging", "enable_logging", yes, "loglevel", _switch({}, {}), " nothing for no")
    idle("logging", "enable_async", yes, nothing)
    for name in ("batch_size", "batch_interval_ms", "buffer_size"):
        idle("logging", name, number, nothing)
    return {(row.section, row.name): row for row in rows}


FOREIGN: Final = _table()
NAMES: Final = tuple(dict.fromkeys(section for section, _ in FOREIGN))
