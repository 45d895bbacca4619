"""A connection to a RESP server: redis-py's socket, login and handshake, with a reader that keeps the reply's types.

Owns one connection and what is known about its state (address, database, transaction). redis-py itself folds types
together (a simple string and a bulk string are both bytes), which a client for people must tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedReader
from typing import Any

from redis._parsers import BaseParser
from redis.connection import Connection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError

from dozo.shell.reply import ErrorReply, Items, Number, Status, Verbatim

_AGGREGATES = {b"*": "array", b"~": "set", b"%": "map", b">": "push"}


# After these the server keeps sending.
_STREAMS = frozenset({b"MONITOR", b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE"})


def streams(args: Sequence[bytes]) -> bool:
    """Say whether a command opens a stream of replies, which RESP3 sends as pushes."""
    return args[0].upper() in _STREAMS


class SessionError(Exception):
    """The server can't be reached or refused the login; the text is one line."""


@dataclass(frozen=True)
class Address:
    """Where the server is and how to log in."""

    host: str = "127.0.0.1"
    port: int = 6379
    unix_socket: str | None = None
    username: str | None = None
    password: str | None = None
    database: int = 0
    protocol: int = 3

    def __str__(self) -> str:
        return self.unix_socket or f"{self.host}:{self.port}"


class ReplyParser(BaseParser):
    """Reads replies for redis-py's connection and gives each the type it had on the wire."""

    def __init__(self, socket_read_size: int) -> None:
        self._file: BufferedReader | None = None

    def on_connect(self, connection: Any) -> None:
        """Take over reading from the connection's socket."""
        self._file = connection._sock.makefile("rb")

    def on_disconnect(self) -> None:
        """Let go of the socket."""
        if self._file is not None:
            self._file.close()
        self._file = None

    def can_read(self, timeout: float = 0) -> bool:
        """Say that nothing is left over: the shell reads every reply before it asks again."""
        return False

    def read_response(self, *_: Any, **__: Any) -> Any:
        """Read one reply; an error reply is returned, and redis-py raises it."""
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind in _AGGREGATES:
            return self._items(_AGGREGATES[kind], rest)
        if kind in b"$=!":
            return self._blob(kind, rest)
        return _scalar(kind, rest)

    def _line(self) -> bytes:
        line = self._file.readline() if self._file else b""
        if not line.endswith(b"\r\n"):
            raise Disconnected("Server closed the connection")
        return line[:-2]

    def _items(self, kind: str, count: bytes) -> Items | None:
        number = int(count)
        if number < 0:
            return None
        return Items(kind, [self.read_response() for _ in range(number * 2 if kind == "map" else number)])

    def _blob(self, kind: bytes, size: bytes) -> Any:
        length = int(size)
        if length < 0 or self._file is None:
            return None
        data = self._file.read(length + 2)
        if len(data) != length + 2:
            raise Disconnected("Server closed the connection")
        data = data[:-2]
        if kind == b"!":
            return ErrorReply(data.decode("utf-8", "surrogateescape"))
        return Verbatim(data[4:]) if kind == b"=" else data


def _scalar(kind: bytes, rest: bytes) -> Any:
    match kind:
        case b"+":
            return Status(rest)
        case b"-":
            return ErrorReply(rest.decode("utf-8", "surrogateescape"))
        case b":":
            return int(rest)
        case b"_":
            return None
        case b"#":
            return rest == b"t"
        case b"," | b"(":
            number = Number(rest.decode("ascii"))
            number.kind = "double" if kind == b"," else "big number"
            return number
    raise Disconnected(f"Protocol error, got {kind!r} as reply type byte")


class Session:
    """One connection that is made on first use and made again after it broke."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.database = address.database
        self.in_transaction = False
        self._connection: Any = None

    @property
    def connected(self) -> bool:
        """Whether the last request left a working connection."""
        return self._connection is not None

    def connect(self) -> None:
        """Connect, log in and select the database; SessionError says in one line why it did not work."""
        self._connection = self._open(self.address.protocol)

    def call(self, *args: bytes) -> Any:
        """Send a command and return its reply; an error reply is returned as an ErrorReply."""
        if self._connection is None:
            self.connect()
        try:
            self._connection.send_command(*args)
            reply = self.read()
            while isinstance(reply, Items) and reply.kind == "push" and not streams(args):
                reply = self.read()
        except (RedisError, OSError) as error:
            self.close()
            raise SessionError(str(error)) from None
        self._follow(args, reply)
        return reply

    def read(self) -> Any:
        """Read one more reply, as MONITOR and subscriptions send them."""
        try:
            return self._connection.read_response()
        except ErrorReply as reply:
            return reply
        except Disconnected as error:
            self.close()
            raise SessionError(str(error)) from None

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        if self._connection is not None:
            self._connection.disconnect()
        self._connection = None
        self.in_transaction = False

    def _open(self, protocol: int) -> Any:
        where = self.address
        options: dict[str, Any] = {
            "db": self.database,
            "username": where.username,
            "password": where.password,
            "protocol": protocol,
            "parser_class": ReplyParser,
            "driver_info": None,
            "decode_responses": False,
        }
        if where.unix_socket:
            kind: Any = UnixDomainSocketConnection
            options["path"] = where.unix_socket
        else:
            kind = Connection
            options.update(host=where.host, port=where.port)
        connection = kind(**options)
        try:
            connection.connect()
        except ErrorReply as error:
            connection.disconnect()
            # Without a password RESP3's handshake is refused; the user can still log in with AUTH over RESP2.
            if protocol == 3 and str(error).startswith("NOAUTH") and not where.password:
                return self._open(2)
            raise SessionError(f"login failed: {error}") from None
        except (RedisError, OSError) as error:
            connection.disconnect()
            reason = getattr(error.__context__ or error, "strerror", None) or str(error)
            raise SessionError(f"Could not connect to {where}: {reason}") from None
        return connection

    def _follow(self, args: tuple[bytes, ...], reply: Any) -> None:
        """Keep track of the database and the transaction that the prompt shows."""
        name = args[0].upper()
        if isinstance(reply, ErrorReply):
            return
        if name == b"SELECT" and len(args) == 2:
            self.database = int(args[1])
        elif name == b"MULTI":
            self.in_transaction = True
        elif name in (b"EXEC", b"DISCARD", b"RESET"):
            self.in_transaction = False
            self.database = 0 if name == b"RESET" else self.database
