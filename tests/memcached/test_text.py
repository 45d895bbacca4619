"""Classic text commands: every transcript is replayed to dozo and to memcached 1.6.18."""

from __future__ import annotations

import pytest

from .raw import Text

#: name -> lines "request -> reply"; `|` stands for the line end.
TRANSCRIPTS = {
    "storing": """
        set a 5 0 5|hello| -> STORED|
        get a -> VALUE a 5 5|hello|END|
        add a 0 0 1|x| -> NOT_STORED|
        add b 0 0 1|x| -> STORED|
        replace c 0 0 1|x| -> NOT_STORED|
        replace b 7 0 2|yy| -> STORED|
        get b a c b -> VALUE b 7 2|yy|VALUE a 5 5|hello|VALUE b 7 2|yy|END|
        append a 9 0 1|!| -> STORED|
        prepend a 9 0 1|>| -> STORED|
        get a -> VALUE a 5 7|>hello!|END|
        append c 0 0 1|x| -> NOT_STORED|
        prepend c 0 0 1|x| -> NOT_STORED|
        set e 0 0 0|| -> STORED|
        get e -> VALUE e 0 0||END|
    """,
    "noreply": """
        set a 0 0 1 noreply|x| ->
        add a 0 0 1 noreply|y| ->
        replace a 0 0 1 noreply|z| ->
        get a -> VALUE a 0 1|z|END|
        incr a 1 noreply ->
        incr missing 1 noreply ->
        touch a 0 noreply ->
        delete a noreply ->
        delete a noreply ->
        verbosity 1 noreply ->
        flush_all noreply ->
        flush_all 0 noreply ->
        get a -> END|
        set a 0 0 1 other|x| -> STORED|
    """,
    "deleting": """
        delete a -> NOT_FOUND|
        set a 0 0 1|x| -> STORED|
        delete a 0 -> DELETED|
        delete a 1 -> CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]|
        delete a b c -> CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]|
        delete a 0 noreply ->
        delete -> ERROR|
    """,
    "counting up": """
        set n 3 0 1|9| -> STORED|
        incr n 1 -> 10|
        get n -> VALUE n 3 2|10|END|
        incr n 18446744073709551615 -> 9|
        set n 0 0 20|18446744073709551615| -> STORED|
        incr n 2 -> 1|
        set n 0 0 19|9223372036854775807| -> STORED|
        incr n 1 -> 9223372036854775808|
        get n -> VALUE n 0 19|9223372036854775808|END|
        incr missing 1 -> NOT_FOUND|
        incr n -> ERROR|
        incr n x -> CLIENT_ERROR invalid numeric delta argument|
        incr n -1 -> CLIENT_ERROR invalid numeric delta argument|
        incr n 18446744073709551616 -> CLIENT_ERROR invalid numeric delta argument|
    """,
    "counting down": """
        set n 0 0 3|100| -> STORED|
        decr n 1 -> 99|
        incr n 5 -> 104|
        get n -> VALUE n 0 3|104|END|
        decr n 5000 -> 0|
        decr missing 1 -> NOT_FOUND|
    """,
    "what is a number": """
        set n 0 0 3|abc| -> STORED|
        incr n 1 -> CLIENT_ERROR cannot increment or decrement non-numeric value|
        set n 0 0 0|| -> STORED|
        incr n 1 -> CLIENT_ERROR cannot increment or decrement non-numeric value|
        set n 0 0 4|12ab| -> STORED|
        incr n 1 -> CLIENT_ERROR cannot increment or decrement non-numeric value|
        set n 0 0 2|-1| -> STORED|
        incr n 1 -> CLIENT_ERROR cannot increment or decrement non-numeric value|
        set n 0 0 20|18446744073709551616| -> STORED|
        incr n 1 -> CLIENT_ERROR cannot increment or decrement non-numeric value|
        set n 0 0 3| 12| -> STORED|
        incr n 1 -> 13|
        set n 0 0 3|12 | -> STORED|
        incr n 1 -> 13|
        set n 0 0 2|+1| -> STORED|
        incr n 1 -> 2|
        set n 0 0 4|0012| -> STORED|
        incr n 1 -> 13|
    """,
    "touching": """
        touch a 0 -> NOT_FOUND|
        set a 4 0 1|x| -> STORED|
        touch a 100 -> TOUCHED|
        gat 0 a -> VALUE a 4 1|x|END|
        gat 0 missing a -> VALUE a 4 1|x|END|
        touch a -1 -> TOUCHED|
        get a -> END|
        set a 4 0 1|x| -> STORED|
        gat -1 a -> VALUE a 4 1|x|END|
        get a -> END|
        touch a x -> CLIENT_ERROR invalid exptime argument|
        gat x a -> CLIENT_ERROR invalid exptime argument|
        touch a -> ERROR|
        gat -> ERROR|
    """,
    "expiry": """
        set a 0 -1 1|x| -> STORED|
        get a -> END|
        set a 0 100 1|x| -> STORED|
        get a -> VALUE a 0 1|x|END|
        set a 0 -1 1|x| -> STORED|
        get a -> END|
        set a 0 2592000 1|x| -> STORED|
        get a -> VALUE a 0 1|x|END|
        set a 0 2592001 1|x| -> STORED|
        get a -> END|
        add a 0 0 1|x| -> STORED|
        set a 0 2147483647 1|x| -> STORED|
        get a -> VALUE a 0 1|x|END|
    """,
    "bad lines": """
        foo -> ERROR|
        GET a -> ERROR|
        get -> ERROR|
        gets -> ERROR|
        set -> ERROR|
        set a 0 0 -> ERROR|
        set a 0 0 x -> CLIENT_ERROR bad command line format|
        set a 0 0 -1 -> CLIENT_ERROR bad command line format|
        set a x 0 1|version| -> CLIENT_ERROR bad command line format|VERSION 1.6.18|
        set a -1 0 1|version| -> CLIENT_ERROR bad command line format|VERSION 1.6.18|
        set a 0 0 1|too long| -> CLIENT_ERROR bad data chunk|ERROR|
        cas a 0 0 1 -> ERROR|
        flush_all x -> CLIENT_ERROR invalid exptime argument|
        verbosity -> ERROR|
        verbosity x -> CLIENT_ERROR bad command line format|
        shutdown -> ERROR: shutdown not enabled|
        get a -> END|
        set a 4294967295 0 1|x| -> STORED|
        get a -> VALUE a 4294967295 1|x|END|
        set a 4294967301 0 1|x| -> STORED|
        get a -> VALUE a 5 1|x|END|
    """,
    "the server": """
        version -> VERSION 1.6.18|
        verbosity 1 -> OK|
        flush_all -> OK|
        flush_all -1 -> OK|
        stats reset -> RESET|
        stats detail on -> OK|
        stats detail -> CLIENT_ERROR usage: stats detail on|off|dump|
        stats nonsense -> ERROR|
    """,
}


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_transcript(name: str, text: Text) -> None:
    for line in TRANSCRIPTS[name].strip().splitlines():
        asked, _, expected = line.strip().partition(" ->")
        asked = asked if asked.endswith("|") else asked + "|"
        # The one text that has bars of its own.
        expected = expected[1:].replace("on|off|dump", "on\0off\0dump")
        reply = text.ask(_wire(asked))
        assert reply == _wire(expected).replace(b"\0", b"|"), asked


def _wire(text: str) -> bytes:
    return text.replace("|", "\r\n").encode()


def test_cas(text: Text) -> None:
    assert text.ask(b"cas a 0 0 1 1\r\nx\r\n") == b"NOT_FOUND\r\n"
    text.ask(b"set a 3 0 1\r\nx\r\n")
    first = _cas(text)
    assert _cas(text) == first, "reading changes nothing"
    assert text.ask(b"cas a 0 0 1 %d\r\ny\r\n" % (first + 1000)) == b"EXISTS\r\n"
    assert text.ask(b"cas a 0 0 1 0\r\ny\r\n") == b"EXISTS\r\n"
    text.ask(b"touch a 100\r\n")
    assert _cas(text) == first, "a touch keeps the cas"
    assert text.ask(b"cas a 0 0 1 %d\r\ny\r\n" % first) == b"STORED\r\n"
    assert text.ask(b"cas a 0 0 1 %d\r\nz\r\n" % first) == b"EXISTS\r\n"
    for change in (b"append a 0 0 1\r\n1\r\n", b"set a 0 0 1\r\n1\r\n", b"incr a 1\r\n", b"incr a 9\r\n"):
        before = _cas(text)
        text.ask(change)
        assert _cas(text) > before, change
    text.ask(b"delete a\r\n")
    text.ask(b"set a 0 0 1\r\nx\r\n")
    assert _cas(text) > first, "a new item has a new cas"


def _cas(text: Text) -> int:
    line = text.ask(b"gets a\r\n").split(b"\r\n")[0]
    assert text.ask(b"gats 0 a\r\n").split(b"\r\n")[0] == line
    return int(line.split()[-1])


def test_longest_key(text: Text) -> None:
    longest, longer = b"k" * 250, b"k" * 251
    assert text.ask(b"set %b 0 0 1\r\nx\r\n" % longest) == b"STORED\r\n"
    assert text.ask(b"get %b\r\n" % longest) == b"VALUE %b 0 1\r\nx\r\nEND\r\n" % longest
    refused = b"CLIENT_ERROR bad command line format\r\n"
    for line in (b"get %b", b"get a %b", b"gat 0 %b", b"touch %b 0", b"delete %b", b"incr %b 1"):
        assert text.ask(line % longer + b"\r\n") == refused, line
    for line in (b"mg %b v", b"md %b", b"ma %b", b"me %b"):
        assert text.ask(line % longer + b"\r\n") == refused, line
    assert text.ask(b"set %b 0 0 1\r\nx\r\n" % longer) == refused + b"ERROR\r\n"


def test_too_large(text: Text) -> None:
    big = b"x" * (1 << 20)
    refused = b"SERVER_ERROR object too large for cache\r\n"
    for verb in (b"add", b"replace", b"append", b"prepend"):
        text.ask(b"set a 0 0 1\r\n1\r\n")
        assert text.ask(b"%b a 0 0 %d\r\n%b\r\n" % (verb, len(big), big)) == refused
        assert text.ask(b"get a\r\n") == b"VALUE a 0 1\r\n1\r\nEND\r\n", verb
    assert text.ask(b"set a 0 0 %d\r\n%b\r\n" % (len(big), big)) == refused
    assert text.ask(b"get a\r\n") == b"END\r\n", "a stale value would be worse than none"
    text.ask(b"set a 0 0 1\r\n1\r\n")
    assert text.ask(b"set a 0 0 %d noreply\r\n%b\r\n" % (len(big), big)) == b""
    assert text.ask(b"get a\r\n") == b"END\r\n"
    almost = big[:700_000]
    assert text.ask(b"set a 0 0 %d\r\n%b\r\n" % (len(almost), almost)) == b"STORED\r\n"
    assert text.ask(b"append a 0 0 %d\r\n%b\r\n" % (len(almost), almost)) == b"NOT_STORED\r\n"
    assert text.ask(b"get a\r\n") == b"VALUE a 0 %d\r\n%b\r\nEND\r\n" % (len(almost), almost)


def test_pieces(text: Text) -> None:
    """A request may come a byte at a time."""
    for byte in b"set a 1 0 3\r\nx\r\n\r\nget a\r\n":
        text.send(bytes([byte]))
    assert text.ask(b"") == b"STORED\r\nVALUE a 1 3\r\nx\r\n\r\nEND\r\n"


def test_many_keys(text: Text) -> None:
    text.ask(b"set a 0 0 1\r\nx\r\n")
    keys = b" ".join([b"missing-key"] * 5000 + [b"a"])
    assert text.ask(b"get %b\r\n" % keys) == b"VALUE a 0 1\r\nx\r\nEND\r\n"


def test_quit(text: Text) -> None:
    text.send(b"set a 0 0 1\r\nx\r\nquit\r\nget a\r\n")
    assert text.rest() == b"STORED\r\n"


def test_endless_line(text: Text) -> None:
    text.send(b"x" * 4096)
    assert text.rest() in (b"", b"CLIENT_ERROR line too long\r\n"), "dozo says why it closes"


def test_stats(text: Text) -> None:
    before = _stats(text)
    text.ask(b"set a 0 0 1\r\nx\r\n")
    text.ask(b"get a missing\r\n")
    text.ask(b"delete a\r\n")
    text.ask(b"incr a 1\r\n")
    text.ask(b"touch a 1\r\n")
    after = _stats(text)
    names = ["cmd_get", "get_hits", "get_misses", "cmd_set", "delete_hits", "incr_misses", "touch_misses"]
    grown = {name: int(after[name]) - int(before[name]) for name in names}
    assert grown == dict(zip(names, [2, 1, 1, 1, 1, 1, 1], strict=True))
    assert after["version"] == "1.6.18"
    assert int(after["pid"]) > 0


def _stats(text: Text) -> dict[str, str]:
    lines = text.ask(b"stats\r\n").decode().splitlines()
    assert lines.pop() == "END"
    return dict(line.removeprefix("STAT ").split(" ", 1) for line in lines)
