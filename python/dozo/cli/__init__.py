"""The command line: `dozo VERB ...`, one module a verb.

A verb parses its options, calls the part that does the work and prints; it decides nothing. Whatever is wrong is said
in one line on stderr and ends with exit code 1. Nobody imports this package.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer
from typer.main import get_command

from dozo import __version__
from dozo.cli import bench, cli, config, serve
from dozo.errors import DozoError

app = typer.Typer(name="dozo", add_completion=False, rich_markup_mode=None)
serve.register(app)
config.register(app)
cli.register(app)
bench.register(app)


@app.callback(invoke_without_command=True)
def dozo(
    context: typer.Context, version: bool = typer.Option(False, "--version", help="Print the version.")
) -> None:
    """A data server for Redis and memcached clients."""
    if version:
        print(f"dozo {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code of the process."""
    try:
        code = get_command(app).main(arguments, prog_name="dozo", standalone_mode=False)
    except (typer.TyperException, DozoError) as error:
        text = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        print(f"dozo: {text}", file=sys.stderr)
        return 1
    except typer.Abort:
        return 130
    return code if isinstance(code, int) else 0
