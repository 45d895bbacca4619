"""`/id`, `/ids` and `/stats` say what katsubushi says, byte for byte, whoever issues the IDs."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from dozo.testing import start

from .conftest import Gateway
from .scripted import Scripted

FIRST = 1573627106045227008
FIGURES = {
    "pid": 28477,
    "uptime": 6,
    "time": 1795252338,
    "version": "development",
    "curr_connections": 1,
    "total_connections": 37,
    "cmd_get": 19,
    "get_hits": 20,
    "get_misses": 0,
    "worker_id": 3,
}
STATS = b"""{
  "pid": 28477,
  "uptime": 6,
  "time": 1795252338,
  "version": "development",
  "curr_connections": 1,
  "total_connections": 37,
  "cmd_get": 19,
  "get_hits": 20,
  "get_misses": 0
}
"""


def bulk(text: object) -> bytes:
    data = str(text).encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


def generator(words: list[bytes]) -> bytes:
    if words == [b"ID.NEXT"]:
        return b":%d\r\n" % FIRST
    if words[:2] == [b"ID.NEXT", b"COUNT"]:
        count = int(words[2])
        return b"*%d\r\n" % count + b"".join(b":%d\r\n" % (FIRST + step) for step in range(count))
    parts = [
        bulk(name) + (bulk(value) if value == "development" else b":%d\r\n" % value)
        for name, value in FIGURES.items()
    ]
    return b"*%d\r\n" % (2 * len(parts)) + b"".join(parts)


@pytest.fixture(scope="module")
def katsubushi() -> Iterator[httpx.Client]:
    with (
        Scripted(generator) as upstream,
        start(lambda ports: Gateway(ports, upstream.url, ()), 1) as gateway,
        httpx.Client(base_url=gateway.url) as client,
    ):
        yield client


JSON = {"Accept": "text/html, application/json"}


@pytest.mark.parametrize(
    ("path", "headers", "kind", "body"),
    [
        ("/id", {}, "text/plain", b"1573627106045227008"),
        ("/id", JSON, "application/json", b'{"id":"1573627106045227008"}'),
        ("/ids", {}, "text/plain", b"1573627106045227008"),
        ("/ids?n=", {}, "text/plain", b"1573627106045227008"),
        ("/ids?n=0", {}, "text/plain", b""),
        ("/ids?n=0", JSON, "application/json", b'{"ids":[]}\n'),
        ("/ids?n=3", {}, "text/plain", b"1573627106045227008\n1573627106045227009\n1573627106045227010"),
        ("/ids?n=2", JSON, "application/json", b'{"ids":["1573627106045227008","1573627106045227009"]}\n'),
        ("/stats", {}, "application/json", STATS),
        ("/stats", JSON, "application/json", STATS),
    ],
)
def test_the_golden_replies(katsubushi, path, headers, kind, body):
    answer = katsubushi.get(path, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-length"] == str(len(body))
    assert answer.content == body


@pytest.mark.parametrize(
    "number", ["abc", "-1", "1.5", "0x10", "1e2", "99999999999999999999", "%D9%A1", "1%0A"]
)
def test_what_is_no_number_of_ids(katsubushi, number):
    answer = katsubushi.get(f"/ids?n={number}")
    assert (answer.status_code, answer.content) == (400, b"")


def test_too_many(katsubushi):
    assert len(katsubushi.get("/ids?n=1000").content.split()) == 1000
    answer = katsubushi.get("/ids?n=1001")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.content == b"too many IDs requested: 1001, n should be smaller than 1000"


@pytest.mark.parametrize("path", ["/id", "/ids", "/stats"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "PATCH"])
def test_other_methods_are_refused(katsubushi, method, path):
    answer = katsubushi.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"


def test_no_leave_to_issue(start_gateway):
    def answer(words: list[bytes]) -> bytes:
        return (
            b"-NOID the lease was lost\r\n"
            if words[0] == b"ID.NEXT"
            else b"*2\r\n" + bulk("state") + bulk("waiting")
        )

    with Scripted(answer) as upstream:
        url = start_gateway(upstream.url).url
        for path in ("/id", "/ids?n=2"):
            got = httpx.get(url + path)
            assert got.status_code == 503
            assert got.headers["retry-after"] == "1"
            assert got.json() == {"error": "NOID the lease was lost"}


@pytest.mark.parametrize("off", [b"-NOID off\r\n", b"-ERR unknown command 'ID.NEXT'\r\n"])
def test_a_server_without_the_service(start_gateway, off):
    def answer(words: list[bytes]) -> bytes:
        return off if words[0] == b"ID.NEXT" else b"*2\r\n" + bulk("state") + bulk("off")

    with Scripted(answer) as upstream:
        got = httpx.get(start_gateway(upstream.url).url + "/id")
        assert got.status_code == 404
        assert got.json() == {"error": "this server issues no IDs"}
