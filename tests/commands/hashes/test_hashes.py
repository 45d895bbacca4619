"""Hashes: shapes of RESP3, walks while the table changes, random fields, effects and events."""

import pytest
from tests.waiting import until

RESP3 = (
    "HGETALL h",
    "HGETALL none",
    "HKEYS h",
    "HVALS h",
    "HGET h none",
    "HMGET h a none",
    "HRANDFIELD none",
    "HRANDFIELD none 5",
    "HRANDFIELD none 5 WITHVALUES",
    "HRANDFIELD one -2 WITHVALUES",
    "HRANDFIELD one 7 WITHVALUES",
    "HRANDFIELD one 0",
    "HRANDFIELD one",
    "HSCAN one 0",
    "HSCAN none 0",
    "HINCRBYFLOAT h a 1.5",
    "HEXISTS h a",
)


@pytest.mark.parametrize("resp", [2, 3])
def test_shapes_are_those_of_redis(dozo, original, same, resp):
    same("HSET h a 1 b 2")
    same("HSET one f v")
    for server in (dozo, original):
        server("HELLO", resp)
    for line in RESP3:
        same(line)


def test_floats_are_refused_as_redis_does(same):
    same("HSET h f 1 text x empty ''")
    for line in (
        "HINCRBYFLOAT h f inf",
        "HINCRBYFLOAT h f -inf",
        "HINCRBYFLOAT h f nan",
        "HINCRBYFLOAT h f x",
        "HINCRBYFLOAT h text 1",
        "HINCRBYFLOAT h empty 1",
        "HINCRBYFLOAT h f 1e4931",
        "HINCRBY h text 1",
        "HINCRBY h f 9223372036854775807",
        "HINCRBY h empty 1",
        "HGET h f",
    ):
        same(line)


def walk(dozo, *options, between=lambda: None):
    cursor, found = b"0", []
    while True:
        cursor, part = dozo("HSCAN", "h", cursor, *options)
        found += part
        if cursor == b"0":
            return found
        between()


def fill(dozo, prefix, count):
    dozo("HSET", "h", *[word for n in range(count) for word in (f"{prefix}{n}", n)])


def test_a_walk_shows_every_field_once(dozo):
    fill(dozo, "f", 2000)
    found = walk(dozo, "COUNT", 50)
    assert dict(zip(found[::2], found[1::2], strict=True)) == {b"f%d" % n: b"%d" % n for n in range(2000)}
    assert len(found) == 4000
    assert set(walk(dozo, "NOVALUES", "MATCH", "f199?")) == {b"f%d" % n for n in range(1990, 2000)}


@pytest.mark.parametrize("growing", [True, False])
def test_a_walk_shows_what_stays_while_the_hash_grows_and_shrinks(dozo, growing):
    fill(dozo, "stay", 600)
    if not growing:
        fill(dozo, "go", 3000)
    turn = 0

    def change():
        nonlocal turn
        names = [f"go{n}" for n in range(turn * 40, turn * 40 + 40)]
        if growing and turn < 100:
            dozo("HSET", "h", *[word for name in names for word in (name, "v")])
        elif not growing:
            dozo("HDEL", "h", *names)
        turn += 1

    found = walk(dozo, "NOVALUES", between=change)
    assert turn > 5
    assert {b"stay%d" % n for n in range(600)} <= set(found)


def test_counts_of_random_fields(dozo):
    for size in (20, 500):
        dozo("DEL h")
        fill(dozo, "f", size)
        names = {b"f%d" % n for n in range(size)}
        assert dozo("HRANDFIELD h") in names
        for count in (1, size // 5, size // 2, size - 1, size, size + 9):
            picked = dozo("HRANDFIELD", "h", count)
            assert len(picked) == len(set(picked)) == min(count, size)
            assert set(picked) <= names
        again = dozo("HRANDFIELD", "h", -3 * size)
        assert len(again) == 3 * size
        assert len(set(again)) > 1
        pairs = dozo("HRANDFIELD", "h", -4, "WITHVALUES")
        assert all(field == b"f" + value for field, value in zip(pairs[::2], pairs[1::2], strict=True))


def test_every_field_comes_up(dozo):
    fill(dozo, "f", 200)
    assert len(set(dozo("HRANDFIELD", "h", -20_000))) == 200


def test_effects_name_what_changed(dozo, effect_of):
    effect_of("HSET h a 1 b 2", "HSET h a 1 b 2")
    effect_of("HSETNX h a 3")
    effect_of("HINCRBY h a 5", "HINCRBY h a 5")
    effect_of("HINCRBYFLOAT h a 0.5", "HSET h a 6.5")
    effect_of("HDEL h none")
    effect_of("HDEL h a none", "HDEL h a none")
    effect_of("HSETEX h EX 100 FIELDS 1 c 3", "HSETEX h PXAT 1000000000000 FIELDS 1 c 3")
    effect_of("HINCRBYFLOAT h c 0.5", "HSETEX h KEEPTTL FIELDS 1 c 3.5")
    effect_of("HEXPIRE h 100 FIELDS 2 b none", "HPEXPIREAT h 1000000000000 FIELDS 1 b")
    effect_of("HEXPIRE h 100 NX FIELDS 1 b")
    effect_of("HGETEX h FIELDS 1 b")
    effect_of("HGETEX h PERSIST FIELDS 2 b none", "HPERSIST h FIELDS 1 b")
    effect_of("HPERSIST h FIELDS 1 b")
    effect_of("HPERSIST h FIELDS 1 c", "HPERSIST h FIELDS 1 c")
    effect_of("HPEXPIRE h 0 FIELDS 1 b", "HDEL h b")
    effect_of("HGETDEL h FIELDS 3 c c none", "HDEL h c")
    assert dozo("EXISTS h") == 0


def now_ms(dozo):
    seconds, microseconds = dozo("TIME")
    return int(seconds) * 1000 + int(microseconds) // 1000


def test_a_hash_without_live_fields_is_gone(dozo):
    dozo("DEBUG SET-ACTIVE-EXPIRE 0")
    try:
        for look, missing in (
            ("EXISTS h", 0),
            ("TYPE h", "none"),
            ("KEYS *", []),
            ("RANDOMKEY", None),
            ("SCAN 0 COUNT 1000", [b"0", []]),
            ("TTL h", -2),
            ("DUMP h", None),
            ("DEL h", 0),
            ("EXPIRE h 100", 0),
            ("RENAME h i", "ERR no such key"),
            ("COPY h i", 0),
            ("OBJECT ENCODING h", None),
            ("HSETNX h a 1", 1),
        ):
            dozo("FLUSHALL")
            at = now_ms(dozo) + 5
            dozo(f"HSETEX h PXAT {at} FIELDS 2 a 1 b 2")
            until("its time is over", lambda at=at: now_ms(dozo) >= at)
            assert dozo(look) == missing, look
    finally:
        dozo("DEBUG SET-ACTIVE-EXPIRE 1")
