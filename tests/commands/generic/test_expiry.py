"""Times to live: setting, telling, dropping."""

import pytest
from tests.waiting import until

FAR = 99999999999


@pytest.mark.parametrize(
    "lines",
    [
        [
            "EXPIRE k 100",
            "SET k v",
            "TTL k",
            "PTTL k",
            "EXPIRE k 100",
            "TTL k",
            "PERSIST k",
            "PERSIST k",
            "TTL k",
        ],
        ["TTL missing", "PTTL missing", "EXPIRETIME missing", "PEXPIRETIME missing", "PERSIST missing"],
        [
            "SET k v",
            f"EXPIREAT k {FAR}",
            "EXPIRETIME k",
            "PEXPIRETIME k",
            f"PEXPIREAT k {FAR}499",
            "EXPIRETIME k",
        ],
        [
            "SET k v",
            "PEXPIRE k 100000",
            "TTL k",
            "EXPIRE k -1",
            "EXISTS k",
            "SET k v",
            "EXPIREAT k 1",
            "EXISTS k",
        ],
        ["SET k v", "PEXPIREAT k 1", "EXISTS k", "SET k v", "PEXPIRE k 0", "EXISTS k"],
        [
            "SET k v",
            "EXPIRE k 100 XX",
            "EXPIRE k 100 NX",
            "EXPIRE k 200 NX",
            "EXPIRE k 50 GT",
            "EXPIRE k 200 GT",
        ],
        [
            "SET k v",
            "EXPIRE k 100 GT",
            "EXPIRE k 100 LT",
            "EXPIRE k 200 LT",
            "EXPIRE k 50 LT",
            "EXPIRE k 10 XX LT",
            "TTL k",
        ],
        [
            "SET k v",
            "EXPIRE k 1 NX XX",
            "EXPIRE k 1 GT LT",
            "EXPIRE k 1 NX GT",
            "EXPIRE k 1 FOO",
            "EXPIRE k x",
        ],
        [
            "SET k v",
            "EXPIRE k 9223372036854775807",
            "PEXPIRE k 9223372036854775807",
            "EXPIREAT k 9223372036854775807",
        ],
        [
            "SET k v",
            "EXPIREAT k 1 NX XX",
            "PEXPIREAT k 1 GT LT",
            "EXPIREAT k 1 FOO",
            "PEXPIREAT k x",
            "EXPIREAT k",
        ],
    ],
)
def test_answers_as_redis_does(same, lines):
    for line in lines:
        same(line)


def test_a_key_ends(dozo):
    dozo("SET k v PX 30")
    assert dozo("PTTL k") <= 30
    until("it ends", lambda: not dozo("EXISTS k"))
    assert dozo("PTTL k") == -2


def test_expired_keys_are_found_without_being_asked_for(dozo):
    for n in range(50):
        dozo("SET", f"k{n}", "v", "PX", "1")
    until("they leave", lambda: not dozo("DBSIZE"))
