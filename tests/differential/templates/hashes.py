"""Hashes, as redis-server 7.0 has them; fields that expire are tested by tests/commands/hashes."""

from hypothesis import strategies as st

TEMPLATES = """
HSET {k} {h} {v}|HSET {k} {h} {v} {h} {v}|HSET {k} {h} {v} {h}|HSET {k} {h} {f}|HSET {k} {h} {i}
HMSET {k} {h} {v} {h} {v}|HMSET {k} {h} {v} {h}|HSETNX {k} {h} {v}|HGET {k} {h}|HGET {k} {h}
HMGET {k} {h} {h} {h}|HGETALL {k}|HGETALL {k}|HDEL {k} {h}|HDEL {k} {h} {h} {h}|HEXISTS {k} {h}|HLEN {k}
HSTRLEN {k} {h}|HKEYS {k}|HVALS {k}|HGET {k}|HLEN {k} x|HINCRBY {k} {h} {i}|HINCRBY {k} {h} 5
HINCRBYFLOAT {k} {h} {f}|HINCRBYFLOAT {k} {h} 1.25|HSET {k} {h} 12|HSCAN {k} 0|HSCAN {k} 0 MATCH {p}
HSCAN {k} 0 COUNT {many}|HSCAN {k} 0 BOGUS x|HSCAN {k} {cursor}|HSCAN {k} 0 COUNT|HRANDFIELD {k}|HRANDFIELD {k} 100
HRANDFIELD {k} 100 WITHVALUES|HRANDFIELD {k} -3|HRANDFIELD {k} x|HRANDFIELD {k} 0|HRANDFIELD {k} 1 BOGUS
HRANDFIELD {k} -9223372036854775807 WITHVALUES|HRANDFIELD {k} -9223372036854775808|HDEL {k}|HMGET {k}
HSETNX {k} f|HINCRBY {k} f 1 2|HGETALL {k} x|HSET {k} {h} 9223372036854775807|HINCRBY {k} {h} {i}
HINCRBYFLOAT {k} {h} {f}|HSET {k} {h} {f}|HSTRLEN {k}|HSCAN {k}|HRANDFIELD {k} 1 WITHVALUES x|HKEYS {k} x
HVALS {k} x|RPUSH {k} a|SADD {k} 1|EXPIRE {k} {t}|PERSIST {k}|UNLINK {k}|EXISTS {k}|COPY {k} {k} DB 1
MOVE {k} 1|DUMP {k}|OBJECT ENCODING {k}|TYPE {k}|DEL {k}|SET {k} {v}|EXPIRE {k} 100000|TTL {k}|RENAME {k} {k}
COPY {k} {k} REPLACE|GET {k}|CONFIG SET hash-max-listpack-entries 4|CONFIG SET hash-max-listpack-entries 128
CONFIG SET hash-max-listpack-value 64
"""

HOLES = {
    # Where a walk that is not over goes on is each server's own affair.
    "many": st.sampled_from(("100", "1000", "0", "-3", "abc", "", "1.5", " 1", "+1", "9223372036854775808")),
    "cursor": st.sampled_from(("0", "00", "x", "1.5", " 1", "")),
    "h": st.sampled_from(("f", "g", "1", "-7", "", "h" * 64, "i" * 65, "field:1", "9223372036854775807")),
}
