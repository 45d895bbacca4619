"""With a password set: `set` of "user password" in text, as memcached -Y does it, and SASL PLAIN in binary."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .raw import Binary, Text, request

LIST, AUTH, STEP, VERSION, GET, NOOP = 0x20, 0x21, 0x22, 0x0B, 0x00, 0x0A
REFUSED = b"CLIENT_ERROR unauthenticated\r\n"


@pytest.fixture
def port(start_dozo) -> Iterator[int]:
    return start_dozo("--requirepass", "secret").memcached_port


def _ask(text: Text, line: bytes) -> bytes:
    """`mn` is no fence before the password is given: it is refused too."""
    text.send(line)
    while not text.pending.endswith(b"\r\n"):
        assert text.more()
    return text.take(len(text.pending))


def test_text(port: int) -> None:
    with Text(port) as text:
        for line in (b"get a", b"version", b"mn", b"foo", b"quit", b"set a 0 0 x", b"mg a v", b"stats"):
            assert _ask(text, line + b"\r\n") == REFUSED
        for credentials in (b"default wrong", b"other secret", b"default secretly", b"default secre"):
            line = b"set any 0 0 %d\r\n%b\r\n" % (len(credentials), credentials)
            assert _ask(text, line) == b"CLIENT_ERROR authentication failure\r\n"
        line = b"set any 0 0 7\r\ndefault\r\n"
        assert _ask(text, line) == b"CLIENT_ERROR bad authentication token format\r\n"
        assert _ask(text, b"set any 0 0 14\r\ndefault secret\r\n") == b"STORED\r\n"
        assert text.ask(b"get any\r\n") == b"END\r\n"
        assert text.ask(b"set a 0 0 1\r\nx\r\nget a\r\n") == b"STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n"


def test_text_buffers_little_for_strangers(port: int) -> None:
    with Text(port) as text:
        text.send(b"set a 0 0 1000000\r\n")
        assert text.take(len(REFUSED)) == REFUSED
        text.send(b"x" * 1_000_000 + b"\r\nset any 0 0 14\r\ndefault secret\r\n")
        assert text.take(8) == b"STORED\r\n"


def test_sasl(port: int) -> None:
    with Binary(port) as binary:
        binary.send(request(VERSION) + request(LIST))
        assert binary.read().value == b"1.6.18"
        assert binary.read().value == b"PLAIN"
        for mechanism, data in (
            (b"PLAIN", b"\0default\0wrong"),
            (b"PLAIN", b"\0other\0secret"),
            (b"PLAIN", b"default"),
            (b"CRAM-MD5", b""),
        ):
            binary.send(request(AUTH, mechanism, data))
            assert (failed := binary.read()).status == 0x20
            assert failed.value == b"Auth failure."
        binary.send(request(STEP, b"PLAIN", b"\0default\0secret"))
        assert binary.read().status == 0x20
        binary.send(request(AUTH, b"PLAIN", b"\0default\0secret"))
        assert binary.read().status == 0
        assert binary.ask(request(GET, b"a"))[0].status == 1


def test_binary_stranger(port: int) -> None:
    with Binary(port) as binary:
        binary.send(request(GET, b"a") + request(NOOP))
        assert binary.read().status == 0x20
        assert binary.rest() == b""


def test_counters(port: int) -> None:
    with Text(port) as text:
        _ask(text, b"set any 0 0 13\r\ndefault wrong\r\n")
        _ask(text, b"set any 0 0 14\r\ndefault secret\r\n")
        stats = text.ask(b"stats\r\n")
        assert b"STAT auth_cmds 2\r\n" in stats
        assert b"STAT auth_errors 1\r\n" in stats
