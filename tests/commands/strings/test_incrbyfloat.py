"""INCRBYFLOAT: the digits of an 80-bit long double."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dozo.commands import extended


@pytest.mark.parametrize(
    ("value", "increment"),
    [
        ("10.50", "0.1"),
        ("5.0e3", "2.0e2"),
        ("3", "1.000000000000000005"),
        ("0.1", "0.2"),
        ("-1", "1"),
        ("1e17", "0.3"),
        ("99999999999999999999", "1"),
        ("0x1p3", "0x.8"),
        ("1", "inf"),
        ("1", "nan"),
        ("abc", "1"),
        ("1", "abc"),
        ("1", ""),
        ("", "1"),
        ("1 ", "1"),
        ("1", "1e5000"),
        ("1", "1e-5000"),
        ("1e4932", "1"),
        ("-0", "0"),
        (".5", "5."),
    ],
)
def test_incrbyfloat_prints_what_redis_prints(same, value, increment):
    same("SET", "k", value)
    same("INCRBYFLOAT", "k", increment)
    same("GET", "k")


def test_incrbyfloat_creates_and_keeps_the_time_to_live(same):
    for line in (
        "INCRBYFLOAT new 1.5",
        "GET new",
        "SET k 1 EX 100",
        "INCRBYFLOAT k 1.5",
        "TTL k",
        "INCRBYFLOAT k",
    ):
        same(line)


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_are_exact(number):
    parsed = extended.parse(b"%d" % number)
    assert parsed == number
    assert extended.text(parsed) == b"%d" % number


@settings(max_examples=200)
@given(st.binary(max_size=30))
def test_no_text_breaks_the_reader(data):
    number = extended.parse(data)
    if number is not None and number != extended.INFINITE:
        assert extended.parse(extended.text(number)) is not None
