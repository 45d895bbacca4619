"""Stores in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import dozo


@pytest.fixture
def store() -> Iterator[dozo.Store]:
    """Return an empty store in memory."""
    with dozo.open() as opened:
        yield opened
