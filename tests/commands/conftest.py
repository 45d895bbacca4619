"""Commands as they stand on the wire, on dozo alone or on dozo and redis-server side by side."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import redis

from dozo.testing import HOST, Node


class Connection:
    """One connection; a reply is its Python value, an error its line, a status its text."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=20)
        self._file = self._socket.makefile("rb")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def send(self, *words: bytes | str | int) -> None:
        """Send a command; one string alone is split as a shell would."""
        if len(words) == 1 and isinstance(words[0], str):
            words = tuple(shlex.split(words[0]))
        encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self._socket.sendall(
            b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in encoded)
        )

    def __call__(self, *words: bytes | str | int) -> Any:
        self.send(*words)
        return self.read()

    def read(self) -> Any:
        line = self._file.readline()
        if not line:
            raise EOFError
        kind, text = line[:1], line[1:-2]
        match kind:
            case b"+" | b"-":
                return text.decode(errors="replace")
            case b":" | b"(":
                return int(text)
            case b"_":
                return None
            case b"#":
                return text == b"t"
            case b",":
                return float(text)
            case b"$" | b"=":
                return None if text == b"-1" else self._file.read(int(text) + 2)[:-2]
            case b"*" | b"~":
                return None if text == b"-1" else [self.read() for _ in range(int(text))]
            case b"%":
                return {_hashable(self.read()): self.read() for _ in range(int(text))}
        raise AssertionError(f"unknown reply {line!r}")


class Line:
    """A connection whose bytes are read as they come, up to the reply of a PING."""

    def __init__(self, port: int, resp3: bool) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=20)
        self._file = self._socket.makefile("rb")
        self.ask(*["HELLO 3"] * resp3)
        self.id = int(self.ask("CLIENT ID")[1:].split(b"\r")[0])

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, *lines: str) -> bytes:
        """Everything that comes in answer to some inline commands, and what was on its way before."""
        self._socket.sendall("".join(f"{line}\r\n" for line in (*lines, "PING end")).encode())
        found = b""
        while not found.endswith(b"$3\r\nend\r\n"):
            if not (read := self._file.readline()):
                raise EOFError
            found += read
        return found


def _hashable(key: Any) -> Any:
    return key.decode() if isinstance(key, bytes) else key


@pytest.fixture
def dial() -> Iterator[Callable[[int], Connection]]:
    """Return a function that opens a connection to a port; all are closed with the test."""
    opened: list[Connection] = []

    def open_one(port: int) -> Connection:
        opened.append(Connection(port))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


@pytest.fixture
def speak() -> Iterator[Callable[[int, bool], Line]]:
    """Return a function that opens a line to a port, in RESP3 or not; all are closed with the test."""
    opened: list[Line] = []

    def open_one(port: int, resp3: bool) -> Line:
        opened.append(Line(port, resp3))
        return opened[-1]

    yield open_one
    for line in opened:
        line.close()


@pytest.fixture
def talk_alike(server: Node, redis_server: Any, speak: Callable[[int, bool], Line]) -> Callable[..., Any]:
    """Return a function that holds a talk over new connections to both servers and checks that the bytes are the same.

    It gets the talk, and of each connection whether it speaks RESP3; the talk gets the connections.
    """

    def compare(talk: Callable[..., Any], *resp3: bool) -> Any:
        ours, theirs = (
            talk(*[speak(peer.port, speaks) for speaks in resp3]) for peer in (server, redis_server)
        )
        assert ours == theirs
        return ours

    return compare


@pytest.fixture
def connect(server: Node, dial: Callable[[int], Connection]) -> Callable[[], Connection]:
    """Return a function that opens one more connection to dozo."""
    return lambda: dial(server.port)


@pytest.fixture
def dozo(connect: Callable[[], Connection]) -> Connection:
    """Return a connection to an empty dozo."""
    return connect()


@pytest.fixture
def original(redis_server: Any, dial: Callable[[int], Connection]) -> Connection:
    """Return a connection to an empty redis-server."""
    return dial(redis_server.port)


@pytest.fixture
def same(dozo: Connection, original: Connection) -> Callable[..., Any]:
    """Return a function that runs a command on dozo and on redis-server and checks that they answer alike."""

    def compare(*words: bytes | str | int) -> Any:
        ours, theirs = dozo(*words), original(*words)
        assert ours == theirs, f"{words}: dozo answered {ours!r}, redis-server {theirs!r}"
        return ours

    return compare


@pytest.fixture
def effect_of(dozo: Connection) -> Callable[..., None]:
    """Return a function that runs a command and checks which commands it leaves in the stream of effects.

    A command stands there by its words only as far as their lengths tell: the stream's offset is what is compared.
    """

    def figure(name: bytes) -> int:
        lines = dozo("INFO everything").split(b"\r\n")
        return next(int(line.partition(b":")[2]) for line in lines if line.startswith(name + b":"))

    def check(line: str, *effects: str) -> Any:
        dozo("SET effect 1")  # The stream has named database 0 by now.
        offset, count = figure(b"master_repl_offset"), figure(b"effects")
        reply = dozo(line)
        words = [effect.split() for effect in effects]
        encoded = [
            f"*{len(each)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in each) for each in words
        ]
        assert figure(b"effects") - count == len(effects), line
        assert figure(b"master_repl_offset") - offset == len("".join(encoded)), line
        return reply

    return check


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def alike(
    request: Any, dozo: Connection, original: Connection, same: Callable[..., Any]
) -> Callable[..., Any]:
    """Return `same`, in either protocol: the test runs once in each."""
    for connection in (dozo, original):
        connection("HELLO", request.param)
    return same


def _told_events(port: int, setting: str, commands: Sequence[str]) -> list[Any]:
    """What is published while the commands run, command by command, and the errors among the replies."""
    found: list[Any] = []
    with redis.Redis(HOST, port) as client, redis.Redis(HOST, port) as other:
        client.flushall()
        client.config_set("notify-keyspace-events", setting)
        listener = other.pubsub()
        listener.psubscribe("__key*", "end")
        for _ in range(2):
            listener.get_message(timeout=5)
        for line in commands:
            try:
                client.execute_command(*[word.strip("'") for word in line.split()])
            except redis.ResponseError as error:
                found.append(str(error))
            client.publish("end", "")
            while (message := listener.get_message(timeout=5))["channel"] != b"end":
                found.append((line, message["channel"], message["data"]))
        client.config_set("notify-keyspace-events", "")
    return found


@pytest.fixture
def same_events(server: Node, redis_server: Any) -> Callable[[str, Sequence[str]], list[Any]]:
    """Return a function that runs commands on both servers and checks that both publish the same events."""

    def compare(setting: str, commands: Sequence[str]) -> list[Any]:
        ours, theirs = (_told_events(peer.port, setting, commands) for peer in (server, redis_server))
        assert ours == theirs
        return ours

    return compare
