"""The three ways to use the shell: one command, the lines of a pipe, a prompt.

Owns the choice between them, the printing of replies and the exit code: 0, or 1 when a reply is an error or the server
can't be reached.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from dozo.shell.memcached import MemcachedSession
from dozo.shell.reply import ErrorReply, pretty, raw
from dozo.shell.session import Address, Session, SessionError, streams
from dozo.shell.words import split


@dataclass(frozen=True)
class Options:
    """What the command line asked for; None leaves the choice to the shell."""

    host: str = "127.0.0.1"
    port: int | None = None
    socket: str | None = None
    password: str | None = None
    user: str | None = None
    database: int = 0
    protocol: int | None = None
    raw: bool | None = None
    memcached: bool = False


class Door(Protocol):
    """What the shell needs of a server, whichever protocol it speaks."""

    def ask(self, args: list[bytes]) -> bool:
        """Send one command and print what comes back; False when it is an error."""

    def close(self) -> None:
        """Close the connection."""


class RespDoor:
    """A Redis server: prints each reply for people or for pipes."""

    def __init__(self, session: Session, raw_output: bool) -> None:
        self.session = session
        self._raw = raw_output

    def ask(self, args: list[bytes]) -> bool:
        """Send one command and print its reply; a command that opens a stream prints until interrupted."""
        reply = self.session.call(*args)
        self._print(reply)
        if streams(args) and not isinstance(reply, ErrorReply):
            self._follow()
        return not isinstance(reply, ErrorReply)

    def close(self) -> None:
        """Close the connection."""
        self.session.close()

    def _follow(self) -> None:
        try:
            while True:
                self._print(self.session.read())
        except KeyboardInterrupt:
            self.session.close()

    def _print(self, reply: Any) -> None:
        text = raw(reply) + b"\n" if self._raw else pretty(reply).encode("utf-8", "surrogateescape")
        write(text)


class MemcachedDoor:
    """A memcached server: prints what it sends, line by line."""

    def __init__(self, session: MemcachedSession) -> None:
        self.session = session

    def ask(self, args: list[bytes]) -> bool:
        """Send one command and print its reply."""
        reply = self.session.call(args)
        write(reply.replace(b"\r\n", b"\n"))
        return not reply.startswith((b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR"))

    def close(self) -> None:
        """Close the connection."""
        self.session.close()


def run(options: Options, command: list[str]) -> int:
    """Do what the command line asked for and return the exit code."""
    raw_output = options.raw if options.raw is not None else not sys.stdout.isatty()
    door = _open(options, raw_output)
    try:
        if command:
            return 0 if door.ask([word.encode("utf-8", "surrogateescape") for word in command]) else 1
        if not sys.stdin.isatty():
            return _run_lines(door, sys.stdin)
        from dozo.shell.prompt import run_prompt

        return run_prompt(door)
    except SessionError as error:
        print(f"dozo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        door.close()


def write(data: bytes) -> None:
    """Write bytes to stdout behind whatever was printed before."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _open(options: Options, raw_output: bool) -> RespDoor | MemcachedDoor:
    if options.memcached:
        return MemcachedDoor(MemcachedSession(options.socket or (options.host, options.port or 11211)))
    address = Address(
        host=options.host,
        port=options.port or 6379,
        unix_socket=options.socket,
        username=options.user,
        password=options.password,
        database=options.database,
        # Raw output goes to scripts, which expect the flat replies of RESP2.
        protocol=options.protocol or (2 if raw_output else 3),
    )
    return RespDoor(Session(address), raw_output)


def _run_lines(door: Door, lines: Iterable[str]) -> int:
    """Run every line; one that fails doesn't stop the next ones but decides the exit code."""
    code = 0
    for line in lines:
        try:
            args = split(line)
        except ValueError as error:
            print(f"dozo: {error}", file=sys.stderr)
            code = 1
            continue
        if args and args[0].lower() in (b"quit", b"exit"):
            break
        if args and not door.ask(args):
            code = 1
    return code
