"""FUNCTION and FCALL: libraries of Lua functions, which Rust runs (crates/engine/src/scripting)."""

from __future__ import annotations

from typing import Final

from dozo.commands.api import ALLOW_BUSY, DENYOOM, NOSCRIPT, WRITE, Flags, container, hot
from dozo.commands.help import declare_help
from dozo.commands.scripting import declare_run

_GROUP: Final = "scripting"
_SINCE: Final = "7.0.0"
_ALL: Final = ("request_policy:all_shards", "response_policy:all_succeeded")

declare_run("FCALL", "function", _SINCE, "Calls a function.", notes=True, read_only=False)
declare_run("FCALL_RO", "function", _SINCE, "Calls a function that only reads.", notes=True, read_only=True)

container(
    "FUNCTION",
    group=_GROUP,
    since=_SINCE,
    summary="Manages libraries of functions.",
    complexity="Depends on the subcommand.",
)
declare_help("FUNCTION", group=_GROUP, since=_SINCE, acl=("scripting",))


def _declare(
    name: str, arity: int, summary: str, args: str, flags: Flags, tips: tuple[str, ...], complexity: str
) -> None:
    hot(
        f"FUNCTION {name}",
        arity=arity,
        summary=summary,
        flags=flags | NOSCRIPT,
        group=_GROUP,
        since=_SINCE,
        complexity=complexity,
        args=args,
        acl=("scripting",),
        tips=tips,
    )


_declare("DELETE", 3, "Deletes a library and its functions.", "library-name", WRITE, _ALL, "O(1)")
_declare("FLUSH", -2, "Deletes all libraries.", "[ASYNC | SYNC]", WRITE, _ALL, "O(N) for N functions")
_declare(
    "KILL",
    2,
    "Stops the running function, if it has not written anything.",
    "",
    ALLOW_BUSY,
    ("request_policy:all_shards", "response_policy:one_succeeded"),
    "O(1)",
)
_declare(
    "LIST",
    -2,
    "Lists the libraries.",
    "[LIBRARYNAME library-name-pattern] [WITHCODE]",
    Flags(0),
    ("nondeterministic_output_order",),
    "O(N) for N functions",
)
_declare(
    "LOAD",
    -3,
    "Compiles a library and puts it in.",
    "[REPLACE] function-code",
    WRITE | DENYOOM,
    _ALL,
    "O(N) for the N bytes of the library",
)
_declare(
    "STATS",
    2,
    "Tells which function runs, and how many there are.",
    "",
    ALLOW_BUSY,
    ("nondeterministic_output", "request_policy:all_shards", "response_policy:special"),
    "O(1)",
)
