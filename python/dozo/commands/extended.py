"""80-bit extended floating point, so that INCRBYFLOAT gives the digits that Redis gives.

Redis parses, adds and prints x87 `long double`s: 64 bits of mantissa, 17 digits after the point, trailing zeros cut.
Python has no such type, therefore the numbers here are exact fractions that are rounded to 64 bits after each step.
Refuses NaN; an infinity is read, but no sum comes of it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal

__all__ = ["INFINITE", "Number", "add", "parse", "text"]

INFINITE: Final = "infinite"
Number = Fraction | Literal["infinite"]

_MANTISSA_BITS = 64
_MAX_EXPONENT = 16383
_MIN_EXPONENT = -16445
_DIGITS = 17
_MAX_TEXT = 5 * 1024
_DECIMAL = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,5})?\Z")
_HEX = re.compile(rb"([+-]?)0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP]([+-]?\d{1,5}))?\Z")
_INFINITY = re.compile(rb"[+-]?inf(inity)?\Z", re.IGNORECASE)


def parse(data: bytes) -> Number | None:
    """Read what C's strtold reads; None where it is no number, or too small or too large for the format."""
    if len(data) > _MAX_TEXT:
        return None
    if _INFINITY.match(data):
        return INFINITE
    if _DECIMAL.match(data):
        # Decimal reads any number of digits; int() stops at 4300.
        exact = Fraction(Decimal(data.decode()))
    elif match := _HEX.match(data):
        sign, digits, exponent = match.groups()
        whole, _, part = digits.partition(b".")
        exact = Fraction(int(whole + part, 16), 16 ** len(part)) * Fraction(2) ** int(exponent or 0)
        exact = -exact if sign == b"-" else exact
    else:
        return None
    number = _round(exact)
    underflow = number == 0 and exact != 0
    return None if underflow else number


def add(left: Number, right: Number) -> Fraction | None:
    """The sum as the format holds it; None where it is infinite."""
    if isinstance(left, str) or isinstance(right, str):
        return None
    return _round(left + right)


def text(number: Fraction) -> bytes:
    """Print without an exponent, with as few of the 17 digits as the value needs."""
    scaled = round(abs(number) * 10**_DIGITS)
    whole, part = divmod(scaled, 10**_DIGITS)
    printed = f"{Decimal(whole):f}.{part:0{_DIGITS}d}".rstrip("0").rstrip(".")
    return f"-{printed}".encode() if number < 0 and scaled else printed.encode()


def _round(exact: Fraction) -> Fraction | None:
    """The nearest number of the format, ties to even."""
    if exact == 0:
        return exact
    magnitude = abs(exact)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    if Fraction(2) ** exponent > magnitude:
        exponent -= 1
    unit = Fraction(2) ** max(exponent - _MANTISSA_BITS + 1, _MIN_EXPONENT)
    rounded = round(magnitude / unit) * unit
    if rounded >= Fraction(2) ** (_MAX_EXPONENT + 1):
        return None
    return -rounded if exact < 0 else rounded
