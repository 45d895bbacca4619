"""CONFIG: the settings of the running server, by the names they have everywhere (dozo/config/tree.py)."""

from __future__ import annotations

from typing import Any, Final

from dozo._kernel import glob_match
from dozo.commands.api import ADMIN, LOADING, NOSCRIPT, STALE, Server, Simple, command, container
from dozo.commands.help import declare_help
from dozo.config import OLD_NAMES, SETTINGS, SettingError
from dozo.errors import ReplyError, WrongArity
from dozo.replies import OK

_GROUP: Final = "server"
_FLAGS: Final = ADMIN | NOSCRIPT | LOADING | STALE

container(
    "CONFIG",
    group=_GROUP,
    since="2.0.0",
    summary="Tells the settings of the server and changes them.",
    complexity="Depends on the subcommand.",
)
declare_help("CONFIG", group=_GROUP, since="5.0.0")


@command(
    "CONFIG GET",
    arity=-3,
    flags=_FLAGS,
    group=_GROUP,
    since="2.0.0",
    complexity="O(N) for N settings",
    args="parameter [parameter ...]",
    history=(("7.0.0", "Several patterns may be given."),),
)
def get(server: Server, *patterns: bytes) -> dict[str, str]:
    """Returns the settings whose names match one of the glob patterns."""
    values: dict[str, str] = server.config.get("*")
    values |= {old: values[name] for old, name in OLD_NAMES.items()}
    found: dict[str, str] = {}
    for pattern in patterns:
        exact = pattern.decode(errors="replace")
        if exact.lower() in values:
            found[exact] = values[exact.lower()]
        else:
            found |= {name: values[name] for name in values if glob_match(pattern, name.encode(), True)}
    return found


@command(
    "CONFIG SET",
    arity=-4,
    flags=_FLAGS,
    group=_GROUP,
    since="2.0.0",
    complexity="O(N) for N settings",
    args="parameter value [parameter value ...]",
    tips=("request_policy:all_nodes", "response_policy:all_succeeded"),
    history=(("7.0.0", "Several settings may be given."),),
)
def set_(server: Server, *words: str) -> Simple:
    """Changes settings, all of them or none."""
    if len(words) % 2:
        raise WrongArity("config|set")
    for name in words[::2]:
        if name.lower() not in SETTINGS and name.lower() not in OLD_NAMES:
            raise ReplyError(f"ERR Unknown option or number of arguments for CONFIG SET - '{name}'")
    pairs = list(zip(words[::2], words[1::2], strict=True))
    try:
        for name, value in pairs:
            _check_text(name, value)
        server.config.set(pairs)
    except SettingError as error:
        raise ReplyError(_failure(error, pairs)) from None
    return OK


def _check_text(name: str, value: str) -> None:
    """Refuse bytes that are no UTF-8: the TOML file that CONFIG REWRITE writes can't hold them."""
    if any("\udc80" <= letter <= "\udcff" for letter in value):
        raise SettingError("argument must be UTF-8 text", name.lower())


def _failure(error: SettingError, pairs: list[tuple[str, Any]]) -> str:
    """Redis's line for a setting that was refused, with the name as the client wrote it."""
    named = next(
        (name for name, _ in pairs if OLD_NAMES.get(name.lower(), name.lower()) == error.name), error.name
    )
    return f"ERR CONFIG SET failed (possibly related to argument '{named}') - {error.reason}"


@command("CONFIG RESETSTAT", flags=_FLAGS, group=_GROUP, since="2.0.0", complexity="O(1)")
def resetstat(server: Server) -> Simple:
    """Sets the counters of INFO to zero."""
    server.reset_stats()
    return OK


@command("CONFIG REWRITE", flags=_FLAGS, group=_GROUP, since="2.8.0", complexity="O(1)")
def rewrite(server: Server) -> Simple:
    """Writes the settings that were changed into the file that the server was started with."""
    try:
        server.config.rewrite()
    except SettingError as error:
        raise ReplyError(f"ERR {error.reason}") from None
    except OSError as error:
        raise ReplyError(f"ERR Rewriting config file: {error.strerror}") from None
    return OK
