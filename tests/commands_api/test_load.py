"""Commands of a user: arguments and their errors, replies, atomicity, effects, exceptions, files that are refused."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dozo.testing import Node

SYNTAX = b"-ERR syntax error\r\n"
NOT_INTEGER = b"-ERR value is not an integer or out of range\r\n"
NOT_FLOAT = b"-ERR value is not a valid float\r\n"


def bulks(*items: bytes | int | None) -> bytes:
    """An array of bulk strings, integers and nulls."""
    parts = [f"*{len(items)}\r\n".encode()]
    for item in items:
        if isinstance(item, bytes):
            parts.append(b"$%d\r\n%b\r\n" % (len(item), item))
        else:
            parts.append(b"$-1\r\n" if item is None else b":%d\r\n" % item)
    return b"".join(parts)


def arity(name: str) -> bytes:
    return f"-ERR wrong number of arguments for '{name}' command\r\n".encode()


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("T.ECHO é 7 0.5", bulks(b"str", "é".encode(), 7, b"0.5", b"FAST")),
        ("t.echo a -9223372036854775808 1e3 slow", bulks(b"str", b"a", -(2**63), b"1000.0", b"Slow")),
        ("T.ECHO a 1 inf fast", bulks(b"str", b"a", 1, b"inf", b"FAST")),
        ("T.ECHO a 01 1", NOT_INTEGER),
        ("T.ECHO a +1 1", NOT_INTEGER),
        ("T.ECHO a -0 1", NOT_INTEGER),
        ("T.ECHO a 1.0 1", NOT_INTEGER),
        ("T.ECHO a 9223372036854775808 1", NOT_INTEGER),
        ("T.ECHO a 1 nan", NOT_FLOAT),
        ("T.ECHO a 1 x", NOT_FLOAT),
        ("T.ECHO a 1 1 medium", SYNTAX),
        ("T.ECHO a x y z", NOT_INTEGER),
        ("T.ECHO a 1 1 fast more", SYNTAX),
        ("T.ECHO a 1", arity("t.echo")),
        ("T.BOUNDS 100", bulks(100, b"0")),
        ("T.BOUNDS 0 18446744073709551615", bulks(0, b"18446744073709551615")),
        ("T.BOUNDS 101", b"-ERR percent is out of range\r\n"),
        ("T.BOUNDS -1", b"-ERR percent is out of range\r\n"),
        ("T.BOUNDS x", NOT_INTEGER),
        ("T.BOUNDS 1 18446744073709551616", b"-ERR invalid cursor\r\n"),
        ("T.BOUNDS 1 +5", b"-ERR invalid cursor\r\n"),
        ("T.BOUNDS 1 -5", b"-ERR value is out of range\r\n"),
        ("T.BOUNDS 1 2 3", arity("t.bounds")),
        ("T.KEYS", arity("t.keys")),
        ("T.KEYS a b c", b":3\r\n"),
        ("T.PAIRS a 1 b 2", b"*2\r\n:0\r\n*2\r\n" + bulks(b"a", b"1") + bulks(b"b", b"2")),
        ("T.PAIRS CH a 1", b"*2\r\n:1\r\n*1\r\n" + bulks(b"a", b"1")),
        ("T.PAIRS a 1 b", arity("t.pairs")),
        ("T.PAIRS ch ch", arity("t.pairs")),
        ("T.COUNTED 2 a b", b"*2\r\n" + bulks(b"a", b"b") + b":0\r\n"),
        ("T.COUNTED 1 limit LIMIT 3", b"*2\r\n" + bulks(b"limit") + b":3\r\n"),
        ("T.COUNTED 0 a", b"-ERR numkeys should be greater than 0\r\n"),
        ("T.COUNTED x a", b"-ERR numkeys should be greater than 0\r\n"),
        ("T.COUNTED 9223372036854775807 a", SYNTAX),
        ("T.COUNTED 1 a b", SYNTAX),
        ("T.COUNTED 1 a LIMIT x", NOT_INTEGER),
        ("T.REQUIRED BY x", b"$1\r\nx\r\n"),
        ("T.REQUIRED TO x", SYNTAX),
        ("T.BOX OPEN k", b"$1\r\nk\r\n"),
        ("T.BOX open", arity("t.box|open")),
        ("T.BOX", arity("t.box")),
        ("T.BOX SHUT", b"-ERR unknown subcommand 'SHUT'. Try T.BOX HELP.\r\n"),
    ],
)
def test_arguments(wire: Callable[[str], bytes], line: str, reply: bytes) -> None:
    assert wire(line) == reply


def options(
    nx: int = 0, xx: int = 0, ex: int | None = None, px: int | None = None, limit: bytes = b"*0\r\n",
    get: bytes = b"*0\r\n", origin: bytes = b"$-1\r\n",
) -> bytes:  # fmt: skip
    def number(value: int | None) -> bytes:
        return b"$-1\r\n" if value is None else b":%d\r\n" % value

    return b"*8\r\n$1\r\nk\r\n:%d\r\n:%d\r\n" % (nx, xx) + number(ex) + number(px) + limit + get + origin


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("T.OPTIONS k", options()),
        ("T.OPTIONS k nx EX 5", options(nx=1, ex=5)),
        ("T.OPTIONS k PX 5 XX", options(xx=1, px=5)),
        ("T.OPTIONS k NX NX EX 1 EX 2", options(nx=1, ex=2)),
        ("T.OPTIONS k LIMIT 1 2 GET a GET b", options(limit=bulks(1, 2), get=bulks(b"a", b"b"))),
        ("T.OPTIONS k FROMMEMBER NX", options(origin=b"$2\r\nNX\r\n")),
        ("T.OPTIONS k NX XX", SYNTAX),
        ("T.OPTIONS k EX 1 PX x", SYNTAX),
        ("T.OPTIONS k EX", SYNTAX),
        ("T.OPTIONS k LIMIT 1", SYNTAX),
        ("T.OPTIONS k WHAT", SYNTAX),
        ("T.OPTIONS k EX x WHAT", SYNTAX),
        ("T.OPTIONS k EX x", NOT_INTEGER),
        ("T.OPTIONS k LIMIT 1 x", NOT_INTEGER),
    ],
)
def test_options(wire: Callable[[str], bytes], line: str, reply: bytes) -> None:
    assert wire(line) == reply


@pytest.mark.parametrize(
    ("which", "resp2", "resp3"),
    [
        ("int", b":7\r\n", None),
        ("negative", b":-9223372036854775808\r\n", None),
        ("big", b"$22\r\n1180591620717411303424\r\n", b"(1180591620717411303424\r\n"),
        ("bytes", b"$2\r\n\x00\xff\r\n", None),
        ("bytearray", b"$1\r\nx\r\n", None),
        ("str", b"$2\r\n\xc3\xa4\r\n", None),
        ("surrogate", b"$2\r\n\xff!\r\n", None),
        ("simple", b"+FINE\r\n", None),
        ("ok", b"+OK\r\n", None),
        ("verbatim", b"$4\r\ntext\r\n", b"=8\r\ntxt:text\r\n"),
        ("none", b"$-1\r\n", b"_\r\n"),
        ("null-array", b"*-1\r\n", b"_\r\n"),
        ("true", b":1\r\n", b"#t\r\n"),
        ("float", b"$3\r\n1.5\r\n", b",1.5\r\n"),
        ("list", b"*2\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n", b"*2\r\n:1\r\n*2\r\n$1\r\na\r\n_\r\n"),
        ("tuple", b"*2\r\n:1\r\n:2\r\n", None),
        ("dict", b"*2\r\n$1\r\na\r\n:1\r\n", b"%1\r\n$1\r\na\r\n:1\r\n"),
        ("set", b"*1\r\n$1\r\na\r\n", b"~1\r\n$1\r\na\r\n"),
        ("frozenset", b"*1\r\n$1\r\na\r\n", b"~1\r\n$1\r\na\r\n"),
        ("keys", b"*2\r\n$1\r\nb\r\n$1\r\na\r\n", b"~2\r\n$1\r\nb\r\n$1\r\na\r\n"),
        ("bytes-error", b"-MINE \xff\r\n", None),
        ("bytes-simple", b"+\xff\r\n", None),
        ("error", b"-MINE not today\r\n", None),
        ("errors", b"*2\r\n:1\r\n-ERR no such key\r\n", None),
        ("silence", b"-ERR internal error in 't.replies'\r\n", None),
        ("object", b"-ERR internal error in 't.replies'\r\n", None),
        ("nested", b"-ERR internal error in 't.replies'\r\n", None),
        ("missing", b"-ERR internal error in 't.replies'\r\n", None),
    ],
)
def test_replies(wire: Callable[[str], bytes], which: str, resp2: bytes, resp3: bytes | None) -> None:
    assert wire(f"T.REPLIES {which}") == resp2
    assert wire("HELLO 3")
    assert wire(f"T.REPLIES {which}") == (resp2 if resp3 is None else resp3)


def test_an_error_reply_is_one_line_and_changes_stay(wire: Callable[[str], bytes]) -> None:
    assert wire("T.RAISE a reply") == b"-MINE not today  +OK\r\n"
    assert wire("GET a") == b"$7\r\nchanged\r\n"


@pytest.mark.parametrize("how", ["value", "exit", "recursion"])
def test_any_other_exception_is_an_internal_error_with_its_traceback_in_the_log(
    wire: Callable[[str], bytes], loaded: Node, how: str
) -> None:
    assert wire(f"T.RAISE a {how}") == b"-ERR internal error in 't.raise'\r\n"
    assert wire("PING") == b"+PONG\r\n"
    log = loaded.log()
    expected = {
        "value": "ValueError: the reason: value",
        "exit": "SystemExit: 3",
        "recursion": "RecursionError",
    }
    assert expected[how] in log
    assert 'user_commands.py", line' in log
    assert "internal error in 't.raise'" in log


def test_commands_are_atomic(loaded: Node, wire: Callable[[str], bytes], dial: Callable[..., object]) -> None:
    def add(connection: Callable[[str], bytes]) -> None:
        for _ in range(200):
            connection("T.ADD sum 3")

    connections = [dial(loaded.port) for _ in range(8)]
    threads = [threading.Thread(target=add, args=(connection,)) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wire("GET sum") == b"$4\r\n4800\r\n"


def encoded(*words: str) -> int:
    """The length of a command in the stream of effects."""
    return len(f"*{len(words)}\r\n") + sum(len(f"${len(word)}\r\n{word}\r\n") for word in words)


@pytest.mark.parametrize(
    ("line", "effect"),
    [
        ("T.SET a b nothing", []),
        ("T.SET a b none", []),
        ("T.SET a b same", ["T.SET", "a", "b", "same"]),
        ("T.SET a b named", ["SET", "a", "b", "PXAT", "1234567890123"]),
        ("T.SET a b called", ["SET", "a", "b"]),
        ("T.KEYS a", []),
        ("T.OTHER 0 a b", ["T.OTHER", "0", "a", "b"]),
    ],
)
def test_effects(wire: Callable[..., bytes], line: str, effect: list[str]) -> None:
    wire("SET seen 1")  # The stream has named database 0 by now.
    before, count = wire.figure("master_repl_offset"), wire.figure("effects")  # type: ignore[attr-defined]
    wire(line)
    after = wire.figure("master_repl_offset")  # type: ignore[attr-defined]
    assert after - before == (encoded(*effect) if effect else 0)
    assert wire.figure("effects") - count == bool(effect)  # type: ignore[attr-defined]


def test_a_command_calls_others(wire: Callable[..., bytes]) -> None:
    assert wire("T.CALL SET a 1") == b"+OK\r\n"
    assert wire("T.CALL INCR a") == b":2\r\n"
    assert wire("T.CALL GETRANGE a 0 -1") == b"$1\r\n2\r\n"
    assert wire("T.CALL T.REPLIES list") == b"*2\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n"
    assert wire("T.CALL T.REPLIES dict") == b"*2\r\n$1\r\na\r\n:1\r\n"
    assert wire("T.CALL T.REPLIES verbatim") == b"$4\r\ntext\r\n"
    assert wire("T.CALL MGET a b") == b"*2\r\n$1\r\n2\r\n$-1\r\n"
    assert wire("T.CALL T.REPLIES error") == b"-MINE not today\r\n"
    assert wire("T.CATCH T.REPLIES error") == b"$20\r\nMINE: MINE not today\r\n"
    assert wire("T.CATCH T.REPLIES errors") == b"$34\r\n[1, ReplyError('ERR no such key')]\r\n"
    assert b"ERR: ERR unknown command 'NOPE'" in wire("T.CATCH NOPE a b")
    assert wire("T.CATCH GET") == b"$52\r\nERR: ERR wrong number of arguments for 'get' command\r\n"


def test_a_large_value_passes_through_a_call(wire: Callable[..., bytes]) -> None:
    value = b"x" * 300_000
    wire("SET big", value)
    assert wire("T.CALL GET big") == b"$300000\r\n" + value + b"\r\n"


def test_the_reply_of_a_call_is_bounded(wire: Callable[..., bytes]) -> None:
    wire(f"SETRANGE huge {(64 << 20) - 1} x")
    error = b"ERR the reply of a called command is larger than 1 GB"
    words = " huge" * 17
    assert wire(f"T.CALL MGET{words}") == b"-" + error + b"\r\n"
    assert wire(f"T.CATCH MGET{words}") == b"$%d\r\nERR: %b\r\n" % (len(error) + 5, error)
    script = "return redis.pcall('MGET', unpack(ARGV))['err']"
    assert error in wire("EVAL", script.encode(), b"0", *words.encode().split())
    wire("DEL huge")


def test_calls_do_not_nest_without_end(wire: Callable[[str], bytes]) -> None:
    assert wire("T.DEEP") == b"-ERR commands call each other too deeply\r\n"


def test_the_database_is_valid_in_its_command_and_thread_only(wire: Callable[[str], bytes]) -> None:
    assert b"only be used while a command runs" in wire("T.KEEP")


def test_a_command_sees_its_client_and_server(wire: Callable[[str], bytes]) -> None:
    assert wire("T.SELF") == bulks(0, 0, b"renamed", 2, 16, 40)
    assert wire("CLIENT GETNAME") == b"$7\r\nrenamed\r\n"
    assert wire("SELECT 3") == b"+OK\r\n"
    assert wire("T.SELF").startswith(b"*6\r\n:3\r\n:3\r\n")


def test_a_command_reaches_other_databases(wire: Callable[[str], bytes]) -> None:
    assert wire("T.OTHER 5 k v") == bulks(0, 5, 1, None, b"v")
    assert wire("GET k") == b"$-1\r\n"
    assert wire("T.OTHER 16 k v") == b"-ERR DB index is out of range\r\n"
    assert wire("T.OTHER -1 k v") == b"-ERR DB index is out of range\r\n"


def test_loaded_commands_are_listed_like_all_others(wire: Callable[[str], bytes]) -> None:
    listed = wire("COMMAND INFO T.PAIRS")
    assert listed.startswith(b"*1\r\n*10\r\n$7\r\nt.pairs\r\n:-3\r\n")
    assert b"+module" in listed
    assert b"Returns its arguments with their types." in wire("COMMAND DOCS T.ECHO")
    assert b"second paragraph" not in wire("COMMAND DOCS T.ECHO")
    assert wire("COMMAND GETKEYS T.COUNTED 2 a b") == bulks(b"a", b"b")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ValueError('broken')", "ValueError: broken"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("def", "SyntaxError: invalid syntax (commands.py, line 1)"),
        (
            "from dozo.commands.api import command\n@command('GET', group='x')\ndef get(): ...",
            "DeclarationError: command GET: it is already declared",
        ),
        (
            "from dozo.commands.api import hot\nhot('T.X', arity=1, group='x', summary='x')",
            "command 't.x' is declared hot but has no Rust implementation",
        ),
        (None, "No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_one_line_and_exit_1(
    tmp_path: Path, source: str | None, reason: str
) -> None:
    path = tmp_path / "commands.py"
    if source is not None:
        path.write_text(source)
    serve = [
        sys.executable,
        "-m",
        "dozo",
        "serve",
        "--port",
        "0",
        "--memcached-port",
        "0",
        "--load",
        str(path),
    ]
    ended = subprocess.run(serve, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert reason in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.strip().splitlines()[-1].endswith(reason)
