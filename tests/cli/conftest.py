"""Running `dozo` as a user does: a process, what it printed and its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def dozo() -> Run:
    """Return a function that runs `dozo ARGUMENTS` to its end."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        return run_program(sys.executable, "-m", "dozo", *arguments, **options)

    return run


@pytest.fixture
def redis_cli() -> Run:
    """Return a function that runs the original client."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        return run_program("redis-cli", *arguments, **options)

    return run


def run_program(*command: object, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program with a pipe as its stdin."""
    return subprocess.run(
        [str(word) for word in command],
        input=stdin,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        env=os.environ | environment,
        timeout=60,
        check=False,
    )
