"""SCAN: every key that stays is returned at least once."""

import pytest


def scan_all(dozo, *options):
    cursor, found = b"0", []
    while True:
        cursor, keys = dozo("SCAN", cursor, *options)
        found += keys
        if cursor == b"0":
            return found


def test_scan_returns_every_key_once(dozo):
    names = {b"key:%d" % n for n in range(3000)}
    for name in names:
        dozo("SET", name, "v")
    found = scan_all(dozo)
    assert set(found) == names
    assert len(found) == len(names)
    assert set(scan_all(dozo, "COUNT", 1000)) == names
    assert set(scan_all(dozo, "MATCH", "key:29??")) == {b"key:%d" % n for n in range(2900, 3000)}
    assert set(scan_all(dozo, "TYPE", "STRING")) == names
    assert scan_all(dozo, "TYPE", "list") == []


def test_scan_survives_growing_and_shrinking(dozo):
    stay = {b"stay:%d" % n for n in range(500)}
    for name in stay:
        dozo("SET", name, "v")
    cursor, found, step = b"0", set(), 0
    while True:
        cursor, keys = dozo("SCAN", cursor)
        found.update(keys)
        for n in range(20):
            dozo("SET", b"new:%d:%d" % (step, n), "v") if step % 40 < 20 else dozo(
                "DEL", b"new:%d:%d" % (step - 20, n)
            )
        step += 1
        if cursor == b"0" or step > 5000:
            break
    assert step <= 5000
    assert stay <= found


@pytest.mark.parametrize(
    "line",
    [
        "SCAN x",
        "SCAN 0 COUNT 0",
        "SCAN 0 COUNT x",
        "SCAN 0 FOO",
        "SCAN 0 MATCH",
        "SCAN 18446744073709551616",
        f"SCAN {'9' * 5000}",
        "SCAN",
    ],
)
def test_scan_refuses_as_redis_does(same, line):
    same(line)
