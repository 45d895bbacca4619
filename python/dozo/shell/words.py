"""Splitting a line into arguments and quoting bytes for people, both by redis-cli's rules."""

from __future__ import annotations

import re

_ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "a": b"\a"}
_WORD = re.compile(
    r"""
    "(?P<double>(?:[^"\\]|\\.)*)"(?=\s|$)
  | '(?P<single>(?:[^'\\]|\\.)*)'(?=\s|$)
  | (?P<plain>[^\s"']\S*)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_NAMED = {ord("\\"): "\\\\", ord('"'): '\\"', 10: "\\n", 13: "\\r", 9: "\\t", 7: "\\a", 8: "\\b"}


def split(line: str) -> list[bytes]:
    r"""Return the arguments of a line; "a\x00b" and 'it\'s' are quoted ones. ValueError: quotes don't match."""
    words: list[bytes] = []
    at = 0
    while True:
        while at < len(line) and line[at].isspace():
            at += 1
        if at == len(line):
            return words
        match = _WORD.match(line, at)
        if match is None:
            raise ValueError("Invalid argument(s)")
        words.append(_unquote(match))
        at = match.end()


def quote(data: bytes) -> str:
    """Write bytes in double quotes, everything that is not printable ASCII escaped."""
    return (
        '"'
        + "".join(_NAMED.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}") for byte in data)
        + '"'
    )


def _unquote(match: re.Match[str]) -> bytes:
    if match["double"] is not None:
        return _unescape(match["double"])
    if match["single"] is not None:
        return _bytes(match["single"].replace("\\'", "'"))
    return _bytes(match["plain"])


def _unescape(text: str) -> bytes:
    parts: list[bytes] = []
    at = 0
    for match in _ESCAPE.finditer(text):
        parts.append(_bytes(text[at : match.start()]))
        code = match[1]
        parts.append(bytes.fromhex(code[1:]) if len(code) == 3 else _ESCAPES.get(code, _bytes(code)))
        at = match.end()
    return b"".join(parts) + _bytes(text[at:])


def _bytes(text: str) -> bytes:
    """Arguments come from the command line or a terminal, where bytes that aren't UTF-8 arrive as surrogates."""
    return text.encode("utf-8", "surrogateescape")
