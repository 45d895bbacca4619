"""What tests read from calls: a reply as Python values, the status of a call that fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from dozo.grpc.v1.data_pb2 import CommandRequest, Reply
from dozo.grpc.v1.data_pb2_grpc import DataStub


def command(data: DataStub, *args: bytes, db: int = 0) -> Reply:
    """Run a command."""
    return data.Command(CommandRequest(args=args, db=db)).reply


def plain(reply: Reply) -> Any:
    """Return a reply as Python values."""
    kind = reply.WhichOneof("reply")
    if kind == "null":
        return None
    if kind == "array":
        return [plain(element) for element in reply.array.elements]
    return getattr(reply, kind)


def status(call: Callable[..., Any], *args: Any, **options: Any) -> tuple[grpc.StatusCode, str]:
    """Return the status that a call ends with, and its text."""
    with pytest.raises(grpc.RpcError) as raised:
        call(*args, **options)
    return raised.value.code(), raised.value.details()
