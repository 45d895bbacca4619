"""Scores: what is read as a number, and how it is printed."""

import shlex

import pytest

NUMBERS = shlex.split(
    "1 -2.5 +1 .5 5. 1e3 1E-3 inf -inf +INF iNfinity 0x10 -0X.8 0x1p3 0x1.8P-1 0x1p-1074 0x1p1023 4e-324 1e-310"
    " 9007199254740993 123456789012345678 1e17 1e21 -1e17 3.0000000000000004 17179869184.5 0.1 -0 nan 1e400 -1e400"
    " 1e-400 2e-324 0x1p1024 0x1p-1080 0x 0x. 0xg 0x1p 1_0 1e . + -- infin 'nan(1)' 0x1p1e ' 1' '1 ' ''"
)
BOUNDS = [" 0x1", "5 ", "(", "( 1", "((1", " ", "(0x1", "\t+1"]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_score_is_read_and_printed_alike(alike, number):
    alike("ZADD", "k", number, "a", 0, "zero")
    alike("ZRANGE k 0 -1 WITHSCORES")
    alike("ZSCORE k a")
    alike("ZINCRBY", "k", number, "b")
    alike("ZSCAN k 0")
    alike("ZUNION", 1, "k", "WEIGHTS", number, "WITHSCORES")
    alike("ZPOPMAX k 1")


@pytest.mark.parametrize("number", [*NUMBERS, *BOUNDS])
def test_a_bound_is_read_alike(same, number):
    same("ZADD k -inf a -1 b 0 c 1 d 2 e inf f")
    same("ZRANGEBYSCORE", "k", number, "+inf")
    same("ZCOUNT", "k", "-inf", number)


def test_a_nul_ends_a_bound(same):
    same("ZADD k 1 a 5 b")
    same("ZRANGEBYSCORE", "k", b"1\0x", b"4\0")


def test_a_small_set_keeps_0_for_minus_0_and_a_large_one_keeps_both(same):
    same("ZADD k -0 a 0 b")
    same("ZRANGE k 0 -1 WITHSCORES")
    same("ZADD", "large", *(word for number in range(200) for word in (number + 1, f"m{number}")))
    same("ZADD large -0 a 0 b -0 c")
    same("ZRANGE large 0 5 WITHSCORES")
    same("ZINCRBY large 0 a")
    same("ZADD large 0 c")
    same("ZSCORE large c")


def test_the_result_of_a_union_keeps_minus_0_until_it_is_stored(same):
    same("ZADD k 0 a 1 b")
    same("ZUNION 1 k WEIGHTS -1 WITHSCORES")
    same("ZUNIONSTORE k2 1 k WEIGHTS -1")
    same("ZRANGE k2 0 -1 WITHSCORES")
    same("ZINTER 2 k k2 AGGREGATE MIN WITHSCORES")


@pytest.mark.parametrize("weights", ["-0 inf", "inf -0", "-0 0", "0 -0"])
@pytest.mark.parametrize("aggregate", ["SUM", "MIN", "MAX"])
def test_the_last_zero_of_a_sum_counts(same, weights, aggregate):
    same("ZADD k 0 a 1 b")
    for command in ("ZUNION", "ZINTER"):
        same(f"{command} 2 k k WEIGHTS {weights} AGGREGATE {aggregate} WITHSCORES")
