"""Worker IDs leased from Redis, Valkey or dozo, by katsubushi's keys, so that both can share a fleet.

`{namespace}:id:{n}` holds the owner's UUID and expires; the owner publishes `uuid:n` on `{namespace}:broadcast` with
every heartbeat. `{namespace}:last:{n}` is dozo's own: the mark, which stays when the lease has gone.

A script compares the owner before it changes anything, so a stranger's value makes only this process step down. Should
the key be gone (the server was emptied, or restarted without its data) it is set again while the lease lasts by
this process's own clock; whoever starts meanwhile hears the broadcast and passes the worker over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event
from typing import Any, Final, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dozo.errors import ConfigError
from dozo.ids.registry import Claim, Terms, Unavailable

__all__ = ["RedisRegistry"]

T = TypeVar("T")

_LISTEN_HEARTBEATS: Final = 3
_SETTLE_HEARTBEATS: Final = 1.5
_POLL_S: Final = 0.05

# KEYS: lease, mark. ARGV: owner, ttl ms, latest mark wanted. The mark, or nil.
_CLAIM: Final = """
local mark = tonumber(redis.call('GET', KEYS[2]) or '0')
if mark > tonumber(ARGV[3]) then return false end
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
return mark
"""
# KEYS: lease, mark. ARGV: owner, ttl ms, new mark, own last mark. 1, or 0 where it is somebody else's.
_RENEW: Final = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
if not owner then
  local mark = redis.call('GET', KEYS[2])
  if mark and mark ~= ARGV[4] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], ARGV[3])
return 1
"""
# KEYS: lease, mark. ARGV: owner, mark.
_RELEASE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[1])
return 1
"""
_ANY_MARK: Final = 2**53


class RedisRegistry:
    """The worker IDs under one namespace of one server."""

    kind = "redis"

    def __init__(self, url: str, namespace: str, terms: Terms) -> None:
        self.terms = terms
        self.settle_ms = int(terms.heartbeat_ms * _SETTLE_HEARTBEATS)
        self._namespace = namespace
        try:
            self._redis: Any = redis.Redis.from_url(
                url,
                # A call must not outlive its timeout by trying again: that is the keeper's to decide.
                retry=Retry(NoBackoff(), 0),
                socket_timeout=terms.timeout_s,
                socket_connect_timeout=terms.timeout_s,
            )
        except ValueError as error:
            raise ConfigError(f"id-lease: {error}") from None

    def taken(self, stop: Event) -> set[int]:
        """Listen to what the others publish for three heartbeats, as katsubushi does."""
        return self._ask(lambda: self._listen(stop))

    def claim(self, worker: int, owner: str, latest_mark_ms: int | None) -> Claim | None:
        """SET NX, unless the mark is too late."""
        latest = _ANY_MARK if latest_mark_ms is None else latest_mark_ms
        mark = self._script(_CLAIM, worker, owner, self.terms.ttl_ms, latest)
        if mark is None:
            return None
        self._publish(worker, owner)
        return Claim(worker, owner, int(mark))

    def renew(self, claim: Claim, mark_ms: int) -> Claim | None:
        """Compare and set; publish who has it."""
        kept = self._script(
            _RENEW, claim.worker, claim.owner, self.terms.ttl_ms, mark_ms, claim.mark_ms or mark_ms
        )
        if not kept:
            return None
        self._publish(claim.worker, claim.owner)
        return replace(claim, mark_ms=mark_ms)

    def release(self, claim: Claim) -> None:
        """Compare and delete."""
        self._script(_RELEASE, claim.worker, claim.owner, claim.mark_ms)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _listen(self, stop: Event) -> set[int]:
        taken: set[int] = set()
        until = time.monotonic() + _LISTEN_HEARTBEATS * self.terms.heartbeat_ms / 1000
        with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(f"{self._namespace}:broadcast")
            while (left := until - time.monotonic()) > 0 and not stop.is_set():
                message = channel.get_message(timeout=min(left, _POLL_S))
                worker = bytes(message["data"]).rpartition(b":")[2] if message else b""
                if worker.isdigit():
                    taken.add(int(worker))
        return taken

    def _publish(self, worker: int, owner: str) -> None:
        self._ask(lambda: self._redis.publish(f"{self._namespace}:broadcast", f"{owner}:{worker}"))

    def _script(self, script: str, worker: int, *arguments: str | int) -> Any:
        keys = [f"{self._namespace}:id:{worker}", f"{self._namespace}:last:{worker}"]
        return self._ask(lambda: self._redis.eval(script, len(keys), *keys, *map(str, arguments)))

    def _ask(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (redis.RedisError, OSError) as error:
            raise Unavailable(str(error) or type(error).__name__) from None
