"""`dozo config`: show the settings that a server would start with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from dozo.cli.options import assignments
from dozo.config import load, toml


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(config)


def config(
    file: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="TOML file with settings.")
    ] = None,
    set_values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting, as serve's flag.")
    ] = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Print a commented TOML file of defaults.")
    ] = False,
) -> None:
    """Print the settings that serve would use and where each comes from."""
    print(
        toml.defaults() if defaults else toml.effective(load(file, os.environ, assignments(set_values))),
        end="",
    )
