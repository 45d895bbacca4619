"""The generated pages say what the tables say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_reference_is_up_to_date():
    check = [sys.executable, ROOT / "docs" / "generate.py", "--check"]
    ended = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout == "", f"run `make docs`: {ended.stdout}"
    assert ended.returncode == 0, ended.stderr
