"""Several clients in turn, with transactions, waiting and messages: each receives what it would from redis-server."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .crowd import CLIENT, Crowd
from .state import same, state

#: As in test_resp.py; an example has several times as many round trips as one there.
EXAMPLES = int(os.environ.get("EXAMPLES", "40"))
SIZE = 4

_COMMON = """
RPUSH {l} {v}|RPUSH {l} {v} {v}|LPUSH {l} {v}|RPUSH {l} {v} {v} {v}|LPOP {l}|RPOP {l} 2|LLEN {l}|LRANGE {l} 0 -1
DEL {l}|SET {l} {v}|LREM {l} 0 {v}|LINSERT {l} BEFORE {v} {v}|LPUSHX {l} {v}|EXPIRE {l} 0|LMPOP 1 {l} LEFT COUNT 2
ZADD {z} 1 x 2 y|ZADD {z} 3 z|ZPOPMIN {z}|ZINCRBY {z} 1 x|DEL {z}|ZCARD {z}|ZUNIONSTORE {z} 1 {z}
XADD {s} 1-* f {v}|XADD {s} 1-* f {v}|XGROUP CREATE {s} g $ MKSTREAM|XGROUP DESTROY {s} g|DEL {s}|XLEN {s}|SET {s} x
SUBSCRIBE {c}|UNSUBSCRIBE|PSUBSCRIBE c*|PUNSUBSCRIBE c*|PUBLISH {c} {v}|PUBLISH {c} {v}|RESET
CLIENT UNBLOCK {m}|CLIENT UNBLOCK {m} ERROR|CLIENT UNBLOCK {m} TIMEOUT|HANGUP|PING
"""

#: Waits for one key, with all that changes keys.
_CHAINS = """
BLPOP {l} 0|BLPOP {l} 0|BRPOP {l} 0|BLMOVE {l} {l} LEFT RIGHT 0|BLMOVE {l} {l} RIGHT LEFT 0|BRPOPLPUSH {l} {l} 0
BLMPOP 0 1 {l} LEFT|BLMPOP 0 1 {l} RIGHT COUNT 2|BZPOPMIN {z} 0|BZPOPMAX {z} 0|BZMPOP 0 1 {z} MIN COUNT 2
XREAD BLOCK 0 STREAMS {s} $|XREAD COUNT 1 BLOCK 0 STREAMS {s} 0|XREADGROUP GROUP g me BLOCK 0 STREAMS {s} >
XREADGROUP GROUP g you NOACK COUNT 1 BLOCK 0 STREAMS {s} >|LMOVE {l} {l} LEFT RIGHT|RPOPLPUSH {l} {l}
MULTI|MULTI|EXEC|EXEC|EXEC|DISCARD|WATCH {l}|WATCH {z} {s}|UNWATCH|SELECT 1|SELECT 0|SWAPDB 0 1|FLUSHDB|FLUSHALL
RENAME {l} {l}|RENAME {z} {z}|RENAME {s} {s}|COPY {l} {l} REPLACE|MOVE {l} 1|SORT {l} ALPHA STORE {l}|RENAMENX {l} {l}
"""

#: Waits for several keys, each fed by a command of its own: of keys that are fed together 7.0 takes another one.
_CHOICES = """
BLPOP {l} {l} 0|BRPOP {l} {l} {l} 0|BLMPOP 0 2 {l} {l} LEFT|BLMPOP 0 2 {l} {l} RIGHT COUNT 2|BLPOP {l} 0
BZPOPMIN {z} {z} 0|BZPOPMAX {z} {z} 0|BZMPOP 0 2 {z} {z} MAX|XREAD BLOCK 0 STREAMS s t $ $
XREADGROUP GROUP g me BLOCK 0 STREAMS t s > >
"""

FAMILIES = {"chains": _COMMON + _CHAINS, "choices": _COMMON + _CHOICES}
_HOLES = {
    "{l}": ("a", "b", "c"),
    "{z}": ("y", "z"),
    "{s}": ("s", "t"),
    "{v}": ("1", "2", "3"),
    "{c}": ("c1", "c2"),
    "{m}": tuple(f"{CLIENT.decode()}{n}" for n in range(SIZE)),
}

Step = tuple[int, tuple[bytes, ...]]


@st.composite
def step(draw: st.DrawFn, family: str) -> Step:
    """Draw who does what."""
    templates = FAMILIES[family].strip().replace("\n", "|").split("|")
    words = draw(st.sampled_from(templates)).split(" ")
    filled = (draw(st.sampled_from(_HOLES[word])) if word in _HOLES else word for word in words)
    return draw(st.integers(0, SIZE - 1)), tuple(word.encode() for word in filled)


@pytest.mark.parametrize("family", FAMILIES)
def test_same_for_everybody(family: str, shared_server, shared_redis) -> None:
    ours, theirs = Crowd(shared_server.port, SIZE), Crowd(shared_redis.port, SIZE)

    @settings(
        max_examples=EXAMPLES,
        derandomize="EXAMPLES" not in os.environ,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
    )
    @given(
        steps=st.lists(step(family), min_size=10, max_size=60),
        resp3=st.lists(st.booleans(), min_size=SIZE, max_size=SIZE),
    )
    def run(steps: list[Step], resp3: list[bool]) -> None:
        ours.reset(resp3)
        theirs.reset(resp3)
        for who, command in steps:
            assert ours.act(who, command) == theirs.act(who, command), (who, command)
        states = [state(crowd.control) for crowd in (ours, theirs)]
        assert same(*states), states

    try:
        run()
    finally:
        ours.close()
        theirs.close()
