"""`dozo serve`: read the configuration and run the server until it is told to stop."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from dozo.cli.options import assignments, setting
from dozo.config import load

Text = str | None
Texts = list[str] | None


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(serve)


def serve(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="TOML file with settings.")] = None,
    bind: Annotated[Texts, setting("bind", "ADDR")] = None,
    port: Annotated[Text, setting("port", "PORT")] = None,
    memcached_port: Annotated[Text, setting("memcached-port", "PORT")] = None,
    unixsocket: Annotated[Text, setting("unixsocket", "PATH", "--unix-socket", "--unixsocket")] = None,
    protected_mode: Annotated[Text, setting("protected-mode", "yes|no")] = None,
    io_threads: Annotated[Text, setting("io-threads", "N")] = None,
    requirepass: Annotated[Text, setting("requirepass", "PASSWORD")] = None,
    databases: Annotated[Text, setting("databases", "N")] = None,
    maxmemory: Annotated[Text, setting("maxmemory", "SIZE")] = None,
    maxmemory_policy: Annotated[Text, setting("maxmemory-policy", "NAME")] = None,
    maxclients: Annotated[Text, setting("maxclients", "N")] = None,
    load_files: Annotated[Texts, setting("load", "FILE.py", "--load")] = None,
    loglevel: Annotated[Text, setting("loglevel", "LEVEL", "--log-level", "--loglevel")] = None,
    log_format: Annotated[Text, setting("log-format", "console|json")] = None,
    set_others: Annotated[
        Texts,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other setting; see dozo config --defaults."),
    ] = None,
) -> int:
    """Serve Redis and memcached clients until SIGTERM or SIGINT."""
    given = {
        name: value
        for name, value in context.params.items()
        if value not in (None, [], ()) and name not in ("config", "set_others")
    }
    flags = {name.removesuffix("_files").replace("_", "-"): value for name, value in given.items()}
    settings = load(config, os.environ, flags | assignments(set_others))
    settings.refuse_exposure()

    from dozo.server import run

    return run(settings)
