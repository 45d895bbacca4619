"""BITFIELD and BITFIELD_RO."""

import pytest


@pytest.mark.parametrize("kind", ["u1", "u8", "i8", "i5", "u63", "i64"])
@pytest.mark.parametrize("overflow", ["WRAP", "SAT", "FAIL"])
def test_fields_of_any_width_overflow_as_told(same, kind, overflow):
    for value in (1, -1, 127, 300, -300, 2**62, -(2**63), 2**63 - 1):
        same("BITFIELD", "k", "OVERFLOW", overflow, "SET", kind, 3, value, "GET", kind, 3)
        same("BITFIELD", "k", "OVERFLOW", overflow, "INCRBY", kind, 3, value, "INCRBY", kind, "#1", value)
        same("GET", "k")
        same("BITFIELD_RO", "k", "GET", kind, 3, "GET", kind, "#1")


def test_what_is_no_field_is_refused(same):
    for line in (
        "BITFIELD k GET u64 0",
        "BITFIELD k GET x8 0",
        "BITFIELD k GET u8 -1",
        "BITFIELD k SET u8 0",
        "BITFIELD k",
    ):
        same(line)
    for line in ("BITFIELD_RO k SET u8 0 1", "BITFIELD k OVERFLOW X", "BITFIELD k SET u8 0 x", "EXISTS k"):
        same(line)
