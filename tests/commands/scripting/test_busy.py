"""A script past its time: others hear BUSY, and it can be killed as long as it has written nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from tests.waiting import until

from dozo.testing import HOST, Node

FOREVER = "while true do end"
LIBRARY = "#!lua name=slow\nredis.register_function('slow', function() while true do end end)"
WRITES = "redis.call('SET', 'half', 1) while redis.call('GET', 'half') do end"


FLAGS = ("--busy-reply-threshold", "50")


@pytest.fixture(scope="module", params=["0", "2"], ids=["inline", "io-threads"])
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    with Node.start(*FLAGS, "--io-threads", request.param) as started:
        yield started


@pytest.fixture
def port(node: Node) -> int:
    with redis.Redis(HOST, node.port) as client:
        client.flushall()
        client.config_resetstat()
    return node.port


@pytest.fixture
def caller(port: int, dial: Callable[[int], Any]) -> Any:
    return dial(port)


@pytest.fixture
def other(port: int, dial: Callable[[int], Any]) -> Iterator[Any]:
    connection = dial(port)
    yield connection
    connection("SCRIPT KILL")
    connection("FUNCTION KILL")


def wait_until_busy(other: Any) -> str:
    """Wait until a command is refused; return the refusal."""

    def refusal() -> str:
        answer = str(other("GET", "x"))
        return answer if answer.startswith("BUSY") else ""

    return until("a command is refused", refusal)


def test_others_hear_busy_until_the_script_is_killed(caller: Any, other: Any) -> None:
    caller.send("EVAL", FOREVER, 0)
    refusal = wait_until_busy(other)
    assert refusal == "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
    assert other("FUNCTION KILL") == refusal
    assert other("SHUTDOWN") == refusal
    assert other("EXEC") == f"EXECABORT Transaction discarded because of: {refusal}"
    assert other("SCRIPT KILL") == "OK"
    assert caller.read().startswith("ERR Script killed by user with SCRIPT KILL... script: ")
    assert other("SET", "x", "1") == "OK"
    assert caller("GET", "x") == b"1"
    assert other("SCRIPT KILL") == "NOTBUSY No scripts in execution right now."


def test_catching_the_error_does_not_save_a_script(caller: Any, other: Any) -> None:
    caller.send("EVAL", f"while true do pcall(function() {FOREVER} end) end", 0)
    wait_until_busy(other)
    assert other("SCRIPT KILL") == "OK"
    assert caller.read().startswith("ERR Script killed by user")


def test_function_kill(caller: Any, other: Any) -> None:
    caller("FUNCTION", "LOAD", LIBRARY)
    caller.send("FCALL", "slow", 1, "k", "v")
    refusal = wait_until_busy(other)
    assert refusal.endswith("You can only call FUNCTION KILL or SHUTDOWN NOSAVE.")
    assert other("SCRIPT KILL") == refusal
    running = other("FUNCTION STATS")[1]
    assert running[:4] == [b"name", b"slow", b"command", [b"FCALL", b"slow", b"1", b"k", b"v"]]
    assert running[5] >= 50
    assert other("FUNCTION KILL") == "OK"
    assert caller.read().startswith("ERR Script killed by user")
    assert other("FUNCTION STATS")[1] is None


def test_what_has_written_is_not_killed(caller: Any, other: Any) -> None:
    caller.send("EVAL", "redis.call('SET', 'half', 1) for i = 1, 3e7 do end redis.call('SET', 'whole', 1)", 0)
    wait_until_busy(other)
    assert other("SCRIPT KILL").startswith("UNKILLABLE Sorry the script already executed write commands")
    assert caller.read() is None
    assert other("MGET", "half", "whole") == [b"1", b"1"]


def test_a_slow_script_answers_and_what_came_after_it_is_served(caller: Any, other: Any) -> None:
    caller.send("EVAL", "for i = 1, 3e7 do end redis.call('RPUSH', 'list', 'a') return 'done'", 0)
    caller.send("GET", "x")
    wait_until_busy(other)
    assert caller.read() == b"done"
    assert caller.read() is None
    assert other("RPOP list") == b"a"


def test_waiters_are_served_after_it(caller: Any, other: Any, port: int, dial: Callable[[int], Any]) -> None:
    waiter = dial(port)
    waiter.send("BLPOP list 0")
    until("it waits", lambda: b"blocked_clients:1" in other("INFO clients"))
    caller.send(
        "EVAL", "redis.call('RPUSH', 'list', 'a') for i = 1, 3e7 do end redis.call('RPUSH', 'list', 'b')", 0
    )
    wait_until_busy(other)
    assert waiter.read() == [b"list", b"a"]
    assert caller.read() is None
    assert other("LRANGE list 0 -1") == [b"b"]


def test_its_client_may_leave(caller: Any, other: Any) -> None:
    caller.send("EVAL", FOREVER, 0)
    wait_until_busy(other)
    caller.close()
    assert other("SCRIPT KILL") == "OK"
    until("the key is gone", lambda: other("GET x") is None)


def test_no_time_passes_for_it(caller: Any, other: Any) -> None:
    script = "redis.call('SET', 'k', 'v', 'PX', 5) for i = 1, 3e7 do end return redis.call('GET', 'k')"
    caller.send("EVAL", script, 0)
    wait_until_busy(other)
    assert caller.read() == b"v"
    assert other("GET k") is None


def test_a_script_that_is_late_is_counted(caller: Any, other: Any) -> None:
    caller.send("EVAL", "for i = 1, 3e7 do end return 1", 0)
    wait_until_busy(other)
    assert caller.read() == 1
    assert "cmdstat_eval:calls=1," in other("INFO commandstats").decode()


def test_shutdown_nosave_ends_it(start_dozo: Callable[..., Node], dial: Callable[[int], Any]) -> None:
    port = start_dozo(*FLAGS, "--shutdown-timeout", "1").port
    caller, connection = dial(port), dial(port)
    caller.send("EVAL", WRITES, 0)
    wait_until_busy(connection)
    connection.send("SHUTDOWN NOSAVE")
    with pytest.raises((EOFError, ConnectionError)):
        connection.read()
