"""Who calls, and whether they may at all before the upstream is asked.

Owns the Authorization header (a bearer token is the password of Redis's default user; Basic names another one),
protected mode, and the refusal of pages that reach a server of this machine under a name of their own (DNS rebinding).
Whether a password is right says the upstream.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from typing import Final

from starlette.requests import HTTPConnection

from dozo.gateway.upstream import NOBODY, Caller
from dozo.http.problems import Problem

__all__ = ["caller_of"]

_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="dozo"'}


def caller_of(request: HTTPConnection, *, protected: bool) -> Caller:
    """The caller of a request; Problem for one who may not call."""
    given = request.headers.get("authorization")
    if given is not None:
        return _read(given)
    peer = request.client.host if request.client else ""
    if not _is_loopback(peer):
        if protected:
            raise Problem(403, "without a password only this machine is served (protected-mode)")
        return NOBODY
    host = _host_name(request.headers.get("host", ""))
    if not _names_this_machine(host):
        raise Problem(421, f"without a password this machine is called localhost, not {host}")
    return NOBODY


def _read(given: str) -> Caller:
    scheme, _, rest = given.partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer" and rest:
        return Caller(_text(rest.encode("latin-1")))
    if scheme.lower() == "basic":
        try:
            name, colon, password = _text(base64.b64decode(rest, validate=True)).partition(":")
        except binascii.Error:
            colon = ""
        if colon:
            return Caller(password, name or None)
    raise Problem(401, "Authorization is `Bearer PASSWORD`, or Basic with a name and a password", _CHALLENGE)


def _text(data: bytes) -> str:
    """A password as the settings hold it: bytes that are no UTF-8 are lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


def _host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _names_this_machine(host: str) -> bool:
    if host in ("", "localhost") or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return not peer  # A unix socket has no address.
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
