"""CLIENT: the connections of the server, and the calling one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Literal

from dozo._kernel import ClientInfo
from dozo.commands.api import (
    ADMIN,
    LOADING,
    NOSCRIPT,
    STALE,
    Client,
    Database,
    Server,
    Simple,
    Verbatim,
    command,
    container,
)
from dozo.commands.connection import checked_name
from dozo.commands.help import declare_help
from dozo.commands.numbers import integer
from dozo.errors import ReplyError, SyntaxError_
from dozo.replies import NO_REPLY, OK

_GROUP: Final = "connection"
_OWN: Final = NOSCRIPT | LOADING | STALE
_OTHERS: Final = ADMIN | NOSCRIPT | LOADING | STALE
_TYPES: Final = {"normal", "master", "slave", "replica", "pubsub"}
_ID: Final = re.compile(rb"[+-]?\d{1,19}\Z")

Filter = Callable[[ClientInfo], bool]

container(
    "CLIENT",
    group=_GROUP,
    since="2.4.0",
    summary="Tells about connections and changes them.",
    complexity="Depends on the subcommand.",
)
declare_help("CLIENT", group=_GROUP, since="5.0.0", acl=("connection",))


@command("CLIENT ID", flags=_OWN, group=_GROUP, since="5.0.0", complexity="O(1)")
def id_(client: Client) -> int:
    """Returns the number of the connection; later connections have higher ones."""
    return client.id


@command("CLIENT GETNAME", flags=_OWN, group=_GROUP, since="2.6.9", complexity="O(1)")
def getname(client: Client) -> bytes | None:
    """Returns the name of the connection, null when it has none."""
    return client.name or None


@command("CLIENT SETNAME", flags=_OWN, group=_GROUP, since="2.6.9", complexity="O(1)", args="connection-name")
def setname(client: Client, name: bytes) -> Simple:
    """Names the connection; an empty name takes the name away."""
    client.name = checked_name(name)
    return OK


@command(
    "CLIENT SETINFO",
    flags=_OWN,
    group=_GROUP,
    since="7.2.0",
    complexity="O(1)",
    args="<LIB-NAME libname | LIB-VER libver>",
)
def setinfo(client: Client, attribute: str, value: bytes) -> Simple:
    """Stores the name or the version of the client's library."""
    match attribute.lower():
        case "lib-name":
            client.lib_name = checked_name(value, "lib-name")
        case "lib-ver":
            client.lib_ver = checked_name(value, "lib-ver")
        case _:
            raise ReplyError(f"ERR Unrecognized option '{attribute}'")
    return OK


@command(
    "CLIENT INFO",
    flags=_OWN,
    group=_GROUP,
    since="6.2.0",
    complexity="O(1)",
    tips=("nondeterministic_output",),
)
def info(db: Database, client: Client) -> Verbatim:
    """Returns the calling connection's line of CLIENT LIST."""
    return Verbatim(_line(client.info(), db.now_ms) + "\n")


@command(
    "CLIENT LIST",
    flags=_OTHERS,
    group=_GROUP,
    since="2.4.0",
    complexity="O(N) for N connections",
    args="[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
    tips=("nondeterministic_output",),
    history=(
        ("2.8.12", "Connections are numbered."),
        ("5.0.0", "The TYPE filter exists."),
        ("6.0.0", "The field user exists."),
        ("6.2.0", "The fields argv-mem, tot-mem, laddr and redir and the ID filter exist."),
        ("7.0.0", "The fields resp, multi-mem, rbs and rbp exist."),
        ("7.0.3", "The field ssub exists."),
    ),
)
def list_(db: Database, server: Server, *words: bytes) -> Verbatim:
    """Returns one line a connection."""
    chosen: Filter = lambda _: True  # noqa: E731
    if words and words[0].upper() == b"TYPE" and len(words) == 2:
        kind = _checked_type(words[1])
        chosen = lambda entry: _kind(entry) == kind  # noqa: E731
    elif words and words[0].upper() == b"ID" and len(words) > 1:
        wanted = {_client_id(word, "ERR Invalid client ID") for word in words[1:]}
        chosen = lambda entry: entry.id in wanted  # noqa: E731
    elif words:
        raise SyntaxError_
    return Verbatim("".join(f"{_line(entry, db.now_ms)}\n" for entry in server.clients() if chosen(entry)))


@command(
    "CLIENT KILL",
    arity=-3,
    flags=_OTHERS,
    group=_GROUP,
    since="2.4.0",
    complexity="O(N) for N connections",
    args="<ip:port | [ID client-id] [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] [USER username] [ADDR ip:port]"
    " [LADDR ip:port] [SKIPME yes/no]>",
    history=(
        ("2.8.12", "Filters may be given, ID among them."),
        ("3.2.0", "The type master exists."),
        ("5.0.0", "The type replica replaces slave."),
        ("6.2.0", "The LADDR filter exists."),
    ),
)
def kill(client: Client, server: Server, *words: bytes) -> int | Simple:
    """Closes connections: the one from an address, or all that match every filter; then returns how many."""
    if len(words) == 1:
        address = words[0].decode(errors="replace")
        found = [entry for entry in server.clients() if entry.addr == address]
        if not found:
            raise ReplyError("ERR No such client")
        server.kill(found[0].id)
        return OK
    if len(words) % 2:
        raise SyntaxError_
    filters, skip_caller = _kill_filters(words)
    victims = [
        entry.id
        for entry in server.clients()
        if all(matches(entry) for matches in filters) and not (skip_caller and entry.id == client.id)
    ]
    return sum(server.kill(victim) for victim in victims)


def _kill_filters(words: tuple[bytes, ...]) -> tuple[list[Filter], bool]:
    """The filters of CLIENT KILL, and whether the caller is spared."""
    filters: list[Filter] = []
    skip_caller = True
    for name, value in zip(words[::2], words[1::2], strict=True):
        text = value.decode(errors="replace")
        match name.upper():
            case b"ID":
                filters.append(
                    _equals("id", _client_id(value, "ERR client-id should be greater than 0", least=1))
                )
            case b"TYPE":
                kind = _checked_type(value)
                filters.append(lambda entry, kind=kind: _kind(entry) == kind)  # type: ignore[misc]
            case b"ADDR" | b"LADDR":
                filters.append(_equals(name.decode().lower(), text))
            case b"USER":
                if text != "default":
                    raise ReplyError(f"ERR No such user '{text}'")
            case b"SKIPME" if value.lower() in (b"yes", b"no"):
                skip_caller = value.lower() == b"yes"
            case _:
                raise SyntaxError_
    return filters, skip_caller


def _equals(field: str, wanted: Any) -> Filter:
    return lambda entry: getattr(entry, field) == wanted


def _client_id(word: bytes, error: str, least: int = -(2**63)) -> int:
    if not _ID.match(word) or not least <= int(word) < 2**63:
        raise ReplyError(error)
    return int(word)


def _checked_type(word: bytes) -> str:
    kind = word.decode(errors="replace").lower()
    if kind not in _TYPES:
        raise ReplyError(f"ERR Unknown client type '{word.decode(errors='replace')}'")
    return "replica" if kind == "slave" else kind


def _kind(entry: ClientInfo) -> str:
    """A connection that is subscribed to anything is of the type pubsub; there are no replicas yet."""
    return "pubsub" if _subscribed(entry) else "normal"


def _subscribed(entry: ClientInfo) -> bool:
    return bool(entry.sub or entry.psub or entry.ssub)


@command(
    "CLIENT PAUSE",
    flags=_OTHERS,
    group=_GROUP,
    since="2.9.50",
    complexity="O(1)",
    args="timeout [WRITE | ALL]",
    surplus="arity",
    arity=-3,
    history=(("6.2.0", "Writes alone may be paused."),),
)
def pause(db: Database, server: Server, timeout: bytes, mode: str = "ALL") -> Simple:
    """Holds back every command, or the writing ones, of all connections for some milliseconds."""
    if mode.upper() not in ("WRITE", "ALL"):
        raise ReplyError("ERR CLIENT PAUSE mode must be WRITE or ALL")
    milliseconds = _client_id(timeout, "ERR timeout is not an integer or out of range")
    if milliseconds < 0:
        raise ReplyError("ERR timeout is negative")
    until = milliseconds + db.now_ms
    if until >= 2**63:
        raise ReplyError("ERR timeout is out of range")
    server.pause(until, mode.upper() == "WRITE")
    return OK


@command(
    "CLIENT UNPAUSE",
    flags=_OTHERS,
    group=_GROUP,
    since="6.2.0",
    complexity="O(N) for N held-back connections",
)
def unpause(server: Server) -> Simple:
    """Lets the connections go on that CLIENT PAUSE holds back."""
    server.unpause()
    return OK


@command("CLIENT REPLY", flags=_OWN, group=_GROUP, since="3.2.0", complexity="O(1)", args="<ON | OFF | SKIP>")
def reply(client: Client, mode: Literal["ON", "OFF", "SKIP"]) -> Any:
    """Turns the replies to this connection on or off, or leaves out the next one."""
    match mode:
        case "ON":
            client.reply_mode = "on"
            return OK
        case "OFF":
            client.reply_mode = "off"
        case "SKIP" if client.reply_mode != "off":
            client.reply_mode = "skip"
    return NO_REPLY


@command("CLIENT NO-EVICT", flags=_OTHERS, group=_GROUP, since="7.0.0", complexity="O(1)", args="<ON | OFF>")
def no_evict(client: Client, enabled: Literal["ON", "OFF"]) -> Simple:
    """Spares the connection when connections are closed to save memory, or not any more."""
    client.no_evict = enabled == "ON"
    return OK


@command("CLIENT NO-TOUCH", flags=_OWN, group=_GROUP, since="7.2.0", complexity="O(1)", args="<ON | OFF>")
def no_touch(client: Client, enabled: Literal["ON", "OFF"]) -> Simple:
    """Makes what the connection reads look unused to eviction, or not any more."""
    client.no_touch = enabled == "ON"
    return OK


@command(
    "CLIENT UNBLOCK",
    flags=_OTHERS,
    group=_GROUP,
    since="5.0.0",
    complexity="O(log N) for N connections",
    args="client-id [TIMEOUT | ERROR]",
    arity=-3,
)
def unblock(server: Server, client_id: bytes, *reason: bytes) -> int:
    """Ends the waiting of a connection in a blocking command; 0 when it is in none."""
    if len(reason) > 1:
        raise ReplyError(
            "ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP."
        )
    how = reason[0].upper() if reason else b"TIMEOUT"
    if how not in (b"TIMEOUT", b"ERROR"):
        raise ReplyError("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
    number = integer(client_id)
    return int(number >= 0 and server.unblock(number, how == b"ERROR"))


def _flags(entry: ClientInfo) -> str:
    """The letters of CLIENT LIST."""
    tracking = entry.tracking
    letters = {
        "O": entry.monitor,
        "x": entry.queued >= 0,
        "P": _subscribed(entry),
        "b": entry.blocked,
        "t": tracking is not None,
        "R": tracking is not None and tracking.broken,
        "B": tracking is not None and tracking.bcast,
        "d": entry.touched,
        "U": entry.unix,
        "e": entry.no_evict,
        "T": entry.no_touch,
        "A": entry.close_asap,
    }
    return "".join(letter for letter, on in letters.items() if on) or "N"


def _line(entry: ClientInfo, now_ms: int) -> str:
    """One connection as CLIENT LIST shows it; memory is what its buffers hold."""
    fields = {
        "id": entry.id,
        "addr": entry.addr,
        "laddr": entry.laddr,
        "fd": entry.fd,
        "name": entry.name.decode(errors="replace"),
        "age": max(0, now_ms - entry.created_ms) // 1000,
        "idle": max(0, now_ms - entry.last_active_ms) // 1000,
        "flags": _flags(entry),
        "db": entry.db,
        "sub": entry.sub,
        "psub": entry.psub,
        "ssub": entry.ssub,
        "multi": entry.queued,
        "watch": entry.watched,
        "qbuf": entry.query_buffer,
        "qbuf-free": 0,
        "argv-mem": 0,
        "multi-mem": entry.queued_bytes,
        "rbs": entry.output_buffer,
        "rbp": entry.output_buffer,
        "obl": entry.output_buffer,
        "oll": 0,
        "omem": 0,
        "tot-mem": entry.query_buffer + entry.queued_bytes + entry.output_buffer + entry.subscription_memory,
        "events": "rw" if entry.output_buffer else "r",
        "cmd": entry.last_command or "NULL",
        "user": "default",
        "redir": -1 if entry.tracking is None else entry.tracking.redirect,
        "resp": entry.resp,
        "lib-name": entry.lib_name.decode(errors="replace"),
        "lib-ver": entry.lib_ver.decode(errors="replace"),
    }
    return " ".join(f"{name}={value}" for name, value in fields.items())
