"""Libraries of functions: what FUNCTION DUMP gives away, redis-server takes, and the other way round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

SOURCE = "#!lua name={name}\n-- {filler}\nredis.register_function('{function}', function(keys, args) return args end)"
LONG = "long enough to be compressed " * 40


def source(name: str, function: str = "", filler: str = "") -> str:
    return SOURCE.format(name=name, function=function or f"f_{name}", filler=filler)


@pytest.fixture(autouse=True)
def no_libraries(dozo: Any, original: Any) -> None:
    dozo("FUNCTION FLUSH")
    original("FUNCTION FLUSH")


@pytest.mark.parametrize("filler", ["", "x" * 100, LONG, "y" * 20_000])
def test_a_dump_restores_in_the_other_server(dozo: Any, original: Any, filler: str) -> None:
    for giver, taker in ((dozo, original), (original, dozo)):
        giver("FUNCTION", "LOAD", source("one", filler=filler))
        giver("FUNCTION", "LOAD", source("two"))
        payload = giver("FUNCTION DUMP")
        assert taker("FUNCTION", "RESTORE", payload) == "OK"
        assert taker("FCALL", "f_one", 0, "a") == [b"a"]
        listed = [sorted(map(str, node("FUNCTION LIST WITHCODE"))) for node in (giver, taker)]
        assert listed[0] == listed[1]
        giver("FUNCTION FLUSH")
        taker("FUNCTION FLUSH")


def test_what_cannot_be_restored(same: Callable[..., Any], dozo: Any) -> None:
    same("FUNCTION", "LOAD", source("one"))
    payload = dozo("FUNCTION DUMP")
    same("FUNCTION", "RESTORE", payload)
    same("FUNCTION", "RESTORE", payload, "APPEND")
    same("FUNCTION", "RESTORE", payload, "REPLACE")
    same("FUNCTION", "RESTORE", payload, "FLUSH")
    same("FUNCTION", "RESTORE", payload, "NOPE")
    same("FUNCTION", "RESTORE", payload, "FLUSH", "x")
    same("FUNCTION", "RESTORE", payload[:-1])
    same("FUNCTION", "RESTORE", b"")
    same("FUNCTION", "RESTORE", b"x" + payload)
    same("FUNCTION RESTORE")
    same("FUNCTION DUMP x")
    assert len(same("FUNCTION LIST")) == 1


def test_a_restore_that_fails_changes_nothing(dozo: Any, original: Any) -> None:
    for node in (dozo, original):
        node("FUNCTION", "LOAD", source("new"))
        node("FUNCTION", "LOAD", source("other", function="taken"))
        payload = node("FUNCTION DUMP")
        node("FUNCTION FLUSH")
        node("FUNCTION", "LOAD", source("old", function="taken"))
        for policy in ("APPEND", "REPLACE"):
            assert node("FUNCTION", "RESTORE", payload, policy) == "ERR Function taken already exists"
        assert node("FCALL", "taken", 0, "a") == [b"a"]
        assert node("FCALL", "f_new", 0) == "ERR Function not found"


def test_replaced_and_deleted_functions_are_freed(dozo: Any) -> None:
    dozo("FUNCTION", "LOAD", source("one"))
    big = source("one", filler="x").replace("return args", "return {" + "'text', " * 5000 + "}")

    def lua_memory() -> int:
        fields = dict(line.split(":", 1) for line in dozo("INFO memory").decode().splitlines() if ":" in line)
        return int(fields["used_memory_lua"])

    for _ in range(300):
        dozo("FUNCTION", "LOAD", "REPLACE", big)
    dozo("FUNCTION DELETE one")
    dozo("EVAL", "collectgarbage() return 1", 0)
    assert lua_memory() < 32 << 20
