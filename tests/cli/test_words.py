"""Splitting lines and quoting bytes, by redis-cli's rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dozo.shell.words import quote, split


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  \t ", []),
        ("set a  1", [b"set", b"a", b"1"]),
        ('set "a b" ""', [b"set", b"a b", b""]),
        (r'"\x00\xfF\n\r\t\a\b\"\\\q"', [b'\x00\xff\n\r\t\a\b"\\q']),
        (r"'it\'s \n'", [rb"it's \n"]),
        ("naïve", ["naïve".encode()]),
        ("a'b c\"d", [b"a'b", b'c"d']),
    ],
)
def test_split(line, words):
    assert split(line) == words


@pytest.mark.parametrize("line", ['"a', "'a", '"a"b', "'a'b", '"\\"', 'set "'])
def test_quotes_that_do_not_match(line):
    with pytest.raises(ValueError, match="Invalid argument"):
        split(line)


@given(st.binary())
def test_quoted_bytes_split_back(data):
    assert split(quote(data)) == [data]
    assert quote(data).isascii()
