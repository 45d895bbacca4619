"""Transactions of one client: queueing, its errors, watched keys that the client itself changes."""

TEMPLATES = """
MULTI|MULTI|MULTI|EXEC|EXEC|EXEC|EXEC|DISCARD|WATCH {k}|WATCH {k} {k}|WATCH {k}|UNWATCH|MULTI x|EXEC x|DISCARD x|WATCH
SET {k} {v}|SET {k} {v}|GET {k}|INCR {k}|INCRBY {k} {i}|APPEND {k} {v}|DEL {k}|EXPIRE {k} {t}|PEXPIREAT {k} {m}
GETRANGE {k} 0 3|SETRANGE {k} 2 {v}|COPY {k} {k}|RENAME {k} {k}|PERSIST {k}|TYPE {k}|EXISTS {k} {k}
SELECT {d}|SELECT 0|SWAPDB 0 1|FLUSHDB|FLUSHALL|NOSUCH {k}|GET|SET {k}|PING|ECHO {v}|UNWATCH
CLIENT GETNAME|CLIENT SETNAME x|CONFIG NOPE|RESET
"""
