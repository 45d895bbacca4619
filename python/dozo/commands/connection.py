"""The connection family: who is talking, in which protocol, to which database. CLIENT is in client.py."""

from __future__ import annotations

from typing import Any, Final

from dozo.commands.api import (
    ALLOW_BUSY,
    FAST,
    LOADING,
    NO_AUTH,
    NOSCRIPT,
    STALE,
    Client,
    Server,
    Simple,
    command,
    hot,
)
from dozo.errors import ReplyError, SyntaxError_
from dozo.identity import REDIS_VERSION
from dozo.replies import OK

_GROUP: Final = "connection"
_HANDSHAKE: Final = NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY
_DEFAULT_USER: Final = b"default"
_WRONG_PASSWORD: Final = "WRONGPASS invalid username-password pair or user is disabled."
_NO_PASSWORD: Final = (
    "ERR AUTH <password> called without any password configured for the default user."
    " Are you sure your configuration is correct?"
)
_NOT_YET: Final = (
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass>"
    " option can be used to authenticate the client and select the RESP protocol version at the same time"
)
_BAD_NAME: Final = "ERR {} cannot contain spaces, newlines or special characters."

hot(
    "PING",
    arity=-1,
    flags=FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Answers PONG, or the message.",
    complexity="O(1)",
    args="[message]",
    tips=("request_policy:all_shards", "response_policy:all_succeeded"),
)
hot(
    "ECHO",
    arity=2,
    flags=LOADING | STALE | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Answers the message.",
    complexity="O(1)",
    args="message",
)
hot(
    "SELECT",
    arity=2,
    flags=LOADING | STALE | FAST,
    group=_GROUP,
    since="1.0.0",
    summary="Chooses the database of the connection.",
    complexity="O(1)",
    args="index",
)


@command(
    "AUTH",
    arity=-2,
    flags=_HANDSHAKE,
    group=_GROUP,
    since="1.0.0",
    complexity="O(N) for a password of N bytes",
    args="[username] password",
    history=(("6.0.0", "A username may be given."),),
)
def auth(client: Client, server: Server, *words: bytes) -> Simple:
    """Proves with the password that the client may use the server; the only user is "default"."""
    if len(words) > 2:
        raise SyntaxError_
    if len(words) == 1 and not server.config.security.requirepass:
        raise ReplyError(_NO_PASSWORD)
    _authenticate(client, server, words[0] if len(words) == 2 else _DEFAULT_USER, words[-1])
    return OK


def _authenticate(client: Client, server: Server, user: bytes, password: bytes) -> None:
    """Without a password set, the default user is let in with any."""
    # OpenSSL comes with hmac and takes 4 MB, which a server without a password need not spend.
    import hmac

    wanted = str(server.config.security.requirepass).encode(errors="surrogateescape")
    if user != _DEFAULT_USER or (wanted and not hmac.compare_digest(password, wanted)):
        raise ReplyError(_WRONG_PASSWORD)
    client.authenticated = True


@command(
    "HELLO",
    arity=-1,
    flags=_HANDSHAKE,
    group=_GROUP,
    since="6.0.0",
    complexity="O(1)",
    args="[protover [AUTH username password] [SETNAME clientname]]",
    history=(("6.2.0", "Without arguments it tells about the connection."),),
)
def hello(client: Client, server: Server, *words: bytes) -> dict[str, Any]:
    """Agrees on the protocol version, with authentication and a name when given, and tells about the server."""
    resp = _protocol(words[0]) if words else client.resp
    credentials, name = _hello_options(words[1:])
    if credentials:
        _authenticate(client, server, *credentials)
    if not client.authenticated:
        raise ReplyError(_NOT_YET)
    if name is not None:
        client.name = checked_name(name)
    client.resp = resp
    return {
        "server": "redis",
        "version": REDIS_VERSION,
        "proto": resp,
        "id": client.id,
        "mode": "standalone",
        "role": "master",
        "modules": [],
    }


def _protocol(word: bytes) -> int:
    try:
        version = int(word)
    except ValueError:
        raise ReplyError("ERR Protocol version is not an integer or out of range") from None
    if version not in (2, 3):
        raise ReplyError("NOPROTO unsupported protocol version")
    return version


def _hello_options(words: tuple[bytes, ...]) -> tuple[tuple[bytes, bytes] | None, bytes | None]:
    """The credentials and the client's name among HELLO's options."""
    credentials: tuple[bytes, bytes] | None = None
    name: bytes | None = None
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.upper() == b"AUTH" and len(rest) >= 2:
            credentials = (rest.pop(0), rest.pop(0))
        elif word.upper() == b"SETNAME" and rest:
            name = checked_name(rest.pop(0))
        else:
            raise ReplyError(f"ERR Syntax error in HELLO option '{word.decode(errors='replace')}'")
    return credentials, name


def checked_name(name: bytes, what: str = "Client names") -> bytes:
    """A name that CLIENT LIST can show on its line: printable ASCII without spaces."""
    if not all(0x21 <= byte <= 0x7E for byte in name):
        raise ReplyError(_BAD_NAME.format(what))
    return name


@command("QUIT", arity=-1, flags=_HANDSHAKE, group=_GROUP, since="1.0.0", complexity="O(1)", args="")
def quit_(client: Client, *_ignored: bytes) -> Simple:
    """Closes the connection once everything before it is answered."""
    client.close()
    return OK


@command("RESET", flags=_HANDSHAKE, group=_GROUP, since="6.2.0", complexity="O(1)")
def reset(client: Client) -> Simple:
    """Makes the connection as if it were new: database 0, RESP2, no name, authentication to be done again."""
    client.reset()
    return Simple("RESET")
