"""DEBUG: what test suites need to steer the server. Refuses what would look into, or break, its memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from dozo._kernel import glob_match
from dozo.commands.api import ADMIN, LOADING, NOSCRIPT, STALE, Database, Server, Simple, Verbatim, command
from dozo.commands.dump import encoded_length
from dozo.errors import NoSuchKey, NotFloat, NotInteger, ReplyError
from dozo.replies import OK

_LONGEST_MATCH: Final = 1 << 20
_HELP: Final = """\
DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:
ERROR <string>
    Answers an error with that text.
HELP
    Tells what the subcommands do.
LOG <message>
    Writes a line to the server's log.
OBJECT <key>
    Tells how the server keeps a key.
PROTOCOL <type>
    Answers a value of that type: string, integer, double, null, array, set, map, verbatim, true or false.
SET-ACTIVE-EXPIRE <0|1>
    Turns the search for expired keys off or on; keys still expire when they are looked at.
SLEEP <seconds>
    Holds the whole server up.
STRINGMATCH-LEN <length> <pattern>
    Matches a string of so many letters a with a glob pattern."""


@command(
    "DEBUG",
    arity=-2,
    flags=ADMIN | NOSCRIPT | LOADING | STALE,
    group="server",
    since="1.0.0",
    complexity="Depends on the subcommand.",
    args="",
    doc_flags=("syscmd",),
)
def debug(db: Database, server: Server, subcommand: str, *args: bytes) -> Any:
    """Steers the server for tests; DEBUG HELP tells how."""
    name = subcommand.upper()
    count, run = _SUBCOMMANDS.get(name, (-1, None))
    if run is None or len(args) != count:
        raise ReplyError(
            f"ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try DEBUG HELP."
        )
    return run(db, server, *args)


def _error(_db: Database, _server: Server, text: bytes) -> Any:
    raise ReplyError(text.decode(errors="replace"))


def _help(_db: Database, _server: Server) -> list[Simple]:
    return [Simple(line) for line in _HELP.split("\n")]


def _log(_db: Database, server: Server, message: bytes) -> Simple:
    server.log("info", f"DEBUG LOG: {message.decode(errors='replace')}")
    return OK


def _object(db: Database, _server: Server, key: bytes) -> Simple:
    value = db.peek(key)
    if value is None:
        raise NoSuchKey
    return Simple(
        f"Value at:0x0 refcount:1 encoding:{db.encoding(key)} serializedlength:{encoded_length(value)}"
        f" lru:0 lru_seconds_idle:{db.idle_seconds(key)}"
    )


def _protocol(_db: Database, _server: Server, kind: bytes) -> Any:
    name = kind.decode(errors="replace").lower()
    if name not in _EXAMPLES:
        raise ReplyError(f"ERR Wrong protocol type name. Please use one of: {'|'.join(_EXAMPLES)}")
    return _EXAMPLES[name]


def _set_active_expire(_db: Database, server: Server, on: bytes) -> Simple:
    if not on.removeprefix(b"-").isdigit():
        raise NotInteger
    server.configure("active-expire", bool(int(on)))
    return OK


def _sleep(_db: Database, server: Server, seconds: bytes) -> Simple:
    try:
        server.sleep(max(0.0, float(seconds)))
    except ValueError:
        raise NotFloat from None
    return OK


def _stringmatch_len(_db: Database, _server: Server, length: bytes, pattern: bytes) -> int:
    if not length.isdigit() or int(length) > _LONGEST_MATCH:
        raise NotInteger
    return int(glob_match(pattern, b"a" * int(length)))


_EXAMPLES: Final[dict[str, Any]] = {
    "string": b"Hello World",
    "integer": 12345,
    "double": 3.141,
    "null": None,
    "array": [0, 1, 2],
    "set": {0, 1, 2},
    "map": {0: False, 1: True, 2: False},
    "verbatim": Verbatim("This is a verbatim\nstring"),
    "true": True,
    "false": False,
}
_SUBCOMMANDS: Final[dict[str, tuple[int, Callable[..., Any]]]] = {
    "ERROR": (1, _error),
    "HELP": (0, _help),
    "LOG": (1, _log),
    "OBJECT": (1, _object),
    "PROTOCOL": (1, _protocol),
    "SET-ACTIVE-EXPIRE": (1, _set_active_expire),
    "SLEEP": (1, _sleep),
    "STRINGMATCH-LEN": (2, _stringmatch_len),
}
