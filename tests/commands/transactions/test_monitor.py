"""MONITOR shows what a transaction does when it is done, as redis-server shows it."""

from __future__ import annotations

import re
import socket

import pytest

from dozo.testing import HOST

#: What a client sends, and what a monitor sees: the database, and the command.
DIALOGUES = {
    "exec": (
        ["MULTI", "SET a 1", "GET a", "EXEC"],
        ['0 "MULTI"', '0 "SET" "a" "1"', '0 "GET" "a"', '0 "EXEC"'],
    ),
    "selected": (
        ["SELECT 3", "MULTI", "SELECT 5", "GET a", "EXEC", "SELECT 0"],
        ['3 "SELECT" "3"', '3 "MULTI"', '5 "SELECT" "5"', '5 "GET" "a"', '5 "EXEC"', '0 "SELECT" "0"'],
    ),
    "refused": (["MULTI", "NOSUCH", "EXEC"], ['0 "MULTI"', '0 "EXEC"']),
    "discarded": (["MULTI", "INCR a", "DISCARD"], ['0 "MULTI"', '0 "DISCARD"']),
    "not queued": (
        ["MULTI", "MULTI", "WATCH a", "UNWATCH", "EXEC"],
        ['0 "MULTI"', '0 "MULTI"', '0 "WATCH" "a"', '0 "UNWATCH"', '0 "EXEC"'],
    ),
    "touched": (
        ["WATCH a", "SET a 2", "MULTI", "GET a", "EXEC", "UNWATCH"],
        ['0 "WATCH" "a"', '0 "SET" "a" "2"', '0 "MULTI"', '0 "EXEC"', '0 "UNWATCH"'],
    ),
    "secret": (
        ["MULTI", "CONFIG GET maxmemory", "AUTH password", "GETRANGE a 0 1", "EXEC"],
        ['0 "MULTI"', '0 "AUTH" "(redacted)"', '0 "GETRANGE" "a" "0" "1"', '0 "EXEC"'],
    ),
    "waiting": (
        ["MULTI", "BLPOP none 0", "EXEC", "BLPOP none 0.01"],
        ['0 "MULTI"', '0 "BLPOP" "none" "0"', '0 "EXEC"', '0 "BLPOP" "none" "0.01"'],
    ),
    "monitor": (["MULTI", "MONITOR", "EXEC"], ['0 "MULTI"', '0 "EXEC"']),
}


@pytest.fixture(params=["server", "redis_server"], ids=["dozo", "redis"])
def port(request: pytest.FixtureRequest) -> int:
    return request.getfixturevalue(request.param).port


def _until(connection: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        part = connection.recv(65536)
        assert part, received
        received += part
    return received


def _watch(port: int, lines: list[str]) -> list[str]:
    """What a monitor sees of these lines, each sent when the one before is answered."""
    with (
        socket.create_connection((HOST, port), timeout=10) as monitor,
        socket.create_connection((HOST, port), timeout=10) as client,
    ):
        monitor.sendall(b"MONITOR\r\n")
        _until(monitor, b"+OK\r\n")
        for line in lines:
            client.sendall(line.encode() + b"\r\n")
            assert client.recv(65536)
        client.sendall(b"ECHO end\r\n")
        seen = _until(monitor, b'"ECHO" "end"\r\n').decode().splitlines()
        return [re.sub(r"^\S+ \[(\d+) \S+\]", r"\1", line) for line in seen]


@pytest.mark.parametrize("name", DIALOGUES)
def test_order(port: int, name: str) -> None:
    lines, shown = DIALOGUES[name]
    assert _watch(port, lines) == [*shown, '0 "ECHO" "end"']
