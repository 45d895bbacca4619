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

#: `make test` runs so many sequences of each family, the same every time.
EXAMPLES = 60
#: A long run makes new ones, until a family has seen so many commands.
COMMANDS = int(os.environ.get("COMMANDS", "0"))


#: What the families change, and the defaults.
CHANGED = (
    *(b"maxmemory", b"0", b"hll-sparse-max-bytes", b"3000", b"set-max-intset-entries", b"512"),
    *(b"hash-max-listpack-entries", b"128", b"hash-max-listpack-value", b"64"),
)


@pytest.fixture
def pair(shared_server, shared_redis) -> tuple[int, int]:
    return shared_server.port, shared_redis.port


def _clean(wire: Wire, family: str) -> None:
    wire.pipeline([(b"RESET",), (b"FLUSHALL",), (b"CONFIG", b"SET", *CHANGED)])
    if family == "scripting":
        wire.pipeline([(b"SCRIPT", b"FLUSH"), (b"FUNCTION", b"FLUSH")])


@pytest.mark.parametrize("family", FAMILIES)
def test_same_replies_and_state(family: str, pair: tuple[int, int]) -> None:
    compare(family, pair, EXAMPLES)


def compare(family: str, pair: tuple[int, int], examples: int) -> None:
    """Send random commands of a family to both servers; replies and final state must be the same."""
    ours, theirs = Wire(pair[0]), Wire(pair[1])
    compared = 0

    @settings(
        max_examples=1000 if COMMANDS else examples,
        derandomize=not COMMANDS,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
    )
    @given(commands=sequence(family), resp3=st.booleans())
    def run(commands: list[tuple[bytes, ...]], resp3: bool) -> None:
        nonlocal compared
        for wire in (ours, theirs):
            _clean(wire, family)
            if resp3:
                wire.call(b"HELLO", b"3")
        for command, mine, its in zip(
            commands, ours.pipeline(commands), theirs.pipeline(commands), strict=True
        ):
            assert normal(command, mine) == normal(command, its), command
        compared += len(commands)
        for wire in (ours, theirs):
            wire.call(b"RESET")
        mine_state, its_state = state(ours), state(theirs)
        assert same(mine_state, its_state), (mine_state, its_state)

    try:
        run()
        while compared < COMMANDS:
            run()
        print(f"{family}: {compared} commands without a difference")
    finally:
        ours.close()
        theirs.close()
