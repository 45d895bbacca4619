"""The same random commands to a dozo all of whose values lie on disk after each command, and to redis-server 7.0."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dozo.testing import Node

from .families import FAMILIES
from .raw import Wire
from .test_resp import compare

#: `make test` runs so many sequences of each family.
EXAMPLES = 8
#: What these say does not depend on where values lie.
_ELSEWHERE = {"connection", "server"}


@pytest.fixture(scope="module")
def cold_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder: Path = tmp_path_factory.mktemp("tier")
    with Node.start("--disk-tier", str(folder), "--disk-tier-size", "64mb") as node:
        wire = Wire(node.port)
        assert wire.call(b"DEBUG", b"TIER", b"CHURN").value == b"OK"
        yield node
        assert b"tier_hits:0\r" not in wire.call(b"INFO", b"tier").value
        wire.close()


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in _ELSEWHERE])
def test_same_replies_and_state_from_disk(family: str, cold_server: Node, shared_redis: Node) -> None:
    compare(family, (cold_server.port, shared_redis.port), EXAMPLES)
