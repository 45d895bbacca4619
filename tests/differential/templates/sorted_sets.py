"""The sorted set family; sets take part in unions, intersections and differences."""

from hypothesis import strategies as st

#: Keys of sets, and of sorted sets whose scores are all equal: ranges of members mean nothing where they are not.
_SETS = ("set:1", "set:2")
_EQUAL = ("equal:1", "equal:2")

HOLES = {
    "y": st.sampled_from(_SETS),
    "j": st.sampled_from(_EQUAL),
    "z": st.sampled_from(("a", "b", "c", "list:1", *_SETS, *_EQUAL)),
    "n": st.sampled_from(
        ("0", "1", "-1", "2", "-2", "5", "-5", "100", "-100", "9223372036854775807", "x", "1.5")
    ),
    "e": st.sampled_from(("a", "b", "c", "d", "e", "10", "-7", "", "long" * 20, "a\0b", "\u00ff")),
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
            "17179869184.5",
            "0x1p3",
            "-0x.8",
            "0x",
            " 1",
            "1e-400",
            "9007199254740993",
            "-3.0000000000000004",
            "1e17",
            "123456789012345678",
            "5e-324",
            "infinity",
            "nan(1)",
            "1_0",
        )
    ),
    "r": st.sampled_from(
        (
            *("0", "1", "(1", "-1", "(3", "-inf", "+inf", "inf", "2.5", "(x", "", "nan", "(", "5"),
            *("0x1p1", "(0x1", " 1", "( 1", "1 ", "(inf", "(-inf", "1e400", "-0", "(-0", "17179869184.5"),
        )
    ),
    "x": st.sampled_from(
        ("-", "+", "[a", "(a", "[c", "(c", "[", "(", "a", "", "[e", "+x", "-x", "[10", "(10")
    ),
    "s": st.sampled_from(("0.01", "0.01", "-1", "x", "nan", "1e30", "1e400", "-1e30", "0x.01", "", " 1")),
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
ZCOUNT {k} {r} {r}|ZLEXCOUNT {j} {x} {x}|ZRANGE {k} 0 -1|ZRANGE {k} 0 -1 WITHSCORES|ZRANGE {k} {n} {n} REV
ZRANGE {k} {r} {r} BYSCORE|ZRANGE {k} {r} {r} BYSCORE REV WITHSCORES LIMIT {n} {n}
ZRANGE {j} {x} {x} BYLEX LIMIT {n} {n}|ZRANGE {j} {x} {x} BYLEX REV|ZRANGE {k} 0 -1 LIMIT 0 1
ZRANGE {k} - + BYLEX WITHSCORES|ZRANGE {k} 0 1 LIMIT 0|ZRANGE {k} 0 1 NOPE|ZREVRANGE {k} {n} {n}
ZREVRANGE {k} 0 -1 WITHSCORES|ZRANGEBYSCORE {k} {r} {r}|ZRANGEBYSCORE {k} {r} {r} WITHSCORES LIMIT {n} {n}
ZREVRANGEBYSCORE {k} {r} {r} LIMIT {n} {n}|ZRANGEBYLEX {j} {x} {x}|ZREVRANGEBYLEX {j} {x} {x} LIMIT {n} {n}
ZRANGEBYLEX {k} - + REV|ZRANGESTORE {k} {k} {n} {n}|ZRANGESTORE {k} {k} {r} {r} BYSCORE REV LIMIT {n} {n}
ZRANGESTORE {j} {j} {x} {x} BYLEX|ZRANGESTORE {k} {k} 0 -1 WITHSCORES|ZREMRANGEBYSCORE {k} {r} {r}
ZREMRANGEBYRANK {k} {n} {n}|ZREMRANGEBYLEX {j} {x} {x}|ZUNION {u} {z} {z}|ZINTER 2 {z} {z} WITHSCORES
ZUNION 2 {z} {z} WEIGHTS {q} {q} WITHSCORES|ZUNION 3 {z} {z} {z} AGGREGATE MAX WITHSCORES
ZUNION 2 {z} {z} AGGREGATE NOPE|ZINTER 2 {z} {z} WEIGHTS 2 3 AGGREGATE MIN WITHSCORES|ZINTER 2 {z} {z} WEIGHTS 1
ZDIFF 2 {z} {z}|ZDIFF 3 {z} {z} {z} WITHSCORES|ZDIFF 1 {z} WEIGHTS 1|ZUNIONSTORE {k} 2 {z} {z}
ZUNIONSTORE {k} 2 {z} {z} WEIGHTS {q} {q} AGGREGATE MIN|ZINTERSTORE {k} 2 {z} {z}
ZINTERSTORE {k} 1 {z} WITHSCORES|ZDIFFSTORE {k} 2 {z} {z}|ZINTERCARD 2 {z} {z}|ZINTERCARD 2 {z} {z} LIMIT {n}
ZINTERCARD {u} {z}|ZINTERCARD 1 {z} LIMIT|ZRANDMEMBER {k} 0|ZRANDMEMBER {k} x|ZRANDMEMBER {k} 1 NOPE|ZSCAN {k} 0
ZSCAN {k} 0 MATCH {p} COUNT 1000|ZSCAN {k} x|ZSCAN {k} 0 COUNT 0|ZMPOP {u} {k} {g}|ZMPOP 2 {k} {k} {g} COUNT {n}
ZMPOP 1 {k} MIN X|BZPOPMIN {k} {s}|BZPOPMAX {k} {k} {s}|BZMPOP {s} 2 {k} {k} {g}|BZMPOP {s} 1 {k} {g} COUNT {n}
ZADD {k} {q} {e} {q} {e} {q} {e}|ZADD {k} {l} {l} {q} {e}|ZADD {k} {l} {l} {q} {e} {q} {e}|ZINCRBY {k} {q} {e}
ZADD {j} 0 {e} 0 {e}|ZADD {j} 0 a 0 b 0 c 0 d 0 e|ZREM {j} {e}|ZSCORE {k} {e} {e}|ZMSCORE {k}|ZMSCORE {k} {e}
ZRANK {k}|ZREVRANK {k} {e}|ZPOPMIN {k} 1 2|ZPOPMAX {k} x|ZMPOP 1 {k} COUNT {n} MIN
ZMPOP 1 {k} {g} COUNT 1 COUNT 2|ZMPOP 1 {k} MIN MAX|ZMPOP {n} {k} {k} {k}|ZMPOP x|BZMPOP {s} {u} {k} {k} {g}
BZMPOP 0.01 1 {k} COUNT 1 MIN|BZMPOP 0.01 1 {k} MIN COUNT|BZPOPMAX {k} 0.01|BZPOPMIN {k} {k} {k} 0.01
BZPOPMIN {k}|SADD {y} {e} {e}|SADD {y} a b c 1 2|SADD {y} 1 2 3|SADD {y} {e}|LPUSH {k} a
ZUNIONSTORE {k} {u} {z} {z} WEIGHTS {q} {q}|ZUNIONSTORE {k} 3 {z} {z} {z} WEIGHTS 1 2 3 AGGREGATE MAX
ZINTERSTORE {k} 3 {z} {z} {z} WEIGHTS {q} {q} {q}|ZUNION 1 {z} WITHSCORES|ZUNION {n} {z}
ZINTER {u} {z} {z} WITHSCORES|ZINTER 3 {z} {z} {z} AGGREGATE SUM WITHSCORES|ZDIFF {u} {z} {z} WITHSCORES
ZDIFFSTORE {k} 3 {z} {z} {z}|ZDIFFSTORE {k} {u} {z}|ZINTERCARD 3 {z} {z} {z} LIMIT 1
ZINTERCARD 2 {z} {z} LIMIT 1 LIMIT 2|ZUNIONSTORE {k} {z}|ZUNION 2 {z} {z} WEIGHTS 1 2 WEIGHTS 3 4 WITHSCORES
ZUNION 2 {z} {z} AGGREGATE|ZUNION 2 {z} {z} WITHSCORES WITHSCORES|ZRANGE {k} {r} {r} BYSCORE WITHSCORES
ZRANGE {j} {x} {x} BYLEX|ZRANGE {k} {n} {n} WITHSCORES|ZRANGE {k} - +|ZRANGE {k} {n} {n} BYSCORE BYLEX
ZRANGE {k} 0 -1 REV REV|ZRANGE {k} 0 -1 LIMIT 0 -1|ZRANGE {k} {n} {n} REV WITHSCORES
ZRANGEBYSCORE {k} {r} {r} BYSCORE|ZRANGEBYSCORE {k} {r} {r} LIMIT {n}|ZREVRANGEBYSCORE {k} {r} {r} WITHSCORES
ZREVRANGEBYLEX {j} {x} {x}|ZRANGESTORE {k} {k} {n} {n} REV|ZRANGESTORE {k} {k} {r} {r} BYSCORE
ZRANGESTORE {k} {k} 0|ZREMRANGEBYRANK {k} 0 0|ZREMRANGEBYRANK {k} -1 -1|ZREMRANGEBYSCORE {k} {r}
ZRANDMEMBER {k} 0 WITHSCORES|ZRANDMEMBER {k} {n} NOPE|ZRANDMEMBER {k} 1 WITHSCORES X
ZRANDMEMBER {k} -9223372036854775808|ZSCAN {k} 0 COUNT x|ZSCAN {k} 0 MATCH|ZSCAN {k} 0 NOPE 1
ZSCAN {k} 18446744073709551616|RENAME {k} {k}|DEBUG DIGEST-VALUE {k}|SET {k} {v}|DEL {k}|EXPIRE {k} 100000
TYPE {k}|COPY {k} {k}|OBJECT ENCODING {k}
"""
