"""Stores in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import dozo
from dozo.store.shared import Guest


@pytest.fixture
def store() -> Iterator[dozo.Store]:
    """Return an empty store in memory."""
    with dozo.open() as opened:
        yield opened


@contextmanager
def kept_in(folder: Path, of: str) -> Iterator[dozo.Store]:
    """A store that is kept in a folder: one's own (`of` is "path"), or another one's ("guest")."""
    with dozo.open(folder) as owner:
        if of == "path":
            yield owner
            return
        with dozo.open(folder) as store:
            assert isinstance(store, Guest)
            yield store
