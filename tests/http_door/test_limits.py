"""What a client may make the door hold, and how long it may take."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import ExitStack

import httpx
import pytest
from tests.waiting import until

from dozo.testing import HOST

PIECE = 1 << 20


def connect(node) -> socket.socket:
    return socket.create_connection((HOST, node.http_port), timeout=30)


def send_for_ever(sender: socket.socket, data: bytes) -> None:
    while True:
        sender.sendall(data)


def test_the_body_of_commands(start_node):
    node = start_node("--http-max-body", "2kb")
    with httpx.Client(base_url=node.url) as http:
        assert http.post("/command", json=["ECHO", "x" * 2000]).status_code == 200
        for path in ("/command", "/pipeline"):
            answer = http.post(path, json=["ECHO", "x" * 2048])
            assert answer.status_code == 413
            assert "http-max-body" in answer.json()["error"]
            endless = httpx.Request(
                "POST",
                node.url + path,
                content=(b"[" for _ in range(5000)),
                headers={"Content-Type": "application/json"},
            )
            assert http.send(endless).status_code == 413
        assert http.put("/kv/0/key", content=b"x" * 3 * PIECE).status_code == 204


def test_the_replies_of_commands(start_node):
    node = start_node("--http-max-reply", "2mb")
    with httpx.Client(base_url=node.url) as http:
        http.put("/kv/0/key", content=b"x" * 2 * PIECE)
        answer = http.post("/pipeline", json=[["GET", "key"], ["GET", "key"]])
        assert answer.status_code == 507
        assert "larger than" in answer.json()["error"]
        assert http.post("/command", json=["STRLEN", "key"]).json() == {"result": 2 * PIECE}
        assert len(http.get("/kv/0/key").content) == 2 * PIECE


def test_connections_to_the_upstream(start_node):
    """One that waits in a blocking command is not there for others, who are told so."""
    node = start_node("--http-connections", "1")
    with httpx.Client(base_url=node.url, timeout=60) as http, node.redis() as peer:
        answers = []

        def wait():
            answers.append(httpx.post(f"{node.url}/command", json=["BLPOP", "queue", 0], timeout=60).json())

        waiting = threading.Thread(target=wait)
        waiting.start()
        until("it waits", lambda: peer.info("clients")["blocked_clients"])
        busy = http.get("/kv/0/key")
        assert busy.status_code == 503
        assert busy.headers["retry-after"] == "1"
        peer.rpush("queue", "job")
        waiting.join()
        assert answers == [{"result": ["queue", "job"]}]
        assert http.get("/kv/0/key").status_code == 404


def test_connections_are_used_again(http, client):
    http.get("/kv/0/none")
    before = client.info("stats")["total_connections_received"]
    for _ in range(100):
        http.get("/kv/0/none")
    assert client.info("stats")["total_connections_received"] - before <= 2


def test_http_connections(start_node):
    node = start_node("--http-max-clients", "3")
    idle = [connect(node) for _ in range(3)]
    try:
        for each in idle[:2]:
            each.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert each.recv(100).startswith(b"HTTP/1.1 ")
        with httpx.Client(base_url=node.url) as http:
            assert http.get("/healthz").status_code == 503
    finally:
        for each in idle:
            each.close()
    with httpx.Client(base_url=node.url) as http:
        until("there is room", lambda: http.get("/healthz").status_code != 503)


@pytest.mark.slow
def test_a_request_that_does_not_become_whole(node):
    """They are silent at the same time, as each is waited for as long as a client may take."""
    with ExitStack() as stack:
        lazy = {name: stack.enter_context(connect(node)) for name in ("nothing", "a head", "a second head")}
        lazy["a head"].sendall(b"GET /healthz HTTP/1.1\r\nHost: local")
        lazy["a second head"].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while not answer.endswith(b"}"):
            answer += lazy["a second head"].recv(1000)
        assert answer.startswith(b"HTTP/1.1 200")
        lazy["a second head"].sendall(b"GET /healthz HTTP/1.1\r\n")
        for name, each in lazy.items():
            assert each.recv(1000) == b"", name


@pytest.mark.slow
def test_a_body_that_nobody_wants(node):
    """It is read for a while, so that the client hears why."""
    with connect(node) as lazy:
        lazy.sendall(b"POST /command HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n")
        assert lazy.recv(100).startswith(b"HTTP/1.1 415")
        with pytest.raises(ConnectionError):
            send_for_ever(lazy, b"x" * 65536)


def test_trailers_have_an_end(node):
    with connect(node) as endless:
        head = b"PUT /kv/0/key HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        endless.sendall(head + b"1\r\nx\r\n0\r\n")
        with pytest.raises(ConnectionError):
            send_for_ever(endless, b"X: y\r\n" * 1000)


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000,
        b"GET /" + b"x" * 100_000,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"PUT /kv/0/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_what_is_not_http(node, http, bytes_sent):
    with connect(node) as rude:
        rude.sendall(bytes_sent)
        answer = b""
        try:
            while part := rude.recv(1000):
                answer += part
        except ConnectionError:
            pass
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert list(json.loads(answer.partition(b"\r\n\r\n")[2])) == ["error"]
    assert http.get("/healthz").status_code == 200
    assert "Traceback" not in node.log()
