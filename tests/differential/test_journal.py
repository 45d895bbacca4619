"""Random commands leave in the journal, and in a snapshot, what they leave in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from dozo.testing import Node

from .families import FAMILIES, sequence
from .raw import Wire
from .state import same, state

EXAMPLES = int(os.environ.get("EXAMPLES", "40"))
#: These don't store, or steer the server itself.
_OTHERS = {"connection", "server"}


@pytest.fixture(scope="module")
def journaled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A server that keeps all of it."""
    path = tmp_path_factory.mktemp("data")
    with Node.start("--data-dir", str(path), "--persistence", "journal", "--appendfsync", "no") as node:
        yield node


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - _OTHERS))
@pytest.mark.parametrize("how", ["LOADAOF", "RELOAD"])
def test_what_is_loaded_is_what_was_stored(family: str, how: str, journaled: Node) -> None:
    # An fsync may take its time while the other tests write.
    wire = Wire(journaled.port, timeout=90)

    @settings(
        max_examples=EXAMPLES,
        derandomize="EXAMPLES" not in os.environ,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
    )
    @given(commands=sequence(family))
    def run(commands: list[tuple[bytes, ...]]) -> None:
        wire.pipeline([(b"RESET",), (b"FLUSHALL",)])
        wire.pipeline(commands)
        wire.call(b"RESET")
        before = state(wire)
        assert wire.call(b"DEBUG", how.encode()).value == b"OK"
        after = state(wire)
        assert same(before, after), (before, after)

    try:
        run()
    finally:
        wire.close()
