"""`dozo bench`: put load on a server and print what it does."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""
    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    app.command(context_settings=settings, add_help_option=False)(bench)


def bench(context: typer.Context) -> int:
    """Put load on a memcached or Redis port; dozo bench --help lists its options."""
    from dozo.bench import main

    return main(context.args)
