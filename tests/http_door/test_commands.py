"""`POST /command` and `POST /pipeline`."""

from __future__ import annotations

import base64
import threading

import httpx
import pytest
from tests.waiting import until

MANY = 10_000


def run(http, *words, **query):
    return http.post("/command", json=list(words), params=query)


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (["PING"], "PONG"),
        (["SET", "a", "1"], "OK"),
        (["SET", "a", 1.5], "OK"),
        (["GET", "none"], None),
        (["INCRBY", "n", 9223372036854775807], 9223372036854775807),
        (["ECHO", "ど"], "ど"),
        (["ECHO", {"base64": "/wA="}], {"base64": "/wA="}),
        (["ECHO", {"base64": ""}], ""),
        (["RPUSH", "l", "x", "y"], 2),
        (["MGET", "none", "none"], [None, None]),
        (
            ["EVAL", "return {1, {'a', false}, redis.error_reply('NO way')}", "0"],
            [1, ["a", None], {"error": "NO way"}],
        ),
    ],
)
def test_a_command(http, words, result):
    answer = run(http, *words)
    assert answer.status_code == 200
    assert answer.json() == {"result": result}


def test_numbers_are_sent_as_they_are_written(http, client):
    run(http, "RPUSH", "l", 1, -2, 1.5, 1e300)
    assert client.lrange("l", 0, -1) == [b"1", b"-2", b"1.5", b"1e+300"]


@pytest.mark.parametrize("words", [["NOSUCH"], ["GET"], ["LPUSH", "text", "x"], ["EVAL", "return nil", "x"]])
def test_an_error_reply_is_an_outcome(http, client, words):
    client.set("text", "x")
    answer = run(http, *words)
    assert answer.status_code == 200
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].partition(" ")[0].isupper()


def test_a_database(http, node):
    run(http, "SET", "a", "3", db=3)
    with node.redis(db=3) as third:
        assert third.get("a") == b"3"
    assert run(http, "GET", "a").json() == {"result": None}
    assert run(http, "GET", "a", db=3).json() == {"result": "3"}
    assert run(http, "GET", "a", db=16).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"[]", b"[[]]", b'"GET"', b"[null]", b"[true]", b"{", b"[NaN]", b"[1e999999", b"\xff"),
        *(b'["GET", {"base64": "x"}]', b'["GET", {"base64": "AA==", "x": 1}]', b'["GET", {"base64": 1}]'),
        *(b'["\\ud800"]', b"[" * 100_000),
    ],
)
def test_what_is_no_command(http, body):
    for path in ("/command", "/pipeline"):
        answer = http.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
        assert answer.json()["error"]


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_only_json_is_taken_because_browsers_send_the_rest_unasked(http, client, kind):
    headers = {} if kind is None else {"Content-Type": kind}
    for path, body in (("/command", b'["SET","a","1"]'), ("/pipeline", b'[["SET","a","1"]]')):
        assert http.post(path, content=body, headers=headers).status_code == 415
    assert client.dbsize() == 0


@pytest.mark.parametrize(
    "words",
    [
        *(
            ["AUTH", "x"],
            ["select", "1"],
            ["MULTI"],
            ["WATCH", "a"],
            ["SUBSCRIBE", "a"],
            ["MONITOR"],
            ["HELLO", 3],
        ),
        *(
            ["QUIT"],
            ["RESET"],
            ["CLIENT", "REPLY", "OFF"],
            ["client", "setname", "x"],
            ["CLIENT", "TRACKING", "ON"],
        ),
    ],
)
def test_what_is_about_a_connection_is_refused(http, words):
    answer = run(http, *words)
    assert answer.status_code == 400
    assert "about a connection" in answer.json()["error"]
    assert http.post("/pipeline", json=[["PING"], words]).status_code == 400


def test_a_pipeline(http):
    commands = [["SET", "a", "1"], ["NOSUCH"], ["INCR", "a"], ["LPUSH", "a", "x"], ["GET", "a"]]
    answer = http.post("/pipeline", json=commands)
    assert answer.status_code == 200
    first, second, third, fourth, fifth = answer.json()
    assert (first, third, fifth) == ({"result": "OK"}, {"result": 2}, {"result": "2"})
    assert second["error"].startswith("ERR unknown command")
    assert fourth["error"].startswith("WRONGTYPE ")


def test_a_long_pipeline(http):
    answer = http.post("/pipeline", json=[["INCR", "n"]] * MANY)
    assert answer.json() == [{"result": number} for number in range(1, MANY + 1)]
    assert http.post("/pipeline", json=[["INCR", "n"]] * (MANY + 1)).status_code == 400


def test_an_atomic_pipeline_is_a_transaction(http):
    """Others never see the counters apart."""
    seen = []
    done = threading.Event()

    def watch():
        while not done.is_set():
            seen.append(run(http, "MGET", "a", "b").json()["result"])

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(100):
        answer = http.post("/pipeline?atomic=true", json=[["INCR", "a"], ["INCR", "b"]])
        assert answer.status_code == 200
    done.set()
    watcher.join()
    assert answer.json() == [{"result": 100}, {"result": 100}]
    assert all(a == b for a, b in seen)


def test_an_atomic_pipeline_that_can_not_begin(http, client):
    answer = http.post("/pipeline?atomic=true", json=[["SET", "a", "1"], ["NOSUCH"]])
    assert answer.status_code == 409
    assert answer.json()["error"].startswith("ERR unknown command 'NOSUCH'")
    assert client.dbsize() == 0
    late = http.post("/pipeline?atomic=true", json=[["SET", "a", "1"], ["LPUSH", "a", "x"]])
    assert late.json()[1]["error"].startswith("WRONGTYPE ")


def test_a_client_that_goes_away_ends_its_blocking_command(node, client):
    with pytest.raises(httpx.ReadTimeout), httpx.Client(base_url=node.url, timeout=0.2) as impatient:
        impatient.post("/command", json=["BLPOP", "queue", 0])
    until("nobody waits", lambda: not client.info("clients")["blocked_clients"])
    client.rpush("queue", "job")
    assert client.lrange("queue", 0, -1) == [b"job"]


def test_bytes_both_ways(http):
    raw = bytes(range(256))
    told = {"base64": base64.b64encode(raw).decode()}
    run(http, "SET", "raw", told)
    assert http.get("/kv/0/raw").content == raw
    assert run(http, "GET", "raw").json() == {"result": told}


@pytest.mark.parametrize("query", ["db=x", "db=-1", "atomic=yes", "atomic=true&atomic=true", "x=1"])
def test_parameters_that_mean_nothing_are_refused(http, query):
    assert http.post(f"/pipeline?{query}", json=[["PING"]]).status_code == 400


def test_the_door_is_named_in_the_client_list(http):
    listed = run(http, "CLIENT", "LIST").json()["result"]
    assert "name=dozo-http" in listed
    assert "lib-name=dozo-http" in listed
