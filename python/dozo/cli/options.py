"""Options that are settings: their names, help and bounds come from the table of settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from dozo.config import SETTINGS, SettingError


def setting(name: str, metavar: str, *spellings: str) -> Any:
    """Describe the option of a setting; spellings replace `--name`, the first one is shown."""
    known = SETTINGS[name]
    return typer.Option(
        *(spellings or (known.flag,)), metavar=metavar, help=known.summary, show_default=False
    )


def assignments(pairs: Sequence[str] | None) -> dict[str, str]:
    """Split the values of `--set NAME=VALUE`."""
    values = {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        if not equals:
            raise SettingError("--set takes NAME=VALUE", pair)
        values[name] = text
    return values
