"""`dozo config`: show the settings that a server would start with."""

from __future__ import annotations

import argparse

from dozo.cli.options import add_settings, load_settings
from dozo.config import toml


def add_options(parser: argparse.ArgumentParser) -> None:
    """The flags of serve, so that the answer is about the same server."""
    parser.add_argument(
        "--defaults", action="store_true", help="print a commented TOML file of defaults instead"
    )
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    """Print the effective settings, or the defaults."""
    print(toml.defaults() if options.defaults else toml.effective(load_settings(options)), end="")
    return 0
