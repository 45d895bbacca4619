"""SORT and SORT_RO, beside redis-server."""

import pytest


@pytest.fixture
def make(dozo, original):
    """Return a function that runs a command on redis-server and gives dozo what it made."""

    def run(line, *rest):
        command = (*line.split(" "), *rest)
        original(*command)
        assert dozo("RESTORE", command[1], 0, original("DUMP", command[1]), "REPLACE") == "OK"

    return run


@pytest.fixture
def filled(same, make):
    make("RPUSH l 3 10 2 -1 2.5")
    make("RPUSH words pear Apple fig 10 9")
    make("SADD s 3 1 2 10")
    make("ZADD z 3 a 1 b 2 c")
    for number, weight in (("3", "1"), ("10", "0"), ("2", "30"), ("-1", "4")):
        make(f"SET w{number} {weight}")
        make(f"HSET h{number} f field{number} w {weight}")
    make("SET plain x")
    return same


LINES = """
SORT l|SORT l DESC|SORT l ASC|SORT l DESC ASC|SORT l ALPHA|SORT l ALPHA DESC|SORT words ALPHA|SORT words
SORT words DESC ALPHA|SORT s|SORT s DESC|SORT z ALPHA|SORT z|SORT z BY w|SORT z BY nosort DESC
SORT l BY nosort|SORT l BY nosort DESC
SORT z BY x LIMIT 1 1|SORT z BY x DESC LIMIT 1 5|SORT l BY x LIMIT 1 2|SORT l BY x DESC LIMIT 1 2
SORT l LIMIT 0 2|SORT l LIMIT 1 -1|SORT l LIMIT -3 2|SORT l LIMIT 9 2|SORT l LIMIT 0 0|SORT l LIMIT 2 99
SORT l LIMIT 9223372036854775807 9223372036854775807|SORT l LIMIT 0|SORT l LIMIT a 1|SORT l LIMIT 1 1.5
SORT l BY w*|SORT l BY w* DESC|SORT l BY w* ALPHA|SORT l BY h*->w|SORT l BY h*->w DESC|SORT l BY h*->none|SORT l BY h*
SORT l GET w*|SORT l GET #|SORT l GET # GET w* GET h*->f|SORT l GET h*->none|SORT l GET nothing|SORT l GET *
SORT l GET h*->|SORT l GET w*->f|SORT l GET h*|SORT l BY w* GET h*->f LIMIT 0 3|SORT l GET #x
SORT l BY|SORT l GET|SORT l STORE|SORT l NOPE|SORT l ALPHA NOPE|SORT l desc alpha|SORT none|SORT none BY w* GET #
SORT plain|SORT h3|SORT_RO l|SORT_RO l DESC GET w*|SORT_RO l STORE d|SORT_RO plain|SORT|SORT_RO
SORT l STORE d|SORT d BY nosort|TYPE d
SORT l BY w* GET h*->none GET # STORE d|SORT d BY nosort|SORT none STORE d|EXISTS d
SORT s BY nosort STORE d|SORT d BY nosort|SORT s BY nosort DESC STORE d|SORT d BY nosort|SORT l STORE l|SORT l BY nosort
SORT words STORE d|SORT d BY nosort|SORT l STORE a STORE b|EXISTS a b|SORT l STORE plain|TYPE plain
SORT l LIMIT 7 2 STORE d|EXISTS d|COMMAND GETKEYS SORT l BY w* STORE d|COMMAND GETKEYS SORT_RO l
"""


def test_every_form_answers_as_redis_does(filled):
    for line in LINES.strip().splitlines():
        for words in line.split("|"):
            filled(*words.split(" "))


@pytest.mark.parametrize(
    "text", ["", "+1", ".5", "5.", "1e3", "inf", "-inf", "nan", "1e400", "1e-400", " 1", "1 ", "x", "--1"]
)
def test_numbers_are_those_of_c(same, make, text):
    make("RPUSH l 1", text)
    same("SORT", "l")


def test_the_order_of_ties_is_that_of_the_elements(same, make):
    make("RPUSH l b a d c")
    make("SET wa 1")
    same("SORT l BY w*")
    same("SORT l BY w* DESC")
