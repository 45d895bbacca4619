"""The contract that a signature means: arity, key positions, documentation, and what is refused at import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest

from dozo.commands.api import Client, Command, Counted, Database, Flag, Flags, Key, Server, Table
from dozo.commands.arguments import Arg, block, oneof, token
from dozo.commands.signature import Spec, Token, compile_signature
from dozo.errors import DeclarationError, ReplyError, SyntaxError_, WrongArity


def plain(db: Database, key: Key, start: int, end: int) -> None: ...
def optional(version: int = 5) -> None: ...
def some_keys(db: Database, *keys: Key) -> None: ...
def sections(*sections: str) -> None: ...
def pairs(*pairs: tuple[Key, bytes]) -> None: ...
def counted(*keys: Annotated[Key, Counted()], nx: Flag = False) -> None: ...
def counted_pairs(first: Key, *pairs: Annotated[tuple[Key, bytes], Counted()]) -> None: ...
def scan(cursor: int, *, match: bytes | None = None, count: int = 10) -> None: ...
def required(*, by: bytes, limit: tuple[int, int] | None = None) -> None: ...
def injected(db: Database, client: Client, server: Server) -> None: ...
def two(source: Key, target: Key) -> None: ...
def apart(source: Key, index: int, target: Key) -> None: ...
def options_first(key: Key, *pairs: tuple[float, bytes], nx: Flag = False) -> None: ...


@pytest.mark.parametrize(
    ("function", "words", "arity", "keys"),
    [
        (plain, 1, 4, (1, 1, 1)),
        (plain, 2, 5, (2, 2, 1)),
        (optional, 1, -1, (0, 0, 0)),
        (some_keys, 1, -2, (1, -1, 1)),
        (sections, 1, -1, (0, 0, 0)),
        (pairs, 1, -3, (1, -1, 2)),
        (counted, 1, -3, (0, 0, 0)),
        (counted_pairs, 1, -5, (1, 1, 1)),
        (scan, 1, -2, (0, 0, 0)),
        (required, 1, -3, (0, 0, 0)),
        (injected, 1, 1, (0, 0, 0)),
        (two, 1, 3, (1, 2, 1)),
        (apart, 1, 4, (1, 3, 2)),
        (options_first, 1, -2, (1, 1, 1)),
    ],
)
def test_arity_and_keys(
    function: Callable[..., None], words: int, arity: int, keys: tuple[int, int, int]
) -> None:
    spec = compile_signature("X", function)
    assert (spec.arity(words), spec.keys(words)) == (arity, keys)


def declared(function: Callable[..., None], name: str = "X") -> Command:
    spec = compile_signature(name, function)
    words = name.count(" ") + 1
    return Command(
        name=name,
        arity=spec.arity(words),
        keys=spec.keys(words),
        group="generic",
        summary="",
        function=function,
        spec=spec,
    )


@pytest.mark.parametrize(
    ("function", "line", "positions"),
    [
        (some_keys, b"X a b c", [1, 2, 3]),
        (pairs, b"X a 1 b 2", [1, 3]),
        (counted, b"X 2 a b NX", [2, 3]),
        (counted, b"X 3 a b", []),
        (counted, b"X x a b", []),
        (counted_pairs, b"X k 1 a 1", [3]),
        (optional, b"X", []),
    ],
)
def test_key_positions_of_a_line(function: Callable[..., None], line: bytes, positions: list[int]) -> None:
    assert declared(function).key_positions(line.split()) == positions


def test_the_documentation_of_arguments_follows_from_the_signature() -> None:
    def lcs(
        key: Key,
        mode: Literal["FAST", "SLOW"],
        ratio: float = 1.0,
        *,
        nx: Flag = False,
        xx: Flag = False,
        from_: bytes | None = None,
        get: list[bytes] | None = None,
    ) -> None: ...

    assert compile_signature("X", lcs, [("nx", "xx")]).args() == (
        Arg("key", "key", key_spec=0),
        oneof("mode", token("FAST"), token("SLOW")),
        Arg("ratio", "double", optional=True),
        oneof("condition", token("NX"), token("XX"), optional=True),
        Arg("from", token="FROM", optional=True),
        Arg("get", token="GET", optional=True, multiple=True, multiple_token=True),
    )
    assert compile_signature("X", counted_pairs).args() == (
        Arg("first", "key", key_spec=0),
        Arg("numpairs", "integer"),
        block("pair", Arg("key", "key", key_spec=0), Arg("value"), multiple=True),
    )


def unannotated(key) -> None: ...  # type: ignore[no-untyped-def]
def unknown_type(when: complex) -> None: ...
def injected_late(key: Key, db: Database) -> None: ...
def keywords(**options: int) -> None: ...
def optional_then_variadic(count: int = 1, *keys: Key) -> None: ...


@pytest.mark.parametrize(
    ("function", "exclusive", "reason"),
    [
        (unannotated, (), "command X, parameter key: it needs an annotation"),
        (unknown_type, (), "command X, parameter when: <class 'complex'> is not a type"),
        (injected_late, (), "command X, parameter db: db, client and server stand before"),
        (keywords, (), "command X, parameter options: options are declared one by one"),
        (optional_then_variadic, (), "command X: a variadic can't follow an optional parameter"),
        (scan, [("match", "max")], "command X: exclusive names an unknown option"),
    ],
)
def test_a_signature_that_cannot_be_a_command_is_refused(
    function: Callable[..., None], exclusive: Any, reason: str
) -> None:
    with pytest.raises(DeclarationError, match=reason.replace("(", r"\(")):
        compile_signature("X", function, exclusive)


def test_a_token_is_the_name_in_capitals_unless_it_is_given() -> None:
    def options(*, from_: Flag = False, to: Annotated[int, Token("BYLEX")] = 0) -> None: ...

    spec: Spec = compile_signature("X", options)
    assert [option.token for option in spec.options] == ["FROM", "BYLEX"]


def test_a_table_refuses_a_name_twice_and_a_subcommand_without_its_container() -> None:
    table = Table()
    table.add(declared(plain, "B"))
    table.add(declared(plain, "A"))
    with pytest.raises(DeclarationError, match="command A: it is already declared"):
        table.add(declared(plain, "A"))
    with pytest.raises(DeclarationError, match="declare the container C before it"):
        table.add(declared(plain, "C D"))
    table.add(declared(plain, "B X"))
    assert [command.name for command in table] == ["A", "B"]
    assert [command.full_name for command in table.everything()] == ["a", "b", "b|x"]
    assert table.find("b|x") is table.find("B X") is not None
    assert table.find("b y") is None


def test_what_a_file_of_a_user_adds_is_flagged_as_a_module() -> None:
    table = Table()
    table.loading = True
    table.add(declared(plain))
    found = table.find("x")
    assert found is not None
    assert found.flags == Flags.MODULE
    assert found.flags.names == ("module",)


def test_an_error_reply_knows_its_text_and_code() -> None:
    assert str(SyntaxError_()) == "ERR syntax error"
    assert WrongArity("GET").text == "ERR wrong number of arguments for 'get' command"
    assert ReplyError("WRONGPASS no").code == "WRONGPASS"
