"""The service `Data`: each call, and the limits on what one may ask.

Owns calls and streams. Refuses what operations mean (operations.py) and how changes are noticed (gateway/watch.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from grpc import StatusCode

from dozo.errors import ReplyError
from dozo.gateway import Caller, Reply, Unavailable, Upstream
from dozo.gateway.watch import Changed, watch
from dozo.grpc.calls import Callers, Context, Refused, answers
from dozo.grpc.operations import (
    Dialect,
    Items,
    Plain,
    Step,
    command_step,
    error_of,
    get_step,
    is_long,
    step_of,
)
from dozo.grpc.streams import Streams
from dozo.grpc.v1 import data_pb2 as data
from dozo.grpc.v1 import data_pb2_grpc
from dozo.log import Log

__all__ = ["MOST_NAMES", "MOST_OPERATIONS", "Data"]

MOST_OPERATIONS: Final = 10_000
"""Operations of a batch."""

MOST_NAMES: Final = 1_000
"""Keys, prefixes, channels and patterns of a stream."""


class Data(data_pb2_grpc.DataServicer):
    """Serves calls by commands on an upstream; `most_streams` may be open at once."""

    def __init__(
        self,
        upstream: Upstream,
        callers: Callers,
        log: Log,
        streams_upstream: Upstream,
        *,
        max_value_bytes: int,
        most_streams: int,
    ) -> None:
        self.log = log
        self._upstream = upstream
        self._callers = callers
        self._streams_upstream = streams_upstream
        self._max_value_bytes = max_value_bytes
        self._streams = Streams(most_streams, "grpc-max-streams")
        self._known: Dialect | None = None

    @answers
    async def Get(self, request: data.GetRequest, context: Context) -> data.GetResponse:
        """Read one key."""
        caller = self._callers.of(context)
        step = get_step(request, await self._dialect(caller))
        return (await self._run(caller, request.db, step)).get

    @answers
    async def Set(self, request: data.SetRequest, context: Context) -> data.SetResponse:
        """Write one key."""
        caller = self._callers.of(context)
        step = (await self._dialect(caller)).set(request)
        return (await self._run(caller, request.db, step)).set

    @answers
    async def Delete(self, request: data.DeleteRequest, context: Context) -> data.DeleteResponse:
        """Remove one key."""
        caller = self._callers.of(context)
        step = (await self._dialect(caller)).delete(request)
        return (await self._run(caller, request.db, step)).delete

    @answers
    async def Command(self, request: data.CommandRequest, context: Context) -> data.CommandResponse:
        """Run any command."""
        return (await self._run(self._callers.of(context), request.db, command_step(request))).command

    @answers
    async def Batch(self, request: data.BatchRequest, context: Context) -> data.BatchResponse:
        """Run several operations in one exchange."""
        if len(request.operations) > MOST_OPERATIONS:
            raise Refused(StatusCode.INVALID_ARGUMENT, f"a batch has at most {MOST_OPERATIONS} operations")
        caller = self._callers.of(context)
        if any(_database(operation) not in (0, request.db) for operation in request.operations):
            raise Refused(StatusCode.INVALID_ARGUMENT, "the operations of a batch are on the batch's db")
        if not request.operations:
            return data.BatchResponse()
        dialect = await self._dialect(caller)
        steps = [step_of(operation, dialect) for operation in request.operations]
        commands = [step.command for step in steps]
        with self._noticing_absence():
            replies = await self._upstream.batch(caller, commands, database=request.db, atomic=request.atomic)
        if is_long(replies):
            return await asyncio.to_thread(_batch_response, steps, replies)
        return _batch_response(steps, replies)

    # A stream is served by a coroutine that writes, not by a generator, so that it can be told to end while it writes.
    @answers
    async def Watch(self, request: data.WatchRequest, context: Context) -> None:  # type: ignore[override]
        """Tell of changes until the call is cancelled."""
        _check_names(request.keys, request.prefixes)
        if request.keys and request.prefixes:
            raise Refused(StatusCode.INVALID_ARGUMENT, "watch keys or prefixes, not both")
        caller = self._callers.of(context)
        dialect = await self._dialect(caller)
        async with (
            self._streams.one(),
            watch(
                self._streams_upstream,
                caller,
                request.db,
                keys=request.keys,
                prefixes=request.prefixes,
                initial=request.initial,
                read=lambda key: dialect.read(key, value=not request.without_values),
            ) as changes,
        ):
            await context.send_initial_metadata(())
            async for changed in changes:
                await context.write(_event(changed, dialect))

    @answers
    async def Subscribe(self, request: data.SubscribeRequest, context: Context) -> None:  # type: ignore[override]
        """Deliver messages until the call is cancelled."""
        _check_names(request.channels, request.patterns)
        async with (
            self._streams.one(),
            self._streams_upstream.subscription(
                self._callers.of(context), channels=request.channels, patterns=request.patterns
            ) as messages,
        ):
            await context.send_initial_metadata(())
            async for message in messages:
                await context.write(
                    data.SubscribeEvent(
                        channel=message.channel, pattern=message.pattern or b"", payload=message.data
                    )
                )

    def end_streams(self) -> None:
        """End the streams that are open, and those that begin from now on."""
        self._streams.end()

    async def _run(self, caller: Caller, database: int, step: Step) -> data.Result:
        with self._noticing_absence():
            reply = await self._upstream.call(caller, *step.command, database=database)
        # Other calls go on while a thread of its own makes the messages of a long reply.
        return await asyncio.to_thread(step.result, reply) if is_long(reply) else step.result(reply)

    @contextmanager
    def _noticing_absence(self) -> Iterator[None]:
        """Forget what the upstream is when it goes away: another server may come in its place."""
        try:
            yield
        except Unavailable:
            self._known = None
            raise

    async def _dialect(self, caller: Caller) -> Dialect:
        """How to talk to the upstream."""
        if self._known is None:
            (about,) = await self._upstream.call(caller, "COMMAND", "INFO", "ITEM.GET")
            self._known = Plain(self._max_value_bytes) if about is None else Items(self._max_value_bytes)
        return self._known


def _check_names(names: Sequence[bytes], patterns: Sequence[bytes]) -> None:
    count = len(names) + len(patterns)
    if not 1 <= count <= MOST_NAMES:
        raise Refused(StatusCode.INVALID_ARGUMENT, f"a stream is about 1 to {MOST_NAMES} names, not {count}")


def _database(operation: data.Operation) -> int:
    kind = operation.WhichOneof("operation")
    request: Any = None if kind is None else getattr(operation, kind)
    return request.db if request else 0


def _batch_response(steps: Sequence[Step], replies: Sequence[Reply]) -> data.BatchResponse:
    return data.BatchResponse(results=map(_result, steps, replies))


def _result(step: Step, reply: Reply) -> data.Result:
    if isinstance(reply, ReplyError):
        return data.Result(error=error_of(reply))
    try:
        return step.result(reply)
    except Refused as error:
        return data.Result(error=data.Error(code="ERR", message=str(error)))


def _event(changed: Changed, dialect: Dialect) -> data.WatchEvent:
    if changed.key is None:
        return data.WatchEvent(flush=data.WatchEvent.Flush())
    if not isinstance(changed.reply, ReplyError):
        item = dialect.item(changed.reply)
    elif changed.reply.code == "WRONGTYPE":
        item = data.Item()
    else:
        raise changed.reply
    return data.WatchEvent(change=data.WatchEvent.Change(key=changed.key, item=item))
