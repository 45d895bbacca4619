"""The sockets on which a gateway listens, by the same addresses as the server (`bind`)."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import Final

__all__ = ["addresses", "listen"]

_EVERY: Final = {"*": "0.0.0.0", "::*": "::"}
_MISSING: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)


def listen(bind: Sequence[str], port: int, backlog: int | None) -> list[socket.socket]:
    """A listening socket for each address; one that starts with - may be missing. OSError: nothing is left open."""
    opened: list[socket.socket] = []
    try:
        for address in bind:
            name = address.removeprefix("-")
            try:
                opened.append(_listen(_EVERY.get(name, name), port, backlog))
            except OSError as error:
                if not (address.startswith("-") and _is_missing(error)):
                    raise OSError(f"can't listen on {name}:{port}: {error.strerror or error}") from None
    except OSError:
        for each in opened:
            each.close()
        raise
    return opened


def addresses(bind: Sequence[str], port: int) -> list[str]:
    """The addresses on which `listen` would listen, for a library that opens its sockets itself. OSError: as there."""
    # Nobody can connect to a socket that is bound and does not listen.
    bound = listen(bind, port, None)
    try:
        return [each.getsockname()[0] for each in bound]
    finally:
        for each in bound:
            each.close()


def _listen(host: str, port: int, backlog: int | None) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(place)
        if backlog is not None:
            listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def _is_missing(error: OSError) -> bool:
    return isinstance(error, socket.gaierror) or error.errno in _MISSING
