"""How failures are answered: a status, and a JSON object whose `error` says in one line what is wrong.

Owns the table from the codes of error replies to statuses. Refuses to log: what a client did wrong is the client's.
"""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from dozo.errors import DozoError, ReplyError
from dozo.gateway.items import Unsupported
from dozo.gateway.upstream import Busy, Denied, ReplyTooLarge, UpstreamError

__all__ = ["BrokenOff", "Problem", "answer"]

_STATUS_OF_CODE: Final = {
    "NOPERM": 403,
    "WRONGTYPE": 409,
    "OOM": 507,
    **dict.fromkeys(("BUSY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MISCONF", "NOID"), 503),
}
_NO_DATABASE: Final = "ERR DB index is out of range"
_TOO_LONG: Final = "maximum allowed size"


class Problem(DozoError):
    """A request that can't be fulfilled, with its status."""

    def __init__(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers


class BrokenOff(Exception):
    """A response that can't be sent to its end; the connection is closed in the middle of it."""


def answer(error: Exception) -> Response | None:
    """The response to a failure; None for one that is a defect of ours."""
    if isinstance(error, Problem):
        return _response(error.status, str(error), error.headers)
    if isinstance(error, HTTPException):
        return _response(error.status_code, error.detail, dict(error.headers or {}))
    if isinstance(error, Denied):
        return _response(401, error.text, {"WWW-Authenticate": 'Bearer realm="dozo"'})
    if isinstance(error, ReplyError):
        return _response(_status(error), error.text)
    if isinstance(error, Unsupported):
        return _response(501, str(error))
    if isinstance(error, ReplyTooLarge):
        return _response(507, str(error))
    if isinstance(error, UpstreamError):
        return _response(503 if isinstance(error, Busy) else 502, str(error))
    return None


def _status(error: ReplyError) -> int:
    if error.text.startswith(_NO_DATABASE):
        return 404
    return 413 if _TOO_LONG in error.text else _STATUS_OF_CODE.get(error.code, 400)


def _response(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    headers = dict(headers or {})
    if status == 503:
        headers.setdefault("Retry-After", "1")
    return JSONResponse({"error": text}, status, headers)
