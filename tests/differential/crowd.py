"""Several connections to one server that act in turn, so that what each of them receives is the same every time.

Owns the waiting for a command's end: a command is over when its client has an answer or waits for a key. Refuses to
know what the commands mean.
"""

from __future__ import annotations

import re
import socket

from tests.waiting import until

from .raw import Wire, encode

#: The place of another client's id in a command.
CLIENT = b"client-"
HANGUP = (b"HANGUP",)


class Member:
    """One client of the crowd."""

    def __init__(self, port: int) -> None:
        self.wire = Wire(port)
        self.id = self.wire.call(b"CLIENT", b"ID").value
        self.waits = False

    def received(self) -> bytes:
        """Return what has come since the last time."""
        parts = []
        self.wire.sock.setblocking(False)
        try:
            while part := self.wire.sock.recv(65536):
                parts.append(part)
        except BlockingIOError:
            pass
        finally:
            self.wire.sock.settimeout(20)
        return b"".join(parts)


class Crowd:
    """Clients of one server, and one more that watches them."""

    def __init__(self, port: int, size: int) -> None:
        self.port = port
        self.control = Wire(port)
        self.members = [Member(port) for _ in range(size)]

    def close(self) -> None:
        for wire in (self.control, *(member.wire for member in self.members)):
            wire.close()

    def reset(self, resp3: list[bool]) -> None:
        """Make all clients as new, some of them in RESP3, and the server empty."""
        for member, three in zip(self.members, resp3, strict=True):
            self.control.call(b"CLIENT", b"UNBLOCK", member.id)
            self.control.call(b"PING")
            member.received()
            member.waits = False
            commands = [(b"RESET",), (b"HELLO", b"3" if three else b"2"), (b"ECHO", b"ready")]
            member.wire.sock.sendall(b"".join(map(encode, commands)))
            while not member.received().endswith(b"ready\r\n"):
                self.control.call(b"PING")
        self.control.call(b"FLUSHALL")

    def act(self, who: int, command: tuple[bytes, ...]) -> list[bytes]:
        """Have one client send a command; return what each of them has received by its end.

        Who waits is passed over, unless it hangs up.
        """
        member = self.members[who]
        got = [b""] * len(self.members)
        if command == HANGUP:
            self._hang_up(who)
        elif not member.waits:
            member.wire.sock.sendall(encode(tuple(self._named(word) for word in command)))
            while not (answer := member.received()):
                if re.search(rb" flags=\w*b", self._listed(member.id)):
                    member.waits = True
                    break
            got[who] = answer
        # It is answered in a later turn of the server, when all that the command led to is written.
        self.control.call(b"PING")
        for at, each in enumerate(self.members):
            got[at] += each.received()
            each.waits &= not got[at]
        return got

    def _named(self, word: bytes) -> bytes:
        """The id of the client that the word names by its place."""
        if not word.startswith(CLIENT):
            return word
        return self.members[int(word.removeprefix(CLIENT))].id

    def _listed(self, number: bytes) -> bytes:
        return self.control.call(b"CLIENT", b"LIST", b"ID", number).value

    def _hang_up(self, who: int) -> None:
        member = self.members[who]
        member.wire.sock.shutdown(socket.SHUT_RDWR)
        member.wire.close()
        until("it is gone", lambda: not self._listed(member.id))
        self.members[who] = Member(self.port)
