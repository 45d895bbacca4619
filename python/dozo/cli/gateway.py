"""`dozo gateway`: open the doors of `dozo serve` that are gateways, for a server that runs elsewhere."""

from __future__ import annotations

import argparse
import os

from dozo.cli.options import add_settings, load_settings
from dozo.errors import ConfigError

_SECTIONS = ("network", "http", "grpc", "security", "log", "process")
_VARIABLE = "DOZO_UPSTREAM"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The upstream, and the settings that concern a gateway."""
    parser.add_argument(
        "--upstream",
        metavar="URL",
        help=f"redis://[user:password@]host:port, rediss://... or unix:///path; also in {_VARIABLE}",
    )
    add_settings(parser, _SECTIONS)


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    settings = load_settings(options)
    url = options.upstream or os.environ.get(_VARIABLE)
    if not url:
        raise ConfigError(f"say where the server is: --upstream redis://host:port, or {_VARIABLE}")

    from dozo import doors

    return doors.run(settings, url)
