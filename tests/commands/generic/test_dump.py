"""DUMP and RESTORE, among themselves and with redis-server's payloads."""

import struct

import pytest

from dozo import _kernel

VALUES = [
    b"",
    b"hello",
    b"12",
    b"-1",
    b"127",
    b"-129",
    b"40000",
    b"2147483648",
    b"0123",
    b"x" * 70,
    b"ab" * 9000,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(len(value)) + repr(value[:8]))
def test_each_reads_what_the_other_writes(dozo, original, value):
    dozo("SET", "k", value)
    original("SET", "k", value)
    assert original("RESTORE", "copy", 0, dozo("DUMP k")) == "OK"
    assert original("GET copy") == value
    assert dozo("RESTORE", "copy", 0, original("DUMP k")) == "OK"
    assert dozo("GET copy") == value


def test_payloads_are_redis_s_own_where_nothing_is_compressed(same):
    for value in VALUES[:9]:
        same("SET", "k", value)
        same("DUMP k")


def test_restore_sets_the_time_to_live(dozo):
    dozo("SET k v")
    payload = dozo("DUMP k")
    assert dozo("RESTORE", "a", 100000, payload) == "OK"
    assert 99000 < dozo("PTTL a") <= 100000
    assert dozo("RESTORE", "b", 99999999999999, payload, "ABSTTL") == "OK"
    assert dozo("PEXPIRETIME b") == 99999999999999
    assert dozo("RESTORE", "c", 1, payload, "ABSTTL") == "OK"
    assert dozo("EXISTS c") == 0
    assert dozo("RESTORE", "d", 0, payload, "IDLETIME", 1000) == "OK"
    assert 1000 <= dozo("OBJECT IDLETIME d") <= 1010
    assert dozo("RESTORE", "e", 0, payload, "FREQ", 255) == "OK"


def test_restore_refuses_as_redis_does(same):
    same("SET k v")
    payload = same("DUMP k")
    same("RESTORE", "k", 0, payload)
    same("RESTORE", "n", -1, payload)
    same("RESTORE", "n", 0, b"short")
    same("RESTORE", "n", 0, payload[:-1] + b"\0")
    same("RESTORE", "n", 0, payload, "IDLETIME", -1)
    same("RESTORE", "n", 0, payload, "FREQ", 256)
    same("RESTORE", "n", 0, payload, "FOO")
    same("RESTORE", "n", "x", payload)
    same("RESTORE", "k", 0, payload, "REPLACE")
    same("EXISTS n")


def test_restore_refuses_a_time_to_live_beyond_time(dozo):
    dozo("SET k v")
    reply = dozo("RESTORE", "n", 2**63 - 1, dozo("DUMP k"))
    assert reply == "ERR Invalid TTL value, must be >= 0"


def payload(body, version):
    summed = body + struct.pack("<H", version)
    return summed + struct.pack("<Q", _kernel.crc64(summed))


def test_fields_keep_their_times(dozo):
    body = b"\x18" + (33177117420000).to_bytes(8, "little") + b"\x02\x00\x01a\xc0\x01\x06\x01b\xc0\x02"
    assert dozo("RESTORE", "k", 0, payload(body, 12)) == "OK"
    again = dozo("DUMP k")
    assert again[:9] == body[:1] + (33177117420005).to_bytes(8, "little")
    assert dozo("RESTORE", "copy", 0, again) == "OK"
    assert dozo("DUMP copy") == again


@pytest.mark.parametrize("version", [1, 10, 11, 12, 13, 80])
def test_payloads_of_other_versions_are_read(dozo, version):
    assert dozo("RESTORE", "k", 0, payload(b"\x01\x01\x03abc", version)) == "OK"
    assert dozo("SORT k BY nosort") == [b"abc"]


@pytest.mark.parametrize("version", [0, 14, 79, 81, 999])
def test_payloads_of_unknown_versions_are_refused(dozo, version):
    reply = dozo("RESTORE", "k", 0, payload(b"\x00\x01a", version))
    assert reply == "ERR DUMP payload version or checksum are wrong"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x01",
        b"\x01\x00",
        b"\x01\x02\x01a",
        b"\x02\x02\x01a\x01a",
        b"\x05\x01\x01a\x00\x00\x00\x00\x00\x00\xf8\x7f",
        b"\x04\x01\x01a",
        b"\x07\x01",
        b"\x0b\x08\x02\x00\x00\x00\xff\xff\xff\xff",
        b"\x0f\x00",
        b"\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01a",
        b"\x00\xc3\x04\x81\x00\x00\x00\x00\x1f\xff\xff\xff\x01ab",
    ],
)
def test_malformed_payloads_are_refused_and_leave_what_is_there(same, body):
    same("SET k old")
    same("RESTORE", "k", 0, payload(body, 10), "REPLACE")
    same("GET k")


def test_restore_replaces_any_type(same):
    same("RESTORE", "l", 0, payload(b"\x01\x02\x01a\x01b", 10))
    same("SET s x")
    same("RESTORE", "s", 0, payload(b"\x01\x01\x01q", 10), "REPLACE")
    same("SORT s BY nosort")
    same("RESTORE", "l", 0, payload(b"\x00\x01z", 10), "REPLACE")
    same("GET l")
    same("RESTORE", "l", 1, payload(b"\x00\x01z", 10), "REPLACE", "ABSTTL")
    same("EXISTS l")
