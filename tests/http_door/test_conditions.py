"""Conditional and partial requests."""

from __future__ import annotations

import httpx
import pytest

VALUE = b"0123456789"


@pytest.fixture
def tag(http):
    """Return the ETag of a key that is there."""
    return http.put("/kv/0/key", content=VALUE).headers["etag"]


def test_a_version_changes_with_the_value_and_not_without(http, client, tag):
    assert http.get("/kv/0/key").headers["etag"] == tag
    assert http.head("/kv/0/key").headers["etag"] == tag
    client.expire("key", 100)
    assert http.get("/kv/0/key").headers["etag"] == tag
    for change in (("SET", "key", "x"), ("APPEND", "key", "y"), ("SETRANGE", "key", 0, "z")):
        client.execute_command(*change)
        new = http.get("/kv/0/key").headers["etag"]
        assert new != tag
        tag = new


def test_a_key_made_anew_has_another_version(http, client, tag):
    client.delete("key")
    assert http.put("/kv/0/key", content=VALUE).headers["etag"] != tag


def test_a_version_does_not_outlive_the_server(start_node):
    tags = []
    for value in (b"one", b"two"):
        tags.append(httpx.put(f"{start_node().url}/kv/0/key", content=value).headers["etag"])
    assert tags[0] != tags[1]


def test_get_if_none_match(http, tag):
    for given in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        answer = http.get("/kv/0/key", headers={"If-None-Match": given})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
    assert http.get("/kv/0/key", headers={"If-None-Match": '"x"'}).content == VALUE
    assert http.get("/kv/0/none", headers={"If-None-Match": "*"}).status_code == 404
    assert http.head("/kv/0/key", headers={"If-None-Match": tag}).status_code == 304


def test_get_if_match(http, tag):
    for given in (tag, f'"x",{tag}', "*"):
        assert http.get("/kv/0/key", headers={"If-Match": given}).status_code == 200
    for given in ('"x"', f"W/{tag}"):
        assert http.get("/kv/0/key", headers={"If-Match": given}).status_code == 412
    assert http.get("/kv/0/none", headers={"If-Match": "*"}).status_code == 412


def test_put_if_match(http, client, tag):
    for given in ('"x"', f"W/{tag}", '"a,b"', '""'):
        assert http.put("/kv/0/key", content=b"no", headers={"If-Match": given}).status_code == 412
    assert client.get("key") == VALUE
    answer = http.put("/kv/0/key", content=b"yes", headers={"If-Match": f'"x", {tag}'})
    assert answer.status_code == 204
    assert client.get("key") == b"yes"
    assert http.put("/kv/0/key", content=b"late", headers={"If-Match": tag}).status_code == 412
    assert http.put("/kv/0/key", content=b"any", headers={"If-Match": "*"}).status_code == 204
    assert http.put("/kv/0/none", content=b"any", headers={"If-Match": "*"}).status_code == 412
    assert http.put("/kv/0/none", content=b"any", headers={"If-Match": tag}).status_code == 412
    assert client.exists("none") == 0


def test_put_if_none_match(http, client, tag):
    assert http.put("/kv/0/key", content=b"no", headers={"If-None-Match": "*"}).status_code == 412
    assert http.put("/kv/0/key", content=b"no", headers={"If-None-Match": tag}).status_code == 412
    assert client.get("key") == VALUE
    assert http.put("/kv/0/new", content=b"yes", headers={"If-None-Match": "*"}).status_code == 204
    assert http.put("/kv/0/key", content=b"yes", headers={"If-None-Match": '"x"'}).status_code == 204
    both = {"If-Match": "*", "If-None-Match": "*"}
    assert http.put("/kv/0/key", content=b"no", headers=both).status_code == 412


def test_delete_if_match(http, client, tag):
    for given in ('"x"', f"W/{tag}"):
        assert http.delete("/kv/0/key", headers={"If-Match": given}).status_code == 412
    assert http.delete("/kv/0/key", headers={"If-None-Match": "*"}).status_code == 412
    assert http.delete("/kv/0/none", headers={"If-Match": "*"}).status_code == 412
    assert http.delete("/kv/0/none", headers={"If-Match": tag}).status_code == 412
    assert client.exists("key") == 1
    assert http.delete("/kv/0/key", headers={"If-Match": tag}).status_code == 204
    assert client.exists("key") == 0


@pytest.mark.parametrize("given", ["x", '"x', '"a" "b"', ", ".join(['"x"'] * 65)])
@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
def test_what_is_no_list_of_tags(http, tag, header, given):
    for method in ("GET", "PUT", "DELETE"):
        assert http.request(method, "/kv/0/key", headers={header: given}).status_code == 400


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-5", (2, 6)),
        ("bytes=5-", (5, 10)),
        ("bytes=5-100", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-100", (0, 10)),
    ],
)
def test_a_range(http, tag, given, part):
    start, end = part
    for method in ("GET", "HEAD"):
        answer = http.request(method, "/kv/0/key", headers={"Range": given})
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/10"
        assert answer.headers["content-length"] == str(end - start)
        assert answer.content == (VALUE[start:end] if method == "GET" else b"")


@pytest.mark.parametrize("given", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_behind_the_end(http, tag, given):
    answer = http.get("/kv/0/key", headers={"Range": given})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */10"


@pytest.mark.parametrize("given", ["bytes=5-2", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes=", "0-5"])
def test_what_is_no_range_is_not_obeyed(http, tag, given):
    answer = http.get("/kv/0/key", headers={"Range": given})
    assert (answer.status_code, answer.content) == (200, VALUE)


def test_if_range(http, tag):
    wanted = {"Range": "bytes=0-3"}
    assert http.get("/kv/0/key", headers={**wanted, "If-Range": tag}).status_code == 206
    for other in ('"x"', f"W/{tag}", "Sat, 21 Nov 2026 19:00:00 GMT"):
        assert http.get("/kv/0/key", headers={**wanted, "If-Range": other}).status_code == 200
