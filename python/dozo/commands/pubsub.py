"""Pub/sub: messages to whoever listens to a channel, a pattern of channels or a shard channel.

Owns the commands of the group "pubsub". Subscribing and publishing are hot (crates/engine/src/hot/pubsub.rs); what the
server knows of subscriptions is asked here.
"""

from __future__ import annotations

from typing import Any, Final

from dozo.commands.api import (
    FAST,
    LOADING,
    MAY_REPLICATE,
    NOSCRIPT,
    PUBSUB,
    STALE,
    Arg,
    Server,
    command,
    container,
    hot,
)
from dozo.commands.arguments import block
from dozo.commands.help import declare_help
from dozo.errors import ReplyError

_GROUP: Final = "pubsub"
_LISTEN: Final = PUBSUB | NOSCRIPT | LOADING | STALE
_SEND: Final = PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE
_ASK: Final = PUBSUB | LOADING | STALE

hot(
    "SUBSCRIBE",
    arity=-2,
    flags=_LISTEN,
    group=_GROUP,
    since="2.0.0",
    summary="Listens to channels.",
    complexity="O(log M) a channel of M subscribers",
    args="channel [channel ...]",
)
hot(
    "UNSUBSCRIBE",
    arity=-1,
    flags=_LISTEN,
    group=_GROUP,
    since="2.0.0",
    summary="Ends listening to channels, or to all of them.",
    complexity="O(log M) a channel of M subscribers",
    args="[channel ...]",
)
hot(
    "PSUBSCRIBE",
    arity=-2,
    flags=_LISTEN,
    group=_GROUP,
    since="2.0.0",
    summary="Listens to every channel whose name matches one of the patterns.",
    complexity="O(log M) a pattern of M subscribers",
    args=(block("pattern", Arg("pattern", "pattern"), multiple=True),),
)
hot(
    "PUNSUBSCRIBE",
    arity=-1,
    flags=_LISTEN,
    group=_GROUP,
    since="2.0.0",
    summary="Ends listening to patterns of channels, or to all of them.",
    complexity="O(log M) a pattern of M subscribers",
    args="[pattern ...]",
)
hot(
    "SSUBSCRIBE",
    arity=-2,
    keys=(1, -1, 1),
    key_flags="not_key",
    flags=_LISTEN,
    group=_GROUP,
    since="7.0.0",
    summary="Listens to shard channels.",
    complexity="O(log M) a channel of M subscribers",
    args="shardchannel [shardchannel ...]",
)
hot(
    "SUNSUBSCRIBE",
    arity=-1,
    keys=(1, -1, 1),
    key_flags="not_key",
    flags=_LISTEN,
    group=_GROUP,
    since="7.0.0",
    summary="Ends listening to shard channels, or to all of them.",
    complexity="O(log M) a channel of M subscribers",
    args="[shardchannel ...]",
)
hot(
    "PUBLISH",
    arity=3,
    flags=_SEND,
    group=_GROUP,
    since="2.0.0",
    summary="Sends a message to a channel and returns how many hear it.",
    complexity="O(N+M) for N receivers and M patterns that anybody listens to",
    args="channel message",
)
hot(
    "SPUBLISH",
    arity=3,
    keys=1,
    key_flags="not_key",
    flags=_SEND,
    group=_GROUP,
    since="7.0.0",
    summary="Sends a message to a shard channel and returns how many hear it.",
    complexity="O(N) for N receivers",
    args="shardchannel message",
)
container(
    "PUBSUB",
    group=_GROUP,
    since="2.8.0",
    summary="Tells about subscriptions.",
    complexity="Depends on the subcommand.",
)
declare_help("PUBSUB", group=_GROUP, since="6.2.0", acl=())


@command(
    "PUBSUB CHANNELS",
    flags=_ASK,
    group=_GROUP,
    since="2.8.0",
    complexity="O(N) for N channels",
    args="[pattern]",
)
def channels(server: Server, *patterns: bytes) -> list[bytes]:
    """Returns the channels that somebody listens to, all or those that match a pattern."""
    return server.channels(_one(patterns, "CHANNELS"))


@command(
    "PUBSUB NUMSUB",
    flags=_ASK,
    group=_GROUP,
    since="2.8.0",
    complexity="O(N) for N channels named",
    args="[channel ...]",
)
def numsub(server: Server, *names: bytes) -> list[Any]:
    """Returns how many listen to each of the channels, patterns not counted."""
    return [item for name in names for item in (name, server.subscribers(name))]


@command("PUBSUB NUMPAT", flags=_ASK, group=_GROUP, since="2.8.0", complexity="O(1)")
def numpat(server: Server) -> int:
    """Returns how many different patterns are listened to."""
    count: int = server.stats()["pubsub_patterns"]
    return count


@command(
    "PUBSUB SHARDCHANNELS",
    flags=_ASK,
    group=_GROUP,
    since="7.0.0",
    complexity="O(N) for N shard channels",
    args="[pattern]",
)
def shardchannels(server: Server, *patterns: bytes) -> list[bytes]:
    """Returns the shard channels that somebody listens to, all or those that match a pattern."""
    return server.channels(_one(patterns, "SHARDCHANNELS"), shard=True)


def _one(patterns: tuple[bytes, ...], name: str) -> bytes | None:
    """The pattern, if there is one; Redis has a text of its own for more."""
    if len(patterns) > 1:
        raise ReplyError(
            f"ERR unknown subcommand or wrong number of arguments for '{name}'. Try PUBSUB HELP."
        )
    return patterns[0] if patterns else None


@command(
    "PUBSUB SHARDNUMSUB",
    flags=_ASK,
    group=_GROUP,
    since="7.0.0",
    complexity="O(N) for N shard channels named",
    args="[shardchannel ...]",
)
def shardnumsub(server: Server, *names: bytes) -> list[Any]:
    """Returns how many listen to each of the shard channels."""
    return [item for name in names for item in (name, server.subscribers(name, shard=True))]
