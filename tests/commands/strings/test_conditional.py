"""DELIFEQ (Valkey 9), DELEX, DIGEST and MSETEX (Redis 8.4): redis-server 7.0 has none of them."""


def test_delifeq_deletes_only_the_value(dozo):
    dozo("SET k v")
    assert dozo("DELIFEQ k other") == 0
    assert dozo("DELIFEQ k v") == 1
    assert dozo("DELIFEQ k v") == 0
    assert dozo("EXISTS k") == 0


def test_delex_without_a_condition_deletes(dozo):
    dozo("SET k v")
    assert dozo("DELEX k") == 1
    effects = [line for line in dozo("INFO replication").splitlines() if b"offset" in line]
    assert dozo("DELEX k") == 0
    assert effects == [line for line in dozo("INFO replication").splitlines() if b"offset" in line]


def test_delex_compares_the_value(dozo):
    dozo("SET k v")
    assert dozo("DELEX k IFEQ other") == 0
    assert dozo("DELEX k IFNE v") == 0
    assert dozo("DELEX missing IFNE v") == 0
    assert dozo("DELEX k ifne other") == 1
    dozo("SET k v")
    assert dozo("DELEX k IFEQ v") == 1


def test_delex_compares_the_digest(dozo):
    dozo("SET k hello")
    digest = dozo("DIGEST k")
    assert dozo("DELEX", "k", "IFDNE", digest) == 0
    assert dozo("DELEX", "k", "IFDEQ", "0" * 16) == 0
    assert dozo("DELEX", "k", "IFDEQ", digest.upper()) == 1


def test_delex_refuses_what_it_does_not_know(dozo):
    assert dozo("DELEX k FOO v") == "ERR syntax error"
    assert dozo("DELEX k IFEQ") == "ERR syntax error"
    assert dozo("DELEX k IFEQ v w") == "ERR wrong number of arguments for 'delex' command"
    assert dozo("DELEX k IFDEQ short").startswith("ERR ")


def test_digest_is_xxh3(dozo):
    assert dozo("DIGEST missing") is None
    dozo("SET k ''")
    assert dozo("DIGEST k") == b"2d06800538d394c2"
    dozo("SET k 5")
    dozo("SET same 5")
    assert dozo("DIGEST k") == dozo("DIGEST same")


def test_msetex_sets_all_or_none(dozo):
    assert dozo("MSETEX 2 a 1 b 2 EX 100") == 1
    assert dozo("MGET a b") == [b"1", b"2"]
    assert 99 <= dozo("TTL a") <= 100
    assert dozo("MSETEX 2 a 3 c 4 NX") == 0
    assert dozo("MSETEX 2 a 3 c 4 XX") == 0
    assert dozo("EXISTS c") == 0
    assert dozo("MSETEX 2 a 3 b 4 XX KEEPTTL") == 1
    assert dozo("TTL a") > 0
    assert dozo("MSETEX 1 a 5") == 1
    assert dozo("TTL a") == -1
    assert dozo("MSETEX 1 a 5 PXAT 99999999999999") == 1
    assert dozo("PEXPIRETIME a") == 99999999999999


def test_msetex_refuses_what_does_not_fit(dozo):
    assert dozo("MSETEX 0 a 1").startswith("ERR ")
    assert dozo("MSETEX x a 1").startswith("ERR ")
    assert dozo("MSETEX 3 a 1").startswith("ERR ")
    assert dozo("MSETEX 1 a 1 NX XX") == "ERR syntax error"
    assert dozo("MSETEX 1 a 1 EX 0") == "ERR invalid expire time in 'msetex' command"
    assert dozo("COMMAND GETKEYS MSETEX 2 a 1 b 2 NX") == [b"a", b"b"]
