"""What dozo calls itself, and which Redis and memcached it behaves as."""

from __future__ import annotations

from typing import Final

REDIS_VERSION: Final = "7.0.15"
"""Clients choose their features by this; COMMAND, INFO and error texts are those of this version."""

MEMCACHED_VERSION: Final = "1.6.18"
"""The same for memcached clients."""
