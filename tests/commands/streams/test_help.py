"""XGROUP HELP and XINFO HELP, and the two commands of Redis 8.2."""

import pytest


@pytest.mark.parametrize(
    ("container", "names"),
    [
        ("XGROUP", ["CREATE", "CREATECONSUMER", "DELCONSUMER", "DESTROY", "SETID"]),
        ("XINFO", ["CONSUMERS", "GROUPS", "STREAM"]),
    ],
)
def test_help_names_every_subcommand(client, container, names):
    text = b"\n".join(client.execute_command(f"{container} HELP")).decode()
    for name in names:
        assert f"\n{name}" in text


def test_xackdel_deletes_what_it_acknowledges(client):
    for number in range(1, 4):
        client.xadd("s", {"n": number}, id=f"{number}-0")
    client.xgroup_create("s", "g", id="0")
    client.xreadgroup("g", "me", {"s": ">"})
    assert client.execute_command("XACKDEL", "s", "g", "KEEPREF", "IDS", 2, "1-0", "9-0") == [1, -1]
    assert client.xlen("s") == 2
    assert client.xpending("s", "g")["pending"] == 2


def test_xdelex_keeps_what_groups_still_wait_for(client):
    client.xadd("s", {"n": 1}, id="1-0")
    client.xgroup_create("s", "g", id="0")
    client.xreadgroup("g", "me", {"s": ">"})
    assert client.execute_command("XDELEX", "s", "ACKED", "IDS", 2, "1-0", "2-0") == [2, -1]
    assert client.execute_command("XDELEX", "s", "DELREF", "IDS", 1, "1-0") == [1]
    assert client.xpending("s", "g")["pending"] == 0
