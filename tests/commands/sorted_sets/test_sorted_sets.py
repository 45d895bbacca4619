"""Sorted sets next to redis-server: shapes, events, refusals, encodings; and what a scan promises."""

import pytest

REFUSED = [
    "ZRANGE k 0 -1 REV REV",
    "ZRANGE k 0 -1 BYSCORE BYSCORE",
    "ZRANGE k 0 -1 BYSCORE BYLEX",
    "ZRANGE k 0 -1 LIMIT 0 1",
    "ZRANGE k - + BYLEX WITHSCORES",
    "ZRANGE k 0 -1 WITHSCORES WITHSCORES",
    "ZRANGEBYLEX k - + REV",
    "ZPOPMIN k 1 2",
    "ZPOPMIN k -1",
    "ZMPOP 1 k COUNT 1 MIN",
    "ZMPOP 1 k MIN COUNT 1 COUNT 2",
    "ZMPOP 1 k MIN COUNT 0",
    "ZMPOP 2 k MIN",
    "ZMPOP 0 k MIN",
    "BZMPOP x 1 k NOPE",
    "BZMPOP x 1 k MIN",
    "ZUNION 0 k",
    "ZUNION 3 k k",
    "ZUNION 1 k WEIGHTS",
    "ZUNION 1 k WEIGHTS x",
    "ZINTERCARD 1 k LIMIT -1",
    "ZINTERCARD 1 k LIMIT",
    "ZDIFF 1 k WEIGHTS 1",
    "ZRANDMEMBER k x",
    "ZRANDMEMBER k -9223372036854775808",
    "ZSCAN k 18446744073709551616",
    "ZSCAN k x",
    "ZSCAN k 0 COUNT 0",
    "ZADD k NX XX 1 a",
    "ZADD k GT NX 1 a",
    "ZADD k INCR 1 a 2 b",
]
SHAPES = """
ZADD k 1 a 2.5 b inf c; ZRANGE k 0 -1 WITHSCORES; ZREVRANGE k 0 -1 WITHSCORES; ZRANGEBYSCORE k 1 3 WITHSCORES;
ZSCORE k a; ZSCORE k none; ZMSCORE k a none; ZMSCORE none a b; ZADD k INCR 1 a; ZADD k XX INCR 1 none;
ZINCRBY k 0.5 a; ZRANK k none; ZREVRANK k a; ZUNION 1 k WITHSCORES; ZINTER 1 k WITHSCORES; ZDIFF 1 k WITHSCORES;
ZRANDMEMBER none; ZRANDMEMBER none 3; ZRANDMEMBER k 0; ZSCAN k 0; ZSCAN none 0; ZSCAN k -1; ZPOPMIN none;
ZPOPMIN none 1; ZPOPMIN k; ZPOPMAX k 1; ZADD k 7 x; BZPOPMIN k 0; BZPOPMAX none 0.01; ZMPOP 1 none MIN;
BZMPOP 0.01 1 none MAX; ZADD k 1 a 2 b; ZMPOP 2 none k MAX COUNT 9; ZADD one 1 a; ZRANDMEMBER one;
ZRANDMEMBER one 5 WITHSCORES; ZRANDMEMBER one -2 WITHSCORES; BZMPOP 0 1 one MIN; ZCARD one
"""
EVENTS = """
ZADD k 1 a 2 b; ZADD k 1 a; ZADD k XX 1 none; ZADD k CH 5 a; ZADD k INCR 1 a; ZINCRBY k 1 b; ZINCRBY k 0 b;
ZREM k a none; ZREM k none; ZADD k 1 a 2 b 3 c 4 d 5 e 6 f; ZPOPMIN k; ZPOPMAX k 1; ZPOPMIN k 0; BZPOPMIN k 0;
ZADD k 1 a 2 b 3 c 4 d; BZPOPMAX k 0; ZMPOP 1 k MIN; BZMPOP 0 1 k MAX; ZADD k 0 a 0 b 0 c 0 d;
ZREMRANGEBYRANK k 0 0; ZREMRANGEBYSCORE k 5 9; ZREMRANGEBYSCORE k 0 0; ZADD k 0 a 0 b; ZREMRANGEBYLEX k [a [a;
ZUNIONSTORE u 1 k; ZUNIONSTORE u 1 none; ZINTERSTORE i 1 k; ZDIFFSTORE d 1 k; ZDIFFSTORE d 2 k k;
ZRANGESTORE r k 0 -1; ZRANGESTORE r none 0 -1; ZRANGESTORE r none 0 -1; ZPOPMIN none; ZREM k b; SADD s 1 2;
ZUNIONSTORE s 1 s; ZMPOP 1 s MIN COUNT 5; BZPOPMIN none 0.01
"""


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.split(";")]


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_refused(same, line):
    same("ZADD k 1 a 2 b 3 c")
    same(line)
    same("ZRANGE k 0 -1 WITHSCORES")


def test_replies_have_redis_s_shapes(alike):
    for line in lines(SHAPES):
        alike(line)


def test_events_are_told_alike(same_events):
    same_events("KEA", lines(EVENTS))


def test_encodings_change_where_redis_s_do(same):
    same("ZADD", "k", *(word for number in range(128) for word in (number, number)))
    same("OBJECT ENCODING k")
    same("ZADD k 1 other")
    same("OBJECT ENCODING k")
    same("ZREM k other")
    same("OBJECT ENCODING k")
    same("ZADD", "short", 1, "x" * 64)
    same("OBJECT ENCODING short")
    same("ZADD", "long", 1, "x" * 65)
    same("OBJECT ENCODING long")
    same("ZUNIONSTORE back 1 k")
    same("OBJECT ENCODING back")
    same("ZRANGESTORE back k 0 127")
    same("OBJECT ENCODING back")
    same("ZUNIONSTORE both 2 k short")
    same("OBJECT ENCODING both")
    same("ZUNIONSTORE both 1 long")
    same("OBJECT ENCODING both")


def test_sets_count_with_score_1(same):
    same("SADD s a b c")
    same("ZADD z 5 a 7 d")
    for line in ("ZUNION 2 s z WITHSCORES", "ZINTER 2 z s WEIGHTS 2 3 WITHSCORES", "ZDIFF 2 z s WITHSCORES"):
        same(line)
    same("ZUNIONSTORE s 2 s z")
    same("ZRANGE s 0 -1 WITHSCORES")
    same("ZUNION 2 s none AGGREGATE MAX WITHSCORES")


def test_zintercard_stops_at_its_limit(same):
    same("ZADD", "a", *(word for number in range(300) for word in (number, number)))
    same("ZADD", "b", *(word for number in range(100, 400) for word in (number, number)))
    same("SADD", "c", *range(150, 500))
    for line in (
        "3 a b c",
        "3 a b c LIMIT 0",
        "3 a b c LIMIT 7",
        "2 a none LIMIT 1",
        "2 a a LIMIT 9999",
        "1 c LIMIT 3",
    ):
        same(f"ZINTERCARD {line}")


def scan(connection, change) -> list[bytes]:
    """Every member that a whole ZSCAN gives, with `change` called after each step."""
    cursor, members = b"0", []
    while True:
        cursor, found = connection("ZSCAN", "k", cursor, "COUNT", 7)
        members += found[::2]
        if cursor == b"0":
            return members
        change()


def test_a_scan_sees_what_stays(dozo):
    dozo("ZADD", "k", *(word for number in range(1000) for word in (number, f"stays:{number}")))
    dozo("ZADD", "k", *(word for number in range(1000) for word in (number, f"goes:{number}")))
    state = {"step": 0}

    def change():
        step = state["step"] = state["step"] + 1
        dozo("ZREM", "k", *(f"goes:{step * 20 + number}" for number in range(20)))
        dozo("ZADD", "k", *(word for number in range(20) for word in (step, f"new:{step}:{number}")))
        dozo("ZINCRBY", "k", 10, f"stays:{step % 1000}")

    # As in Redis, some may come twice while the table shrinks or grows.
    seen = {member for member in scan(dozo, change) if member.startswith(b"stays:")}
    assert seen == {f"stays:{number}".encode() for number in range(1000)}


def test_a_scan_survives_the_change_of_encoding(dozo):
    dozo("ZADD", "k", *(word for number in range(100) for word in (number, f"m{number}")))
    cursor, found = dozo("ZSCAN k 0 COUNT 5")
    dozo("ZADD", "k", *(word for number in range(100, 300) for word in (number, f"m{number}")))
    while cursor != b"0":
        cursor, more = dozo("ZSCAN", "k", cursor)
        found += more
    assert set(found[::2]) >= {f"m{number}".encode() for number in range(100)}
