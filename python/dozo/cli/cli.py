"""`dozo cli`: a prompt, a single command or a pipe of commands to a Redis or memcached server."""

from __future__ import annotations

import os
from typing import Annotated

import typer

SETTINGS = {"allow_interspersed_args": False, "help_option_names": ["--help"]}


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(context_settings=SETTINGS)(cli)


def cli(
    command: Annotated[
        list[str] | None, typer.Argument(help="One command; none opens a prompt or reads stdin.")
    ] = None,
    host: Annotated[str, typer.Option("-h", "--host", help="Name or address of the server.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option("-p", "--port", help="Port [6379, or 11211 with --memcached].")
    ] = None,
    socket: Annotated[
        str | None, typer.Option("-s", "--socket", help="Path of a unix socket instead.")
    ] = None,
    password: Annotated[
        str | None, typer.Option("-a", "--pass", help="Password; safer in the variable REDISCLI_AUTH.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="User the password belongs to.")] = None,
    database: Annotated[int, typer.Option("-n", "--database", help="Number of the database.")] = 0,
    resp2: Annotated[bool, typer.Option("-2", "--resp2", help="Speak RESP2.")] = False,
    resp3: Annotated[
        bool, typer.Option("-3", "--resp3", help="Speak RESP3 even where output is raw.")
    ] = False,
    raw: Annotated[
        bool | None, typer.Option("--raw/--no-raw", help="Print values as they are [when piped].")
    ] = None,
    memcached: Annotated[bool, typer.Option("--memcached", help="Speak memcached's text protocol.")] = False,
) -> int:
    """Talk to a server: open a prompt, run one command, or run the lines of a pipe."""
    from dozo.shell import run

    options = run.Options(
        host=host,
        port=port,
        socket=socket,
        password=password or os.environ.get("REDISCLI_AUTH"),
        user=user,
        database=database,
        protocol=2 if resp2 else 3 if resp3 else None,
        raw=raw,
        memcached=memcached,
    )
    return run.run(options, command or [])
