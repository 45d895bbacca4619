"""CLIENT and its subcommands."""

import threading
import time

import pytest


def lines(reply):
    return [dict(field.split("=", 1) for field in line.split(" ")) for line in reply.decode().splitlines()]


@pytest.mark.parametrize(
    "line",
    [
        "CLIENT",
        "CLIENT FOO",
        "CLIENT ID x",
        "CLIENT SETNAME 'a b'",
        "CLIENT SETNAME ''",
        "CLIENT SETNAME me",
        "CLIENT GETNAME",
        "CLIENT KILL ID 0",
        "CLIENT KILL ID x",
        "CLIENT KILL 1.2.3.4:5",
        "CLIENT KILL TYPE foo",
        "CLIENT KILL USER foo",
        "CLIENT KILL SKIPME x",
        "CLIENT KILL ID 99999999",
        "CLIENT KILL ID 1 FOO",
        "CLIENT KILL TYPE master",
        "CLIENT LIST TYPE foo",
        "CLIENT LIST TYPE pubsub",
        "CLIENT LIST ID x",
        "CLIENT LIST ID 99999999",
        "CLIENT LIST FOO",
        "CLIENT LIST ID",
        "CLIENT PAUSE x",
        "CLIENT PAUSE -1",
        f"CLIENT PAUSE {'9' * 5000}",
        f"CLIENT KILL ID {'9' * 5000}",
        "CLIENT PAUSE 1 FOO",
        "CLIENT UNPAUSE",
        "CLIENT NO-EVICT x",
        "CLIENT NO-EVICT on",
        "CLIENT REPLY x",
        "CLIENT REPLY ON",
        "CLIENT UNBLOCK 99999999",
        "CLIENT UNBLOCK x",
        "CLIENT UNBLOCK 1 FOO",
        "CLIENT GETREDIR",
        "CLIENT TRACKINGINFO",
    ],
)
def test_answers_as_redis_does(same, line):
    same(line)


def test_list_and_info_show_the_connection(dozo):
    number = dozo("CLIENT ID")
    dozo("CLIENT SETNAME me")
    dozo("CLIENT SETINFO LIB-NAME lib")
    dozo("CLIENT SETINFO lib-ver 1.0")
    dozo("SELECT 3")
    (own,) = lines(dozo("CLIENT INFO"))
    assert own["id"] == str(number)
    assert (own["name"], own["db"], own["lib-name"], own["lib-ver"], own["resp"]) == (
        "me",
        "3",
        "lib",
        "1.0",
        "2",
    )
    assert own["cmd"] == "client|info"
    assert own["addr"].startswith("127.0.0.1:")
    (listed,) = lines(dozo("CLIENT", "LIST", "ID", number))
    assert listed["cmd"] == "client|list"
    assert str(number) in [entry["id"] for entry in lines(dozo("CLIENT LIST TYPE normal"))]
    assert dozo("CLIENT SETINFO FOO x") == "ERR Unrecognized option 'FOO'"
    assert dozo("CLIENT SETINFO LIB-NAME 'a b'").startswith("ERR lib-name cannot contain")


def test_the_fields_of_redis_are_there(dozo, original):
    ours, theirs = lines(dozo("CLIENT INFO"))[0], lines(original("CLIENT INFO"))[0]
    assert list(theirs) == [name for name in ours if name in theirs]


def test_kill_closes_the_chosen_ones(connect):
    one, other = connect(), connect()
    number = other("CLIENT ID")
    assert one("CLIENT", "KILL", "ID", number) == 1
    with pytest.raises((EOFError, ConnectionError)):
        other("PING")
    third = connect()
    address = lines(third("CLIENT INFO"))[0]["addr"]
    assert one("CLIENT", "KILL", address) == "OK"
    with pytest.raises((EOFError, ConnectionError)):
        third("PING")
    own = one("CLIENT ID")
    assert one("CLIENT", "KILL", "ID", own) == 0
    assert one("CLIENT", "KILL", "ID", own, "SKIPME", "no") == 1
    with pytest.raises((EOFError, ConnectionError)):
        one("PING")


def test_kill_spares_the_caller_unless_told(connect):
    one, other = connect(), connect()
    assert one("CLIENT KILL TYPE normal SKIPME yes USER default LADDR 1.2.3.4:5") == 0
    laddr = lines(one("CLIENT INFO"))[0]["laddr"]
    assert one("CLIENT", "KILL", "LADDR", laddr) >= 1
    with pytest.raises((EOFError, ConnectionError)):
        other("PING")
    assert one("PING") == "PONG"


def test_pause_holds_commands_back_until_unpause(connect):
    admin, worker = connect(), connect()
    assert admin("CLIENT PAUSE 60000 WRITE") == "OK"
    assert worker("GET k") is None
    answered = threading.Event()

    def write():
        worker("SET k v")
        answered.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert not answered.wait(0.1)
    assert admin("CLIENT UNPAUSE") == "OK"
    assert answered.wait(5)
    writer.join()
    assert admin("GET k") == b"v"


def test_pause_ends_by_itself(connect):
    admin, worker = connect(), connect()
    start = time.monotonic()
    assert admin("CLIENT PAUSE 100") == "OK"
    assert worker("PING") == "PONG"
    assert 0.05 < time.monotonic() - start < 5


def test_reply_can_be_turned_off(dozo):
    dozo.send("CLIENT REPLY OFF")
    dozo.send("CLIENT REPLY SKIP")
    dozo.send("SET k v")
    dozo.send("PING")
    assert dozo("CLIENT REPLY ON") == "OK"
    assert dozo("GET k") == b"v"
    dozo.send("CLIENT REPLY SKIP")
    dozo.send("SET k w")
    assert dozo("GET k") == b"w"


def test_no_touch_leaves_the_idle_time(dozo, connect):
    reader = connect()
    dozo("SET k v")
    payload = dozo("DUMP k")
    dozo("RESTORE", "k", 0, payload, "REPLACE", "IDLETIME", 100)
    assert reader("CLIENT NO-TOUCH ON") == "OK"
    assert reader("GET k") == b"v"
    assert dozo("OBJECT IDLETIME k") >= 100
    assert reader("CLIENT NO-TOUCH OFF") == "OK"
    assert reader("GET k") == b"v"
    assert dozo("OBJECT IDLETIME k") < 100


def test_help_names_every_subcommand(dozo):
    text = "\n".join(dozo("CLIENT HELP"))
    for name in ("ID", "KILL", "LIST", "NO-TOUCH", "PAUSE", "SETINFO", "TRACKINGINFO", "UNBLOCK"):
        assert f"\n{name}" in text
