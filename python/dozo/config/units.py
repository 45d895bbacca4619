"""How settings are written: memory sizes, numbers, yes and no, as Redis reads and prints them.

Owns the conversion of one text to one value and back. Refuses to know which setting the text belongs to:
a text that can't be read raises ValueError whose message is Redis's own reason.
"""

from __future__ import annotations

import re

# Redis's rule: the bare letters count in thousands, the ones with a b in powers of 1024.
_SIZES = {
    "": 1,
    "b": 1,
    "k": 1000,
    "kb": 1 << 10,
    "m": 1000**2,
    "mb": 1 << 20,
    "g": 1000**3,
    "gb": 1 << 30,
    "t": 1000**4,
    "tb": 1 << 40,
}
_SIZE_TEXT = re.compile(r"([0-9]+)([a-z]*)", re.ASCII)
_INTEGER_TEXT = re.compile(r"-?[0-9]+", re.ASCII)


def parse_size(text: str) -> int:
    """Return the bytes that a text such as `100mb`, `1g` or `4096` stands for."""
    match = _SIZE_TEXT.fullmatch(text.strip().lower())
    if match is None or match[2] not in _SIZES:
        raise ValueError("argument must be a memory value")
    return int(match[1]) * _SIZES[match[2]]


def format_size(size: int) -> str:
    """Write bytes with the largest unit of 1024 that divides them, so that a reader recognises the number."""
    for unit in ("tb", "gb", "mb", "kb"):
        if size and size % _SIZES[unit] == 0:
            return f"{size // _SIZES[unit]}{unit}"
    return str(size)


def parse_integer(text: str) -> int:
    """Return the decimal number in text; spaces around it are allowed."""
    if _INTEGER_TEXT.fullmatch(text.strip()) is None:
        raise ValueError("argument couldn't be parsed into an integer")
    return int(text)


def parse_octal(text: str) -> int:
    """Return the file permissions that an octal text such as `700` stands for."""
    try:
        return int(text, 8)
    except ValueError:
        raise ValueError("argument couldn't be parsed as an octal number") from None


def parse_boolean(text: str) -> bool:
    """Return the meaning of `yes` or `no`; `true` and `false` are TOML's words for the same."""
    try:
        return {"yes": True, "no": False, "true": True, "false": False}[text.strip().lower()]
    except KeyError:
        raise ValueError("argument must be 'yes' or 'no'") from None
