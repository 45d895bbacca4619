"""The known differences from memcached 1.6.18: each is wanted, and stands in docs/reference/differences.md too.

Each names one exchange and what the two servers answer; test_differences.py keeps the list true of both.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """What differs and why; then requests, what dozo answers to the last of them, and what memcached does."""

    why: str
    requests: tuple[bytes, ...]
    dozo: bytes
    memcached: bytes
    #: The original's answer depends on its internal state: only dozo's is checked.
    unsteady: bool = False


DIFFERENCES = {
    "padding": Difference(
        "memcached leaves spaces behind a counter that gets shorter, if nobody else holds the item just then. dozo"
        " never does: the value stays a number that Redis clients can count on.",
        (b"set n 0 0 3\r\n100\r\n", b"decr n 1\r\n", b"get n\r\n"),
        b"VALUE n 0 2\r\n99\r\nEND\r\n",
        b"VALUE n 0 3\r\n99 \r\nEND\r\n",
        unsteady=True,
    ),
    "echoed key": Difference(
        "mg echoes the key in the form of the request. memcached echoes it in the form in which it was stored, so a"
        " client that asks by base64 may be answered by another word.",
        (b"set foo 0 0 1\r\nx\r\n", b"mg Zm9v b k\r\n"),
        b"HD kZm9v b\r\n",
        b"HD kfoo\r\n",
    ),
    "expiry in the same command": Difference(
        "After T with a negative number nothing is left: dozo says 0 where memcached's subtraction wraps around.",
        (b"set a 0 0 1\r\nx\r\n", b"mg a T-1 t\r\n"),
        b"HD t0\r\n",
        b"",
        unsteady=True,
    ),
    "slabs": Difference(
        "There are no slabs, LRU segments, crawlers and watchers to be steered.",
        (b"slabs automove 1\r\n",),
        b"ERROR\r\n",
        b"OK\r\n",
    ),
    "memory limit": Difference(
        "The memory limit is a setting of the whole server; CONFIG SET maxmemory changes it.",
        (b"cache_memlimit 100\r\n",),
        b"SERVER_ERROR cache_memlimit is not supported, set maxmemory\r\n",
        b"OK\r\n",
    ),
}
"""Not shown there because they need more than one exchange:

- A value that finds no memory leaves the old one in place; memcached drops it.
- Expiry is exact to the millisecond; memcached's clock ticks once a second.
- A CAS number is given when it is first asked for; numbers rise per item, but not in the order of the writes.
- A value whose expiry has passed when it is stored is answered with the CAS 0.
- An endless line is answered with "CLIENT_ERROR line too long" before the connection is closed.
- The binary opcode VERBOSITY succeeds, and an unknown opcode with a body leaves the stream in step; memcached answers
  "Unknown command" to both and then skips the body twice.
- A user is named "default", in SASL PLAIN and in the text protocol's `set` of "user password".
"""
