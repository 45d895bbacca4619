"""libmemcached's own check of what a server can do: all of it passes."""

from __future__ import annotations

import shutil
import subprocess

import pytest


@pytest.mark.skipif(shutil.which("memccapable") is None, reason="needs libmemcached-tools")
@pytest.mark.parametrize("protocol", ["-a", "-b"], ids=["ascii", "binary"])
def test_memccapable(protocol: str, server) -> None:
    command = ["memccapable", "-h", "127.0.0.1", "-p", str(server.memcached_port), protocol]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert done.returncode == 0, lines
    assert not [line for line in lines if "[FAIL]" in line]
    assert len([line for line in lines if "[pass]" in line]) > 20, lines
