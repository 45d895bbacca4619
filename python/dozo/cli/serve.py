"""`dozo serve`: read the configuration and run the server until it is told to stop."""

from __future__ import annotations

import argparse

from dozo.cli.options import add_settings, load_settings


def add_options(parser: argparse.ArgumentParser) -> None:
    """Every setting is a flag."""
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    """Serve; the exit code is the server's."""
    settings = load_settings(options)
    settings.refuse_exposure()

    from dozo import server

    return server.run(settings)
