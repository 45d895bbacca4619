"""A Python command that fails in any way is an error reply with the traceback in the log, and the server goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dozo.testing import Node

from .wire import PING, PONG, Client, bulk, command

COMMANDS = '''
import sys
import threading

from dozo.commands.api import WRITE, Database, Key, Simple, command
from dozo.errors import ReplyError


class Odd:
    def __str__(self):
        raise RuntimeError("even its text fails")

    __repr__ = __bytes__ = __len__ = __iter__ = __str__


class OddError(Exception):
    def __str__(self):
        raise RuntimeError("even its text fails")


def recurse(n=0):
    return recurse(n + 1) + 1


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def endless():
    value = []
    value.append(value)
    return value


FAILURES = {
    "raise": lambda: 1 // 0,
    "recurse": recurse,
    "exit": lambda: sys.exit(3),
    "interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt()),
    "memory": lambda: bytearray(1 << 62),
    "generator-exit": lambda: (_ for _ in ()).throw(GeneratorExit()),
    "odd-error": lambda: (_ for _ in ()).throw(OddError()),
    "object": object,
    "odd": Odd,
    "function": lambda: len,
    "nested-object": lambda: [1, [2, {"a": object()}]],
    "deep": lambda: nested(100_000),
    "endless": endless,
    "exception": lambda: ValueError("returned"),
}


@command("FAIL", flags=0, group="string", since="1.0.0")
def fail(db: Database, how: str):
    """Fail in this way."""
    return FAILURES[how]()  # nonsense is a KeyError


@command("FAILAFTER", keys=1, flags=WRITE, group="string", since="1.0.0")
def failafter(db: Database, key: Key):
    """Write, then fail."""
    db.set(key, b"written")
    raise ValueError("too late")


@command("SAY", flags=0, group="string", since="1.0.0")
def say(text: str):
    """Refuse with a text that has line ends."""
    raise ReplyError(text)


@command("THREAD", flags=0, group="string", since="1.0.0")
def thread(db: Database):
    """Use the database on another thread; the error's name."""
    caught = []

    def use():
        try:
            db.get(b"k")
        except BaseException as error:
            caught.append(type(error).__name__)

    worker = threading.Thread(target=use)
    worker.start()
    worker.join()
    return caught


@command("NEST", flags=0, group="string", since="1.0.0")
def nest(db: Database, depth: int):
    """Call itself so often."""
    return db.call("NEST", depth - 1) if depth else 0
'''
WAYS = [
    "raise", "recurse", "exit", "interrupt", "memory", "generator-exit", "odd-error", "object", "odd", "function",
    "nested-object", "deep", "endless", "exception", "nonsense",
]  # fmt: skip


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Return a server with these commands."""
    path = tmp_path_factory.mktemp("load") / "failing.py"
    path.write_text(COMMANDS)
    with Node.start("--load", str(path)) as node:
        yield node


@pytest.mark.parametrize("way", WAYS)
def test_a_failure_is_an_error_reply(loaded, way):
    said = len(loaded.log())
    with Client(loaded.port) as client:
        failing, error = command(b"FAIL", way.encode()), b"-ERR internal error in 'fail'\r\n"
        client.ask(PING + failing + PING, PONG + error + PONG)
        client.ask(command(b"ECHO", b"x") + failing * 3 + PING, bulk(b"x") + error * 3 + PONG)
    assert loaded.running
    new = loaded.log()[said:]
    assert new.count("internal error in 'fail'") == 4, new
    if way in ("raise", "recurse", "exit", "interrupt", "memory"):
        assert new.count("Traceback") == 4
        assert "failing.py" in new


def test_what_was_written_before_the_failure_stays(loaded):
    with Client(loaded.port) as client:
        client.ask(command(b"FAILAFTER", b"k"), b"-ERR internal error in 'failafter'\r\n")
        client.ask(command(b"GET", b"k"), bulk(b"written"))


@pytest.mark.parametrize("text", [b"ERR a\r\nb", b"ERR \xff\x00", b"", b"\r\n+OK\r\n"])
def test_the_text_of_an_error_stays_one_line(loaded, text):
    with Client(loaded.port) as client:
        client.send(command(b"SAY", text) + PING)
        client.half_close()
        got = client.rest()
    assert got.startswith(b"-")
    assert got.endswith(b"\r\n" + PONG)
    assert got.count(b"\r\n") == 2


def test_the_database_refuses_other_threads(loaded):
    with Client(loaded.port) as client:
        client.ask(command(b"THREAD") + PING, b"*1\r\n$12\r\nRuntimeError\r\n" + PONG)


def test_a_command_that_calls_itself_has_an_end(loaded):
    with Client(loaded.port) as client:
        client.ask(command(b"NEST", b"3"), b":0\r\n")
        client.send(command(b"NEST", b"1000000") + PING)
        client.half_close()
        got = client.rest()
    assert got.startswith(b"-ERR")
    assert got.endswith(PONG)


def test_it_still_stops_gracefully(loaded):
    assert loaded.stop() == 0


@pytest.mark.parametrize("text", ["raise SystemExit(0)", "def broken(:", "1 / 0"])
def test_a_file_that_fails_to_load_is_one_line(dozo, tmp_path, text):
    (tmp_path / "failing.py").write_text(text + "\n")
    ended = dozo("serve", "--port", "0", "--memcached-port", "0", "--load", tmp_path / "failing.py")
    assert ended.returncode == 1
    assert "failing.py" in ended.stderr
    assert ended.stderr.count("\n") == 1
