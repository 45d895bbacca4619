"""Waiting in tests: until something is so, told by looking at it, never by the time that has passed.

Owns the one loop that does it. Refuses a bound of a test's own: it only ends a test that would hang.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 60.0

Found = TypeVar("Found")


def until(what: str, so: Callable[[], Found]) -> Found:
    """Wait until it is so, and return what it was; AssertionError with `what` when it never comes.

    Between two looks it rests for a twentieth of the time it has waited: what comes soon is seen at once and at every
    step, and what takes its time has the processor meanwhile.
    """
    began = time.monotonic()
    while not (found := so()):
        waited = time.monotonic() - began
        assert waited < PATIENCE_S, f"never came: {what}"
        time.sleep(min(waited / 20, 0.01))
    return found
