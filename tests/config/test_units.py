"""Sizes and numbers as Redis reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dozo.config import units


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1", 1),
        ("1b", 1),
        ("1k", 1000),
        ("1kb", 1024),
        ("1K", 1000),
        ("1KB", 1024),
        ("2m", 2_000_000),
        ("2mb", 2 << 20),
        ("3g", 3_000_000_000),
        ("3GB", 3 << 30),
    ],
)
def test_sizes(text, size):
    assert units.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1.5gb", "gb", "1 gb", "1gbb", "0x10", "\u0661"])
def test_not_sizes(text):
    with pytest.raises(ValueError, match="argument must be a memory value"):
        units.parse_size(text)


@given(st.integers(0, 2**63))
def test_a_written_size_reads_back(size):
    assert units.parse_size(units.format_size(size)) == size


@pytest.mark.parametrize("text", ["", "1.0", "1e3", "0x1", "one", "--1", "1_000"])
def test_not_integers(text):
    with pytest.raises(ValueError, match="couldn't be parsed into an integer"):
        units.parse_integer(text)
