"""Meta commands: every transcript is replayed to dozo and to memcached 1.6.18."""

from __future__ import annotations

import re

import pytest

from .raw import Text

#: name -> lines "request -> reply"; `|` stands for the line end, `#` in a reply for any number.
TRANSCRIPTS = {
    "get": """
        mg a -> EN|
        mg a v -> EN|
        mg a v q -> |
        mg a k Oabc -> EN ka Oabc|
        mg a k Oabc q -> |
        set a 5 0 5|hello| -> STORED|
        mg a -> HD|
        mg a q -> HD|
        mg a v -> VA 5|hello|
        mg a s v t f k Oxyz q -> VA 5 s5 t-1 f5 ka Oxyz|hello|
        mg a Oxyz k f -> HD Oxyz ka f5|
        mg a t T200 -> HD t-1|
        mg a T100 t -> HD t100|
        mg a T0 t -> HD t-1|
        mg a T-1 v -> VA 5|hello|
        mg a -> EN|
        mg -> ERROR|
    """,
    "traces of reading": """
        set a 0 0 1|x| -> STORED|
        mg a u h l -> HD h0 l0|
        mg a u h -> HD h0|
        mg a h -> HD h0|
        mg a h -> HD h1|
        set a 0 0 1|x| -> STORED|
        get a -> VALUE a 0 1|x|END|
        mg a h -> HD h1|
        set a 0 0 1|x| -> STORED|
        touch a 0 -> TOUCHED|
        mg a h u -> HD h1|
        incr a 1 -> CLIENT_ERROR cannot increment or decrement non-numeric value|
        append a 0 0 1|y| -> STORED|
        mg a h -> HD h0|
    """,
    "vivify": """
        mg a N30 t s v k f -> VA 0 t30 s0 ka f0 W||
        mg a N30 t s v -> VA 0 t30 s0 Z||
        mg a h -> HD h1 Z|
        mg unseen N30 u -> HD W|
        mg unseen h -> HD h0 Z|
        mg a -> HD Z|
        get a -> VALUE a 0 0||END|
        ms a 1|x| -> HD|
        mg a v -> VA 1|x|
        mg b N-1 v -> VA 0 W||
        mg b -> EN|
        mg b N0 t -> HD t-1 W|
    """,
    "recache": """
        ms a 1 T20|x| -> HD|
        mg a R10 t -> HD t20|
        mg a R30 t -> HD t20 W|
        mg a R30 t -> HD t20 Z|
        mg a R10 t -> HD t20 Z|
        ms a 1|x| -> HD|
        mg a R30 t -> HD t-1|
        mg a R0 R-1 -> CLIENT_ERROR duplicate flag|
    """,
    "stale": """
        md a I -> NF|
        set a 3 0 1|x| -> STORED|
        md a I T30 -> HD|
        mg a t f v -> VA 1 t30 f3 X W|x|
        mg a t v -> VA 1 t30 Z X|x|
        get a -> VALUE a 3 1|x|END|
        md a I k Ohi q -> |
        mg a -> HD X W|
        touch a 0 -> TOUCHED|
        mg a -> HD Z X|
        ms a 1|y| -> HD|
        mg a v -> VA 1|y|
        md a I -> HD|
        append a 0 0 1|z| -> STORED|
        mg a v -> VA 2|yz|
        set n 0 0 1|1| -> STORED|
        md n I -> HD|
        ma n v -> VA 1|2|
        mg n v -> VA 1 X W|2|
    """,
    "set": """
        ms a 2 T90 F5 k Oabc|hi| -> HD ka Oabc|
        mg a t f v -> VA 2 t90 f5|hi|
        ms a 2 q|hi| -> |
        ms a 2 ME|no| -> NS|
        ms a 2 ME q|no| -> NS|
        ms b 2 ME|yo| -> HD|
        ms c 2 MR|no| -> NS|
        ms c 2 MA|no| -> NS|
        ms c 2 MP k|no| -> NS kc|
        ms a 2 MR|ho| -> HD|
        ms a 2 MA|++| -> HD|
        ms a 2 MP|--| -> HD|
        mg a v -> VA 6|--ho++|
        ms a 2 MS|xy| -> HD|
        ms a 0|| -> HD|
        mg a v s -> VA 0 s0||
        ms a 2 T-1|hi| -> HD|
        mg a v -> EN|
        ms a 2 v s|hi| -> HD|
        ms a 2 C1|hi| -> EX|
        ms c 2 C1|hi| -> NF|
        ms a 2 Pfoo Lbar|hi| -> HD|
    """,
    "delete": """
        md a -> NF|
        md a q -> NF|
        md a k Oq1 q -> NF ka Oq1|
        set a 0 0 1|x| -> STORED|
        md a C1000000 -> EX|
        md a k Ozz -> HD ka Ozz|
        set a 0 0 1|x| -> STORED|
        md a q k -> |
        mg a -> EN|
    """,
    "arithmetic": """
        ma n -> NF|
        ma n k Oabc -> NF kn Oabc|
        ma n q -> NF|
        ma n J5 v -> NF|
        ma n N0 J13 v t -> VA 2 t-1|13|
        ma n N0 J13 v -> VA 2|14|
        ma n D5 v -> VA 2|19|
        ma n D5 MD v -> VA 2|14|
        ma n M- v -> VA 2|13|
        ma n M+ v -> VA 2|14|
        ma n MI -> HD|
        ma n q -> |
        ma n q v k -> |
        ma n D100 MD v -> VA 1|0|
        ma n D18446744073709551615 v -> VA 20|18446744073709551615|
        ma n v -> VA 1|0|
        ma n T90 t v -> VA 1 t90|1|
        ma n t T100 v -> VA 1 t90|2|
        ma n C1000000 -> EX|
        ma m N20 v -> VA 1|0|
        mg m t v -> VA 1 t20|0|
        set x 0 0 1|x| -> STORED|
        ma x -> CLIENT_ERROR cannot increment or decrement non-numeric value|
        ma x q -> CLIENT_ERROR cannot increment or decrement non-numeric value|
    """,
    "base64 keys": """
        ms Zm9vCg== 1 b k|x| -> HD kZm9vCg== b|
        mg Zm9vCg== b v -> VA 1|x|
        mg Zm9vCg== b k v -> VA 1 kZm9vCg== b|x|
        mg bWlzcw== b k -> EN kbWlzcw== b|
        md Zm9vCg== b k -> HD kZm9vCg== b|
        md Zm9vCg== b k -> NF kZm9vCg== b|
        ms YQ== 1 b|y| -> HD|
        get a -> VALUE a 0 1|y|END|
        ma bg== N0 b k v -> VA 1 kbg== b|0|
        get n -> VALUE n 0 1|0|END|
        mg Zm9 b v -> CLIENT_ERROR error decoding key|
        mg Z!9v b v -> CLIENT_ERROR error decoding key|
    """,
    "bad flags": """
        set a 0 0 1|x| -> STORED|
        mg a v v -> CLIENT_ERROR duplicate flag|
        mg a ! -> CLIENT_ERROR invalid flag|
        mg a x -> CLIENT_ERROR invalid flag|
        mg a Oooooooooooooooooooooooooooooooo -> HD Oooooooooooooooooooooooooooooooo|
        mg a Ooooooooooooooooooooooooooooooooo -> CLIENT_ERROR opaque token too long|
        mg a T -> CLIENT_ERROR bad token in command line format|
        mg a Tx -> CLIENT_ERROR bad token in command line format|
        mg b Nx -> CLIENT_ERROR bad token in command line format|
        mg a Rx -> CLIENT_ERROR bad token in command line format|
        ms a -> CLIENT_ERROR bad command line format|
        ms a x -> CLIENT_ERROR bad command line format|
        ms a -1 -> CLIENT_ERROR bad command line format|
        ms a 2 Me|hi| -> CLIENT_ERROR invalid mode for ms M token|
        ms a 2 M|hi| -> CLIENT_ERROR incorrect length for M token|
        ms a 2 Cx|hi| -> CLIENT_ERROR bad token in command line format|
        ms a 2 Fx|hi| -> CLIENT_ERROR bad command line format|
        ms a 2 !|hi| -> CLIENT_ERROR invalid flag|
        ms a 2 c c|hi| -> CLIENT_ERROR duplicate flag|
        ms a 2|long| -> CLIENT_ERROR bad data chunk|ERROR|
        ms a 2 q|long| -> CLIENT_ERROR bad data chunk|ERROR|
        md a x -> CLIENT_ERROR invalid or duplicate flag|
        md a q q -> CLIENT_ERROR invalid or duplicate flag|
        md a Cx -> CLIENT_ERROR invalid or duplicate flag|
        ma a Dx -> CLIENT_ERROR invalid or duplicate flag|
        ma a MX -> CLIENT_ERROR invalid mode for ma M token|
        me -> CLIENT_ERROR bad command line format|
        me b -> EN|
    """,
}


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_transcript(name: str, text: Text) -> None:
    for line in TRANSCRIPTS[name].strip().splitlines():
        asked, _, expected = line.strip().partition(" -> ")
        asked = asked if asked.endswith("|") else asked + "|"
        reply = text.ask(asked.replace("|", "\r\n").encode()).decode().replace("\r\n", "|")
        assert reply == ("" if expected == "|" else expected), asked


def test_cas(text: Text) -> None:
    first = _number(text.ask(b"ms a 1 c\r\nx\r\n"), "HD c")
    assert text.ask(b"mg a c\r\n") == b"HD c%d\r\n" % first
    assert text.ask(b"ms a 1 c C%d\r\ny\r\n" % (first + 1000)) == b"EX c0\r\n"
    second = _number(text.ask(b"ms a 1 c C%d\r\ny\r\n" % first), "HD c")
    assert second > first
    assert text.ask(b"ms a 1 C%d MA\r\ny\r\n" % first) == b"EX\r\n"
    third = _number(text.ask(b"ms a 1 C%d MA c\r\n1\r\n" % second), "HD c")
    assert third > second
    assert text.ask(b"md a C%d\r\n" % second) == b"EX\r\n"
    assert text.ask(b"md a C%d\r\n" % third) == b"HD\r\n"
    fourth = _number(text.ask(b"ma n N0 c\r\n"), "HD c")
    assert text.ask(b"ma n C%d\r\n" % (fourth + 1000)) == b"EX\r\n"
    fifth = _number(text.ask(b"ma n c C%d\r\n" % fourth), "HD c")
    assert fifth > fourth
    assert text.ask(b"md n I C%d\r\n" % fifth) == b"HD\r\n"
    assert _number(text.ask(b"mg n c\r\n").replace(b" X W", b""), "HD c") > fifth


def test_outdated_cas_stores_stale(text: Text) -> None:
    old = _number(text.ask(b"ms a 1 c T100\r\n1\r\n"), "HD c")
    new = _number(text.ask(b"ms a 1 c T100\r\n2\r\n"), "HD c")
    assert text.ask(b"ms a 1 I C%d\r\n3\r\n" % (new + 1000)) == b"EX\r\n"
    assert text.ask(b"ms a 1 I C%d\r\n3\r\n" % old) == b"HD\r\n"
    assert text.ask(b"mg a t v\r\n") == b"VA 1 t100 X W\r\n3\r\n"
    assert text.ask(b"mg a t v\r\n") == b"VA 1 t100 Z X\r\n3\r\n"


def _number(reply: bytes, before: str) -> int:
    found = re.fullmatch(rf"{before}(\d+)\r\n", reply.decode())
    assert found, reply
    return int(found[1])


def test_debug(text: Text) -> None:
    text.ask(b"ms a 2 T100\r\nhi\r\n")
    shape = rb"ME a exp=-\d+ la=\d cas=\d+ fetch=no cls=\d+ size=\d+\r\n"
    assert re.fullmatch(shape, text.ask(b"me a\r\n"))
    text.ask(b"mg a\r\n")
    shape = rb"ME YQ== exp=-\d+ la=\d cas=\d+ fetch=yes cls=\d+ size=\d+\r\n"
    assert re.fullmatch(shape.replace(b"YQ==", b"(a|YQ==)"), text.ask(b"me YQ== b\r\n"))


def test_pipeline(text: Text) -> None:
    """What q is for: only hits are answered, and `mn` says that all is done."""
    text.ask(b"ms a 1\r\nx\r\n")
    asked = b"mg a k v q\r\nmg b k v q\r\nmg a k q\r\nms c 1 q\r\ny\r\nmd c q\r\n"
    assert text.ask(asked) == b"VA 1 ka\r\nx\r\nHD ka\r\n"
