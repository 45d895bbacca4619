"""The prompt: what it completes, hints at, remembers and answers itself."""

from __future__ import annotations

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from dozo.shell import prompt
from dozo.shell.hints import load_hints
from dozo.shell.run import RespDoor
from dozo.shell.session import Address, Session


@pytest.fixture
def door(server):
    with_types = RespDoor(Session(Address(port=server.port)), raw_output=False)
    yield with_types
    with_types.close()


def type_lines(door, text):
    with create_pipe_input() as keys:
        keys.send_text(text)
        with create_app_session(input=keys, output=DummyOutput()):
            return prompt.run_prompt(door)


def test_lines_run_until_quit(door, capfdbinary, monkeypatch, tmp_path):
    monkeypatch.setenv("DOZOCLI_HISTFILE", str(tmp_path / "history"))
    lines = 'SET a "x y"\n3 INCR n\nGET a\n"open\nhelp getrange\nhelp nosuch\nAUTH secret\nquit\nSET b 1\n'
    assert type_lines(door, lines) == 0
    shown = capfdbinary.readouterr().out.decode()
    replies = 'OK\n(integer) 1\n(integer) 2\n(integer) 3\n"x y"\nInvalid argument(s)\n'
    assert shown.startswith(replies)
    assert "GETRANGE key start end" in shown
    assert "No command is called nosuch." in shown
    history = (tmp_path / "history").read_text()
    assert "GET a" in history
    assert "secret" not in history
    assert door.session.call(b"EXISTS", b"b") == 0


def test_names_complete_with_their_summary(door):
    completer = prompt.CommandCompleter(load_hints(door.session))
    offered = [each.text for each in completer.get_completions(Document("getr"), None)]
    assert offered == ["getrange"]
    assert "CONFIG GET" in [each.text for each in completer.get_completions(Document("CONFIG "), None)]


def test_hints_show_what_is_missing(door):
    hints = load_hints(door.session)
    assert prompt.missing_syntax("GETRANGE ", hints) == "key start end"
    assert prompt.missing_syntax("getrange k 0 ", hints) == "end"
    assert prompt.missing_syntax("getrange", hints) == ""
    assert prompt.missing_syntax("mget a b c ", hints) == "[key ...]"
    assert prompt.missing_syntax("set k v ", hints).startswith("[NX|XX")
    assert prompt.missing_syntax("nosuch ", hints) == ""


def test_state_is_shown(door):
    where = str(door.session.address)
    assert prompt._label(door) == "not connected> "
    door.session.call(b"SELECT", b"3")
    assert prompt._label(door) == f"{where}[3]> "
