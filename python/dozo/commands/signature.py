"""Turns a command's Python signature into its wire contract: arity, types, options, key positions, documentation.

The contract is compiled once, at import, into a `Spec`; the kernel converts arguments by it without asking again.
Nothing here knows a particular command, and nothing here converts an argument.

The order of parameters is fixed: injected ones (`db: Database`, `client: Client`, `server: Server`), then positional
ones, the optional ones last, then one variadic, then keyword-only ones, which are options by token in any order.

    def getrange(db: Database, key: Key, start: int, end: int)      GETRANGE key start end
    def lolwut(version: int = 5)                                    LOLWUT [version]
    def delete(db: Database, *keys: Key)                            DEL key [key ...]
    def mset(db: Database, *pairs: tuple[Key, bytes])               MSET key value [key value ...]
    def scan(cursor: int, *, match: bytes | None = None)            SCAN cursor [MATCH match]
    def msetex(*pairs: Annotated[tuple[Key, bytes], Counted()], nx: Flag = False)
                                                                    MSETEX numpairs key value [key value ...] [NX]
Options stand after a counted variadic and before any other one (as in ZADD key [NX] score member [score member ...]).
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from dozo._kernel import Client, Database, Server
from dozo.commands.arguments import Arg, ArgType, block, oneof, token
from dozo.errors import DeclarationError

__all__ = [
    "INVALID_FLOAT",
    "INVALID_INT",
    "SYNTAX",
    "Counted",
    "Error",
    "Flag",
    "Item",
    "Key",
    "Option",
    "Positional",
    "Range",
    "Spec",
    "Token",
    "compile_signature",
]

SYNTAX: Final = "ERR syntax error"
INVALID_INT: Final = "ERR value is not an integer or out of range"
INVALID_FLOAT: Final = "ERR value is not a valid float"
OUT_OF_RANGE: Final = "ERR value is out of range"
INT64: Final = (-(2**63), 2**63 - 1)


class _Mark:
    """What tells `Key` and `Flag` from plain bytes and bool."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


_KEY: Final = _Mark("Key")
_FLAG: Final = _Mark("Flag")

Key: TypeAlias = Annotated[bytes, _KEY]
"""The name of an entry; the command's key positions come from these parameters."""

Flag: TypeAlias = Annotated[bool, _FLAG]
"""A token without a value: `nx: Flag = False` is true when NX is given."""


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of an int, both included: `Annotated[int, Range(0, 100, "ERR out of bounds")]`."""

    low: int = INT64[0]
    high: int = INT64[1]
    error: str = OUT_OF_RANGE


@dataclass(frozen=True, slots=True)
class Error:
    """The error line of an argument that can't be converted: `Annotated[int, Error("ERR invalid cursor")]`."""

    text: str


@dataclass(frozen=True, slots=True)
class Token:
    """The token of an option that isn't the parameter's name in capitals."""

    text: str


@dataclass(frozen=True, slots=True)
class Counted:
    """A variadic led by its number of items; `error` answers a number below 1, or one that isn't a number."""

    error: str = "ERR numkeys should be greater than 0"
    missing: str = SYNTAX
    """Answers a number that is larger than what follows."""


@dataclass(frozen=True, slots=True)
class Item:
    """One argument: its kind, its error line and, by kind, its tokens or bounds."""

    kind: Literal["key", "bytes", "str", "int", "float", "choice"]
    error: str
    choices: tuple[str, ...] = ()
    low: int = INT64[0]
    high: int = INT64[1]
    range_error: str = OUT_OF_RANGE


@dataclass(frozen=True, slots=True)
class Positional:
    """A positional parameter: one item, or several that arrive together as a tuple."""

    name: str
    items: tuple[Item, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """A keyword-only parameter: a token and what follows it; no items means a flag."""

    name: str
    token: str
    items: tuple[Item, ...]
    repeated: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class Spec:
    """A signature, compiled. The kernel reads exactly these fields (crates/py/src/spec.rs)."""

    injected: tuple[str, ...]
    positional: tuple[Positional, ...]
    variadic: Positional | None
    counted: Counted | None
    options: tuple[Option, ...]
    exclusive: tuple[tuple[int, ...], ...]
    """Groups of options, by their index, of which at most one may be given."""
    surplus_is_arity: bool = False
    """Too many arguments are answered as a wrong number of them, not as a syntax error."""

    def arity(self, words: int) -> int:
        """Redis's arity for a name of `words` words: negative when it is a minimum."""
        fixed = words + sum(len(p.items) for p in self.positional if not p.optional)
        for option in self.options:
            fixed += 1 + len(option.items) if option.required else 0
        if self.variadic is not None and (
            self.counted or any(item.kind == "key" for item in self.variadic.items)
        ):
            fixed += len(self.variadic.items) + bool(self.counted)
        exact = not self.options and self.variadic is None and not any(p.optional for p in self.positional)
        return fixed if exact else -fixed

    def keys(self, words: int) -> tuple[int, int, int]:
        """(first, last, step) of the keys; zeros when there are none or when they move."""
        at, found = words, []
        for positional in self.positional:
            for item in positional.items:
                if item.kind == "key":
                    found.append(at)
                at += 1
        if self.variadic is not None and not self.counted:
            offsets = [i for i, item in enumerate(self.variadic.items) if item.kind == "key"]
            if offsets and not self.options:
                return (found[0] if found else at + offsets[0], -1, len(self.variadic.items))
        if not found:
            return (0, 0, 0)
        step = found[1] - found[0] if len(found) > 1 else 1
        return (found[0], found[-1], step)

    @property
    def moves(self) -> bool:
        """Whether the place of the keys depends on the arguments."""
        return self.counted is not None and self.variadic is not None and self.variadic.items[0].kind == "key"

    def moving_keys(self, words: int, args: Sequence[bytes]) -> list[int]:
        """The positions of the keys in `args` (with the name) when `moves`; empty when the count is not believable."""
        assert self.variadic is not None
        at = words + sum(len(p.items) for p in self.positional)
        width = len(self.variadic.items)
        try:
            count = int(args[at])
        except (IndexError, ValueError):
            return []
        last = at + count * width
        return list(range(at + 1, last + 1, width)) if count > 0 and last < len(args) else []

    def args(self) -> tuple[Arg, ...]:
        """The arguments as COMMAND DOCS and the prompt show them, unless the declaration says it better."""
        groups = {index: group for group in self.exclusive for index in group}
        options: list[Arg] = []
        for index, option in enumerate(self.options):
            group = groups.get(index, (index,))
            if len(group) == 1:
                options.append(_option_arg(option))
            elif group[0] == index:
                choices = [replace(_option_arg(self.options[i]), optional=False) for i in group]
                options.append(oneof("condition", *choices, optional=not option.required))
        positional = [_arg(p.name, p.items, optional=p.optional) for p in self.positional]
        if self.variadic is None:
            return (*positional, *options)
        needed = self.counted is not None or any(item.kind == "key" for item in self.variadic.items)
        name = self.variadic.name.removesuffix("s")
        variadic = _arg(name, self.variadic.items, optional=not needed, multiple=True)
        if self.counted:
            return (*positional, Arg(f"num{self.variadic.name}", "integer"), variadic, *options)
        return (*positional, *options, variadic)


_ARG_TYPES: Final[dict[str, ArgType]] = {"key": "key", "int": "integer", "float": "double"}


def _arg(name: str, items: Sequence[Item], *, optional: bool = False, multiple: bool = False) -> Arg:
    """One parameter as documentation: a value, a choice of tokens, or a block of several items."""
    name = name.rstrip("_").replace("_", "-")
    if len(items) > 1:
        parts = [_arg("value" if item.kind == "bytes" else item.kind, [item]) for item in items]
        return block(name, *parts, optional=optional, multiple=multiple)
    if items[0].kind == "choice":
        choices = [token(word) for word in items[0].choices]
        if len(choices) == 1:
            return replace(choices[0], optional=optional, multiple=multiple)
        return oneof(name, *choices, optional=optional, multiple=multiple)
    kind = _ARG_TYPES.get(items[0].kind, "string")
    return Arg(name, kind, optional=optional, multiple=multiple, key_spec=0 if kind == "key" else None)


def _option_arg(option: Option) -> Arg:
    if not option.items:
        return token(option.token, optional=not option.required)
    arg = _arg(option.name, option.items, optional=not option.required, multiple=option.repeated)
    return replace(arg, token=option.token, multiple_token=option.repeated)


_INJECTED: Final[dict[Any, str]] = {Database: "db", Client: "client", Server: "server"}
_PLAIN: Final[dict[Any, tuple[Literal["bytes", "str", "int", "float"], str]]] = {
    bytes: ("bytes", SYNTAX),
    str: ("str", SYNTAX),
    int: ("int", INVALID_INT),
    float: ("float", INVALID_FLOAT),
}


def compile_signature(
    name: str,
    function: Callable[..., Any],
    exclusive: Sequence[Sequence[str]] = (),
    surplus_is_arity: bool = False,
) -> Spec:
    """Compile the signature of `function`, the command `name`; a DeclarationError says what can't be understood."""
    hints = get_type_hints(function, include_extras=True)
    injected: list[str] = []
    positional: list[Positional] = []
    variadic: Positional | None = None
    counted: Counted | None = None
    options: list[Option] = []
    for parameter in inspect.signature(function).parameters.values():
        where = f"command {name}, parameter {parameter.name}"
        if parameter.name not in hints:
            raise DeclarationError(f"{where}: it needs an annotation")
        hint = hints[parameter.name]
        if (inject := _INJECTED.get(hint)) is not None:
            if positional or variadic or options:
                raise DeclarationError(f"{where}: db, client and server stand before all other parameters")
            injected.append(inject)
        elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            counted = _marker(hint, Counted)
            variadic = Positional(parameter.name, _items(where, hint))
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            options.append(_option(where, parameter, hint))
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            raise DeclarationError(f"{where}: options are declared one by one, not as **{parameter.name}")
        else:
            optional = parameter.default is not inspect.Parameter.empty
            positional.append(Positional(parameter.name, _items(where, hint), optional))
    if (variadic or options) and variadic is not None and any(p.optional for p in positional):
        raise DeclarationError(f"command {name}: a variadic can't follow an optional parameter")
    groups = tuple(_group(name, group, options) for group in exclusive)
    return Spec(
        tuple(injected), tuple(positional), variadic, counted, tuple(options), groups, surplus_is_arity
    )


def _group(name: str, group: Sequence[str], options: Sequence[Option]) -> tuple[int, ...]:
    names = [option.name for option in options]
    try:
        return tuple(names.index(member) for member in group)
    except ValueError as error:
        raise DeclarationError(f"command {name}: exclusive names an unknown option: {error}") from None


def _option(where: str, parameter: inspect.Parameter, hint: Any) -> Option:
    renamed = _marker(hint, Token)
    text = renamed.text if renamed else parameter.name.rstrip("_").upper()
    required = parameter.default is inspect.Parameter.empty
    if _marker(hint, _Mark) is _FLAG:
        return Option(parameter.name, text, ())
    inner = _bare(hint)
    if get_origin(inner) is list:
        return Option(
            parameter.name, text, _items(where, get_args(inner)[0]), repeated=True, required=required
        )
    return Option(parameter.name, text, _items(where, hint), required=required)


def _marker(hint: Any, kind: type[Any]) -> Any:
    """The first marker of that kind in Annotated[...], looked for inside of `X | None` too."""
    if get_origin(hint) is Annotated:
        for marker in hint.__metadata__:
            if isinstance(marker, kind):
                return marker
        return _marker(hint.__origin__, kind)
    if get_origin(hint) in (Union, types.UnionType):
        return next((found for arg in get_args(hint) if (found := _marker(arg, kind)) is not None), None)
    return None


def _bare(hint: Any) -> Any:
    """The type below Annotated[...] and `| None`."""
    if get_origin(hint) is Annotated:
        return _bare(hint.__origin__)
    if get_origin(hint) in (Union, types.UnionType):
        rest = [arg for arg in get_args(hint) if arg is not types.NoneType]
        return _bare(rest[0]) if len(rest) == 1 else hint
    return hint


def _items(where: str, hint: Any) -> tuple[Item, ...]:
    bare = _bare(hint)
    if get_origin(bare) is tuple:
        return tuple(_item(where, part) for part in get_args(bare))
    return (_item(where, hint),)


def _item(where: str, hint: Any) -> Item:
    bare = _bare(hint)
    error = _marker(hint, Error)
    if get_origin(bare) is Literal:
        return Item("choice", error.text if error else SYNTAX, choices=tuple(get_args(bare)))
    if bare not in _PLAIN:
        raise DeclarationError(f"{where}: {bare!r} is not a type that an argument can have")
    if _marker(hint, _Mark) is _KEY:
        return Item("key", SYNTAX)
    kind, default = _PLAIN[bare]
    bounds = _marker(hint, Range) or Range()
    text = error.text if error else default
    return Item(kind, text, low=bounds.low, high=bounds.high, range_error=bounds.error)
