"""The command API: how a command is declared, and the table of everything declared.

A command is declared once, here, and implemented once: as the Python function below the decorator, or in Rust (`hot`).
This module knows no command and no server; the kernel runs what the table holds.

    from dozo.commands.api import READONLY, Database, Key, command

    @command("GETRANGE", flags=READONLY, group="string", since="2.4.0", complexity="O(N), N the length of the reply")
    def getrange(db: Database, key: Key, start: int, end: int) -> bytes:
        \"\"\"Returns the bytes of the string at key between start and end, both included.\"\"\"
        return db.get_range(key, start, end)

The signature is the contract (dozo/commands/signature.py): arity, types and their errors, options and key positions
come from it. The value returned is the reply (dozo/replies.py), a `dozo.errors.ReplyError` raised is an error reply.

A command runs alone: nothing else touches the data until it returns. What it changed is journaled and replicated as
the command itself, word for word; one that gives another result when it is run again (time, chance, files) says with
`db.effect(...)` what happened instead. So does one that changes data both itself and through `db.call(...)`, because
the commands that it calls leave effects of their own, and those then stand for all of it.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntFlag
from pathlib import Path
from typing import Any, Final, Literal, Required, TypedDict, TypeVar, Unpack

from dozo._kernel import Client, Database, Server
from dozo.commands.arguments import Arg, KeySpec, arguments
from dozo.commands.signature import Counted, Error, Flag, Key, Range, Spec, Token, compile_signature
from dozo.errors import ConfigError, DeclarationError
from dozo.replies import NO_REPLY, NULL_ARRAY, OK, Reply, Simple, Verbatim

__all__ = [
    "ADMIN",
    "ALLOW_BUSY",
    "ASKING",
    "BLOCKING",
    "DENYOOM",
    "FAST",
    "LOADING",
    "MAY_REPLICATE",
    "MODULE",
    "MOVABLEKEYS",
    "NOSCRIPT",
    "NO_ASYNC_LOADING",
    "NO_AUTH",
    "NO_MANDATORY_KEYS",
    "NO_MULTI",
    "NO_REPLY",
    "NULL_ARRAY",
    "OK",
    "PUBSUB",
    "READONLY",
    "SKIP_MONITOR",
    "SKIP_SLOWLOG",
    "STALE",
    "TABLE",
    "WRITE",
    "Arg",
    "Client",
    "Command",
    "Counted",
    "Database",
    "Error",
    "Flag",
    "Flags",
    "Key",
    "KeySpec",
    "Range",
    "Reply",
    "Server",
    "Simple",
    "Table",
    "Token",
    "Verbatim",
    "command",
    "container",
    "hot",
    "load_families",
    "load_file",
]

Function = TypeVar("Function", bound=Callable[..., Any])
KeyFinder = Callable[[Sequence[bytes]], list[int]]


class Flags(IntFlag):
    """What the server must know before it runs a command; the names are Redis's, in COMMAND's order."""

    WRITE = 1 << 0
    READONLY = 1 << 1
    DENYOOM = 1 << 2
    ADMIN = 1 << 3
    PUBSUB = 1 << 4
    NOSCRIPT = 1 << 5
    BLOCKING = 1 << 6
    LOADING = 1 << 7
    STALE = 1 << 8
    SKIP_MONITOR = 1 << 9
    SKIP_SLOWLOG = 1 << 10
    ASKING = 1 << 11
    FAST = 1 << 12
    NO_AUTH = 1 << 13
    MAY_REPLICATE = 1 << 14
    NO_MANDATORY_KEYS = 1 << 15
    NO_ASYNC_LOADING = 1 << 16
    NO_MULTI = 1 << 17
    MOVABLEKEYS = 1 << 18
    ALLOW_BUSY = 1 << 19
    MODULE = 1 << 20

    @property
    def names(self) -> tuple[str, ...]:
        """The flags, by their names in lower case."""
        return tuple(str(flag.name).lower() for flag in self)

    @property
    def listed(self) -> tuple[str, ...]:
        """The flags as COMMAND INFO lists them; Redis keeps one to itself."""
        return (self & ~Flags.MAY_REPLICATE).names


NO_FLAGS: Final = Flags(0)
WRITE: Final = Flags.WRITE
READONLY: Final = Flags.READONLY
DENYOOM: Final = Flags.DENYOOM
ADMIN: Final = Flags.ADMIN
PUBSUB: Final = Flags.PUBSUB
NOSCRIPT: Final = Flags.NOSCRIPT
BLOCKING: Final = Flags.BLOCKING
LOADING: Final = Flags.LOADING
STALE: Final = Flags.STALE
SKIP_MONITOR: Final = Flags.SKIP_MONITOR
SKIP_SLOWLOG: Final = Flags.SKIP_SLOWLOG
ASKING: Final = Flags.ASKING
FAST: Final = Flags.FAST
NO_AUTH: Final = Flags.NO_AUTH
MAY_REPLICATE: Final = Flags.MAY_REPLICATE
NO_MANDATORY_KEYS: Final = Flags.NO_MANDATORY_KEYS
NO_ASYNC_LOADING: Final = Flags.NO_ASYNC_LOADING
NO_MULTI: Final = Flags.NO_MULTI
MOVABLEKEYS: Final = Flags.MOVABLEKEYS
ALLOW_BUSY: Final = Flags.ALLOW_BUSY
MODULE: Final = Flags.MODULE

_CATEGORY_OF_GROUP: Final = {"generic": "keyspace", "server": "", "pubsub": ""}


_KEYS_ONLY: Final = frozenset(
    [
        "del",
        "exists",
        "expire",
        "expireat",
        "expiretime",
        "flushall",
        "memory|usage",
        "move",
        "mset",
        "msetnx",
        "object|encoding",
        "object|freq",
        "object|idletime",
        "object|refcount",
        "persist",
        "pexpire",
        "pexpireat",
        "pexpiretime",
        "psetex",
        "pttl",
        "rename",
        "renamenx",
        "restore",
        "setex",
        "setnx",
        "strlen",
        "touch",
        "ttl",
        "type",
        "unlink",
        "watch",
    ]
)
"""Commands that never look at the value of their keys, or only where they write it anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One declared command. `function` and `spec` are None when Rust implements it, or when it is only a container."""

    name: str
    """In capitals; a subcommand carries its container's name: "CLIENT LIST"."""
    arity: int
    """Redis's: the number of words, the name's included; negated when it is a minimum."""
    keys: tuple[int, int, int]
    """(first, last, step), counted from the name as 0; zeros without keys or when they move."""
    group: str
    summary: str
    flags: Flags = NO_FLAGS
    since: str = "1.0.0"
    complexity: str = ""
    args: tuple[Arg, ...] = ()
    key_specs: tuple[KeySpec, ...] = ()
    tips: tuple[str, ...] = ()
    history: tuple[tuple[str, str], ...] = ()
    acl: tuple[str, ...] | None = None
    """ACL categories besides those of the flags; None stands for the group's."""
    doc_flags: tuple[str, ...] = ()
    deprecated_since: str | None = None
    replaced_by: str | None = None
    is_container: bool = False
    function: Callable[..., Any] | None = field(default=None, compare=False)
    spec: Spec | None = None
    key_finder: KeyFinder | None = field(default=None, compare=False)
    subcommands: dict[str, Command] = field(default_factory=dict, compare=False)

    @property
    def full_name(self) -> str:
        """As Redis writes it: "client|list"."""
        return self.name.lower().replace(" ", "|")

    @property
    def parent(self) -> str | None:
        """The name of the container of a subcommand."""
        return self.name.split(" ")[0] if " " in self.name else None

    @property
    def is_hot(self) -> bool:
        """Whether Rust implements it."""
        return self.function is None and not self.is_container

    @property
    def fetched(self) -> tuple[KeySpec, ...]:
        """Where the keys stand whose values it may ask for: these come from the disk first. Others are overwritten."""
        if self.full_name in _KEYS_ONLY:
            return ()
        asks = ("RO", "RW")
        return tuple(spec for spec in self.key_specs if spec.flags.startswith(asks) and not spec.unknown)

    @property
    def categories(self) -> tuple[str, ...]:
        """The ACL categories, each with its @; derived as Redis derives them, plus those of `acl`."""
        found = list(self.acl) if self.acl is not None else [_CATEGORY_OF_GROUP.get(self.group, self.group)]
        flags = self.flags
        implied = (
            ("write", WRITE),
            ("read", READONLY),
            ("admin", ADMIN),
            ("dangerous", ADMIN),
            ("pubsub", PUBSUB),
        )
        found += [category for category, flag in implied if flags & flag]
        if "scripting" in found and "read" in found:
            found.remove("read")  # What a script reads is not known before it runs.
        found += ["fast" if flags & FAST else "slow"] + (["blocking"] if flags & BLOCKING else [])
        return tuple(dict.fromkeys(f"@{category.replace('-', '')}" for category in found if category))

    def key_positions(self, args: Sequence[bytes]) -> list[int]:
        """The positions of the keys in a command line that has the right arity (the name is position 0)."""
        if self.key_finder is not None:
            return self.key_finder(args)
        if self.spec is not None and self.spec.moves:
            return self.spec.moving_keys(self.name.count(" ") + 1, args)
        first, last, step = self.keys
        if not first:
            return []
        return list(range(first, (len(args) + last if last < 0 else last) + 1, step))


class Table:
    """Every declared command, by its name in capitals."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}
        self.loading = False
        """Whether what is added comes from a user's file; it is then flagged as a module's, as Redis would."""

    def add(self, declared: Command) -> None:
        """Put a command into the table; its container comes first, and no name twice."""
        if self.loading:
            declared = replace(declared, flags=declared.flags | MODULE)
        if declared.parent is None:
            siblings = self._commands
        elif declared.parent in self._commands:
            siblings = self._commands[declared.parent].subcommands
        else:
            raise DeclarationError(
                f"command {declared.name}: declare the container {declared.parent} before it"
            )
        if declared.name in siblings:
            raise DeclarationError(f"command {declared.name}: it is already declared")
        siblings[declared.name] = declared

    def find(self, name: str) -> Command | None:
        """The command of that name, in any case: "get", "CLIENT LIST" or "client|list"."""
        words = name.upper().replace("|", " ").split(" ")
        found = self._commands.get(words[0])
        return found if found is None or len(words) == 1 else found.subcommands.get(" ".join(words))

    def __iter__(self) -> Iterator[Command]:
        """The commands without their subcommands, sorted by name."""
        return iter(sorted(self._commands.values(), key=lambda declared: declared.name))

    def __len__(self) -> int:
        return len(self._commands)

    def everything(self) -> list[Command]:
        """The commands and their subcommands, sorted by name: what the kernel is built from."""
        found = [*self._commands.values()]
        for declared in self._commands.values():
            found.extend(declared.subcommands.values())
        return sorted(found, key=lambda declared: declared.name)


TABLE: Final = Table()
"""The table that the decorators fill and that the server runs."""


class About(TypedDict, total=False):
    """What every declaration may say besides its name; the defaults are those of `Command`."""

    flags: Flags
    group: Required[str]
    since: str
    complexity: str
    args: str | Sequence[Arg]
    key_specs: tuple[KeySpec, ...]
    key_flags: str
    tips: tuple[str, ...]
    history: tuple[tuple[str, str], ...]
    acl: tuple[str, ...]
    doc_flags: tuple[str, ...]
    deprecated_since: str
    replaced_by: str


def command(
    name: str,
    *,
    keys: int | tuple[int, int, int] | KeyFinder | None = None,
    arity: int | None = None,
    summary: str | None = None,
    exclusive: Sequence[Sequence[str]] = (),
    surplus: Literal["syntax", "arity"] = "syntax",
    **about: Unpack[About],
) -> Callable[[Function], Function]:
    """Declare the function below as the command `name`; it stays a plain function.

    keys, arity, args and summary (the docstring's first line) come from the function unless given. `exclusive` names
    groups of options of which at most one may be given. `surplus` says how too many arguments are answered.
    """

    def declare(function: Function) -> Function:
        full = name.upper()
        words = full.count(" ") + 1
        spec = compile_signature(full, function, exclusive, surplus == "arity")
        finder = keys if callable(keys) else None
        if finder is not None or spec.moves:
            about["flags"] = about.get("flags", NO_FLAGS) | MOVABLEKEYS
        about.setdefault("args", spec.args())
        _declare(
            about,
            name=full,
            arity=spec.arity(words) if arity is None else arity,
            keys=spec.keys(words) if keys is None or callable(keys) else _keys(keys),
            summary=summary or (inspect.getdoc(function) or "").partition("\n")[0],
            function=function,
            spec=spec,
            key_finder=finder,
        )
        return function

    return declare


def hot(
    name: str,
    *,
    arity: int,
    summary: str,
    keys: int | tuple[int, int, int] | KeyFinder = 0,
    **about: Unpack[About],
) -> None:
    """Declare a command that Rust implements; starting a server fails when Rust has none of that name."""
    finder = keys if callable(keys) else None
    positions = (0, 0, 0) if callable(keys) else _keys(keys)
    if finder is not None:
        about["flags"] = about.get("flags", NO_FLAGS) | MOVABLEKEYS
    _declare(about, name=name.upper(), arity=arity, keys=positions, summary=summary, key_finder=finder)


def container(name: str, *, summary: str, **about: Unpack[About]) -> None:
    """Declare a command that only has subcommands; they are declared after it as "NAME SUBCOMMAND"."""
    about.setdefault("acl", ())
    _declare(about, name=name.upper(), arity=-2, keys=(0, 0, 0), summary=summary, is_container=True)


def _declare(about: About, *, keys: tuple[int, int, int], **fields: Any) -> None:
    """Put the declaration into the table."""
    known: dict[str, Any] = dict(about)
    args = known.pop("args", ())
    key_flags = known.pop("key_flags", "")
    known["args"] = arguments(args) if isinstance(args, str) else tuple(args)
    known.setdefault("key_specs", _key_specs(keys, about.get("flags", NO_FLAGS), key_flags))
    TABLE.add(Command(**known, keys=keys, **fields))


def _keys(keys: int | tuple[int, int, int]) -> tuple[int, int, int]:
    """keys=1 means one key at position 1."""
    if isinstance(keys, tuple):
        return keys
    return (keys, keys, 1) if keys else (0, 0, 0)


def _key_specs(keys: tuple[int, int, int], flags: Flags, key_flags: str) -> tuple[KeySpec, ...]:
    """One range of keys; what happens to them follows from the command unless `key_flags` says it."""
    first, last, step = keys
    if not first:
        return ()
    words = key_flags or ("RO access" if flags & READONLY else "RW access update")
    return (KeySpec(words, first, last if last < 0 else last - first, step),)


def load_families() -> Table:
    """Import the modules that declare dozo's own commands; the table is then complete."""
    from dozo.commands import FAMILIES

    for family in FAMILIES:
        importlib.import_module(f"dozo.commands.{family}")
    return TABLE


def load_file(path: Path) -> list[Command]:
    """Run a user's file, which declares commands of its own, and return what it added. Errors are one line."""
    before = {declared.name for declared in TABLE.everything()}
    spec = importlib.util.spec_from_file_location(f"dozo_loaded_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    TABLE.loading = True
    try:
        spec.loader.exec_module(module)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{path}: {type(error).__name__}: {error}") from error
    finally:
        TABLE.loading = False
    return [declared for declared in TABLE.everything() if declared.name not in before]
