"""diskcache's and Django's own, and dozo's in their place: each job runs on both."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType

import pytest

from dozo.compat import shared


@pytest.fixture(params=["dozo.compat.diskcache", "diskcache"])
def diskcache(request: pytest.FixtureRequest) -> ModuleType:
    """Return the module that a program imports as diskcache."""
    return importlib.import_module(request.param)


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """Close the stores of caches that a test did not close, as the end of the process would."""
    yield
    shared.close_all()
