"""Commands of a user, as `--load` takes them; test_load.py calls them."""

import threading
from typing import Annotated, Literal

from dozo.commands.api import (
    FAST,
    NO_REPLY,
    NULL_ARRAY,
    OK,
    READONLY,
    WRITE,
    Client,
    Counted,
    Database,
    Error,
    Flag,
    Key,
    Range,
    Server,
    Simple,
    Token,
    Verbatim,
    command,
    container,
)
from dozo.errors import NoSuchKey, ReplyError

kept: list[Database] = []


@command("T.ECHO", flags=READONLY, group="generic")
def echo(text: str, number: int, ratio: float, mode: Literal["FAST", "Slow"] = "FAST") -> list[object]:
    """Returns its arguments with their types.

    Only this second paragraph is not the summary.
    """
    return [type(text).__name__, text, number, repr(ratio), mode]


@command("T.BOUNDS", group="generic", surplus="arity")
def bounds(
    percent: Annotated[int, Range(0, 100, "ERR percent is out of range")],
    cursor: Annotated[int, Error("ERR invalid cursor"), Range(0, 2**64 - 1)] = 0,
) -> list[object]:
    """Integers with bounds."""
    return [percent, str(cursor)]


@command("T.OPTIONS", group="generic", exclusive=(("nx", "xx"), ("ex", "px")))
def options(
    key: Key,
    *,
    nx: Flag = False,
    xx: Flag = False,
    ex: int | None = None,
    px: int | None = None,
    limit: tuple[int, int] | None = None,
    get: list[bytes] | None = None,
    from_: Annotated[bytes | None, Token("FROMMEMBER")] = None,
) -> list[object]:
    """Options in any order."""
    return [key, nx, xx, ex, px, list(limit or ()), get or [], from_]


@command("T.REQUIRED", group="generic")
def required(*, by: bytes) -> bytes:
    """An option that must be given."""
    return by


@command("T.KEYS", group="generic")
def keys(db: Database, *keys: Key) -> int:
    """One key or more."""
    return len(keys)


@command("T.PAIRS", group="generic")
def pairs(*pairs: tuple[Key, bytes], ch: Flag = False) -> list[object]:
    """Options, then pairs."""
    return [ch, [list(pair) for pair in pairs]]


@command("T.COUNTED", group="generic")
def counted(*keys: Annotated[Key, Counted()], limit: int = 0) -> list[object]:
    """A number of keys, then options."""
    return [list(keys), limit]


@command("T.REPLIES", flags=READONLY | FAST, group="generic")
def replies(which: str) -> object:
    """Every kind of reply."""
    nested: list[object] = []
    nested.append(nested)
    return {
        "int": 7,
        "big": 2**70,
        "negative": -(2**63),
        "bytes": b"\x00\xff",
        "str": "ä",
        "surrogate": b"\xff!".decode("utf-8", "surrogateescape"),
        "simple": Simple("FINE"),
        "ok": OK,
        "verbatim": Verbatim("text"),
        "none": None,
        "null-array": NULL_ARRAY,
        "true": True,
        "float": 1.5,
        "list": [1, [b"a", None]],
        "tuple": (1, 2),
        "dict": {b"a": 1},
        "set": {b"a"},
        "frozenset": frozenset({b"a"}),
        "keys": dict.fromkeys([b"b", b"a"]).keys(),
        "bytes-error": ReplyError(b"MINE \xff".decode("utf-8", "surrogateescape")),
        "bytes-simple": Simple(b"\xff".decode("utf-8", "surrogateescape")),
        "bytearray": bytearray(b"x"),
        "error": ReplyError("MINE not today"),
        "errors": [1, NoSuchKey()],
        "object": object(),
        "silence": [1, NO_REPLY],
        "nested": nested,
    }[which]


@command("T.RAISE", group="generic")
def raise_(db: Database, key: Key, how: str) -> None:
    """Changes something, then fails."""
    db.set(key, b"changed")
    if how == "reply":
        raise ReplyError("MINE not today\r\n+OK")
    if how == "exit":
        raise SystemExit(3)
    if how == "recursion":
        return raise_(db, key, how)
    raise ValueError(f"the reason: {how}")


@command("T.ADD", flags=WRITE, group="string")
def add(db: Database, key: Key, amount: int) -> int:
    """Reads, then writes: without atomicity additions would be lost."""
    return int(db.incr(key, int(db.get(key) or 0) * 0 + amount))


@command("T.SET", flags=WRITE, group="string")
def set_(db: Database, key: Key, value: bytes, how: str) -> bool | None:
    """Sets, and says how it is journaled."""
    if how == "nothing":
        return None
    if how == "same":
        return db.set(key, value)
    if how == "named":
        db.set(key, value, expire_at_ms=db.now_ms + 1000)
        db.effect("SET", key, value, "PXAT", db.now_ms + 1000)
    elif how == "none":
        db.set(key, value)
        db.no_effect()
    elif how == "called":
        db.call("SET", key, value)
    return None


@command("T.CALL", flags=WRITE, group="generic")
def call(db: Database, *words: bytes) -> object:
    """Runs another command."""
    return db.call(*words)


@command("T.CATCH", flags=WRITE, group="generic")
def catch(db: Database, *words: bytes) -> str:
    """Runs another command and turns its error into text."""
    try:
        return repr(db.call(*words))
    except ReplyError as error:
        return f"{error.code}: {error.text}"


@command("T.DEEP", flags=WRITE, group="generic")
def deep(db: Database) -> object:
    """Calls itself without end."""
    return db.call("T.DEEP")


@command("T.KEEP", group="generic")
def keep(db: Database) -> str:
    """Uses the database from another thread, and keeps it for later."""
    kept.append(db)
    errors: list[str] = []

    def use() -> None:
        try:
            db.get(b"a")
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    return errors[0]


@command("T.SELF", group="generic")
def self_(db: Database, client: Client, server: Server) -> list[object]:
    """Who asks whom."""
    client.name = b"renamed"
    return [db.index, client.db, client.name, client.resp, server.databases, len(server.run_id)]


@command("T.OTHER", flags=WRITE, group="generic")
def other(db: Database, index: int, key: Key, value: bytes) -> list[object]:
    """Writes to another database than the selected one."""
    there = db.select(index)
    there.set(key, value)
    return [db.index, there.index, len(there), db.get(key), there.call("GET", key)]


container("T.BOX", group="generic", since="1.0.0", summary="Has subcommands.")


@command("T.BOX OPEN", group="generic")
def box_open(key: Key) -> bytes:
    """A subcommand."""
    return key


@command("T.STEPS", flags=WRITE, group="generic")
def steps(db: Database, *lines: bytes) -> list[object]:
    """Runs commands, each given as a line."""
    return [db.call(*line.split()) for line in lines]


@command("T.NEST", flags=WRITE, group="generic")
def nest(db: Database, depth: int) -> int:
    """Calls itself so often; how often it did."""
    return 1 + db.call("T.NEST", depth - 1) if depth else 0
