"""Each framework's job runs twice: against dozo, and against the server that the framework was written for."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """Have a socket that a test left open fail this test, not the one in which it is collected."""
    yield
    gc.collect()


@pytest.fixture(params=["dozo", "redis"])
def redis_port(request: pytest.FixtureRequest) -> int:
    """Return the port of an empty server that speaks Redis's protocol."""
    return request.getfixturevalue("server" if request.param == "dozo" else "redis_server").port


@pytest.fixture
def redis_url(redis_port: int) -> str:
    """Return the URL of its database 0."""
    return f"redis://127.0.0.1:{redis_port}/0"


@pytest.fixture(params=["dozo", "memcached"])
def memcached_port(request: pytest.FixtureRequest) -> int:
    """Return the port of an empty server that speaks memcached's protocols."""
    if request.param == "dozo":
        return request.getfixturevalue("server").memcached_port
    return request.getfixturevalue("memcached_server").port
