"""SORT and SORT_RO over lists and sorted sets, and whole values moved by COPY, RENAME and MOVE."""

from hypothesis import strategies as st

HOLES = {
    "number": st.sampled_from(
        ("3", "1", "2", "10", "-1", "2.5", "1e2", "a", "", "b", "A", "inf", "nan", "03")
    ),
    "by": st.sampled_from(("w*", "*", "nosort", "w*->f", "a*b", "w*->")),
    "key": st.sampled_from(("w*", "*", "w*->f", "a*b", "w*->")),
    # A set of other members than integers: without sorting its members come in no order.
    "set": st.sampled_from(("set", "other")),
    "get": st.sampled_from(("w*", "#", "*", "none", "w*->f", "w*->")),
    "weight": st.sampled_from(("w3", "w1", "w2", "w10", "wa", "w")),
    "value": st.sampled_from(("5", "-5", "7.5", "x", "y", "")),
}

# Elements whose BY values are equal bytes come in whatever order the sorting left them in, so ALPHA has no BY here.
TEMPLATES = """
RPUSH {k} {number} {number} {number}|RPUSH {k} 3 1 2 10|RPUSH {k} {number}
ZADD {k} 1 {number} 2 {number} 3 {number}|ZADD {k} 3 a 1 b 2 c|SADD {set} {number} {number} {number}
SADD {k} 3 1 2|HSET {k} f v|HSET {weight} f {value}|SET {weight} {value}|SET {weight} {value}|SET {k} {value}
DEL {k}|DEL {weight}|SORT {k}|SORT {k} DESC|SORT {k} ALPHA|SORT {k} ALPHA DESC|SORT {k} BY {by}
SORT {k} BY {by} DESC|SORT {k} BY {by} GET {get}|SORT {k} GET {get} GET {get}|SORT {k} ALPHA GET # GET {get}
SORT {k} LIMIT {i} {i}|SORT {k} ALPHA LIMIT {o} {o}|SORT {k} BY nosort LIMIT {o} {o}
SORT {k} BY nosort DESC LIMIT {o} {o}|SORT {k} STORE {k}|SORT {k} ALPHA STORE {k}|SORT {k} BY {by} STORE {k}
SORT {k} ALPHA GET {get} STORE {k}|SORT {k} ALPHA LIMIT {o} {o} STORE {k}|SORT {k} ASC DESC|SORT {k} LIMIT 1
SORT {k} BY|SORT {k} GET|SORT {k} STORE|SORT {k} NOPE|SORT_RO {k} ALPHA|SORT_RO {k} ALPHA DESC GET {get}
SORT_RO {k} STORE {k}|SORT_RO {k}|SORT|SORT_RO|COPY {k} {k}|COPY {k} {k} REPLACE|COPY {k} {k} DB 1
RENAME {k} {k}|RENAMENX {k} {k}|MOVE {k} 1|TYPE {k}|EXISTS {k}|EXPIRE {k} 100000|TTL {k}
SCAN 0 COUNT 1000 TYPE list|SCAN 0 COUNT 1000 TYPE zset|SCAN 0 COUNT 1000 TYPE string|DUMP {k}|TOUCH {k}
SORT {set}|SORT {set} ALPHA|SORT {set} ALPHA DESC GET {get}|SORT {set} BY {key}|SORT {set} BY {key} DESC GET {get}
SORT {set} ALPHA LIMIT {o} {o}|SORT {set} ALPHA STORE {k}|SORT {set} BY nosort STORE {k}|SORT_RO {set} ALPHA
GET {k}|RESTORE {k} 0 x|DEBUG DIGEST|DEBUG DIGEST-VALUE {k}
"""
