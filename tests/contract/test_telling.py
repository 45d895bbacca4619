"""A failed assertion on long values is told in a few short lines, and at once."""

from __future__ import annotations

import pytest
from tests.telling import LONG, where_they_part

BYTES = bytes(range(256)) * 40_000
OTHER = BYTES[:5_000_000] + b"?" + BYTES[5_000_001:]
TEXT = BYTES.decode("latin-1")


@pytest.mark.parametrize(
    ("left", "right", "told"),
    [
        (BYTES, OTHER, ["bytes of 10240000 == bytes of 10240000", "from 5000000 on:", "b'\"#$%", "b'\"#$%"]),
        (BYTES, BYTES[:-1], ["bytes of 10240000 == bytes of 10239999", "from 10239999 on:"]),
        (BYTES, b"", ["bytes of 10240000 == b''", "from 0 on:"]),
        (TEXT, TEXT + "!", ["str of 10240000 == str of 10240001", "from 10240000 on:"]),
        (BYTES, TEXT, ["bytes of 10240000 == str of 10240000", "bytes of 10240000, not str of 10240000"]),
        ([1, [BYTES, 2]], [1, [OTHER, 2]], ["list of 2 == list of 2", "[1][0] from 5000000 on:"]),
        ([BYTES, 1], [BYTES, 2], ["list of 2 == list of 2", "[1] 1, not 2"]),
        ([BYTES], [BYTES, 1], ["list of 1 == list of 2", "has 1 items, not 2"]),
        (
            {"a": {b"k": BYTES}},
            {"a": {b"k": OTHER}},
            ["dict of 1 == dict of 1", "['a'][b'k'] from 5000000 on:"],
        ),
        ({"a": BYTES}, {"b": BYTES}, ["dict of 1 == dict of 1", "has other keys: ['"]),
        ({BYTES}, set(), ["set of 1 == set()", "set of 1, not set()"]),
    ],
)
def test_what_is_told_of_long_values(left: object, right: object, told: list[str]) -> None:
    with pytest.raises(AssertionError) as failed:
        assert left == right
    lines = str(failed.value).splitlines()
    assert len(told) <= len(lines) <= 6
    assert max(map(len, lines)) < 300
    for line, beginning in zip(lines, told, strict=False):
        assert line.strip().removeprefix("assert ").startswith(beginning)


def test_other_comparisons_too() -> None:
    with pytest.raises(AssertionError, match=r"^assert 'TEXT' not in str of 10240004$"):
        assert "TEXT" not in TEXT + "TEXT"


def test_short_values_are_told_by_pytest() -> None:
    with pytest.raises(AssertionError, match="At index 1 diff: b'x' != b'y'"):
        assert [b"a", b"x"] == [b"a", b"y"]


@pytest.mark.parametrize("at", [0, 1, LONG // 2, LONG - 2, LONG - 1])
def test_where_texts_part(at: int) -> None:
    text = b"x" * LONG
    changed = text[:at] + b"y" + text[at + 1 :]
    assert where_they_part(text, changed) == where_they_part(changed, text) == at
    assert where_they_part(text, text[:at]) == where_they_part(text[:at], text) == at
