"""Values that come in and go out in pieces."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import socket

import httpx
import pytest
from tests.memory import most_resident
from tests.waiting import until

from dozo.testing import HOST

PIECE = 1 << 20
HUGE = 500 << 20


def pattern(size: int) -> bytes:
    """Bytes of which no two pieces are alike."""
    return random.Random(size).randbytes(size)


def chunked(body: bytes):
    """Send a body without telling its length."""
    for at in range(0, len(body), 70_000):
        yield body[at : at + 70_000]


@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 5 * PIECE + 7])
@pytest.mark.parametrize("tells_length", [True, False])
def test_any_size(http, client, size, tells_length):
    body = pattern(size)
    answer = http.put("/kv/0/key?ttl=100&flags=5", content=body if tells_length else chunked(body))
    assert answer.status_code == 204
    assert client.get("key") == body
    assert 90 < client.ttl("key") <= 100
    got = http.get("/kv/0/key")
    assert got.content == body
    assert got.headers["etag"] == answer.headers["etag"]
    assert got.headers["dozo-flags"] == "5"
    assert client.keys("*") == [b"key"]


def test_a_part_of_a_large_value(http):
    body = pattern(3 * PIECE)
    http.put("/kv/0/key", content=body)
    for start, end in ((0, 1), (PIECE - 1, PIECE + 1), (PIECE + 5, 3 * PIECE), (0, 3 * PIECE)):
        answer = http.get("/kv/0/key", headers={"Range": f"bytes={start}-{end - 1}"})
        assert answer.status_code == 206
        assert answer.content == body[start:end]


def test_conditions_of_a_large_value(http, client):
    body = pattern(2 * PIECE)
    tag = http.put("/kv/0/key", content=b"old").headers["etag"]
    assert http.put("/kv/0/key", content=body, headers={"If-Match": '"x"'}).status_code == 412
    assert http.put("/kv/0/key", content=body, headers={"If-None-Match": "*"}).status_code == 412
    assert client.get("key") == b"old"
    assert http.put("/kv/0/key", content=body, headers={"If-Match": tag}).status_code == 204
    assert http.put("/kv/0/new", content=body, headers={"If-None-Match": "*"}).status_code == 204
    client.expire("key", 100)
    assert http.put("/kv/0/key?ttl=keep", content=body).status_code == 204
    assert client.ttl("key") > 90
    assert sorted(client.keys("*")) == [b"key", b"new"]


def test_readers_see_the_old_value_until_the_new_one_is_whole(node, client):
    client.set("key", "old")
    sender = upload(node, "key", told=3 * PIECE, sent=2 * PIECE)
    wait_for_upload(client, PIECE)
    assert client.get("key") == b"old"
    sender.sendall(b"x" * PIECE)
    assert answer_to(sender).status == 204
    assert client.get("key") == b"x" * 3 * PIECE
    sender.close()


def test_a_client_that_goes_away_leaves_nothing(node, client):
    client.set("key", "old")
    sender = upload(node, "key", told=3 * PIECE, sent=2 * PIECE)
    wait_for_upload(client, PIECE)
    sender.close()
    until("the upload is gone", lambda: not client.keys("dozo:upload:*"))
    assert client.get("key") == b"old"


def test_an_upload_that_is_left_behind_expires(node, client):
    sender = upload(node, "key", told=3 * PIECE, sent=2 * PIECE)
    (name,) = wait_for_upload(client, PIECE)
    assert 0 < client.ttl(name) <= 60
    sender.close()


def test_an_upload_whose_key_went_is_refused(node, client):
    sender = upload(node, "key", told=3 * PIECE, sent=2 * PIECE)
    (name,) = wait_for_upload(client, 2 * PIECE)
    client.delete(name)
    sender.sendall(b"x" * PIECE)
    answer = answer_to(sender)
    assert answer.status == 400
    assert b"the upload is gone" in answer.read()
    assert client.dbsize() == 0
    sender.close()


def test_a_value_that_is_longer_than_a_string_may_be(start_node):
    node = start_node("--proto-max-bulk-len", "2mb")
    with httpx.Client(base_url=node.url) as client, node.redis() as peer:
        assert client.put("/kv/0/key", content=b"x" * (2 * PIECE)).status_code == 204
        for body in (b"x" * (2 * PIECE + 1), chunked(b"x" * (3 * PIECE))):
            answer = client.put("/kv/0/key", content=body)
            assert answer.status_code == 413
            assert "proto-max-bulk-len" in answer.json()["error"]
        assert peer.keys("*") == [b"key"]


def test_no_room_for_a_value(start_node):
    node = start_node("--maxmemory", "4mb")
    with httpx.Client(base_url=node.url) as client, node.redis() as peer:
        for size in (PIECE // 2, 20 * PIECE):
            peer.set("fill", b"x" * (4 * PIECE))
            answer = client.put("/kv/0/key", content=b"x" * size)
            assert answer.status_code == 507
            assert answer.json()["error"].startswith("OOM ")
            peer.flushall()


def test_a_value_that_changes_while_it_is_read(node, client):
    client.set("key", pattern(40 * PIECE))
    reader = http_connection(node)
    reader.request("GET", "/kv/0/key")
    response = reader.getresponse()
    assert response.read(PIECE)
    client.setrange("key", 0, "changed")
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()
    reader.close()


def http_connection(node) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(HOST, node.http_port, timeout=30)


def upload(node, key: str, *, told: int, sent: int) -> socket.socket:
    """Begin to send a value, and stop in the middle of it."""
    sender = socket.create_connection((HOST, node.http_port), timeout=30)
    sender.sendall(f"PUT /kv/0/{key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {told}\r\n\r\n".encode())
    sender.sendall(b"x" * sent)
    return sender


def answer_to(sender: socket.socket) -> http.client.HTTPResponse:
    """Read the answer to what was sent."""
    answer = http.client.HTTPResponse(sender)
    answer.begin()
    return answer


def wait_for_upload(client, written: int) -> list[bytes]:
    """Wait until so many bytes of the one upload have been written; its name."""

    def names() -> list[bytes]:
        found = client.keys("dozo:upload:*")
        return found if found and client.getrange(found[0], written - 1, written - 1) == b"x" else []

    return until("it is written", names)


@pytest.mark.slow
def test_500_mb_take_no_more_memory_than_themselves(start_node):
    node = start_node()
    block = os.urandom(PIECE)
    connection = http_connection(node)
    connection.request("GET", "/kv/0/none")
    assert connection.getresponse().read()
    before = most_resident(node)
    sent = hashlib.sha256()

    def blocks():
        for number in range(HUGE // PIECE):
            part = number.to_bytes(8, "big") + block[8:]
            sent.update(part)
            yield part

    connection.request("PUT", "/kv/0/huge", blocks(), {"Content-Length": str(HUGE)})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (204, b"")
    connection.request("GET", "/kv/0/huge")
    response = connection.getresponse()
    assert response.headers["content-length"] == str(HUGE)
    received = hashlib.sha256()
    while part := response.read(PIECE):
        received.update(part)
    connection.close()
    assert received.digest() == sent.digest()
    assert most_resident(node) - before <= HUGE + (64 << 20)
