"""What the prompt knows about commands: names to complete and the syntax to show, from the server's COMMAND DOCS.

Owns turning COMMAND DOCS into one line of syntax a command. Refuses to know any command itself, so a command that a
user registered completes like a built-in one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dozo.shell.reply import ErrorReply, Items
from dozo.shell.session import Session


@dataclass(frozen=True)
class Hint:
    """One command or subcommand, its name in capitals."""

    name: str
    syntax: str
    summary: str
    group: str
    since: str


def load_hints(session: Session) -> dict[str, Hint]:
    """Return the commands of the server by name; a server that doesn't tell leaves the prompt without hints."""
    docs = session.call(b"COMMAND", b"DOCS")
    return {} if isinstance(docs, ErrorReply) else read_docs(docs)


def read_docs(docs: Any) -> dict[str, Hint]:
    """Read the reply of COMMAND DOCS, a map in RESP3 and a flat array in RESP2."""
    hints: dict[str, Hint] = {}
    for name, entry in _pairs(docs):
        fields = dict(_pairs(entry))
        _add(hints, name, fields)
        for subname, subentry in _pairs(fields.get("subcommands")):
            _add(hints, subname.replace("|", " "), dict(_pairs(subentry)))
    return dict(sorted(hints.items()))


def _add(hints: dict[str, Hint], name: str, fields: dict[str, Any]) -> None:
    name = name.upper()
    syntax = " ".join(_argument(dict(_pairs(argument))) for argument in fields.get("arguments") or ())
    text = {key: _text(fields.get(key)) for key in ("summary", "group", "since")}
    hints[name] = Hint(name, syntax, text["summary"], text["group"], text["since"])


def _argument(fields: dict[str, Any]) -> str:
    """Write one argument as Redis's documentation does: token name, [optional], name [name ...], a|b."""
    kind = _text(fields.get("type"))
    token = _text(fields.get("token"))
    flags = {_text(flag) for flag in fields.get("flags") or ()}
    parts = [_argument(dict(_pairs(part))) for part in fields.get("arguments") or ()]
    name = _text(fields.get("display_text")) or _text(fields.get("name"))
    text = {"oneof": "|".join(parts), "block": " ".join(parts), "pure-token": ""}.get(kind, name)
    if kind == "oneof" and "optional" not in flags:
        text = f"<{text}>"
    if token and "multiple-token" not in flags:
        text = f"{token} {text}".rstrip()
    if "multiple" in flags:
        text = f"{text} [{text} ...]"
    if token and "multiple-token" in flags:
        text = f"{token} {text}"
    return f"[{text}]" if "optional" in flags else text


def _pairs(reply: Any) -> list[tuple[str, Any]]:
    if not isinstance(reply, Items):
        return []
    return [(_text(key), value) for key, value in zip(reply[::2], reply[1::2], strict=False)]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
