"""What surrounds a script: clients' helpers, transactions, memory, MONITOR, figures, limits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from dozo.testing import HOST, Node


@pytest.fixture
def client(server: Node) -> redis.Redis:
    return redis.Redis(HOST, server.port, decode_responses=True)


def test_redis_py_registers_a_script(client: redis.Redis) -> None:
    client.script_flush()
    multiply = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1]) * 2")
    assert multiply(keys=["n"], args=[5]) == 10
    assert multiply(keys=["n"], args=[5]) == 20
    assert client.script_exists(multiply.sha) == [True]


def test_a_script_selects_for_itself_only(client: redis.Redis) -> None:
    client.eval("redis.call('SELECT', 2) redis.call('SET', 'k', 'there')", 0)
    assert client.get("k") is None


def test_a_transaction_runs_scripts(client: redis.Redis) -> None:
    with client.pipeline() as pipe:
        pipe.set("k", 1)
        pipe.eval("return redis.call('INCR', KEYS[1])", 1, "k")
        pipe.eval("return redis.call('NOPE')", 0)
        replies = pipe.execute(raise_on_error=False)
    assert replies[:2] == [True, 2]
    assert isinstance(replies[2], redis.ResponseError)


def test_an_error_is_counted_once(client: redis.Redis) -> None:
    client.config_resetstat()
    with pytest.raises(redis.ResponseError, match="not an integer"):
        client.eval("redis.call('SET', 'k', 'x') return redis.call('INCR', 'k')", 0)
    assert client.info("errorstats")["errorstat_ERR"]["count"] == 1


def test_memory_is_limited(start_dozo: Callable[..., Node]) -> None:
    client = redis.Redis(HOST, start_dozo("--lua-memory-limit", "8mb").port, decode_responses=True)
    with pytest.raises(redis.ResponseError, match="memory"):
        client.eval("local t = {} for i = 1, 1e9 do t[i] = {i} end", 0)
    with pytest.raises(redis.ResponseError, match="memory"):
        client.eval("local s = 'x' while true do s = s .. s end", 0)
    assert client.eval("return 1", 0) == 1
    assert client.info("memory")["used_memory_lua"] < 4 << 20


def test_long_patterns_are_refused(client: redis.Redis) -> None:
    with pytest.raises(redis.ResponseError, match="pattern too long"):
        client.eval("return string.find(string.rep('a', 100000), string.rep('a?', 100000))", 0)


def test_deep_recursion_is_an_error(client: redis.Redis) -> None:
    with pytest.raises(redis.ResponseError, match="stack overflow"):
        client.eval("local function f() return 1 + f() end return f()", 0)
    nested = "return " + "(" * 5000 + "1" + ")" * 5000
    with pytest.raises(redis.ResponseError):
        client.eval(nested, 0)


def test_monitor_shows_what_scripts_call(server: Node, client: redis.Redis) -> None:
    client.ping()
    with redis.Redis(HOST, server.port, decode_responses=True).monitor() as monitor:
        client.eval("return redis.call('GET', 'k')", 0)
        lines = [monitor.next_command() for _ in range(2)]
    assert lines[0]["command"].startswith("EVAL")
    assert (lines[1]["client_type"], lines[1]["command"]) == ("lua", "GET k")


def test_info_counts(client: redis.Redis) -> None:
    client.script_flush()
    client.eval("return 1", 0)
    client.function_load("#!lua name=counted\nredis.register_function('f', function() return 1 end)")
    memory = client.info("memory")
    assert memory["number_of_cached_scripts"] == 1
    assert memory["number_of_functions"] >= 1
    assert memory["used_memory_lua"] > 0
    client.execute_command("FUNCTION", "DELETE", "counted")


def test_a_script_leaves_no_state(client: redis.Redis) -> None:
    for script in ("rawset(_G, 'x', 1)", "rawset(redis, 'x', 1)", "getmetatable('').__index = {}"):
        with pytest.raises(redis.ResponseError):
            client.eval(script, 0)
    assert client.eval("return ('x'):upper()", 0) == "X"


@pytest.mark.parametrize("container", ["SCRIPT HELP", "FUNCTION HELP"])
def test_help_names_the_subcommands(client: redis.Redis, container: str) -> None:
    lines = client.execute_command(*container.split())
    assert any(line.startswith("FLUSH") for line in lines)
    assert any(line.startswith("LOAD") for line in lines)
