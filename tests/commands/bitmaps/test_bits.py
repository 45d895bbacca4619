"""SETBIT, GETBIT, BITCOUNT, BITPOS and BITOP."""

import pytest


def test_a_bit_is_set_after_zeros_and_read_back(same):
    for line in (
        "SETBIT k 7 1",
        "SETBIT k 7 0",
        "SETBIT k 100000 1",
        "STRLEN k",
        "GETBIT k 100000",
        "GETBIT k 5",
    ):
        same(line)
    for line in (
        "GETBIT missing 3",
        "GETBIT k 4294967295",
        "SETBIT k 4294967296 1",
        "SETBIT k x 1",
        "SETBIT k 1 2",
    ):
        same(line)
    for line in ("SET n 12", "SETBIT n 0 0", "OBJECT ENCODING n", "EXPIRE k 100", "SETBIT k 1 1", "TTL k"):
        same(line)


def test_a_large_bitmap_is_changed_where_it_lies(dozo):
    assert dozo("SETBIT big 800000000 1") == 0
    before = dozo("MEMORY USAGE big")
    for offset in range(0, 5000, 7):
        assert dozo("SETBIT", "big", offset, 1) == 0
    assert dozo("MEMORY USAGE big") == before
    assert dozo("BITCOUNT big") == len(range(0, 5000, 7)) + 1


@pytest.mark.parametrize("unit", ["", "BYTE", "BIT"])
def test_ones_are_counted_and_found_in_ranges(same, unit):
    same("SET", "k", b"\xff\xf0\x00\x0f\x80")
    for start in (0, 1, 3, -1, -3, -100, 17, 100):
        for end in (0, 1, 4, -1, -2, 20, 39, 100):
            same(f"BITCOUNT k {start} {end} {unit}")
            same(f"BITPOS k 1 {start} {end} {unit}")
            same(f"BITPOS k 0 {start} {end} {unit}")
    for line in (
        "BITCOUNT k",
        "BITPOS k 1",
        "BITPOS k 0",
        "BITCOUNT k 1",
        "BITPOS missing 0",
        "BITPOS k 2",
        "BITPOS k 1 x",
    ):
        same(line)


def test_bitop_combines_strings_of_unequal_lengths(same):
    same("SET", "a", b"\xff\x0f\xaa")
    same("SET", "b", b"\xf0\xff")
    same("SET", "c", b"\x01")
    for line in (
        "BITOP AND t a b c",
        "GET t",
        "BITOP OR t a b c missing",
        "GET t",
        "BITOP XOR t a b c",
        "GET t",
    ):
        same(line)
    for line in (
        "BITOP NOT t a",
        "GET t",
        "BITOP NOT t a b",
        "BITOP NOPE t a",
        "BITOP AND t missing",
        "EXISTS t",
    ):
        same(line)


def test_bitop_has_the_operations_of_redis_8_2(dozo):
    dozo("SET", "x", bytes([0b1111_0000]))
    dozo("SET", "y", bytes([0b1100_1100]))
    dozo("SET", "z", bytes([0b1010_1010]))
    for operation, expected in {
        "DIFF": 0b0001_0000,
        "DIFF1": 0b0000_1110,
        "ANDOR": 0b1110_0000,
        "ONE": 0b0001_0110,
    }.items():
        assert dozo("BITOP", operation, "t", "x", "y", "z") == 1
        assert dozo("GET t") == bytes([expected])
    assert dozo("BITOP DIFF t x") == "ERR BITOP DIFF must be called with at least two source keys."
