"""The bitmap family."""

from hypothesis import strategies as st

HOLES = {
    "b": st.sampled_from(
        ("0", "1", "7", "8", "15", "63", "64", "100", "4095", "40000", "-1", "4294967296", "x")
    ),
    "n": st.sampled_from(("0", "1", "-1", "2", "-2", "5", "-5", "100", "-100", "9223372036854775807", "x")),
    "e": st.sampled_from(("u1", "i8", "u8", "i5", "u63", "i64", "i16", "u64", "i65", "u0", "x", "i")),
    "h": st.sampled_from(("0", "3", "8", "#0", "#1", "#7", "100", "#", "-1", "#x")),
    "y": st.sampled_from(("0", "1", "-1", "127", "-128", "255", "300", "-300", "9223372036854775807", "x")),
    "z": st.sampled_from(("0", "1", "2", "-1", "x")),
}

TEMPLATES = """
SETBIT {k} {b} 1|SETBIT {k} {b} 0|SETBIT {k} {b} {z}|SETBIT {k} {b} 1|GETBIT {k} {b}|SETBIT {k} 1|GETBIT {k}
SET {k} {v}|SET {k} {v} EX 100000|GET {k}|STRLEN {k}|OBJECT ENCODING {k}|TTL {k}|DEL {k}|APPEND {k} {v}
BITCOUNT {k}|BITCOUNT {k} {n} {n}|BITCOUNT {k} {n} {n} BIT|BITCOUNT {k} {n} {n} byte|BITCOUNT {k} {n}
BITCOUNT {k} 0 1 2 3|BITCOUNT {k} 0 1 HELLO|BITPOS {k} 1|BITPOS {k} 0|BITPOS {k} {z} {n}|BITPOS {k} 1 {n} {n}
BITPOS {k} 0 {n} {n}|BITPOS {k} 0 {n} {n} BIT|BITPOS {k} 1 {n} {n} BIT|BITPOS {k} 1 0 1 NOPE
BITPOS {k} 0 1 2 BIT x|BITOP AND {k} {k} {k}|BITOP or {k} {k} {k} {k}|BITOP XOR {k} {k} {k}|BITOP NOT {k} {k}
BITOP NOT {k} {k} {k}|BITOP NOPE {k} {k}|BITOP AND {k}|BITOP AND {k} {k}|BITFIELD {k}|BITFIELD {k} GET {e} {h}
BITFIELD {k} SET {e} {h} {y}|BITFIELD {k} INCRBY {e} {h} {y}
BITFIELD {k} SET i8 {h} {y} GET u8 {h} INCRBY u5 {h} {y}|BITFIELD {k} OVERFLOW SAT INCRBY {e} {h} {y}
BITFIELD {k} OVERFLOW FAIL INCRBY {e} {h} {y} OVERFLOW WRAP SET u4 {h} {y}
BITFIELD {k} OVERFLOW SAT SET {e} {h} {y}|BITFIELD {k} OVERFLOW NOPE GET u8 0|BITFIELD {k} GET u8
BITFIELD {k} OVERFLOW FAIL SET {e} {h} {y}|BITFIELD {k} WHAT|BITFIELD_RO {k} GET {e} {h}
BITFIELD_RO {k} GET {e} {h} GET {e} {h}|BITFIELD_RO {k} SET u8 0 1|BITFIELD_RO {k}|RPUSH {k} a|HSET {k} f v
DEL {k}|EXPIRE {k} {t}|EXPIRE {k} 100000|PERSIST {k}|RENAME {k} {k}|INCR {k}|SETRANGE {k} {o} {v}
"""
