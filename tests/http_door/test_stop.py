"""How the door ends: with the server, after it has answered what it was asked."""

from __future__ import annotations

import signal
import threading

import httpx
import pytest
from tests.waiting import until

from dozo.testing import NodeError

from .test_large_values import PIECE, answer_to, upload, wait_for_upload


def test_a_request_in_flight_is_answered(start_node):
    node = start_node()
    with node.redis() as peer:
        sender = upload(node, "key", told=3 * PIECE, sent=2 * PIECE)
        wait_for_upload(peer, PIECE)
        node.process.send_signal(signal.SIGTERM)
        until("it stops", lambda: "stopping" in node.log())
        sender.sendall(b"x" * PIECE)
        assert answer_to(sender).status == 204
        sender.close()
    assert node.wait(10) == 0


@pytest.mark.parametrize("how", ["signal", "SHUTDOWN"])
def test_event_streams_end(start_node, how):
    node = start_node()
    with httpx.stream("GET", f"{node.url}/events", timeout=30) as response:
        parts = response.iter_raw()
        assert next(parts) == b": subscribed\n\n"
        if how == "signal":
            node.process.send_signal(signal.SIGTERM)
        else:
            httpx.post(f"{node.url}/command", json=["SHUTDOWN", "NOSAVE"])
        assert b"".join(parts) == b""
    assert node.wait(10) == 0
    assert "Traceback" not in node.log()


def test_idle_connections_do_not_hold_it_up(start_node):
    node = start_node()
    with httpx.Client(base_url=node.url) as http:
        http.get("/healthz")
        assert node.stop() == 0
    assert node.log().count("\n") == 3


def test_a_second_signal_ends_it_at_once(start_node):
    node = start_node("--shutdown-timeout", "600")
    answers: list[int] = []

    def wait() -> None:
        answer = httpx.post(f"{node.url}/command", json=["BLPOP", "queue", 0], timeout=60)
        answers.append(answer.status_code)

    waiting = threading.Thread(target=wait)
    with node.redis() as peer:
        waiting.start()
        until("it waits", lambda: peer.info("clients")["blocked_clients"])
    node.process.send_signal(signal.SIGTERM)
    until("it stops", lambda: "stopping" in node.log())
    node.process.send_signal(signal.SIGTERM)
    assert node.wait(10) == 0
    waiting.join()
    assert answers == [502]


def test_a_gateway_stops(node, start_gateway):
    gateway = start_gateway(f"redis://127.0.0.1:{node.port}")
    assert httpx.get(f"{gateway.url}/readyz").status_code == 200
    assert gateway.stop() == 0
    assert gateway.log().endswith("stopped\n")


def test_a_port_that_is_taken(node, start_node):
    with pytest.raises(NodeError, match=f"can't listen on 127.0.0.1:{node.http_port}"):
        start_node("--http-port", str(node.http_port))
