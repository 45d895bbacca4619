"""The meta commands of the ID port."""

from __future__ import annotations

import re

import pytest


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"mg any v", rb"VA 19\r\n\d{19}"),
        (b"MG any v", rb"VA 19\r\n\d{19}"),
        (b"mg any", rb"HD"),
        (b"mg any v t f s c k h l Oabc q", rb"VA 19 t-1 f0 s19 c0 kany h0 l0 Oabc\r\n\d{19}"),
        (b"mg YW55 b k v", rb"VA 19 kYW55 b\r\n\d{19}"),
        (b"mg any N30 R5 T9 u v", rb"VA 19\r\n\d{19}"),
        (b"mn", rb"MN"),
        (b"MN", rb"MN"),
        (b"mg", rb"ERROR"),
        (b"mg any ! v", rb"CLIENT_ERROR invalid flag"),
        (b"mg any v v", rb"CLIENT_ERROR duplicate flag"),
        (b"mg " + b"k" * 251, rb"CLIENT_ERROR bad command line format"),
        (b"mg any O" + b"o" * 40, rb"CLIENT_ERROR opaque token too long"),
        (b"ms any 1\r\n1", rb"ERROR\r\nERROR"),
        (b"md any", rb"ERROR"),
        (b"ma any", rb"ERROR"),
        (b"me any", rb"ERROR"),
    ],
)
def test_replies(ids, line, reply):
    assert re.fullmatch(reply + rb"\r\n", ids.speak(line + b"\r\nquit\r\n"))


def test_every_mg_is_an_id(ids):
    numbers = re.findall(rb"VA 19\r\n(\d+)", ids.speak(b"mg a v\r\nmg a v\r\nmg b v\r\nquit\r\n"))
    assert len(numbers) == 3
    assert sorted(set(numbers)) == numbers
