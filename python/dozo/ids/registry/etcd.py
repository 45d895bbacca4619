"""Worker IDs leased from etcd: `{namespace}/id/{n}` under a lease of etcd's, `{namespace}/last/{n}` for the mark.

aetcd is asynchronous and the keeper is not, so every call runs a loop of its own thread's until it is answered, and no
longer than the terms' timeout.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from threading import Event
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import aetcd

from dozo.errors import ConfigError
from dozo.ids.registry import Claim, Terms, Unavailable

__all__ = ["EtcdRegistry"]

T = TypeVar("T")

_DEFAULT_PORT: Final = 2379
_SETTLE_HEARTBEATS: Final = 1.5
_CHANNEL: Final = {
    # Back as soon as etcd is, not after the two minutes that gRPC would wait at last.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
}


class EtcdRegistry:
    """The worker IDs under one namespace of one etcd. Used by one thread, that of its first call."""

    kind = "etcd"

    def __init__(self, url: str, namespace: str, terms: Terms) -> None:
        self.terms = terms
        self.settle_ms = int(terms.heartbeat_ms * _SETTLE_HEARTBEATS)
        self._namespace = namespace
        self._lease = 0
        try:
            place = urlsplit(url)
            self._address = {"host": place.hostname or "localhost", "port": place.port or _DEFAULT_PORT}
        except ValueError as error:
            raise ConfigError(f"id-lease: {error}") from None
        self._login = {"username": place.username, "password": place.password}
        self._runner: asyncio.Runner | None = None
        self._client: aetcd.Client | None = None

    def taken(self, stop: Event) -> set[int]:
        """The keys that there are."""
        prefix = f"{self._namespace}/id/".encode()
        found = self._ask(lambda client: client.get_prefix(prefix, keys_only=True))
        names = [bytes(item.key).removeprefix(prefix) for item in found]
        return {int(name) for name in names if name.isdigit()}

    def claim(self, worker: int, owner: str, latest_mark_ms: int | None) -> Claim | None:
        """Create the key under a new lease, unless there is one or the mark is too late."""
        lease, mark = self._keys(worker)
        found = self._ask(lambda client: client.get(mark))
        if found is not None and latest_mark_ms is not None and int(found.value) > latest_mark_ms:
            return None
        # etcd counts in seconds, and gives more than was asked for where that is too few for it.
        self._lease = self._ask(lambda client: client.lease(-(-self.terms.ttl_ms // 1000))).id

        async def create(client: aetcd.Client) -> Any:
            made = client.transactions
            return await client.transaction(
                compare=[made.create(lease) == 0],
                success=[made.put(lease, owner.encode(), self._lease), made.get(mark)],
                failure=[],
            )

        created, answers = self._ask(create)
        if not created:
            self._ask(lambda client: client.revoke_lease(self._lease))
            return None
        marks = answers[1]
        return Claim(worker, owner, int(marks[0][0]) if marks else 0)

    def renew(self, claim: Claim, mark_ms: int) -> Claim | None:
        """Refresh the lease, then write the mark if the key is still the owner's."""
        answer = self._ask(lambda client: client.refresh_lease(self._lease))
        if answer is None or answer.TTL <= 0:
            return None
        return replace(claim, mark_ms=mark_ms) if self._write_mark(claim, mark_ms) else None

    def release(self, claim: Claim) -> None:
        """Write the mark if the key is the owner's, and end the lease, which takes its key along.

        Otherwise the lease has ended already, or does so by itself and takes nothing along.
        """
        if self._write_mark(claim, claim.mark_ms):
            self._ask(lambda client: client.revoke_lease(self._lease))

    def close(self) -> None:
        """Close the channel and the loop."""
        if self._runner is not None:
            if self._client is not None:
                self._runner.run(self._client.close())
            self._runner.close()
            self._runner = self._client = None

    def _write_mark(self, claim: Claim, mark_ms: int) -> bool:
        lease, mark = self._keys(claim.worker)

        async def write(client: aetcd.Client) -> Any:
            made = client.transactions
            return await client.transaction(
                compare=[made.value(lease) == claim.owner.encode()],
                success=[made.put(mark, b"%d" % mark_ms)],
                failure=[],
            )

        written, _ = self._ask(write)
        return bool(written)

    def _keys(self, worker: int) -> tuple[bytes, bytes]:
        return f"{self._namespace}/id/{worker}".encode(), f"{self._namespace}/last/{worker}".encode()

    def _ask(self, call: Any) -> Any:
        """Run call(client) to its end, or to the timeout."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        try:
            return self._runner.run(self._call(call))
        except (aetcd.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(str(error) or "no answer in time") from None

    async def _call(self, call: Any) -> Any:
        async with asyncio.timeout(self.terms.timeout_s):
            if self._client is None:
                self._client = aetcd.Client(
                    **self._address, **self._login, timeout=self.terms.timeout_s, options=_CHANNEL
                )
            return await call(self._client)
