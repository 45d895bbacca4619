"""Where settings come from: defaults, a preset, a TOML file, the environment, flags; the later one wins.

Owns reading each source and remembering it. A source that can't be read, an unknown key or a value out of bounds is a
SettingError that says where it stands.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dozo.config import presets, sections
from dozo.config.live import Config
from dozo.config.setting import SETTINGS, SettingError, find, nearest
from dozo.config.tree import SECTIONS, Tree

# A flag that may be given several times arrives as a sequence.
Flag = str | Sequence[str]

_PREFIX = "DOZO_"
# DOZO_CONFIG names the file itself, DOZO_UPSTREAM is of `dozo gateway`; Kubernetes injects the others next to a service
# that is called dozo.
_NOT_SETTINGS = ("DOZO_CONFIG", "DOZO_UPSTREAM", "DOZO_SERVICE_", "DOZO_PORT_")


def load(
    file: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Flag] | None = None,
    defaults: Mapping[str, Flag] | None = None,
) -> Config:
    """Build the configuration from a TOML file, `DOZO_...` variables and flags by setting name.

    `defaults` stand in place of the tree's.
    """
    environment = environment or {}
    path = (
        Path(file or environment.get("DOZO_CONFIG", "")) if file or environment.get("DOZO_CONFIG") else None
    )
    values: dict[str, tuple[Any, str]] = {
        name: (value, "default") for name, value in _from_flags(defaults or {}).items()
    }
    notes: list[str] = []
    if path is not None:
        said, notes = _from_file(path)
        values.update({name: (value, str(path)) for name, value in said.items()})
    values.update({name: (value, "environment") for name, value in _from_environment(environment).items()})
    values.update({name: (value, "flag") for name, value in _from_flags(flags or {}).items()})
    chosen, _ = values.get("preset", ("none", "default"))
    values = {name: (value, "preset") for name, value in presets.values(chosen).items()} | values
    tree = Tree()
    for name, (value, _) in values.items():
        setattr(getattr(tree, SETTINGS[name].section), SETTINGS[name].field, value)
    config = Config(tree, {name: source for name, (_, source) in values.items()}, path)
    config.notes = [f"{path}: {note}" for note in notes]
    return config


def _from_file(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the settings of a file, and what is to be said of names that do nothing."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingError(f"can't be read ({error.strerror})", origin=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"isn't valid TOML ({error})", origin=str(path)) from None
    values: dict[str, Any] = {}
    reading = _with_origin(str(path), lambda: sections.read(document))
    for section, table in document.items():
        if section in sections.NAMES:
            continue
        for key, value in _entries(section, table, path).items():
            values[key] = _with_origin(str(path), lambda key=key, value=value: SETTINGS[key].accept(value))
    for name, value in reading.values.items():
        if values.setdefault(name, value) != value:
            both = f"{reading.places[name]} and [{SETTINGS[name].section}] {name}"
            raise SettingError("are the same setting and differ", both, str(path))
    return values, reading.notes


def _entries(section: str, table: object, path: Path) -> dict[str, object]:
    """Return the settings of one table of the file once its name and its keys are known to be right."""
    known = {name: setting for name, setting in SETTINGS.items() if setting.section == section}
    if section in SETTINGS and not (known and isinstance(table, dict)):
        reason = f"must stand under [{SETTINGS[section].section}]"
        raise SettingError(reason, section, origin=str(path))
    if not known:
        raise SettingError(
            f"unknown section{nearest(section, (*SECTIONS, *sections.NAMES))}", f"[{section}]", str(path)
        )
    if not isinstance(table, dict):
        raise SettingError("must be a table", f"[{section}]", str(path))
    for key in table:
        if key in SETTINGS and key not in known:
            raise SettingError(f"must stand under [{SETTINGS[key].section}], not [{section}]", key, str(path))
        if key not in known:
            raise SettingError(f"unknown setting{nearest(key, SETTINGS)}", key, str(path))
    return table


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    variables = {setting.variable: setting for setting in SETTINGS.values()}
    values: dict[str, Any] = {}
    for variable, text in environment.items():
        if not variable.startswith(_PREFIX) or variable.startswith(_NOT_SETTINGS):
            continue
        if variable == "DOZO_PORT" and text.startswith("tcp://"):
            continue
        setting = variables.get(variable)
        if setting is None:
            close = nearest(variable.removeprefix(_PREFIX), SETTINGS)
            raise SettingError(f"unknown setting{close}", variable, "environment")
        values[setting.name] = _with_origin(
            "environment", lambda setting=setting, text=text: setting.parse(text)
        )
    return values


def _from_flags(flags: Mapping[str, Flag]) -> dict[str, Any]:
    return {find(name).name: find(name).accept(value) for name, value in flags.items()}


def _with_origin(origin: str, read: Any) -> Any:
    try:
        return read()
    except SettingError as error:
        raise SettingError(error.reason, error.name, origin) from None
