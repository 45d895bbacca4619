"""PFADD, PFCOUNT, PFMERGE, PFDEBUG and PFSELFTEST: every byte as redis-server writes it."""

import pytest


@pytest.mark.parametrize("elements", [1, 10, 300, 1200, 3000, 40_000])
def test_the_value_is_that_of_redis_at_every_size(same, elements):
    names = [f"element:{number}" for number in range(elements)]
    for start in range(0, elements, 500):
        same("PFADD", "k", *names[start : start + 500])
    same("GET k")
    same("PFCOUNT k")
    same("GET k")
    same("PFDEBUG ENCODING k")


def test_counters_merge(same, dozo, original):
    for key, first, last in (("a", 0, 400), ("b", 200, 900), ("c", 0, 9000)):
        same("PFADD", key, *range(first, last))
    for line in (
        "PFMERGE t a b",
        "GET t",
        "PFCOUNT t",
        "PFCOUNT a b c missing",
        "PFMERGE t c",
        "GET t",
        "PFMERGE t",
    ):
        same(line)
    for server in (dozo, original):
        server("CONFIG SET hll-sparse-max-bytes 100")
    same("PFADD", "small", *range(200))
    same("GET small")
    for server in (dozo, original):
        server("CONFIG SET hll-sparse-max-bytes 3000")


def test_what_is_no_counter_is_refused(same):
    same("SET k hello")
    for line in ("PFADD k x", "PFCOUNT k", "PFMERGE t k", "PFDEBUG ENCODING k", "PFDEBUG ENCODING missing"):
        same(line)
    same("OBJECT ENCODING k")
    # It looks like a counter, but its runs cover no register, or too many.
    for runs in (b"", b"\x7f\xff\x7f\xff", b"\x7f", b"\xff" * 9000):
        same("SET", "k", b"HYLL\x01\0\0\0" + b"\0" * 7 + b"\x80" + runs)
        same("PFCOUNT k")
        same("PFCOUNT k k")
        same("PFMERGE t k")


def test_debugging_shows_what_is_stored(same):
    same("PFADD", "k", *range(50))
    for line in (
        "PFDEBUG DECODE k",
        "PFDEBUG GETREG k",
        "PFDEBUG DECODE k",
        "PFDEBUG TODENSE k",
        "PFDEBUG NOPE k",
    ):
        same(line)


def test_a_look_inside_makes_the_string_raw(same):
    same("SET", "k", b"HYLL\x01" + b"\0" * 11)
    same("PFCOUNT k")
    same("OBJECT ENCODING k")
    same("PFDEBUG ENCODING k")
    same("OBJECT ENCODING k")


def test_the_self_test_passes(dozo):
    assert dozo("PFSELFTEST") == "OK"


def test_a_last_run_of_which_half_is_missing(same):
    same("PFADD k a")
    same("APPEND k x")
    same("PFDEBUG DECODE k")
    same("PFCOUNT k")
