"""Commands and replies as JSON.

A string stands for its UTF-8 bytes. Bytes that are no UTF-8 are `{"base64": "..."}`, both ways; as replies have the
shapes of RESP2, no other object stands for a value, and `{"error": "..."}` for an error inside of a list.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final

from dozo.errors import ReplyError
from dozo.gateway.upstream import Reply, Word
from dozo.http.problems import Problem

__all__ = ["read_command", "read_json", "to_json"]

_MAX_WORDS: Final = 1 << 20
_EXPECTED: Final = 'a command is an array: its name, then strings, numbers or {"base64": ...}'


def read_json(data: bytes) -> Any:
    """What a body holds."""
    try:
        return json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Problem(400, "the body is not JSON") from None


def read_command(words: Any) -> list[Word]:
    """The words of a command."""
    if not isinstance(words, list) or not words or len(words) > _MAX_WORDS:
        raise Problem(400, _EXPECTED)
    return [_word(word) for word in words]


def to_json(reply: Reply) -> Any:
    """A reply as what JSON can say."""
    if isinstance(reply, bytes):
        try:
            return reply.decode("utf-8")
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(reply).decode("ascii")}
    if isinstance(reply, list):
        return [to_json(part) for part in reply]
    return {"error": reply.text} if isinstance(reply, ReplyError) else reply


def _word(word: Any) -> Word:
    if isinstance(word, str):
        try:
            return word.encode("utf-8")
        except UnicodeEncodeError:
            raise Problem(400, "half of a surrogate pair is no character") from None
    if isinstance(word, bool):
        raise Problem(400, _EXPECTED)
    if isinstance(word, int):
        return str(word)
    if isinstance(word, float):
        return repr(word)
    if isinstance(word, dict) and word.keys() == {"base64"} and isinstance(word["base64"], str):
        try:
            return base64.b64decode(word["base64"], validate=True)
        except (binascii.Error, ValueError):
            raise Problem(400, "base64 is malformed") from None
    raise Problem(400, _EXPECTED)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
