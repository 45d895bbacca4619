"""What the HTTP and the gRPC door share: how they reach data (upstream.py), and how they live in a server (process.py).

A gateway is a RESP client like any other: passwords, limits, effects and statistics apply to it by themselves.
"""

from dozo.gateway.address import Address
from dozo.gateway.upstream import (
    NOBODY,
    Aborted,
    Busy,
    Caller,
    Denied,
    Message,
    Reply,
    ReplyTooLarge,
    Session,
    Unavailable,
    Upstream,
    UpstreamError,
    Word,
)

__all__ = [
    "NOBODY",
    "Aborted",
    "Address",
    "Busy",
    "Caller",
    "Denied",
    "Message",
    "Reply",
    "ReplyTooLarge",
    "Session",
    "Unavailable",
    "Upstream",
    "UpstreamError",
    "Word",
]
