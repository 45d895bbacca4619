"""`dozo gateway`: the door of a server that runs elsewhere, dozo or not."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest
import redis

from dozo.errors import ConfigError
from dozo.gateway.address import Address

PIECE = 1 << 20


@pytest.fixture
def elsewhere(node, start_gateway):
    """Return a client of a gateway to the shared server."""
    gateway = start_gateway(f"redis://127.0.0.1:{node.port}")
    with httpx.Client(base_url=gateway.url) as http:
        yield http


def test_it_does_what_the_servers_own_door_does(elsewhere, client):
    body = b"x" * (3 * PIECE)
    tag = elsewhere.put("/kv/1/key?flags=7&ttl=100", content=body).headers["etag"]
    answer = elsewhere.get("/kv/1/key")
    assert answer.content == body
    assert (answer.headers["etag"], answer.headers["dozo-flags"]) == (tag, "7")
    assert elsewhere.post("/command?db=1", json=["STRLEN", "key"]).json() == {"result": 3 * PIECE}


def test_a_unix_socket(start_node, start_gateway, tmp_path):
    start_node("--unixsocket", str(tmp_path / "socket"))
    gateway = start_gateway(f"unix://{tmp_path}/socket")
    assert httpx.put(f"{gateway.url}/kv/0/key", content=b"v").status_code == 204


def test_the_upstreams_password_is_the_callers(start_node, start_gateway):
    node = start_node("--requirepass", "secret")
    gateway = start_gateway(f"redis://127.0.0.1:{node.port}")
    with httpx.Client(base_url=gateway.url) as http:
        assert http.get("/kv/0/key").status_code == 401
        assert http.get("/kv/0/key", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert http.get("/kv/0/key", headers={"Authorization": "Bearer secret"}).status_code == 404
        assert http.get("/readyz").status_code == 200


@pytest.mark.parametrize("guarded", [True, False])
def test_a_password_of_its_own(start_node, start_gateway, guarded):
    node = start_node(*(("--requirepass", "secret") if guarded else ()))
    user = "default:secret@" if guarded else ""
    gateway = start_gateway(f"redis://{user}127.0.0.1:{node.port}", "--requirepass", "mine")
    with httpx.Client(base_url=gateway.url) as http:
        assert http.get("/kv/0/key").status_code == 401
        for wrong in ("secret", "x", "min"):
            assert http.get("/kv/0/key", headers={"Authorization": f"Bearer {wrong}"}).status_code == 401
        assert http.get("/kv/0/key", headers={"Authorization": "Bearer mine"}).status_code == 404
        assert http.get("/readyz").status_code == 200
    assert "secret" not in gateway.log()


class TestRedisServer:
    """What a server without ITEM commands can do."""

    @pytest.fixture
    def plain(self, redis_server, start_gateway):
        gateway = start_gateway(f"redis://127.0.0.1:{redis_server.port}")
        with httpx.Client(base_url=gateway.url) as http:
            yield http

    def test_values(self, plain):
        assert plain.get("/kv/0/key").status_code == 404
        assert plain.put("/kv/0/key?ttl=100", content=b"\xff\x00").status_code == 204
        answer = plain.get("/kv/0/key")
        assert (answer.status_code, answer.content) == (200, b"\xff\x00")
        assert "etag" not in answer.headers
        assert "dozo-expire-at-ms" in answer.headers
        assert plain.head("/kv/0/key").headers["content-length"] == "2"
        assert plain.get("/kv/0/key", headers={"Range": "bytes=1-"}).content == b"\x00"
        assert plain.put("/kv/0/key", content=b"w", headers={"If-None-Match": "*"}).status_code == 412
        assert plain.put("/kv/0/key", content=b"w", headers={"If-Match": "*"}).status_code == 204
        assert plain.delete("/kv/0/key").status_code == 204
        assert plain.delete("/kv/0/key").status_code == 404

    def test_what_it_can_not_do_is_told(self, plain, redis_server):
        large = b"x" * (PIECE + 1)
        answers = [
            plain.put("/kv/0/key?flags=1", content=b"v"),
            plain.put("/kv/0/key", content=b"v", headers={"If-Match": '"x"'}),
            plain.put("/kv/0/key", content=large),
            plain.delete("/kv/0/key", headers={"If-Match": '"x"'}),
        ]
        with redis.Redis(port=redis_server.port) as peer:
            assert peer.dbsize() == 0
            peer.set("large", large)
        answers.append(plain.get("/kv/0/large"))
        for answer in answers:
            assert answer.status_code == 501
            assert "no dozo" in answer.json()["error"]

    def test_what_is_no_string(self, plain):
        plain.post("/command", json=["RPUSH", "list", "a"])
        assert plain.get("/kv/0/list").status_code == 409
        assert plain.head("/kv/0/list").status_code == 409

    def test_commands_and_events(self, plain):
        assert plain.post("/pipeline?atomic=true", json=[["SET", "a", "1"], ["INCR", "a"]]).json() == [
            {"result": "OK"},
            {"result": 2},
        ]
        with plain.stream("GET", "/events", params={"channel": "c"}) as response:
            lines = response.iter_lines()
            assert next(lines) == ": subscribed"
            plain.post("/command", json=["PUBLISH", "c", "x"])
            assert next(line for line in lines if line) == 'data: {"channel": "c", "data": "x"}'

    def test_no_ids(self, plain):
        assert plain.get("/id").status_code == 404


def test_the_upstream_comes_back(start_node, start_gateway, tmp_path):
    listen = ("--unixsocket", str(tmp_path / "socket"))
    node = start_node(*listen)
    gateway = start_gateway(f"unix://{tmp_path}/socket")
    with httpx.Client(base_url=gateway.url) as http:
        assert http.put("/kv/0/key", content=b"v").status_code == 204
        node.stop()
        assert http.get("/kv/0/key").status_code == 502
        start_node(*listen)
        assert http.get("/kv/0/key").status_code == 404


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "--upstream"),
        (["--upstream", "redis://127.0.0.1:1"], "set http-port"),
        (["--upstream", "redis://:secret@127.0.0.1:1", "--http-port", "1"], "set requirepass"),
        (["--upstream", "http://127.0.0.1", "--http-port", "1"], "redis://"),
        (["--upstream", "redis://127.0.0.1:99999", "--http-port", "1"], "upstream: "),
        (["--upstream", "redis://127.0.0.1/3", "--http-port", "1"], "database"),
        (["--upstream", "redis://127.0.0.1?x=1", "--http-port", "1"], "no options"),
    ],
)
def test_what_it_can_not_start_with(arguments, reason):
    command = [sys.executable, "-m", "dozo", "gateway", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert reason in ended.stderr
    assert "secret" not in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_port_that_is_taken(node):
    command = [sys.executable, "-m", "dozo", "gateway", "--upstream", "redis://127.0.0.1:1"]
    ended = subprocess.run(
        [*command, "--http-port", str(node.http_port)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert f"can't listen on 127.0.0.1:{node.http_port}" in ended.stderr


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://db", Address("db", 6379)),
        ("redis://db:7000/", Address("db", 7000)),
        ("redis://[::1]:7000/0", Address("::1", 7000)),
        ("rediss://db", Address("db", 6379, tls=True)),
        ("redis://u%40x:p%3Aw@db", Address("db", username="u@x", password="p:w")),
        ("redis://:pw@db", Address("db", password="pw")),
        ("unix:///run/dozo%20x.sock", Address(path="/run/dozo x.sock")),
    ],
)
def test_addresses(url, address):
    assert Address.parse(url) == address
    assert "pw" not in str(address)
    assert "p:w" not in str(address)


@pytest.mark.parametrize("url", ["", "db:6379", "unix://", "unix://host/path", "redis://", "redis://[::1"])
def test_what_is_no_address(url):
    with pytest.raises(ConfigError):
        Address.parse(url)
