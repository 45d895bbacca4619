"""CLIENT TRACKING and what belongs to it: which keys a connection caches, and who is told when they change.

The options are judged here; the table of keys and the messages are the kernel's (crates/engine/src/tracking.rs).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

from dozo._kernel import Tracking
from dozo.commands.api import LOADING, NOSCRIPT, STALE, Client, Server, Simple, command
from dozo.commands.signature import INVALID_INT
from dozo.errors import ReplyError, SyntaxError_
from dozo.replies import OK

_GROUP: Final = "connection"
_FLAGS: Final = NOSCRIPT | LOADING | STALE
_ID: Final = re.compile(rb"(0|-?[1-9]\d{0,18})\Z")
_ANOTHER_MODE: Final = (
    "before disabling tracking for this client, and then re-enabling it with a different mode."
)
_NO_OVERLAP: Final = "Prefixes for a single client must not overlap."


@dataclass(slots=True)
class _Options:
    """What follows ON or OFF."""

    redirect: int = 0
    prefixes: list[bytes] = field(default_factory=list)
    switches: set[str] = field(default_factory=set)

    def __contains__(self, switch: str) -> bool:
        return switch in self.switches


@command(
    "CLIENT TRACKING",
    arity=-3,
    flags=_FLAGS,
    group=_GROUP,
    since="6.0.0",
    complexity="O(1), with prefixes O(N) for N of them",
    args="<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
)
def tracking(client: Client, server: Server, status: str, *words: bytes) -> Simple:
    """Begins or ends telling the connection, or another one, when keys that it has read change."""
    options = _read(server, words)
    match status.upper():
        case "ON":
            _check(options, client.info().tracking)
            prefixes = options.prefixes or [b""] * ("bcast" in options)
            client.track(
                redirect=options.redirect,
                bcast="bcast" in options,
                optin="optin" in options,
                optout="optout" in options,
                noloop="noloop" in options,
                prefixes=prefixes,
            )
        case "OFF":
            client.untrack()
        case _:
            raise SyntaxError_
    return OK


def _read(server: Server, words: tuple[bytes, ...]) -> _Options:
    """The options, in any order; the other connection must be there now, though it may leave later."""
    options = _Options()
    left = iter(words)
    for word in left:
        match word.upper():
            case b"BCAST" | b"OPTIN" | b"OPTOUT" | b"NOLOOP":
                options.switches.add(word.decode().lower())
            case b"PREFIX" if (prefix := next(left, None)) is not None:
                options.prefixes.append(prefix)
            case b"REDIRECT" if (id_ := next(left, None)) is not None:
                if options.redirect:
                    raise ReplyError("ERR A client can only redirect to a single other client")
                options.redirect = _connected(server, id_)
            case _:
                raise SyntaxError_
    return options


def _connected(server: Server, word: bytes) -> int:
    if not _ID.match(word) or not -(2**63) <= int(word) < 2**63:
        raise ReplyError(INVALID_INT)
    if int(word) <= 0 or not server.is_connected(int(word)):
        raise ReplyError("ERR The client ID you want redirect to does not exist")
    return int(word)


def _check(options: _Options, known: Tracking | None) -> None:
    """Refuses options that contradict each other, or what the connection has begun."""
    if options.prefixes and "bcast" not in options:
        raise ReplyError("ERR PREFIX option requires BCAST mode to be enabled")
    if known is not None and known.bcast != ("bcast" in options):
        raise ReplyError(f"ERR You can't switch BCAST mode on/off {_ANOTHER_MODE}")
    if "bcast" in options and options.switches & {"optin", "optout"}:
        raise ReplyError("ERR OPTIN and OPTOUT are not compatible with BCAST")
    if {"optin", "optout"} <= options.switches:
        raise ReplyError("ERR You can't specify both OPTIN mode and OPTOUT mode")
    if known is not None and (("optin" in options and known.optout) or ("optout" in options and known.optin)):
        raise ReplyError(f"ERR You can't switch OPTIN/OPTOUT mode {_ANOTHER_MODE}")
    _check_overlaps(options.prefixes, [] if known is None else known.prefixes)


def _check_overlaps(prefixes: list[bytes], known: list[bytes]) -> None:
    """No key may be below two prefixes of one connection, or it would be told twice."""
    for prefix in prefixes:
        for other in known:
            if prefix.startswith(other) or other.startswith(prefix):
                raise _overlap(prefix, "an existing prefix", other)
    for prefix, other in combinations(prefixes, 2):
        if prefix.startswith(other) or other.startswith(prefix):
            raise _overlap(prefix, "another provided prefix", other)


def _overlap(prefix: bytes, which: str, other: bytes) -> ReplyError:
    first, second = (word.decode(errors="surrogateescape") for word in (prefix, other))
    return ReplyError(f"ERR Prefix '{first}' overlaps with {which} '{second}'. {_NO_OVERLAP}")


@command("CLIENT CACHING", flags=_FLAGS, group=_GROUP, since="6.0.0", complexity="O(1)", args="<YES | NO>")
def caching(client: Client, mode: str) -> Simple:
    """Makes the next command the exception from OPTIN (YES) or OPTOUT (NO)."""
    known = client.info().tracking
    if known is None:
        raise ReplyError(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode"
            " enabled"
        )
    match mode.upper():
        case "YES":
            if not known.optin:
                raise ReplyError(
                    "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."
                )
        case "NO":
            if not known.optout:
                raise ReplyError(
                    "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."
                )
        case _:
            raise SyntaxError_
    client.except_next()
    return OK


@command("CLIENT GETREDIR", flags=_FLAGS, group=_GROUP, since="6.0.0", complexity="O(1)")
def getredir(client: Client) -> int:
    """Returns which connection is told in this one's place: 0 for none, -1 when tracking is off."""
    known = client.info().tracking
    return -1 if known is None else known.redirect


@command("CLIENT TRACKINGINFO", flags=_FLAGS, group=_GROUP, since="6.2.0", complexity="O(1)")
def trackinginfo(client: Client) -> dict[str, Any]:
    """Tells how client-side caching is set up for the connection."""
    known = client.info().tracking
    if known is None:
        return {"flags": {"off"}, "redirect": -1, "prefixes": []}
    words = {
        "on": True,
        "bcast": known.bcast,
        "optin": known.optin,
        "caching-yes": known.optin and known.caching,
        "optout": known.optout,
        "caching-no": known.optout and known.caching,
        "noloop": known.noloop,
        "broken_redirect": known.broken,
    }
    flags = {word: None for word, holds in words.items() if holds}
    return {"flags": flags.keys(), "redirect": known.redirect, "prefixes": known.prefixes}
