"""What a failed comparison tells of long bytes and texts: how long they are and where they part.

Owns that text. Refuses short values: pytest's own comparison is better for those, and takes minutes for long ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

LONG = 10_000
"""From this length on, pytest's comparison of two texts takes seconds."""
_AROUND = 30
_SHOWN = 100
_TEXTS = (bytes, bytearray, str)


def briefly(operator: str, left: object, right: object) -> list[str] | None:
    """Return what to tell of a comparison that did not hold; None where pytest tells it well."""
    if not (_is_long(left) or _is_long(right)):
        return None
    told = [f"{_short(left)} {operator} {_short(right)}"]
    if operator == "==":
        told += _difference(left, right, "")
    return told


def _is_long(value: object) -> bool:
    return any(len(text) >= LONG for text in _texts_of(value))


def _texts_of(value: object) -> Iterator[bytes | bytearray | str]:
    if isinstance(value, _TEXTS):
        yield value
    elif isinstance(value, dict):
        for item in value.items():
            yield from _texts_of(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _texts_of(item)


def _short(value: Any) -> str:
    if _is_long(value):
        return f"{type(value).__name__} of {len(value)}"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _difference(left: Any, right: Any, where: str) -> list[str]:
    """What is to be told of the first difference of two values that are not equal."""
    if isinstance(left, list | tuple) and type(left) is type(right):
        for at, (one, other) in enumerate(zip(left, right, strict=False)):
            if one != other:
                return _difference(one, other, f"{where}[{at}]")
        return [f"{where} has {len(left)} items, not {len(right)}".lstrip()]
    if isinstance(left, dict) and isinstance(right, dict):
        for key in left.keys() & right.keys():
            if left[key] != right[key]:
                return _difference(left[key], right[key], f"{where}[{_short(key)}]")
        return [f"{where} has other keys: {_short([*(left.keys() ^ right.keys())])}".lstrip()]
    if (
        isinstance(left, _TEXTS)
        and isinstance(right, _TEXTS)
        and isinstance(left, str) == isinstance(right, str)
    ):
        at = where_they_part(left, right)
        around = slice(max(at - _AROUND, 0), at + _AROUND)
        return [f"{where} from {at} on:".lstrip(), repr(left[around]), repr(right[around])]
    return [f"{where} {_short(left)}, not {_short(right)}".lstrip()]


def where_they_part(left: bytes | bytearray | str, right: bytes | bytearray | str) -> int:
    """Return the first place at which two texts differ, or one has ended."""
    same, most = 0, min(len(left), len(right))
    while same < most:
        middle = (same + most + 1) // 2
        if left[same:middle] == right[same:middle]:
            same = middle
        else:
            most = middle - 1
    return same
