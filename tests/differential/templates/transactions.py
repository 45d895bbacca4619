"""Transactions of one client: queueing, its errors, watched keys that the client itself changes, waits in vain.

What several clients do to each other is test_crowd.py's.
"""

from hypothesis import strategies as st

HOLES = {
    # Short, as nobody else is there to serve; "for ever" only where it is an error.
    "w": st.sampled_from(
        ("0.001", "0.001", "1e-4", "0x1p-10", "-1", "-0x1", "1e30", "inf", "x", "", "nan", " 1")
    ),
    "b": st.sampled_from(("1", "1", "-1", "x", "1.5", "")),
}

TEMPLATES = """
MULTI|MULTI|MULTI|EXEC|EXEC|EXEC|EXEC|DISCARD|WATCH {k}|WATCH {k} {k}|WATCH {k}|UNWATCH|MULTI x|EXEC x|DISCARD x|WATCH
SET {k} {v}|SET {k} {v}|GET {k}|INCR {k}|INCRBY {k} {i}|APPEND {k} {v}|DEL {k}|EXPIRE {k} {t}|PEXPIREAT {k} {m}
GETRANGE {k} 0 3|SETRANGE {k} 2 {v}|COPY {k} {k}|RENAME {k} {k}|PERSIST {k}|TYPE {k}|EXISTS {k} {k}
SELECT {d}|SELECT 0|SWAPDB 0 1|FLUSHDB|FLUSHALL|NOSUCH {k}|GET|SET {k}|PING|ECHO {v}|UNWATCH
CLIENT GETNAME|CLIENT SETNAME x|CONFIG NOPE|RESET|PUBLISH c {v}|MONITOR x
RPUSH {k} {v}|LPOP {k}|ZADD {k} 1 {v}|BLPOP {k} {w}|BRPOP {k} {k} {w}|BLMOVE {k} {k} LEFT RIGHT {w}
BRPOPLPUSH {k} {k} {w}|BLMPOP {w} 1 {k} LEFT|BZPOPMIN {k} {w}|BZMPOP {w} 1 {k} MAX|XREAD BLOCK {b} STREAMS {k} $
EVAL return(redis.call('INCR',KEYS[1])) 1 {k}|EVAL return(redis.pcall('LPOP',KEYS[1])) 1 {k}|EVAL return{1,2} 0
"""
