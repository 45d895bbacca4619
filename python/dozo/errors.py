"""The exceptions that dozo raises, and the error replies that a command may answer with.

    DozoError
    ├── ConfigError              a setting, a port or a file that the server can't use
    ├── DeclarationError         a command that is declared wrongly (raised at import time)
    ├── StoreError               what a store in this process can't do
    │   ├── ClosedError          it was closed
    │   ├── InterruptedCall      the process with the data went while it made a call: nobody knows whether it did
    │   └── SerializerError      a value of another serializer, or one that can't be read or written
    └── ReplyError               an error reply: its text goes to the client as it is, code first
        ├── SyntaxError_         ERR syntax error
        ├── WrongArity           ERR wrong number of arguments for 'name' command
        ├── WrongType            WRONGTYPE Operation against a key holding the wrong kind of value
        ├── NotInteger           ERR value is not an integer or out of range
        ├── NotFloat             ERR value is not a valid float
        ├── OutOfRange           ERR index out of range
        ├── NoSuchKey            ERR no such key
        └── OutOfMemory          OOM command not allowed when used memory > 'maxmemory'.

Any other exception that leaves a command becomes "ERR internal error in 'name'", its traceback goes to the log.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ClosedError",
    "ConfigError",
    "DeclarationError",
    "DozoError",
    "InterruptedCall",
    "NoSuchKey",
    "NotFloat",
    "NotInteger",
    "OutOfMemory",
    "OutOfRange",
    "ReplyError",
    "SerializerError",
    "StoreError",
    "SyntaxError_",
    "WrongArity",
    "WrongType",
]


class DozoError(Exception):
    """The root of every exception that dozo defines."""


class ConfigError(DozoError):
    """A setting, a port or a file can't be used; the text is one line for the user."""


class DeclarationError(DozoError):
    """A command is declared wrongly; the text names the command and the parameter."""


class StoreError(DozoError):
    """A store in this process can't do what it was asked for."""


class ClosedError(StoreError):
    """The store was closed."""

    def __init__(self, text: str = "the store is closed") -> None:
        super().__init__(text)


class InterruptedCall(StoreError):
    """The process that has the data went away in the middle of a call, which may or may not have been made."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} may or may not have been done: the process with the data went away meanwhile"
        )


class SerializerError(StoreError):
    """A value is another serializer's, or its own one can't read or write it."""


class ReplyError(DozoError):
    """An error reply. ``ReplyError("ERR no such thing")`` is sent as ``-ERR no such thing``."""

    default: ClassVar[str] = "ERR error"

    def __init__(self, text: str | None = None) -> None:
        super().__init__(self.default if text is None else text)

    @property
    def text(self) -> str:
        """The whole error line, code first."""
        return str(self.args[0])

    @property
    def code(self) -> str:
        """The first word: ERR, WRONGTYPE, OOM, ..."""
        return self.text.partition(" ")[0]


class SyntaxError_(ReplyError):  # noqa: N801 (the plain name is Python's own)
    """An option is unknown, repeated, incomplete, or excludes another one."""

    default = "ERR syntax error"


class WrongArity(ReplyError):
    """Too few or too many arguments for the named command."""

    def __init__(self, name: str) -> None:
        super().__init__(f"ERR wrong number of arguments for '{name.lower()}' command")


class WrongType(ReplyError):
    """The key holds another kind of value than the command works on."""

    default = "WRONGTYPE Operation against a key holding the wrong kind of value"


class NotInteger(ReplyError):
    """An argument is not a canonical 64-bit signed decimal."""

    default = "ERR value is not an integer or out of range"


class NotFloat(ReplyError):
    """An argument is not a finite or infinite decimal number."""

    default = "ERR value is not a valid float"


class OutOfRange(ReplyError):
    """An index or a cursor lies outside of what the command can address."""

    default = "ERR index out of range"


class NoSuchKey(ReplyError):
    """The command needs an existing key."""

    default = "ERR no such key"


class OutOfMemory(ReplyError):
    """A write was refused because ``maxmemory`` is reached and nothing can be evicted."""

    default = "OOM command not allowed when used memory > 'maxmemory'."
