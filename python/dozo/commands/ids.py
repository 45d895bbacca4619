"""ID.*: unique IDs, which are issued in Rust and told about here."""

from __future__ import annotations

from typing import Any, Final

from dozo.commands.api import FAST, LOADING, NOSCRIPT, STALE, Server, command, hot
from dozo.errors import ReplyError
from dozo.ids.layout import read

_GROUP: Final = "id"

hot(
    "ID.NEXT",
    arity=-1,
    # Lua's numbers are doubles, which have no room for an ID.
    flags=FAST | LOADING | STALE | NOSCRIPT,
    group=_GROUP,
    since="1.0.0",
    summary="Issues a unique ID, or an array of up to 1000; they rise with every call.",
    acl=(),
    complexity="O(N) for N IDs",
    args="[COUNT count]",
    tips=("nondeterministic_output",),
)


@command(
    "ID.DECODE",
    flags=FAST | LOADING | STALE,
    group=_GROUP,
    since="1.0.0",
    acl=(),
    complexity="O(1)",
    args="id",
)
def id_decode(number: str) -> dict[str, str | int]:
    """Takes an ID apart: the time it was issued, the worker and the sequence number."""
    try:
        return read(number).as_dict()
    except ValueError:
        raise ReplyError(f"ERR {number!r} is not an ID: an unsigned number of 64 bits") from None


@command(
    "ID.INFO",
    flags=FAST | LOADING | STALE,
    group=_GROUP,
    since="1.0.0",
    acl=(),
    complexity="O(1)",
    tips=("nondeterministic_output",),
)
def id_info(server: Server) -> dict[str, Any]:
    """Returns katsubushi's figures, the worker ID, and whether and how long IDs may be issued as it."""
    figures = server.id_figures()
    settings = server.config.id
    issuing = figures["until_ms"] is not None and figures["now_ms"] < figures["until_ms"]
    state = "issuing" if issuing else "waiting" if settings.is_on else "off"
    counted = {name: int(text) if text.isdigit() else text for name, text in figures["stats"].items()}
    return counted | {
        "state": state,
        "source": _source(settings),
        "worker_id": figures["worker"] if issuing else -1,
        "until_ms": figures["until_ms"] if issuing else 0,
        "last_ms": figures["last_ms"],
        "reason": "" if issuing else figures["why_not"],
    }


def _source(settings: Any) -> str:
    """Where the worker ID comes from."""
    if settings.worker_id >= 0:
        return "fixed"
    scheme = str(settings.id_lease).partition("://")[0].lower()
    return "etcd" if scheme == "etcd" else "redis" if scheme else ""
