"""Connections to dozo and to the original, so that a transcript is true of both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .raw import Binary, Text


def emptied(port: int) -> int:
    """Let a test begin without items; starting a memcached for each would cost a second."""
    with Text(port) as connection:
        connection.ask(b"flush_all\r\n")
    return port


@pytest.fixture(params=["dozo", "memcached"])
def either(request: pytest.FixtureRequest) -> int:
    """The memcached port of dozo, then the one of the original: what is expected of both."""
    if request.param == "dozo":
        return request.getfixturevalue("server").memcached_port
    return emptied(request.getfixturevalue("shared_memcached").port)


@pytest.fixture
def text(either: int) -> Iterator[Text]:
    with Text(either) as connection:
        yield connection


@pytest.fixture
def binary(either: int) -> Iterator[Binary]:
    with Binary(either) as connection:
        yield connection


@pytest.fixture
def dozo_text(server) -> Iterator[Text]:
    with Text(server.memcached_port) as connection:
        yield connection


@pytest.fixture
def dozo_binary(server) -> Iterator[Binary]:
    with Binary(server.memcached_port) as connection:
        yield connection
