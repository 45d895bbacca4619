"""FUNCTION and FCALL: libraries of Lua functions.

Owns what FUNCTION means, and the form in which DUMP gives libraries away: that of an RDB file, so that redis-server
reads it. Libraries are compiled, kept and run by the kernel (crates/engine/src/scripting).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from dozo._kernel import crc64, glob_match, rdb_string
from dozo.commands.api import (
    ALLOW_BUSY,
    DENYOOM,
    NOSCRIPT,
    WRITE,
    Database,
    Simple,
    command,
    container,
)
from dozo.commands.help import declare_help
from dozo.commands.scripting import declare_run, is_flush_mode
from dozo.errors import ReplyError
from dozo.replies import OK

_GROUP: Final = "scripting"
_SINCE: Final = "7.0.0"
_ACL: Final = ("scripting",)
_ALL: Final = ("request_policy:all_shards", "response_policy:all_succeeded")
_RDB_VERSION: Final = 10
_FOOTER: Final = 10
"""Bytes after the libraries of a dump: the RDB version in two, CRC-64 in eight."""
_LIBRARY: Final = 245
"""What stands before each library in an RDB file."""
_OLD_LIBRARY: Final = 246
"""The same in the release candidates of Redis 7.0, which nobody reads any more."""

declare_run("FCALL", "function", _SINCE, "Calls a function.", notes=True, read_only=False)
declare_run("FCALL_RO", "function", _SINCE, "Calls a function that only reads.", notes=True, read_only=True)

container(
    "FUNCTION",
    group=_GROUP,
    since=_SINCE,
    summary="Manages libraries of functions.",
    complexity="Depends on the subcommand.",
)
declare_help("FUNCTION", group=_GROUP, since=_SINCE, acl=_ACL)


@command(
    "FUNCTION LOAD",
    flags=NOSCRIPT | WRITE | DENYOOM,
    group=_GROUP,
    since=_SINCE,
    complexity="O(N) for the N bytes of the library",
    arity=-3,
    args="[REPLACE] function-code",
    acl=_ACL,
    tips=_ALL,
)
def load(db: Database, *words: bytes) -> bytes:
    """Compiles a library and puts it in; returns its name."""
    *options, source = words
    for option in options:
        if option.upper() != b"REPLACE":
            raise ReplyError(f"ERR Unknown option given: {option.decode('utf-8', 'replace')}")
    name = db.scripts.load_library(source, replace=bool(options))
    db.effect("FUNCTION", "LOAD", *words)
    return name


@command(
    "FUNCTION DELETE",
    flags=NOSCRIPT | WRITE,
    group=_GROUP,
    since=_SINCE,
    complexity="O(1)",
    args="library-name",
    acl=_ACL,
    tips=_ALL,
)
def delete(db: Database, library: bytes) -> Simple:
    """Deletes a library and its functions."""
    if not db.scripts.delete_library(library):
        raise ReplyError("ERR Library not found")
    db.effect("FUNCTION", "DELETE", library)
    return OK


@command(
    "FUNCTION FLUSH",
    flags=NOSCRIPT | WRITE,
    group=_GROUP,
    since=_SINCE,
    complexity="O(N) for N functions",
    args="[ASYNC | SYNC]",
    acl=_ACL,
    tips=_ALL,
)
def flush(db: Database, *how: str) -> Simple:
    """Deletes all libraries."""
    if len(how) > 1:
        raise ReplyError(
            "ERR unknown subcommand or wrong number of arguments for 'FLUSH'. Try FUNCTION HELP."
        )
    if not is_flush_mode(how):
        raise ReplyError("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
    _delete_all(db)
    db.effect("FUNCTION", "FLUSH")
    return OK


def _delete_all(db: Database) -> None:
    for name, _source, _functions in db.scripts.libraries():
        db.scripts.delete_library(name)


@command(
    "FUNCTION LIST",
    flags=NOSCRIPT,
    group=_GROUP,
    since=_SINCE,
    complexity="O(N) for N functions",
    args="[LIBRARYNAME library-name-pattern] [WITHCODE]",
    acl=_ACL,
    tips=("nondeterministic_output_order",),
)
def list_(db: Database, *words: bytes) -> list[dict[str, Any]]:
    """Lists the libraries."""
    pattern, code = _list_options(words)
    return [
        {
            "library_name": name,
            "engine": "LUA",
            "functions": [_described(*function) for function in functions],
        }
        | ({"library_code": source} if code else {})
        for name, source, functions in db.scripts.libraries()
        if pattern is None or glob_match(pattern, name, nocase=True)
    ]


def _described(name: bytes, description: bytes | None, flags: list[str]) -> dict[str, Any]:
    return {"name": name, "description": description, "flags": dict.fromkeys(map(Simple, flags)).keys()}


def _list_options(words: tuple[bytes, ...]) -> tuple[bytes | None, bool]:
    """The pattern and whether the sources are wanted."""
    pattern, code = None, False
    rest = iter(words)
    for word in rest:
        option = word.upper()
        if option == b"WITHCODE" and not code:
            code = True
        elif option == b"LIBRARYNAME" and pattern is None:
            pattern = next(rest, None)
            if pattern is None:
                raise ReplyError("ERR library name argument was not given")
        else:
            raise ReplyError(f"ERR Unknown argument {word.decode('utf-8', 'replace')}")
    return pattern, code


@command(
    "FUNCTION STATS",
    flags=NOSCRIPT | ALLOW_BUSY,
    group=_GROUP,
    since=_SINCE,
    complexity="O(1)",
    acl=_ACL,
    tips=("nondeterministic_output", "request_policy:all_shards", "response_policy:special"),
)
def stats(db: Database) -> dict[str, Any]:
    """Tells which script or function is past its time, and how many functions there are."""
    running = db.scripts.running()
    libraries = db.scripts.libraries()
    functions = sum(len(functions) for _name, _source, functions in libraries)
    return {
        "running_script": running and dict(zip(("name", "command", "duration_ms"), running, strict=True)),
        "engines": {"LUA": {"libraries_count": len(libraries), "functions_count": functions}},
    }


@command(
    "FUNCTION KILL",
    flags=NOSCRIPT | ALLOW_BUSY,
    group=_GROUP,
    since=_SINCE,
    complexity="O(1)",
    acl=_ACL,
    tips=("request_policy:all_shards", "response_policy:one_succeeded"),
)
def kill(db: Database) -> Simple:
    """Stops the function that is past its time, if it has not written anything."""
    db.scripts.kill(function=True)
    return OK


@command(
    "FUNCTION DUMP",
    flags=NOSCRIPT,
    group=_GROUP,
    since=_SINCE,
    complexity="O(N) for N functions",
    acl=_ACL,
)
def dump(db: Database) -> bytes:
    """Returns all libraries in the form that FUNCTION RESTORE reads."""
    libraries = (bytes((_LIBRARY,)) + _string(source) for _name, source, _functions in db.scripts.libraries())
    body = b"".join(libraries) + _RDB_VERSION.to_bytes(2, "little")
    return body + crc64(body).to_bytes(8, "little")


def _string(text: bytes) -> bytes:
    """A string of an RDB file, not compressed."""
    size = len(text)
    if size < 1 << 6:
        length = bytes((size,))
    elif size < 1 << 14:
        length = bytes((0x40 | size >> 8, size & 0xFF))
    else:
        length = b"\x80" + size.to_bytes(4, "big")
    return length + text


@command(
    "FUNCTION RESTORE",
    flags=NOSCRIPT | WRITE | DENYOOM,
    group=_GROUP,
    since=_SINCE,
    complexity="O(N) for N functions of the payload",
    args="serialized-value [FLUSH | APPEND | REPLACE]",
    acl=_ACL,
    tips=_ALL,
)
def restore(db: Database, payload: bytes, *policy: str) -> Simple:
    """Puts the libraries in that FUNCTION DUMP gave away: all of them or, on an error, none."""
    if len(policy) > 1:
        raise ReplyError(
            "ERR unknown subcommand or wrong number of arguments for 'RESTORE'. Try FUNCTION HELP."
        )
    how = policy[0].upper() if policy else "APPEND"
    if how not in ("FLUSH", "APPEND", "REPLACE"):
        raise ReplyError("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
    _check_footer(payload)
    sources = list(_sources(payload[:-_FOOTER]))
    before = {name: source for name, source, _functions in db.scripts.libraries()}
    try:
        if how == "FLUSH":
            _delete_all(db)
        for source in sources:
            name = db.scripts.load_library(source, replace=how != "FLUSH")
            if how == "APPEND" and name in before:
                raise ReplyError(f"ERR Library {name.decode()} already exists")
    except ReplyError:
        _delete_all(db)
        for source in before.values():
            db.scripts.load_library(source, replace=True)
        raise
    db.effect("FUNCTION", "RESTORE", payload, how)
    return OK


def _check_footer(payload: bytes) -> None:
    version = int.from_bytes(payload[-_FOOTER:-8], "little")
    intact = len(payload) >= _FOOTER and crc64(payload[:-8]) == int.from_bytes(payload[-8:], "little")
    if not intact or version > _RDB_VERSION:
        raise ReplyError("ERR DUMP payload version or checksum are wrong")


def _sources(body: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(body):
        if body[at] == _OLD_LIBRARY:
            raise ReplyError("ERR Pre-GA function format not supported")
        if body[at] != _LIBRARY:
            raise ReplyError("ERR given type is not a function")
        try:
            source, at = rdb_string(body, at + 1)
        except ValueError:
            raise ReplyError("ERR Failed loading library data") from None
        yield source
