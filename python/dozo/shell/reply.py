"""Replies of a RESP server, with the types that the protocol gives them, and how they are printed.

Owns the shapes and both ways of printing, in redis-cli's words: `pretty` for people at a terminal, `raw` for pipes.
Refuses to read from a socket (session.py).
"""

from __future__ import annotations

from typing import Any

from redis.exceptions import ResponseError

from dozo.shell.words import quote


class Status(bytes):
    """A simple string such as OK."""


class Verbatim(bytes):
    """Text that is printed as it is."""


class Number(str):
    """A double or big number in the server's own digits."""

    __slots__ = ("kind",)
    kind: str


class Items(list[Any]):
    """An aggregate; `kind` is array, set, map or push, and a map holds keys and values in turn."""

    __slots__ = ("kind",)

    def __init__(self, kind: str, items: list[Any]) -> None:
        super().__init__(items)
        self.kind = kind

    def get(self, key: bytes, default: Any = None) -> Any:
        """Return the value of a key of a map."""
        pairs = zip(self[::2], self[1::2], strict=True)
        return next((value for name, value in pairs if name == key), default)


class ErrorReply(ResponseError):
    """An error reply, code first. It is raised when it is the whole reply, and a plain item inside others."""


_EMPTY = {"array": "(empty array)", "set": "(empty set)", "map": "(empty hash)", "push": "(empty push)"}
_MARKS = {"array": ")", "set": "~", "map": "#", "push": ">"}


def pretty(reply: Any, prefix: str = "") -> str:
    """Return the lines for a terminal, the last one ended too; prefix is the indentation of nested items."""
    if isinstance(reply, Items):
        return _pretty_items(reply, prefix)
    return _pretty_one(reply) + "\n"


def _pretty_one(reply: Any) -> str:
    match reply:
        case None:
            return "(nil)"
        case bool():
            return "(true)" if reply else "(false)"
        case int():
            return f"(integer) {reply}"
        case Number():
            return f"({reply.kind}) {reply}" if reply.kind == "double" else str(reply)
        case ErrorReply():
            return f"(error) {reply}"
        case Status() | Verbatim():
            return reply.decode("utf-8", "surrogateescape")
        case _:
            return quote(reply)


def _pretty_items(items: Items, prefix: str) -> str:
    if not items:
        return _EMPTY[items.kind] + "\n"
    step = 2 if items.kind == "map" else 1
    width = len(str(len(items) // step))
    inner = prefix + " " * (width + 2)
    lines = []
    for number, at in enumerate(range(0, len(items), step), 1):
        lead = "" if number == 1 else prefix
        text = pretty(items[at], inner)
        if items.kind == "map":
            value = pretty(items[at + 1], inner)
            # A value of several lines begins on a line of its own.
            text = f"{text[:-1]} => " + (f"\n{inner}{value}" if value.count("\n") > 1 else value)
        lines.append(f"{lead}{number:>{width}}{_MARKS[items.kind]} {text}")
    return "".join(lines)


def raw(reply: Any) -> bytes:
    """Return the bytes for a pipe: values as they are, one a line, without an end of line."""
    match reply:
        case None:
            return b""
        case bool():
            return b"(true)" if reply else b"(false)"
        case Items(kind="map"):
            pairs = zip(reply[::2], reply[1::2], strict=True)
            return b"\n".join(raw(key) + b" " + raw(value) for key, value in pairs)
        case Items():
            return b"\n".join(raw(item) for item in reply)
        case bytes():
            return reply
        case ErrorReply():
            return str(reply).encode("utf-8", "surrogateescape") + b"\n"
        case _:
            return str(reply).encode()
