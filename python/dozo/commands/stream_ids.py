"""Ids in the arguments of stream commands, and the error lines that several of them share.

An id is the pair (ms, seq). Owns their notation; what is stored under them is the kernel's.
"""

from __future__ import annotations

import re
from typing import Final

from dozo.errors import ReplyError

__all__ = [
    "BAD_ID",
    "MAX_ID",
    "MIN_ID",
    "NO_REFERENCES",
    "Id",
    "end_id",
    "id_text",
    "interval",
    "no_group",
    "start_id",
    "strict_id",
]

Id = tuple[int, int]

_MAX: Final = 2**64 - 1
MIN_ID: Final[Id] = (0, 0)
MAX_ID: Final[Id] = (_MAX, _MAX)
BAD_ID: Final = "ERR Invalid stream ID specified as stream command argument"
NO_REFERENCES: Final = "KEEPREF"
_ID: Final = re.compile(rb"[ \t\n\v\f\r]*\+?([0-9]+)(?:-[ \t\n\v\f\r]*\+?([0-9]+))?")


def strict_id(text: bytes, seq: int = 0) -> Id:
    """The id written as `ms-seq`, or as `ms` alone, which stands for the given seq."""
    match = _ID.fullmatch(text) if len(text) < 128 else None
    if match is None:
        raise ReplyError(BAD_ID)
    ms, own = int(match[1]), seq if match[2] is None else int(match[2])
    if ms > _MAX or own > _MAX:
        raise ReplyError(BAD_ID)
    return ms, own


def id_text(of: Id) -> bytes:
    """The id as replies and effects show it."""
    return b"%d-%d" % of


def _edge(text: bytes, seq: int) -> tuple[Id, bool]:
    if text[:1] == b"(" and len(text) > 1:
        return strict_id(text[1:], seq), True
    if text == b"-":
        return MIN_ID, False
    if text == b"+":
        return MAX_ID, False
    return strict_id(text, seq), False


def start_id(text: bytes) -> Id:
    """The first id of an interval: `-`, `+`, an id, or `(` and an id that is not included."""
    found, excluded = _edge(text, 0)
    if not excluded:
        return found
    if found == MAX_ID:
        raise ReplyError("ERR invalid start ID for the interval")
    ms, seq = found
    return (ms, seq + 1) if seq < _MAX else (ms + 1, 0)


def end_id(text: bytes) -> Id:
    """The last id of an interval, written as the first."""
    found, excluded = _edge(text, _MAX)
    if not excluded:
        return found
    if found == MIN_ID:
        raise ReplyError("ERR invalid end ID for the interval")
    ms, seq = found
    return (ms, seq - 1) if seq else (ms - 1, _MAX)


def interval(start: bytes, end: bytes) -> tuple[Id, Id]:
    """Both ends of an interval."""
    return start_id(start), end_id(end)


def no_group(key: bytes, group: bytes) -> ReplyError:
    """What commands on pending entries answer when the key or its group is missing."""
    texts = (name.decode("utf-8", "surrogateescape") for name in (key, group))
    return ReplyError("NOGROUP No such key '{}' or consumer group '{}'".format(*texts))
