"""GEOADD, GEODIST, GEOHASH, GEOPOS, GEOSEARCH, GEOSEARCHSTORE, GEORADIUS, GEORADIUSBYMEMBER and their _RO forms."""

import random

import pytest


@pytest.fixture
def places(dozo, original):
    """Put the same thousand places into both servers."""
    rng = random.Random(7)
    words = []
    for number in range(1000):
        words += (f"{rng.uniform(-180, 180):.6f}", f"{rng.uniform(-85, 85):.6f}", f"place:{number}")
    for server in (dozo, original):
        assert server("GEOADD", "map", *words) == 1000


def test_places_are_told_with_redis_digits(same, places):
    for number in range(0, 1000, 50):
        same(f"GEOPOS map place:{number} nowhere")
        same(f"GEOHASH map place:{number} nowhere")
        for unit in ("", "m", "km", "ft", "mi", "yd"):
            same(f"GEODIST map place:{number} place:{number + 1} {unit}")


@pytest.mark.parametrize("radius", [0, 10, 300, 2000, 7000, 25000])
def test_searches_find_the_same_in_the_same_order(same, places, radius):
    for at in ("0 0", "179.9 10", "-179.9 -60", "13 84", "100 -84.9", "-70 67"):
        same(f"GEOSEARCH map FROMLONLAT {at} BYRADIUS {radius} km WITHDIST WITHCOORD WITHHASH")
        same(f"GEOSEARCH map FROMLONLAT {at} BYBOX {radius} {radius} km ASC WITHDIST")
        same(f"GEORADIUS map {at} {radius} km DESC COUNT 5")
        same(f"GEORADIUS_RO map {at} {radius} km ASC COUNT 5")
    same(f"GEORADIUSBYMEMBER map place:3 {radius} mi WITHDIST ASC")
    same(f"GEORADIUSBYMEMBER_RO map place:3 {radius} mi WITHDIST ASC")


def test_what_is_found_can_be_stored(same, places):
    for line in (
        "GEOSEARCHSTORE near map FROMMEMBER place:1 BYRADIUS 2000 km",
        "ZRANGE near 0 -1 WITHSCORES",
        "GEOSEARCHSTORE near map FROMMEMBER place:1 BYBOX 4000 2000 km STOREDIST",
        "ZRANGE near 0 -1 WITHSCORES",
        "GEORADIUS map 10 10 1000 km STORE near",
        "ZCARD near",
        "GEOSEARCHSTORE near missing FROMLONLAT 1 1 BYRADIUS 1 km",
        "EXISTS near",
    ):
        same(line)


def test_geoadd_has_the_conditions_of_zadd(same):
    for line in (
        "GEOADD k 1 1 a 2 2 b",
        "GEOADD k NX 3 3 a 4 4 c",
        "GEOADD k XX CH 3 3 a 5 5 d",
        "GEOADD k NX XX 1 1 a",
        "GEOADD k 181 1 a",
        "GEOADD k 1 86 a",
        "GEOADD k x 1 a",
        "GEOPOS k a b c d",
        "SET s x",
        "GEOADD s 1 1 a",
        "GEOSEARCH s FROMLONLAT 1 1 BYRADIUS 1 m",
    ):
        same(line)
