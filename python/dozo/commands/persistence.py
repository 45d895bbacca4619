"""SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF: what clients ask of the files that keep the data (dozo/persistence decides)."""

from __future__ import annotations

from typing import Final, Literal

from dozo.commands.api import (
    ADMIN,
    FAST,
    LOADING,
    NO_ASYNC_LOADING,
    NO_MULTI,
    NOSCRIPT,
    STALE,
    Server,
    Simple,
    command,
)
from dozo.errors import ReplyError
from dozo.replies import OK

_GROUP: Final = "server"


@command(
    "SAVE",
    flags=ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI,
    group=_GROUP,
    since="1.0.0",
    complexity="O(N) for N keys",
)
def save(server: Server) -> Simple:
    """Writes a snapshot while all clients wait."""
    try:
        server.persistence.save(server)
    except OSError as error:
        raise ReplyError(f"ERR can't save: {error.strerror or error}") from None
    return OK


@command(
    "BGSAVE",
    flags=ADMIN | NOSCRIPT | NO_ASYNC_LOADING,
    group=_GROUP,
    since="1.0.0",
    complexity="O(1), the snapshot is written in slices later",
    args="[SCHEDULE]",
    history=(("3.2.2", "A snapshot may be scheduled."),),
)
def bgsave(server: Server, when: Literal["SCHEDULE"] | None = None) -> Simple:
    """Writes a snapshot of this moment between other commands."""
    return Simple(server.persistence.save_in_background(server, when is not None))


@command(
    "LASTSAVE",
    flags=LOADING | STALE | FAST,
    group=_GROUP,
    since="1.0.0",
    complexity="O(1)",
    acl=("admin", "dangerous"),
    tips=("nondeterministic_output",),
)
def lastsave(server: Server) -> int:
    """Returns the unix time of the last snapshot that was written."""
    last: int = server.persistence.last_save
    return last


@command(
    "BGREWRITEAOF",
    flags=ADMIN | NOSCRIPT | NO_ASYNC_LOADING,
    group=_GROUP,
    since="1.0.0",
    complexity="O(1), the journal is written in slices later",
)
def bgrewriteaof(server: Server) -> Simple:
    """Writes the journal anew, so that it tells what there is and not how it came to be."""
    return Simple(server.persistence.rewrite(server))
