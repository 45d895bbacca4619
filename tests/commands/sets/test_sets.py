"""Sets: shapes of RESP3, walks while the table changes, random members, algebra, effects."""

import pytest

RESP3 = (
    "SMEMBERS one",
    "SMEMBERS none",
    "SINTER one two",
    "SUNION one none",
    "SDIFF two one",
    "SINTER none one",
    "SRANDMEMBER one",
    "SRANDMEMBER none",
    "SRANDMEMBER none 3",
    "SRANDMEMBER one -3",
    "SRANDMEMBER one 3",
    "SISMEMBER one m",
    "SMISMEMBER one m x",
    "SMISMEMBER none m",
    "SSCAN one 0",
    "SSCAN none 0",
    "SPOP one 0",
    "SPOP none",
    "SPOP none 2",
    "SPOP one 5",
    "SPOP two",
    "EXISTS one two",
)


@pytest.mark.parametrize("resp", [2, 3])
def test_shapes_are_those_of_redis(dozo, original, same, resp):
    same("SADD one m")
    same("SADD two m")
    for server in (dozo, original):
        server("HELLO", resp)
    for line in RESP3:
        same(line)


def walk(dozo, *options, between=lambda: None):
    cursor, found = b"0", []
    while True:
        cursor, part = dozo("SSCAN", "s", cursor, *options)
        found += part
        if cursor == b"0":
            return found
        between()


@pytest.mark.parametrize("size", [50, 400, 3000])
@pytest.mark.parametrize("prefix", ["m", ""])
def test_a_walk_shows_every_member_once(dozo, size, prefix):
    members = [f"{prefix}{n}" for n in range(size)]
    dozo("SADD", "s", *members)
    found = walk(dozo, "COUNT", 30)
    assert sorted(found) == sorted(member.encode() for member in members)
    assert set(walk(dozo, "MATCH", f"{prefix}4?")) == {f"{prefix}4{n}".encode() for n in range(10)}


@pytest.mark.parametrize("growing", [True, False])
def test_a_walk_shows_what_stays_while_the_set_grows_and_shrinks(dozo, growing):
    dozo("SADD", "s", *[f"stay{n}" for n in range(600)])
    if not growing:
        dozo("SADD", "s", *[f"go{n}" for n in range(3000)])
    turn = 0

    def change():
        nonlocal turn
        if not growing or turn < 100:
            dozo("SADD" if growing else "SREM", "s", *[f"go{n}" for n in range(turn * 40, turn * 40 + 40)])
        turn += 1

    found = walk(dozo, between=change)
    assert turn > 5
    assert {b"stay%d" % n for n in range(600)} <= set(found)


@pytest.mark.parametrize("size", [20, 100, 700])
def test_counts_of_random_members(dozo, size):
    members = {b"%d" % n for n in range(size)}
    dozo("SADD", "s", *range(size))
    assert dozo("SRANDMEMBER s") in members
    for count in (1, size // 5, size // 2, size - 1, size, size + 9):
        picked = dozo("SRANDMEMBER", "s", count)
        assert len(picked) == len(set(picked)) == min(count, size)
        assert set(picked) <= members
    assert len(dozo("SRANDMEMBER", "s", -3 * size)) == 3 * size
    assert set(dozo("SRANDMEMBER", "s", -100 * size)) == members


@pytest.mark.parametrize("size", [20, 400, 1000])
def test_pops_take_each_member_once(dozo, size):
    dozo("SADD", "s", *[f"m{n}" for n in range(size)])
    popped = [dozo("SPOP s"), *dozo("SPOP", "s", size // 2)]
    assert dozo("SCARD s") == size - len(popped)
    popped += dozo("SPOP", "s", size)
    assert sorted(popped) == sorted(b"m%d" % n for n in range(size))
    assert dozo("EXISTS s") == 0


def test_a_store_replaces_what_is_there(same):
    for line in (
        "SADD a 1 2 3",
        "SADD b 2 3 4",
        "SET t string",
        "SINTERSTORE t a b",
        "TYPE t",
        "EXPIRE t 100",
        "SUNIONSTORE t t a b",
        "TTL t",
        "SCARD t",
        "SDIFFSTORE a a a",
        "EXISTS a",
        "SINTERSTORE t none b",
        "EXISTS t",
        "SET t string",
        "SINTERSTORE x t b",
        "SINTERSTORE t none b",
        "EXISTS t",
        "SINTERCARD 2 b b LIMIT 2",
    ):
        same(line)


def test_effects_name_what_changed(dozo, effect_of):
    effect_of("SADD s a b c", "SADD s a b c")
    effect_of("SADD s a")
    effect_of("SREM s none")
    effect_of("SPOP s 0")
    effect_of("SPOP s", "SREM s a")
    effect_of("SMOVE s t none")
    effect_of("SPOP s 9", "DEL s")
    effect_of("SADD s a", "SADD s a")
    effect_of("SMOVE s t a", "SMOVE s t a")
    effect_of("SUNIONSTORE u t", "SUNIONSTORE u t")
    effect_of("SINTERSTORE none t none")
    assert dozo("EXISTS s t u") == 2
