"""COMMAND and its subcommands; that they tell the same as redis-server is in tests/contract."""

import pytest


@pytest.mark.parametrize(
    "line",
    [
        "COMMAND FOO",
        "COMMAND COUNT x",
        "COMMAND DOCS nothing",
        "COMMAND LIST FILTERBY foo x",
        "COMMAND LIST FILTERBY MODULE x",
        "COMMAND LIST FILTERBY ACLCAT x",
        "COMMAND LIST FILTERBY PATTERN getr*",
        "COMMAND LIST FOO",
        "COMMAND GETKEYS",
        "COMMAND GETKEYS nothing x",
        "COMMAND GETKEYS get",
        "COMMAND GETKEYS get a",
        "COMMAND GETKEYS get a b",
        "COMMAND GETKEYS echo a",
        "COMMAND GETKEYS mset a b c d",
        "COMMAND GETKEYS memory usage foo",
        "COMMAND GETKEYS object encoding foo",
        "COMMAND GETKEYS copy a b",
        "COMMAND GETKEYSANDFLAGS mset a b c d",
        "COMMAND GETKEYSANDFLAGS copy a b",
        "COMMAND GETKEYSANDFLAGS set a get",
        "COMMAND GETKEYSANDFLAGS set a 1 get",
        "COMMAND GETKEYSANDFLAGS del a b c",
    ],
)
def test_answers_as_redis_does(same, line):
    same(line)


def test_everything_is_counted_listed_and_documented(dozo):
    names = dozo("COMMAND LIST")
    assert len(names) == dozo("COMMAND COUNT") == len(dozo("COMMAND")) == len(dozo("COMMAND INFO"))
    documents = dozo("COMMAND DOCS")
    assert documents[::2] == names


def test_info_is_a_map_in_resp3(dozo):
    dozo("HELLO 3")
    (told,) = dozo("COMMAND INFO getrange")
    assert told[0] == b"getrange"
    assert "readonly" in told[2]
    docs = dozo("COMMAND DOCS getrange")["getrange"]
    assert docs["summary"].startswith(b"Returns the bytes")
    assert [argument["name"] for argument in docs["arguments"]] == [b"key", b"start", b"end"]


def test_aclcat_and_pattern_filter(dozo):
    strings = dozo("COMMAND LIST FILTERBY ACLCAT string")
    assert b"getrange" in strings
    assert b"ttl" not in strings
    assert b"client|list" in dozo("COMMAND LIST FILTERBY PATTERN client*")


def test_help_names_every_subcommand(dozo):
    text = "\n".join(dozo("COMMAND HELP"))
    for name in ("COUNT", "DOCS", "GETKEYS", "GETKEYSANDFLAGS", "INFO", "LIST", "HELP"):
        assert f"\n{name}" in text
