"""`db.call`: what a Python function does by other commands is one step, as what a script does is.

Every test runs twice: the steps are a Python function's, and a script's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.waiting import until

from dozo.testing import Node

Wire = Callable[..., bytes]
Steps = Callable[..., bytes]

SCRIPT = b"""
local out = {}
for at, line in ipairs(ARGV) do
    local words = {}
    for word in line:gmatch('%S+') do words[#words + 1] = word end
    out[at] = redis.call(unpack(words))
end
return out
"""
WAYS = {"python": (b"T.STEPS",), "script": (b"EVAL", SCRIPT, b"0")}


@pytest.fixture(params=WAYS)
def steps(request: pytest.FixtureRequest, wire: Any) -> Steps:
    """Return a function that runs commands, each a line, as one step of a connection (`wire` if no other is given)."""
    words = WAYS[request.param]
    wire("SET seen 1")  # The stream of effects has named database 0 by now.
    return lambda *lines, by=wire: by(b"", *words, *(line.encode() for line in lines))


def encoded(*lines: str) -> int:
    """The length of these commands in the stream of effects."""
    words = [line.split() for line in lines]
    return sum(len(f"*{len(each)}\r\n") + sum(len(f"${len(w)}\r\n{w}\r\n") for w in each) for each in words)


def test_replies(steps: Steps) -> None:
    assert steps("SET a 1", "INCR a", "GET none") == b"*3\r\n+OK\r\n:2\r\n$-1\r\n"


@pytest.mark.parametrize(
    ("lines", "effects"),
    [
        (["SET a 1", "INCR a"], ["MULTI", "SET a 1", "INCR a", "EXEC"]),
        (["RPUSH l x", "LPOP l", "GET a"], ["MULTI", "RPUSH l x", "LPOP l", "EXEC"]),
        (["SADD s x y", "SPOP s"], ["MULTI", "SADD s x y", "SREM s x", "EXEC"]),
        (["SET a 1", "DEL none"], ["SET a 1"]),
        (["GET a", "DEL none"], []),
    ],
)
def test_effects_come_as_one(steps: Steps, wire: Any, lines: list[str], effects: list[str]) -> None:
    before = wire.figure("master_repl_offset")
    steps(*lines)
    assert wire.figure("master_repl_offset") - before == encoded(*effects)


def test_an_error_ends_it_and_what_was_done_stays(steps: Steps, wire: Any) -> None:
    before = wire.figure("master_repl_offset")
    reply = steps("SET a text", "SET b 1", "INCR a", "SET c 1")
    assert reply.startswith(b"-ERR value is not an integer or out of range")
    assert wire("MGET a b c") == b"*3\r\n$4\r\ntext\r\n$1\r\n1\r\n$-1\r\n"
    assert wire.figure("master_repl_offset") - before == encoded("MULTI", "SET a text", "SET b 1", "EXEC")


REFUSED = ["MULTI", "EXEC", "WATCH a", "SUBSCRIBE a", "BLPOP none 0", "DEBUG SLEEP 0", "CLIENT ID"]


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_about_the_connection_is_refused(steps: Steps, wire: Any, line: str) -> None:
    reply = steps("SET a 1", line)
    assert reply.startswith(b"-ERR This")
    assert b"command is not allowed from" in reply
    assert wire("GET a") == b"$1\r\n1\r\n"


def test_nothing_waits(steps: Steps) -> None:
    lines = ["BLMPOP 0 1 none LEFT", "BZMPOP 0 1 none MIN", "XREAD BLOCK 0 STREAMS none $"]
    assert steps(*lines) == b"*3\r\n" + b"$-1\r\n" * 3


def test_who_waits_sees_the_end_only(steps: Steps, loaded: Node, dial: Any, wire: Any) -> None:
    waiter = dial(loaded.port)
    waiter.send("BLPOP k 0")
    until("it waits", lambda: wire.figure("blocked_clients"))
    assert steps("RPUSH k 1", "LPOP k", "RPUSH k 2 3") == b"*3\r\n:1\r\n$1\r\n1\r\n:2\r\n"
    assert waiter.read() == b"*2\r\n$1\r\nk\r\n$1\r\n2\r\n"
    assert wire("LRANGE k 0 -1") == b"*1\r\n$1\r\n3\r\n"


def test_watched_keys_are_touched(steps: Steps, loaded: Node, dial: Any) -> None:
    watcher = dial(loaded.port)
    for line in ("WATCH k", "MULTI", "PING"):
        watcher(line)
    steps("SET k 1", "DEL k")
    assert watcher("EXEC") == b"*-1\r\n"


def test_within_a_transaction(steps: Steps, wire: Any) -> None:
    before = wire.figure("master_repl_offset")
    assert wire("MULTI") == b"+OK\r\n"
    assert steps("SET a 1", "INCR a") == b"+QUEUED\r\n"
    assert wire("INCR a") == b"+QUEUED\r\n"
    assert wire("EXEC") == b"*2\r\n*2\r\n+OK\r\n:2\r\n:3\r\n"
    effects = ["MULTI", "SET a 1", "INCR a", "INCR a", "EXEC"]
    assert wire.figure("master_repl_offset") - before == encoded(*effects)


def test_a_script_calls_a_function(wire: Any) -> None:
    script = b"return {redis.call('T.STEPS', 'SET a 1', 'INCR a'), redis.call('GET', 'a')}"
    assert wire(b"EVAL", script, b"0") == b"*2\r\n*2\r\n+OK\r\n:2\r\n$1\r\n2\r\n"
    assert wire(b"T.STEPS", b"EVAL 'return' 0").startswith(b"-ERR This command is not allowed")


def test_out_of_memory(steps: Steps, wire: Any) -> None:
    wire("CONFIG SET maxmemory 1 maxmemory-policy noeviction")
    try:
        assert steps("GET a", "SET a 1").startswith(b"-OOM command not allowed")
    finally:
        wire("CONFIG SET maxmemory 0")
    assert wire("EXISTS a") == b":0\r\n"


def test_calls_nest_to_a_limit(wire: Any) -> None:
    assert wire("T.NEST 16") == b":16\r\n"
    assert wire("T.NEST 17") == b"-ERR commands call each other too deeply\r\n"


@pytest.mark.parametrize("proto", ["2", "3"])
def test_values_are_the_same_in_both_protocols(wire: Any, proto: str) -> None:
    wire(f"HELLO {proto}")
    wire("HSET h f v")
    wire("SADD s x")
    wire("ZADD z 1.5 m")
    seen = [wire(f"T.CATCH {line}").split(b"\r\n")[1] for line in ("HGETALL h", "SMEMBERS s", "ZSCORE z m")]
    assert seen == [b"{b'f': b'v'}", b"{b'x'}", b"1.5"]
