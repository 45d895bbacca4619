"""`dozo serve` and `dozo config`: what is wrong is one line on stderr and exit code 1."""

from __future__ import annotations

import socket
import tomllib

import pytest

from dozo import __version__
from dozo.testing import HOST


def test_help_and_version(dozo):
    assert dozo("--version").stdout == f"dozo {__version__}\n"
    shown = dozo()
    assert shown.returncode == 0
    assert shown.stdout.startswith("usage: dozo")
    for verb in ("serve", "config", "cli", "check", "import", "export", "bench"):
        assert verb in shown.stdout
    options = dozo("serve", "--help").stdout
    for option in (
        "--config",
        "--bind",
        "--port",
        "--memcached-port",
        "--unix-socket",
        "--maxmemory",
        "--load",
    ):
        assert option in options


def test_effective_settings_with_their_sources(dozo, tmp_path):
    path = tmp_path / "dozo.toml"
    path.write_text("[memory]\nhz = 20\n[security]\nrequirepass = 'tiger'\n")
    shown = dozo("config", "--config", path, "--timeout", "5", DOZO_MAXMEMORY="1gb").stdout
    values = {line.split(" = ")[0]: line for line in shown.splitlines()}
    assert values["hz"].split("#")[1].strip() == str(path)
    assert values["maxmemory"].startswith('maxmemory = "1gb"')
    assert values["maxmemory"].endswith("# environment")
    assert values["timeout"].endswith("# flag")
    assert values["port"].endswith("# default")
    assert "tiger" not in shown
    assert tomllib.loads(shown)["memory"]["hz"] == 20


def test_defaults_are_a_valid_file_that_changes_nothing(dozo, tmp_path):
    path = tmp_path / "dozo.toml"
    path.write_text(dozo("config", "--defaults").stdout)
    assert dozo("config", "--config", path).stdout == dozo("config").stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["srve"], "there is no verb 'srve', did you mean 'serve'?"),
        (["serve", "--prot", "1"], "unknown option --prot, did you mean 'port'?"),
        (["serve", "--port"], "--port"),
        (["serve", "--port", "x"], "port: argument couldn't be parsed into an integer"),
        (["serve", "--port", "70000"], "port: argument must be between 0 and 65535"),
        (["serve", "--maxmemory-policy", "best"], "maxmemory-policy: argument(s) must be one of"),
        (["serve", "stray"], "unknown option stray"),
        (["bench"], "the following arguments are required: memcached|ids|suite"),
        (
            ["serve", "--config", "/nonexistent.toml"],
            "/nonexistent.toml: can't be read (No such file or directory)",
        ),
        (["serve", "--bind", "0.0.0.0"], "bind: 0.0.0.0 is open to other machines"),
        (["serve", "--load", "/nonexistent.py", "--port", "0", "--memcached-port", "0"], "/nonexistent.py"),
        (["cli", "-p", "1", "PING"], "Could not connect to 127.0.0.1:1: Connection refused"),
    ],
)
def test_one_clear_line(dozo, arguments, complaint):
    ended = dozo(*arguments)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("dozo: ")
    assert complaint in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("flag", ["--port", "--memcached-port"])
def test_port_taken(dozo, flag):
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        others = {"--port": "0", "--memcached-port": "0", flag: str(taken.getsockname()[1])}
        ended = dozo("serve", "--bind", HOST, *(word for pair in others.items() for word in pair))
    assert ended.returncode == 1
    assert str(taken) not in ended.stderr
    assert "in use" in ended.stderr
    assert ended.stderr.count("\n") == 1
