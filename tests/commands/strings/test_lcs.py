"""LCS: ties must be broken as Redis breaks them."""

import random

import pytest


@pytest.mark.parametrize(
    "line",
    [
        "LCS a b",
        "LCS a b LEN",
        "LCS a b IDX",
        "LCS a b IDX MINMATCHLEN 4",
        "LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
        "LCS a b IDX MINMATCHLEN -1",
        "LCS a missing",
        "LCS a missing IDX",
        "LCS a b LEN IDX",
        "LCS a b FOO",
        "LCS a b MINMATCHLEN",
        "LCS a",
    ],
)
def test_lcs_answers_as_redis_does(same, line):
    same("MSET a ohmytext b mynewtext")
    same(line)


@pytest.mark.parametrize("seed", range(20))
def test_lcs_of_random_strings(same, seed):
    rng = random.Random(seed)
    letters = "ab" if seed % 2 else "abcdef"
    for key in ("a", "b"):
        same("SET", key, "".join(rng.choices(letters, k=rng.randint(0, 120))))
    same("LCS a b")
    same("LCS a b LEN")
    same("LCS a b IDX WITHMATCHLEN")


def test_lcs_refuses_a_table_that_is_too_large(same):
    same("SET", "a", "x" * 20000)
    same("SET", "b", "x" * 20000)
    same("LCS a b LEN")
