"""GETRANGE, SUBSTR and SETRANGE."""

import pytest


@pytest.mark.parametrize(
    ("start", "end"), [(0, 3), (-3, -1), (0, -1), (5, 2), (10, 100), (-100, 2), (-1, -5), (3, 3)]
)
def test_getrange_and_substr_cut_as_redis_does(same, start, end):
    same("SET", "k", "This is a string")
    same("GETRANGE", "k", start, end)
    same("SUBSTR", "k", start, end)
    same("GETRANGE", "missing", start, end)
    same("SET", "n", 1234567)
    same("GETRANGE", "n", start, end)


def test_getrange_refuses_what_is_no_integer(same):
    for line in ("GETRANGE k x 1", "GETRANGE k 1 9223372036854775808", "GETRANGE k 1", "GETRANGE k 1 2 3"):
        same(line)


def test_setrange_overwrites_and_pads(same):
    for line in (
        "SET k 'Hello World'",
        "SETRANGE k 6 Redis",
        "GET k",
        "SETRANGE m 5 x",
        "GET m",
        "SETRANGE m 0 ''",
    ):
        same(line)
    for line in (
        "SETRANGE new 3 ''",
        "EXISTS new",
        "SET n 12345",
        "SETRANGE n 1 9",
        "GET n",
        "OBJECT ENCODING n",
    ):
        same(line)
    for line in (
        "SETRANGE k -1 x",
        "SETRANGE k x x",
        "SETRANGE k 536870912 x",
        "SETRANGE k 9223372036854775807 x",
    ):
        same(line)


def test_setrange_keeps_the_time_to_live(same):
    for line in ("SET k abc EX 100", "SETRANGE k 1 X", "GET k", "TTL k"):
        same(line)
