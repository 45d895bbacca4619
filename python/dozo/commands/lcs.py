"""LCS: the longest common subsequence of two strings.

The table of lengths is kept as one bit per cell (Crochemore, Iliopoulos, Pinzon and Reid, "A fast and practical
bit-vector algorithm for the longest common subsequence problem", 2001): in row i, bit j-1 is clear where one more byte
of the second string lengthens the subsequence. A row is a Python int, so a row costs a few big-number operations, and
the way back through the table needs only single bits. Ties are broken as Redis breaks them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from dozo.commands.api import READONLY, Database, Key, command
from dozo.commands.numbers import integer
from dozo.errors import ReplyError, SyntaxError_, WrongType

_MAX_TABLE_BYTES: Final = 512 << 20
_CELL_BYTES: Final = 4

Run = tuple[int, int, int]
"""A common run: its first position in both strings and its length."""


@command(
    "LCS",
    keys=(1, 2, 1),
    key_flags="RO access",
    flags=READONLY,
    group="string",
    since="7.0.0",
    complexity="O(N*M) for strings of N and M bytes",
    args="key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
)
def lcs(db: Database, key1: Key, key2: Key, *words: bytes) -> Any:
    """Returns the longest common subsequence of two strings, its length (LEN) or where its runs are (IDX)."""
    first, second = _string(db, key1), _string(db, key2)
    # The keys come before the options in Redis, also in what is told to be wrong.
    options, minmatchlen = _options(words)
    idx = b"IDX" in options
    if idx and b"LEN" in options:
        raise ReplyError("ERR If you want both the length and indexes, please just use IDX.")
    if (len(first) + 1) * (len(second) + 1) * _CELL_BYTES > _MAX_TABLE_BYTES:
        raise ReplyError("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
    rows = _table(first, second)
    length = len(second) - rows[-1].bit_count()
    if b"LEN" in options:
        return length
    runs = list(_runs(first, second, rows))
    if not idx:
        return b"".join(first[start : start + size] for start, _, size in reversed(runs))
    matches: list[list[Any]] = []
    for start, other, size in runs:
        if size >= minmatchlen:
            match: list[Any] = [[start, start + size - 1], [other, other + size - 1]]
            matches.append([*match, size] if b"WITHMATCHLEN" in options else match)
    return {"matches": matches, "len": length}


def _options(words: tuple[bytes, ...]) -> tuple[set[bytes], int]:
    """The flags that were given, and the least length of a run."""
    flags, shortest, at = set(), 0, 0
    while at < len(words):
        word = words[at].upper()
        if word in (b"IDX", b"LEN", b"WITHMATCHLEN"):
            flags.add(word)
        elif word == b"MINMATCHLEN" and at + 1 < len(words):
            at += 1
            shortest = integer(words[at])
        else:
            raise SyntaxError_
        at += 1
    return flags, shortest


def _string(db: Database, key: bytes) -> bytes:
    try:
        return db.get(key) or b""
    except WrongType:
        raise ReplyError("ERR The specified keys must contain string values") from None


def _table(first: bytes, second: bytes) -> list[int]:
    """The rows of the table; row 0, before any byte of `first`, has every bit set."""
    everything = (1 << len(second)) - 1
    places = dict.fromkeys(first, 0)
    for position, byte in enumerate(second):
        if byte in places:
            places[byte] |= 1 << position
    row = everything
    rows = [row]
    for byte in first:
        matches = row & places[byte]
        row = ((row + matches) | (row - matches)) & everything
        rows.append(row)
    return rows


def _runs(first: bytes, second: bytes, rows: list[int]) -> Iterator[Run]:
    """The common runs on the way back from the ends of both strings, last run first."""
    i, j, size = len(first), len(second), 0
    while i and j:
        if first[i - 1] == second[j - 1]:
            size += 1
            i, j = i - 1, j - 1
            continue
        if size:
            yield i, j, size
            size = 0
        if rows[i] >> (j - 1) & 1:
            j -= 1
        else:
            i -= 1
    if size:
        yield i, j, size
