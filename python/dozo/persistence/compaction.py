"""A compaction: what is kept on disk is written anew without what is needed no more, because somebody asks for it.

The tier's segments are swept of which enough is needed no more, then the journal is rewritten; both as they would be
some day. It is done in steps of a moment, between which others have their turn.

Owns the order of these and what they have freed. Refuses to wait: who asked for it calls again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dozo._kernel import Server
from dozo.errors import StoreError

if TYPE_CHECKING:
    from dozo.persistence.keeper import Persistence

__all__ = ["Compaction"]


class Compaction:
    """What one store's compaction has come to; it begins again after its end."""

    def __init__(self, persistence: Persistence) -> None:
        self._persistence = persistence
        self._left: list[Callable[[Server], bool]] = []
        """Its stages from the present one on; each says whether it is over."""
        self._written_up_to = 0
        self._before = 0
        self._rewrites = False

    def step(self, server: Server) -> int | None:
        """Work for a moment; the bytes that were freed once it is over, else None. StoreError where the disk fails."""
        if not self._left:
            journal = server.disk.journal_state()
            self._written_up_to = journal[0] if journal else 0
            self._rewrites = False
            self._left = [self._is_weighed, self._tier_has_begun, self._tier_is_over, self._journal_is_over]
        try:
            while self._left and self._left[0](server):
                del self._left[0]
        except StoreError:
            self._left = []
            raise
        return None if self._left else max(0, self._before - self._bytes(server))

    def _is_weighed(self, server: Server) -> bool:
        """What is told to the journal before is written there first, or else nobody knew what that frees."""
        journal = server.disk.journal_state()
        if journal and journal[4]:
            raise StoreError(f"can't write the journal: {journal[4]}")
        if journal and journal[1] < self._written_up_to:
            return False
        self._before = self._bytes(server)
        return True

    def _tier_has_begun(self, server: Server) -> bool:
        return server.disk.compact_tier()

    def _tier_is_over(self, server: Server) -> bool:
        state = server.disk.tier_state()
        if state and state["error"]:
            raise StoreError(f"can't write the disk tier: {state['error']}")
        return not server.disk.compact_tier_some()

    def _journal_is_over(self, server: Server) -> bool:
        persistence = self._persistence
        if not persistence.has_journal:
            return True
        if not self._rewrites:
            self._rewrites = persistence.rewrite_is_scheduled = True
        # Sees to what is due, and to what threads have done meanwhile.
        persistence.chores(server)
        if persistence.rewrite_is_scheduled or persistence.is_rewriting:
            return False
        if persistence.rewrite_trouble:
            raise StoreError(f"can't rewrite the journal: {persistence.rewrite_trouble}")
        return True

    def _bytes(self, server: Server) -> int:
        persistence, tier = self._persistence, server.disk.tier_state()
        files = tuple(persistence.manifest.entries()) if persistence.manifest else ()
        return persistence.data.sizes(files) + (tier["bytes"] if tier else 0)
