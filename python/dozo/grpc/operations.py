"""What the operations of `Data` mean in commands, and what replies mean in messages.

Owns both translations, for a dozo upstream (whose ITEM commands know flags and versions) and for any other Redis
server. Refuses connections and calls: nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from grpc import StatusCode

from dozo.errors import ReplyError
from dozo.gateway import Reply, Word
from dozo.gateway.items import Condition, Unsupported
from dozo.grpc.calls import Refused
from dozo.grpc.v1 import data_pb2 as data

__all__ = ["Dialect", "Items", "Plain", "Step", "command_step", "error_of", "get_step", "is_long", "step_of"]

_GET_AND_EXPIRY: Final = (
    "local value = redis.call('GET', KEYS[1]) return value and {value, redis.call('PEXPIRETIME', KEYS[1])}"
)
"""Reads a string and its expiry in one command, so that both belong together."""

_LONG: Final = 5_000
"""Elements of an array whose messages take some milliseconds to make."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation: its command, and what makes its result of the reply (which is no ReplyError)."""

    command: Sequence[Word]
    result: Callable[[Reply], data.Result]


class Dialect(Protocol):
    """How an upstream is told what to do with values."""

    def read(self, key: bytes, *, value: bool) -> Sequence[Word]:
        """The command whose reply `item` understands."""

    def item(self, reply: Reply) -> data.Item | None:
        """What a key holds, without its value where that is too large; None: there is no such key."""

    def set(self, request: data.SetRequest) -> Step:
        """Write a value on the request's condition."""

    def delete(self, request: data.DeleteRequest) -> Step:
        """Remove a key on the request's condition."""


class Items:
    """dozo's ITEM commands."""

    def __init__(self, max_value_bytes: int) -> None:
        self._max_value_bytes = max_value_bytes

    def read(self, key: bytes, *, value: bool) -> Sequence[Word]:
        """Read with or without the value."""
        return ("ITEM.GET", key, "MAX", self._max_value_bytes) if value else ("ITEM.STAT", key)

    def item(self, reply: Reply) -> data.Item | None:
        """Read length, flags, version, expiry and perhaps the value."""
        if reply is None:
            return None
        size, flags, version, expires_at_ms, *rest = reply
        value = rest[0] if rest else None
        item = data.Item(value=value, flags=flags, version=version.decode(), size=size)
        return _expiring(item, expires_at_ms)

    def set(self, request: data.SetRequest) -> Step:
        """Write value, flags and expiry at once."""
        words = ["ITEM.SET", request.key, request.value, *_condition(request).words(), *_expiry(request)]
        if request.flags:
            words += ["FLAGS", request.flags]

        def result(version: Reply) -> data.Result:
            stored = version is not None
            return data.Result(
                set=data.SetResponse(stored=stored, version=version.decode() if stored else "")
            )

        return Step(words, result)

    def delete(self, request: data.DeleteRequest) -> Step:
        """Remove it, perhaps at a version."""
        versions = [_version(request.if_version)] if request.HasField("if_version") else []
        return Step(("ITEM.DEL", request.key, *Condition(versions=versions).words()), _deleted)


class Plain:
    """Commands that every Redis server has; there are neither flags nor versions."""

    def __init__(self, max_value_bytes: int) -> None:
        self._max_value_bytes = max_value_bytes

    def read(self, key: bytes, *, value: bool) -> Sequence[Word]:
        """Read value and expiry, or only whether there is one."""
        return ("EVAL", _GET_AND_EXPIRY, 1, key) if value else ("EXISTS", key)

    def item(self, reply: Reply) -> data.Item | None:
        """Read value and expiry, or how many keys there are."""
        if not isinstance(reply, list):
            return data.Item() if reply else None
        value, expires_at_ms = reply
        fits = len(value) <= self._max_value_bytes
        return _expiring(data.Item(value=value if fits else None, size=len(value)), expires_at_ms)

    def set(self, request: data.SetRequest) -> Step:
        """SET with those options that it has everywhere."""
        condition = _condition(request)
        if request.flags or condition.versions:
            raise Unsupported("the server behind this gateway is not dozo: it has neither flags nor versions")
        words = ("SET", request.key, request.value, *condition.words(), *_expiry(request))
        return Step(words, lambda reply: data.Result(set=data.SetResponse(stored=reply is not None)))

    def delete(self, request: data.DeleteRequest) -> Step:
        """DEL."""
        if request.HasField("if_version"):
            raise Unsupported("the server behind this gateway is not dozo: it has no versions")
        return Step(("DEL", request.key), _deleted)


def step_of(operation: data.Operation, dialect: Dialect) -> Step:
    """What an operation does; Refused or Unsupported: it can't be done."""
    kind = operation.WhichOneof("operation")
    if kind == "get":
        return get_step(operation.get, dialect)
    if kind == "set":
        return dialect.set(operation.set)
    if kind == "delete":
        return dialect.delete(operation.delete)
    if kind == "command":
        return command_step(operation.command)
    raise Refused(StatusCode.INVALID_ARGUMENT, "an operation is empty")


def get_step(request: data.GetRequest, dialect: Dialect) -> Step:
    """Read an item with its value."""

    def result(reply: Reply) -> data.Result:
        item = dialect.item(reply)
        if item is not None and not item.HasField("value"):
            raise Refused(
                StatusCode.RESOURCE_EXHAUSTED, f"the value has {item.size} bytes, too many for a message"
            )
        return data.Result(get=data.GetResponse(item=item))

    return Step(dialect.read(request.key, value=True), result)


def command_step(request: data.CommandRequest) -> Step:
    """Run a command as it is."""

    def result(reply: Reply) -> data.Result:
        made = data.Result()
        _fill(made.command.reply, reply)
        return made

    return Step(list(request.args), result)


def is_long(reply: Reply) -> bool:
    """Whether making messages of a reply takes so long that other calls would notice."""
    if not isinstance(reply, list):
        return False
    return len(reply) > _LONG or any(isinstance(part, list) and len(part) > _LONG for part in reply)


def error_of(error: ReplyError) -> data.Error:
    """An error reply in its parts."""
    code, _, message = error.text.encode("utf-8", "replace").decode().partition(" ")
    return data.Error(code=code, message=message)


def _fill(message: data.Reply, reply: Reply) -> None:
    """Write a reply into a message; in place, because an array of new messages would be copied."""
    if isinstance(reply, bytes):
        message.bytes = reply
    elif isinstance(reply, int):
        message.integer = reply
    elif reply is None:
        message.null.SetInParent()
    elif isinstance(reply, ReplyError):
        message.error.CopyFrom(error_of(reply))
    else:
        message.array.SetInParent()
        add = message.array.elements.add
        for element in reply:
            _fill(add(), element)


def _deleted(reply: Reply) -> data.Result:
    return data.Result(delete=data.DeleteResponse(deleted=bool(reply)))


def _expiring(item: data.Item, expires_at_ms: int) -> data.Item:
    if expires_at_ms >= 0:
        item.expires_at_ms = expires_at_ms
    return item


def _condition(request: data.SetRequest) -> Condition:
    kind = request.WhichOneof("condition")
    if kind == "if_version":
        return Condition(versions=[_version(request.if_version)])
    if kind is None or not getattr(request, kind):
        return Condition()
    return Condition(exists=kind == "if_present")


def _version(text: str) -> bytes:
    if not text or "," in text:
        raise Refused(StatusCode.INVALID_ARGUMENT, "if_version is not a version")
    return text.encode()


def _expiry(request: data.SetRequest) -> list[Word]:
    kind = request.WhichOneof("expiry")
    if kind == "ttl_ms":
        return ["PX", request.ttl_ms]
    if kind == "expires_at_ms":
        return ["PXAT", request.expires_at_ms]
    return ["KEEPTTL"] if request.keep_ttl else []
