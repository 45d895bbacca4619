"""The TOML side of settings: the commented file of defaults and rewriting a file in place.

Owns the text of the file. A rewrite changes only the lines of settings whose value differs and adds what is missing at
the end of its section, so comments, order and blank lines of the owner stay.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dozo.config import sections, units
from dozo.config.setting import SECRETS, SETTINGS, Setting
from dozo.config.tree import SECTIONS, Tree

if TYPE_CHECKING:
    from dozo.config.live import Config

_HEADER = re.compile(r"^\s*\[\s*([A-Za-z0-9_.-]+)\s*\]")
_SPECIAL = re.compile(r'["\\\x00-\x1f\x7f]')
_ESCAPES = {'"': '\\"', "\\": "\\\\"}
_ENTRY = re.compile(r"""^\s*(?:#\s*)?["']?([a-z][a-z0-9-]*)["']?\s*=""")


def write_value(setting: Setting, value: Any) -> str:
    """Write one value as TOML: sizes with their unit, lists as lists, the rest as they are."""
    if setting.kind == "size":
        return _quote(units.format_size(value)) if value else "0"
    if setting.kind == "texts":
        return "[" + ", ".join(_quote(item) for item in value) + "]"
    if setting.kind == "boolean":
        return "true" if value else "false"
    if setting.kind == "integer":
        return str(value)
    return _quote(setting.format(value))


def allowed(setting: Setting) -> str:
    """Say what a setting may be: its form, its unit and, where they tell something, its bounds."""
    text = setting.expects
    if setting.unit and setting.kind == "integer":
        text += f" ({setting.unit})"
    if setting.low is not None and setting.high is not None and setting.high < 1 << 31:
        text += f"; {setting.format(setting.low)} to {setting.format(setting.high)}"
    return text


def describe(setting: Setting) -> str:
    """Say in one line what a setting does, what it may be and when it can be changed."""
    when = "CONFIG SET" if setting.live else "at start only"
    return f"{setting.summary} [{allowed(setting)}; {when}]"


def defaults() -> str:
    """Return a TOML file that names every setting, each with its sentence and its default commented out."""
    lines = ["# The settings of dozo, each with its default. Take the # off a line to change it.", ""]
    for section in SECTIONS:
        lines += [f"# {_section_summary(section)}", f"[{section}]", ""]
        for setting in SETTINGS.values():
            if setting.section == section:
                lines += [
                    f"# {describe(setting)}",
                    f"# {setting.name} = {write_value(setting, setting.default)}",
                    "",
                ]
    return "\n".join(lines)


def effective(config: Config) -> str:
    """Return every setting's value and where it came from; passwords are hidden."""
    lines = []
    for section in SECTIONS:
        lines.append(f"[{section}]")
        for setting in SETTINGS.values():
            if setting.section == section:
                value = config.value(setting.name)
                hidden = setting.name in SECRETS and value
                entry = f"{setting.name} = {_quote('***') if hidden else write_value(setting, value)}"
                lines.append(f"{entry:<48}  # {config.source(setting.name)}")
        lines.append("")
    return "\n".join(lines)


def rewrite(text: str, values: Mapping[str, tuple[Setting, Any]]) -> str:
    """Return text with these values in it; everything else stays as it was."""
    missing = dict(values)
    present = _present(text)
    out: list[str] = []
    section = ""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        header = _HEADER.match(lines[at])
        if header:
            _add_missing(out, section, missing)
            section = header[1]
        entry = None if header else _ENTRY.match(lines[at])
        name = entry[1] if entry else ""
        last = at + 1
        if name in missing and missing[name][0].section == section:
            commented = lines[at].lstrip().startswith("#")
            if not (commented and name in present):
                setting, value = missing.pop(name)
                last = at + 1 if commented else _end_of_entry(lines, at)
                out += _entry_lines(lines[at:last], setting, value, present.get(name), commented)
                at = last
                continue
        out += lines[at:last]
        at = last
    _add_missing(out, section, missing)
    out = _without_foreign(out)
    for left in sorted({setting.section for setting, _ in missing.values()}):
        out += ["", f"[{left}]"] if out else [f"[{left}]"]
        _add_missing(out, left, missing)
    return "\n".join(out) + "\n"


def _without_foreign(lines: list[str]) -> list[str]:
    """Comment out what another cache's sections say: dozo's own names say it now."""
    section, out = "", []
    for line in lines:
        header = _HEADER.match(line)
        section = header[1] if header else section
        name = "" if header or section not in sections.NAMES else line.partition("=")[0].strip(" \t\"'")
        known = sections.FOREIGN.get((section, name))
        out.append(f"# {line}" if known and known.settings else line)
    return out


def replace_file(path: Path, text: str) -> None:
    """Put text in place of the file in one step, so that a crash leaves the old file or the new one."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            # The file may hold a password: it is as private as it was, or for its owner only.
            temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o600)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _quote(text: str) -> str:
    """Write a TOML string; ValueError for bytes that aren't UTF-8, which TOML can't hold."""
    text.encode("utf-8")
    return '"' + _SPECIAL.sub(lambda match: _ESCAPES.get(match[0], f"\\u{ord(match[0]):04x}"), text) + '"'


def _section_summary(section: str) -> str:
    return str(type(getattr(Tree(), section)).__doc__)


def _present(text: str) -> dict[str, Any]:
    """Return the settings that the file sets now, by name."""
    return {key: value for table in tomllib.loads(text).values() for key, value in table.items()}


def _end_of_entry(lines: list[str], at: int) -> int:
    """Return the line after an entry whose value may span lines, as lists do."""
    for last in range(at + 1, len(lines) + 1):
        try:
            tomllib.loads("\n".join(lines[at:last]))
        except tomllib.TOMLDecodeError:
            continue
        return last
    return at + 1


def _entry_lines(old: list[str], setting: Setting, value: Any, present: Any, commented: bool) -> list[str]:
    """Return the lines of one setting: the old ones when they already say so, else a new one."""
    if not commented and setting.accept(present) == value:
        return old
    _, _, comment = old[-1].partition(" #") if len(old) == 1 and not commented else ("", "", "")
    written = f"{setting.name} = {write_value(setting, value)}"
    return [f"{written} #{comment}" if comment and '"' not in comment else written]


def _add_missing(out: list[str], section: str, missing: dict[str, tuple[Setting, Any]]) -> None:
    """Add the settings of a section that its text did not hold, before the blank lines that end it."""
    names = [name for name, (setting, _) in missing.items() if setting.section == section]
    end = len(out)
    while end and not out[end - 1].strip():
        end -= 1
    out[end:end] = [f"{name} = {write_value(*missing.pop(name))}" for name in names]
