"""Transactions: commands that run one after the other with nothing between them, if no watched key has changed.

Rust implements them (crates/engine/src/transactions.rs), as every command of a transaction passes there.
"""

from __future__ import annotations

from typing import Final

from dozo.commands.api import ALLOW_BUSY, FAST, LOADING, NOSCRIPT, SKIP_SLOWLOG, STALE, hot

_GROUP: Final = "transactions"
_ACL: Final = ("transaction",)
_FLAGS: Final = NOSCRIPT | LOADING | STALE

hot(
    "MULTI",
    arity=1,
    flags=_FLAGS | FAST | ALLOW_BUSY,
    group=_GROUP,
    acl=_ACL,
    since="1.2.0",
    complexity="O(1)",
    summary="Begins a transaction: the commands that follow are queued until EXEC.",
)
hot(
    "EXEC",
    arity=1,
    flags=_FLAGS | SKIP_SLOWLOG,
    group=_GROUP,
    acl=_ACL,
    since="1.2.0",
    complexity="Depends on the queued commands.",
    summary="Runs the queued commands; null when a watched key has changed.",
)
hot(
    "DISCARD",
    arity=1,
    flags=_FLAGS | FAST | ALLOW_BUSY,
    group=_GROUP,
    acl=_ACL,
    since="2.0.0",
    complexity="O(N) for N queued commands",
    summary="Forgets the queued commands and the watched keys.",
)
hot(
    "WATCH",
    arity=-2,
    keys=(1, -1, 1),
    key_flags="RO",
    flags=_FLAGS | FAST | ALLOW_BUSY,
    group=_GROUP,
    acl=_ACL,
    since="2.2.0",
    complexity="O(1) for every key",
    args="key [key ...]",
    summary="Lets the next EXEC run only if none of the keys has changed until then.",
)
hot(
    "UNWATCH",
    arity=1,
    flags=_FLAGS | FAST | ALLOW_BUSY,
    group=_GROUP,
    acl=_ACL,
    since="2.2.0",
    complexity="O(1)",
    summary="Forgets the watched keys.",
)
