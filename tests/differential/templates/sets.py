"""Sets, as redis-server 7.0 has them."""

from hypothesis import strategies as st

TEMPLATES = """
SADD {k} {e}|SADD {k} {e} {e} {e}|SADD {k} {e} {e} {e} {e}|SADD {k} {n} {n} {n}|SADD {k} {n} {n}|SADD {k}
SREM {k} {e}|SREM {k} {n} {e} {e}|SISMEMBER {k} {e}|SISMEMBER {k} {n}|SMISMEMBER {k} {e} {n} {e}|SCARD {k}
SMEMBERS {k}|SMEMBERS {k}|SMOVE {k} {k} {e}|SMOVE {k} {k} {n}|SINTER {k} {k}|SINTER {k} {k} {k}|SUNION {k} {k}
SDIFF {k} {k}|SDIFF {k} {k} {k}|SINTERSTORE {k} {k} {k}|SUNIONSTORE {k} {k} {k}|SDIFFSTORE {k} {k} {k}
SUNIONSTORE {k} {k}|SINTERSTORE {k} {k}|SINTERCARD 2 {k} {k}|SINTERCARD 2 {k} {k} LIMIT 2
SINTERCARD 2 {k} {k} LIMIT {i}|SINTERCARD {i} {k} {k}|SINTERCARD 1 {k} X|SPOP {k} 1000|SPOP {k} 0|SPOP {k} -1
SPOP {k} x|SPOP {k} 1 x|SRANDMEMBER {k} 1000|SRANDMEMBER {k} -2|SRANDMEMBER {k} x|SRANDMEMBER {k}
SRANDMEMBER {k} 0|SRANDMEMBER {k} 1 x|SRANDMEMBER {k} -9223372036854775808|SSCAN {k} 0|SSCAN {k} 0 MATCH {p}
SSCAN {k} 0 COUNT {many}|SSCAN {k} 0 BOGUS x|SSCAN {k} {cursor}|SSCAN {k} 0 COUNT|TYPE {k}|DEL {k}|SET {k} {v}
EXPIRE {k} 100000|TTL {k}|RENAME {k} {k}|COPY {k} {k} REPLACE|GET {k}|HSET {k} f v|EXPIRE {k} {t}|PERSIST {k}
RPUSH {k} a|UNLINK {k}|EXISTS {k}|COPY {k} {k} DB 1|MOVE {k} 1|SREM {k}|SMISMEMBER {k}|SPOP {k} 9|SCARD {k} x
SINTER|SUNION|SDIFF|SINTERSTORE {k}|SUNIONSTORE {k}|SDIFFSTORE {k}|SINTERCARD 0 {k}|SINTERCARD x {k}|SDIFF {k}
SINTERCARD 1 {k} LIMIT|SINTERCARD 1 {k} LIMIT 1 LIMIT 2|SISMEMBER {k}|SMOVE {k} {k}|SINTER {k} {k} {k} {k}
SUNION {k} {k} {k}|SDIFF {k} {k} {k} {k}|SINTERSTORE {k} {k} {k} {k}|SDIFFSTORE {k} {k}
SUNIONSTORE {k} {k} {k} {k}|CONFIG SET set-max-intset-entries 3|CONFIG SET set-max-intset-entries 512
SSCAN {k} 0 MATCH {p} COUNT 1000
"""

HOLES = {
    # Where a walk that is not over goes on is each server's own affair.
    "many": st.sampled_from(("100", "1000", "0", "-3", "abc", "", "1.5", " 1", "+1", "9223372036854775808")),
    "cursor": st.sampled_from(("0", "00", "x", "1.5", " 1", "")),
    "e": st.sampled_from(("m", "n", "1", "2", "", "-7", "007", "x" * 64, "y" * 65, "member:1", "65536")),
    "n": st.sampled_from(
        ("0", "1", "2", "-5", "300", "70000", "-40000", "5000000000", "-9223372036854775808")
    ),
}
