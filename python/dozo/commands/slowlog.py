"""SLOWLOG: the commands that took longer than slowlog-log-slower-than."""

from __future__ import annotations

from typing import Annotated, Any, Final

from dozo.commands.api import ADMIN, LOADING, STALE, Error, Range, Server, Simple, command, container
from dozo.commands.help import declare_help
from dozo.replies import OK

_GROUP: Final = "server"
_FLAGS: Final = ADMIN | LOADING | STALE
_BAD_COUNT: Final = "ERR count should be greater than or equal to -1"

container(
    "SLOWLOG",
    group=_GROUP,
    since="2.2.12",
    summary="Tells which commands were slow.",
    complexity="Depends on the subcommand.",
)
declare_help("SLOWLOG", group=_GROUP, since="6.2.0")


@command(
    "SLOWLOG GET",
    flags=_FLAGS,
    group=_GROUP,
    since="2.2.12",
    complexity="O(N) for N entries returned",
    tips=("request_policy:all_nodes", "nondeterministic_output"),
    history=(("4.0.0", "Each entry names the connection's address and name."),),
)
def get(
    server: Server, count: Annotated[int, Range(-1, error=_BAD_COUNT), Error(_BAD_COUNT)] = 10
) -> list[Any]:
    """Returns the newest entries: id, unix seconds, microseconds, arguments, address and name; -1 returns all."""
    entries = server.slowlog()
    return [list(entry) for entry in (entries if count == -1 else entries[:count])]


@command(
    "SLOWLOG LEN",
    flags=_FLAGS,
    group=_GROUP,
    since="2.2.12",
    complexity="O(1)",
    tips=("request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"),
)
def length(server: Server) -> int:
    """Returns how many entries the slow log has."""
    return len(server.slowlog())


@command(
    "SLOWLOG RESET",
    flags=_FLAGS,
    group=_GROUP,
    since="2.2.12",
    complexity="O(N) for N entries",
    tips=("request_policy:all_nodes", "response_policy:all_succeeded"),
)
def reset(server: Server) -> Simple:
    """Empties the slow log."""
    server.slowlog_reset()
    return OK
