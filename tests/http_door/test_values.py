"""`/kv/{db}/{key}`: what is stored, what comes back, and what belongs to it."""

from __future__ import annotations

import time

import pytest
from pymemcache.client.base import Client as Memcached
from tests.waiting import until

from dozo.testing import HOST

ANY_BYTES = bytes(range(256))


@pytest.mark.parametrize("body", [b"", b"hello", b"123", b"-0", ANY_BYTES, b"x" * 5000])
def test_bytes_come_back_as_they_were(http, client, body):
    assert http.put("/kv/0/key", content=body).status_code == 204
    answer = http.get("/kv/0/key")
    assert (answer.status_code, answer.content) == (200, body)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert client.get("key") == body


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("a/b", b"a/b"),
        ("a%2Fb", b"a/b"),
        ("%FF%00", b"\xff\x00"),
        ("a%20b+c", b"a b+c"),
        ("%E3%81%A9", "ど".encode()),
        ("", b""),
        ("a%3Fb", b"a?b"),
        ("a//b/", b"a//b/"),
        ("..%2f..%2fetc", b"../../etc"),
    ],
)
def test_a_key_is_what_its_percent_encoding_says(http, client, path, key):
    assert http.put(f"/kv/0/{path}", content=b"v").status_code == 204
    assert client.keys("*") == [key]
    assert http.get(f"/kv/0/{path}").content == b"v"
    assert http.delete(f"/kv/0/{path}").status_code == 204
    assert client.dbsize() == 0


def test_databases_are_apart(http, node):
    http.put("/kv/3/key", content=b"three")
    assert http.get("/kv/0/key").status_code == 404
    with node.redis(db=3) as third:
        assert third.get("key") == b"three"


@pytest.mark.parametrize("database", ["16", "65534"])
def test_a_database_that_is_not_there(http, database):
    answer = http.get(f"/kv/{database}/key")
    assert answer.status_code == 404
    assert answer.json() == {"error": "ERR DB index is out of range"}


@pytest.mark.parametrize("database", ["-1", "65535", "x", "1e3", "\N{ARABIC-INDIC DIGIT ONE}"])
def test_what_is_no_database(http, database):
    assert http.get(f"/kv/{database}/key").status_code == 400


def test_a_missing_key(http):
    for answer in (http.get("/kv/0/none"), http.delete("/kv/0/none")):
        assert answer.status_code == 404
        assert answer.json() == {"error": "there is no such key"}
    assert http.head("/kv/0/none").status_code == 404


def test_what_is_no_string(http, client):
    client.lpush("list", "a")
    answer = http.get("/kv/0/list")
    assert answer.status_code == 409
    assert answer.json()["error"].startswith("WRONGTYPE ")
    assert http.put("/kv/0/list", content=b"now a string").status_code == 204
    client.lpush("other", "a")
    assert http.delete("/kv/0/other").status_code == 204


def test_head_tells_all_but_the_bytes(http):
    http.put("/kv/0/key?ttl=100&flags=3", content=b"x" * 1000)
    got, told = http.get("/kv/0/key"), http.head("/kv/0/key")
    assert told.content == b""
    for name in (
        "content-length",
        "content-type",
        "etag",
        "dozo-flags",
        "dozo-expire-at-ms",
        "accept-ranges",
    ):
        assert told.headers[name] == got.headers[name]


@pytest.mark.parametrize("form", ["query", "header"])
def test_time_to_live(http, client, form):
    options = {"params": {"ttl": "12.5"}} if form == "query" else {"headers": {"Dozo-TTL": "12.5"}}
    before = int(time.time() * 1000)
    http.put("/kv/0/key", content=b"v", **options)
    assert 11_000 < client.pttl("key") <= 12_500
    expire_at = int(http.get("/kv/0/key").headers["dozo-expire-at-ms"])
    assert before + 12_000 <= expire_at <= int(time.time() * 1000) + 12_500
    http.put("/kv/0/key", content=b"w", params={"ttl": "keep"})
    assert client.pexpiretime("key") == expire_at
    http.put("/kv/0/key", content=b"x")
    assert client.ttl("key") == -1
    assert "dozo-expire-at-ms" not in http.get("/kv/0/key").headers


def test_the_shortest_time_to_live_passes(http, client):
    http.put("/kv/0/key?ttl=0.001", content=b"v")
    until("its time is over", lambda: not client.exists("key"))
    assert http.get("/kv/0/key").status_code == 404


@pytest.mark.parametrize("form", ["query", "header"])
def test_flags_are_those_of_memcached(http, node, form):
    options = {"params": {"flags": "70000"}} if form == "query" else {"headers": {"Dozo-Flags": "70000"}}
    http.put("/kv/0/key", content=b"v", **options)
    assert http.get("/kv/0/key").headers["dozo-flags"] == "70000"
    seen = {}

    def read(key, value, flags):
        seen[key] = flags
        return value

    memcached = Memcached((HOST, node.memcached_port), deserializer=read)
    assert memcached.get("key") == b"v"
    assert list(seen.values()) == [70000]
    memcached.set("other", b"w", flags=9)
    memcached.close()
    assert http.get("/kv/0/other").headers["dozo-flags"] == "9"


@pytest.mark.parametrize(
    "query",
    [
        *(
            "ttl=0",
            "ttl=-1",
            "ttl=x",
            "ttl=1e3",
            "ttl=",
            "ttl=0.0001",
            "ttl=1000000000",
            "ttl=1&ttl=2",
            "ttl=.5",
        ),
        *("flags=-1", "flags=4294967296", "flags=x", "flags=", "tll=5", "ttl=1%0A"),
    ],
)
def test_options_that_mean_nothing_are_refused(http, client, query):
    answer = http.put(f"/kv/0/key?{query}", content=b"v")
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert client.dbsize() == 0


def test_an_option_may_come_twice_but_must_be_right_both_times(http):
    right = http.put("/kv/0/key?flags=1", content=b"v", headers={"Dozo-Flags": "2"})
    assert right.status_code == 204
    assert http.get("/kv/0/key").headers["dozo-flags"] == "1"
    assert http.put("/kv/0/key?flags=1", content=b"v", headers={"Dozo-Flags": "x"}).status_code == 400


def test_other_methods(http):
    answer = http.post("/kv/0/key", content=b"v")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "PUT", "DELETE"}


@pytest.mark.parametrize("path", ["/", "/kv", "/kv/0", "/nope", "/kv%2F0/a/b", "/id/"])
def test_other_paths(http, path):
    answer = http.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]


def test_every_answer_is_safe_in_a_browser(http):
    http.put("/kv/0/page", content=b"<script>alert(1)</script>")
    for answer in (http.get("/kv/0/page"), http.get("/nope"), http.get("/healthz")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers
