"""The frame around each call: who calls, and which status a call ends with that can't be answered.

Owns the meaning of the `authorization` metadata and of every error. Refuses to know what is called.
"""

from __future__ import annotations

import functools
import ipaddress
import traceback
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import unquote

from grpc import StatusCode
from grpc.aio import AbortError, ServicerContext

from dozo.errors import DozoError, ReplyError
from dozo.gateway import NOBODY, Busy, Caller, Denied, ReplyTooLarge, UpstreamError
from dozo.gateway.items import Unsupported
from dozo.gateway.watch import TooSlow
from dozo.log import Log

__all__ = ["Callers", "Context", "Refused", "Service", "answers", "status_of"]

Context = ServicerContext[Any, Any]

_STATUSES: Final = {
    "ERR": StatusCode.INVALID_ARGUMENT,
    "NOAUTH": StatusCode.UNAUTHENTICATED,
    "WRONGPASS": StatusCode.UNAUTHENTICATED,
    "DENIED": StatusCode.PERMISSION_DENIED,
    "NOPERM": StatusCode.PERMISSION_DENIED,
    "OOM": StatusCode.RESOURCE_EXHAUSTED,
    "BUSY": StatusCode.UNAVAILABLE,
    "CLUSTERDOWN": StatusCode.UNAVAILABLE,
    "LOADING": StatusCode.UNAVAILABLE,
    "MASTERDOWN": StatusCode.UNAVAILABLE,
    "NOID": StatusCode.UNAVAILABLE,
    "TRYAGAIN": StatusCode.UNAVAILABLE,
}
"""By the first word of an error reply; any other word is about the state of a key or of the server."""

_PROTECTED: Final = "without a password only this machine is served (protected-mode)"


class Refused(DozoError):
    """The door itself can't answer a request; the text says why."""

    def __init__(self, status: StatusCode, text: str) -> None:
        super().__init__(text)
        self.status = status


class Service(Protocol):
    """What a service has for its calls."""

    log: Log


S = TypeVar("S", bound=Service)
Q = TypeVar("Q")
A = TypeVar("A")


def answers(
    method: Callable[[S, Q, Context], Coroutine[Any, Any, A]],
) -> Callable[[S, Q, Context], Coroutine[Any, Any, A]]:
    """Decorate a method that serves a call: what it raises becomes the status that the call ends with."""

    @functools.wraps(method)
    async def serve(service: S, request: Q, context: Context) -> A:
        try:
            return await method(service, request, context)
        except DozoError as error:
            status, text = status_of(error), str(error)
        except AbortError:
            raise  # The method has chosen the status itself.
        except Exception:
            service.log("error", f"internal error in {method.__qualname__}\n{traceback.format_exc()}")
            status, text = StatusCode.INTERNAL, "internal error; the server's log tells more"
        # Bytes of an error reply that are no UTF-8 are not what a status may hold.
        return await context.abort(status, text.encode("utf-8", "replace").decode())

    return serve


def status_of(error: DozoError) -> StatusCode:
    """The status that an error means."""
    if isinstance(error, Refused):
        return error.status
    if isinstance(error, Denied):
        return StatusCode.UNAUTHENTICATED
    if isinstance(error, ReplyError):
        if error.text.startswith("ERR unknown command"):
            return StatusCode.UNIMPLEMENTED
        if error.text.startswith("ERR internal error"):
            return StatusCode.INTERNAL
        return _STATUSES.get(error.code, StatusCode.FAILED_PRECONDITION)
    if isinstance(error, Unsupported):
        return StatusCode.UNIMPLEMENTED
    if isinstance(error, Busy | ReplyTooLarge | TooSlow):
        return StatusCode.RESOURCE_EXHAUSTED
    return StatusCode.UNAVAILABLE if isinstance(error, UpstreamError) else StatusCode.INTERNAL


class Callers:
    """Says who calls; while `is_protected()` holds, only this machine may call without a password."""

    def __init__(self, is_protected: Callable[[], bool]) -> None:
        self._is_protected = is_protected

    def of(self, context: Context) -> Caller:
        """Who calls, by `authorization: Bearer PASSWORD`; the upstream says whether the password is right."""
        for name, value in context.invocation_metadata() or ():
            if name == "authorization":
                return Caller(password=_password(value))
        # The port is left out, so that one answer is remembered for all connections of a machine.
        if self._is_protected() and not _is_loopback(context.peer().rpartition(":")[0]):
            raise Refused(StatusCode.UNAUTHENTICATED, _PROTECTED)
        return NOBODY


def _password(authorization: str | bytes) -> str:
    text = authorization if isinstance(authorization, str) else authorization.decode("latin-1")
    scheme, _, password = text.partition(" ")
    if scheme.lower() != "bearer" or not password:
        raise Refused(StatusCode.UNAUTHENTICATED, "authorization is not of the form: Bearer PASSWORD")
    return password


@functools.lru_cache(1024)
def _is_loopback(peer: str) -> bool:
    """Whether a peer as gRPC names it (`ipv4:127.0.0.1`, `ipv6:%5B::1%5D`) is on this machine."""
    try:
        address = ipaddress.ip_address(unquote(peer).partition(":")[2].strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
