"""The list family; blocking commands only where there is something, or no time to wait."""

from hypothesis import strategies as st

HOLES = {
    "n": st.sampled_from(
        ("0", "1", "-1", "2", "-2", "5", "-5", "100", "-100", "9223372036854775807", "x", "1.5")
    ),
    "w": st.sampled_from(("LEFT", "RIGHT", "left", "NOPE")),
    "s": st.sampled_from(("0.01", "0.01", "-1", "x", "nan", "1e30", "1e400", "-1e30", "0x.01", "", " 1")),
    "c": st.sampled_from(("COUNT", "count", "RANK", "MAXLEN", "NOPE")),
    "u": st.sampled_from(("0", "1", "2", "-1", "x", "3")),
}

TEMPLATES = """
LPUSH {k} {v}|LPUSH {k} {v} {v} {v}|RPUSH {k} {v}|RPUSH {k} {v} {v} {v} {v}|RPUSH {k} a b c d a b c
LPUSHX {k} {v}|RPUSHX {k} {v} {v}|LPUSH {k}|LPUSHX {k}|LPOP {k}|RPOP {k}|LPOP {k} {n}|RPOP {k} {n}|LPOP {k} 1 2
LLEN {k}|LRANGE {k} 0 -1|LRANGE {k} {n} {n}|LINDEX {k} {n}|LSET {k} {n} {v}|LINSERT {k} BEFORE {v} {v}
LINSERT {k} after a {v}|LINSERT {k} NEAR a b|LREM {k} {n} {v}|LREM {k} {n} a|LTRIM {k} {n} {n}|LPOS {k} {v}
LPOS {k} a RANK {n}|LPOS {k} a COUNT {n}|LPOS {k} a RANK {n} COUNT {n} MAXLEN {n}|LPOS {k} a NOPE
LPOS {k} a COUNT|LMOVE {k} {k} {w} {w}|RPOPLPUSH {k} {k}|LMPOP {u} {k} {w}|LMPOP 2 {k} {k} {w}
LMPOP 2 {k} {k} {w} COUNT {n}|LMPOP 1 {k}|LMPOP 1 {k} LEFT X|BLPOP {k} {s}|BRPOP {k} {k} {s}
BLMOVE {k} {k} {w} {w} {s}|BRPOPLPUSH {k} {k} {s}|BLMPOP {s} 1 {k} {w}|BLMPOP {s} 2 {k} {k} {w} COUNT {n}
LMPOP 1 {k} COUNT {n} {w}|LMPOP 1 {k} {w} COUNT 1 COUNT 2|LMPOP 1 {k} LEFT RIGHT|LMPOP {n} {k} {k} {k}|LMPOP x
BLMPOP {s} {u} {k} {k} {w}|BLMPOP 0.01 1 {k} COUNT 1 LEFT|BLMPOP 0.01 1 {k} LEFT COUNT
BLMPOP 0.01 1 {k} {w} COUNT {n}|LPOS {k} {v} {c} {n}|LPOS {k} a {c} {n} {c} {n}|LPOS {k} {v} RANK -1 COUNT 0
LSET {k} -1 {v}|LSET {k} 0 {v}|LPUSH {k} {i} {i} {i} {i}|RPUSH {k} {i}|LINDEX {k} -1|LINDEX {k} 0|LREM {k} 1 {v}
LREM {k} -1 {v}|LREM {k} 0 {i}|LMOVE {k} {k} LEFT RIGHT|LMOVE {k} {k} RIGHT|BRPOPLPUSH {k} {k} 0.01
BLPOP {k} {k} {k} 0.01|BLPOP {k}|BRPOP 0.01|LINSERT {k} BEFORE {i} {v}|LRANGE {k} {n}|LTRIM {k} 1 -1
LTRIM {k} 0 -2|LTRIM {k} {n}|RPUSH {k} {v} {v} {v} {v}|LPUSH {k} a a b b c c a a|SADD {k} 1 2|EXPIRE {k} -1
DEBUG DIGEST-VALUE {k}|MOVE {k} 1|RENAME {k} {k}|SET {k} {v}|DEL {k}|EXPIRE {k} 100000|TYPE {k}|RENAME {k} {k}
COPY {k} {k}|OBJECT ENCODING {k}
"""
