"""XGROUP and XINFO: consumer groups, and what a stream tells of itself."""

from __future__ import annotations

from typing import Any, Final

from dozo.commands.api import DENYOOM, OK, READONLY, WRITE, Database, Key, command, container
from dozo.commands.arguments import typed
from dozo.commands.help import declare_help
from dozo.commands.numbers import integer
from dozo.commands.stream_ids import Id, id_text, start_id, strict_id
from dozo.commands.streams import entry_or_none, first_id_text
from dozo.errors import NoSuchKey, ReplyError

_GROUP: Final = "stream"
_NO_KEY: Final = (
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM"
    " option to create an empty stream automatically."
)
_ENTRIES_SHOWN: Final = 10

for _name, _summary in (
    ("XGROUP", "Makes, changes and removes consumer groups."),
    ("XINFO", "Tells about a stream and its groups."),
):
    container(
        _name, group=_GROUP, since="5.0.0", summary=_summary, complexity="Depends on the subcommand.", acl=()
    )
    declare_help(_name, group=_GROUP, since="5.0.0", acl=("stream",))


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _no_such_group(group: bytes, key: bytes) -> ReplyError:
    return ReplyError(f"NOGROUP No such consumer group '{_shown(group)}' for key name '{_shown(key)}'")


def _unknown(command_name: str, subcommand: str) -> ReplyError:
    return ReplyError(
        f"ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try {command_name} HELP."
    )


def _require_group(db: Database, key: bytes, group: bytes) -> None:
    found = db.streams.has_group(key, group)
    if found is None:
        raise ReplyError(_NO_KEY)
    if not found:
        raise _no_such_group(group, key)


def _group_options(subcommand: str, words: tuple[bytes, ...]) -> tuple[bool, int | None]:
    """MKSTREAM and ENTRIESREAD."""
    make_stream, entries_read = False, -1
    rest = list(reversed(words))
    while rest:
        word = rest.pop().upper()
        if word == b"MKSTREAM" and subcommand == "CREATE":
            make_stream = True
        elif word == b"ENTRIESREAD" and rest:
            entries_read = integer(rest.pop())
            if entries_read < -1:
                raise ReplyError("ERR value for ENTRIESREAD must be positive or -1")
        else:
            raise _unknown("XGROUP", subcommand)
    return make_stream, None if entries_read == -1 else entries_read


def _position(text: bytes, ends: bool = False) -> Id | None:
    """The id, or None for $, the stream's last one; with `ends` also - and +."""
    if text == b"$":
        return None
    return start_id(text) if ends and text in (b"-", b"+") else strict_id(text)


@command(
    "XGROUP CREATE",
    arity=-5,
    key_flags="RW insert",
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="5.0.0",
    complexity="O(1)",
    args=typed(
        "key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]", id="string", entries_read="integer"
    ),
    history=(("7.0.0", "The option ENTRIESREAD exists."),),
)
def xgroup_create(db: Database, key: Key, group: bytes, start: bytes, *options: bytes) -> str:
    """Makes a consumer group that reads what comes after an id."""
    make_stream, entries_read = _group_options("CREATE", options)
    exists = db.streams.has_group(key, group)
    if exists is None and not make_stream:
        raise ReplyError(_NO_KEY)
    made = db.streams.create_group(key, group, _position(start), entries_read, make_stream)
    if not made:
        raise ReplyError("BUSYGROUP Consumer Group name already exists")
    db.notify("t", "xgroup-create", key)
    return OK


@command(
    "XGROUP SETID",
    arity=-5,
    key_flags="RW update",
    flags=WRITE,
    group=_GROUP,
    since="5.0.0",
    complexity="O(1)",
    args=typed("key group <id | $> [ENTRIESREAD entries-read]", id="string", entries_read="integer"),
    history=(("7.0.0", "The option ENTRIESREAD exists."),),
)
def xgroup_setid(db: Database, key: Key, group: bytes, start: bytes, *options: bytes) -> str:
    """Sets how far a group has read."""
    _, entries_read = _group_options("SETID", options)
    _require_group(db, key, group)
    db.streams.set_group(key, group, _position(start, ends=True), entries_read)
    db.notify("t", "xgroup-setid", key)
    return OK


@command(
    "XGROUP DESTROY",
    key_flags="RW delete",
    flags=WRITE,
    group=_GROUP,
    since="5.0.0",
    complexity="O(N) for N pending entries",
)
def xgroup_destroy(db: Database, key: Key, group: bytes) -> int:
    """Removes a group with its consumers and pending entries."""
    gone = db.streams.destroy_group(key, group)
    if gone is None:
        raise ReplyError(_NO_KEY)
    if gone:
        db.notify("t", "xgroup-destroy", key)
    return int(gone)


@command(
    "XGROUP CREATECONSUMER",
    key_flags="RW insert",
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="6.2.0",
    complexity="O(1)",
)
def xgroup_createconsumer(db: Database, key: Key, group: bytes, consumer: bytes) -> int:
    """Makes a consumer of a group; 0 when the group has it."""
    _require_group(db, key, group)
    made = bool(db.streams.create_consumer(key, group, consumer))
    if made:
        db.notify("t", "xgroup-createconsumer", key)
    return int(made)


@command(
    "XGROUP DELCONSUMER",
    key_flags="RW delete",
    flags=WRITE,
    group=_GROUP,
    since="5.0.0",
    complexity="O(N) for N entries pending at the consumer",
)
def xgroup_delconsumer(db: Database, key: Key, group: bytes, consumer: bytes) -> int:
    """Removes a consumer of a group and returns how many entries were pending at it."""
    _require_group(db, key, group)
    pending = db.streams.delete_consumer(key, group, consumer)
    if pending is None:
        return 0
    db.notify("t", "xgroup-delconsumer", key)
    return pending


@command(
    "XINFO GROUPS",
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="5.0.0",
    complexity="O(N) for N groups",
    history=(("7.0.0", "entries-read and lag are told."),),
)
def xinfo_groups(db: Database, key: Key) -> list[dict[str, Any]]:
    """Tells about the groups of a stream."""
    found = db.streams.groups(key)
    if found is None:
        raise NoSuchKey
    return [
        {
            "name": group["name"],
            "consumers": group["consumers"],
            "pending": group["pending"],
            "last-delivered-id": group["last_id"],
            "entries-read": group["entries_read"],
            "lag": group["lag"],
        }
        for group in found
    ]


@command(
    "XINFO CONSUMERS",
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="5.0.0",
    complexity="O(N) for N consumers",
    tips=("nondeterministic_output",),
)
def xinfo_consumers(db: Database, key: Key, group: bytes) -> list[dict[str, Any]]:
    """Tells about the consumers of a group."""
    if db.streams.has_group(key, group) is None:
        raise NoSuchKey
    found = db.streams.consumers(key, group)
    if found is None:
        raise _no_such_group(group, key)
    now = db.now_ms
    return [
        {"name": one["name"], "pending": one["pending"], "idle": max(now - one["seen_at"], 0)}
        for one in found
    ]


@command(
    "XINFO STREAM",
    arity=-3,
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="5.0.0",
    complexity="O(N) for N entries and groups shown",
    args="key [FULL [COUNT count]]",
    history=(("6.0.0", "The option FULL exists."), ("7.0.0", "Counters and lag are told.")),
)
def xinfo_stream(db: Database, key: Key, *options: bytes) -> dict[str, Any]:
    """Tells about a stream; with FULL its entries, groups, consumers and pending entries too."""
    counters = db.streams.info(key)
    if counters is None:
        raise NoSuchKey
    count = _full_count(options)
    told = {
        "length": counters["length"],
        "radix-tree-keys": counters["blocks"],
        "radix-tree-nodes": counters["blocks"] + 1,
        "last-generated-id": id_text(counters["last_id"]),
        "max-deleted-entry-id": id_text(counters["max_deleted"]),
        "entries-added": counters["added"],
        "recorded-first-entry-id": first_id_text(counters),
    }
    if count is None:
        first = counters["first_id"] if counters["length"] else None
        return told | {
            "groups": counters["groups"],
            "first-entry": entry_or_none(db, key, first),
            "last-entry": entry_or_none(db, key, counters["newest_id"]),
        }
    shown = count or None
    told["entries"] = db.streams.range(key, (0, 0), counters["last_id"], count=shown)
    told["groups"] = [_full_group(db, key, group, shown) for group in db.streams.groups(key) or []]
    return told


def _full_count(options: tuple[bytes, ...]) -> int | None:
    """How many entries FULL shows, 0 for all; None without FULL."""
    words = [word.upper() for word in options]
    if not words:
        return None
    if words[0] != b"FULL" or len(words) not in (1, 3) or (len(words) == 3 and words[1] != b"COUNT"):
        raise _unknown("XINFO", "STREAM")
    count = integer(options[2]) if len(words) == 3 else _ENTRIES_SHOWN
    return count if count >= 0 else _ENTRIES_SHOWN


def _full_group(db: Database, key: bytes, group: dict[str, Any], count: int | None) -> dict[str, Any]:
    name, now = group["name"], db.now_ms
    pending = db.streams.pending(key, name, count=count) or []
    return {
        "name": name,
        "last-delivered-id": group["last_id"],
        "entries-read": group["entries_read"],
        "lag": group["lag"],
        "pel-count": group["pending"],
        "pending": [[at, consumer, now - idle, times] for at, consumer, idle, times in pending],
        "consumers": [
            {
                "name": one["name"],
                "seen-time": one["seen_at"],
                "pel-count": one["pending"],
                "pending": [
                    [at, now - idle, times]
                    for at, _, idle, times in db.streams.pending(key, name, count=count, consumer=one["name"])
                    or []
                ],
            }
            for one in db.streams.consumers(key, name) or []
        ],
    }
