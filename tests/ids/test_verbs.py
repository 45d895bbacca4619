"""`dozo id serve|next|decode`."""

from __future__ import annotations

import json

import pytest

from dozo.config import load
from dozo.ids.layout import decode


def test_decode(dozo_id):
    told = dozo_id("decode", 354101311794212865, 0)
    assert told.returncode == 0
    assert told.stdout.splitlines() == [
        '{"time":"2017-09-04T03:12:11.615Z","worker_id":999,"sequence":1}',
        '{"time":"2015-01-01T00:00:00.000Z","worker_id":0,"sequence":0}',
    ]


def test_decode_complains_of_what_is_no_id(dozo_id):
    told = dozo_id("decode", "x", 189608758458974208, 2**64)
    assert told.returncode == 1
    assert json.loads(told.stdout)["time"] == "2016-06-07T05:17:30.777Z"
    assert told.stderr.splitlines() == [
        "dozo: x: an ID is written in at most 20 digits",
        f"dozo: {2**64}: an ID is an unsigned number of 64 bits",
    ]


def test_decode_nothing(dozo_id):
    told = dozo_id("decode")
    assert (told.returncode, told.stdout, told.stderr) == (1, "", "dozo: no id\n")


def test_next(dozo_id):
    numbers = [*map(int, dozo_id("next", "-n", 5000, "--worker-id", 9).stdout.split())]
    numbers += map(int, dozo_id("next", "--worker-id", 9).stdout.split())
    assert len(numbers) == 5001
    assert numbers == sorted(set(numbers))
    assert {decode(number).worker_id for number in numbers} == {9}


def test_next_without_a_worker_id_is_worker_0(dozo_id):
    [number] = map(int, dozo_id("next").stdout.split())
    assert decode(number).worker_id == 0
    assert dozo_id("next", "-n", 0).stdout == ""


def test_katsubushis_defaults():
    settings = load().id
    assert not settings.is_on
    assert (settings.id_port, settings.id_idle_timeout) == (11212, 600)
    assert (settings.min_worker_id, settings.max_worker_id) == (1, 1023)
    assert (settings.id_lease_ttl, settings.id_lease_heartbeat) == (600_000, 1000)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["next", "-n", "-1"], "-n can't be negative"),
        (["next", "--worker-id", "1024"], "worker-id: argument must be between -1 and 1023 inclusive"),
        (["next", "--id-lease", "redis://127.0.0.1:1"], "Connection refused"),
        (["serve"], "an ID server needs --worker-id, or --id-lease to get one from"),
        (
            ["serve", "--worker-id", "1", "--id-lease", "redis://h"],
            "worker-id and id-lease exclude each other",
        ),
        (["serve", "--id-lease", "http://h"], "'http://h' is neither redis://HOST:PORT nor etcd://HOST:PORT"),
        (["serve", "--id-lease", "redis://h:x"], "id-lease: "),
        (["serve", "--id-lease", "etcd://h:x"], "id-lease: "),
        (["serve", "--id-lease", "redis://127.0.0.1:1"], "Connection refused"),
        (
            ["serve", "--id-lease", "redis://h", "--min-worker-id", "5", "--max-worker-id", "4"],
            "min-worker-id is greater than max-worker-id",
        ),
        (
            ["serve", "--id-lease", "redis://h", "--id-lease-ttl", "2000"],
            "id-lease-ttl must be at least 3 times id-lease-heartbeat",
        ),
        (["serve", "--worker-id", "1", "--bind", "0.0.0.0"], "is open to other machines"),
    ],
)
def test_complaints(dozo_id, words, complaint):
    told = dozo_id(*words)
    assert told.returncode == 1
    assert complaint in told.stderr.splitlines()[-1]
