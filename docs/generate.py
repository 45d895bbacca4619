"""Writes what the documentation repeats of the code: the tables of commands and settings, and the bench's figures.

`python docs/generate.py` writes the files; with `--check` it only says which are out of date and exits 1.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from dozo.bench import report
from dozo.commands.api import Command, load_families
from dozo.commands.arguments import usage
from dozo.config import SECTIONS, SETTINGS, Setting, Tree, toml

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
MARKS = ("<!-- bench -->\n", "<!-- /bench -->")


def commands_page() -> str:
    """Return every command by group: syntax, what it does, and where it is implemented."""
    declared = [command for command in load_families().everything() if not command.is_container]
    python = sum(1 for command in declared if not command.is_hot)
    lines = [
        "# Commands",
        "",
        f"Generated from the command table by `make docs`. Rust runs {len(declared) - python} of them (the hot lane,",
        f"crates/engine/src/hot), the others are the Python functions named: {python}, subcommands counted.",
    ]
    ordered = sorted(declared, key=lambda command: (command.group, command.name))
    for group, members in groupby(ordered, key=lambda command: command.group):
        lines += ["", f"## {group}", "", "| command | since | what it does | where |", "|---|---|---|---|"]
        lines += [_command_row(command) for command in members]
    return "\n".join(lines) + "\n"


def _command_row(command: Command) -> str:
    syntax = f"{command.name} {usage(command.args)}".strip().replace("|", "\\|")
    summary = command.summary.rstrip(".").replace("|", "\\|")
    return f"| `{syntax}` | {command.since} | {summary} | {_place(command)} |"


def _place(command: Command) -> str:
    if command.function is None:
        return "Rust"
    module = command.function.__module__.removeprefix("dozo.")
    return f"{module}.{command.function.__name__}"


def settings_page() -> str:
    """Return every setting by section: default, what it may be, and what it does."""
    tree = Tree()
    lines = [
        "# Settings",
        "",
        "Generated from the table of settings by `make docs`. A setting has one name: in the TOML file (under its",
        "section), as flag of `dozo serve` (`--name`), in CONFIG GET and SET, and in capitals with underscores as",
        "environment variable (`DOZO_NAME`). *live*: CONFIG SET changes it.",
    ]
    for section in SECTIONS:
        lines += ["", f"## [{section}]", "", str(type(getattr(tree, section)).__doc__), ""]
        lines += ["| setting | default | what it may be | what it does |", "|---|---|---|---|"]
        lines += [_setting_row(setting) for setting in SETTINGS.values() if setting.section == section]
    return "\n".join(lines) + "\n"


def _setting_row(setting: Setting) -> str:
    live = " *live*" if setting.live else ""
    default = toml.write_value(setting, setting.default)
    return f"| `{setting.name}`{live} | `{default}` | {toml.allowed(setting)} | {setting.summary} |"


def readme() -> str:
    """Return the README with the figures of the last committed run of the bench."""
    text = (ROOT / "README.md").read_text("utf-8")
    results = ROOT / "bench" / "results" / "latest.json"
    if not results.exists():
        return text
    before, _, rest = text.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    tables = report.tables(json.loads(results.read_text("utf-8"))).strip()
    chart = "![The same figures as a chart](bench/results/latest.png)"
    return f"{before}{MARKS[0]}\n{tables}\n\n{chart}\n\n{MARKS[1]}{after}"


def pages() -> Iterator[tuple[Path, str]]:
    """Return every generated file with the text it should have."""
    yield REFERENCE / "commands.md", commands_page()
    yield REFERENCE / "settings.md", settings_page()
    yield ROOT / "README.md", readme()


def main() -> int:
    """Write or check every page."""
    stale = [(path, text) for path, text in pages() if not path.exists() or path.read_text("utf-8") != text]
    for path, text in stale:
        if "--check" not in sys.argv:
            path.write_text(text, "utf-8")
        print(path.relative_to(ROOT))
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
