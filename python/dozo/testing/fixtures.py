"""pytest's fixtures for programs that use dozo or any Redis: installed with dozo, there by name in every test.

    def test_visits(dozo_redis):
        assert dozo_redis.incr("visits") == 1

Owns a store of its own for each test, and one server for the session. Refuses to import anything of dozo before a test
asks for a fixture, as pytest loads this module wherever dozo is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import redis

    from dozo.cache import Store
    from dozo.testing import Node


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the setting of pytest's configuration that dozo_server reads."""
    parser.addini("dozo_flags", "flags of `dozo serve` for the fixture dozo_server", type="args", default=[])


@pytest.fixture
def dozo_store() -> Iterator[Store]:
    """Return an empty store in memory, for this test alone."""
    import dozo

    with dozo.open() as store:
        yield store


@pytest.fixture
def dozo_redis(dozo_store: Store) -> Iterator[redis.Redis]:
    """Return a redis.Redis without a server, over the keys of dozo_store; replies are bytes."""
    with dozo_store.redis() as client:
        yield client


@pytest.fixture(scope="session")
def _dozo_session_server(pytestconfig: pytest.Config) -> Iterator[Node]:
    from dozo.testing import Node

    with Node.start(*pytestconfig.getini("dozo_flags")) as node:
        yield node


@pytest.fixture
def dozo_server(_dozo_session_server: Node) -> Node:
    """Return a server on free ports (`port`, `memcached_port`) without keys; the session's tests have it in turn."""
    import redis

    from dozo.testing import HOST

    with redis.Redis(HOST, _dozo_session_server.port) as client:
        client.flushall()
        client.function_flush()
    return _dozo_session_server
