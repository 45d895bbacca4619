"""The sorted set family; sets take part in unions, intersections and differences."""

from hypothesis import strategies as st

HOLES = {
    "n": st.sampled_from(
        ("0", "1", "-1", "2", "-2", "5", "-5", "100", "-100", "9223372036854775807", "x", "1.5")
    ),
    "e": st.sampled_from(("a", "b", "c", "d", "e", "10", "-7", "", "long" * 20)),
    "q": st.sampled_from(
        (
            "0",
            "1",
            "-1",
            "2.5",
            "3",
            "0.1",
            "-0",
            "inf",
            "-inf",
            "+inf",
            "1e300",
            "1e400",
            "nan",
            "x",
            "",
        )
    ),
    "r": st.sampled_from(
        ("0", "1", "(1", "-1", "(3", "-inf", "+inf", "inf", "2.5", "(x", "", "nan", "(", "5")
    ),
    "x": st.sampled_from(("-", "+", "[a", "(a", "[c", "(c", "[", "(", "a", "", "[e")),
    "s": st.sampled_from(("0.01", "0.01", "-1", "x", "nan")),
    "g": st.sampled_from(("MIN", "MAX", "min", "NOPE")),
    "u": st.sampled_from(("0", "1", "2", "-1", "x", "3")),
    "l": st.sampled_from(("", "NX", "XX", "GT", "LT", "CH", "INCR")),
}

TEMPLATES = """
ZADD {k} {q} {e}|ZADD {k} {q} {e} {q} {e}|ZADD {k} 1 a 2 b 3 c 4 d|ZADD {k} 0 a 0 b 0 c 0 d 0 e
ZADD {k} NX {q} {e}|ZADD {k} XX {q} {e}|ZADD {k} GT {q} {e}|ZADD {k} LT CH {q} {e} {q} {e}
ZADD {k} XX GT CH {q} {e}|ZADD {k} INCR {q} {e}|ZADD {k} NX XX 1 a|ZADD {k} GT LT 1 a|ZADD {k} NX INCR {q} {e}
ZADD {k} XX INCR {q} {e}|ZADD {k} GT INCR {q} {e}|ZADD {k} INCR 1 a 2 b|ZADD {k} 1|ZADD {k} 1 a 2
ZADD {k} CH {q} {e}|ZINCRBY {k} {q} {e}|ZREM {k} {e}|ZREM {k} {e} {e}|ZCARD {k}|ZSCORE {k} {e}
ZMSCORE {k} {e} {e} {e}|ZRANK {k} {e}|ZREVRANK {k} {e}|ZPOPMIN {k}|ZPOPMAX {k}|ZPOPMIN {k} {n}|ZPOPMAX {k} {n}
ZCOUNT {k} {r} {r}|ZLEXCOUNT {k} {x} {x}|ZRANGE {k} 0 -1|ZRANGE {k} 0 -1 WITHSCORES|ZRANGE {k} {n} {n} REV
ZRANGE {k} {r} {r} BYSCORE|ZRANGE {k} {r} {r} BYSCORE REV WITHSCORES LIMIT {n} {n}
ZRANGE {k} {x} {x} BYLEX LIMIT {n} {n}|ZRANGE {k} {x} {x} BYLEX REV|ZRANGE {k} 0 -1 LIMIT 0 1
ZRANGE {k} - + BYLEX WITHSCORES|ZRANGE {k} 0 1 LIMIT 0|ZRANGE {k} 0 1 NOPE|ZREVRANGE {k} {n} {n}
ZREVRANGE {k} 0 -1 WITHSCORES|ZRANGEBYSCORE {k} {r} {r}|ZRANGEBYSCORE {k} {r} {r} WITHSCORES LIMIT {n} {n}
ZREVRANGEBYSCORE {k} {r} {r} LIMIT {n} {n}|ZRANGEBYLEX {k} {x} {x}|ZREVRANGEBYLEX {k} {x} {x} LIMIT {n} {n}
ZRANGEBYLEX {k} - + REV|ZRANGESTORE {k} {k} {n} {n}|ZRANGESTORE {k} {k} {r} {r} BYSCORE REV LIMIT {n} {n}
ZRANGESTORE {k} {k} {x} {x} BYLEX|ZRANGESTORE {k} {k} 0 -1 WITHSCORES|ZREMRANGEBYSCORE {k} {r} {r}
ZREMRANGEBYRANK {k} {n} {n}|ZREMRANGEBYLEX {k} {x} {x}|ZUNION {u} {k} {k}|ZINTER 2 {k} {k} WITHSCORES
ZUNION 2 {k} {k} WEIGHTS {q} {q} WITHSCORES|ZUNION 3 {k} {k} {k} AGGREGATE MAX WITHSCORES
ZUNION 2 {k} {k} AGGREGATE NOPE|ZINTER 2 {k} {k} WEIGHTS 2 3 AGGREGATE MIN WITHSCORES|ZINTER 2 {k} {k} WEIGHTS 1
ZDIFF 2 {k} {k}|ZDIFF 3 {k} {k} {k} WITHSCORES|ZDIFF 1 {k} WEIGHTS 1|ZUNIONSTORE {k} 2 {k} {k}
ZUNIONSTORE {k} 2 {k} {k} WEIGHTS {q} {q} AGGREGATE MIN|ZINTERSTORE {k} 2 {k} {k}
ZINTERSTORE {k} 1 {k} WITHSCORES|ZDIFFSTORE {k} 2 {k} {k}|ZINTERCARD 2 {k} {k}|ZINTERCARD 2 {k} {k} LIMIT {n}
ZINTERCARD {u} {k}|ZINTERCARD 1 {k} LIMIT|ZRANDMEMBER {k} 0|ZRANDMEMBER {k} x|ZRANDMEMBER {k} 1 NOPE|ZSCAN {k} 0
ZSCAN {k} 0 MATCH {p} COUNT 1000|ZSCAN {k} x|ZSCAN {k} 0 COUNT 0|ZMPOP {u} {k} {g}|ZMPOP 2 {k} {k} {g} COUNT {n}
ZMPOP 1 {k} MIN X|BZPOPMIN {k} {s}|BZPOPMAX {k} {k} {s}|BZMPOP {s} 2 {k} {k} {g}|BZMPOP {s} 1 {k} {g} COUNT {n}
SET {k} {v}|DEL {k}|EXPIRE {k} 100000|TYPE {k}|COPY {k} {k}|OBJECT ENCODING {k}
"""
