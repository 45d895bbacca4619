"""`dozo cli` against a running dozo: one command, pipes, login, and the memcached port."""

from __future__ import annotations

import pytest


def test_one_command(dozo, server):
    assert dozo("cli", "-p", server.port, "SET", "a", "1").stdout == "OK\n"
    assert dozo("cli", "-p", server.port, "INCR", "a").stdout == "2\n"
    assert dozo("cli", "-p", server.port, "--no-raw", "INCR", "a").stdout == "(integer) 3\n"
    assert (
        dozo("cli", "-p", server.port, "-3", "--no-raw", "CONFIG", "GET", "hz").stdout == '1# "hz" => "10"\n'
    )


def test_arguments_that_look_like_options(dozo, server):
    assert dozo("cli", "-p", server.port, "ECHO", "-p").stdout == "-p\n"
    assert dozo("cli", "-p", server.port, "ECHO", "--help").stdout == "--help\n"


def test_error_reply_is_exit_code_1(dozo, server):
    ended = dozo("cli", "-p", server.port, "NOSUCH")
    assert ended.returncode == 1
    assert ended.stdout.startswith("ERR unknown command 'NOSUCH'")


def test_pipe(dozo, server):
    lines = 'set a "x y"\n\nget a\nnosuch\n"open\ndel a\nquit\nset b 1\n'
    ended = dozo("cli", "-p", server.port, stdin=lines)
    assert ended.stdout.splitlines()[:2] == ["OK", "x y"]
    assert ended.stdout.splitlines()[-1] == "1"
    assert ended.stderr == "dozo: Invalid argument(s)\n"
    assert ended.returncode == 1
    assert dozo("cli", "-p", server.port, stdin="exists b\n").stdout == "0\n"


def test_database_and_password(dozo, start_dozo):
    node = start_dozo("--requirepass", "tiger")
    assert dozo("cli", "-p", node.port, "PING").stdout.startswith("NOAUTH")
    assert dozo("cli", "-p", node.port, "-3", "PING").stdout.startswith("NOAUTH")
    assert dozo("cli", "-p", node.port, "-a", "tiger", "-n", "3", "SET", "a", "1").stdout == "OK\n"
    assert dozo("cli", "-p", node.port, "-n", "3", "-3", "GET", "a", REDISCLI_AUTH="tiger").stdout == "1\n"
    refused = dozo("cli", "-p", node.port, "-a", "lion", "PING")
    assert refused.returncode == 1
    assert "WRONGPASS" in refused.stderr


def test_unix_socket(dozo, start_dozo, tmp_path):
    start_dozo("--unix-socket", str(tmp_path / "dozo.sock"))
    assert dozo("cli", "-s", tmp_path / "dozo.sock", "PING").stdout == "PONG\n"


@pytest.mark.parametrize("which", ["server", "memcached_server"])
def test_memcached(dozo, request, which):
    node = request.getfixturevalue(which)
    cli = ["cli", "--memcached", "-p", getattr(node, "memcached_port", node.ports[-1])]
    assert dozo(*cli, "set", "a", "5", "0", "to the END").stdout == "STORED\n"
    assert dozo(*cli, "get", "a", "b").stdout == "VALUE a 5 10\nto the END\nEND\n"
    assert dozo(*cli, "ms", "m", "some value", "T60").stdout == "HD\n"
    assert dozo(*cli, "mg", "m", "v", "s").stdout == "VA 10 s10\nsome value\n"
    assert dozo(*cli, stdin="set n 0 0 5\nincr n 2\nset q 0 0 x noreply\nget q\nmn\n").stdout == (
        "STORED\n7\nVALUE q 0 1\nx\nEND\nMN\n"
    )
    assert dozo(*cli, "stats").stdout.endswith("END\n")
    failed = dozo(*cli, "nosuch")
    assert (failed.stdout, failed.returncode) == ("ERROR\n", 1)
