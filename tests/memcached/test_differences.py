"""The list of known differences is true."""

from __future__ import annotations

import pytest

from .conftest import emptied
from .differences import DIFFERENCES
from .raw import Text


@pytest.mark.parametrize("name", DIFFERENCES)
def test_difference(name: str, server, shared_memcached) -> None:
    difference = DIFFERENCES[name]
    assert _last(server.memcached_port, difference.requests) == difference.dozo
    theirs = _last(emptied(shared_memcached.port), difference.requests)
    assert difference.unsteady or theirs == difference.memcached


def _last(port: int, requests: tuple[bytes, ...]) -> bytes:
    with Text(port) as connection:
        return [connection.ask(each) for each in requests][-1]
