"""The same random requests to dozo and to memcached 1.6.18: the replies are the same."""

from __future__ import annotations

import itertools
import os

from hypothesis import HealthCheck, given, settings

from .generated import Op, Seen, Step, binary_steps, text_steps
from .raw import Binary, Text

#: `make test` runs a short form, the same every time; EXAMPLES=2000 is a long one with new sequences.
EXAMPLES = int(os.environ.get("EXAMPLES", "200"))
short = settings(
    max_examples=EXAMPLES,
    derandomize="EXAMPLES" not in os.environ,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
#: Every example has keys of its own, so neither server has to be emptied.
_prefixes = (f"{number}-" for number in itertools.count())


def compare_text(ours: int, theirs: int, rules: settings = short) -> None:
    """Send random lines to memcached's port of both servers; the replies must be the same."""
    with Text(ours) as mine, Text(theirs) as its:

        @rules
        @given(text_steps)
        def same(steps: list[Step]) -> None:
            prefix, seen = next(_prefixes), (Seen(), Seen())
            for step in steps:
                replies = [
                    each.plain(step, connection.ask(each.fill(step, prefix)))
                    for each, connection in zip(seen, (mine, its), strict=True)
                ]
                assert replies[0] == replies[1], step

        same()


def compare_binary(ours: int, theirs: int, rules: settings = short) -> None:
    """Send random packets to memcached's port of both servers; the replies must be the same."""
    with Binary(ours) as mine, Binary(theirs) as its:

        @rules
        @given(binary_steps)
        def same(steps: list[Op]) -> None:
            prefix, seen = next(_prefixes), (Seen(), Seen())
            for step in steps:
                replies = [
                    [step.plain(each, packet) for packet in connection.ask(step.fill(each, prefix))]
                    for each, connection in zip(seen, (mine, its), strict=True)
                ]
                assert replies[0] == replies[1], step

        same()


def test_text_and_meta(shared_server, shared_memcached) -> None:
    compare_text(shared_server.memcached_port, shared_memcached.port)


def test_binary(shared_server, shared_memcached) -> None:
    compare_binary(shared_server.memcached_port, shared_memcached.port)
