"""Random requests, and what two servers must agree on in their replies.

Keys that are counted (`n`, `m`) are never appended to, so that memcached's padding of shrinking counters stays where
it can be taken away; keys that are written as base64 (`bin`) are always written so.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from hypothesis import strategies as st

from .raw import Packet, request

DATA_KEYS = ("a", "b", "c")
COUNTERS = ("n", "m")
BINARY_KEY = "bin"

_VALUES = (b"", b"x", b"hello", b"12", b"5", b" 7", b"0012", b"\r\n", b"END\r\n", b"x" * 300, b"y" * 5000)
_NUMBERS = (b"0", b"1", b"9", b"99", b"100", b"5000", b"9223372036854775807", b"18446744073709551615")
_EXPIRIES = (0, 0, 0, 100, 1000, -1, 2592001)
_CAS = ("{cas}", "{cas}", "{old}", "{high}", "0")


@dataclass(frozen=True)
class Step:
    """One request. `{cas}`, `{old}`, `{high}` stand for CAS numbers of `key`, which each server chose itself."""

    request: str
    key: str = ""
    #: What follows the request's line, if anything.
    data: bytes | None = None


def _noreply() -> st.SearchStrategy[str]:
    return st.sampled_from(("", "", "", " noreply"))


@st.composite
def _store(draw: st.DrawFn) -> Step:
    key = draw(st.sampled_from(DATA_KEYS + COUNTERS))
    verbs = ("set", "add", "replace", "cas")
    verb = draw(st.sampled_from(verbs if key in COUNTERS else (*verbs, "append", "prepend")))
    value = draw(st.sampled_from(_NUMBERS if key in COUNTERS else _VALUES))
    flags = draw(st.sampled_from((0, 1, 4294967295)))
    expiry = draw(st.sampled_from(_EXPIRIES))
    cas = " " + draw(st.sampled_from(_CAS)) if verb == "cas" else ""
    return Step(f"{verb} {{p}}{key} {flags} {expiry} {len(value)}{cas}{draw(_noreply())}", key, value)


@st.composite
def _read(draw: st.DrawFn) -> Step:
    verb = draw(st.sampled_from(("get", "gat", "gets", "gats")))
    expiry = f" {draw(st.sampled_from(_EXPIRIES))}" if verb.startswith("gat") else ""
    # Only one key where CAS numbers are shown, so that they can be told apart.
    most = 1 if verb.endswith("s") else 4
    keys = draw(st.lists(st.sampled_from(DATA_KEYS + COUNTERS), min_size=1, max_size=most))
    return Step(f"{verb}{expiry} {' '.join('{p}' + key for key in keys)}", keys[0])


@st.composite
def _change(draw: st.DrawFn) -> Step:
    verb = draw(st.sampled_from(("incr", "decr", "delete", "touch")))
    key = draw(st.sampled_from(COUNTERS if verb in ("incr", "decr") else DATA_KEYS + COUNTERS))
    amount = {
        "incr": st.sampled_from((" 0", " 1", " 95", " 18446744073709551615", " x", " -1")),
        "decr": st.sampled_from((" 0", " 1", " 95", " 18446744073709551615")),
        "touch": st.sampled_from(_EXPIRIES).map(lambda expiry: f" {expiry}"),
        "delete": st.sampled_from(("", " 0", " 1")),
    }[verb]
    return Step(f"{verb} {{p}}{key}{draw(amount)}{draw(_noreply())}", key)


_ODD = (
    "",
    " ",
    "nonsense",
    "get",
    "GET a",
    "set a 0 0",
    "set a 0 0 x",
    "incr a",
    "touch a",
    "gat",
    "mg",
    "md",
    "ms",
    "ma",
    "me",
    "ms {p}a",
    "ms {p}a x",
    "flush_all x",
    "verbosity",
    "verbosity 1",
    "verbosity x",
    "version",
    "delete a b c",
    "get " + "k" * 251,
    "mg " + "k" * 251,
    "stats nonsense",
    "shutdown",
)

_FLAGS = {
    "mg": "v v v k t s f h c c u q Oabc O N30 N0 N-1 T100 T0 R30 R500 Tx Nx ! x I P L",
    "ms": "F5 F4294967295 T100 T0 T-1 c c k q Oabc ME MA MP MR MS MX M C I Fx Cx ! v N30 D1 J1",
    "md": "q k I I T100 T0 Oabc C x Cx",
    "ma": "N0 N30 J5 J18446744073709551615 D3 D0 T100 M+ MD MI M- MX q t c v v v k C Dx Oabc x",
}


@st.composite
def _meta(draw: st.DrawFn) -> Step:
    verb = draw(st.sampled_from(("mg", "mg", "ms", "md", "ma", "me")))
    if verb == "me":
        key = draw(st.sampled_from(DATA_KEYS))
        return Step(f"me {{p}}{key}", key)
    key = draw(st.sampled_from(COUNTERS if verb == "ma" else (*DATA_KEYS, BINARY_KEY)))
    flags = draw(st.lists(st.sampled_from(_FLAGS[verb].split()), max_size=6))
    if "T-1" in flags or "N-1" in flags:
        # What is gone at once has no CAS in dozo.
        flags = [flag for flag in flags if flag != "c"]
    if draw(st.integers(0, 9)):
        # Most lines are right: no flag twice.
        flags = list({flag[0]: flag for flag in flags}.values())
    if key == BINARY_KEY:
        # memcached forgets of an item that `mg N` creates that its key came as base64.
        flags = [flag for flag in flags if flag[0] not in "bN"]
        flags.insert(draw(st.integers(0, len(flags))), "b")
    flags = [f"C{draw(st.sampled_from(_CAS))}" if flag == "C" else flag for flag in flags]
    data = draw(st.sampled_from(_VALUES)) if verb == "ms" else None
    name = "{b}" if key == BINARY_KEY else "{p}" + key
    words = [verb, name, *([str(len(data))] if data is not None else []), *flags]
    return Step(" ".join(words), key, data)


text_steps = st.lists(
    st.one_of(_store(), _store(), _read(), _change(), _meta(), _meta(), st.sampled_from(_ODD).map(Step)),
    min_size=1,
    max_size=40,
)


@dataclass
class Seen:
    """The CAS numbers that one server has shown, by key, in their order."""

    numbers: dict[str, list[int]] = field(default_factory=dict)

    def fill(self, step: Step, prefix: str) -> bytes:
        """The request as this server gets it."""
        seen = self.numbers.get(step.key) or [10**15]
        line = step.request.format(
            p=prefix,
            b=base64.b64encode(f"{prefix}\0{step.key}".encode()).decode(),
            cas=seen[-1],
            old=seen[0],
            high=seen[-1] + 10**9,
        )
        return line.encode() + b"\r\n" + (step.data + b"\r\n" if step.data is not None else b"")

    def rank(self, key: str, cas: int) -> str:
        """A number as both servers can name it: the how many-th of its key."""
        if cas == 0:
            return "0"
        seen = self.numbers.setdefault(key, [])
        if cas not in seen:
            seen.append(cas)
        return f"#{seen.index(cas)}"

    def plain(self, step: Step, reply: bytes) -> list[bytes]:
        """The reply, line by line, without what each server chooses itself."""
        lines = []
        while reply:
            line, _, reply = reply.partition(b"\r\n")
            words = line.split(b" ")
            size = {b"VALUE": 3, b"VA": 1}.get(words[0])
            if size is not None:
                length = int(words[size])
                data, reply = reply[:length], reply[length + 2 :]
                shown = words[1].decode().rpartition("-")[2] if size == 3 else step.key
                if shown in COUNTERS:
                    data = data.rstrip(b" ")
                words[size] = b"%d" % len(data)
                lines.append(data)
            lines.append(b" ".join(self._word(step, words, at) for at in range(len(words))))
        return lines

    def _word(self, step: Step, words: list[bytes], at: int) -> bytes:
        word = words[at]
        if words[0] == b"VALUE":
            return self.rank(step.key, int(word)).encode() if at == 4 else word
        if words[0] == b"ME":
            return word if at < 2 or word.startswith(b"fetch") else b""
        if words[0] not in (b"VA", b"HD", b"NS", b"EX", b"NF") or at == 0:
            return word
        if re.fullmatch(rb"c\d+", word):
            return b"c" + self.rank(step.key, int(word[1:])).encode()
        if re.fullmatch(rb"t\d+", word):
            # A second may have passed; what is gone wraps around in memcached.
            left = int(word[1:])
            return b"t%d" % (0 if left > 4 * 10**9 else round(left / 10) * 10)
        return word


@dataclass(frozen=True)
class Op:
    """A binary request; `cas` names a number that the server chose itself."""

    opcode: int
    key: str = ""
    value: bytes = b""
    extras: bytes = b""
    cas: str = ""

    def fill(self, seen: Seen, prefix: str) -> bytes:
        numbers = seen.numbers.get(self.key) or [10**15]
        cas = {"": 0, "{cas}": numbers[-1], "{old}": numbers[0], "{high}": numbers[-1] + 10**9, "0": 0}
        key = (prefix + self.key).encode() if self.key else b""
        return request(self.opcode, key, self.value, self.extras, cas=cas[self.cas])

    def plain(self, seen: Seen, packet: Packet) -> tuple[object, ...]:
        value = packet.value.rstrip(b" ") if self.key in COUNTERS and packet.extras else packet.value
        shown = (packet.opcode, packet.status, packet.extras, packet.key)
        return (*shown, value, seen.rank(self.key, packet.cas))


@st.composite
def _packet(draw: st.DrawFn) -> Op:
    key = draw(st.sampled_from(DATA_KEYS + COUNTERS))
    cas = draw(st.sampled_from(("", "", "", *_CAS)))
    expiry = draw(st.sampled_from((0, 0, 100, 1000))).to_bytes(4, "big")
    kinds = ("get", "store", "store", "touch", "delete", "other")
    kind = draw(st.sampled_from((*kinds, "count", "count") if key in COUNTERS else (*kinds, "concat")))
    if kind == "get":
        return Op(draw(st.sampled_from((0x00, 0x09, 0x0C, 0x0D))), key)
    if kind == "store":
        opcode = draw(st.sampled_from((0x01, 0x02, 0x03, 0x11, 0x12, 0x13)))
        value = draw(st.sampled_from(_NUMBERS if key in COUNTERS else _VALUES))
        return Op(opcode, key, value, draw(st.integers(0, 2**32 - 1)).to_bytes(4, "big") + expiry, cas)
    if kind == "touch":
        return Op(draw(st.sampled_from((0x1C, 0x1D, 0x1E, 0x23, 0x24))), key, extras=expiry)
    if kind == "delete":
        return Op(draw(st.sampled_from((0x04, 0x14))), key, cas=cas)
    if kind == "concat":
        opcode = draw(st.sampled_from((0x0E, 0x0F, 0x19, 0x1A)))
        return Op(opcode, key, draw(st.sampled_from(_VALUES)), cas=cas)
    if kind == "count":
        delta, initial = (
            draw(st.sampled_from((0, 1, 95, 2**64 - 1))),
            draw(st.sampled_from((0, 7, 2**64 - 1))),
        )
        expiry = draw(st.sampled_from((expiry, b"\xff\xff\xff\xff")))
        extras = delta.to_bytes(8, "big") + initial.to_bytes(8, "big") + expiry
        return Op(draw(st.sampled_from((0x05, 0x06, 0x15, 0x16))), key, extras=extras, cas=cas)
    return Op(draw(st.sampled_from((0x0A, 0x0B, 0x20, 0x50))))


binary_steps = st.lists(_packet(), min_size=1, max_size=40)
