"""COMMAND: what the server knows of its own commands. It tells what is declared (api.py), nothing more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final, Literal

from dozo._kernel import glob_match
from dozo.commands.api import LOADING, MODULE, MOVABLEKEYS, STALE, TABLE, Command, command
from dozo.commands.arguments import Arg, KeySpec
from dozo.commands.help import declare_help
from dozo.errors import ReplyError
from dozo.replies import Simple

_GROUP: Final = "server"
_FLAGS: Final = LOADING | STALE
_ACL: Final = ("connection",)
_CATEGORIES: Final = (
    "@keyspace @read @write @set @sortedset @list @hash @string @bitmap @hyperloglog @geo @stream"
    " @pubsub @admin @fast @slow @blocking @dangerous @connection @transaction @scripting"
)
"""In the order in which Redis lists them; a category's place is its position in this text."""
_UNORDERED: Final = ("nondeterministic_output_order",)


class _Set(frozenset[Any]):
    """A set reply in the order of its making: Python's own sets have none, and can't hold maps."""

    _items: tuple[Any, ...]

    def __new__(cls, items: Iterable[Any]) -> _Set:
        ordered = tuple(items)
        made = super().__new__(cls, range(len(ordered)))
        made._items = ordered
        return made

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)


def _statuses(names: Iterable[str]) -> _Set:
    return _Set(Simple(name) for name in names)


@command(
    "COMMAND",
    flags=_FLAGS,
    group=_GROUP,
    since="2.8.13",
    complexity="O(N) for N commands",
    acl=_ACL,
    tips=_UNORDERED,
    arity=-1,
)
def all_() -> list[Any]:
    """Returns what COMMAND INFO tells, of every command."""
    return [_info(declared) for declared in TABLE]


declare_help("COMMAND", group=_GROUP, since="5.0.0", acl=_ACL)


@command("COMMAND COUNT", flags=_FLAGS, group=_GROUP, since="2.8.13", complexity="O(1)", acl=_ACL)
def count() -> int:
    """Returns how many commands there are, subcommands not counted."""
    return len(TABLE)


@command(
    "COMMAND INFO",
    flags=_FLAGS,
    group=_GROUP,
    since="2.8.13",
    complexity="O(N) for N commands",
    acl=_ACL,
    tips=_UNORDERED,
    args="[command-name ...]",
    history=(("7.0.0", "Without a name it tells of every command."),),
)
def info(*names: str) -> list[Any]:
    """Returns arity, flags, key positions, ACL categories, tips, key specifications and subcommands of commands."""
    if not names:
        return all_()
    found = [TABLE.find(name) for name in names]
    return [None if declared is None else _info(declared) for declared in found]


@command(
    "COMMAND DOCS",
    flags=_FLAGS,
    group=_GROUP,
    since="7.0.0",
    complexity="O(N) for N commands",
    acl=_ACL,
    tips=_UNORDERED,
    args="[command-name ...]",
)
def docs(*names: str) -> dict[str, Any]:
    """Returns summary, group, history and arguments of commands; unknown ones are left out."""
    found = [TABLE.find(name) for name in names] if names else list(TABLE)
    return {declared.full_name: _docs(declared) for declared in found if declared is not None}


@command(
    "COMMAND LIST",
    flags=_FLAGS,
    group=_GROUP,
    since="7.0.0",
    complexity="O(N) for N commands",
    acl=_ACL,
    tips=_UNORDERED,
    args="[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
)
def list_(*, filterby: tuple[Literal["MODULE", "ACLCAT", "PATTERN"], bytes] | None = None) -> list[str]:
    """Returns the names of the commands, of a module, an ACL category or a glob pattern when told."""
    chosen = list(TABLE) if filterby is None else _chosen(*filterby)
    return [declared.full_name for declared in chosen]


def _chosen(kind: str, value: bytes) -> Iterator[Command]:
    """The commands that COMMAND LIST's filter lets through, subcommands among them, as in Redis."""
    for declared in TABLE.everything():
        match kind:
            case "MODULE":
                keep = bool(declared.flags & MODULE) and value.lower() == b"dozo"
            case "ACLCAT":
                keep = f"@{value.decode(errors='replace').lower()}" in declared.categories
            case _:
                keep = glob_match(value, declared.full_name.encode(), True)
        if keep:
            yield declared


@command(
    "COMMAND GETKEYS",
    arity=-4,
    flags=_FLAGS,
    group=_GROUP,
    since="2.8.13",
    complexity="O(N) for N arguments",
    acl=_ACL,
    args="command [arg ...]",
)
def getkeys(*line: bytes) -> list[bytes]:
    """Returns the keys of a command line."""
    return [line[position] for position, _ in _keys(line)]


@command(
    "COMMAND GETKEYSANDFLAGS",
    arity=-4,
    flags=_FLAGS,
    group=_GROUP,
    since="7.0.0",
    complexity="O(N) for N arguments",
    acl=_ACL,
    args="command [arg ...]",
)
def getkeysandflags(*line: bytes) -> list[Any]:
    """Returns the keys of a command line, each with what happens to it."""
    return [[line[position], _statuses(flags)] for position, flags in _keys(line)]


def _keys(line: tuple[bytes, ...]) -> list[tuple[int, list[str]]]:
    """The positions of the keys of a command line with the flags of their specification."""
    declared = TABLE.find(line[0].decode(errors="replace"))
    if declared is not None and declared.subcommands and len(line) > 1:
        declared = TABLE.find(b" ".join(line[:2]).decode(errors="replace")) or declared
    if declared is None:
        raise ReplyError("ERR Invalid command specified")
    if not declared.key_specs and not declared.flags & MOVABLEKEYS and not declared.keys[0]:
        raise ReplyError("ERR The command has no key arguments")
    if len(line) != declared.arity if declared.arity > 0 else len(line) < -declared.arity:
        raise ReplyError("ERR Invalid number of arguments specified for command")
    flags = {at: _key_flags(spec, line) for spec in declared.key_specs for at in spec.positions(len(line))}
    default = _key_flags(declared.key_specs[0], line) if declared.key_specs else []
    found = [(at, flags.get(at, default)) for at in declared.key_positions(line) if at < len(line)]
    if not found:
        raise ReplyError("ERR Invalid arguments specified for command")
    return found


def _key_flags(spec: KeySpec, line: tuple[bytes, ...]) -> list[str]:
    """What happens to a key; of SET, whose flags vary, it depends on whether an option reads the value."""
    flags = spec.flags.split()
    if "variable_flags" not in flags:
        return flags
    reads = any(word.upper() in (b"GET", b"IFEQ") for word in line[3:])
    return ["RW", "access", "update"] if reads else ["OW", "update"]


@cache
def _info(declared: Command) -> list[Any]:
    """One command as COMMAND INFO tells it; kept, as making them all takes milliseconds in which nobody is served."""
    return [
        declared.full_name,
        declared.arity,
        _statuses(declared.flags.listed),
        *declared.keys,
        _statuses(sorted(declared.categories, key=_CATEGORIES.index)),
        _Set(declared.tips),
        _Set(_key_spec(spec) for spec in declared.key_specs),
        _Set(_info(sub) for sub in declared.subcommands.values()),
    ]


def _key_spec(spec: KeySpec) -> dict[str, Any]:
    """Where the keys begin, and how to find the others from there."""
    if spec.counted:
        kind, found = "keynum", {"keynumidx": 0, "firstkey": 1, "keystep": spec.step}
    else:
        kind, found = "range", {"lastkey": spec.last, "keystep": spec.step, "limit": spec.limit}
    begin: dict[str, Any] = {"type": "index", "spec": {"index": spec.first}}
    if spec.keyword is not None:
        begin = {"type": "keyword", "spec": {"keyword": spec.keyword, "startfrom": spec.first}}
    told: dict[str, Any] = {"notes": spec.notes} if spec.notes else {}
    if spec.unknown:
        nowhere = {"type": "unknown", "spec": {}}
        return told | {
            "flags": _statuses(spec.flags.split()),
            "begin_search": nowhere,
            "find_keys": nowhere,
        }
    return told | {
        "flags": _statuses(spec.flags.split()),
        "begin_search": begin,
        "find_keys": {"type": kind, "spec": found},
    }


@cache
def _docs(declared: Command) -> dict[str, Any]:
    """One command as COMMAND DOCS tells it, kept too; what it does not have is left out."""
    told: dict[str, Any] = {
        "summary": declared.summary,
        "since": declared.since,
        "group": "module" if declared.flags & MODULE else declared.group,
        "complexity": declared.complexity,
        "doc_flags": _statuses(declared.doc_flags),
        "deprecated_since": declared.deprecated_since,
        "replaced_by": declared.replaced_by,
        "history": _Set(list(entry) for entry in declared.history),
        "arguments": [_arg(arg) for arg in declared.args],
        "subcommands": {sub.full_name: _docs(sub) for sub in declared.subcommands.values()},
    }
    return {name: value for name, value in told.items() if value}


def _arg(arg: Arg) -> dict[str, Any]:
    told: dict[str, Any] = {"name": arg.name, "type": arg.type}
    told |= {
        "key_spec_index": arg.key_spec,
        "token": arg.token,
        "flags": _statuses(arg.flags),
        "arguments": [_arg(child) for child in arg.children],
    }
    return {name: value for name, value in told.items() if value is not None and (value or value == 0)}
