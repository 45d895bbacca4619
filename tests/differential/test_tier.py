"""The same random commands to a dozo all of whose values lie on disk after each command, and to the originals."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.conftest import Peer
from tests.memcached import test_differential as memcached

from dozo.testing import Node

from .families import FAMILIES
from .raw import Wire
from .test_resp import compare

#: `make test` runs so many sequences of each family.
EXAMPLES = 8
#: Of memcached's protocols; EXAMPLES sets another number, with new sequences.
MEMCACHED_EXAMPLES = 40


@pytest.fixture(scope="module")
def cold_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder: Path = tmp_path_factory.mktemp("tier")
    with Node.start("--disk-tier", str(folder), "--disk-tier-size", "64mb") as node:
        wire = Wire(node.port)
        assert wire.call(b"DEBUG", b"TIER", b"CHURN").value == b"OK"
        yield node
        assert b"tier_hits:0\r" not in wire.call(b"INFO", b"tier").value
        wire.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_same_replies_and_state_from_disk(family: str, cold_server: Node, shared_redis: Node) -> None:
    compare(family, (cold_server.port, shared_redis.port), EXAMPLES)


@pytest.mark.parametrize("compare_protocol", [memcached.compare_text, memcached.compare_binary])
def test_memcached_sees_the_same_from_disk(
    compare_protocol: Callable[[int, int, settings], None], cold_server: Node, shared_memcached: Peer
) -> None:
    examples = int(os.environ.get("EXAMPLES", MEMCACHED_EXAMPLES))
    compare_protocol(
        cold_server.memcached_port, shared_memcached.port, settings(memcached.short, max_examples=examples)
    )
