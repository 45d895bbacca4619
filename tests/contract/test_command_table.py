"""COMMAND tells the same as redis-server's for every name that both know."""

import re
from pathlib import Path

import pytest
import redis

from dozo.commands.api import load_families

GROUPS = {
    "string",
    "list",
    "set",
    "sorted-set",
    "hash",
    "stream",
    "bitmap",
    "hyperloglog",
    "geo",
    "generic",
    "pubsub",
    "transactions",
    "scripting",
    "connection",
    "server",
    "id",
}
NAMES = ("arity", "flags", "first key", "last key", "step", "categories", "tips", "key specifications")
# Commands and options that dozo has from Valkey and later versions of Redis, or of its own.
ADDED = {
    "item.commit",
    "item.del",
    "item.get",
    "item.range",
    "item.set",
    "item.stat",
    "item.write",
    "hexpire",
    "hpexpire",
    "hexpireat",
    "hpexpireat",
    "httl",
    "hpttl",
    "hexpiretime",
    "hpexpiretime",
    "hpersist",
    "hgetex",
    "hsetex",
    "hgetdel",
    "client|no-touch",
    "client|setinfo",
    "delex",
    "delifeq",
    "digest",
    "dozo.item",
    "id.decode",
    "id.info",
    "id.next",
    "msetex",
    "xackdel",
    "xdelex",
}
LONGER_ARGUMENTS = {
    # IFEQ of Valkey 8.1.
    "set",
    # KEEPREF, DELREF and ACKED of Redis 8.2.
    "xadd",
    "xtrim",
    # Redis documents these by blocks of its own shape, or not at all.
    "client|kill",
    "client|list",
    "command|getkeys",
    "command|getkeysandflags",
    "config|get",
}


def plain(reply):
    """Texts instead of bytes, sorted lists instead of sets and of what has no order."""
    if isinstance(reply, bytes):
        return reply.decode()
    if isinstance(reply, (set, frozenset)):
        return sorted(plain(item) for item in reply)
    if isinstance(reply, dict):
        return {plain(key): plain(value) for key, value in reply.items()}
    return [plain(item) for item in reply] if isinstance(reply, list) else reply


def ask(port, *command):
    with redis.Redis(port=port, protocol=3) as client:
        client.response_callbacks.clear()
        return plain(client.execute_command(*command))


def by_name(entries):
    """Every entry of COMMAND, subcommands among them."""
    found = {}
    for entry in entries:
        found[entry[0]] = entry
        found |= by_name(entry[9])
    return found


@pytest.fixture(scope="module")
def tables(shared_server, shared_redis):
    return [by_name(ask(peer.port, "COMMAND")) for peer in (shared_server, shared_redis)]


@pytest.fixture(scope="module")
def documents(shared_server, shared_redis):
    found = []
    for peer in (shared_server, shared_redis):
        documents = ask(peer.port, "COMMAND", "DOCS")
        for document in list(documents.values()):
            documents |= document.get("subcommands", {})
        found.append(documents)
    return found


def comparable(entry):
    """An entry by the names of its fields; notes are in everybody's own words."""
    fields = dict(zip(NAMES, entry[1:9], strict=True))
    fields["flags"], fields["categories"] = sorted(entry[2]), sorted(entry[6])
    fields["tips"] = sorted(entry[7])
    fields["key specifications"] = [
        {name: sorted(value) if name == "flags" else value for name, value in spec.items() if name != "notes"}
        for spec in entry[8]
    ]
    return fields


def test_every_shared_command_is_described_alike(tables):
    ours, theirs = tables
    shared = set(ours) & set(theirs)
    assert len(shared) > 90
    different = {
        name: (comparable(ours[name]), comparable(theirs[name]))
        for name in shared
        if comparable(ours[name]) != comparable(theirs[name])
    }
    assert different == {}


def test_what_one_alone_knows_is_known(tables, documents):
    ours, theirs = tables
    assert set(ours) - set(theirs) == ADDED
    missing = (Path(__file__).parents[2] / "docs/reference/missing.md").read_text("utf-8")
    told = {
        name.lower().replace(" ", "|") for name in re.findall(r"^\| `([A-Z _-]+)` \|", missing, re.MULTILINE)
    }
    unknown = {name for name in set(theirs) - set(ours) if documents[1][name]["group"] in GROUPS}
    assert {name for name in unknown if name not in told and name.split("|")[0] not in told} == set()


def shape(arguments):
    """The tree of arguments without its names."""
    return [
        (arg["type"], arg.get("token"), sorted(arg.get("flags", [])), shape(arg.get("arguments", [])))
        for arg in arguments
    ]


def test_every_shared_command_is_documented_alike(documents):
    ours, theirs = documents
    for name in set(ours) & set(theirs):
        mine, original = ours[name], theirs[name]
        for field in ("since", "group", "deprecated_since", "doc_flags"):
            assert mine.get(field) == original.get(field), (name, field)
        if name not in LONGER_ARGUMENTS:
            assert shape(mine.get("arguments", [])) == shape(original.get("arguments", [])), name


def test_summaries_are_our_own(documents):
    ours, theirs = documents
    assert [
        name for name in ours if name in theirs and ours[name]["summary"] == theirs[name]["summary"]
    ] == []


def test_the_wire_tells_what_is_declared(tables):
    ours, _ = tables
    assert set(ours) == {declared.full_name for declared in load_families().everything()}
