"""Every declared command has one implementation, a line in the documentation and a test that names it."""

import re
from pathlib import Path

import pytest

from dozo import _kernel
from dozo.commands.api import TABLE, load_families

ROOT = Path(__file__).parents[2]
load_families()
EVERYTHING = [declared for declared in TABLE.everything() if declared.function or not declared.subcommands]
GROUPS = {
    "string",
    "list",
    "set",
    "sorted-set",
    "hash",
    "stream",
    "bitmap",
    "hyperloglog",
    "geo",
    "generic",
    "pubsub",
    "transactions",
    "scripting",
    "connection",
    "server",
    "id",
}
BY_NAME = pytest.mark.parametrize("declared", EVERYTHING, ids=lambda declared: declared.name)


def test_rust_implements_exactly_the_hot_ones():
    hot = {declared.full_name for declared in EVERYTHING if declared.is_hot}
    assert hot == set(_kernel.HOT)


@BY_NAME
def test_it_is_described(declared):
    assert declared.summary.endswith(".")
    assert len(declared.summary) <= 120
    assert declared.since
    assert declared.group in GROUPS


@BY_NAME
def test_it_has_a_line_in_the_reference(declared):
    reference = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    assert re.search(rf"^\| `{re.escape(declared.name)}[ `]", reference, re.MULTILINE)


@BY_NAME
def test_a_test_names_it(declared):
    tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    if declared.name.endswith(" HELP"):
        # These tests say f"{container} HELP" or name it in full.
        assert declared.name in tests or f'"{declared.parent}": (' in tests
    else:
        assert re.search(rf"\b{re.escape(declared.name)}\b", tests, re.IGNORECASE)


def test_what_is_missing_is_not_declared():
    missing = (ROOT / "docs/reference/missing.md").read_text("utf-8")
    names = set(re.findall(r"^\| `([A-Z |_-]+)` \|", missing, re.MULTILINE))
    assert names
    assert not [name for name in names if TABLE.find(name)]
