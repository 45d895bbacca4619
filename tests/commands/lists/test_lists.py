"""Lists next to redis-server: shapes, events, refusals; and their encodings, which are Redis 7.2's."""

import pytest

REFUSED = [
    "LMPOP 1 k COUNT 2 LEFT",
    "LMPOP 1 k LEFT COUNT 1 COUNT 2",
    "LMPOP 1 k LEFT COUNT",
    "LMPOP 1 k LEFT COUNT 0",
    "LMPOP 1 k LEFT COUNT 0 X",
    "LMPOP 1 k LEFT RIGHT",
    "LMPOP 2 k LEFT",
    "LMPOP 9223372036854775807 k LEFT",
    "LMPOP 0 k LEFT",
    "LMPOP x k LEFT",
    "BLMPOP x 1 k NOPE",
    "BLMPOP -1 0 k LEFT",
    "BLMPOP x 1 k LEFT",
    "BLPOP k 0x",
    "BLPOP k nan",
    "BLPOP k -1",
    "LPOS k a RANK 0",
    "LPOS k a COUNT -1",
    "LPOS k a MAXLEN x",
    "LPOS k a COUNT",
    "LSET k 9 x",
    "LSET none 0 x",
    "LSET k x y",
    "LINSERT k NEAR a b",
    "LMOVE k k UP LEFT",
    "LRANGE k 0",
    "LPOP k -1",
]
SHAPES = """
RPUSH k a 1 b a; LPOP none; LPOP none 1; LPOP k 0; LPOP k 1; LMPOP 1 none LEFT; LMPOP 1 k LEFT; BLPOP none 0.01;
BLMOVE none k LEFT LEFT 0.01; BRPOPLPUSH none k 0.01; BLMPOP 0.01 1 none LEFT; LMOVE none k LEFT LEFT; LPOS k b;
LPOS k none; LPOS k none COUNT 0; LPOS none a COUNT 0; LPOS none a; LINDEX k 9; LINDEX none 0; BLPOP k 0;
LRANGE k 0 -1; LRANGE none 0 -1; RPUSH k x y z; LMPOP 2 none k RIGHT COUNT 5; LLEN k
"""
EVENTS = """
LPUSH k a b; RPUSH k c; LPUSHX k d; RPUSHX k e; LPUSHX none d; LSET k 0 z; LINSERT k BEFORE a q;
LINSERT k AFTER none q; LREM k 1 q; LREM k 0 none; LTRIM k 1 -1; LTRIM k 0 -1; LPOP k; LPOP k 0; RPOP k 1;
LMOVE k other LEFT RIGHT; LMOVE k k LEFT RIGHT; RPOPLPUSH other k; BLPOP k 0; BRPOP k 0; RPUSH k 1 2 3;
LMPOP 1 k LEFT; BLMPOP 0 1 k RIGHT COUNT 5; RPUSH k 1; BLMOVE k other LEFT LEFT 0; BRPOPLPUSH other other 0;
LMPOP 2 none other LEFT; RPUSH k 3 1 2; SORT k STORE sorted; SORT none STORE sorted; LTRIM k 5 9; RPUSH k 1;
LREM k 0 1; LPOP none; LTRIM none 0 1; BLPOP none 0.01
"""


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.split(";")]


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_refused(same, line):
    same("RPUSH k a b c")
    same(line)
    same("LRANGE k 0 -1")


def test_replies_have_redis_s_shapes(alike):
    for line in lines(SHAPES):
        alike(line)


def test_events_are_told_alike(same_events):
    same_events("KEA", lines(EVENTS))


@pytest.mark.parametrize("end", ["LEFT", "right"])
def test_lmpop_takes_from_the_first_list(same, end):
    same("RPUSH b 1 2 3")
    same(f"LMPOP 2 a b {end}")
    same(f"LMPOP 2 a b {end} COUNT 5")
    same(f"LMPOP 2 a b {end}")
    same("SET a x")
    same(f"LMPOP 2 a b {end}")


@pytest.fixture
def setting(dozo):
    """Return a function that changes list-max-listpack-size until the test ends."""
    before = dozo("CONFIG GET list-max-listpack-size")[1]
    yield lambda value: dozo("CONFIG", "SET", "list-max-listpack-size", value)
    dozo("CONFIG", "SET", "list-max-listpack-size", before)


def test_a_list_grows_out_of_a_counted_listpack_and_back_at_half(dozo, setting):
    setting(4)
    dozo("RPUSH k 1 2 3 4")
    assert dozo("OBJECT ENCODING k") == b"listpack"
    dozo("RPUSH k 5")
    assert dozo("OBJECT ENCODING k") == b"quicklist"
    dozo("RPOP k 2")
    assert dozo("OBJECT ENCODING k") == b"quicklist"
    dozo("RPOP k")
    assert dozo("LRANGE k 0 -1") == [b"1", b"2"]
    assert dozo("OBJECT ENCODING k") == b"listpack"


@pytest.mark.parametrize(("size", "limit"), [(-1, 4096), (-2, 8192), (-5, 65536)])
def test_a_list_grows_out_of_a_listpack_of_bytes(dozo, setting, size, limit):
    setting(size)
    dozo("RPUSH", "k", b"x" * (limit - 600))
    dozo("RPUSH", "k", b"y" * 500)
    assert dozo("OBJECT ENCODING k") == b"listpack"
    dozo("RPUSH", "k", b"z" * 500)
    assert dozo("OBJECT ENCODING k") == b"quicklist"
    assert [len(element) for element in dozo("LRANGE k 0 -1")] == [limit - 600, 500, 500]


@pytest.mark.parametrize("size", [1, 3, -1, -5])
def test_any_size_of_block_gives_the_same_list(same, setting, size):
    setting(size)
    same("RPUSH", "k", *range(500))
    for line in (
        "LINSERT k BEFORE 250 new",
        "LINSERT k AFTER 0 new",
        "LSET k 100 set",
        "LREM k -1 new",
        "LTRIM k 3 -3",
        "LMOVE k k LEFT RIGHT",
        "LPOS k 300",
        "LPOP k 50",
        "RPOP k 50",
        "LRANGE k 0 -1",
    ):
        same(line)
    same("LSET", "k", 7, "x" * 100_000)
    same("LPUSH", "k", "y" * 100_000)
    same("LRANGE k 0 -1")


def test_pops_leave_effects_of_what_they_took(dozo):
    dozo("RPUSH k a b c d e f")
    for line, effect in (
        ("LMPOP 2 none k LEFT COUNT 2", "LPOP k 2"),
        ("BLMPOP 0 2 none k RIGHT", "RPOP k 1"),
        ("BLPOP none k 0", "LPOP k"),
        ("BLMOVE k other LEFT RIGHT 0", "LMOVE k other LEFT RIGHT"),
        ("BRPOPLPUSH k other 0", "LMOVE k other RIGHT LEFT"),
    ):
        before = offset(dozo)
        dozo(line)
        assert offset(dozo) - before == encoded(effect), line


def offset(connection) -> int:
    """How many bytes of effects there have been."""
    found = connection("INFO replication").split(b"master_repl_offset:")[1]
    return int(found.split(b"\r\n")[0])


def encoded(line: str) -> int:
    """The length of a command in the stream of effects."""
    words = line.split()
    return len(f"*{len(words)}\r\n") + sum(len(f"${len(word)}\r\n{word}\r\n") for word in words)
