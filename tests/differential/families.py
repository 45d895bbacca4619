"""What the generated sequences are made of: for each family the commands, with arguments that often meet.

A template is a command with holes: {k} key, {v} value, {i} integer text, {t} a time far away, {f} float text,
{p} pattern. Far-away times, because two servers never run at the same millisecond.
"""

from __future__ import annotations

import importlib
import pkgutil

from hypothesis import strategies as st

from . import templates

KEYS = ("a", "b", "c", "list:1", "long" * 40)
VALUES = (
    "",
    "0",
    "10",
    "-7",
    "007",
    "9223372036854775807",
    "-9223372036854775808",
    "hello",
    "h\r\n\0x",
    "3.25",
    "x" * 43,
    "y" * 45,
    "z" * 5000,
)
INTEGERS = (
    "0",
    "1",
    "-1",
    "5",
    "-3",
    "100",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "1.5",
    "abc",
    "",
    " 1",
    "+1",
    "00",
)
TIMES = ("100000", "999999", "0", "-1", "9223372036854775807", "x")
# Shorter than all of these: whether the same time again is later depends on the tick of a clock between the two.
EARLIER = ("50", "0", "-1", "x")
MOMENTS = ("33177117420", "33177117420000", "0", "-5", "nope")
FLOATS = ("1", "-2.5", "0.1", "3.0e3", "1e400", "nan", "inf", "abc", "", "5.0000000000000001", "1e-7")
PATTERNS = ("*", "a*", "?", "[ab]", "list:*", "\\a", "[^a]", "nothing", "[a-c]", "l*t:1", "")

HOLES = {
    "k": st.sampled_from(KEYS),
    "v": st.sampled_from(VALUES),
    "i": st.sampled_from(INTEGERS),
    "t": st.sampled_from(TIMES),
    "g": st.sampled_from(EARLIER),
    "m": st.sampled_from(MOMENTS),
    "f": st.sampled_from(FLOATS),
    "p": st.sampled_from(PATTERNS),
    "o": st.integers(0, 40).map(str),
    "d": st.sampled_from(("0", "1", "2", "15", "16", "-1", "x")),
}

STRINGS = """
SET {k} {v}|SET {k} {v}|SET {k} {v} NX|SET {k} {v} XX|SET {k} {v} GET|SET {k} {v} XX GET|SET {k} {v} NX GET
SET {k} {v} EX {t}|SET {k} {v} PX {t}|SET {k} {v} EXAT {m}|SET {k} {v} PXAT {m}|SET {k} {v} KEEPTTL
SET {k} {v} NX XX|SET {k} {v} EX|SET {k} {v} EX 10 PX 10|SET {k} {v} BOGUS|SET {k} {v} KEEPTTL EX 5|SET {k}
GET {k}|GET {k}|GET {k} x|GETDEL {k}|GETEX {k}|GETEX {k} EX {t}|GETEX {k} PX {t}|GETEX {k} EXAT {m}
GETEX {k} PERSIST|GETEX {k} EX 10 PERSIST|GETEX {k} NX|GETSET {k} {v}|SETNX {k} {v}|SETEX {k} {t} {v}
PSETEX {k} {t} {v}|MGET {k} {k} {k}|MSET {k} {v} {k} {v}|MSET {k} {v} {k}|MSETNX {k} {v} {k} {v}|MSETNX {k}
INCR {k}|DECR {k}|INCRBY {k} {i}|DECRBY {k} {i}|INCRBYFLOAT {k} {f}|APPEND {k} {v}|STRLEN {k}
GETRANGE {k} {i} {i}|SUBSTR {k} {i} {i}|SETRANGE {k} {o} {v}|SETRANGE {k} {i} {v}|LCS {k} {k}|LCS {k} {k} LEN
LCS {k} {k} IDX|LCS {k} {k} IDX MINMATCHLEN {o} WITHMATCHLEN|LCS {k} {k} LEN IDX|TTL {k}|TYPE {k}
OBJECT ENCODING {k}|RPUSH {k} a|HSET {k} f v|DEL {k}|EXPIRE {k} {t}|EXPIRE {k} 100000|PERSIST {k}
PEXPIREAT {k} {m}|GETSET {k}|STRLEN {k} x|MGET|SETNX {k}|SETEX {k} 10|PSETEX {k} {t}|INCRBY {k} 1 2
INCRBYFLOAT {k}|APPEND {k}|SETRANGE {k} 1|GETRANGE {k} 0|LCS {k}|GETEX {k} PXAT {m}|GETEX {k} EX
GETEX {k} PERSIST EX 1|SET {k} {v} XX KEEPTTL|SET {k} {v} GET EX 100000|SET {k} {v} PX 0
LCS {k} {k} MINMATCHLEN x|LCS {k} {k} NOPE|COPY {k} {k} REPLACE|RENAME {k} {k}|SUBSTR {k} 0|DECRBY {k}
DECRBY {k} -9223372036854775808
"""

GENERIC = """
SET {k} {v}|SET {k} {v} EX 100000|DEL {k}|DEL {k} {k}|UNLINK {k} {k}|EXISTS {k} {k} {k}|TOUCH {k} {k}|TYPE {k}
EXPIRE {k} {t}|EXPIRE {k} {t} NX|EXPIRE {k} {t} XX|EXPIRE {k} {g} GT|EXPIRE {k} {t} LT|EXPIRE {k} 10 NX XX
EXPIRE {k} 10 GT LT|EXPIRE {k} 10 WHAT|EXPIRE {k} 10 XX GT|PEXPIRE {k} {t}|EXPIREAT {k} {m}|PEXPIREAT {k} {m}
PERSIST {k}|TTL {k}|EXPIRETIME {k}|PEXPIRETIME {k}|RENAME {k} {k}|RENAMENX {k} {k}|COPY {k} {k}
COPY {k} {k} REPLACE|COPY {k} {k} DB {d}|COPY {k} {k} DB {d} REPLACE|MOVE {k} {d}|SELECT {d}|SELECT 0|KEYS {p}
RANDOMKEY nothing|OBJECT ENCODING {k}|OBJECT REFCOUNT {k}|OBJECT FREQ {k}|OBJECT HELP|OBJECT NOPE {k}
OBJECT ENCODING|DBSIZE|SWAPDB {d} {d}|FLUSHDB|FLUSHALL|FLUSHDB ASYNC|FLUSHDB NOPE|SCAN 0 COUNT 1000
SCAN 0 MATCH {p} COUNT 1000|SCAN 0 COUNT 1000 TYPE string|SCAN 0 COUNT 1000 TYPE hash|SCAN x|SCAN 0 COUNT 0
SCAN 0 NOPE|DUMP {k}|WAIT 0 0|EXPIRE {k}|DEL|COPY {k}|RPUSH {k} a b|SADD {k} 1 2|HSET {k} f v|ZADD {k} 1 a 2 b
XADD {k} {o}-1 f v|INCR {k}|PFADD {k} a|SETBIT {k} 7 1|PTTL {k}|RANDOMKEY|OBJECT IDLETIME {k}|KEYS|KEYS a b
TYPE|TTL|PTTL|PERSIST|TOUCH|UNLINK|EXISTS|RENAME {k}|RENAMENX {k}|MOVE {k}|MOVE {k} {k}|SCAN|SCAN 0 MATCH
SCAN 0 TYPE|SCAN 0 COUNT x|SCAN 0 COUNT 1000 TYPE nope|SCAN 0 MATCH {p} COUNT 1000 TYPE list|EXPIRETIME
PEXPIRETIME {k} x|PEXPIRE {k} {t} NX|EXPIREAT {k} {m} GT|PEXPIREAT {k} {m} LT|PEXPIREAT {k} {m} NX GT|WAIT x 0
WAIT 0 x|WAIT 0 -1|RESTORE {k} 0 x|RESTORE {k} -1 x|RESTORE {k} 0|RESTORE {k} x x|RESTORE {k} 0 x NOPE
RESTORE {k} 0 x IDLETIME -1|RESTORE {k} 0 x FREQ 256|RESTORE {k} 0 x REPLACE ABSTTL|COPY {k} {k} DB
COPY {k} {k} NOPE|FLUSHALL ASYNC|FLUSHALL SYNC|FLUSHDB SYNC|SWAPDB 0|SWAPDB 0 1|SWAPDB 0 0
"""

CONNECTION = """
PING|PING {v}|PING a b|ECHO {v}|ECHO|SELECT {d}|AUTH x|AUTH default x|AUTH a b c|HELLO|HELLO 2|HELLO 3|HELLO 4
HELLO x|HELLO 2 SETNAME ab|HELLO 3 SETNAME|HELLO 3 AUTH a|HELLO 3 AUTH default pw|CLIENT GETNAME
CLIENT SETNAME name|CLIENT SETNAME a\u00a0b|CLIENT SETNAME|CLIENT NO-EVICT on|CLIENT NO-EVICT x|CLIENT NOPE
CLIENT|CLIENT HELP|CLIENT KILL 1.2.3.4:5|CLIENT KILL ID 987654321|CLIENT KILL TYPE nope|CLIENT KILL ADDR
CLIENT PAUSE x|CLIENT UNPAUSE|CLIENT PAUSE 0 BAD|CLIENT GETREDIR|CLIENT UNBLOCK 98765432|CLIENT UNBLOCK x
CLIENT LIST TYPE nope|CLIENT LIST ID 987654321|CLIENT LIST BOGUS|CLIENT REPLY nope|CLIENT TRACKINGINFO|RESET
SET {k} {v}|GET {k}|CLIENT TRACKING ON|CLIENT TRACKING OFF|CLIENT TRACKING ON BCAST PREFIX {k}|CLIENT TRACKING ON OPTIN
CLIENT TRACKING ON OPTOUT NOLOOP|CLIENT TRACKING NOPE|CLIENT TRACKING ON REDIRECT 987654321|CLIENT CACHING YES
CLIENT CACHING NO|CLIENT CACHING
"""

SERVER = """
COMMAND COUNT x|COMMAND GETKEYS GET a|COMMAND GETKEYS MSET a 1 b 2|COMMAND GETKEYS|COMMAND GETKEYS NOPE a
COMMAND GETKEYS PING|COMMAND GETKEYS GET|COMMAND GETKEYSANDFLAGS SET a 1|COMMAND INFO get mset nope
COMMAND NOPE|COMMAND LIST FILTERBY PATTERN getra*|COMMAND LIST FILTERBY NOPE x|get|command info lcs
CONFIG GET maxmemory|CONFIG GET maxmemory-policy|CONFIG GET nope|CONFIG GET|CONFIG SET nope 1
CONFIG SET maxmemory x|CONFIG SET maxmemory 100mb|CONFIG GET maxmemory|CONFIG SET maxmemory-policy nope
CONFIG SET maxmemory 0|CONFIG NOPE|CONFIG SET maxmemory|CONFIG SET hz 10 hz 11|CONFIG SET maxmemory 0 nope 1
CONFIG RESETSTAT|DBSIZE|DBSIZE x|SLOWLOG LEN x|SLOWLOG RESET|SLOWLOG GET -2|SLOWLOG GET x|SLOWLOG NOPE
SLOWLOG HELP|LATENCY RESET|LATENCY HISTORY x|LATENCY LATEST|LATENCY NOPE|LATENCY HELP|MEMORY USAGE nothing
MEMORY USAGE|MEMORY NOPE|MEMORY USAGE {k} SAMPLES x|MEMORY HELP|DEBUG SLEEP 0|DEBUG SET-ACTIVE-EXPIRE 1
DEBUG NOPE|SWAPDB {d} {d}|TIME x|FLUSHALL SYNC|FLUSHALL x|ROLE|ROLE x|MEMORY PURGE|LATENCY GRAPH nothing
LATENCY HISTOGRAM nothing|LOLWUT VERSION x|SET {k} {v}|GET {k}|NOSUCH {k} {v}|config get maxmemory
"""

BUILT_IN = {"strings": STRINGS, "generic": GENERIC, "connection": CONNECTION, "server": SERVER}


#: One module a family in `templates`: TEMPLATES, and HOLES of its own.
_MODULES = {
    module.name: importlib.import_module(f"{templates.__name__}.{module.name}")
    for module in pkgutil.iter_modules(templates.__path__)
}
FAMILIES = BUILT_IN | {name: module.TEMPLATES for name, module in _MODULES.items()}


def templates_of(family: str) -> list[str]:
    """Return the templates of a family, one a command."""
    return [
        part.strip()
        for line in FAMILIES[family].strip().splitlines()
        for part in line.split("|")
        if part.strip()
    ]


@st.composite
def command(draw: st.DrawFn, family: str) -> tuple[bytes, ...]:
    """Draw one command of the family."""
    words = []
    holes = HOLES | getattr(_MODULES.get(family), "HOLES", {})
    for word in draw(st.sampled_from(templates_of(family))).split(" "):
        hole = holes.get(word[1:-1]) if word.startswith("{") and word.endswith("}") else None
        words.append(draw(hole) if hole is not None else word)
    return tuple(word.encode() for word in words)


def sequence(family: str) -> st.SearchStrategy[list[tuple[bytes, ...]]]:
    """Draw a sequence of commands that share keys."""
    return st.lists(command(family), min_size=5, max_size=60)
