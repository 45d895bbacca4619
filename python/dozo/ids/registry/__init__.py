"""The places that hand out worker IDs: a file for a fixed one, Redis or etcd for leased ones.

A claim is exclusive for `ttl_ms` from the moment its call was sent; every renewal begins that time anew. With a claim
goes a mark: no ID of that worker has reached this time (unix ms), so the next holder may begin there.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event
from typing import Protocol

from dozo.errors import DozoError

__all__ = ["Claim", "Registry", "Terms", "Unavailable"]


class Unavailable(DozoError):
    """The registry can't be reached, or answers nonsense: nothing is known of the claim."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker ID and whose it is."""

    worker: int
    owner: str
    mark_ms: int


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a claim holds, how often it is renewed, and which worker IDs there are."""

    ttl_ms: int
    heartbeat_ms: int
    workers: range

    @property
    def timeout_s(self) -> float:
        """How long one call may take: a renewal that hangs must leave time for others before the claim ends."""
        return max(min(self.heartbeat_ms, self.ttl_ms / 4), 50) / 1000

    @property
    def usable_ms(self) -> int:
        """The part of the time that is relied on: the other side's clock may be faster by a twentieth."""
        return self.ttl_ms - max(self.ttl_ms // 20, 20)


class Registry(Protocol):
    """Where worker IDs are claimed. Every method raises Unavailable within the terms' timeout if it must."""

    kind: str
    """fixed, redis or etcd."""
    terms: Terms
    settle_ms: int
    """How long a new claim waits before it is relied on: whoever lost the worker has noticed by then."""

    def taken(self, stop: Event) -> set[int]:
        """Workers that others are known to use; looks or listens for as long as it must, or until `stop`."""

    def claim(self, worker: int, owner: str, latest_mark_ms: int | None) -> Claim | None:
        """Claim a worker; None where it is taken, or where its mark is later than the latest wanted."""

    def renew(self, claim: Claim, mark_ms: int) -> Claim | None:
        """Keep it, with a new mark; None where it is not the owner's any more."""

    def release(self, claim: Claim) -> None:
        """Give it up with its mark, if it is still the owner's."""

    def close(self) -> None:
        """Let go of sockets and files."""
