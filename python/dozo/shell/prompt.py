"""The interactive prompt: history, completion, hints and the few commands that the prompt itself answers.

Owns the terminal while it is open. Everything it prints about replies comes from run.py's doors.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggest, Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.shortcuts import clear

from dozo.shell.hints import Hint, load_hints
from dozo.shell.run import Door, RespDoor
from dozo.shell.session import SessionError
from dozo.shell.words import split

# Lines with passwords never reach the history file.
_SECRETS = ("auth ", "hello ", "config set requirepass", "acl setuser", "migrate ")


def run_prompt(door: Door) -> int:
    """Read and run lines until the user leaves."""
    hints = _hints(door)
    prompt: PromptSession[str] = PromptSession(
        history=_history(),
        completer=CommandCompleter(hints),
        auto_suggest=SyntaxSuggest(hints),
        complete_while_typing=False,
    )
    while True:
        try:
            line = prompt.prompt(_label(door))
        except KeyboardInterrupt:
            continue
        except EOFError:
            return 0
        if not _run_line(door, line, hints):
            return 0


def find(words: list[str], hints: dict[str, Hint]) -> tuple[Hint | None, int]:
    """Return the command that a line begins with and how many words its name takes."""
    for length in (2, 1):
        hint = hints.get(" ".join(words[:length]).upper()) if len(words) >= length else None
        if hint is not None:
            return hint, length
    return None, 0


class CommandCompleter(Completer):
    """Completes the names of commands and subcommands."""

    def __init__(self, hints: dict[str, Hint]) -> None:
        self._hints = hints

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Offer every name that continues what is before the cursor."""
        typed = document.text_before_cursor.lstrip()
        lower = typed.islower()
        for name, hint in self._hints.items():
            if name.startswith(typed.upper()) and name != typed.upper():
                text = name.lower() if lower else name
                yield Completion(text, start_position=-len(typed), display_meta=hint.summary)


class SyntaxSuggest(AutoSuggest):
    """Shows the arguments that are still missing behind the cursor."""

    def __init__(self, hints: dict[str, Hint]) -> None:
        self._hints = hints

    def get_suggestion(self, buffer: Buffer, document: Document) -> Suggestion | None:
        """Return the rest of the command's syntax."""
        text = missing_syntax(document.text, self._hints)
        return Suggestion(text) if text else None


def missing_syntax(line: str, hints: dict[str, Hint]) -> str:
    """Return the part of the syntax behind the arguments that the line already has."""
    if not line.endswith(" "):
        return ""
    words = line.split()
    hint, length = find(words, hints)
    if hint is None:
        return ""
    parts = _top_level(hint.syntax)
    typed = len(words) - length
    if typed >= len(parts) and parts and "..." in parts[-1]:
        return parts[-1]
    return " ".join(parts[typed:])


def _top_level(syntax: str) -> list[str]:
    """Split a syntax at the spaces outside of brackets."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(syntax):
        depth += (letter in "[<") - (letter in "]>")
        if letter == " " and depth == 0:
            parts.append(syntax[start:at])
            start = at + 1
    return [part for part in [*parts, syntax[start:]] if part]


def _run_line(door: Door, line: str, hints: dict[str, Hint]) -> bool:
    """Run one line; False ends the prompt."""
    try:
        args = split(line)
    except ValueError as error:
        print(error)
        return True
    times = 1
    if len(args) > 1 and args[0].isdigit():
        times, args = int(args[0]), args[1:]
    match [word.lower() for word in args[:1]]:
        case []:
            return True
        case [b"quit" | b"exit"]:
            return False
        case [b"clear"]:
            clear()
        case [b"help" | b"?"]:
            _help([word.decode("utf-8", "replace") for word in args[1:]], hints)
        case _:
            _ask(door, args, times)
    return True


def _ask(door: Door, args: list[bytes], times: int) -> None:
    try:
        for _ in range(times):
            door.ask(args)
    except SessionError as error:
        print(error)
    except KeyboardInterrupt:
        door.close()


def _help(words: list[str], hints: dict[str, Hint]) -> None:
    if not words:
        print(
            "Type a command and a space to see its arguments, TAB to complete it, help COMMAND for more, quit to leave."
        )
        return
    hint, _ = find(words, hints)
    if hint is None:
        print(f"No command is called {shlex.join(words)}.")
        return
    print(
        f"\n  {hint.name} {hint.syntax}\n  summary: {hint.summary}\n  since: {hint.since}\n  group: {hint.group}\n"
    )


def _hints(door: Door) -> dict[str, Hint]:
    if not isinstance(door, RespDoor):
        return {}
    try:
        return load_hints(door.session)
    except SessionError as error:
        print(error)
        return {}


def _label(door: Any) -> str:
    if not isinstance(door, RespDoor):
        return f"{door.session}> "
    session = door.session
    if not session.connected:
        return "not connected> "
    database = f"[{session.database}]" if session.database else ""
    return f"{session.address}{database}{'(TX)' if session.in_transaction else ''}> "


class _Discreet(FileHistory):
    """A history file without lines that hold a password."""

    def store_string(self, string: str) -> None:
        """Keep the line unless it looks like a login."""
        if not string.lower().lstrip().startswith(_SECRETS):
            super().store_string(string)


def _history() -> History:
    """Return the history of earlier prompts, or an empty one where the home directory can't be written."""
    path = Path(os.environ.get("DOZOCLI_HISTFILE") or Path.home() / ".dozo_history")
    try:
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return _Discreet(str(path))
