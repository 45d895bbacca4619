"""Every command that both servers have occurs in the generated sequences, or stands here with the reason why not."""

from __future__ import annotations

import pytest

from dozo.commands.api import load_families

from .families import FAMILIES, templates_of
from .raw import Wire

#: The families that test the commands of a group.
FAMILIES_OF = {
    "string": ("strings",),
    "list": ("lists",),
    "set": ("sets",),
    "sorted-set": ("sorted_sets",),
    "hash": ("hashes",),
    "stream": ("streams",),
    "bitmap": ("bitmaps",),
    "hyperloglog": ("hyperloglog",),
    "geo": ("geo",),
    "generic": ("generic", "sort"),
    "transactions": ("transactions",),
    "connection": ("connection",),
    "server": ("server", "generic", "sort"),
}
#: Families whose keys may hold another type, and expire.
TYPED = [family for group, (family, *_) in FAMILIES_OF.items() if group not in {"connection", "server"}]
_OTHER_TYPE = ("SET", "RPUSH", "SADD", "HSET", "ZADD", "XADD")

_OWN_HELP = "each server's help is its own; tests/commands looks at dozo's"
_OWN_FIGURES = "tells of the server itself; tests/commands looks at dozo's"
_FILES = "its files are looked at by tests/persistence"
_DISTURBS = "acts on other clients or ends the server; tests/commands has it"
NOT_GENERATED = {
    "save": _FILES,
    "bgsave": _FILES,
    "lastsave": _FILES,
    "bgrewriteaof": _FILES,
    "psubscribe": "listening needs a second connection: tests/commands/pubsub",
    "client|id": _OWN_FIGURES,
    "client|info": _OWN_FIGURES,
    "command|docs": "tests/contract compares it whole",
    "config|rewrite": "needs a settings file of each server's own: tests/commands/server",
    "command|help": _OWN_HELP,
    "config|help": _OWN_HELP,
    "info": _OWN_FIGURES,
    "latency|doctor": _OWN_FIGURES,
    "lolwut": _OWN_FIGURES,
    "memory|doctor": _OWN_FIGURES,
    "memory|malloc-stats": _OWN_FIGURES,
    "memory|stats": _OWN_FIGURES,
    "monitor": _DISTURBS,
    "pfselftest": "takes seconds in Redis: tests/commands/hyperloglog",
    "quit": _DISTURBS,
    "shutdown": _DISTURBS,
    "xgroup|help": "tests/commands/streams compares it",
    "xinfo|help": "tests/commands/streams compares it",
}


def names_in(family: str) -> set[str]:
    """The commands of a family's templates: a container's subcommands as name|subcommand."""
    words = [template.lower().split(" ") for template in templates_of(family)]
    return {each[0] for each in words} | {"|".join(each[:2]) for each in words}


@pytest.fixture(scope="module")
def shared_names(shared_redis) -> dict[str, str]:
    """Every command that both have, by its full name, with its group."""
    wire = Wire(shared_redis.port)
    known = {item.value.decode() for item in wire.call(b"COMMAND", b"LIST").value}
    wire.close()
    return {each.full_name: each.group for each in load_families().everything() if each.full_name in known}


def test_every_command_is_generated(shared_names):
    lacking = {
        name: group
        for name, group in shared_names.items()
        if group in FAMILIES_OF
        and name not in NOT_GENERATED
        and not any(name in names_in(family) for family in FAMILIES_OF[group] if family in FAMILIES)
    }
    assert lacking == {}


def test_what_is_left_out_is_not_generated(shared_names):
    assert set(NOT_GENERATED) <= set(shared_names)


@pytest.mark.parametrize("family", [family for family in TYPED if family in FAMILIES])
def test_keys_expire_and_hold_other_types(family):
    templates = templates_of(family)
    assert any(each.startswith("EXPIRE {") for each in templates)
    assert sum(any(each.startswith(f"{name} {{") for each in templates) for name in _OTHER_TYPE) >= 1
