"""The door does what its OpenAPI document says: schemathesis makes requests of every kind that it allows or forbids."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from dozo.testing import start

from .conftest import Gateway, HttpNode
from .scripted import Scripted
from .test_ids import generator

SCHEMATHESIS = str(Path(sys.executable).parent / "schemathesis")


def run(url: str, *flags: str) -> None:
    command = [SCHEMATHESIS, "run", f"{url}/openapi.json", "--no-color", "--seed", "1", *flags]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "No issues found" in ended.stdout


@pytest.mark.slow
def test_the_data(node):
    run(node.url, "-n", "50", "--exclude-path-regex", "^/(events|ids?|stats)$")


@pytest.mark.slow
def test_the_data_behind_a_password():
    with start(lambda ports: HttpNode(ports, ("--requirepass", "secret")), 3) as node:
        wanted = ("--include-path-regex", "^/(kv/.*|command|pipeline|metrics|readyz)$")
        run(node.url, "-n", "20", *wanted, "-H", "Authorization: Bearer secret")


@pytest.mark.slow
def test_events(node):
    """A stream has no end, so that schemathesis waits for one as long as it is let to."""
    run(node.url, "-n", "10", "--include-path", "/events", "--request-timeout", "0.5", "--phases", "fuzzing")


@pytest.mark.slow
def test_ids():
    with Scripted(generator) as upstream, start(lambda ports: Gateway(ports, upstream.url, ()), 1) as gateway:
        run(gateway.url, "-n", "50", "--include-path-regex", "^/(ids?|stats)$")


def test_the_document_names_every_path(http):
    document = http.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    for path, methods in document["paths"].items():
        taken = {method.upper() for method in methods if method != "parameters"}
        answer = http.request("PATCH", path.replace("{db}", "0").replace("{key}", "key"))
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == taken


def test_it_refers_to_nothing_that_is_missing(node):
    document = httpx.get(f"{node.url}/openapi.json").json()

    def walk(part: object) -> None:
        if isinstance(part, dict):
            if "$ref" in part:
                found = document
                for name in part["$ref"].removeprefix("#/").split("/"):
                    found = found[name]
            for each in part.values():
                walk(each)
        elif isinstance(part, list):
            for each in part:
                walk(each)

    walk(document)
