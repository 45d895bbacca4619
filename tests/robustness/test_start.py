"""A server that can't start says so in one line on stderr and ends with 1 (more of this: tests/cli/test_verbs.py)."""

from __future__ import annotations

import pytest


def is_one_line(ended, *parts: str) -> None:
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("dozo: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    for part in parts:
        assert part in ended.stderr, ended.stderr


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[memory]\nmaxmemori = 1\n", "did you mean 'maxmemory'?"),
        ("[memroy]\nmaxmemory = 1\n", "did you mean 'memory'?"),
        ("[network]\nport = 'x'\n", "port"),
        ("[network]\nport = 6379\nport = 6380\n", ""),
        ("[network\n", ""),
        ("\0", ""),
        ("[network]\nbind = ['0.0.0.0']\n", "open to other machines"),
    ],
)
def test_files(dozo, tmp_path, text, complaint):
    path = tmp_path / "dozo.toml"
    path.write_text(text)
    is_one_line(dozo("serve", "--config", path), str(path) if "bind" not in text else "bind", complaint)


def test_files_that_are_none(dozo, tmp_path):
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    is_one_line(dozo("serve", "--config", tmp_path / "binary.toml"), "binary.toml")
    is_one_line(dozo("serve", "--config", tmp_path), str(tmp_path))


def test_a_file_that_cannot_be_read(dozo):
    # Modes don't stop root, so this is a file whose first byte nobody can read.
    is_one_line(dozo("serve", "--config", "/proc/self/mem"), "/proc/self/mem", "Input/output error")


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--bind", "::"], "open to other machines"),
        (["--bind", "*"], "open to other machines"),
        (["--bind", "192.0.2.1", "--protected-mode", "no"], "192.0.2.1"),
        (["--bind", "no.such.host.invalid", "--protected-mode", "no"], "no.such.host.invalid"),
        (["--maxmemory", "lots"], "maxmemory"),
        (["--io-threads", "-1"], "io-threads"),
        (["--io-threads", "100000"], "io-threads"),
        (["--maxclients", "0"], "maxclients"),
        (["--log-format", "xml"], "log-format"),
        (["--unix-socket", "/" + "x" * 200], "xxx"),
        (["--port"], "--port"),
    ],
)
def test_flags(dozo, free_port, flags, complaint):
    is_one_line(dozo("serve", "--memcached-port", "0", "--port", free_port, *flags), complaint)


def test_one_port_for_both_protocols(dozo, free_port):
    is_one_line(dozo("serve", "--port", free_port, "--memcached-port", free_port), str(free_port))


def test_environment(dozo):
    is_one_line(dozo("serve", DOZO_MAXMEMROY="1gb"), "DOZO_MAXMEMROY", "did you mean 'maxmemory'?")
    is_one_line(dozo("serve", DOZO_PORT="x"), "environment: port: ")
