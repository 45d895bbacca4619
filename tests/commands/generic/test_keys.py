"""Commands on keys of any type."""

import pytest


@pytest.mark.parametrize(
    "lines",
    [
        ["MSET a 1 b 2", "DEL a b c", "UNLINK a", "SET a 1", "UNLINK a b", "EXISTS a", "DEL", "UNLINK"],
        ["MSET a 1 b 2", "EXISTS a b c a", "TOUCH a b c a", "TOUCH", "TYPE a", "TYPE missing"],
        [
            "RENAME a b",
            "RENAMENX a b",
            "SET a 1 EX 100",
            "RENAME a b",
            "TTL b",
            "EXISTS a",
            "RENAME b b",
            "GET b",
        ],
        ["MSET a 1 b 2", "RENAMENX a b", "RENAMENX a a", "RENAMENX a c", "GET c", "RENAME c b", "GET b"],
        ["SET a 1 EX 100", "COPY a b", "GET b", "TTL b", "COPY a b", "SET a 2", "COPY a b REPLACE", "GET b"],
        [
            "SET a 1",
            "COPY a a",
            "COPY a a DB 0",
            "COPY a a DB 1",
            "COPY a b DB 99",
            "COPY a b DB x",
            "COPY a b FOO",
        ],
        ["SET a 1", "COPY a b DB 99999999999", "COPY missing b", "COPY a", "COPY a b REPLACE DB 2"],
        [
            "SET a 1 EX 100",
            "MOVE a 1",
            "EXISTS a",
            "SELECT 1",
            "TTL a",
            "MOVE a 1",
            "MOVE a 99",
            "MOVE a x",
            "MOVE b 0",
        ],
        ["SET a 1", "SELECT 1", "SET a 2", "MOVE a 0", "MOVE a 99999999999", "SELECT 0", "GET a", "FLUSHALL"],
        [
            "KEYS *",
            "SET hello 1",
            "KEYS h?llo",
            "KEYS h[a-f]llo",
            "KEYS h[^a]llo",
            "KEYS x*",
            "KEYS h\\\\*",
            "KEYS",
        ],
        ["RANDOMKEY", "SET only 1", "RANDOMKEY", "RANDOMKEY x"],
        ["WAIT 0 0", "WAIT 0 x", "WAIT x 0", "WAIT 0 -1", "WAIT 0"],
        [
            "SWAPDB 0 1",
            "SET a 1",
            "SWAPDB 0 1",
            "GET a",
            "SELECT 1",
            "GET a",
            "SWAPDB 0 99",
            "SWAPDB x 1",
            "SWAPDB 0 x",
        ],
    ],
)
def test_answers_as_redis_does(same, lines):
    for line in lines:
        same(line)


def test_keys_finds_every_key(dozo):
    names = [b"key:%d" % n for n in range(1000)]
    for name in names:
        dozo("SET", name, "v")
    assert sorted(dozo("KEYS *")) == sorted(names)
    assert sorted(dozo("KEYS key:99?")) == [b"key:99%d" % n for n in range(10)]
