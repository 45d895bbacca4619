"""Keys of any plain type as keys of a store, and back; tags likewise.

A str is its UTF-8, so that other clients of the same data see it as they would write it. Every other key begins with
0xFF, which no UTF-8 does, and a letter for its type: two keys are one key if and only if they are equal and of one
type, but that an int and a float of equal value are one, as with diskcache. What is made of several values is written
as the Python literal that it is, as that tells all types apart and is read back without running anything.

Refuses objects of other types, unless pickle was asked for: a key that were made of their fields alone could stand for
two objects.
"""

from __future__ import annotations

import ast
import math
import pickle
from collections.abc import Iterable
from typing import Any

_MARK = 0xFF
_PICKLED = b"\xffp"


def encode(key: object, pickled: bool = False) -> str | bytes:
    """Return what a key is called in the store."""
    kind = type(key)
    if kind is str:
        return key  # type: ignore[return-value]
    if isinstance(key, bytes) and kind is bytes:
        return b"\xffb" + key
    if isinstance(key, int) and kind is int:
        return b"\xffi%d" % key
    if isinstance(key, float) and kind is float:
        return b"\xffi%d" % key if key.is_integer() else b"\xfff" + literal(key).encode()
    try:
        return b"\xffl" + literal(key).encode("utf-8", "surrogatepass")
    except TypeError:
        if pickled:
            return _PICKLED + pickle.dumps(key, protocol=5)
        raise


def decode(raw: str | bytes, pickled: bool = False) -> Any:
    """Return the key that is called so in the store."""
    if isinstance(raw, str):
        return raw
    if not raw or raw[0] != _MARK:
        return raw.decode("utf-8", "surrogateescape")
    kind, rest = raw[1:2], raw[2:]
    if kind == b"b":
        return rest
    if kind == b"i":
        return int(rest)
    if kind in (b"f", b"l"):
        return ast.literal_eval(rest.decode("utf-8", "surrogatepass"))
    if pickled and raw.startswith(_PICKLED):
        return pickle.loads(rest)
    raise ValueError(f"no key of this cache: {raw[:40]!r}")


def literal(value: object) -> str:
    """Return the value as a Python literal that `ast.literal_eval` reads; no NaN, as it equals nothing."""
    kind = type(value)
    if value is None or kind in (str, bytes, int, bool):
        return repr(value)
    if isinstance(value, float) and kind is float and not math.isnan(value):
        return repr(value) if math.isfinite(value) else f"{'-' * (value < 0)}1e999"
    if isinstance(value, tuple) and kind is tuple:
        return f"({''.join(literal(each) + ',' for each in value)})"
    if isinstance(value, list) and kind is list:
        return f"[{','.join(map(literal, value))}]"
    if isinstance(value, dict) and kind is dict:
        return f"{{{','.join(sorted(f'{literal(k)}:{literal(v)}' for k, v in value.items()))}}}"
    raise TypeError(
        f"a key can't be made of {value!r}: it takes None, bool, int, float (no NaN), str, bytes, "
        "and tuples, lists and dicts of them"
    )


def order(key: Any) -> tuple[int, Any]:
    """Sort key as of diskcache's iterkeys: numbers, then str, then bytes, then the rest by how they are written."""
    if type(key) in (int, float):
        return 0, key
    if isinstance(key, str):
        return 1, key
    if isinstance(key, bytes):
        return 2, key
    return 3, repr(key)


def tags_of(tag: object) -> tuple[str, ...]:
    """Return a tag as the tags of a store: none for None; NUL begins those that are no str."""
    if tag is None:
        return ()
    return (tag,) if isinstance(tag, str) else ("\x00" + literal(tag),)


def tag_of(tags: Iterable[str]) -> Any:
    """Return the tag that became these tags."""
    for tag in tags:
        return ast.literal_eval(tag[1:]) if tag.startswith("\x00") else tag
    return None


def of_call(
    base: tuple[str, ...],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    typed: bool,
    ignore: Iterable[int | str],
) -> tuple[Any, ...]:
    """Return the key under which the result of a call is kept."""
    left_out = frozenset(ignore)
    given = tuple(value for place, value in enumerate(args) if place not in left_out)
    named = tuple(sorted((name, value) for name, value in kwargs.items() if name not in left_out))
    key: tuple[Any, ...] = (*base, given, named)
    if typed:
        key += tuple(type(value).__qualname__ for value in (*given, *(value for _, value in named)))
    return key
