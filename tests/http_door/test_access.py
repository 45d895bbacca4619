"""Who may use the door: passwords, other machines, other origins."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest

from dozo.testing import NodeError, start

from .conftest import HttpNode

OPEN = ("/healthz", "/readyz", "/openapi.json")
CLOSED = ("/kv/0/key", "/events?channel=c", "/metrics", "/id", "/ids", "/stats")


@pytest.fixture(scope="module")
def guarded() -> Iterator[HttpNode]:
    with start(lambda ports: HttpNode(ports, ("--requirepass", "pässword")), 3) as node:
        yield node


def bearer(password: str) -> dict[bytes, bytes]:
    return {b"Authorization": b"Bearer " + password.encode()}


@pytest.mark.parametrize("path", CLOSED)
def test_a_password_is_asked_for(guarded, path):
    for headers in ({}, bearer("wrong"), {b"Authorization": b"Basic eDp5"}):
        answer = httpx.get(guarded.url + path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert httpx.get(guarded.url + path, headers={"Authorization": "Digest x"}).status_code == 401


@pytest.mark.parametrize("path", OPEN)
def test_some_paths_are_open(guarded, path):
    assert httpx.get(guarded.url + path).status_code == 200


def test_the_right_password(guarded):
    with httpx.Client(base_url=guarded.url) as client:
        for headers in (bearer("pässword"), {b"Authorization": "bearer pässword".encode()}):
            assert client.put("/kv/0/key", content=b"v", headers=headers).status_code == 204
        for name in ("", "default"):
            answer = client.get("/kv/0/key", auth=httpx.BasicAuth(name, "pässword"))
            assert answer.content == b"v"
        answer = client.post("/command", json=["GET", "key"], headers=bearer("pässword"))
        assert answer.json() == {"result": "v"}
        assert client.get("/kv/0/key", auth=httpx.BasicAuth("nobody", "pässword")).status_code == 401
        assert client.post("/command", json=["GET", "key"]).status_code == 401


def test_a_password_where_none_is_asked_for_is_refused(http):
    answer = http.get("/kv/0/key", headers=bearer("x"))
    assert answer.status_code == 401
    assert "without any password configured" in answer.json()["error"]


@pytest.mark.parametrize("given", ["Bearer", "Basic", "Basic !", "Basic eA==", "x"])
def test_what_is_no_authorization(http, given):
    assert http.get("/kv/0/key", headers={"Authorization": given}).status_code == 401


def test_a_changed_password_counts_at_once(start_node):
    node = start_node("--requirepass", "pässword")
    with httpx.Client(base_url=node.url) as client, node.redis(password="pässword") as peer:
        assert client.put("/kv/0/key", content=b"v", headers=bearer("pässword")).status_code == 204
        peer.config_set("requirepass", "new")
        assert client.get("/kv/0/key", headers=bearer("pässword")).status_code == 401
        assert client.get("/kv/0/key", headers=bearer("new")).content == b"v"
        peer.config_set("requirepass", "")
        assert client.get("/kv/0/key").content == b"v"
        peer.config_set("requirepass", "newer")
        assert client.get("/kv/0/key").status_code == 401


def outside_address() -> str:
    """Return an address of this machine that is no loopback one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


def test_protected_mode_refuses_other_machines(start_node):
    node = start_node("--protected-mode", "no", "--bind", "*")
    url = f"http://{outside_address()}:{node.http_port}/kv/0/key"
    assert httpx.put(url, content=b"v").status_code == 204
    with node.redis() as peer:
        peer.config_set("protected-mode", "yes")
    assert httpx.get(url).status_code == 403
    assert httpx.get(f"{node.url}/kv/0/key").content == b"v"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example"]
)
def test_a_page_can_not_reach_this_machine_by_a_name_of_its_own(http, host):
    """DNS rebinding: the browser believes the server to be the page's own."""
    http.put("/kv/0/key", content=b"secret")
    answer = http.get("/kv/0/key", headers={"Host": host})
    assert answer.status_code == 421
    assert b"secret" not in answer.content


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:80", "LOCALHOST", "x.localhost", "127.0.0.1:1", "[::1]:80"]
)
def test_names_of_this_machine(http, host):
    assert http.get("/kv/0/key", headers={"Host": host}).status_code == 404


def test_who_knows_the_password_may_use_any_name(guarded):
    headers = {**bearer("pässword"), b"Host": b"dozo.example"}
    assert httpx.get(f"{guarded.url}/kv/0/none", headers=headers).status_code == 404


def preflight(url: str, origin: str) -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,if-match",
    }
    return httpx.options(f"{url}/kv/0/key", headers=headers)


def test_no_other_origin_by_default(http, node):
    answer = preflight(node.url, "https://app.example")
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers
    answer = http.get("/kv/0/key", headers={"Origin": "https://app.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_the_origins_that_are_set(start_node):
    node = start_node("--http-cors-origins", "https://app.example")
    answer = preflight(node.url, "https://app.example")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert preflight(node.url, "https://evil.example").status_code == 400
    shown = httpx.put(f"{node.url}/kv/0/key", content=b"v", headers={"Origin": "https://app.example"})
    assert shown.headers["access-control-allow-origin"] == "https://app.example"
    assert "etag" in shown.headers["access-control-expose-headers"].lower()


def test_it_does_not_start_open_to_other_machines(start_node):
    with pytest.raises(NodeError, match="is open to other machines"):
        start_node("--bind", "*")
