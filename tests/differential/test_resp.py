"""The same random commands to dozo and to redis-server 7.0: replies and final state are the same."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .families import FAMILIES, sequence
from .known import normal
from .raw import Wire
from .state import same, state

#: `make test` runs a short form, the same every time; EXAMPLES=2000 is a long one with new sequences.
EXAMPLES = int(os.environ.get("EXAMPLES", "60"))


@pytest.fixture
def pair(shared_server, shared_redis) -> tuple[int, int]:
    return shared_server.port, shared_redis.port


def _clean(wire: Wire, family: str) -> None:
    wire.pipeline([(b"RESET",), (b"FLUSHALL",), (b"CONFIG", b"SET", b"maxmemory", b"0")])
    if family == "scripting":
        wire.pipeline([(b"SCRIPT", b"FLUSH"), (b"FUNCTION", b"FLUSH")])


@pytest.mark.parametrize("family", FAMILIES)
def test_same_replies_and_state(family: str, pair: tuple[int, int]) -> None:
    ours, theirs = Wire(pair[0]), Wire(pair[1])

    @settings(
        max_examples=EXAMPLES,
        derandomize="EXAMPLES" not in os.environ,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
    )
    @given(commands=sequence(family), resp3=st.booleans())
    def run(commands: list[tuple[bytes, ...]], resp3: bool) -> None:
        for wire in (ours, theirs):
            _clean(wire, family)
            if resp3:
                wire.call(b"HELLO", b"3")
        for command, mine, its in zip(
            commands, ours.pipeline(commands), theirs.pipeline(commands), strict=True
        ):
            assert normal(command, mine) == normal(command, its), command
        for wire in (ours, theirs):
            wire.call(b"RESET")
        mine_state, its_state = state(ours), state(theirs)
        assert same(mine_state, its_state), (mine_state, its_state)

    try:
        run()
    finally:
        ours.close()
        theirs.close()
