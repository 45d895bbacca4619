"""The parser of a verb's options, and options that are settings: names and help come from the table of settings."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from dozo.config import SECTIONS, SETTINGS, Config, Setting, load
from dozo.config.setting import nearest
from dozo.errors import ConfigError

__all__ = ["Parser", "add_settings", "load_settings", "nearest"]

# People who don't come from Redis expect these spellings.
_SPELLINGS = {"unixsocket": "--unix-socket", "loglevel": "--log-level"}
_METAVARS = {
    "integer": "N",
    "size": "SIZE",
    "octal": "MODE",
    "boolean": "yes|no",
    "text": "TEXT",
    "texts": "TEXT",
}


class Parser(argparse.ArgumentParser):
    """argparse, with every complaint in one line that names the nearest known option."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, add_help=False, **options)
        # No -h: it is the host for `dozo cli`, as it is for redis-cli.
        self.add_argument("--help", action="help", help="show this text")

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and exiting with 2."""
        raise ConfigError(message)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse all words; the first unknown one is the error."""
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            known = [spelling.lstrip("-") for action in self._actions for spelling in action.option_strings]
            close = nearest(unknown[0].lstrip("-").split("=")[0], known)
            raise ConfigError(f"unknown option {unknown[0]}{close}")
        return options


def add_settings(parser: argparse.ArgumentParser, sections: Sequence[str] = SECTIONS) -> None:
    """Give every setting of these sections its flag, and `--config`."""
    parser.add_argument("--config", metavar="FILE", type=Path, help="TOML file with settings")
    for section in sections:
        group = parser.add_argument_group(section)
        for setting in SETTINGS.values():
            if setting.section == section:
                _add_setting(group, setting)


def load_settings(options: argparse.Namespace, defaults: Mapping[str, str] | None = None) -> Config:
    """Build the configuration from the file, the environment and the flags given; a verb may have its own defaults."""
    given = {name: getattr(options, setting.field, None) for name, setting in SETTINGS.items()}
    flags = {name: value for name, value in given.items() if value is not None}
    return load(options.config, os.environ, flags, defaults)


def _add_setting(group: Any, setting: Setting) -> None:
    spellings = [_SPELLINGS[setting.name]] if setting.name in _SPELLINGS else []
    choices = "|".join(setting.choices)
    group.add_argument(
        *spellings,
        setting.flag,
        dest=setting.field,
        metavar=_METAVARS.get(setting.kind, choices if 0 < len(choices) < 20 else "NAME"),
        action="append" if setting.kind == "texts" else "store",
        help=setting.summary.rstrip(".").replace("%", "%%"),
    )
