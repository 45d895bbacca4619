"""HELP of a container, made from the declarations of its subcommands, so that it can't lag behind them."""

from __future__ import annotations

from dozo.commands.api import LOADING, STALE, TABLE, Command, Simple, command
from dozo.commands.arguments import usage

__all__ = ["declare_help", "help_lines"]


def declare_help(container: str, *, group: str, since: str, acl: tuple[str, ...] = ()) -> None:
    """Declare `CONTAINER HELP`; what it says is gathered when it is asked."""

    @command(
        f"{container} HELP",
        flags=LOADING | STALE,
        group=group,
        since=since,
        summary="Tells what the subcommands do.",
        complexity="O(1)",
        acl=acl,
    )
    def answer() -> list[Simple]:
        found = TABLE.find(container)
        return help_lines(container, list(found.subcommands.values())) if found else []


def help_lines(container: str, subcommands: list[Command]) -> list[Simple]:
    """A heading, then two lines a subcommand: how it is called and what it does."""
    lines = [f"{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for sub in sorted(subcommands, key=lambda sub: sub.name):
        lines += (f"{sub.name.partition(' ')[2]} {usage(sub.args)}".rstrip(), f"    {sub.summary}")
    return [Simple(line) for line in lines]
