"""ITEM.*: values with flags, version and expiry, written whole or in pieces."""

from __future__ import annotations

import pytest
import redis

UPLOAD = "dozo:upload:1"


def item(client, *words):
    return client.execute_command(*words)


def test_a_missing_key(client):
    for command in (("ITEM.GET", "a"), ("ITEM.STAT", "a"), ("ITEM.RANGE", "a", "1-x", 0, 1)):
        assert item(client, *command) is None
    assert item(client, "ITEM.DEL", "a") == 0
    assert item(client, "ITEM.DEL", "a", "IFVERSION", "1-x") == 0


def test_what_belongs_to_a_value(client):
    version = item(client, "ITEM.SET", "a", "hello", "FLAGS", 7, "PX", 100_000)
    expire_at = client.pexpiretime("a")
    assert item(client, "ITEM.GET", "a") == [5, 7, version, expire_at, b"hello"]
    assert item(client, "ITEM.GET", "a", "MAX", 5)[4] == b"hello"
    assert item(client, "ITEM.GET", "a", "MAX", 4) == [5, 7, version, expire_at, None]
    assert item(client, "ITEM.STAT", "a") == [5, 7, version, expire_at]
    assert item(client, "ITEM.RANGE", "a", version, 1, 3) == b"ell"
    item(client, "ITEM.SET", "a", "", "KEEPTTL")
    assert item(client, "ITEM.GET", "a")[3:] == [expire_at, b""]
    item(client, "ITEM.SET", "a", "x", "PXAT", expire_at + 1)
    assert client.pexpiretime("a") == expire_at + 1
    item(client, "ITEM.SET", "a", "x")
    assert item(client, "ITEM.STAT", "a")[3] == -1


def test_a_version_is_that_of_the_value(client):
    client.set("a", "x")
    version = item(client, "ITEM.STAT", "a")[2]
    assert item(client, "ITEM.GET", "a")[2] == version
    client.append("a", "y")
    assert item(client, "ITEM.RANGE", "a", version, 0, 9) is None
    assert item(client, "ITEM.STAT", "a")[2] != version


@pytest.mark.parametrize("write", ["ITEM.SET", "ITEM.COMMIT"])
def test_conditions(client, write):
    def attempt(*conditions):
        if write == "ITEM.SET":
            return item(client, "ITEM.SET", "a", "new", *conditions)
        item(client, "ITEM.WRITE", UPLOAD, 0, "new")
        stored = item(client, "ITEM.COMMIT", UPLOAD, "a", *conditions)
        assert client.exists(UPLOAD) == 0
        return stored

    assert attempt("XX") is None
    assert attempt("IFVERSION", "1-x") is None
    assert client.dbsize() == 0
    first = attempt("NX")
    assert first is not None
    assert attempt("NX") is None
    assert attempt("IFVERSION", "1-x,2-y") is None
    assert attempt("IFNOTVERSION", b"1-x," + first) is None
    second = attempt("XX", "IFVERSION", b"1-x," + first)
    assert second not in (None, first)
    assert attempt("IFVERSION", first) is None
    assert attempt("IFNOTVERSION", first) is not None


def test_a_conditional_removal(client):
    version = item(client, "ITEM.SET", "a", "x")
    assert item(client, "ITEM.DEL", "a", "IFVERSION", "1-x") is None
    assert item(client, "ITEM.DEL", "a", "IFVERSION", version) == 1
    client.lpush("list", "x")
    assert item(client, "ITEM.DEL", "list") == 1


def test_an_upload(client):
    client.set("a", "old", ex=100)
    assert item(client, "ITEM.WRITE", UPLOAD, 0, "abc", "SIZE", 8) == 8
    assert item(client, "ITEM.WRITE", UPLOAD, 3, "def") == 8
    assert item(client, "ITEM.WRITE", UPLOAD, 6, "gh") == 8
    assert 0 < client.ttl(UPLOAD) <= 60
    assert client.get("a") == b"old"
    version = item(client, "ITEM.COMMIT", UPLOAD, "a", "FLAGS", 9, "KEEPTTL")
    length, flags, now, expire_at, value = item(client, "ITEM.GET", "a")
    assert (length, flags, now, value) == (8, 9, version, b"abcdefgh")
    assert expire_at == client.pexpiretime("a") > 0
    assert client.keys("*") == [b"a"]


def test_an_upload_begins_anew(client):
    item(client, "ITEM.WRITE", UPLOAD, 0, "a long one")
    assert item(client, "ITEM.WRITE", UPLOAD, 0, "short") == 5
    item(client, "ITEM.COMMIT", UPLOAD, "a")
    assert client.get("a") == b"short"
    assert client.ttl("a") == -1


def test_a_value_in_place_of_another_type(client):
    client.lpush("a", "x")
    for command in (("ITEM.GET", "a"), ("ITEM.STAT", "a")):
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            item(client, *command)
    assert item(client, "ITEM.SET", "a", "x") is not None
    assert client.type("a") == b"string"


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (("ITEM.WRITE", "mine", 0, "x"), "begins with dozo:upload:"),
        (("ITEM.COMMIT", "mine", "a"), "begins with dozo:upload:"),
        (("ITEM.WRITE", UPLOAD, 1, "x"), "the upload is gone"),
        (("ITEM.COMMIT", UPLOAD, "a"), "the upload is gone"),
        (("ITEM.WRITE", UPLOAD, 0, "x", "SIZE", 2**40), "maximum allowed size"),
        (("ITEM.WRITE", UPLOAD, 2**62, "x"), "maximum allowed size"),
        (("ITEM.WRITE", UPLOAD, -1, "x"), "out of range"),
        (("ITEM.SET", "a", "x", "NX", "XX"), "syntax error"),
        (("ITEM.SET", "a", "x", "PX", 1, "KEEPTTL"), "syntax error"),
        (("ITEM.SET", "a", "x", "FLAGS", 2**32), "out of range"),
        (("ITEM.SET", "a", "x", "PX", 0), "out of range"),
        (("ITEM.SET", "a", "x", "PX", 2**63 - 1), "invalid expire time"),
        (("ITEM.SET", "a", "x", "PXAT", 1), "invalid expire time"),
        (("ITEM.GET", "a", "MAX", -1), "out of range"),
    ],
)
def test_what_can_not_be_done(client, command, error):
    with pytest.raises(redis.ResponseError, match=error):
        item(client, *command)
    assert client.dbsize() == 0


def test_events_are_those_of_a_set(client):
    client.config_set("notify-keyspace-events", "KEA")
    with client.pubsub() as heard:
        heard.psubscribe("__keyevent@0__:*")
        heard.get_message(timeout=5)
        item(client, "ITEM.SET", "a", "x")
        item(client, "ITEM.WRITE", UPLOAD, 0, "x")
        item(client, "ITEM.COMMIT", UPLOAD, "b")
        item(client, "ITEM.DEL", "a")
        events = [heard.get_message(timeout=5) for _ in range(3)]
    client.config_set("notify-keyspace-events", "")
    assert [(event["channel"], event["data"]) for event in events] == [
        (b"__keyevent@0__:set", b"a"),
        (b"__keyevent@0__:set", b"b"),
        (b"__keyevent@0__:del", b"a"),
    ]
