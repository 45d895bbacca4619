"""The HyperLogLog family: GET compares every byte."""

from hypothesis import strategies as st

HOLES = {
    # What ends within a run makes Redis read the NUL that stands behind its strings: these are whole runs.
    "runs": st.sampled_from(("0", "10", "0000", "\x7f\xff", "\x80", "\xff\xff", "5" * 60)),
    "w": st.integers(0, 3000).map(str),
    "c": st.sampled_from(
        ("HYLL", "HYLL\x01\0\0\0\0\0\0\0\0\0\0\0", "HYLL\x02" + "\0" * 11, "HYLL" + "\0" * 12300)
    ),
}

TEMPLATES = """
PFADD {k}|PFADD {k} {w}|PFADD {k} {w} {w} {w} {w}|PFADD {k} {w} {w} {w} {w} {w} {w} {w} {w} {w} {w} {w} {w}
PFADD {k} {v}|PFADD {k} {v} {w}|PFADD|PFCOUNT {k}|PFCOUNT {k} {k}|PFCOUNT {k} {k} {k}|PFCOUNT|PFMERGE {k} {k}
PFMERGE {k} {k} {k}|PFMERGE {k}|GET {k}|GET {k}|STRLEN {k}|DEL {k}|TTL {k}|EXPIRE {k} 100000
PFDEBUG ENCODING {k}|PFDEBUG DECODE {k}|PFDEBUG TODENSE {k}|PFDEBUG GETREG {k}|PFDEBUG NOPE {k}|PFDEBUG x
SET {k} {c}|SET {k} {v}|OBJECT ENCODING {k}|COPY {k} {k}|CONFIG SET hll-sparse-max-bytes 30
CONFIG SET hll-sparse-max-bytes 3000|SETRANGE {k} 16 {runs}|RPUSH {k} a|ZADD {k} 1 a|DEL {k}|EXPIRE {k} {t}
PERSIST {k}|COPY {k} {k} REPLACE|RENAME {k} {k}|APPEND {k} {runs}
"""
