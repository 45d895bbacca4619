"""HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT HTTL HPTTL HEXPIRETIME HPEXPIRETIME HPERSIST HGETEX HSETEX HGETDEL."""

import pytest
from tests.waiting import until


def test_fields_expire_and_tell_when(dozo):
    dozo("HSET h a 1 b 2")
    assert dozo("HEXPIRE", "h", 100, "FIELDS", 3, "a", "b", "c") == [1, 1, -2]
    assert dozo("HTTL", "h", "FIELDS", 2, "a", "c") == [100, -2]
    assert dozo("HPERSIST", "h", "FIELDS", 3, "a", "a", "c") == [1, -1, -2]
    assert dozo("HPTTL", "h", "FIELDS", 1, "a") == [-1]
    assert dozo("HEXPIREAT", "h", 33177117420, "NX", "FIELDS", 2, "a", "b") == [1, 0]
    assert dozo("HEXPIRETIME", "h", "FIELDS", 1, "a") == [33177117420]
    assert dozo("HPEXPIREAT", "h", 33177117420001, "GT", "FIELDS", 1, "a") == [1]
    assert dozo("HPEXPIRETIME", "h", "FIELDS", 1, "a") == [33177117420001]
    assert dozo("HPEXPIRE", "h", 0, "FIELDS", 2, "a", "b") == [2, 2]
    assert dozo("EXISTS h") == 0


def test_expired_fields_leave_by_themselves(dozo):
    dozo("HSET h a 1 b 2")
    dozo("HPEXPIRE", "h", 20, "FIELDS", 1, "a")
    until("a field leaves", lambda: dozo("HLEN h") != 2)
    assert dozo("HGETALL h") == [b"b", b"2"]


def test_get_set_and_delete_with_expiry(dozo):
    assert dozo("HSETEX", "h", "FNX", "EX", 100, "FIELDS", 2, "a", "1", "b", "2") == 1
    assert dozo("HSETEX", "h", "FNX", "FIELDS", 1, "a", "9") == 0
    assert dozo("HTTL", "h", "FIELDS", 2, "a", "b") == [100, 100]
    assert dozo("HSETEX", "h", "KEEPTTL", "FIELDS", 1, "a", "3") == 1
    assert dozo("HTTL", "h", "FIELDS", 1, "a") == [100]
    assert len(dozo("HGETEX", "h", "PERSIST", "FIELDS", 2, "a", "x")) == 2
    assert dozo("HTTL", "h", "FIELDS", 2, "a", "b") == [-1, 100]
    assert dozo("HGETDEL", "h", "FIELDS", 2, "a", "b")[1] == b"2"
    assert dozo("EXISTS h") == 0


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("HEXPIRE h -1 FIELDS 1 a", "invalid expire time, must be >= 0"),
        ("HEXPIRE h 1 X 1 a b", "Mandatory argument FIELDS is missing or not at the right position"),
        ("HEXPIRE h 1 FIELDS 0 a", "Parameter `numFields` should be greater than 0"),
        ("HTTL h FIELDS 2 a", "The `numfields` parameter must match the number of arguments"),
        ("HSETEX h FXX FNX FIELDS 1 a b", "Only one of FXX or FNX arguments can be specified"),
        ("HSETEX h BOGUS FIELDS 1 a b", "unknown argument: BOGUS"),
    ],
)
def test_errors_are_those_of_redis(dozo, words, error):
    assert str(dozo(words)).removeprefix("ERR ") == error
