"""Every example of the README and the guides runs and prints what it says.

In order of the page: a Python block that names its file is loaded into a server of its own, or run by pytest where its
name begins with test_; a `>>>` block is a doctest, a `console` block is run line by line, a `toml` block is read as a
configuration. Only the ports are replaced; those that are closed by default are opened where a page speaks of them.
"""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dozo.config import load
from dozo.testing import Node, free_ports

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md"))]
# Ports that are closed by default, and what opens one where a page speaks of it.
DOORS = {
    "8080": ["--http-port"],
    "50051": ["--grpc-port"],
    "11212": ["--worker-id", "3", "--id-port"],
}
# An ID of these years: in what a page shows it stands for any.
ID = re.compile(r"\b\d{19}\b")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    return [(kind, text) for kind, text in BLOCK.findall(page.read_text("utf-8")) if kind in languages]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples(page, start_dozo, tmp_path, monkeypatch):
    flags = []
    for _, text in blocks(page, "python"):
        if name := re.match(r"# (\w+\.py)\n", text):
            (tmp_path / name[1]).write_text(text)
            if not name[1].startswith("test_"):
                flags += ["--load", str(tmp_path / name[1])]
    ports = {}
    for port, door in DOORS.items():
        if port in page.read_text("utf-8"):
            ports[port] = str(*free_ports(1))
            flags += [*door, ports[port]]
    monkeypatch.setenv("DOZO_ID_STATE_DIR", str(tmp_path / "ids"))
    node = start_dozo("--databases", "16", *flags)
    node.ports += map(int, ports.values())
    assert node.wait_until_ready()
    names: dict[str, object] = {}
    ports |= {"6379": str(node.port), "11211": str(node.memcached_port)}
    for kind, text in blocks(page, "python", "console"):
        text = re.sub(rf"\b({'|'.join(ports)})\b", lambda match: ports[match[1]], text)
        if kind == "console":
            run_console(text, node)
        elif ">>>" in text:
            run_doctest(text, names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_configurations(page, tmp_path):
    for _, text in blocks(page, "toml"):
        (tmp_path / "dozo.toml").write_text(text)
        assert load(tmp_path / "dozo.toml")


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "# test_" in page.read_text("utf-8")], ids=lambda p: p.stem
)
def test_tests(page, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for _, text in blocks(page, "python"):
        if name := re.match(r"# (test_\w+\.py)\n", text):
            (tmp_path / name[1]).write_text(text)
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "dozo.testing.fixtures",
        "-p",
        "no:cacheprovider",
        str(tmp_path),
    ]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_links_lead_somewhere():
    for page in [*PAGES, *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def run_doctest(text: str, names: dict[str, object]) -> None:
    """Run one block; the names it defines are there for the next blocks of its page."""
    test = doctest.DocTestParser().get_doctest(text, names, "example", None, 0)
    runner = doctest.DocTestRunner()
    runner.run(test, clear_globs=False)
    names.update(test.globs)
    assert runner.summarize(verbose=False).failed == 0


def run_console(text: str, node: Node) -> None:
    """Run each line behind a $ and compare what it prints with the lines below it."""
    programs = {
        "dozo cli --memcached": f"{sys.executable} -m dozo cli -p {node.memcached_port} --memcached",
        "dozo id": f"{sys.executable} -m dozo id",
        "dozo cli": f"{sys.executable} -m dozo cli -p {node.port}",
        "redis-cli": f"redis-cli -p {node.port}",
    }
    for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = step.partition("\n")
        words = re.sub(
            "dozo cli --memcached|dozo cli|dozo id|redis-cli", lambda match: programs[match[0]], command
        )
        ended = subprocess.run(words, shell=True, capture_output=True, text=True, timeout=60, check=False)
        printed = (ended.stdout + ended.stderr).replace("\r\n", "\n")
        assert ID.sub("ID", printed) == ID.sub("ID", expected), command
