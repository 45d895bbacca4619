"""Every script of the table gives the same reply from dozo and from redis-server, in both versions of RESP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.commands.scripting.scripts import ARGS, KEYS, PROGRAMS, SCRIPTS
from tests.conftest import Peer
from tests.differential.raw import Wire

from dozo.testing import Node


@contextmanager
def _wires(*ports: int) -> Iterator[list[Wire]]:
    wires = [Wire(port) for port in ports]
    try:
        yield wires
    finally:
        for wire in wires:
            wire.close()


def _words(*words: object) -> tuple[bytes, ...]:
    return tuple(str(word).encode("latin-1") for word in words)


@pytest.mark.parametrize("name", ["EVAL", "EVAL_RO"])
@pytest.mark.parametrize("proto", [2, 3])
def test_replies_as_redis_does(server: Node, redis_server: Peer, name: str, proto: int) -> None:
    with _wires(server.port, redis_server.port) as (ours, theirs):
        for wire in (ours, theirs):
            wire.call(*_words("HELLO", proto))
            assert wire.call(b"SCRIPT", b"FLUSH").value == b"OK"
        different = []
        for script in (*SCRIPTS, *PROGRAMS):
            if "math.random(" in script or "math.random()" in script:
                continue  # Both draw from generators that other tests have moved on.
            call = _words(name, script, len(KEYS), *KEYS, *ARGS)
            mine, judge = ours.call(*call), theirs.call(*call)
            if mine != judge:
                different.append((script, mine, judge))
    assert different == []


CALLS = (
    ("EVAL", "return 1"),
    ("EVAL", "return 1", "x"),
    ("EVAL", "return 1", "2", "a"),
    ("EVAL", "return 1", "-1"),
    ("EVALSHA", "x", "0"),
    ("EVALSHA", "0" * 40, "0"),
    ("EVALSHA_RO", "0" * 40, "0"),
    ("SCRIPT LOAD", "return 7"),
    ("EVALSHA", "e8ea0da4d92c5d5f5b8ee9bdcc3d5bcf3ae8f0f4", "0"),
    ("SCRIPT LOAD", "return +"),
    ("SCRIPT EXISTS", "0" * 40, "x"),
    ("SCRIPT EXISTS",),
    ("SCRIPT KILL",),
    ("SCRIPT FLUSH", "ASYNC"),
    ("SCRIPT FLUSH", "x"),
    ("SCRIPT NOPE",),
    ("SCRIPT DEBUG", "NO"),
    ("FUNCTION KILL",),
    ("FUNCTION STATS",),
    ("FUNCTION LIST",),
    ("FUNCTION LOAD", "return 1"),
    ("FUNCTION LOAD", "#!lua\nreturn 1"),
    ("FUNCTION LOAD", "#!lua name=a b=c\nreturn 1"),
    ("FUNCTION LOAD", "#!lua name=a!\nreturn 1"),
    ("FUNCTION LOAD", "#!perl name=a\nreturn 1"),
    ("FUNCTION LOAD", "#!lua name=one\nlocal x = 1"),
    ("FUNCTION LOAD", "#!lua name=one\nx x"),
    ("FUNCTION LOAD", "#!lua name=one\nx = 1"),
    ("FUNCTION LOAD", "#!lua name=one\nredis.register_function(1)"),
    ("FUNCTION LOAD", "#!lua name=one\nredis.register_function('a b', function() end)"),
    ("FUNCTION LOAD", "#!lua name=one\nredis.register_function('a', 1)"),
    ("FUNCTION LOAD", "#!lua name=one\nredis.register_function{function_name='a'}"),
    ("FUNCTION LOAD", "#!lua name=one\nredis.call('PING')"),
    (
        "FUNCTION LOAD",
        "#!lua name=one\nredis.register_function('Echo', function(keys, args) return {keys, args} end)",
    ),
    ("FUNCTION LOAD", "#!lua name=two\nredis.register_function('echo', function() end)"),
    ("FUNCTION LOAD", "#!lua name=one\nredis.register_function('other', function() end)"),
    ("FUNCTION LIST", "WITHCODE", "LIBRARYNAME", "o*"),
    ("FUNCTION LIST", "LIBRARYNAME"),
    ("FUNCTION LIST", "x"),
    ("FUNCTION STATS",),
    ("FCALL", "echo", "1", "k", "v"),
    ("FCALL", "nothing", "0"),
    ("FCALL", "echo", "3", "k"),
    ("FCALL_RO", "echo", "0"),
    (
        "FUNCTION LOAD",
        "REPLACE",
        "#!lua name=one\nredis.register_function{function_name='get', description='text', flags={'no-writes'},"
        "callback=function(keys) return redis.call('GET', keys[1]) end}\n"
        "redis.register_function('put', function(keys, args) return redis.call('SET', keys[1], args[1]) end)\n"
        "redis.register_function('bad', function() return redis.call('NOPE') end)\n"
        "redis.register_function('oops', function() return undefined end)",
    ),
    ("FCALL", "put", "1", "k", "v"),
    ("FCALL_RO", "get", "1", "k"),
    ("FCALL_RO", "put", "1", "k", "v"),
    ("FCALL", "bad", "0"),
    ("FCALL", "oops", "0"),
    ("FCALL", "echo", "0"),
    ("FLUSHALL",),
    ("FCALL", "get", "1", "k"),
    ("SCRIPT FLUSH",),
    ("FCALL", "get", "1", "k"),
    ("FUNCTION DELETE", "nothing"),
    ("FUNCTION DELETE", "one"),
    ("FCALL", "get", "1", "k"),
    ("FUNCTION FLUSH", "x"),
    ("FUNCTION FLUSH",),
)


@pytest.mark.parametrize("proto", [2, 3])
def test_admin_as_redis_does(server: Node, redis_server: Peer, proto: int) -> None:
    with _wires(server.port, redis_server.port) as (ours, theirs):
        for wire in (ours, theirs):
            wire.call(*_words("HELLO", proto))
            assert wire.call(b"SCRIPT", b"FLUSH").value == b"OK"
            assert wire.call(b"FUNCTION", b"FLUSH").value == b"OK"
        different = []
        for words in CALLS:
            call = _words(*words[0].split(), *words[1:])
            mine, judge = ours.call(*call), theirs.call(*call)
            if mine != judge:
                different.append((words, mine, judge))
    assert different == []
