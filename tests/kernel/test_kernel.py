"""The kernel from the outside: calls from any thread, settings, ports and the end, without a process of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dozo import _kernel
from dozo._kernel import Kernel
from dozo.commands.api import load_families
from dozo.errors import ReplyError

HOST = "127.0.0.1"


@pytest.fixture
def make() -> Iterator[Callable[..., Kernel]]:
    """Return a function that builds a kernel with all commands; it is stopped with the test."""
    made: list[Kernel] = []

    def build(**options: Any) -> Kernel:
        settings = options.pop("settings", {})
        made.append(Kernel(load_families().everything(), settings, **options))
        return made[-1]

    yield build
    for kernel in made:
        kernel.stop(graceful=False)


@pytest.fixture(params=["idle", "running"])
def kernel(make: Callable[..., Kernel], request: pytest.FixtureRequest) -> Kernel:
    """Return a kernel before its start (it answers in the caller's thread) and one after it."""
    built = make()
    if request.param == "running":
        built.bind([])
        built.start()
    return built


def test_calls_are_answered_with_python_values(kernel: Kernel) -> None:
    assert kernel.call("SET", b"a", 5) == "OK"
    assert kernel.call(b"INCRBY", "a", 2) == 7
    assert kernel.call("GETRANGE", "a", 0, -1) == b"7"
    assert kernel.call("GET", "missing") is None
    assert kernel.call("MGET", "a", "b") == [b"7", None]
    assert kernel.call("COMMAND", "INFO", "nope") == [None]
    with pytest.raises(ReplyError, match="ERR unknown command 'NOPE'"):
        kernel.call("NOPE")
    with pytest.raises(TypeError, match="a word of a command is bytes, str or int, not float"):
        kernel.call("GET", 1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least a name"):
        kernel.call()


def test_many_threads_call_at_once(make: Callable[..., Kernel]) -> None:
    kernel = make()
    kernel.bind([])
    kernel.start()

    def count() -> None:
        for _ in range(300):
            kernel.call("INCR", "hot")
            kernel.call("SETRANGE", "python", 0, "x")

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kernel.call("GET", "hot") == b"1800"


def test_settings_reach_the_engine(kernel: Kernel) -> None:
    kernel.configure("maxmemory", 1)
    with pytest.raises(ReplyError, match="OOM command not allowed"):
        kernel.call("SET", "a", "x" * 100)
    kernel.configure("maxmemory", 0)
    assert kernel.call("SET", "a", "x") == "OK"
    kernel.configure("timeout", 10)
    with pytest.raises(ValueError, match="no setting 'nope'"):
        kernel.configure("nope", 1)
    with pytest.raises(ValueError, match="maxmemory-policy"):
        kernel.configure("maxmemory-policy", "nope")
    kernel.configure("maxmemory-policy", "s3fifo")
    assert kernel.stats()["maxmemory_policy"] == "s3fifo"


def test_an_unknown_setting_or_command_is_refused_at_once(make: Callable[..., Kernel]) -> None:
    with pytest.raises(ValueError, match="no setting 'nope'"):
        make(settings={"nope": 1})
    commands = load_families().everything()
    with pytest.raises(ValueError, match="is declared twice"):
        Kernel([*commands, commands[0]], {})


def test_ports_are_opened_all_or_none(make: Callable[..., Kernel]) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"Could not listen on {HOST}:{port}: address already in use"):
            make().bind([("resp", HOST, port, False)])
    with pytest.raises(ValueError, match="a door is resp, memcached or ids"):
        make().bind([("http", HOST, 0, False)])


def test_a_kernel_starts_once_and_after_bind(make: Callable[..., Kernel]) -> None:
    kernel = make()
    with pytest.raises(RuntimeError, match="not bound"):
        kernel.start()
    kernel.bind([])
    kernel.start()
    with pytest.raises(RuntimeError, match="has been started"):
        kernel.start()
    with pytest.raises(RuntimeError, match="has been started"):
        kernel.bind([])


def test_a_stopped_kernel_takes_no_calls(make: Callable[..., Kernel]) -> None:
    kernel = make()
    kernel.bind([])
    kernel.start()
    assert not kernel.join(0.01)
    kernel.stop()
    assert kernel.join(5)
    with pytest.raises(RuntimeError):
        kernel.call("PING")


def test_lines_of_the_log_reach_python(make: Callable[..., Kernel]) -> None:
    lines: list[tuple[str, str]] = []
    kernel = make(log=lambda level, text: lines.append((level, text)))
    assert kernel.call("DEBUG", "LOG", "hello") == "OK"
    assert any("hello" in text for _, text in lines)


def test_the_data_is_out_of_reach_outside_of_commands() -> None:
    for kind in (_kernel.Database, _kernel.Client, _kernel.Server):
        with pytest.raises(TypeError):
            kind()


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (b"", b"", True),
        (b"*", b"", True),
        (b"a*c", b"abbbc", True),
        (b"a*c", b"abbb", False),
        (b"a?c", b"abc", True),
        (b"a?c", b"ac", False),
        (b"[a-c]x", b"bx", True),
        (b"[c-a]x", b"bx", True),
        (b"[^a-c]x", b"bx", False),
        (b"[\\]]", b"]", True),
        (b"\\*", b"*", True),
        (b"\\*", b"a", False),
        (b"[abc", b"c", True),
        (b"*a*b*c*", b"xxaxxbxxcxx", True),
        (b"*" * 100 + b"x", b"a" * 10_000, False),
        (b"a*" * 50, b"a" * 5_000, True),
        (b"*a" * 30 + b"b", b"a" * 5_000, False),
    ],
)
def test_globs(pattern: bytes, text: bytes, matches: bool) -> None:
    assert _kernel.glob_match(pattern, text) is matches


def test_globs_fold_case_only_when_asked() -> None:
    assert _kernel.glob_match(b"A[B-C]*", b"abX", True)
    assert not _kernel.glob_match(b"A*", b"abX")


def test_checksums_are_those_of_the_standards() -> None:
    assert _kernel.crc64(b"123456789") == 0xE9C6D914C4B8D9CA
    assert _kernel.xxh3_64(b"") == 0x2D06800538D394C2
